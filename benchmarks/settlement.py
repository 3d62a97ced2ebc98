"""Settlement of a match day against one UPDATE of the same bets.

    uv run python -m benchmarks.settlement [--bets 10000] [--rounds 5] [--profile]

Ten thousand singles of 500 bettors lie on fifty matches that all ended: 1X2, totals and handicaps, quarter lines too.
The settlement is that of the job: it judges each outcome once, reads the closing prices, writes a verdict in words
with its place in the bettor's stream, moves the money through the ledger, and brings bets and legs up to date, two
thousand bets a transaction. The UPDATE knows the same rules as one expression of SQL and writes status and payout,
nothing else. Each round settles fresh copies of one database, one way after the other; status and payout of every
bet must be equal. The last line is the median ratio of their times.
"""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import asyncpg
import click
import numpy as np

from domain.bets.past import PastBet, PastLeg, record_past
from domain.bets.settlement import settle_due
from domain.infra.clock import machine_now
from domain.infra.database import Database, connection_of
from domain.migrations.runner import upgrade
from tests.bettors import make_bankroll
from tests.factories import Factory, Fixture, hours
from tests.people import person
from touchline import MarketKey

MATCHES = 50
BETTORS = 500
SEED = 20260314
KEYS = ("match_result::ft", "total_goals:2.5:ft", "total_goals:2.25:ft", "total_goals:3:ft", "asian_handicap:-0.75:ft")
MARKETS = tuple(map(MarketKey.parse, KEYS))
PLACED, KICKOFF, OVER = hours(-2), hours(1), hours(3)

Outcome = list[tuple[int, str, int]]
"""Id, status and payout of every bet."""


@click.command()
@click.option("--bets", "count", default=10_000, show_default=True, help="Bets to settle.")
@click.option("--rounds", default=5, show_default=True, help="Times that both ways are measured.")
@click.option("--profile", is_flag=True, help="Show where the time of one settlement goes.")
def main(count: int, rounds: int, profile: bool) -> None:
    """Print the time of each way and the ratio."""
    with _server() as url:
        asyncio.run(_compare(url, count, rounds, profile=profile))


@contextmanager
def _server() -> Iterator[str]:
    from workers.stack.embedded import start_servers

    with tempfile.TemporaryDirectory() as folder, start_servers(Path(folder), durable=True) as servers:
        upgrade(servers.database_url)
        yield servers.database_url


async def _compare(url: str, count: int, rounds: int, *, profile: bool) -> None:
    await _fill(url, count)
    if profile:
        await _profile(url)
        return
    times: dict[str, list[float]] = {"settle_due": [], "UPDATE": []}
    for number in range(rounds):
        outcomes = []
        for name, way in (("settle_due", _settle), ("UPDATE", _update)):
            async with _copy(url) as database:
                began = time.perf_counter()
                await way(database)
                times[name].append(time.perf_counter() - began)
                outcomes.append(await _outcome(database))
        assert outcomes[0] == outcomes[1], "the two ways differ"
        assert all(status != "PENDING" for _, status, _ in outcomes[0]), "a bet was left out"
        click.echo(f"round {number + 1}: " + ", ".join(f"{name} {spent[-1]:.3f} s" for name, spent in times.items()))
    ratios = [ours / plain for ours, plain in zip(times["settle_due"], times["UPDATE"], strict=True)]
    median = statistics.median(times["settle_due"])
    click.echo(f"settle_due: {count:,} bets in {median:.2f} s, {count / median:,.0f} bets/s")
    click.echo(f"ratio settle_due / UPDATE: {statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})")


async def _fill(url: str, count: int) -> None:
    """The match day: prices, bets, and results."""
    database = await Database.connect(url, size=2)
    try:
        factory, rng = Factory(database), np.random.default_rng(SEED)
        league = await factory.league("england-premier-league")
        matches = await factory.matches(
            [Fixture(league, f"Home {place}", f"Away {place}", KICKOFF) for place in range(MATCHES)]
        )
        await factory.prices(matches, markets=MARKETS, at=hours(0.5))
        words = await factory.markets(*MARKETS)
        choices = [(match, one) for match in matches for key in MARKETS for one in words.selection_ids[key].values()]
        for place in range(BETTORS):
            await _bets(database, place, choices, count // BETTORS, rng)
        await database.pool.execute(
            """update match set status = 'FINISHED', home_goals = id % 4, away_goals = id % 3, result_at = $1,
                   updated_at = $1""",
            OVER,
        )
        await database.pool.execute("vacuum analyze")
    finally:
        await database.close()


async def _bets(
    database: Database, place: int, choices: list[tuple[int, int]], count: int, rng: np.random.Generator
) -> None:
    """The bets of one bettor. Stakes are such that no payout needs rounding."""
    account = await person(database, f"bettor-{place}@example.com")
    bankroll = await make_bankroll(database.pool, account, deposit=10_000_000)
    bets = [
        PastBet(
            PLACED - timedelta(minutes=int(rng.integers(1, 600))),
            int(rng.integers(1, 50)) * 200,
            [PastLeg(Decimal(int(rng.integers(130, 500))) / 100, "", *choices[int(rng.integers(len(choices)))])],
        )
        for _ in range(count)
    ]
    async with database.transaction() as session:
        connection = await connection_of(session)
        await record_past(connection, account, bankroll, bets, now=PLACED, machine=machine_now(), source="MANUAL")


@asynccontextmanager
async def _copy(url: str) -> AsyncIterator[Database]:
    """A fresh copy of the filled database."""
    name = url.partition("?")[0].rpartition("/")[2]
    admin = await asyncpg.connect(url.replace(f"/{name}?", "/postgres?"))
    try:
        await admin.execute("drop database if exists round with (force)")
        await admin.execute(f'create database round template "{name}"')
        await admin.execute("checkpoint")
        database = await Database.connect(url.replace(f"/{name}?", "/round?"), size=2)
        try:
            yield database
        finally:
            await database.close()
    finally:
        await admin.close()


async def _settle(database: Database) -> None:
    """What the job does."""
    has_more = True
    while has_more:
        async with database.transaction() as session:
            connection = await connection_of(session)
            settled = await settle_due(connection, now=OVER, machine=machine_now(), job_id="benchmark")
        has_more = settled.has_more


async def _update(database: Database) -> None:
    async with database.transaction() as session:
        await (await connection_of(session)).execute(_UPDATE, OVER)


_UPDATE = """
update bet set status = (array['LOST', 'HALF_LOST', 'PUSH', 'HALF_WON', 'WON'])[3 + halves],
    payout = round(stake * (array[0, 0.5, 1, (1 + leg_price) / 2, leg_price])[3 + halves]), settled_at = $1,
    version = version + 1
from (
  select bet_id, leg_price, (sign(above - is_quarter) + sign(above + is_quarter))::int as halves
  from (
    select l.bet_id, l.price as leg_price, abs((coalesce(k.line, 0) * 4)::int % 2) as is_quarter,
      case k.kind
        when 'match_result' then case when s.key = case sign(m.home_goals - m.away_goals)
          when 1 then 'home' when 0 then 'draw' else 'away' end then 4 else -4 end
        when 'total_goals' then case s.key when 'over' then 4 else -4 end * (m.home_goals + m.away_goals - k.line)
        else case s.key when 'home' then 4 else -4 end * (m.home_goals - m.away_goals + k.line) end as above
    from bet_leg l join match m on m.id = l.match_id and m.status = 'FINISHED'
      join selection s on s.id = l.selection_id join market k on k.id = s.market_id
    where l.result is null) judged) ruled
where bet.id = ruled.bet_id and bet.status = 'PENDING' and bet.deleted_at is null
"""


async def _outcome(database: Database) -> Outcome:
    return [tuple(row) for row in await database.pool.fetch("select id, status, payout from bet order by id")]


async def _profile(url: str) -> None:
    async with _copy(url) as database:
        profiler = cProfile.Profile()
        profiler.enable()
        await _settle(database)
        profiler.disable()
        pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
