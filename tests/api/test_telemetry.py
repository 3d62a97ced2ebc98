"""Traces and reports, received by real servers: what they say, and what they never say."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from api.edge.observed import known_names, shape_of
from domain.infra.database import Database
from domain.infra.errors import SettingsError
from domain.infra.logs import bound
from domain.infra.redaction import Redactor
from domain.infra.reports import Reports
from domain.infra.settings import Settings
from domain.infra.telemetry import open_tracing
from tests.api.client import operation, serving
from tests.collectors import Collector, collecting
from tests.factories import Factory, Fixture, hours

ROOT = Path(__file__).parents[2]
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as opened:
        yield opened


async def test_an_operation_is_a_trace(
    database_url: str, redis_url: str, factory: Factory, collector: Collector
) -> None:
    league = await factory.league("england-premier-league")
    await factory.matches(
        [Fixture(league, "Arsenal", "Chelsea", hours(3)), Fixture(league, "Everton", "Fulham", hours(4))]
    )
    settings = Settings(database_url=database_url, redis_url=redis_url, otlp_endpoint=collector.otlp)
    document = "query Swordfish($n: Int!) { matches(first: $n) { nodes { id homeTeam { name } } } }"
    async with serving(settings) as client:
        asked = {"query": document, "variables": {"n": 17}}
        response = await client.http.post("/graphql", json=asked, headers={"traceparent": PARENT})
        assert response.json()["data"]["matches"]["nodes"][0]["homeTeam"] == {"name": "Arsenal"}
        await client.http.get("/graphql", params={"query": "{ countries { name } }", "variables": '{"a": "Swordfish"}'})
        await client.http.get("/healthz")
    spans = {span.id: span for span in collector.spans}
    request, query = collector.span("POST /graphql"), next(span for span in spans.values() if span.name == "query")
    assert (request.trace, request.parent) == tuple(PARENT.split("-")[1:3])
    assert (request.service, request.attributes["http.response.status_code"]) == ("touchline-api", 200)
    assert query.parent == request.id
    assert query.attributes["graphql.operation.type"] == "query"
    assert query.attributes["graphql.document.shape"] == shape_of(document)
    assert "graphql.operation.name" not in query.attributes
    assert query.attributes["touchline.statements"] >= 2
    root, teams = collector.span("resolve matches"), collector.span("resolve Match.home_team")
    assert root.trace == teams.trace == request.trace
    assert (root.attributes["touchline.parents"], teams.attributes["touchline.parents"]) == (0, 2)
    assert {root.parent, teams.parent} == {query.id}
    assert "Swordfish" not in collector.text
    assert "healthz" not in collector.text


async def test_a_saved_operation_has_its_name(
    database_url: str, redis_url: str, factory: Factory, collector: Collector
) -> None:
    settings = Settings(database_url=database_url, redis_url=redis_url, otlp_endpoint=collector.otlp)
    async with serving(settings) as client:
        await client.http.post("/graphql", json={"query": operation("Today"), "operationName": "Today"})
    assert collector.span("query").attributes["graphql.operation.name"] == "Today"


async def test_what_fails_is_marked_and_its_words_are_not_sent(
    database: Database, database_url: str, redis_url: str, factory: Factory, collector: Collector
) -> None:
    await database.pool.execute("alter table country rename to swordfish")
    settings = Settings(database_url=database_url, redis_url=redis_url, otlp_endpoint=collector.otlp)
    async with serving(settings) as client:
        await client.http.post("/graphql", json={"query": "{ countries { name } }"})
    failed = collector.span("resolve countries")
    assert failed.is_failed
    assert failed.attributes["error.type"] == "UndefinedTableError"
    assert "does not exist" not in collector.text


async def test_a_collector_that_is_away_costs_nothing_but_its_traces(
    database_url: str, redis_url: str, factory: Factory
) -> None:
    settings = Settings(database_url=database_url, redis_url=redis_url, otlp_endpoint="http://127.0.0.1:1")
    async with serving(settings) as client:
        answer = await client.http.post("/graphql", json={"query": "{ countries { name } }"})
    assert answer.json() == {"data": {"countries": []}}


def test_shapes_know_no_values() -> None:
    first = shape_of('{ match(id: "TWF0Y2g6MQ") { id } matches(first: 5) { nodes { id } } }')
    assert first == shape_of('{ match(id: "other") { id }, matches(first: 50) { nodes { id } } }')
    assert first != shape_of('{ match(id: "other") { id kickoffAt } matches(first: 50) { nodes { id } } }')


def test_trusted_documents_have_names(tmp_path: Path) -> None:
    path = tmp_path / "documents.json"
    path.write_text('{"0": "query OurBoard { status { version } }"}')
    assert known_names(path) == known_names(None) | {"OurBoard"}
    assert "Today" in known_names(None)


@pytest.fixture
def reports(collector: Collector) -> Iterator[Reports]:
    secret = SecretStr(collector.dsn)
    settings = Settings(database_url="postgresql://ann:hunter2-and-more@db/x", redis_url="redis://", sentry_dsn=secret)
    handler, root = Reports(collector.dsn, "api", Redactor.of(settings)), logging.getLogger()
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)


def _log(name: str = "touchline.api", level: int = logging.ERROR, *, has_trace: bool = True) -> None:
    """Log what a resolver might have raised, with a local variable that nobody shall see."""
    password = "swordfish"
    try:
        raise LookupError(f"{len(password)} of postgresql://ann:hunter2-and-more@db/x, Key (email)=(ann@example.com)")
    except LookupError as error:
        with bound(request="r-1", job="outbox-7"):
            logging.getLogger(name).log(
                level, "error %s at %s", "1a2b", "matches", exc_info=error if has_trace else None
            )


def test_an_unexpected_error_is_reported_with_its_ids_alone(reports: Reports, collector: Collector) -> None:
    _log()
    reports.close()
    (event,) = collector.events
    (error,) = event["exception"]["values"]
    assert error["type"] == "LookupError"
    assert error["value"] == "9 of postgresql://ann:[hidden]@db/x, Key (email)=([hidden])"
    assert error["stacktrace"]["frames"][-1]["function"] == "_log"
    assert event["tags"] == {"process": "api", "request": "r-1", "job": "outbox-7"}
    assert event["logentry"]["message"] == "error 1a2b at matches"
    assert not {"request", "user", "modules"} & event.keys()
    assert event["breadcrumbs"] == {"values": []}
    for word in ("hunter2", "ann@example.com"):
        assert word not in collector.text
    assert "vars" not in error["stacktrace"]["frames"][-1]


def test_nothing_else_is_reported(reports: Reports, collector: Collector) -> None:
    _log("asyncio")
    _log(has_trace=False)
    _log(level=logging.WARNING)
    reports.close()
    assert collector.events == []


def test_without_a_setting_nothing_of_it_is_imported() -> None:
    code = """
import sys
import workers.worker
from api.app import create_app
from domain.infra.logs import configure
from domain.infra.settings import read_settings
configure(read_settings(), "api")
create_app(read_settings())
heavy = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "sentry_sdk", "domain.infra.traces", "domain.infra.reports")
print([name for name in sys.modules if name.startswith(heavy)])
"""  # noqa: E501 - a list
    assert _python(code).stdout == "[]\n"


def test_a_setting_without_its_packages_stops_the_start() -> None:
    code = "import sys; sys.modules['sentry_sdk'] = None; from workers.scheduler import main; sys.exit(main([]))"
    run = _python(code, TOUCHLINE_SENTRY_DSN="https://key@sentry.example/7")
    assert run.returncode == 2
    assert run.stderr.startswith("TOUCHLINE_SENTRY_DSN is set and sentry_sdk")
    assert 'pip install "touchline[server,telemetry]"' in run.stderr


def test_traces_without_their_packages_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "domain.infra.traces", raising=False)
    monkeypatch.delattr("domain.infra.traces", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    settings = Settings(database_url="postgresql:///x", redis_url="redis://", otlp_endpoint="http://127.0.0.1:1")
    with pytest.raises(SettingsError, match=r"TOUCHLINE_OTLP_ENDPOINT is set and opentelemetry\.sdk\.trace is not"):
        open_tracing(settings, "worker")


def _python(code: str, **more: str) -> subprocess.CompletedProcess[str]:
    servers = {"DATABASE_URL": "postgresql:///x", "REDIS_URL": "redis://"}
    environment = {**os.environ, **servers, **more}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
