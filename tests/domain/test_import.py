"""Importing files: what is recorded, what a second run does, and what the command says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from click.testing import CliRunner, Result

from domain.infra.bus import Bus
from domain.infra.database import Database, connection_of
from domain.intake.service import FileReport, import_file
from domain.odds.service import Tick, record
from touchline import RESULT, PricedOutcome, Rejected, SourceMatch
from touchline.football_data import read_matches
from workers.commands.data import import_command

NOW = datetime(2025, 6, 1, tzinfo=UTC)
KICKOFF = datetime(2024, 8, 17, 14, tzinfo=UTC)
EARLY = KICKOFF - timedelta(hours=24)
TABLES = (
    "match",
    "team",
    "quote",
    "quote_change",
    "best_quote",
    "price_aggregate",
    "outbox",
    "season",
    "odds_position",
)


def price(value: float, *, closing: bool = False, book: str = "pinnacle", outcome: str = "home") -> PricedOutcome:
    return PricedOutcome(
        book, RESULT, outcome, value, KICKOFF if closing else EARLY, closing, book in {"Max", "Avg"}, not closing
    )


def match(*prices: PricedOutcome, **facts: object) -> SourceMatch:
    played = SourceMatch("E0", 2024, "Arsenal", "Chelsea", KICKOFF, home_goals=2, away_goals=1, origin="E0.csv:2")
    return replace(played, prices=prices, **facts)  # type: ignore[arg-type]


PRICED = match(
    price(1.6), price(1.7, closing=True), price(1.65, book="bet365"), price(1.8, book="Max"), price(1.6, book="Avg")
)


async def put(
    database: Database, *matches: SourceMatch, rejected: Sequence[Rejected] = (), now: datetime = NOW
) -> FileReport:
    return await import_file(database, "football-data", matches, rejected, now)


async def contents(database: Database) -> dict[str, list[asyncpg.Record]]:
    return {
        table: await database.pool.fetch(f"select t::text, xmin::text from {table} t order by 1") for table in TABLES
    }


def prices(report: FileReport) -> tuple[int, int, int]:
    return report.prices_new, report.prices_changed, report.prices_unchanged


def aggregates(report: FileReport) -> tuple[int, int, int]:
    return report.aggregates_new, report.aggregates_changed, report.aggregates_unchanged


async def test_a_file_brings_matches_prices_and_aggregates(database: Database) -> None:
    report = await put(database, PRICED)
    assert (report.matches_new, prices(report), aggregates(report)) == (1, (3, 0, 0), (2, 0, 0))
    rows = await database.pool.fetch(
        "select key, price::float8, observed_at, c.is_estimated from quote_change c join bookmaker b "
        "on b.id = bookmaker_id order by sequence"
    )
    assert [tuple(row) for row in rows] == [
        ("bet365", 1.65, EARLY, True),
        ("pinnacle", 1.6, EARLY, True),
        ("pinnacle", 1.7, KICKOFF, False),
    ]
    best = await database.pool.fetchrow("select price::float8, sequence from best_quote")
    assert best is not None
    assert tuple(best) == (1.7, 3)


async def test_bookmakers_have_their_names_kinds_and_commission(database: Database) -> None:
    await put(database, match(price(1.6), price(1.7, book="betfair-exchange"), price(1.5, book="somebody")))
    rows = await database.pool.fetch("select key, name, kind, commission::float8 from bookmaker order by key")
    assert [tuple(row) for row in rows] == [
        ("betfair-exchange", "Betfair Exchange", "EXCHANGE", 0.05),
        ("pinnacle", "Pinnacle", "SHARP", 0.0),
        ("somebody", "somebody", "SOFT", 0.0),
    ]


async def test_the_same_file_again_writes_nothing(database: Database) -> None:
    await put(database, PRICED)
    before = await contents(database)
    report = await put(database, PRICED, now=NOW + timedelta(days=1))
    assert (report.matches_unchanged, prices(report), aggregates(report)) == (1, (0, 0, 3), (0, 0, 2))
    assert await contents(database) == before


async def test_a_corrected_price_is_appended_and_counted(database: Database) -> None:
    await put(database, PRICED)
    corrected = match(price(1.62), price(1.7, closing=True), price(1.65, book="bet365"), price(1.9, book="Max"))
    report = await put(database, corrected)
    assert (prices(report), aggregates(report)) == ((0, 1, 2), (0, 1, 0))
    again = await put(database, corrected)
    assert (prices(again), aggregates(again)) == ((0, 0, 3), (0, 0, 1))
    assert await database.pool.fetchval("select price::float8 from price_aggregate where name = 'Max'") == 1.9
    row = await database.pool.fetchrow(
        "select price::float8, previous_price::float8 from quote_change where sequence = 4"
    )
    assert row is not None
    assert tuple(row) == (1.62, 1.6)


async def test_a_corrected_match_is_updated_and_not_doubled(database: Database) -> None:
    await put(database, PRICED)
    report = await put(database, replace(PRICED, home_goals=3))
    assert (report.matches_new, report.matches_changed) == (0, 1)
    assert await database.pool.fetchval("select home_goals from match") == 3


async def test_finished_matches_ask_for_no_value_and_are_not_published(database: Database) -> None:
    report = await put(database, PRICED)
    assert await database.pool.fetchval("select array_agg(job) from outbox") == ["refresh_league"]
    assert report.changes == []


async def test_coming_matches_ask_for_value_and_are_published(database: Database, redis_url: str) -> None:
    coming = replace(PRICED, home_goals=None, away_goals=None)
    report = await put(database, coming)
    assert await database.pool.fetchval("select array_agg(job order by job) from outbox") == [
        "price_value",
        "refresh_league",
    ]
    bus = Bus.connect(redis_url, stream="test:import")
    try:
        await bus.publish_odds(report.changes)
        [batch] = await bus.read_odds("0-0")
        assert (batch.first_sequence, batch.last_sequence) == (1, 3)
        assert [change["price"] for change in batch.changes] == [1.65, 1.6, 1.7]
        assert await bus.last_position() == batch.position
        assert await bus.read_odds(batch.position, wait=timedelta(milliseconds=5)) == []
        await bus.publish_odds([])
        assert await bus.last_position() == batch.position
    finally:
        await bus.close()


async def test_a_price_is_never_of_the_future(database: Database) -> None:
    now = EARLY - timedelta(days=1)
    coming = match(price(1.6), price(1.9, book="Max"), home_goals=None, away_goals=None)
    await put(database, coming, now=now)
    assert await database.pool.fetchval("select observed_at from quote_change") == now
    report = await put(database, coming, now=now + timedelta(hours=1))
    assert prices(report) == (0, 0, 1)
    assert await database.pool.fetchval("select confirmed_at from quote") == now + timedelta(hours=1)


async def test_a_file_fills_in_beside_what_was_seen_live(database: Database) -> None:
    coming = replace(PRICED, home_goals=None, away_goals=None, prices=(price(1.6),))
    await put(database, coming)
    quote = await database.pool.fetchrow("select * from quote")
    assert quote is not None
    seen_at = EARLY + timedelta(hours=3)
    live = Tick(quote["match_id"], quote["selection_id"], quote["bookmaker_id"], 1.66, seen_at)
    async with database.transaction() as session:
        await record(session, [live], source="feed")
    report = await put(database, replace(coming, home_goals=1, away_goals=0))
    assert prices(report) == (0, 0, 1)
    assert await database.pool.fetchval("select price::float8 from quote") == 1.66


async def test_rows_that_cannot_be_used_are_told_with_their_line(database: Database) -> None:
    twice = replace(PRICED, origin="E0.csv:3")
    report = await put(database, PRICED, twice, rejected=[Rejected("E0.csv:9", "no home team")])
    assert [(each.origin, each.reason) for each in report.skipped] == [
        ("E0.csv:9", "no home team"),
        ("E0.csv:3", "the same match is in E0.csv:2"),
    ]
    assert prices(report) == (3, 0, 0)


async def test_a_failure_leaves_nothing_of_the_file(database: Database) -> None:
    before = await contents(database)
    with pytest.raises(AttributeError):
        await import_file(database, "football-data", [PRICED, None], (), NOW)  # type: ignore[list-item]
    assert await contents(database) == before


async def test_files_and_live_prices_at_once_lose_nothing(database: Database) -> None:
    """Imports of two leagues beside live prices of both: no deadlock, and sequences without a hole."""
    teams = [f"Team {n}" for n in range(12)]
    files = [
        [
            replace(PRICED, league=league, home=home, away=away, home_goals=None, away_goals=None)
            for home in teams
            for away in teams
            if home != away
        ]
        for league in ("E0", "D1")
    ]
    for file in files:
        await put(database, *file[:40])
    known = await database.pool.fetch("select match_id, selection_id, bookmaker_id from quote")

    async def live(step: int) -> None:
        at = EARLY + timedelta(minutes=step)
        ticks = [
            Tick(match_id, selection_id, book_id, 1.5 + (step + n) % 7 / 10, at)
            for n, (match_id, selection_id, book_id) in enumerate(known[step % 5 :: 5])
        ]
        async with database.transaction() as session:
            await record(session, ticks, source="feed")

    await asyncio.gather(*(put(database, *file) for file in files), *(live(step) for step in range(12)))
    row = await database.pool.fetchrow(
        "select count(*), max(sequence), (select value from odds_position) from quote_change"
    )
    assert row is not None
    assert row[0] == row[1] == row[2] > 500


async def test_recorded_corrections_of_a_real_file(database: Database, recorded: Path) -> None:
    """The first rows of a real file, then with a later copy's correction: half-time goals of one match."""
    text = (recorded / "football-data" / "2122" / "E0.csv").read_text(encoding="utf-8-sig")
    lines = text.splitlines()[:60]
    first, rejected = read_matches("\n".join(lines) + "\n", "2122/E0.csv", 2021)
    report = await put(database, *first, rejected=rejected)
    assert (report.matches_new, report.matches_changed) == (59, 0)
    again = await put(database, *first)
    assert (again.matches_unchanged, again.prices_new, again.prices_changed, again.aggregates_changed) == (59, 0, 0, 0)
    later = [replace(first[0], half_time_home_goals=0, half_time_away_goals=0), *first[1:]]
    corrected = await put(database, *later)
    assert corrected.matches_changed == (first[0].half_time_home_goals != 0 or first[0].half_time_away_goals != 0)
    async with database.transaction() as session:
        count = await (await connection_of(session)).fetchval("select count(*) from match")
    assert count == 59


HEADER = "Div,Date,HomeTeam,AwayTeam,FTHG,FTAG,FTR,PSH,PSD,PSA,MaxH\n"
ROWS = "E0,17/08/2024,Arsenal,Chelsea,2,1,H,1.6,4,6,1.7\nX9,17/08/2024,Leeds,Fulham,2,1,H,1.6,4,6,1.7\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "2425").mkdir()
    (tmp_path / "2425" / "E0.csv").write_text(HEADER + ROWS)
    return tmp_path


@pytest.fixture
def environment(database_url: str, redis_url: str) -> dict[str, str]:
    return {"DATABASE_URL": database_url, "REDIS_URL": redis_url}


async def invoke(environment: dict[str, str], *words: str) -> Result:
    """Run the command in a thread: it opens an event loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, import_command, ["football-data", *words], env=environment)


async def test_the_command_imports_a_folder_and_says_what_it_did(
    environment: dict[str, str], folder: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    result = await invoke(environment, "--from", str(folder), "--json", str(report))
    assert result.exit_code == 0, result.output
    assert "2425/E0.csv: matches 1 new, 0 changed, 0 unchanged; prices 3 new" in result.output
    assert "Skipped: 1 rows and parts of 0 others" in result.output
    assert "2425/E0.csv:3: league 'X9' is not known; known are B1, D1" in result.output
    document = json.loads(report.read_text())
    assert document["totals"]["matches_new"] == 1
    assert document["totals"]["aggregates_new"] == 1
    assert [skipped["origin"] for skipped in document["skipped"]] == ["2425/E0.csv:3"]
    again = await invoke(environment, "--from", str(folder))
    assert "matches 0 new, 0 changed, 1 unchanged; prices 0 new, 0 changed, 3 unchanged" in again.output


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--league", "SP9"), 2, "Invalid value for --league: SP9 is not there; there are E0."),
        (("--season", "24"), 2, "Invalid value for --season: 24 is not a season; write 2425 for 2024/25."),
        (("--season", "2324"), 2, "Invalid value for --season: 2324 is not there; there are 2425."),
    ],
)
async def test_the_command_names_the_option_that_is_wrong(
    environment: dict[str, str], folder: Path, words: tuple[str, ...], code: int, message: str
) -> None:
    result = await invoke(environment, "--from", str(folder), *words)
    assert (result.exit_code, message in result.output) == (code, True), result.output


async def test_the_command_fails_when_nothing_could_be_read(environment: dict[str, str], tmp_path: Path) -> None:
    result = await invoke(environment, "--from", str(tmp_path / "nowhere"))
    assert (result.exit_code, "no such file or folder" in result.output) == (1, True)


async def test_an_unknown_provider_is_named_with_those_there_are(environment: dict[str, str]) -> None:
    result = await asyncio.to_thread(CliRunner().invoke, import_command, ["nobody", "--from", "."], env=environment)
    assert result.exit_code == 2
    assert "there is no 'nobody'; there are football-data" in result.output


async def test_a_file_that_cannot_be_read_does_not_stop_the_others(environment: dict[str, str], folder: Path) -> None:
    (folder / "2425" / "D1.csv").symlink_to(folder / "gone.csv")
    result = await invoke(environment, "--from", str(folder))
    assert result.exit_code == 0, result.output
    assert "Not read: 2425/D1.csv" in result.output
    assert "2425/E0.csv: matches 1 new" in result.output


async def test_without_redis_the_import_is_done_and_says_so(environment: dict[str, str], folder: Path) -> None:
    (folder / "fixtures.csv").write_text("Div,Date,HomeTeam,AwayTeam,PSH,PSD,PSA\nE0,17/05/2025,Leeds,Fulham,1.6,4,6\n")
    result = await invoke(environment | {"REDIS_URL": "redis://127.0.0.1:1/0"}, "--from", str(folder))
    assert result.exit_code == 0, result.output
    assert "Subscribers were not told" in result.output
