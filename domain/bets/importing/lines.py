"""What each line of a file says, checked by itself. Pure.

How dates and numbers are written is decided over the whole file first. A line that cannot be understood is told
with everything that is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from domain.bets.importing.columns import Column, Columns, Option, columns_of, option_of
from domain.bets.importing.dates import Dates, DateSurvey, Moment
from domain.bets.importing.reading import FIELD, Row, Sheet
from domain.bets.importing.values import (
    MarkSurvey,
    Odds,
    amount_of,
    labels_of,
    looks_american,
    odds_of,
    result_of,
    unguarded,
)
from domain.bets.rules import (
    LONGEST_DESCRIPTION,
    LONGEST_NAME,
    clean_notes,
    clean_tags,
    clean_text,
)
from domain.infra.errors import Invalid

T = TypeVar("T")

LONGEST_PROBLEM = 200
"""Characters that are told of what is wrong with a cell, which may be a whole page."""
DATES = (Column.PLACED, Column.KICKOFF, Column.SETTLED)
AMOUNTS = (Column.STAKE, Column.PAYOUT, Column.PROFIT)


@dataclass(frozen=True, slots=True)
class Plan:
    """How the lines of one file are to be read."""

    columns: Columns
    dates: Dates
    mark: str | None
    """Decimal mark; None where nothing depends on it."""
    is_american: bool
    currency: str
    now: datetime
    """Match time; nothing was placed later."""
    line_count: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line that was understood: one bet, or one leg of one. Amounts are minor units of the bankroll's currency."""

    number: int
    bet: str
    placed: Moment
    settled: datetime | None
    kickoff: Moment | None
    league: str
    event: str
    home: str
    away: str
    market: str
    selection: str
    line: str
    description: str
    """As it was told; empty where it was not."""
    odds: Odds
    stake: int | None
    """None in the later legs of an accumulator, where it need not stand again."""
    result: str | None
    payout: int | None
    profit: int | None
    bookmaker: str
    tags: list[str]
    notes: str | None

    @property
    def words(self) -> str:
        """What was bet on, for people."""
        event = self.event or " v ".join(name for name in (self.home, self.away) if name)
        chosen = " ".join(word for word in (self.market, self.selection, self.line) if word)
        text = self.description or ": ".join(part for part in (event, chosen) if part)
        return text if len(text) <= LONGEST_DESCRIPTION else f"{text[: LONGEST_DESCRIPTION - 1]}…"


def plan_of(sheet: Sheet, mapping: dict[str, Any], *, currency: str, zone: ZoneInfo, now: datetime) -> Plan:
    """How to read a file, after a look at all of it; raises Invalid where that is not clear, with the remedy."""
    columns = columns_of(sheet.header, mapping)
    dates, marks, signed, count = DateSurvey(), MarkSurvey(), False, 0
    unsigned: set[bool] = set()
    for row in sheet.rows():
        count += 1
        for column in DATES:
            dates.see(columns.cell(row.cells, column), row.line)
        for column in AMOUNTS:
            marks.see(columns.cell(row.cells, column), row.line)
        odds = columns.cell(row.cells, Column.ODDS)
        marks.see(odds, row.line, is_price=True)
        signed = signed or looks_american(odds)
        unsigned.add(odds.isdigit() and len(odds) >= 3)
    if count == 0:
        raise Invalid(FIELD, "has no line below its header")
    told = option_of(mapping, Option.DATE_FORMAT)
    return Plan(
        columns=columns,
        dates=Dates(dates.decide(told), zone, is_told=told is not None),
        mark=marks.decide(option_of(mapping, Option.DECIMAL_MARK)),
        is_american=signed or unsigned == {True},
        currency=currency,
        now=now,
        line_count=count,
    )


def line_of(row: Row, plan: Plan, *, is_first: bool = True) -> Line:
    """What a row says; raises ValueError with everything that is wrong with it."""
    cells = _Cells(row, plan)
    if len(row.cells) > len(plan.columns.header) and any(row.cells[len(plan.columns.header) :]):
        raise ValueError(f"has {len(row.cells)} cells and the header {len(plan.columns.header)}: is a quote missing?")
    placed = cells.read(Column.PLACED, lambda cell: plan.dates.read(cell, cells[Column.TIME]))
    kickoff = cells.read(Column.KICKOFF, plan.dates.read)
    placed = placed or kickoff
    if placed is None and not cells.problems:
        cells.problems.append("has no date")
    if placed is not None and placed.instant > plan.now:
        cells.problems.append(f"was placed at {placed.instant:%Y-%m-%d %H:%M} UTC, which is still to come")
    if (currency := cells[Column.CURRENCY]) and currency.upper() != plan.currency:
        cells.problems.append(f"is in {currency}, and the bankroll in {plan.currency}")
    odds = cells.read(Column.ODDS, lambda cell: odds_of(cell, plan.mark, is_american=plan.is_american), needed="odds")
    stake = cells.read(Column.STAKE, cells.amount, needed="stake" if is_first else "")
    if stake is not None and stake <= 0:
        cells.problems.append("its stake must be above 0")
    result, payout, profit = cells.outcome()
    line = Line(
        number=row.line,
        bet=cells[Column.BET][:LONGEST_PROBLEM],
        placed=placed or _NEVER,
        settled=cells.settled(placed),
        kickoff=kickoff,
        league=cells.text(Column.LEAGUE),
        event=cells.text(Column.EVENT),
        home=cells.text(Column.HOME),
        away=cells.text(Column.AWAY),
        market=cells.text(Column.MARKET),
        selection=cells.text(Column.SELECTION),
        line=cells[Column.LINE],
        description=cells.checked(Column.DESCRIPTION, lambda cell: clean_text(cell, "description", LONGEST_DESCRIPTION))
        or "",
        odds=odds or _NO_ODDS,
        stake=stake,
        result=result,
        payout=payout,
        profit=profit,
        bookmaker=cells.checked(Column.BOOKMAKER, lambda cell: clean_text(cell, "bookmaker", LONGEST_NAME)) or "",
        tags=cells.checked(Column.TAGS, lambda cell: clean_tags(labels_of(cell), "tags")) or [],
        notes=cells.checked(Column.NOTES, lambda cell: clean_notes(cell, "notes")),
    )
    if not line.words:
        cells.problems.append("names no match and no selection")
    if cells.problems:
        raise ValueError("; ".join(cells.problems))
    return line


_NEVER = Moment(datetime(1970, 1, 1, tzinfo=UTC), False)
_NO_ODDS = Odds(Decimal(1), Decimal(0))
"""Stand in a line that is refused anyway."""


_BREAK = re.compile(r"\s*[\r\n\t]\s*")


class _Cells:
    """Cells of one row, and what is wrong with them."""

    def __init__(self, row: Row, plan: Plan) -> None:
        self.problems: list[str] = []
        self._row = row
        self._plan = plan

    def __getitem__(self, column: Column) -> str:
        return self._plan.columns.cell(self._row.cells, column)

    def text(self, column: Column) -> str:
        """Free text on one line."""
        return " ".join(unguarded(self[column]).split())

    def read(self, column: Column, how: Callable[[str], T], *, needed: str = "") -> T | None:
        """What a cell says; None for an empty one, and a problem where it is needed or says nothing."""
        cell = self[column]
        try:
            if cell:
                return how(cell)
            if needed:
                raise ValueError(f"has no {needed}")
        except ValueError as error:
            self.problems.append(str(error)[:LONGEST_PROBLEM])
        return None

    def checked(self, column: Column, how: Callable[[str], T]) -> T | None:
        """Free text as the bet will hold it; only notes may have several lines."""
        cell = unguarded(self[column])
        if column is not Column.NOTES:
            cell = _BREAK.sub(" ", cell)
        try:
            return how(cell) if cell else None
        except Invalid as error:
            self.problems.append(f"{column}: {error.message}")
        return None

    def amount(self, cell: str) -> int:
        return amount_of(cell, self._plan.mark, self._plan.currency)

    def settled(self, placed: Moment | None) -> datetime | None:
        """When the bet was settled; a date alone is not before the bet of that day."""
        settled = self.read(Column.SETTLED, self._plan.dates.read)
        if settled is None or placed is None:
            return None
        instant = settled.instant if settled.has_time else max(settled.instant, placed.instant)
        if not placed.instant <= instant <= self._plan.now:
            self.problems.append("was settled before it was placed, or is to be settled later than now")
        return instant

    def outcome(self) -> tuple[str | None, int | None, int | None]:
        """Result, payout and profit. A pending bet's payout is what it may bring, and is not read."""
        result = self.read(Column.RESULT, result_of)
        if result is None and self[Column.RESULT]:
            return None, None, None
        payout, profit = self.read(Column.PAYOUT, self.amount), self.read(Column.PROFIT, self.amount)
        if result is None and Column.RESULT in self._plan.columns.index and not payout and not profit:
            return None, None, None
        return result, payout, profit
