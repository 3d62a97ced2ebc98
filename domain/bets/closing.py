"""What the market thought of selections at the end, and while a bet was placed: prices without their margin.

A selection's probability needs every outcome of its market: the mean of the complete sharp books without their
margins, else of all complete books (`domain.odds.fair`). With p at kick-off and d the price that was taken, the
closing line value is d · p - 1, which is d_taken / d_fair_close - 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from domain.infra.database import Reader
from domain.odds.fair import Book, Fair, fair_prices
from domain.odds.history import closing_quotes
from domain.odds.queries import Pair, QuoteRow, quotes_of
from touchline.margin import Method


@dataclass(frozen=True, slots=True)
class Closing:
    """A selection's margin-free probability at kick-off."""

    probability: float | None
    """None where no bookmaker priced the whole market."""
    note: str
    """Whose closing prices they are, or why there are none."""


NO_BOOK: Final = Closing(None, "No bookmaker's prices of the whole market were known within a day of kick-off.")


async def closing_probabilities(reader: Reader, pairs: Iterable[Pair], *, now: datetime) -> dict[Pair, Closing]:
    """The closing probability of each pair whose match has kicked off by match time `now`; others are missing.

    At most four statements, however many pairs.
    """
    wanted = list(dict.fromkeys(pairs))
    if not wanted:
        return {}
    kickoffs = await _kickoffs(reader, {match_id for match_id, _ in wanted}, now)
    begun = [pair for pair in wanted if pair[0] in kickoffs]
    markets = await _markets(reader, begun)
    books = await _books(reader, markets, await closing_quotes(reader, markets.pairs(begun), now=now))
    fair = books.fair({name: kickoffs[name[0]] for name in books.of})
    return {pair: _closing(fair.get(markets.name(pair)), markets.place(pair), books.names) for pair in begun}


async def fair_probabilities(reader: Reader, pairs: Iterable[Pair], *, at: datetime) -> dict[Pair, float]:
    """The margin-free probability of each pair by the prices that stood at match time `at`; those without are missing.

    At most four statements, however many pairs.
    """
    wanted = list(dict.fromkeys(pairs))
    if not wanted:
        return {}
    markets = await _markets(reader, wanted)
    rows = await quotes_of(reader, markets.pairs(wanted))
    if any(row.observed_at > at for row in rows):
        rows = await quotes_of(reader, markets.pairs(wanted), as_of=at)
    books = await _books(reader, markets, [row for row in rows if row.is_available])
    fair = books.fair(dict.fromkeys(books.of, at))
    return {
        pair: found.probabilities[markets.place(pair)]
        for pair in wanted
        if (found := fair.get(markets.name(pair))) is not None
    }


async def _kickoffs(reader: Reader, match_ids: Iterable[int], now: datetime) -> dict[int, datetime]:
    """Kick-offs of those matches that have begun."""
    rows = await reader.fetch(
        "select id, kickoff_at from match where id = any($1::bigint[]) and kickoff_at <= $2", list(match_ids), now
    )
    return {row["id"]: row["kickoff_at"] for row in rows}


@dataclass(frozen=True, slots=True)
class _Markets:
    """The markets of selections with all their outcomes."""

    outcomes: Mapping[int, Sequence[int]]
    """Selections by market, in the customary order."""
    market_of: Mapping[int, int]
    """Markets by selection."""

    def name(self, pair: Pair) -> tuple[int, int]:
        """Match and market of a pair."""
        return pair[0], self.market_of[pair[1]]

    def place(self, pair: Pair) -> int:
        """The place of a pair's selection in its market."""
        return self.outcomes[self.market_of[pair[1]]].index(pair[1])

    def pairs(self, pairs: Iterable[Pair]) -> list[Pair]:
        """Every outcome of the markets of the pairs."""
        names = dict.fromkeys(map(self.name, pairs))
        return [(match_id, selection_id) for match_id, market in names for selection_id in self.outcomes[market]]


async def _markets(reader: Reader, pairs: Iterable[Pair]) -> _Markets:
    rows = await reader.fetch(
        """select o.id, o.market_id from selection o
           where o.market_id in (select market_id from selection where id = any($1::bigint[]))
           order by o.market_id, o.position""",
        sorted({selection_id for _, selection_id in pairs}),
    )
    outcomes: dict[int, list[int]] = {}
    for row in rows:
        outcomes.setdefault(row["market_id"], []).append(row["id"])
    return _Markets(outcomes, {row["id"]: row["market_id"] for row in rows})


@dataclass(frozen=True, slots=True)
class _Books:
    """Books by match and market, and the names of their bookmakers."""

    of: Mapping[tuple[int, int], Sequence[Book]]
    names: Mapping[int, str]

    def fair(self, instants: Mapping[tuple[int, int], datetime]) -> dict[tuple[int, int], Fair | None]:
        """The fair price of each match and market at its instant."""
        found = fair_prices([(self.of[name], at) for name, at in instants.items()], Method.SHIN)
        return dict(zip(instants, found, strict=True))


async def _books(reader: Reader, markets: _Markets, rows: Sequence[QuoteRow]) -> _Books:
    """The prices of each bookmaker for each market, in the order of its outcomes."""
    known = await reader.fetch(
        "select id, name, kind from bookmaker where id = any($1::bigint[])", sorted({row.bookmaker_id for row in rows})
    )
    sharp = {row["id"] for row in known if row["kind"] == "SHARP"}
    found: dict[tuple[int, int], dict[int, dict[int, QuoteRow]]] = {}
    for row in rows:
        prices = found.setdefault(markets.name(row.pair), {}).setdefault(row.bookmaker_id, {})
        prices[row.selection_id] = row
    books = {
        (match_id, market): [
            Book(
                bookmaker_id,
                bookmaker_id in sharp,
                [prices[one].price if one in prices else None for one in markets.outcomes[market]],
                max(row.confirmed_at for row in prices.values()),
            )
            for bookmaker_id, prices in by_bookmaker.items()
        ]
        for (match_id, market), by_bookmaker in found.items()
    }
    return _Books(books, {row["id"]: row["name"] for row in known})


def _closing(fair: Fair | None, place: int, names: Mapping[int, str]) -> Closing:
    if fair is None:
        return NO_BOOK
    who = sorted(names[source.bookmaker_id] for source in fair.sources)
    return Closing(fair.probabilities[place], who[0] if len(who) == 1 else f"Mean of {', '.join(who)}")
