"""Whose price a column holds: the site's prefixes and the bookmakers behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Book:
    """A bookmaker that the site quotes. `commission` is its share of winnings, an exchange's usual rate."""

    key: str
    """Stable key, what `PricedOutcome.bookmaker` holds."""
    name: str
    prefixes: tuple[str, ...]
    """Beginnings of its columns: `PSH` and `P>2.5` are both Pinnacle."""
    kind: str = "SOFT"
    """`SHARP`, `SOFT` or `EXCHANGE`."""
    commission: float = 0.0


BOOKS: Final[tuple[Book, ...]] = (
    Book("1xbet", "1xBet", ("1XB",)),
    Book("bet365", "Bet365", ("B365",)),
    Book("betfair-exchange", "Betfair Exchange", ("BFE",), "EXCHANGE", 0.05),
    Book("betfair-sportsbook", "Betfair Sportsbook", ("BF",)),
    Book("betfred", "Betfred", ("BFD",)),
    Book("betmgm", "BetMGM", ("BMGM",)),
    Book("betvictor", "BetVictor", ("VC", "BV")),
    Book("blue-square", "Blue Square", ("BS",)),
    Book("bwin", "Bwin", ("BW",)),
    Book("coral", "Coral", ("CL",)),
    Book("gamebookers", "Gamebookers", ("GB",)),
    Book("interwetten", "Interwetten", ("IW",)),
    Book("ladbrokes", "Ladbrokes", ("LB",)),
    Book("pinnacle", "Pinnacle", ("PS", "P"), "SHARP"),
    Book("sporting-odds", "Sporting Odds", ("SO",)),
    Book("sportingbet", "Sportingbet", ("SB",)),
    Book("stan-james", "Stan James", ("SJ",)),
    Book("stanleybet", "Stanleybet", ("SY",)),
    Book("william-hill", "William Hill", ("WH",)),
)
"""Every bookmaker of the site's notes, by key. `VC` is BetVictor under its old name VC Bet."""

AGGREGATES: Final = ("Max", "Avg", "BbMx", "BbAv")
"""Market maximum and average, by the site and (`Bb`) by BetBrain: never a bookmaker."""

BY_PREFIX: Final[Mapping[str, Book]] = MappingProxyType({prefix: book for book in BOOKS for prefix in book.prefixes})
