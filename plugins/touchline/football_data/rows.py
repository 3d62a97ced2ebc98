"""One row of a match file: score, statistics and prices, each checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from touchline.football_data.columns import STATISTICS, Plan, PriceGroup
from touchline.football_data.times import kickoff_of, pre_match_instant, unknown_kickoff
from touchline.types import Kind, MarketKey, PricedOutcome, SourceMatch

MOST_GOALS: Final = 30
MOST_COUNTED: Final = 200
"""Above it a number of shots, fouls or corners is a slip."""
HIGHEST_PRICE: Final = 10_000.0
WIDEST_LINE: Final = 10.0
"""Goals of handicap."""
_RESULTS: Final = ("D", "H", "A")


class RowRefused(ValueError):
    """A row that cannot be used at all; the message is the reason."""


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row whose day is understood: what the second pass reads."""

    number: int
    """Line of the file, from 1."""
    cells: Sequence[str]
    day: date


@dataclass(slots=True)
class RowReader:
    """Reads the rows of one file by its plan.

    `number` turns a cell into a float and raises ValueError. `remarks` gathers, for the row last read, what
    had to be left out of it.
    """

    plan: Plan
    number: Callable[[str], float]
    remarks: list[str] = field(default_factory=list)
    _lines: dict[str, MarketKey | None] = field(default_factory=dict)

    def read(self, row: RawRow, season: int, origin: str) -> SourceMatch:
        """The match of a row; raises RowRefused when it cannot be used."""
        self.remarks = []
        league, home, away = (
            self.league(row.cells),
            self._team(row.cells, "HomeTeam"),
            self._team(row.cells, "AwayTeam"),
        )
        if home == away:
            raise RowRefused(f"{home} against itself")
        score = self._score(row.cells)
        kickoff, is_time_known = self._kickoff(row)
        return SourceMatch(
            league=league,
            season=season,
            home=home,
            away=away,
            kickoff=kickoff,
            is_kickoff_time_known=is_time_known,
            leg=1,
            home_goals=score[0],
            away_goals=score[1],
            half_time_home_goals=score[2],
            half_time_away_goals=score[3],
            is_awarded=self._is_awarded(score),
            referee=self._referee(row.cells),
            prices=self._prices(row.cells, kickoff),
            origin=origin,
            **self._statistics(row.cells),
        )

    def cell(self, cells: Sequence[str], name: str) -> str:
        """The stripped cell of a column, empty where the file has no such column."""
        index = self.plan.index.get(name)
        return "" if index is None else cells[index].strip()

    def league(self, cells: Sequence[str]) -> str:
        """The site's code of the row's division; raises RowRefused when there is none."""
        return self._name(cells, "Div", "division")

    def _team(self, cells: Sequence[str], column: str) -> str:
        return self._name(cells, column, "home team" if column == "HomeTeam" else "away team")

    def _name(self, cells: Sequence[str], column: str, what: str) -> str:
        name = self.cell(cells, column)
        if not name:
            raise RowRefused(f"no {what}")
        if not name.isprintable():
            raise RowRefused(f"{what} {name!r} holds control characters")
        return name

    def _referee(self, cells: Sequence[str]) -> str | None:
        name = self.cell(cells, "Referee")
        return name if name and name.isprintable() else None

    def _kickoff(self, row: RawRow) -> tuple[datetime, bool]:
        """Kick-off in UTC and whether its time of day is known."""
        clock = self.cell(row.cells, "Time")
        if clock:
            try:
                return kickoff_of(row.day, clock), True
            except ValueError as error:
                self.remarks.append(f"{error}: the kick-off time is taken as not known")
        return unknown_kickoff(row.day), False

    def _score(self, cells: Sequence[str]) -> tuple[int | None, int | None, int | None, int | None]:
        """Full-time and half-time goals; raises RowRefused for what cannot have been played."""
        home, away = self._goals(cells, "FTHG"), self._goals(cells, "FTAG")
        half_home, half_away = self._goals(cells, "HTHG"), self._goals(cells, "HTAG")
        result = self.cell(cells, "FTR")
        if (home is None) != (away is None) or (half_home is None) != (half_away is None):
            raise RowRefused("half of a score is missing")
        if home is None or away is None:
            if half_home is not None or result:
                raise RowRefused("a half-time score or a result without a full-time score")
            return None, None, None, None
        if half_home is not None and half_away is not None and (half_home > home or half_away > away):
            raise RowRefused(f"half-time {half_home}-{half_away} is above full-time {home}-{away}")
        if result and result != _RESULTS[(home > away) - (home < away)]:
            raise RowRefused(f"result {result!r} disagrees with {home}-{away}")
        return home, away, half_home, half_away

    def _goals(self, cells: Sequence[str], column: str) -> int | None:
        cell = self.cell(cells, column)
        if not cell:
            return None
        goals = self._count(cell, MOST_GOALS)
        if goals is None:
            raise RowRefused(f"{column} {cell!r} is not a number of goals")
        return goals

    def _count(self, cell: str, most: int) -> int | None:
        """A whole number from 0 to `most`, also as `15.0`; None when it is not one."""
        try:
            value = self.number(cell)
        except ValueError:
            return None
        return int(value) if 0 <= value <= most and value.is_integer() else None

    def _is_awarded(self, score: tuple[int | None, int | None, int | None, int | None]) -> bool:
        """A match decided at a table has a full-time and no half-time score, in a file that has both columns."""
        return score[0] is not None and score[2] is None and "HTHG" in self.plan.index

    def _statistics(self, cells: Sequence[str]) -> dict[str, int | None]:
        """Counts by attribute of `SourceMatch`; what is no count is left out and remarked."""
        found: dict[str, int | None] = {}
        for column, attribute in STATISTICS.items():
            cell = self.cell(cells, column)
            found[attribute] = self._count(cell, MOST_COUNTED) if cell else None
            if cell and found[attribute] is None:
                self.remarks.append(f"{column} {cell!r} is not a count")
        return found

    def _prices(self, cells: Sequence[str], kickoff: datetime) -> tuple[PricedOutcome, ...]:
        """All prices of a row: closing at kick-off, the others at the site's hour before it, marked estimated."""
        early = pre_match_instant(kickoff)
        prices: list[PricedOutcome] = []
        for group in self.plan.groups:
            market = self._handicap(cells, group) if group.market is None else group.market
            if market is not None:
                self._read_group(cells, group, market, kickoff if group.is_closing else early, prices)
        return tuple(prices)

    def _read_group(
        self, cells: Sequence[str], group: PriceGroup, market: MarketKey, at: datetime, prices: list[PricedOutcome]
    ) -> None:
        """Append a group's prices. The hot loop: 2.2 million cells in twenty seasons of the big leagues."""
        number, is_closing = self.number, group.is_closing
        for index, bookmaker, outcome, is_aggregate in group.cells:
            cell = cells[index]
            if not cell:
                continue
            try:
                price = number(cell)
            except ValueError:
                price = math.nan
            if 1.0 < price <= HIGHEST_PRICE:
                prices.append(
                    PricedOutcome(bookmaker, market, outcome, price, at, is_closing, is_aggregate, not is_closing)
                )
            elif cell.strip():
                self.remarks.append(f"{self.plan.names[index]} {cell!r} is not a price above 1")

    def _handicap(self, cells: Sequence[str], group: PriceGroup) -> MarketKey | None:
        """The handicap market of a row by its line; None, with a remark, where prices stand without a usable one."""
        if group.line is None or not any(cells[index] for index, *_ in group.cells):
            return None
        cell = cells[group.line].strip()
        if cell not in self._lines:
            self._lines[cell] = self._market_of_line(cell)
        market = self._lines[cell]
        if market is None:
            column = self.plan.names[group.line]
            self.remarks.append(f"{column} {cell!r} is not a handicap in quarters of a goal: its prices are left out")
        return market

    def _market_of_line(self, cell: str) -> MarketKey | None:
        try:
            line = self.number(cell)
        except ValueError:
            return None
        if not abs(line) <= WIDEST_LINE or not (4 * line).is_integer():
            return None
        return MarketKey(Kind.ASIAN_HANDICAP, line + 0.0)  # + 0.0 makes one line of 0 and -0
