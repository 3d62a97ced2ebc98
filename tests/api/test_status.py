"""What the deployment says of its own freshness."""

from __future__ import annotations

from datetime import timedelta

from domain.infra.clock import machine_now, set_clock
from tests.api.client import Client
from tests.factories import NOW, Factory, hours

STATUS = """{ status { level version at clock { now speed isReplay } oddsPosition schemaRevision schemaDigest
  servers { name version } sources { key kind level lastSuccessAt nextEventAt lagSeconds }
  queues { name depth oldestSeconds runningCount doneLastHour deadLastHour deadCount } } }"""


async def test_a_fresh_deployment(client: Client, factory: Factory) -> None:
    await factory.db.execute("insert into feed values ('simulator', 'simulator', '{}', $1, $2)", NOW, hours(1))
    shown = (await client.data(STATUS))["status"]
    assert shown["level"] == "OK"
    assert shown["version"] == "0.1.0"
    assert shown["at"] == shown["clock"]["now"] == "2026-03-14T12:00:00Z"
    assert shown["clock"]["isReplay"] is True
    assert shown["oddsPosition"] == 0
    assert shown["schemaRevision"] >= "0001"
    assert len(shown["schemaDigest"]) == 64
    assert [server["name"] for server in shown["servers"]] == ["postgresql", "redis"]
    assert all(server["version"] for server in shown["servers"])
    assert shown["sources"] == [
        {
            "key": "simulator",
            "kind": "FEED",
            "level": "OK",
            "lastSuccessAt": "2026-03-14T12:00:00Z",
            "nextEventAt": "2026-03-14T13:00:00Z",
            "lagSeconds": 0.0,
        }
    ]
    assert [queue["name"] for queue in shown["queues"]] == [
        "feeds",
        "default",
        "models",
        "outside",
        "outside_value",
        "mail",
    ]
    assert all(queue["depth"] == 0 for queue in shown["queues"])


async def test_a_late_feed_and_waiting_jobs_are_seen(client: Client, factory: Factory) -> None:
    await factory.db.execute("insert into feed values ('files', 'files', '{}', $1, $2)", NOW, hours(-1))
    machine = machine_now()
    await factory.db.executemany(
        """insert into job (id, name, arguments, status, attempts, queued_at, finished_at)
           values ($1, $2, '{}', $3, 1, $4, $5)""",
        [
            ("1", "run_model", "QUEUED", machine - timedelta(seconds=90), None),
            ("2", "run_model", "RUNNING", machine, None),
            ("3", "price_value", "DEAD", machine, machine),
            ("4", "price_value", "DEAD", machine, machine - timedelta(hours=2)),
            ("5", "tick_feed", "DONE", machine, machine),
            ("6", "tick_feed", "DONE", machine, machine - timedelta(hours=2)),
        ],
    )
    await factory.db.execute(
        """insert into outbox (job, arguments, due_at, created_at)
           values ('price_value', '{}', $1, $1), ('price_value', '{}', $1 + interval '1 hour', $1)""",
        machine - timedelta(seconds=5),
    )
    shown = (await client.data(STATUS))["status"]
    assert shown["level"] == "DOWN"
    assert shown["sources"][0]["lagSeconds"] == 3600
    queues = {queue["name"]: queue for queue in shown["queues"]}
    assert (queues["models"]["depth"], queues["models"]["runningCount"]) == (1, 1)
    assert 90 <= queues["models"]["oldestSeconds"] < 100
    assert (queues["default"]["depth"], queues["default"]["deadLastHour"], queues["default"]["deadCount"]) == (1, 1, 2)
    assert queues["feeds"]["doneLastHour"] == 1


async def test_a_live_deployment_is_no_replay(client: Client, factory: Factory) -> None:
    await set_clock(factory.db, match=machine_now(), speed=1)
    clock = (await client.data(STATUS))["status"]["clock"]
    assert clock["speed"] == 1
    assert clock["isReplay"] is False


async def test_a_dead_letter_degrades(client: Client, factory: Factory) -> None:
    await factory.db.execute(
        """insert into job (id, name, arguments, status, attempts, queued_at, finished_at)
           values ('1', 'x', '{}', 'DEAD', 1, $1, $1)""",
        machine_now(),
    )
    assert (await client.data(STATUS))["status"]["level"] == "DEGRADED"
