"""Recording prices: what counts as a change, under which sequence, and what follows from it."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.infra.database import Database, connection_of
from domain.markets.service import dictionary
from domain.matches.service import record_matches
from domain.odds.aggregates import Aggregate, record_aggregates
from domain.odds.service import NewBookmaker, Recorded, Tick, bookmakers, record
from touchline import OVER_25, RESULT, SourceMatch

NOON = datetime(2025, 3, 31, 12, tzinfo=UTC)
KICKOFF = NOON + timedelta(days=1)
BOOKS = [NewBookmaker("one", "One"), NewBookmaker("two", "Two"), NewBookmaker("three", "Three", "EXCHANGE", 0.05)]


@dataclass(frozen=True)
class Ground:
    """Ids to record prices of: four matches of different teams, of which the last one is over."""

    matches: tuple[int, ...]
    home: int
    draw: int
    over: int
    books: tuple[int, ...]

    def tick(self, price: float, minute: float = 0, *, match: int = 0, book: int = 0, available: bool = True) -> Tick:
        """A price of the home win, `minute` minutes after noon of the day before the match."""
        at = NOON + timedelta(minutes=minute)
        return Tick(self.matches[match], self.home, self.books[book], price, at, is_available=available)


@pytest.fixture
async def ground(database: Database) -> Ground:
    names = [("Arsenal", "Chelsea"), ("Everton", "Fulham"), ("Leeds", "Burnley"), ("Luton", "Watford")]
    fixtures = [SourceMatch("E0", 2024, home, away, KICKOFF) for home, away in names]
    fixtures[3] = replace(fixtures[3], home_goals=1, away_goals=0)
    async with database.transaction() as session:
        found = await record_matches(session, "football-data", fixtures, now=NOON)
        connection = await connection_of(session)
        markets = await dictionary(connection, [RESULT, OVER_25])
        books = await bookmakers(connection, BOOKS)
        await connection.execute("delete from outbox")
    return Ground(
        tuple(found.ids["E0", 2024, home, away, 1] for home, away in names),
        markets.selection_id(RESULT, "home"),
        markets.selection_id(RESULT, "draw"),
        markets.selection_id(OVER_25, "over"),
        tuple(books[book.key] for book in BOOKS),
    )


async def put(database: Database, *ticks: Tick, is_history: bool = False) -> Recorded:
    async with database.transaction() as session:
        return await record(session, ticks, source="test", is_history=is_history)


async def quotes(database: Database) -> list[asyncpg.Record]:
    return await database.pool.fetch("select * from quote order by match_id, selection_id, bookmaker_id")


async def history(database: Database) -> list[tuple[int, float, float | None]]:
    """Sequence, price and previous price of every recorded change."""
    rows = await database.pool.fetch(
        "select sequence, price::float8, previous_price::float8 from quote_change order by sequence"
    )
    return [tuple(row) for row in rows]


async def best(database: Database) -> list[tuple[int, int, int, float]]:
    rows = await database.pool.fetch(
        "select match_id, selection_id, bookmaker_id, price::float8 from best_quote order by 1, 2"
    )
    return [tuple(row) for row in rows]


async def test_first_price_opens_a_quote(database: Database, ground: Ground) -> None:
    recorded = await put(database, ground.tick(2.1))
    [quote] = await quotes(database)
    assert (float(quote["price"]), quote["previous_price"], float(quote["opening_price"])) == (2.1, None, 2.1)
    assert (quote["observed_at"], quote["confirmed_at"], quote["sequence"]) == (NOON, NOON, 1)
    assert await history(database) == [(1, 2.1, None)]
    [change] = recorded.changes
    assert (change.sequence, change.price, change.previous_price, change.is_best) == (1, 2.1, None, True)
    assert (recorded.changed, recorded.new, recorded.first_sequence, recorded.last_sequence) == (1, 1, 1, 1)


async def test_another_price_is_a_change_and_keeps_the_opening_price(database: Database, ground: Ground) -> None:
    await put(database, ground.tick(2.1))
    recorded = await put(database, ground.tick(2.2, 5))
    [quote] = await quotes(database)
    assert (float(quote["price"]), float(quote["previous_price"]), float(quote["opening_price"])) == (2.2, 2.1, 2.1)
    assert (quote["observed_at"], quote["sequence"]) == (NOON + timedelta(minutes=5), 2)
    assert (recorded.changed, recorded.new) == (1, 0)


async def test_the_same_price_only_confirms(database: Database, ground: Ground) -> None:
    await put(database, ground.tick(2.1))
    recorded = await put(database, ground.tick(2.1, 5), ground.tick(2.1, 3))
    [quote] = await quotes(database)
    assert (quote["observed_at"], quote["confirmed_at"]) == (NOON, NOON + timedelta(minutes=5))
    assert (recorded.unchanged, recorded.changed, recorded.first_sequence) == (2, 0, None)
    assert await history(database) == [(1, 2.1, None)]


async def test_an_older_price_is_late(database: Database, ground: Ground) -> None:
    await put(database, ground.tick(2.1, 5))
    recorded = await put(database, ground.tick(2.2, 4))
    assert (recorded.late, recorded.changed) == (1, 0)
    assert await history(database) == [(1, 2.1, None)]


async def test_a_price_from_before_a_confirmation_is_late(database: Database, ground: Ground) -> None:
    await put(database, ground.tick(2.1), ground.tick(2.1, 10))
    recorded = await put(database, ground.tick(2.2, 5))
    assert (recorded.late, recorded.changed) == (1, 0)
    assert [float(quote["price"]) for quote in await quotes(database)] == [2.1]


async def test_another_price_at_the_same_instant_is_a_correction(database: Database, ground: Ground) -> None:
    await put(database, ground.tick(2.1))
    recorded = await put(database, ground.tick(2.2))
    assert recorded.changed == 1
    assert await history(database) == [(1, 2.1, None), (2, 2.2, 2.1)]


async def test_a_batch_keeps_only_real_changes_in_time_order(database: Database, ground: Ground) -> None:
    await put(database, ground.tick(2.0))
    minutes = [(2.1, 4), (2.0, 1), (2.1, 3), (2.2, 5), (2.0, 2)]
    recorded = await put(database, *(ground.tick(price, minute) for price, minute in minutes))
    assert await history(database) == [(1, 2.0, None), (2, 2.1, 2.0), (3, 2.2, 2.1)]
    assert (recorded.changed, recorded.unchanged) == (2, 3)
    assert [change.is_best for change in recorded.changes] == [False, True]


async def test_prices_that_cannot_be_are_counted_and_dropped(database: Database, ground: Ground) -> None:
    wrong = [1.0, 0.5, -2.0, math.nan, math.inf, -math.inf, 1.00004, 1e6, 1e300]
    recorded = await put(database, *(ground.tick(price) for price in wrong))
    assert (recorded.impossible, recorded.changed) == (len(wrong), 0)
    assert await quotes(database) == []


async def test_prices_after_kickoff_are_counted_and_dropped(database: Database, ground: Ground) -> None:
    at_kickoff = ground.tick(2.0, 24 * 60)
    recorded = await put(database, at_kickoff, ground.tick(2.1, 24 * 60 + 0.001))
    assert (recorded.after_kickoff, recorded.changed) == (1, 1)
    assert await history(database) == [(1, 2.0, None)]


async def test_a_withdrawn_price_is_a_change_and_no_longer_the_best(database: Database, ground: Ground) -> None:
    await put(database, ground.tick(2.1), ground.tick(2.0, book=1))
    recorded = await put(database, ground.tick(2.1, 1, available=False))
    assert [(change.is_available, change.is_best) for change in recorded.changes] == [(False, False)]
    assert await best(database) == [(ground.matches[0], ground.home, ground.books[1], 2.0)]
    await put(database, ground.tick(2.0, 1, book=1, available=False))
    assert await best(database) == []


async def test_of_equal_prices_the_older_one_is_the_best(database: Database, ground: Ground) -> None:
    await put(database, ground.tick(2.1, 2), ground.tick(2.1, 1, book=1), ground.tick(2.0, book=2))
    assert await best(database) == [(ground.matches[0], ground.home, ground.books[1], 2.1)]


async def test_one_job_waits_per_match_that_is_not_over(database: Database, ground: Ground) -> None:
    for minute in range(3):
        await put(database, *(ground.tick(2 + minute / 10, minute, match=match) for match in (3, 1, 0)))
    rows = await database.pool.fetch("select job, arguments, dedupe_key from outbox order by id")
    assert [tuple(row) for row in rows] == [
        ("price_value", {"match_id": match}, f"price_value:{match}") for match in ground.matches[:2]
    ]


async def test_changes_of_a_match_that_is_over_are_recorded_and_not_told(database: Database, ground: Ground) -> None:
    recorded = await put(database, ground.tick(2.1, match=3), ground.tick(2.2, match=0))
    assert recorded.changed == 2
    assert [change.match_id for change in recorded.changes] == [ground.matches[0]]


async def test_an_empty_batch_writes_nothing(database: Database, ground: Ground) -> None:
    recorded = await put(database)
    assert recorded == Recorded()
    assert await database.pool.fetchval("select value from odds_position") == 0


async def test_a_match_that_does_not_exist_is_refused_as_a_whole(database: Database, ground: Ground) -> None:
    stray = replace(ground.tick(2.0), match_id=10**9)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await put(database, ground.tick(2.0), stray)
    assert await quotes(database) == []
    assert await database.pool.fetchval("select value from odds_position") == 0


async def test_months_are_partitions_by_utc(database: Database, ground: Ground) -> None:
    await put(database, ground.tick(2.0), ground.tick(2.1, 12 * 60 - 0.001), ground.tick(2.2, 12 * 60))
    rows = await database.pool.fetch(
        "select tableoid::regclass::text, count(*) from quote_change group by 1 order by 1"
    )
    assert [tuple(row) for row in rows] == [("quote_change_2025_03", 2), ("quote_change_2025_04", 1)]
    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        await database.pool.execute("update quote_change set price = 3")


async def test_a_bulk_batch_is_recorded_like_a_small_one(database: Database, ground: Ground) -> None:
    prices = random.Random(7)
    ticks = [
        Tick(match, selection, book, round(prices.uniform(1.5, 3), 1), NOON + timedelta(minutes=minute))
        for minute in range(90)
        for match in ground.matches[:3]
        for selection in (ground.home, ground.draw, ground.over)
        for book in ground.books
    ]
    recorded = await put(database, *ticks)
    assert recorded.changed > 2000
    assert recorded.changed + recorded.unchanged == len(ticks)
    assert [sequence for sequence, *_ in await history(database)] == list(range(1, recorded.changed + 1))
    await assert_tables_agree(database)


async def test_history_is_compared_with_what_stood_then(database: Database, ground: Ground) -> None:
    file = [ground.tick(1.6), ground.tick(1.7, 60)]
    await put(database, *file, is_history=True)
    again = await put(database, *file, is_history=True)
    assert (again.unchanged, again.changed, again.late) == (2, 0, 0)
    corrected = await put(database, ground.tick(1.65), ground.tick(1.7, 60), is_history=True)
    assert (corrected.changed, corrected.unchanged) == (1, 1)
    assert await history(database) == [(1, 1.6, None), (2, 1.7, 1.6), (3, 1.65, 1.6)]
    [quote] = await quotes(database)
    assert [float(quote[name]) for name in ("price", "previous_price", "opening_price")] == [1.7, 1.65, 1.65]
    assert quote["sequence"] == 2
    third = await put(database, ground.tick(1.65), ground.tick(1.7, 60), is_history=True)
    assert (third.unchanged, third.changed) == (2, 0)


async def test_a_corrected_last_word_of_history_moves_the_quote(database: Database, ground: Ground) -> None:
    await put(database, ground.tick(1.6), ground.tick(1.7, 60), is_history=True)
    await put(database, ground.tick(1.6), ground.tick(1.8, 60), is_history=True)
    [quote] = await quotes(database)
    assert [float(quote[name]) for name in ("price", "previous_price", "opening_price")] == [1.8, 1.7, 1.6]
    assert quote["sequence"] == 3
    await assert_tables_agree(database)


async def test_a_corrected_opening_before_an_equal_closing_price(database: Database, ground: Ground) -> None:
    await put(database, ground.tick(1.6), ground.tick(1.6, 60), is_history=True)
    await put(database, ground.tick(1.62), ground.tick(1.6, 60), is_history=True)
    again = await put(database, ground.tick(1.62), ground.tick(1.6, 60), is_history=True)
    assert (again.unchanged, again.changed) == (2, 0)
    [quote] = await quotes(database)
    assert [float(quote[name]) for name in ("price", "previous_price", "opening_price")] == [1.6, 1.62, 1.62]


async def test_history_does_not_undo_a_price_that_was_seen_since(database: Database, ground: Ground) -> None:
    await put(database, ground.tick(2.0), ground.tick(2.0, 90))
    recorded = await put(database, ground.tick(2.2, 30), ground.tick(2.0, 60), is_history=True)
    assert (recorded.late, recorded.unchanged, recorded.changed) == (1, 1, 0)
    [quote] = await quotes(database)
    assert (float(quote["price"]), quote["confirmed_at"]) == (2.0, NOON + timedelta(minutes=90))
    assert await history(database) == [(1, 2.0, None)]


async def test_history_corrects_the_instant_of_a_price_that_was_seen_since(database: Database, ground: Ground) -> None:
    await put(database, ground.tick(2.0), ground.tick(2.0, 90))
    recorded = await put(database, ground.tick(2.2), ground.tick(2.0, 5), is_history=True)
    assert (recorded.late, recorded.changed) == (0, 2)
    [quote] = await quotes(database)
    assert (float(quote["price"]), quote["confirmed_at"]) == (2.0, NOON + timedelta(minutes=90))
    await assert_tables_agree(database)


async def test_history_up_to_the_last_sight_of_a_price_corrects_it(database: Database, ground: Ground) -> None:
    await put(database, ground.tick(2.0), ground.tick(2.0, 90), is_history=True)
    recorded = await put(database, ground.tick(2.2, 30), ground.tick(2.0, 90), is_history=True)
    assert (recorded.late, recorded.changed) == (0, 2)
    assert await history(database) == [(1, 2.0, None), (2, 2.2, 2.0), (3, 2.0, 2.2)]
    await assert_tables_agree(database)


async def assert_tables_agree(database: Database) -> None:
    """The quote is the last change of its key, and the best quote is the best of the available ones."""
    wrong = await database.pool.fetch("""
        select quote.* from quote full join (
            select distinct on (match_id, selection_id, bookmaker_id) *
            from quote_change order by match_id, selection_id, bookmaker_id, observed_at desc, sequence desc
        ) as last using (match_id, selection_id, bookmaker_id)
        where (quote.price, quote.sequence, quote.observed_at, quote.is_available)
            is distinct from (last.price, last.sequence, last.observed_at, last.is_available)
    """)
    assert wrong == []
    wrong = await database.pool.fetch("""
        select * from best_quote full join (
            select distinct on (match_id, selection_id) match_id, selection_id, bookmaker_id, price, sequence
            from quote where is_available
            order by match_id, selection_id, price desc, observed_at, bookmaker_id
        ) as right_one using (match_id, selection_id)
        where (best_quote.bookmaker_id, best_quote.price, best_quote.sequence)
            is distinct from (right_one.bookmaker_id, right_one.price, right_one.sequence)
    """)
    assert wrong == []


@dataclass
class Naive:
    """One key as somebody would keep it on paper."""

    price: float
    available: bool
    since: int
    seen: int
    log: list[tuple[float, int]]


def keep(paper: dict[int, Naive], batch: Sequence[tuple[int, float, int, bool]]) -> tuple[int, int, int]:
    """Note a batch of (book, price, minute, available) on paper: changed, unchanged, late."""
    before = {book: replace(kept) for book, kept in paper.items()}
    counted = [0, 0, 0]
    for book, price, minute, available in sorted(batch, key=lambda tick: (tick[0], tick[2])):
        old, kept = before.get(book), paper.get(book)
        if old and (
            minute < old.since or (old.since < minute < old.seen and (price, available) != (old.price, old.available))
        ):
            counted[2] += 1
        elif kept and (kept.price, kept.available) == (price, available):
            kept.seen = max(kept.seen, minute)
            counted[1] += 1
        else:
            paper[book] = Naive(price, available, minute, minute, [*(kept.log if kept else []), (price, minute)])
            counted[0] += 1
    return counted[0], counted[1], counted[2]


TICKS = st.tuples(st.integers(0, 2), st.sampled_from([1.5, 1.51, 2.0]), st.integers(0, 12), st.booleans())
BATCHES = st.lists(st.lists(TICKS, max_size=8), max_size=4)
RUNS = count()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BATCHES)
async def test_any_batches_are_recorded_as_on_paper(
    database: Database, ground: Ground, batches: list[list[tuple[int, float, int, bool]]]
) -> None:
    match_id = await _another_match(database, next(RUNS))
    paper: dict[int, Naive] = {}
    for batch in batches:
        ticks = [
            replace(ground.tick(price, minute, book=book, available=available), match_id=match_id)
            for book, price, minute, available in batch
        ]
        recorded = await put(database, *ticks)
        assert (recorded.changed, recorded.unchanged, recorded.late) == keep(paper, batch)
    rows = await database.pool.fetch(
        "select bookmaker_id, price::float8, is_available, observed_at, confirmed_at from quote where match_id = $1",
        match_id,
    )
    assert {row[0]: tuple(row[1:]) for row in rows} == {
        ground.books[book]: (
            kept.price,
            kept.available,
            NOON + timedelta(minutes=kept.since),
            NOON + timedelta(minutes=kept.seen),
        )
        for book, kept in paper.items()
    }
    for book, kept in paper.items():
        log = await database.pool.fetch(
            "select price::float8, observed_at from quote_change where match_id = $1 and bookmaker_id = $2 "
            "order by sequence",
            match_id,
            ground.books[book],
        )
        assert [tuple(row) for row in log] == [(price, NOON + timedelta(minutes=minute)) for price, minute in kept.log]
    await assert_tables_agree(database)


async def _another_match(database: Database, number: int) -> int:
    async with database.transaction() as session:
        match = SourceMatch("E0", 2024, f"Home {number}", f"Away {number}", KICKOFF)
        return (await record_matches(session, "football-data", [match], now=NOON)).new[0]


async def test_a_file_and_a_feed_do_not_wait_for_each_other_in_a_ring(database: Database, ground: Ground) -> None:
    """A file with aggregates of the second league and prices of both, beside a feed of both."""
    dortmund = SourceMatch("D1", 2024, "Bayern Munich", "Dortmund", KICKOFF)
    async with database.transaction() as session:
        [second] = (await record_matches(session, "football-data", [dortmund], now=NOON)).new
    await put(database, ground.tick(2.0))
    both = [ground.tick(2.1, 1), replace(ground.tick(2.1, 1), match_id=second)]
    async with database.transaction() as session:
        connection = await connection_of(session)
        await record_aggregates(connection, [Aggregate(second, ground.home, "Max", False, 2.2, NOON)], source="file")
        feed = asyncio.create_task(put(database, *both))
        await asyncio.wait({feed}, timeout=0.3)
        found = await record(session, [replace(tick, bookmaker_id=ground.books[1]) for tick in both], source="file")
    assert (found.changed, (await feed).changed) == (2, 2)


async def test_sequences_have_no_hole_and_follow_the_order_of_commits(database: Database, ground: Ground) -> None:
    seen: list[tuple[int, int]] = []
    done = asyncio.Event()

    async def write(seed: int) -> int:
        chance, total = random.Random(seed), 0
        for step in range(25):
            ticks = [
                Tick(
                    chance.choice(ground.matches[:3]),
                    chance.choice((ground.home, ground.draw, ground.over)),
                    chance.choice(ground.books),
                    chance.choice((1.5, 1.8, 2.0, 2.4)),
                    NOON + timedelta(minutes=step + chance.random()),
                )
                for _ in range(chance.randrange(12))
            ]
            recorded = await put(database, *ticks)
            total += recorded.changed
        return total

    async def watch() -> None:
        while not done.is_set():
            row = await database.pool.fetchrow("select coalesce(max(sequence), 0), count(*) from quote_change")
            assert row is not None
            seen.append((row[0], row[1]))

    watching = asyncio.create_task(watch())
    totals = await asyncio.gather(*(write(seed) for seed in range(4)))
    done.set()
    await watching
    sequences = [sequence for sequence, *_ in await history(database)]
    assert sequences == list(range(1, sum(totals) + 1))
    assert await database.pool.fetchval("select value from odds_position") == sum(totals) > 100
    # Whoever looks finds all sequences up to the highest one: none appears below it later.
    assert all(highest == found for highest, found in seen)
    await assert_tables_agree(database)
