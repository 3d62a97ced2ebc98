"""A whole match file: decoding, lines, seasons, legs, and the list of what was left out."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from touchline.football_data.columns import Plan, plan_of
from touchline.football_data.rows import RawRow, RowReader, RowRefused
from touchline.football_data.times import day_of, is_in_season, season_of_day
from touchline.types import Rejected, SourceMatch

_BYTE_ORDER_MARK: Final = "\ufeff"


def read_matches(text: str | bytes, origin: str, season: int | None = None) -> tuple[list[SourceMatch], list[Rejected]]:
    """Matches of a season file or of the coming-fixtures file, and what had to be left out.

    `origin` names the file in messages, which add the line. `season` is the year in which all its matches'
    season starts; without it, it is that of most days of a division. A bad row never stops the others, and
    a division is kept as the file spells it, known or not.
    """
    lines = _lines(text if isinstance(text, str) else decode(text))
    if not lines:
        return [], [Rejected(f"{origin}:1", "the file is empty")]
    header = lines[0]
    try:
        plan = plan_of(_cells(header.text))
    except RowRefused as refusal:
        return [], [Rejected(f"{origin}:{header.number}", str(refusal))]
    if plan.missing:
        reason = f"not a match file: no column {', '.join(plan.missing)}"
        return [], [Rejected(f"{origin}:{header.number}", reason)]
    return _File(plan, origin, season, header.number, lines[1:]).read()


def decode(payload: bytes) -> str:
    """Text of a file: UTF-8 with or without its mark, else Latin-1. A character cut in two at the end is dropped."""
    try:
        return payload.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            return payload.decode("utf-8-sig", errors="ignore")
        return payload.removeprefix(b"\xef\xbb\xbf").decode("latin-1")


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    """From 1."""
    text: str
    is_unfinished: bool
    """Whether the file ends in it without an end of line."""


def _lines(text: str) -> list[_Line]:
    """Lines with something in them; a row of commas has nothing."""
    parts = text.removeprefix(_BYTE_ORDER_MARK).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    last = len(parts)
    return [_Line(n, part, n == last) for n, part in enumerate(parts, 1) if part.strip(", \t")]


def _cells(line: str) -> list[str]:
    """Cells of one line. The site never quotes; where someone did, a stray quote must not swallow the next rows."""
    if '"' not in line:
        return line.split(",")
    try:
        return next(csv.reader([line], strict=True))
    except csv.Error as error:
        raise RowRefused(f"the row cannot be read: {error}") from None


def _strict_number(cell: str) -> float:
    """`float` without Python's underscores."""
    if "_" in cell:
        raise ValueError(cell)
    return float(cell)


@dataclass(slots=True)
class _File:
    """One file while it is read."""

    plan: Plan
    origin: str
    season: int | None
    header: int
    """Line of the header."""
    lines: Sequence[_Line]

    def read(self) -> tuple[list[SourceMatch], list[Rejected]]:
        rejected = [Rejected(self._where(self.header), remark, False) for remark in self.plan.remarks]
        reader = RowReader(self.plan, self._number())
        rows = list(self._rows(rejected))
        seasons = self._seasons(reader, rows)
        matches = []
        for row in rows:
            try:
                matches.append(reader.read(row, self._season(reader, row, seasons), self._where(row.number)))
            except RowRefused as refusal:
                rejected.append(Rejected(self._where(row.number), str(refusal)))
                continue
            rejected.extend(Rejected(self._where(row.number), remark, False) for remark in reader.remarks)
        return _numbered_legs(matches, rejected), rejected

    def _number(self) -> Callable[[str], float]:
        """The plain `float` unless the file holds an underscore somewhere: it is called for every price."""
        return _strict_number if any("_" in line.text for line in self.lines) else float

    def _where(self, number: int) -> str:
        return f"{self.origin}:{number}"

    def _rows(self, rejected: list[Rejected]) -> Iterator[RawRow]:
        """Rows of full width with a day; the others go to `rejected`."""
        for line in self.lines:
            try:
                cells = self._whole(line)
                yield RawRow(line.number, cells, day_of(cells[self.plan.index["Date"]]))
            except ValueError as refusal:
                rejected.append(Rejected(self._where(line.number), str(refusal)))

    def _whole(self, line: _Line) -> list[str]:
        """Cells of a line; raises RowRefused when there are too few, or more than the header has names for."""
        cells = _cells(line.text)
        if len(cells) < self.plan.width:
            counted = f"{len(cells)} of {self.plan.width} cells"
            raise RowRefused(f"the row is cut off: {counted}" if line.is_unfinished else f"the row has {counted}")
        if any(cell.strip() for cell in cells[len(self.plan.names) :]):
            raise RowRefused(f"the row has {len(cells)} cells, the header {len(self.plan.names)}")
        return cells

    def _seasons(self, reader: RowReader, rows: Sequence[RawRow]) -> dict[str, int]:
        """By division the season of most of its days."""
        days: dict[str, Counter[int]] = {}
        for row in rows:
            days.setdefault(reader.cell(row.cells, "Div"), Counter())[season_of_day(row.day)] += 1
        return {division: count.most_common(1)[0][0] for division, count in days.items()}

    def _season(self, reader: RowReader, row: RawRow, seasons: dict[str, int]) -> int:
        season = seasons[reader.cell(row.cells, "Div")] if self.season is None else self.season
        if not is_in_season(row.day, season):
            raise RowRefused(f"{_written(row.day)} is not in the season {season}/{(season + 1) % 100:02d}")
        return season


def _written(day: date) -> str:
    return day.strftime("%d/%m/%Y")


def _numbered_legs(matches: list[SourceMatch], rejected: list[Rejected]) -> list[SourceMatch]:
    """The matches with their leg: the k-th of a pair at one ground by date. The same match twice on a day is one."""
    meetings: dict[tuple[str, str, str], list[int]] = {}
    for index, match in enumerate(matches):
        meetings.setdefault((match.league, match.home, match.away), []).append(index)
    doubled: set[int] = set()
    for found in meetings.values():
        if len(found) > 1:
            doubled |= _number_legs(matches, found, rejected)
    return [match for index, match in enumerate(matches) if index not in doubled]


def _number_legs(matches: list[SourceMatch], found: Sequence[int], rejected: list[Rejected]) -> set[int]:
    """Number one pair's meetings in place; the indices of those that are there already on the same day."""
    doubled: set[int] = set()
    first_of_day: dict[date, SourceMatch] = {}
    for index in sorted(found, key=lambda index: matches[index].kickoff):
        match = matches[index]
        first = first_of_day.setdefault(match.kickoff.date(), match)
        if first is match:
            matches[index] = replace(match, leg=len(first_of_day))
        else:
            doubled.add(index)
            rejected.append(Rejected(match.origin, f"the same match is in {first.origin}"))
    return doubled
