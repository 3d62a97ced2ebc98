"""`/metrics`: what a process counts, what is said of the deployment, and that nobody's words become a label."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest
from httpx import Response
from prometheus_client.parser import text_string_to_metric_families

from api.edge.meters import OWN, own_names
from api.edge.metrics import DEPLOYMENT, Deployment
from api.nodes import global_id
from api.rows import Rows
from domain.infra.bus import Bus
from domain.infra.clock import machine_now
from domain.infra.database import Database, connection_of
from domain.infra.jobs import Message, note_queued
from domain.infra.outbox import Request, ask
from domain.infra.settings import Settings
from tests.api.client import Client, serving
from tests.factories import Factory
from tests.odds_world import make_world
from tests.serving import serving as served
from tests.serving import socket

Sample = tuple[str, frozenset[tuple[str, str]]]


async def _page(client: Client) -> dict[Sample, float]:
    response = await client.http.get("/metrics")
    assert response.status_code == 200, response.text
    return _samples(response)


def _samples(response: Response) -> dict[Sample, float]:
    families = text_string_to_metric_families(response.text)
    return {(each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples}


def _of(page: Mapping[Sample, float], name: str, **labels: str) -> float:
    return page.get((name, frozenset(labels.items())), 0.0)


async def test_every_metric_has_a_name_in_the_lists(client: Client) -> None:
    response = await client.http.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    described = {line.split()[2] for line in response.text.splitlines() if line.startswith("# HELP touchline_")}
    created = {name for name in described if name.endswith("_created")}
    assert described - created == {*own_names(), *DEPLOYMENT}


async def test_operations_are_counted_by_kind_and_outcome(client: Client) -> None:
    before = await _page(client)
    await client.ask("{ countries { name } }")
    await client.ask("query { countries { name } status { version } }")
    await client.http.post("/graphql", json={"query": "{ noSuchField }"})
    await client.http.post("/graphql", json={"query": "{ unclosed"})
    await client.ask('mutation { login(input: {email: "x", password: "y"}) { errors { __typename } } }')
    after = await _page(client)

    def grown(name: str, **labels: str) -> float:
        return _of(after, name, **labels) - _of(before, name, **labels)

    assert grown("touchline_operations_total", kind="query", outcome="OK") == 2
    assert grown("touchline_operations_total", kind="query", outcome="GRAPHQL_VALIDATION_FAILED") == 1
    assert grown("touchline_operations_total", kind="unknown", outcome="GRAPHQL_PARSE_FAILED") == 1
    assert grown("touchline_operations_total", kind="mutation", outcome="OK") == 1
    assert grown("touchline_operation_seconds_count", kind="query") == 3
    assert grown("touchline_refusals_total", code="GRAPHQL_VALIDATION_FAILED") == 1
    assert grown("touchline_refusals_total", code="GRAPHQL_PARSE_FAILED") == 1
    posted = sum(
        grown("touchline_http_requests_total", address="/graphql", status=status) for status in ("200", "400", "422")
    )
    assert posted == 5
    assert grown("touchline_http_request_seconds_count", address="/graphql") == 5


async def test_costs_are_counted(client: Client) -> None:
    before = await _page(client)
    await client.ask("{ countries { name } }")
    after = await _page(client)
    for name in ("touchline_operation_cost_points_count", "touchline_operation_cost_points_sum"):
        assert _of(after, name, kind="query") >= _of(before, name, kind="query") + 1


async def test_no_word_of_a_stranger_is_a_label(client: Client) -> None:
    await client.http.get("/wp-admin.php", params={"password": "swordfish"})
    await client.http.get("/files/swordfish?expires=1&signature=swordfish")
    await client.http.post("/graphql", json={"query": "query swordfish { countries { name } }"})
    await client.http.post("/graphql", json={"query": "{ swordfish }", "operationName": "swordfish"})
    page = (await client.http.get("/metrics")).text
    assert "swordfish" not in page
    assert "wp-admin" not in page
    assert 'address="/files/{job}"' in page
    assert 'address="other"' in page


async def test_what_nobody_expected_is_counted(client: Client, database: Database) -> None:
    before = OWN.get_sample_value("touchline_masked_errors_total")
    await database.pool.execute("alter table country rename to gone")
    answer = await client.http.post("/graphql", json={"query": "{ countries { name } }"})
    assert answer.json()["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert OWN.get_sample_value("touchline_masked_errors_total") == (before or 0) + 1
    assert _of(await _page(client), "touchline_operations_total", kind="query", outcome="INTERNAL") >= 1


async def test_the_deployment_is_told_from_its_rows(client: Client, database: Database, factory: Factory) -> None:
    jobs = [Message("a", "run_model"), Message("b", "run_model"), Message("c", "send_mail")]
    async with database.transaction() as session:
        await note_queued(await connection_of(session), jobs)
        await ask(await connection_of(session), [Request("nap"), Request("nap")])
    await database.pool.execute("update job set status = 'DEAD', finished_at = $1 where id = 'b'", machine_now())
    await database.pool.execute("update job set queued_at = $1::timestamptz - interval '1 hour'", machine_now())
    page = await _page(client)
    assert _of(page, "touchline_queue_waiting", queue="models") == 1
    assert _of(page, "touchline_queue_dead", queue="models") == 1
    assert _of(page, "touchline_queue_waiting", queue="mail") == 1
    assert 3600 <= _of(page, "touchline_queue_oldest_seconds", queue="mail") < 3700
    assert _of(page, "touchline_queue_waiting", queue="default") == 2
    assert _of(page, "touchline_outbox_waiting") == 2
    assert _of(page, "touchline_up", server="postgresql") == 1
    assert _of(page, "touchline_up", server="redis") == 1
    assert _of(page, "touchline_redis_memory_bytes") > 0


async def test_plugins_and_fits_are_told(client: Client, database: Database, factory: Factory) -> None:
    await database.pool.execute(
        """insert into plugin (key, name, distribution, version, status, seen_at, call_count, failure_count)
           values ('acme', 'Acme', 'acme', '1', 'ACTIVE', $1, 7, 2)""",
        machine_now(),
    )
    now = await database.pool.fetchval("select match_anchor from clock")
    await database.pool.execute(
        """insert into plugin_call (plugin_key, thing, called_at, milliseconds, job_id)
           values ('acme', 'acme.one', $1::timestamptz - interval '2 hours', 9000, 'a'),
                  ('acme', 'acme.one', $1::timestamptz - interval '1 minute', 1500, 'b')""",
        now,
    )
    page = await _page(client)
    assert _of(page, "touchline_plugin_calls_total", plugin="acme") == 7
    assert _of(page, "touchline_plugin_failures_total", plugin="acme") == 2
    assert _of(page, "touchline_plugin_busy_seconds", plugin="acme") == 1.5
    assert _of(page, "touchline_match_timestamp_seconds") == now.timestamp()


async def test_many_readers_cost_one_reading(client: Client) -> None:
    counted = Rows(client.app.state.doors.reader)
    doors, deployment = replace(client.app.state.doors, reader=counted), Deployment()
    await asyncio.gather(*(deployment.read(doors) for _ in range(20)))
    assert counted.statements == 6
    assert [metric.name for metric in deployment.collect()]


async def test_a_redis_that_is_away_is_told(database_url: str, factory: Factory) -> None:
    async with serving(Settings(database_url=database_url, redis_url="redis://127.0.0.1:1/0")) as lonely:
        page = await _page(lonely)
    assert _of(page, "touchline_up", server="redis") == 0
    assert _of(page, "touchline_up", server="postgresql") == 1
    assert ("touchline_redis_memory_bytes", frozenset()) not in page


async def test_a_postgresql_that_is_away_is_told(client: Client, database: Database) -> None:
    await database.pool.execute("drop table clock")  # what it answers is an error, as while it starts
    page = await _page(client)
    assert _of(page, "touchline_up", server="postgresql") == 0
    assert _of(page, "touchline_up", server="redis") == 1
    assert ("touchline_outbox_waiting", frozenset()) not in page


async def test_the_page_may_need_a_token(database_url: str, redis_url: str, factory: Factory) -> None:
    settings = Settings(database_url=database_url, redis_url=redis_url, metrics_token="a token of ours")  # type: ignore[arg-type]
    async with serving(settings) as guarded:
        for sent in ({}, {"authorization": "Bearer nonsense"}, {"authorization": "a token of ours"}):
            refused = await guarded.http.get("/metrics", headers=sent)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"] == "Bearer"
            assert "touchline_up" not in refused.text
        shown = await guarded.http.get("/metrics", headers={"authorization": "Bearer a token of ours"})
    assert shown.status_code == 200
    assert "touchline_up" in shown.text


@pytest.mark.parametrize("page", ["/healthz", "/readyz", "/metrics"])
async def test_pages_answer_head(client: Client, page: str) -> None:
    response = await client.http.head(page)
    assert response.status_code == 200


SHOWN = {
    "sockets": ("touchline_sockets", {}),
    "subscribers": ("touchline_subscribers", {"field": "oddsChanged"}),
    "events": ("touchline_events_sent_total", {"field": "oddsChanged"}),
    "begun": ("touchline_operations_total", {"kind": "subscription", "outcome": "OK"}),
    "lags": ("touchline_event_lag_seconds_count", {}),
    "lag": ("touchline_event_lag_seconds_sum", {}),
}


def _live() -> dict[str, float]:
    return {each: OWN.get_sample_value(name, labels) or 0.0 for each, (name, labels) in SHOWN.items()}


async def test_sockets_subscribers_events_and_their_lag(database: Database, database_url: str, redis_url: str) -> None:
    bus = Bus.connect(redis_url)
    world = await make_world(database, bus)
    before = _live()
    document = "subscription ($ids: [ID!]) { oddsChanged(matchIds: $ids, hasSnapshot: false) { kind } }"
    async with served(database_url, redis_url) as api, socket(api.port) as opened:
        await opened.subscribe(document, {"ids": [global_id("Match", id_) for id_ in world.matches]})
        kinds = [(await opened.event("oddsChanged"))["kind"]]
        while kinds[-2:] != ["DELTA", "DELTA"]:
            await world.open_books() if len(kinds) == 1 else await world.put(world.tick(4.0 + len(kinds)))
            kinds.append((await opened.event("oddsChanged"))["kind"])
        during = {name: value - before[name] for name, value in _live().items()}
    await bus.close()
    assert (during["sockets"], during["subscribers"], during["begun"]) == (1, 1, 1)
    assert during["events"] == len(kinds)
    assert during["lags"] >= 1  # a lag is known when the next message is asked for
    assert 0 <= during["lag"] < 60 * during["lags"]
    assert {name: _live()[name] for name in ("sockets", "subscribers")} == {
        name: before[name] for name in ("sockets", "subscribers")
    }
