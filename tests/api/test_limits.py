"""Points of a minute: whose they are, what they pay for, and what is said to who has none left."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import cast

import httpx
import pytest

from api.context import Context
from api.edge import allowance
from api.edge.refusals import Refused
from domain.accounts.people import Caller, Viewer
from domain.infra.clock import machine_now
from domain.infra.database import Database
from domain.infra.limiter import ASK_AGAIN_AFTER, Limiter, Rate, Spent, network_of
from tests.api.client import Client
from tests.api.front import Front, front_desk
from tests.people import person, signed_in

HELLO = "{ __typename }"
MINUTE = Rate(100, 60)


@pytest.fixture
async def front(database: Database, database_url: str, redis_url: str) -> AsyncIterator[Front]:
    async with front_desk(database, database_url, redis_url, address_points=5, viewer_points=8) as opened:
        yield opened


@pytest.fixture
async def limiter(redis_url: str) -> AsyncIterator[Limiter]:
    opened = Limiter(redis_url)
    yield opened
    await opened.close()


def asking(limiter: Limiter, address: str | None = "192.0.2.1", account: int | None = None, **most: int) -> Context:
    """A context of which only what is counted is there."""
    settings = SimpleNamespace(**{"address_points": 100, "viewer_points": 100, **most})
    doors = SimpleNamespace(settings=settings, desk=SimpleNamespace(limiter=limiter))
    visitor = None if account is None else cast("Viewer", SimpleNamespace(account_id=account))
    found = SimpleNamespace(doors=doors, caller=Caller(address), visitor=visitor, prepaid=0)
    return cast("Context", found)


async def test_a_request_too_many_waits_and_is_told_so(front: Front) -> None:
    answers = [await front.post(HELLO) for _ in range(7)]
    assert [each.status_code for each in answers] == [200] * 5 + [429] * 2
    refused = answers[-1]
    wait = int(refused.headers["retry-after"])
    assert 1 <= wait <= 61
    assert refused.headers["content-type"].startswith("application/json")
    assert (refused.headers["ratelimit-limit"], refused.headers["ratelimit-remaining"]) == ("5", "0")
    (error,) = refused.json()["errors"]
    assert error["extensions"] == {"code": "RATE_LIMITED", "retryAfterSeconds": wait}
    assert "5 points in a minute" in error["message"]
    assert "data" not in refused.json()


async def test_the_answer_is_of_the_type_that_was_asked_for(front: Front) -> None:
    for _ in range(5):
        await front.post(HELLO)
    refused = await front.post(HELLO, accept="application/graphql-response+json")
    assert refused.status_code == 429
    assert refused.headers["content-type"].startswith("application/graphql-response+json")


async def test_nobody_is_refused_before_their_body_is_read(front: Front) -> None:
    for _ in range(5):
        await front.post(HELLO)
    read = []

    async def body() -> AsyncIterator[bytes]:
        read.append(True)
        yield b"{}"

    refused = await front.client.http.post("/graphql", content=body(), headers={"content-type": "application/json"})
    assert refused.status_code == 429
    assert read == []


async def test_who_is_signed_in_spends_their_own(front: Front, database: Database) -> None:
    ann = await signed_in(front.desk, await person(database))
    bob = await signed_in(front.desk, await person(database, email="bob@example.com"))
    for _ in range(5):
        await front.post(HELLO)
    assert (await front.post(HELLO)).status_code == 429
    assert (await front.post(HELLO, token=ann.access_token)).status_code == 200
    assert (await front.post(HELLO, token=bob.access_token)).status_code == 200


async def test_wrong_tokens_are_counted_for_the_address(front: Front) -> None:
    answers = [await front.post(HELLO, token="swordfish") for _ in range(6)]
    assert [each.status_code for each in answers] == [401] * 5 + [429]


async def test_pages_for_operators_and_browsers_are_not_counted(front: Front) -> None:
    for _ in range(6):
        assert (await front.client.http.get("/healthz")).status_code == 200
    assert (await front.post(HELLO)).status_code == 200


async def test_a_limit_of_nothing_counts_nothing(database: Database, database_url: str, redis_url: str) -> None:
    async with front_desk(database, database_url, redis_url, address_points=0) as front:
        for _ in range(20):
            assert (await front.post(HELLO)).status_code == 200


async def test_the_door_is_part_of_what_an_operation_costs(limiter: Limiter) -> None:
    nobody = asking(limiter)
    assert (await allowance.left(nobody))[:2] == (100, 100)
    await allowance.enter(nobody)
    assert (await allowance.left(nobody)).remaining == 99
    assert await allowance.charge(nobody, 1) == 0
    assert (await allowance.left(nobody)).remaining == 99
    assert await allowance.charge(nobody, 40) == 0
    assert (await allowance.left(nobody)).remaining == 60


async def test_what_is_refused_is_not_spent(limiter: Limiter) -> None:
    nobody = asking(limiter)
    assert await allowance.charge(nobody, 70) == 0
    wait = await allowance.charge(nobody, 31)
    assert 60 <= wait <= 120
    assert (await allowance.left(nobody)).remaining == 30
    assert await allowance.charge(nobody, 30) == 0


async def test_an_operation_dearer_than_a_minute_takes_the_whole_minute(limiter: Limiter) -> None:
    nobody = asking(limiter)
    await allowance.enter(nobody)
    assert await allowance.charge(nobody, 5000) == 0
    assert (await allowance.left(nobody)).remaining == 0
    with pytest.raises(Refused) as refused:
        await allowance.enter(nobody)
    assert refused.value.status == 429


async def test_accounts_and_addresses_are_counted_apart(limiter: Limiter) -> None:
    for each in (asking(limiter), asking(limiter, "192.0.2.2"), asking(limiter, account=1), asking(limiter, account=2)):
        assert await allowance.charge(each, 100) == 0
        assert await allowance.charge(each, 1) > 0


async def test_when_all_is_there_again_is_told(limiter: Limiter) -> None:
    nobody = asking(limiter)
    await allowance.charge(nobody, 10)
    limit, remaining, resets_at = await allowance.left(nobody)
    assert (limit, remaining) == (100, 90)
    assert resets_at is not None
    assert 60 < (resets_at - machine_now()).total_seconds() <= 121
    assert await allowance.left(asking(limiter, address_points=0)) == (None, None, None)


@pytest.mark.parametrize(
    ("one", "other", "are_one"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        (None, None, True),
    ],
)
def test_who_counts_as_one_caller(one: str | None, other: str | None, are_one: bool) -> None:
    assert (network_of(one) == network_of(other)) is are_one


@pytest.mark.parametrize(
    ("spent", "points", "left", "wait"),
    [
        (Spent(0, 0, 0, 0), 1, 100, 0),
        (Spent(100, 60, 0, 0), 1, 0, 0),  # the next moment, one point of it is over
        (Spent(100, 30, 0, 0), 51, 50, 0),
        (Spent(100, 30, 0, 0), 100, 50, 29.4),
        (Spent(100, 30, 20, 90), 60, 30, 17.4),
        (Spent(0, 0, 100, 90), 1, 0, 30),
        (Spent(0, 0, 100, 90), 100, 0, 30 + 59.4),
        (Spent(50, 10, 100, 70), 10, 0, 10 + 5.4),
    ],
)
def test_how_long_to_wait_is_exact(spent: Spent, points: int, left: int, wait: float) -> None:
    assert spent.left(MINUTE) == left
    assert spent.wait(MINUTE, points) == pytest.approx(wait)
    later = _later(spent, spent.wait(MINUTE, points) + 0.01)
    assert later.left(MINUTE) >= points
    if wait > 0.1:
        assert _later(spent, wait - 0.1).left(MINUTE) < points


def _later(spent: Spent, seconds: float) -> Spent:
    """The same so many seconds later, as Redis counts: a window that is over is the one before."""
    if spent.present and spent.present_ends_in - seconds < MINUTE.seconds:
        return Spent(spent.present, max(0.0, spent.present_ends_in - seconds), 0, 0)
    before_ends_in = max(0.0, spent.before_ends_in - seconds)
    return Spent(spent.before, before_ends_in, spent.present, spent.present_ends_in - seconds)


async def test_not_one_more_passes_over_two_processes(redis_url: str) -> None:
    two = [Limiter(redis_url), Limiter(redis_url)]
    waits = await asyncio.gather(*(two[n % 2].spend(MINUTE, 3, "exact") for n in range(200)))
    assert sum(wait == 0 for wait in waits) == 33
    assert await two[0].spend(MINUTE, 1, "exact") == 0
    assert await two[1].spend(MINUTE, 1, "exact") > 0
    for limiter in two:
        await limiter.close()


async def test_redis_holds_two_numbers_for_each_name(limiter: Limiter, client: Client) -> None:
    for _ in range(3):
        await limiter.spend(MINUTE, 30, "small")
    redis = client.app.state.doors.redis
    keys = [key async for key in redis.scan_iter("*small*")]
    assert 1 <= len(keys) <= 2
    assert [await redis.type(key) for key in keys] == [b"string"] * len(keys)
    for key in keys:
        assert 0 < await redis.ttl(key) <= 120


async def test_an_outage_refuses_nobody_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    limiter = Limiter("redis://127.0.0.1:1")
    with caplog.at_level(logging.WARNING):
        for _ in range(20):
            assert await limiter.spend(MINUTE, 1, "away") == 0
            assert await limiter.hit(MINUTE, "away") == 0
        assert await limiter.spent(MINUTE, "away") is None
    assert len(caplog.records) == 1
    await limiter.close()


async def test_the_end_of_an_outage_is_noticed(limiter: Limiter, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        limiter._away_until = -ASK_AGAIN_AFTER  # long ago
        assert await limiter.spend(MINUTE, 100, "back") == 0
        assert await limiter.spend(MINUTE, 1, "back") > 0
    assert [record.getMessage() for record in caplog.records] == ["limits are counted again"]


async def test_a_refusal_is_no_failure_of_an_operation_that_was_in(front: Front) -> None:
    """Requests that arrive together: as many are answered as there are points, whatever the order."""
    answers: list[httpx.Response] = await asyncio.gather(*(front.post(HELLO) for _ in range(12)))
    assert sorted(each.status_code for each in answers) == [200] * 5 + [429] * 7
