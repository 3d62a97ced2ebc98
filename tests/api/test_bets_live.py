"""`betSettled` through the real server: every verdict once and in order, and nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from redis.asyncio import Redis

from api.bet_updates import PAGE, read_position, write_position
from api.nodes import global_id, key_of
from domain.bets.settlement import settle_due
from domain.infra.clock import machine_now
from domain.infra.database import Database, connection_of
from domain.infra.errors import BadCursor
from domain.infra.news import bets_of, tell
from tests.bettors import Leg, Wager, make_bankroll, make_bets
from tests.factories import NOW, Factory, Fixture, hours
from tests.odds_world import until
from tests.people import open_desk, person, signed_in
from tests.serving import Api, Socket, serving, socket
from touchline import RESULT

LIVE = """subscription($bankroll: ID, $after: String) { betSettled(bankrollId: $bankroll, after: $after) {
  cursor settlement { status cause isEffective payout { amount } }
  bet { id status profit { amount } version settlementTrace } bankroll { id balance { amount } } } }"""
SETTLE = """mutation($input: SettleBetInput!) { settleBet(input: $input) { bet { id } errors { __typename } } }"""


@dataclass
class Bettor:
    """A person at the API, with a bankroll of 1000.00."""

    api: Api
    database: Database
    account: int
    token: str
    bankroll: int

    @asynccontextmanager
    async def listening(self, **variables: Any) -> AsyncIterator[Socket]:
        """A socket on which they hear of their bets, once the server has begun to listen."""
        before = self._ears()
        async with socket(self.api.port, token=self.token) as opened:
            await opened.subscribe(LIVE, variables)
            await until(lambda: bool(self._ears() - before))
            yield opened

    def _ears(self) -> set[asyncio.Event]:
        """The subscriptions that wait for a word on their bets."""
        return {*self.api.state.doors.news._waiting.get(bets_of(self.account), ())}

    async def bets(self, count: int, *, bankroll: int | None = None) -> list[int]:
        """Pending bets of 10.00 at 2.00 that only they can settle."""
        return await make_bets(self.database.pool, bankroll or self.bankroll, [Wager("PENDING")] * count)

    async def settle(self, *bets: int, result: str = "WON") -> None:
        """Settle bets by hand, over HTTP."""
        for bet in bets:
            input = {"id": global_id("Bet", bet), "expectedVersion": 1, "legResults": [result]}
            answer = await self.api.ask(SETTLE, token=self.token, input=input)
            assert answer["data"]["settleBet"]["errors"] == []


@pytest.fixture
async def factory(database: Database) -> Factory:
    made = Factory(database)
    await made.clock()
    return made


@pytest.fixture
async def api(factory: Factory, database_url: str, redis_url: str) -> AsyncIterator[Api]:
    async with serving(database_url, redis_url) as running:
        yield running


async def enter(api: Api, database: Database, redis_url: str, email: str) -> Bettor:
    async with open_desk(database, redis_url) as desk:
        account = await person(desk, email)
        token = (await signed_in(desk, account)).access_token
    return Bettor(api, database, account, token, await make_bankroll(database.pool, account))


@pytest.fixture
async def ann(api: Api, database: Database, redis_url: str) -> Bettor:
    return await enter(api, database, redis_url, "ann@example.com")


@pytest.fixture
async def bob(api: Api, database: Database, redis_url: str) -> Bettor:
    return await enter(api, database, redis_url, "bob@example.com")


async def heard(live: Socket, count: int) -> list[dict[str, Any]]:
    return [await live.event("betSettled") for _ in range(count)]


def keys_of(updates: list[dict[str, Any]]) -> list[int | None]:
    return [key_of("Bet", update["bet"]["id"]) for update in updates]


async def test_a_bet_is_told_as_it_is_settled(ann: Bettor) -> None:
    (before, bet) = await ann.bets(2)
    await ann.settle(before)
    async with ann.listening() as live:
        await ann.settle(bet)
        (update,) = await heard(live, 1)
    assert update == {
        "cursor": write_position(ann.account, 2),
        "settlement": {"status": "WON", "cause": "BY_HAND", "isEffective": True, "payout": {"amount": "20.00"}},
        "bet": {
            "id": global_id("Bet", bet),
            "status": "WON",
            "profit": {"amount": "10.00"},
            "version": 2,
            "settlementTrace": update["bet"]["settlementTrace"],
        },
        "bankroll": {"id": global_id("Bankroll", ann.bankroll), "balance": {"amount": "1020.00"}},
    }


async def test_a_worker_settles_and_its_word_is_heard(ann: Bettor, factory: Factory, redis_url: str) -> None:
    league = await factory.league("england-premier-league")
    (match,) = await factory.matches([Fixture(league, "Arsenal", "Chelsea", hours(-3), goals=(2, 0))])
    leg = Leg(match, (await factory.markets(RESULT)).selection_id(RESULT, "home"))
    (bet,) = await make_bets(factory.db, ann.bankroll, [Wager("PENDING", placed_at=hours(-6), legs=(leg,))])
    async with ann.listening() as live, Redis.from_url(redis_url) as redis:
        async with factory.database.transaction() as session:
            connection = await connection_of(session)
            settled = await settle_due(connection, now=NOW, machine=machine_now(), job_id="job")
        await tell(redis, [bets_of(account) for account in settled.accounts])
        (update,) = await heard(live, 1)
    assert keys_of([update]) == [bet]
    assert (update["settlement"]["cause"], update["bet"]["status"]) == ("RESULT", "WON")


async def test_each_event_is_read_anew(ann: Bettor) -> None:
    bets = await ann.bets(3)
    async with ann.listening() as live:
        balances = []
        for bet in bets:
            await ann.settle(bet)
            (update,) = await heard(live, 1)
            balances.append(update["bankroll"]["balance"]["amount"])
    assert balances == ["990.00", "1010.00", "1030.00"]


async def test_nothing_is_missed_and_nothing_comes_twice_over_a_cut(ann: Bettor) -> None:
    bets = await ann.bets(6)
    async with ann.listening() as live:
        await ann.settle(*bets[:2])
        first = await heard(live, 2)
    await ann.settle(*bets[2:4])
    async with ann.listening(after=first[0]["cursor"]) as live:
        await ann.settle(*bets[4:])
        second = await heard(live, 5)
    assert keys_of(first) == bets[:2]
    assert keys_of(second) == bets[1:], "after the first, whatever else was told before the cut"
    async with ann.listening(after=second[-1]["cursor"]) as live:
        (more,) = await ann.bets(1)
        await ann.settle(more)
        assert keys_of(await heard(live, 1)) == [more]


async def test_what_is_settled_before_the_lists_are_read_is_not_missed(ann: Bettor) -> None:
    before, bet = await ann.bets(2)
    await ann.settle(before)
    asked = await ann.api.ask("{ viewer { settlementCursor } }", token=ann.token)
    await ann.settle(bet)
    async with ann.listening(after=asked["data"]["viewer"]["settlementCursor"]) as live:
        assert keys_of(await heard(live, 1)) == [bet]


async def test_a_long_absence_is_told_page_by_page(ann: Bettor) -> None:
    count = 2 * PAGE + 50
    bets = await make_bets(ann.database.pool, ann.bankroll, [Wager("LOST")] * count)
    async with ann.listening(after=write_position(ann.account, 0)) as live:
        assert keys_of(await heard(live, count)) == bets
        (last,) = await ann.bets(1)
        await ann.settle(last)
        assert keys_of(await heard(live, 1)) == [last]


async def test_only_one_bankroll_if_it_is_named(ann: Bettor) -> None:
    other = await make_bankroll(ann.database.pool, ann.account, name="Other")
    (mine, later), (theirs,) = await ann.bets(2), await ann.bets(1, bankroll=other)
    async with ann.listening(bankroll=global_id("Bankroll", ann.bankroll)) as live:
        await ann.settle(mine, theirs, later)
        assert keys_of(await heard(live, 2)) == [mine, later]


async def test_nobody_elses_verdicts_are_told(ann: Bettor, bob: Bettor) -> None:
    (mine, later), theirs = await ann.bets(2), await bob.bets(3)
    async with ann.listening() as live, bob.listening() as other:
        await asyncio.gather(ann.settle(mine), bob.settle(*theirs))
        await ann.settle(later)
        assert keys_of(await heard(live, 2)) == [mine, later]
        assert keys_of(await heard(other, 3)) == theirs


async def test_two_sockets_of_one_person_hear_the_same(ann: Bettor) -> None:
    bets = await ann.bets(4)
    async with ann.listening() as phone, ann.listening() as desk:
        await ann.settle(*bets)
        assert keys_of(await heard(phone, 4)) == keys_of(await heard(desk, 4)) == bets


async def test_who_may_not_listen_is_told_why(ann: Bettor, bob: Bettor) -> None:
    await ann.settle(*await ann.bets(1))
    await bob.settle(*await bob.bets(2))
    bad: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"after": "nonsense"}, {"code": "BAD_USER_INPUT", "argument": "after"}),
        ({"after": "é"}, {"code": "BAD_USER_INPUT", "argument": "after"}),
        ({"after": write_position(bob.account, 1)}, {"code": "BAD_USER_INPUT", "argument": "after"}),
        ({"after": write_position(ann.account, 2)}, {"code": "BAD_USER_INPUT", "argument": "after"}),
        ({"bankroll": global_id("Bankroll", bob.bankroll)}, {"code": "NOT_FOUND"}),
        ({"bankroll": "nonsense"}, {"code": "NOT_FOUND"}),
    ]
    async with socket(ann.api.port, token=ann.token) as opened:
        for variables, extensions in bad:
            assert await refusal(opened, variables) == extensions, variables
    async with socket(ann.api.port) as opened:
        assert await refusal(opened, {}) == {"code": "UNAUTHENTICATED"}


async def refusal(opened: Socket, variables: dict[str, Any]) -> dict[str, Any]:
    """The extensions of the error with which a subscription ends."""
    name = await opened.subscribe(LIVE, variables)
    message = await opened.receive()
    errors = message["payload"] if message["type"] == "error" else message["payload"]["errors"]
    if message["type"] == "next":
        assert await opened.receive() == {"id": name, "type": "complete"}
    found: dict[str, Any] = errors[0]["extensions"]
    return found


def test_a_cursor_is_of_one_account() -> None:
    assert read_position(write_position(7, 3), 7, reached=3) == 3
    for text, reached in ((write_position(8, 3), 3), (write_position(7, 3), 2), (write_position(7, -1), 3), ("", 3)):
        with pytest.raises(BadCursor, match="after"):
            read_position(text, 7, reached=reached)
