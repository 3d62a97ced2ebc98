"""Settling hundreds of bets while the worker is killed in the middle of it: each is settled once, to the cent."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

import asyncpg
import httpx
import pytest

from api.nodes import global_id, key_of
from tests.acceptance.person import Person, told
from tests.acceptance.product import TOUCHLINE, Product, clean_environment, running
from workers.demo_people import ADDRESSES, PASSWORD

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

CURRENCIES = {"FREE": "EUR", "PRO": "JPY", "VIP": "EUR"}
START = Decimal(100_000)
KILLS = 4
BETS = 25
"""Of each visitor before each kill."""


@pytest.fixture(scope="module")
def demo() -> Iterator[Product]:
    with running(["demo", "--speed", "600"], seconds=180) as product:
        yield product


@dataclass
class Ledgers:
    """The demo's database, three of its visitors with a bankroll each, and what they can bet on."""

    demo: Product
    database: asyncpg.Connection
    people: list[Person]
    offers: Iterator[asyncpg.Record]
    """Prices of the results of finished matches, as they stood an hour before the kick-off."""

    @property
    def bankrolls(self) -> list[int | None]:
        return [key_of("Bankroll", person.bankroll) for person in self.people]

    async def place(self, person: Person, currency: str) -> None:
        """One bet after the other, recorded now and placed before its match."""
        for number, offer in enumerate(islice(self.offers, BETS)):
            payload = await person.done(
                "placeBet",
                "bet { id status }",
                bankrollId=person.bankroll,
                legs=[_leg(offer)],
                stake={"amount": str(10 + number), "currencyCode": currency},
                placedAt=(offer["kickoff_at"] - timedelta(hours=1)).isoformat(),
            )
            assert payload["bet"]["status"] == "PENDING"

    async def place_all(self) -> None:
        await asyncio.gather(
            *(self.place(person, currency) for person, currency in zip(self.people, CURRENCIES.values(), strict=True))
        )

    async def count(self, query: str, *arguments: Any) -> int:
        return int(await self.database.fetchval(query, *arguments))

    async def is_settled(self) -> bool:
        pending = "select count(*) from bet where bankroll_id = any($1) and status = 'PENDING'"
        return await self.count(pending, self.bankrolls) == 0

    async def everything(self) -> list[asyncpg.Record]:
        """Rows of the bets with their verdicts and entries, and the balances."""
        rows: list[asyncpg.Record] = await self.database.fetch(
            """select b.*, r.balance, array(select s from settlement s where s.bet_id = b.id order by s.id) as verdicts,
                   array(select e from bankroll_entry e where e.bet_id = b.id order by e.id) as entries
               from bet b join bankroll r on r.id = b.bankroll_id where b.bankroll_id = any($1) order by b.id""",
            self.bankrolls,
        )
        return rows


def _leg(offer: asyncpg.Record) -> dict[str, Any]:
    return {
        "selectionId": global_id("Selection", offer["match_id"], offer["selection_id"]),
        "bookmakerId": global_id("Bookmaker", offer["bookmaker_id"]),
        "decimalOdds": float(offer["price"]),
    }


OFFERS = """
select distinct on (m.kickoff_at, m.id, s.id, c.bookmaker_id) m.id as match_id, m.kickoff_at, s.id as selection_id,
    c.bookmaker_id, c.price
from match m join quote_change c on c.match_id = m.id and c.observed_at <= m.kickoff_at
join selection s on s.id = c.selection_id join market k on k.id = s.market_id and k.key = 'match_result::ft'
where m.status = 'FINISHED'
order by m.kickoff_at desc, m.id, s.id, c.bookmaker_id, c.observed_at desc limit $1
"""
LOGIN = """mutation ($input: LoginInput!) { login(input: $input) { tokens { accessToken } } }"""


@pytest.fixture
async def ledgers(demo: Product) -> AsyncIterator[Ledgers]:
    database = await asyncpg.connect(demo.run_file()["database_url"])
    offers = await database.fetch(OFFERS, KILLS * BETS * len(CURRENCIES))
    assert len(offers) == KILLS * BETS * len(CURRENCIES)
    limits = httpx.Limits(keepalive_expiry=1)  # the server hangs up after 5 s, between two rounds
    async with httpx.AsyncClient(timeout=60, limits=limits) as http:
        people = []
        for tier, currency in CURRENCIES.items():
            person = Person(demo.url, ADDRESSES[tier], http)
            tokens = (await person.ask(LOGIN, input={"email": person.email, "password": PASSWORD}))["login"]["tokens"]
            person.token = tokens["accessToken"]
            start = {"amount": str(START), "currencyCode": currency}
            made = await person.done("createBankroll", "bankroll { id }", name="D", startingBalance=start, isPaper=True)
            person.bankroll = made["bankroll"]["id"]
            people.append(person)
        yield Ledgers(demo, database, people, iter(offers))
    await database.close()


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    began = time.monotonic()
    while not await holds():
        assert time.monotonic() - began < seconds, f"still not after {seconds:g} s"
        await asyncio.sleep(0.05)


@asynccontextmanager
async def held_up(ledgers: Ledgers) -> AsyncIterator[Callable[[], Awaitable[bool]]]:
    """Nobody's verdict can be written meanwhile; gives whether a settlement has come as far as that."""
    connection = await asyncpg.connect(ledgers.demo.run_file()["database_url"])
    try:
        async with connection.transaction():
            await connection.execute("select 1 from bettor for update")
            mine = connection.get_server_pid()

            async def is_waiting() -> bool:
                blocked = """select count(*) from pg_stat_activity
                             where $1 = any(pg_blocking_pids(pid)) and query like '%insert into bettor%'"""
                return await ledgers.count(blocked, mine) > 0

            yield is_waiting
    finally:
        await connection.close()


def kill_worker(demo: Product) -> int:
    """kill -9 of the worker and all that it started; answers its process id."""
    pid = int(demo.run_file()["pids"]["worker"])
    os.killpg(pid, signal.SIGKILL)
    return pid


async def send(demo: Product) -> str:
    """`touchline queue send settle_bets`; answers the job's id."""
    command = [str(TOUCHLINE), "queue", "send", "settle_bets", "--data-dir", str(demo.data_dir)]
    found = await asyncio.to_thread(
        subprocess.run, command, env=clean_environment(), capture_output=True, text=True, check=True
    )
    return str(found.stdout).strip()


async def test_bets_are_settled_once_however_often_the_worker_is_killed(ledgers: Ledgers) -> None:
    killed: set[int] = set()
    for _ in range(KILLS):
        async with held_up(ledgers) as is_waiting:
            placing = asyncio.create_task(ledgers.place_all())
            await until(is_waiting)
            killed.add(kill_worker(ledgers.demo))
        await placing

        async def is_back() -> bool:
            return ledgers.demo.run_file()["pids"].get("worker") not in {None, *killed}

        await until(is_back)
    await until(ledgers.is_settled)
    assert len(killed) == KILLS
    bets = await ledgers.everything()
    told("settled", bets=len(bets), kills=len(killed))

    assert len(bets) == KILLS * BETS * len(CURRENCIES)
    assert {bet["version"] for bet in bets} == {2}
    assert {len(bet["verdicts"]) for bet in bets} == {1}
    assert all(bet["verdicts"][0]["is_effective"] for bet in bets)
    assert {bet["status"] for bet in bets} == {"WON", "LOST"}
    for bet in bets:
        paid = [("RETURN", bet["payout"])] if bet["payout"] else []
        moved = [(entry["kind"], entry["amount"]) for entry in bet["entries"]]
        assert moved == [("STAKE", -bet["stake"]), *paid]
    await no_result_is_wrong(ledgers)
    await balances_are_the_sum_of_their_entries(ledgers)
    await sequences_have_no_hole(ledgers)

    jobs = [await send(ledgers.demo) for _ in range(2)]

    async def are_done() -> bool:
        return await ledgers.count("select count(*) from job where id = any($1) and status = 'DONE'", jobs) == 2

    await until(are_done)
    assert await ledgers.everything() == bets


async def no_result_is_wrong(ledgers: Ledgers) -> None:
    """Against the goals and the price less commission, by a statement of our own."""
    wrong = await ledgers.database.fetch(
        """select b.id, b.status, b.payout, l.price, l.commission, s.key, m.home_goals, m.away_goals
           from bet b join bet_leg l on l.bet_id = b.id join match m on m.id = l.match_id
           join selection s on s.id = l.selection_id
           cross join lateral (select s.key = case sign(m.home_goals - m.away_goals)
             when 1 then 'home' when 0 then 'draw' else 'away' end as is_won) f
           where b.bankroll_id = any($1) and (b.status <> case when is_won then 'WON' else 'LOST' end
             or abs(b.payout - case when is_won then b.stake * (1 + (l.price - 1) * (1 - l.commission)) else 0 end)
                > 0.5)""",
        ledgers.bankrolls,
    )
    assert wrong == []


async def balances_are_the_sum_of_their_entries(ledgers: Ledgers) -> None:
    rows = await ledgers.database.fetch(
        """select r.balance, (select sum(e.amount) from bankroll_entry e where e.bankroll_id = r.id) as entries,
               (select sum(b.payout - b.stake) from bet b where b.bankroll_id = r.id) as profit,
               (select sum(e.amount) from bankroll_entry e where e.bankroll_id = r.id and e.bet_id is null) as start
           from bankroll r where r.id = any($1)""",
        ledgers.bankrolls,
    )
    assert len(rows) == len(CURRENCIES)
    for row in rows:
        assert row["balance"] == row["entries"] == row["start"] + row["profit"]


async def sequences_have_no_hole(ledgers: Ledgers) -> None:
    rows = await ledgers.database.fetch(
        """select o.position, min(s.sequence), max(s.sequence), count(*) from bettor o
           join settlement s on s.account_id = o.account_id group by o.account_id"""
    )
    assert len(rows) >= len(CURRENCIES)
    for row in rows:
        assert (row["min"], row["max"], row["count"]) == (1, row["position"], row["position"])
