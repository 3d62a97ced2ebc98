"""The record page of a person with 10,000 bets beside that of one with 10: the Record operation over HTTP.

    uv run python -m benchmarks.record [--bets 10000] [--rounds 5] [--requests 20] [--json FILE]

Both people have one bankroll in the same embedded PostgreSQL and are asked for by one client on one connection, turn
by turn, with match time standing still; a first round of each is dropped. Before anything is timed the page is held
against sums that PostgreSQL makes of the same rows. CPU is what the operating system charged the server's process
(and PostgreSQL's) during a round, divided by its requests. Statements are those that the API counts for a request. The
exit code is 1 when the page is wrong, and never depends on speed.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import secrets
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import click
import numpy as np
import psutil

from benchmarks.serving import Server, cpu_seconds, postmaster, running
from domain import money
from domain.infra.database import Database
from domain.infra.settings import Settings
from domain.migrations.runner import upgrade
from tests.api.betting import entered
from tests.api.client import operation, serving
from tests.bettors import Leg, Wager, make_bankroll, make_bets
from tests.factories import MARKETS, NOW, Factory, Fixture
from tests.people import bearer, open_desk, person, signed_in
from workers.stack.embedded import start_servers

FEW = 10
LEAGUES, MATCHES = 8, 800
SPAN = timedelta(days=365)
"""Over which the bets are settled."""
SEED = 20260314
HEADERS = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Bettor:
    """A person whose page is asked for."""

    bets: int
    account: int
    authorization: str

    def ask(self, connection: http.client.HTTPConnection, body: str) -> bytes:
        """The page; raises RuntimeError when the status is not 200."""
        connection.request("POST", "/graphql", body, {**HEADERS, "authorization": self.authorization})
        response = connection.getresponse()
        answer = response.read()
        if response.status != http.HTTPStatus.OK:
            raise RuntimeError(f"status {response.status}: {answer[:300]!r}")
        return answer


@dataclass(frozen=True, slots=True)
class Round:
    """One bettor in one round; milliseconds per request."""

    wait_median: float
    wait_longest: float
    server_cpu: float
    postgres_cpu: float


@click.command()
@click.option("--bets", default=10_000, show_default=True, type=click.IntRange(100), help="Bets of the long record.")
@click.option("--rounds", default=5, show_default=True, help="Rounds of each bettor that count.")
@click.option("--requests", default=20, show_default=True, help="Requests of a round.")
@click.option("--json", "target", type=click.Path(path_type=Path), help="File for the figures.")
def main(bets: int, rounds: int, requests: int, target: Path | None) -> None:
    """Measure the record page by the length of the record."""
    os.environ.setdefault("TOUCHLINE_SECRET_KEY", secrets.token_urlsafe(32))
    body = json.dumps({"query": operation("Record")})
    with start_servers(durable=False) as databases:
        upgrade(databases.database_url)
        bettors = asyncio.run(fill(databases.database_url, databases.redis_url, (FEW, bets)))
        settings = Settings(database_url=databases.database_url, redis_url=databases.redis_url, log_level="debug")
        counts = [asyncio.run(statements(settings, each)) for each in bettors]
        postgres = asyncio.run(postmaster(databases.database_url))
        urls = {"DATABASE_URL": databases.database_url, "REDIS_URL": databases.redis_url}
        with running("touchline", "api", urls) as server:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            answers = [each.ask(connection, body) for each in bettors]
            for each, answer in zip(bettors, answers, strict=True):
                if wrong := asyncio.run(difference(databases.database_url, each, json.loads(answer))):
                    click.echo(f"the page of {each.bets:,} bets is wrong: {wrong}")
                    sys.exit(1)
            results: list[list[Round]] = [[], []]
            for number in range(rounds + 1):
                for each, result in zip(bettors, results, strict=True):
                    measured = measure(server, postgres, connection, each, body, requests)
                    if number:
                        result.append(measured)
            connection.close()
    medians = [middle(result) for result in results]
    show(bettors, answers, counts, medians, rounds, requests)
    if target is not None:
        figures = {
            str(each.bets): {"bytes": len(answer), "statements": count, "median": asdict(median)}
            for each, answer, count, median in zip(bettors, answers, counts, medians, strict=True)
        }
        target.write_text(json.dumps(figures, indent=2) + "\n")


async def fill(database_url: str, redis_url: str, lengths: Sequence[int]) -> list[Bettor]:
    """Leagues, matches with forecasts, and a signed-in bettor with each number of bets."""
    database = await Database.connect(database_url)
    try:
        factory = Factory(database)
        await factory.clock()
        legs = await _legs(factory)
        bettors = []
        for length in lengths:
            async with open_desk(database, redis_url) as desk:
                account = await person(desk, f"bettor-{length}@example.com", time_zone="America/Santiago")
                tokens = await signed_in(desk, account)
            bankroll = await make_bankroll(factory.db, account, at=NOW - SPAN)
            await make_bets(factory.db, bankroll, _wagers(legs, length))
            bettors.append(Bettor(length, account, bearer(tokens)["Authorization"]))
        await factory.db.execute("analyze")
        return bettors
    finally:
        await database.close()


async def _legs(factory: Factory) -> list[Leg]:
    """The home win of every match at one of three bookmakers, with the prediction that was shown."""
    matches: list[int] = []
    for number in range(LEAGUES):
        league = await factory.league(f"league-{number}")
        own = [
            Fixture(league, f"Home {number} {n}", f"Away {number} {n}", NOW - SPAN * n / MATCHES, goals=(1, 0))
            for n in range(MATCHES // LEAGUES)
        ]
        made = await factory.matches(own)
        await factory.forecasts(made, at=NOW - SPAN)
        matches += made
    words, books = await factory.markets(*MARKETS), list((await factory.books()).values())
    seen = await factory.db.fetch("select match_id, id from prediction where model_key = 'touchline.match_result'")
    predictions = {row["match_id"]: row["id"] for row in seen}
    home = words.selection_id(MARKETS[0], "home")
    return [Leg(match, home, books[n % len(books)], None, predictions[match]) for n, match in enumerate(matches)]


def _wagers(legs: Sequence[Leg], count: int) -> list[Wager]:
    """Singles and some doubles at fair odds, settled over a year; one in fifty is pending."""
    rng = np.random.default_rng(SEED)
    prices = rng.uniform(1.4, 4.0, count).round(2)
    status = np.where(rng.random(count) < 1 / prices, "WON", "LOST")
    status[rng.random(count) < 0.02] = "PENDING"
    ages = rng.uniform(0, SPAN / timedelta(minutes=1), count)
    places = rng.integers(0, len(legs), (count, 2))
    return [
        Wager(
            str(status[n]),
            int(rng.integers(5, 50)) * 100,
            f"{prices[n]:.2f}",
            placed_at=NOW - timedelta(minutes=ages[n], hours=3),
            settled_at=NOW - timedelta(minutes=ages[n]),
            closing_line_value=float(rng.normal(0.01, 0.05)),
            tags=("live",) if n % 3 == 0 else (),
            legs=tuple(legs[place] for place in places[n][: 2 if n % 10 == 0 else 1]),
        )
        for n in range(count)
    ]


async def statements(settings: Settings, bettor: Bettor) -> int:
    """What the API sends to PostgreSQL for the page."""
    async with serving(settings) as client, entered(client.app, bettor.account, bettor.authorization) as asking:
        answer = await asking.ask(operation("Record"))
        return answer.statements


async def difference(database_url: str, bettor: Bettor, page: dict[str, Any]) -> str | None:
    """The first place where the page is not what PostgreSQL sums up; None when there is none."""
    connection = await asyncpg.connect(database_url)
    try:
        row = await connection.fetchrow(
            """select count(*) as settled, sum(payout - stake)::bigint as profit,
                   sum(payout - stake)::float8 / sum(stake)::float8 as roi
               from bet where account_id = $1 and status not in ('PENDING', 'VOID')""",
            bettor.account,
        )
        assert row is not None
        balance = await connection.fetchval("select balance from bankroll where account_id = $1", bettor.account)
    finally:
        await connection.close()
    if page.get("errors"):
        return str(page["errors"][:2])
    viewer, [bankroll] = page["data"]["viewer"], page["data"]["viewer"]["bankrolls"]["nodes"]
    told = {
        "settledCount": (viewer["performance"]["settledCount"], row["settled"]),
        "netProfit": (viewer["performance"]["netProfit"]["amount"], str(money.major(row["profit"], "EUR"))),
        "roi": (round(viewer["performance"]["roi"], 12), round(row["roi"], 12)),
        "performanceBy": (sum(each["metrics"]["settledCount"] for each in bankroll["performanceBy"]), row["settled"]),
        "equityCurve": (bankroll["equityCurve"][-1]["balance"]["amount"], str(money.major(balance, "EUR"))),
    }
    return next((f"{name} is {shown}, not {true}" for name, (shown, true) in told.items() if shown != true), None)


def measure(
    server: Server,
    postgres: psutil.Process,
    connection: http.client.HTTPConnection,
    bettor: Bettor,
    body: str,
    requests: int,
) -> Round:
    """One round of requests, one after the other."""
    server_before, postgres_before = cpu_seconds(server.process), cpu_seconds(postgres)
    waits = []
    for _ in range(requests):
        began = time.perf_counter()
        bettor.ask(connection, body)
        waits.append(1000 * (time.perf_counter() - began))
    return Round(
        wait_median=statistics.median(waits),
        wait_longest=max(waits),
        server_cpu=1000 * (cpu_seconds(server.process) - server_before) / requests,
        postgres_cpu=1000 * (cpu_seconds(postgres) - postgres_before) / requests,
    )


def middle(rounds: Sequence[Round]) -> Round:
    """The median of each figure."""
    return Round(*(statistics.median(getattr(each, field.name) for each in rounds) for field in fields(Round)))


def show(
    bettors: Sequence[Bettor],
    answers: Sequence[bytes],
    counts: Sequence[int],
    medians: Sequence[Round],
    rounds: int,
    requests: int,
) -> None:
    click.echo(f"medians of {rounds} rounds of {requests} requests each, one connection, one server process")
    click.echo(
        f"{'bets':>8}{'bytes':>9}{'statements':>12}{'wait p50':>12}{'longest':>12}{'server CPU':>13}{'PG CPU':>12}"
    )
    for each, answer, count, median in zip(bettors, answers, counts, medians, strict=True):
        click.echo(
            f"{each.bets:>8,}{len(answer):>9,}{count:>12}{median.wait_median:>9.1f} ms{median.wait_longest:>9.1f} ms"
            f"{median.server_cpu:>10.1f} ms{median.postgres_cpu:>9.1f} ms"
        )
    few, many = medians
    times = bettors[1].bets / bettors[0].bets
    click.echo(f"{times:,.0f} times the bets take {many.wait_median / few.wait_median:.1f} times the wait")


if __name__ == "__main__":
    main()
