"""From the outbox to the queue: nothing lost, nothing done twice."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import dramatiq
import pytest
import redis
from dramatiq.brokers.redis import RedisBroker

from domain.infra import clock, jobs
from domain.infra.clock import machine_now
from domain.infra.database import Database, connection_of
from domain.infra.jobs import Message, Queue
from domain.infra.outbox import Request, ask
from domain.infra.settings import Settings
from tests.small_league import make_league
from tests.workers.conftest import Starter, until
from workers.broker import NAMESPACE, ids_in_queues, open_broker, send
from workers.relay import relay, send_lost


async def _ask(database: Database, *requests: Request) -> None:
    async with database.transaction() as session:
        await ask(await connection_of(session), requests)


def _messages(broker: RedisBroker, queue: Queue = Queue.DEFAULT) -> list[dramatiq.Message[object]]:
    """Take what waits in a queue."""
    found = broker.do_fetch(str(queue), 1000)
    return [dramatiq.Message.decode(body) for body in found]


async def test_a_row_becomes_one_message_under_its_own_id(database: Database, broker: RedisBroker) -> None:
    await _ask(database, Request("nap", {"seconds": 0.5}), Request("run_model", {"model_key": "x"}))
    assert await relay(database, broker) == 2
    assert await relay(database, broker) == 0
    (nap,) = _messages(broker)
    (run,) = _messages(broker, Queue.MODELS)
    assert (nap.actor_name, nap.kwargs) == ("nap", {"seconds": 0.5})
    assert (run.actor_name, run.kwargs) == ("run_model", {"model_key": "x"})
    rows = await database.pool.fetch("select id, status, arguments from job order by id")
    assert [(row["id"], row["status"]) for row in rows] == [(nap.message_id, "QUEUED"), (run.message_id, "QUEUED")]
    assert await database.pool.fetchval("select count(*) from outbox where sent_at is null") == 0


async def test_what_is_not_due_waits_unless_the_clock_stands(database: Database, broker: RedisBroker) -> None:
    await _ask(database, Request("nap", {}, delay=timedelta(minutes=5)))
    assert await relay(database, broker) == 0
    assert await relay(database, broker, early=True) == 1


async def test_many_relays_at_once_send_each_row_once(database: Database, settings: Settings) -> None:
    await _ask(database, *(Request("nap", {"seconds": number}) for number in range(300)))
    brokers = [open_broker(settings.redis_url) for _ in range(4)]
    counts = await asyncio.gather(*(relay(database, broker) for broker in brokers))
    assert sum(counts) == 300
    sent = _messages(brokers[0])
    assert sorted(message.kwargs["seconds"] for message in sent) == list(range(300))


async def test_a_relay_that_dies_after_sending_sends_the_same_id_again(
    database: Database, broker: RedisBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _ask(database, Request("nap", {}))

    async def dies(*arguments: object) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as patched:
        patched.setattr("workers.relay._mark_sent", dies)
        with pytest.raises(ConnectionResetError):
            await relay(database, broker)
    assert await relay(database, broker) == 1
    first, second = _messages(broker)
    assert first.message_id == second.message_id


async def test_a_message_sent_many_times_has_one_effect(
    database: Database, broker: RedisBroker, start: Starter
) -> None:
    league = await make_league(database)
    match_id = league.coming[0]
    await _ask(database, Request("price_value", {"match_id": match_id}))
    await relay(database, broker)
    outbox_id = await database.pool.fetchval("select id from outbox")
    send(broker, [Message(f"outbox-{outbox_id}", "price_value", {"match_id": match_id})] * 5)
    start("worker")

    async def is_idle() -> bool:
        return not ids_in_queues(broker.client)

    await until(is_idle)
    assert await database.pool.fetchval("select status from job") == "DONE"
    assert await database.pool.fetchval("select value_revision from match_outlook") == 1


async def test_a_request_whose_transaction_fails_is_never_sent(database: Database, broker: RedisBroker) -> None:
    async def fails() -> None:
        async with database.transaction() as session:
            await ask(await connection_of(session), [Request("nap", {})])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    assert await relay(database, broker) == 0


async def test_what_redis_lost_is_sent_again_under_its_old_id(database: Database, broker: RedisBroker) -> None:
    await _ask(database, Request("nap", {"seconds": 1}), Request("nap", {"seconds": 2}))
    await relay(database, broker)
    await database.pool.execute("update job set queued_at = $1", machine_now() - timedelta(minutes=1))
    assert await send_lost(database, broker) == 0  # Redis still holds them
    before = ids_in_queues(broker.client)
    broker.client.flushall()
    assert await send_lost(database, broker) == 2
    assert ids_in_queues(broker.client) == before
    assert await send_lost(database, broker) == 0


async def test_what_is_given_up_meanwhile_is_not_sent_again(
    database: Database, broker: RedisBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _ask(database, Request("nap", {"seconds": 1}), Request("nap", {"seconds": 2}))
    await relay(database, broker)
    await database.pool.execute("update job set queued_at = $1", machine_now() - timedelta(minutes=1))
    broker.client.flushall()
    first, second = await jobs.stalled(database.pool, before=machine_now())
    loop = asyncio.get_running_loop()

    def look(client: redis.Redis) -> set[str]:
        """In Redis, while a worker gives the first one up."""
        given_up = jobs.note_failure(database.pool, first.id, "broken", dead=True)
        asyncio.run_coroutine_threadsafe(given_up, loop).result(10)
        return ids_in_queues(client)

    monkeypatch.setattr("workers.relay.ids_in_queues", look)
    assert await send_lost(database, broker) == 1
    assert ids_in_queues(broker.client) == {second.id}
    assert await jobs.dead_letters(database.pool) == [first]


@pytest.mark.parametrize(("hours", "sent"), [(0, 0), (2, 1)])
async def test_what_a_wrong_clock_put_off_for_hours_is_sent_again(
    database: Database, broker: RedisBroker, hours: int, sent: int
) -> None:
    await _ask(database, Request("nap", {}))
    await relay(database, broker)
    (message,) = _messages(broker)
    broker.do_ack(str(Queue.DEFAULT), message.options["redis_message_id"])
    broker.enqueue(
        message, delay=10_000 + hours * 3_600_000
    )  # a retry, ten seconds after what the machine took for now
    await database.pool.execute("update job set queued_at = $1", machine_now() - timedelta(minutes=1))
    assert await send_lost(database, broker) == sent
    assert [each.message_id for each in _messages(broker)] == [message.message_id] * sent


async def test_heartbeats_are_of_the_time_of_the_database(
    database: Database, broker: RedisBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "_correction", clock._Correction(timedelta(hours=-2)))  # this machine is two hours ahead
    await _ask(database, Request("nap", {}))
    await relay(database, broker)
    heard = broker.client.zscore(f"{NAMESPACE}:__heartbeats__", broker.broker_id)
    assert abs(float(str(heard)) / 1000 - machine_now().timestamp()) < 60


async def test_what_is_done_or_fresh_is_not_looked_for(database: Database, broker: RedisBroker) -> None:
    await _ask(database, Request("nap", {}), Request("nap", {}))
    await relay(database, broker)
    await database.pool.execute(
        "update job set status = 'DONE', queued_at = now() - interval '1 hour' where id = $1",
        await database.pool.fetchval("select min(id) from job"),
    )
    broker.client.flushall()
    assert await send_lost(database, broker) == 0
