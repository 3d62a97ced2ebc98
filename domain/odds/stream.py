"""The stream of price changes as the database holds it: the truth behind every live feed.

A position is a sequence: everything up to it is known. Sequences have no hole and follow the order of
commits, so "what came after n" is `sequence > n`, and a hole in a feed shows by arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import asyncpg

from domain.infra.database import Reader
from domain.matches.rules import Status
from domain.odds.queries import Pair
from domain.odds.service import Change

OVER = (Status.FINISHED, Status.AWARDED, Status.CANCELLED, Status.ABANDONED)
"""A league's followers are not told of the standing prices of such matches."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Matches that a reader of the stream follows, by themselves or by their leagues."""

    match_ids: frozenset[int] = frozenset()
    league_ids: frozenset[int] = frozenset()

    def __or__(self, other: Scope) -> Scope:
        return Scope(self.match_ids | other.match_ids, self.league_ids | other.league_ids)


async def position(reader: Reader) -> int:
    """The sequence of the last committed change."""
    return int(await reader.fetchval("select value from odds_position where id = 1") or 0)


async def recorded_at(reader: Reader, sequence: int) -> datetime | None:
    """Machine time at which a change was recorded; None when there is no such change."""
    found: datetime | None = await reader.fetchval("select recorded_at from quote_change where sequence = $1", sequence)
    return found


async def followed_matches(reader: Reader, scope: Scope) -> list[int]:
    """Matches of the scope, of its leagues those that are not over, by kick-off."""
    records = await reader.fetch(
        """select id from match
           where id = any($1::bigint[]) or (league_id = any($2::bigint[]) and status <> all($3::text[]))
           order by kickoff_at, id""",
        list(scope.match_ids),
        list(scope.league_ids),
        [str(status) for status in OVER],
    )
    return [record[0] for record in records]


async def standing(reader: Reader, match_ids: Sequence[int]) -> tuple[int, list[Change]]:
    """Every standing price of the matches as the change that made it, and the position at that very moment."""
    records = await reader.fetch(
        """select p.value, q.sequence, q.match_id, q.selection_id, q.bookmaker_id, q.price::float8,
                  q.previous_price::float8, q.observed_at, q.is_available,
                  q.bookmaker_id is not distinct from q.best_id as is_best, q.league_id
           from odds_position p left join (
             select quote.*, best_quote.bookmaker_id as best_id, match.league_id
             from quote join match on match.id = quote.match_id
               left join best_quote using (match_id, selection_id)
             where quote.match_id = any($1::bigint[])) q on true
           where p.id = 1 order by q.match_id, q.selection_id, q.price desc, q.bookmaker_id""",
        list(match_ids),
    )
    return records[0]["value"], [Change(*record[1:]) for record in records if record["sequence"] is not None]


async def changes_between(
    reader: Reader, after: int, upto: int, scope: Scope, *, limit: int
) -> tuple[list[Change], int]:
    """The first changes of the scope with `after < sequence <= upto`, and the position that they reach.

    At most `limit` of them, cut between two transactions where that is possible. Each is as it was told
    when it was made: `is_best` holds for the moment after its transaction.
    """
    records = await reader.fetch(_CHANGES, after, upto, list(scope.match_ids), list(scope.league_ids), limit)
    if len(records) == limit:
        records = _whole_transactions(records)
        upto = records[-1]["sequence"]
    books = await _books_before(reader, records)
    told: list[Change] = []
    for _, transaction in groupby(records, key=lambda record: record["recorded_at"]):
        made = list(transaction)
        for record in made:
            books.apply(record)
        told.extend(books.told(record) for record in made)
    return told, upto


_CHANGES = """
select c.sequence, c.match_id, c.selection_id, c.bookmaker_id, c.price::float8, c.previous_price::float8 as previous,
       c.observed_at, c.is_available, m.league_id, c.recorded_at
from quote_change c join match m on m.id = c.match_id
where c.sequence > $1 and c.sequence <= $2 and (c.match_id = any($3::bigint[]) or m.league_id = any($4::bigint[]))
order by c.sequence limit $5
"""


def _whole_transactions(records: list[asyncpg.Record]) -> list[asyncpg.Record]:
    """Without the last transaction, which may be cut, unless there is no other."""
    last = records[-1]["recorded_at"]
    return [record for record in records if record["recorded_at"] != last] or records


class _Books:
    """Standing prices per outcome while changes are applied in order."""

    def __init__(self) -> None:
        self._prices: dict[Pair, dict[int, tuple[datetime, int, float, bool]]] = {}

    def apply(self, record: asyncpg.Record) -> None:
        """Let a change stand, unless it amends the past of a price that is newer."""
        book = self._prices.setdefault((record["match_id"], record["selection_id"]), {})
        new = (record["observed_at"], record["sequence"], record["price"], record["is_available"])
        if (old := book.get(record["bookmaker_id"])) is None or old[:2] < new[:2]:
            book[record["bookmaker_id"]] = new

    def told(self, record: asyncpg.Record) -> Change:
        """The change as it is told once its transaction is over."""
        sequence, match_id, selection_id, bookmaker_id = record[:4]
        is_best = self._best_sequence((match_id, selection_id)) == sequence
        price, previous, observed_at, is_available, league_id = record[4:9]
        return Change(
            sequence,
            match_id,
            selection_id,
            bookmaker_id,
            price,
            previous,
            observed_at,
            is_available,
            is_best,
            league_id,
        )

    def _best_sequence(self, pair: Pair) -> int | None:
        """Of equal prices the older one is the best, as `domain.odds.best` chooses."""
        available = [
            (-price, observed_at, bookmaker_id, sequence)
            for bookmaker_id, (observed_at, sequence, price, is_available) in self._prices[pair].items()
            if is_available
        ]
        return min(available)[-1] if available else None


async def _books_before(reader: Reader, records: Iterable[asyncpg.Record]) -> _Books:
    """The standing prices of the changes' outcomes just before the first of them."""
    books = _Books()
    pairs = {(record["match_id"], record["selection_id"]): None for record in records}
    if pairs:
        first = min(record["sequence"] for record in records)
        for record in await reader.fetch(
            """select distinct on (c.match_id, c.selection_id, c.bookmaker_id)
                      c.match_id, c.selection_id, c.bookmaker_id, c.observed_at, c.sequence, c.price::float8,
                      c.is_available
               from unnest($1::bigint[], $2::bigint[]) as k(match_id, selection_id)
                 join quote_change c using (match_id, selection_id)
               where c.sequence < $3
               order by c.match_id, c.selection_id, c.bookmaker_id, c.observed_at desc, c.sequence desc""",
            [match for match, _ in pairs],
            [selection for _, selection in pairs],
            first,
        ):
            books.apply(record)
    return books
