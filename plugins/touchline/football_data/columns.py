"""Which cell holds what: the plan of a file, made once from its header and never from positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from touchline.football_data.books import AGGREGATES, BY_PREFIX
from touchline.types import OVER_25, RESULT, MarketKey

REQUIRED: Final = ("Div", "Date", "HomeTeam", "AwayTeam")
SCORES: Final = ("FTHG", "FTAG", "FTR", "HTHG", "HTAG")
STATISTICS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "HS": "home_shots",
        "AS": "away_shots",
        "HST": "home_shots_on_target",
        "AST": "away_shots_on_target",
        "HC": "home_corners",
        "AC": "away_corners",
        "HF": "home_fouls",
        "AF": "away_fouls",
        "HY": "home_yellow_cards",
        "AY": "away_yellow_cards",
        "HR": "home_red_cards",
        "AR": "away_red_cards",
    }
)
"""Column to attribute of `SourceMatch`."""

IGNORED: Final = frozenset(
    "HTR Attendance HHW AHW HO AO HBP ABP HFKC AFKC Bb1X2 BbOU BbAH".split()  # noqa: SIM905
)
"""Known and without a use: the half-time result (it follows from the score), crowds, woodwork, offsides,
booking points, free kicks, and BetBrain's numbers of bookmakers."""

_OUTCOME_OF_SUFFIX: Final[Mapping[str, tuple[MarketKey | None, str]]] = MappingProxyType(
    {
        "H": (RESULT, "home"),
        "D": (RESULT, "draw"),
        "A": (RESULT, "away"),
        ">2.5": (OVER_25, "over"),
        "<2.5": (OVER_25, "under"),
        "AHH": (None, "home"),
        "AHA": (None, "away"),
    }
)
"""Market and outcome; None is the Asian handicap, whose line is in a column of its own."""


@dataclass(frozen=True, slots=True)
class PriceColumn:
    """What a header name says about the prices below it."""

    bookmaker: str
    """Key of the bookmaker, or the aggregate's name."""
    market: MarketKey | None
    """None for the Asian handicap."""
    outcome: str
    is_closing: bool
    is_aggregate: bool
    line_columns: tuple[str, ...]
    """Columns that may hold the handicap's line, the nearest first; empty for the other markets."""


@dataclass(frozen=True, slots=True)
class PriceGroup:
    """Price columns of one market at one instant."""

    market: MarketKey | None
    """None for the Asian handicap: then the line is in cell `line`."""
    line: int | None
    is_closing: bool
    cells: tuple[tuple[int, str, str, bool], ...]
    """Index of the cell, bookmaker, outcome, whether it is an aggregate."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Where everything is in a row of one file."""

    names: tuple[str, ...]
    """Header names, stripped; the index is the cell's."""
    width: int
    """Cells that a whole row has at least: up to the last named column."""
    index: Mapping[str, int]
    """Cell of a column by name."""
    groups: tuple[PriceGroup, ...]
    remarks: tuple[str, ...]
    """What could not be understood of the header."""

    @property
    def missing(self) -> tuple[str, ...]:
        """Columns without which it is no match file."""
        return tuple(name for name in REQUIRED if name not in self.index)


def plan_of(header: Sequence[str]) -> Plan:
    """The plan of a file by the names in its header."""
    names = tuple(name.strip() for name in header)
    index: dict[str, int] = {}
    twice = []
    for position, name in enumerate(names):
        if name and name in index:
            twice.append(name)
        elif name:
            index[name] = position
    unknown = [name for name in index if not _is_known(name)]
    remarks = [f"columns not known and left out: {', '.join(unknown)}"] if unknown else []
    remarks += [f"column {name} is there twice: the first one is read" for name in twice]
    return Plan(names, 1 + max(index.values(), default=-1), index, _groups(index), tuple(remarks))


def _groups(index: Mapping[str, int]) -> tuple[PriceGroup, ...]:
    """Price columns by market and instant, in the order of the header. A handicap without any line is left out."""
    found: dict[tuple[MarketKey | None, int | None, bool], list[tuple[int, str, str, bool]]] = {}
    for name, position in index.items():
        column = PRICE_COLUMNS.get(name)
        if column is None:
            continue
        line = next((index[name] for name in column.line_columns if name in index), None)
        if column.market is not None or line is not None:
            cell = (position, column.bookmaker, column.outcome, column.is_aggregate)
            found.setdefault((column.market, line, column.is_closing), []).append(cell)
    return tuple(
        PriceGroup(market, line, is_closing, tuple(cells)) for (market, line, is_closing), cells in found.items()
    )


def _is_known(name: str) -> bool:
    return (
        name in PRICE_COLUMNS
        or name in LINE_COLUMNS
        or name in STATISTICS
        or name in SCORES
        or name in REQUIRED
        or name in IGNORED
        or name in ("Time", "Referee")
    )


def _line_columns(prefix: str, is_closing: bool) -> tuple[str, ...]:
    """A book's own line (`GBAH`, seasons to 2004/05) goes before the market's (`AHh`, BetBrain's `BbAHh`)."""
    if prefix.startswith("Bb"):
        return ("BbAHh",)
    return ("AHCh",) if is_closing else (f"{prefix}AH", "AHh")


def _price_columns() -> Mapping[str, PriceColumn]:
    """Every header name of a price that the site's notes allow."""
    who = [(prefix, book.key, False) for prefix, book in BY_PREFIX.items()]
    who += [(name, name, True) for name in AGGREGATES]
    return MappingProxyType(
        {
            f"{prefix}{'C' if is_closing else ''}{suffix}": PriceColumn(
                bookmaker,
                market,
                outcome,
                is_closing,
                is_aggregate,
                _line_columns(prefix, is_closing) if market is None else (),
            )
            for prefix, bookmaker, is_aggregate in who
            for is_closing in (False, True)
            for suffix, (market, outcome) in _OUTCOME_OF_SUFFIX.items()
        }
    )


PRICE_COLUMNS: Final[Mapping[str, PriceColumn]] = _price_columns()
LINE_COLUMNS: Final = frozenset(line for column in PRICE_COLUMNS.values() for line in column.line_columns)
