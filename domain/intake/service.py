"""Importing files of a provider: matches, results and the prices taken of them.

One transaction per file. The same file again writes nothing; a corrected one writes what it corrects.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

import asyncpg

from domain.infra.clock import match_now
from domain.infra.database import Database, connection_of
from domain.infra.outbox import ask
from domain.markets.service import Dictionary, dictionary
from domain.matches.service import MatchesRecorded, MatchKey, grade_request, key_of, record_matches
from domain.odds.aggregates import Aggregate, AggregatesRecorded, record_aggregates
from domain.odds.partitions import make_partitions
from domain.odds.service import Change, NewBookmaker, Recorded, Tick, bookmakers, record
from touchline import MarketKey, Provider, Rejected, SourceMatch
from touchline.football_data import BOOKS

KNOWN_BOOKMAKERS: Final[Mapping[str, NewBookmaker]] = MappingProxyType(
    {book.key: NewBookmaker(book.key, book.name, book.kind, book.commission) for book in BOOKS}
)
"""By key. The commission is an exchange's published base rate, Betfair's 5 %. An operator with another rate
changes the row, which imports leave alone."""


@dataclass(slots=True)
class FileReport:
    """What became of one file."""

    matches_new: int = 0
    matches_changed: int = 0
    matches_unchanged: int = 0
    prices_new: int = 0
    """First prices of a bookmaker for an outcome, and changes of them that were not known."""
    prices_changed: int = 0
    """Changes of prices that were known before this file."""
    prices_unchanged: int = 0
    prices_left_out: int = 0
    """Observed after kick-off, or no decimal price above 1."""
    aggregates_new: int = 0
    aggregates_changed: int = 0
    aggregates_unchanged: int = 0
    skipped: list[Rejected] = field(default_factory=list)
    """Rows, or parts of them, with file, line and reason."""
    changes: list[Change] = field(default_factory=list)
    """Of matches that are not over, for the bus."""
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        """Matches and prices that were read."""
        prices = self.prices_new + self.prices_changed + self.prices_unchanged
        aggregates = self.aggregates_new + self.aggregates_changed + self.aggregates_unchanged
        return self.matches_new + self.matches_changed + self.matches_unchanged + prices + aggregates


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Look for cycles seldom while files are imported: a file is half a million objects without one.

    Saves a fifth of an import's time and a third of a repeated one's. For a command's process, as the
    setting is the interpreter's.
    """
    before = gc.get_threshold()
    gc.set_threshold(1_000_000, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)


async def import_files(
    database: Database, provider: Provider, origin: str, names: Sequence[str]
) -> AsyncIterator[tuple[str, FileReport | OSError]]:
    """Read and record files in their order; for each what became of it, or why it could not be read.

    The next file is read while one is recorded. Recording two at once was tried and gains nothing: they
    wait for each other's new teams and for the position of the odds stream.
    """
    reading = _start_reading(provider, origin, names, 0)
    try:
        for number, name in enumerate(names):
            found = await reading
            reading = _start_reading(provider, origin, names, number + 1)
            if isinstance(found, OSError):
                yield name, found
            else:
                now = await match_now(database.pool)
                yield name, await import_file(database, provider.key, *found, now)
    finally:
        reading.cancel()


_Read = tuple[Sequence[SourceMatch], Sequence[Rejected]]


def _start_reading(provider: Provider, origin: str, names: Sequence[str], number: int) -> asyncio.Task[_Read | OSError]:
    """Read a file in a thread. A failure is a value: what is read ahead may never be asked for."""

    async def read() -> _Read | OSError:
        if number >= len(names):
            return (), ()
        try:
            return await asyncio.to_thread(provider.read, origin, names[number])
        except OSError as error:
            return error

    return asyncio.create_task(read())


async def import_file(
    database: Database,
    provider_key: str,
    matches: Sequence[SourceMatch],
    rejected: Sequence[Rejected],
    now: datetime,
    *,
    historic: bool = True,
) -> FileReport:
    """Record one file in one transaction; `now` is match time.

    With `historic` each price is compared with what stood at its own instant, so that a file can correct
    the past; without it older prices than the standing ones are late. The caller publishes `changes`.
    """
    started = time.perf_counter()
    report = FileReport(skipped=list(rejected))
    async with database.transaction() as session:
        found = await record_matches(session, provider_key, matches, now=now)
        connection = await connection_of(session)
        known = _recorded(matches, found)
        ticks, aggregates = await _prices(connection, known, found, now)
        await make_partitions(connection, (tick.observed_at for tick in ticks))
        added = await record_aggregates(connection, aggregates, source=provider_key)
        recorded = await record(session, ticks, source=provider_key, is_history=historic)
        decided = {found.ids[key_of(match)] for match in known if match.home_goals is not None} - set(found.new)
        if decided and (recorded.changed or added.new or added.changed):
            await ask(connection, [grade_request(decided, are_repriced=True)])
    _tell(report, found, added, recorded)
    report.seconds = time.perf_counter() - started
    return report


def _recorded(matches: Sequence[SourceMatch], found: MatchesRecorded) -> list[SourceMatch]:
    """The matches that were recorded; of one told twice the first, as there."""
    first: dict[MatchKey, SourceMatch] = {}
    for match in matches:
        key = key_of(match)
        if key in found.ids:
            first.setdefault(key, match)
    return list(first.values())


async def _prices(
    connection: asyncpg.Connection, matches: Sequence[SourceMatch], found: MatchesRecorded, now: datetime
) -> tuple[list[Tick], list[Aggregate]]:
    """The prices of the file by ids: those of bookmakers, and aggregates."""
    markets = await dictionary(connection, _markets(matches))
    names = {price.bookmaker for match in matches for price in match.prices if not price.is_aggregate}
    books = await bookmakers(connection, [KNOWN_BOOKMAKERS.get(key) or NewBookmaker(key, key) for key in names])
    ticks: list[Tick] = []
    aggregates: list[Aggregate] = []
    for match in matches:
        _gather(match, found.ids[key_of(match)], markets, books, now, ticks, aggregates)
    return ticks, aggregates


def _markets(matches: Iterable[SourceMatch]) -> set[MarketKey]:
    """Markets that have a price. Neighbours mostly are of one market, so few are hashed."""
    markets: set[MarketKey] = set()
    last: MarketKey | None = None
    for match in matches:
        for price in match.prices:
            if price.market is not last:
                last = price.market
                markets.add(last)
    return markets


def _gather(
    match: SourceMatch,
    match_id: int,
    markets: Dictionary,
    books: Mapping[str, int],
    now: datetime,
    ticks: list[Tick],
    aggregates: list[Aggregate],
) -> None:
    """Append a match's prices. The hot loop: 2.2 million prices in twenty seasons of the big leagues.

    Before a match the instant of an estimated price may be still to come, as when a list of fixtures is
    out before the hour at which its prices count as taken: then it is `now`.
    """
    is_coming = match.home_goals is None
    last: MarketKey | None = None
    selections: Mapping[str, int] = {}
    for price in match.prices:
        if price.market is not last:
            last = price.market
            selections = markets.selection_ids[last]
        at = price.observed_at
        if is_coming and price.is_estimated and at > now:
            at = now
        if price.is_aggregate:
            aggregates.append(
                Aggregate(match_id, selections[price.outcome], price.bookmaker, price.is_closing, price.price, at)
            )
        else:
            ticks.append(
                Tick(match_id, selections[price.outcome], books[price.bookmaker], price.price, at, price.is_estimated)
            )


def _tell(report: FileReport, found: MatchesRecorded, added: AggregatesRecorded, recorded: Recorded) -> None:
    report.matches_new = len(found.new)
    report.matches_changed = len(found.changed)
    report.matches_unchanged = len(found.unchanged)
    report.skipped.extend(found.rejected)
    report.prices_new = recorded.new
    report.prices_changed = recorded.changed - recorded.new
    report.prices_unchanged = recorded.unchanged + recorded.late
    report.prices_left_out = recorded.after_kickoff + recorded.impossible + added.impossible
    report.aggregates_new = added.new
    report.aggregates_changed = added.changed
    report.aggregates_unchanged = added.unchanged
    report.changes = recorded.changes
