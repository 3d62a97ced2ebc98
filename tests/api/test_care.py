"""Limits and breaks in the graph."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from api.nodes import global_id
from domain.infra.clock import machine_now
from domain.infra.database import Database
from domain.infra.settings import Settings
from tests.api.client import Client, serving
from tests.bettors import Wager, make_bankroll, make_bets
from tests.factories import Factory, card
from tests.people import PASSWORD, bearer, open_desk, person, signed_in

LIMIT = """id kind period amount { amount currencyCode } count usedShare
    pendingAmount { amount currencyCode } pendingCount
    isRemovalPending pendingFrom"""
SET = f"""mutation ($input: SetGamblingLimitInput!) {{ setGamblingLimit(input: $input) {{
    limit {{ {LIMIT} }} errors {{ ... on UserError {{ code message path }} }} }} }}"""
AWAY = """mutation ($input: SelfExcludeInput!) { selfExclude(input: $input) {
    user { email gambling { selfExcludedUntil } } errors { ... on UserError { code message path } } } }"""
PROFILE = f"{{ viewer {{ gambling {{ selfExcludedUntil riskSigns limits {{ {LIMIT} }} }} }} }}"
BANKROLL = """mutation ($input: CreateBankrollInput!) { createBankroll(input: $input) { bankroll { name } errors {
    ... on UserError { code message path } ... on LimitExceededError { limit { id kind usedShare } } } } }"""
EUR = {"kind": "STAKE", "period": "DAY", "amount": {"amount": "50.00", "currencyCode": "EUR"}}


@pytest.fixture
async def ann(database: Database) -> int:
    return await person(database, time_zone="Europe/Madrid", tier="PRO")


@pytest.fixture
async def asked(database: Database, redis_url: str, client: Client, ann: int) -> AsyncIterator[Client]:
    """The client, signed in as Ann."""
    async with open_desk(database, redis_url) as desk:
        client.http.headers.update(bearer(await signed_in(desk, ann)))
        yield client


async def limited(asked: Client, **values: Any) -> Any:
    payload = (await asked.data(SET, input={**EUR, **values}))["setGamblingLimit"]
    assert payload["errors"] == []
    return payload["limit"]


async def refused(asked: Client, document: str = SET, **values: Any) -> Mapping[str, Any]:
    [payload] = (await asked.data(document, input=values)).values()
    [error] = payload["errors"]
    found: Mapping[str, Any] = error
    return found


async def profile(asked: Client) -> Any:
    return (await asked.data(PROFILE))["viewer"]["gambling"]


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_a_limit_works_at_once_and_shows_what_is_used(asked: Client, ann: int, database: Database) -> None:
    bankroll = await make_bankroll(database.pool, ann)
    await make_bets(database.pool, bankroll, [Wager("PENDING", 2000, placed_at=machine_now())])
    limit = await limited(asked)
    assert limit == {
        "id": limit["id"],
        "kind": "STAKE",
        "period": "DAY",
        "amount": {"amount": "50.00", "currencyCode": "EUR"},
        "count": None,
        "usedShare": 0.4,
        "pendingAmount": None,
        "pendingCount": None,
        "isRemovalPending": False,
        "pendingFrom": None,
    }
    assert await profile(asked) == {"selfExcludedUntil": None, "riskSigns": [], "limits": [limit]}


async def test_a_looser_limit_waits_a_day(asked: Client) -> None:
    first = await limited(asked)
    before = machine_now()
    looser = await limited(asked, amount={"amount": "80.00", "currencyCode": "EUR"})
    assert looser["id"] == first["id"]
    assert looser["amount"]["amount"] == "50.00"
    assert looser["pendingAmount"] == {"amount": "80.00", "currencyCode": "EUR"}
    assert timedelta(hours=24) <= instant(looser["pendingFrom"]) - before < timedelta(hours=25)
    stricter = await limited(asked, amount={"amount": "20.00", "currencyCode": "EUR"})
    assert (stricter["amount"]["amount"], stricter["pendingAmount"], stricter["pendingFrom"]) == ("20.00", None, None)


async def test_a_limit_that_has_waited_long_enough_is_in_force(asked: Client, database: Database) -> None:
    await limited(asked)
    await limited(asked, amount={"amount": "80.00", "currencyCode": "EUR"})
    await database.pool.execute("update care_limit set pending_from = $1", machine_now() - timedelta(seconds=1))
    [limit] = (await profile(asked))["limits"]
    assert (limit["amount"]["amount"], limit["pendingAmount"], limit["pendingFrom"]) == ("80.00", None, None)


async def test_a_removal_waits_a_day_and_then_the_limit_is_gone(asked: Client, database: Database) -> None:
    await limited(asked)
    removal = {"kind": "STAKE", "period": "DAY"}  # of the user's own currency
    payload = (await asked.data(SET, input=removal))["setGamblingLimit"]
    assert payload["limit"]["isRemovalPending"]
    assert payload["limit"]["pendingAmount"] is None
    await database.pool.execute("update care_limit set pending_from = $1", machine_now() - timedelta(seconds=1))
    assert (await profile(asked))["limits"] == []
    assert await refused(asked, **removal) == {
        "code": "NOT_FOUND",
        "message": "There is no such limit.",
        "path": ["input"],
    }
    node = f"query ($id: ID!) {{ node(id: $id) {{ ... on GamblingLimit {{ {LIMIT} }} }} }}"
    found = (await asked.data(node, id=payload["limit"]["id"]))["node"]
    assert (found["amount"], found["isRemovalPending"], found["usedShare"]) == (None, False, 0.0)


async def test_bets_and_minutes_are_counted(asked: Client) -> None:
    bets = await limited(asked, kind="BET_COUNT", period="WEEK", amount=None, count=0)
    assert (bets["count"], bets["amount"], bets["usedShare"]) == (0, None, 1.0)
    minutes = await limited(asked, kind="TIME", period="MONTH", amount=None, count=60)
    assert (minutes["count"], minutes["usedShare"]) == (60, 0.0)
    waiting = await limited(asked, kind="TIME", period="MONTH", amount=None, count=90)
    assert (waiting["count"], waiting["pendingCount"]) == (60, 90)


NO_LIMITS: Sequence[tuple[Any, Sequence[str], str]] = (
    ({"count": 3}, ["input", "count"], "leave it out: STAKE is limited by `amount`"),
    ({"kind": "TIME"}, ["input", "amount"], "leave it out: TIME is limited by `count`"),
    ({"amount": {"amount": "1.005", "currencyCode": "EUR"}}, ["input", "amount"], "at most 2 decimals"),
    ({"amount": {"amount": "-1", "currencyCode": "EUR"}}, ["input", "amount", "amount"], "must be 0 or more"),
    ({"amount": {"amount": "1", "currencyCode": "XXQ"}}, ["input", "amount"], "is not a currency"),
    ({"kind": "BET_COUNT", "amount": None, "count": -1}, ["input", "count"], "must be 0 or more"),
)


async def test_what_is_no_limit_is_refused(asked: Client) -> None:
    for values, path, says in NO_LIMITS:
        error = await refused(asked, **{**EUR, **values})
        assert (error["code"], error["path"]) == ("INVALID", path)
        assert says in error["message"]


async def test_a_deposit_beyond_a_limit_names_it(asked: Client) -> None:
    limit = await limited(asked, kind="DEPOSIT", amount={"amount": "100", "currencyCode": "EUR"})
    start = {"name": "Main", "startingBalance": {"amount": "100.01", "currencyCode": "EUR"}, "isPaper": False}
    error = await refused(asked, BANKROLL, **start)
    assert error["code"] == "LIMIT_EXCEEDED"
    assert error["message"].startswith("Your limit is 100.00 EUR of deposits a day; 100.00 EUR left until ")
    assert error["limit"] == {"id": limit["id"], "kind": "DEPOSIT", "usedShare": 0.0}
    for allowed in ({"isPaper": True}, {"startingBalance": {"amount": "100", "currencyCode": "EUR"}}):
        assert (await asked.data(BANKROLL, input={**start, **allowed}))["createBankroll"]["errors"] == []


async def test_a_break_needs_the_password_and_only_grows(asked: Client) -> None:
    until = machine_now() + timedelta(days=1)
    wrong = await refused(asked, AWAY, until=until.isoformat(), password="not the password")
    assert (wrong["code"], wrong["path"]) == ("BAD_CREDENTIALS", ["input", "password"])
    assert (await profile(asked))["selfExcludedUntil"] is None
    short = await refused(asked, AWAY, until=(until - timedelta(hours=2)).isoformat(), password=PASSWORD)
    assert (short["code"], short["path"]) == ("INVALID", ["input", "until"])

    payload = (await asked.data(AWAY, input={"until": until.isoformat(), "password": PASSWORD}))["selfExclude"]
    assert payload["errors"] == []
    assert instant(payload["user"]["gambling"]["selfExcludedUntil"]) == until
    earlier = await refused(asked, AWAY, until=(until - timedelta(minutes=1)).isoformat(), password=PASSWORD)
    assert (earlier["code"], earlier["path"]) == ("CONFLICT", ["input", "until"])
    assert "cannot be shortened" in earlier["message"]


async def away(asked: Client) -> None:
    later = {"until": (machine_now() + timedelta(days=3)).isoformat(), "password": PASSWORD}
    assert (await asked.data(AWAY, input=later))["selfExclude"]["errors"] == []


async def test_on_a_break_no_money_goes_in(asked: Client) -> None:
    await away(asked)
    start = {"name": "Main", "startingBalance": {"amount": "10", "currencyCode": "EUR"}, "isPaper": False}
    error = await refused(asked, BANKROLL, **start)
    assert error["code"] == "SELF_EXCLUDED"
    assert error["message"].startswith("You chose a break from betting. It ends on ")


async def test_on_a_break_value_bets_are_hidden_from_that_viewer_alone(
    asked: Client, factory: Factory, database: Database, redis_url: str
) -> None:
    await card(factory, 3)
    document = """{ valueBets(filter: {minEdge: 0.01, maxQuoteAgeSeconds: null}) { totalCount }
        matches { nodes { homeTeam { name } valueBets { edge } } } }"""
    before = await asked.data(document)
    assert before["valueBets"]["totalCount"] == 3
    assert all(node["valueBets"] for node in before["matches"]["nodes"])
    await away(asked)
    during = await asked.data(document)
    assert during["valueBets"] is None
    assert [node["valueBets"] for node in during["matches"]["nodes"]] == [None, None, None]
    assert during["matches"]["nodes"][0]["homeTeam"]["name"]
    async with open_desk(database, redis_url) as desk:
        bob = await signed_in(desk, await person(database, "bob@example.com"))
        asked.http.headers.update(bearer(bob))
    assert await asked.data(document) == before
    del asked.http.headers["authorization"]
    assert await asked.data(document) == before


async def test_limits_are_nobody_elses(asked: Client, database: Database, redis_url: str) -> None:
    limit = await limited(asked)
    node = "query ($id: ID!) { node(id: $id) { id } }"
    assert (await asked.data(node, id=limit["id"]))["node"] == {"id": limit["id"]}
    assert (await asked.data(node, id=global_id("GamblingLimit", 999)))["node"] is None
    async with open_desk(database, redis_url) as desk:
        asked.http.headers.update(bearer(await signed_in(desk, await person(database, "bob@example.com"))))
    assert (await asked.data(node, id=limit["id"]))["node"] is None
    assert (await profile(asked))["limits"] == []
    del asked.http.headers["authorization"]
    assert (await asked.data(node, id=limit["id"]))["node"] is None
    error = await asked.error(SET, input=EUR)
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert (await asked.data(PROFILE))["viewer"] is None


async def test_statements_do_not_grow_with_the_limits(asked: Client) -> None:
    await limited(asked)
    one = (await asked.ask(PROFILE)).statements
    for period in ("WEEK", "MONTH"):
        await limited(asked, period=period)
        await limited(asked, kind="LOSS", period=period)
    many = await asked.ask(PROFILE)
    assert len(many.data["viewer"]["gambling"]["limits"]) == 5
    assert many.statements == one


async def test_signs_of_chasing_losses_are_told(asked: Client, ann: int, database: Database) -> None:
    bankroll = await make_bankroll(database.pool, ann)
    today = machine_now().replace(hour=12, minute=0)
    for day in range(3):
        lost = today - timedelta(days=day + 1)
        wagers = [
            Wager("LOST", 1000, placed_at=lost, settled_at=lost),
            Wager("PENDING", 2000, placed_at=lost + timedelta(minutes=20)),
        ]
        await make_bets(database.pool, bankroll, wagers)
    assert (await profile(asked))["riskSigns"] == ["Stakes doubled after losses on 3 of the last 7 days."]


async def test_asking_counts_as_being_here_at_whichever_process(
    asked: Client, ann: int, database: Database, database_url: str, redis_url: str
) -> None:
    await profile(asked)
    await profile(asked)
    await database.pool.execute("update care_activity set last_seen_at = last_seen_at - interval '2 minutes'")
    async with serving(Settings(database_url=database_url, redis_url=redis_url, log_level="debug")) as other:
        other.http.headers["authorization"] = asked.http.headers["authorization"]
        await other.data("{ viewer { email } }")
    rows = await database.pool.fetch("select account_id, sum(seconds) as seconds from care_activity group by 1")
    assert [row["account_id"] for row in rows] == [ann]
    assert 120 <= rows[0]["seconds"] < 180
