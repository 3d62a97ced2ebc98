"""A job knows the request that made it necessary: in the job table, in the log, and in the traces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dramatiq.brokers.redis import RedisBroker

from domain.infra.database import Database, connection_of
from domain.infra.jobs import WAITING, Message
from domain.infra.logs import bound
from domain.infra.outbox import Request, ask
from domain.infra.settings import Settings, read_settings
from tests.api.client import serving
from tests.collectors import Collector, collecting
from tests.workers.conftest import Starter, until
from workers.broker import NAMESPACE, held_messages
from workers.relay import relay, send_again

REGISTER = """mutation {
  register(input: {email: "ann@example.com", password: "a day at the match", isOfLegalAge: true}) { isAccepted } }"""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as opened:
        yield opened


@pytest.fixture
def settings(settings: Settings, collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Of a deployment whose traces are received here, and its mails put into a folder."""
    monkeypatch.setenv("TOUCHLINE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TOUCHLINE_OTLP_ENDPOINT", collector.otlp)
    return read_settings(database_url=settings.database_url, redis_url=settings.redis_url)


async def test_a_cause_goes_with_its_job_and_is_not_lost_with_redis(database: Database, broker: RedisBroker) -> None:
    cause = {"request": "r-1"}
    with bound(request="r-1"):
        async with database.transaction() as session:
            await ask(await connection_of(session), [Request("nap", {})])
    assert await relay(database, broker) == 1
    (sent,) = held_messages(broker.client)
    assert sent.options["cause"] == cause
    assert await database.pool.fetchval("select cause from job") == cause
    for key in broker.client.scan_iter(f"{NAMESPACE}:*"):
        broker.client.delete(key)
    await send_again(database, broker, [Message(sent.message_id, "nap", {}, cause)], WAITING)
    (again,) = held_messages(broker.client)
    assert (again.message_id, again.options["cause"]) == (sent.message_id, cause)


async def test_a_mail_is_traced_to_the_request_that_asked_for_it(
    database: Database, broker: RedisBroker, settings: Settings, start: Starter, collector: Collector
) -> None:
    async with serving(settings) as client:
        answer = await client.http.post("/graphql", json={"query": REGISTER}, headers={"x-request-id": "r-1"})
        assert answer.json()["data"] == {"register": {"isAccepted": True}}
    assert await relay(database, broker) == 1
    worker = start("worker")

    async def is_sent() -> bool:
        return bool(await database.pool.fetchval("select count(*) from job where status = 'DONE'"))

    await until(is_sent, seconds=30)
    worker.terminate()
    assert worker.wait(30) == 0
    mutation, mail = collector.span("mutation"), collector.span("send_mail")
    assert mail.service == "touchline-worker"
    assert (mail.trace != mutation.trace, mail.parent) == (True, "")
    ((trace, span),) = mail.links
    assert trace == mutation.trace
    assert span in {each.id for each in collector.spans if each.trace == trace}
    known = await database.pool.fetchval("select cause from job")
    assert known["request"] == "r-1"
    assert known["traceparent"].split("-")[1:3] == [trace, span]
