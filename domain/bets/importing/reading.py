"""A file of bets as text: its encoding, its delimiter, its header and its rows. Pure.

What cannot be a table of bets is refused here, before anything is written, with the remedy.
"""

from __future__ import annotations

import csv
import io
import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from domain.infra.errors import Invalid

FIELD = "input.csv"
MOST_BYTES = 5 * 1024 * 1024
MOST_COLUMNS = 200
LONGEST_COLUMN = 100
"""Characters of a column's name."""
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
"""What may stand between cells, and its name."""

_DATA_URL = re.compile(r"data:[^,]{0,200};base64,")
_SEPARATOR_LINE = re.compile(r"sep=([,;\t])\r?\n?", re.IGNORECASE)
"""The first line by which spreadsheets tell each other the delimiter."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_FOREIGN = {b"PK\x03\x04": "a workbook or an archive", b"%PDF": "a PDF", b"\xd0\xcf\x11\xe0": "a workbook"}
"""How files begin that are often taken for CSV."""
_SAMPLE_LINES = 20


@dataclass(frozen=True, slots=True)
class Row:
    """Cells of a row, without surrounding space; `line` is the line of the file that it begins in, from 1."""

    line: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file that is a table: `read_sheet` makes it."""

    text: str
    encoding: str
    """`UTF-8`, `UTF-8 with BOM`, `UTF-16` or `Latin-1`."""
    delimiter: str
    header: tuple[str, ...]

    def rows(self) -> Iterator[Row]:
        """The rows below the header; raises Invalid where the quoting is broken."""
        rows = _rows(self.text, self.delimiter)
        next(rows)
        return rows


def body_of(csv_text: str) -> bytes:
    """The bytes of a file that was given as text, or as a `data:` URL in base64; raises Invalid when too large."""
    found = _DATA_URL.match(csv_text)
    try:
        body = csv_text.encode() if found is None else b64decode(csv_text[found.end() :], validate=True)
    except (NotBase64, ValueError):
        raise Invalid(FIELD, "the data URL does not hold base64: send the text of the file instead") from None
    if len(body) > MOST_BYTES:
        raise Invalid(FIELD, f"has {len(body):,} bytes and may have {MOST_BYTES:,}: split the file")
    return body


def read_sheet(body: bytes) -> Sheet:
    """The table in a file; raises Invalid for what is none."""
    text, encoding = _decode(body)
    if not text.strip():
        raise Invalid(FIELD, "is empty")
    if found := _CONTROL.search(text):
        raise Invalid(FIELD, f"is not text (it has the character {ord(found[0])}): save it as CSV")
    separator = _SEPARATOR_LINE.match(text)
    delimiter = separator[1] if separator else _delimiter(text)
    header = tuple(next(_rows(text, delimiter)).cells)
    if len(header) < 2:
        names = ", ".join(DELIMITERS.values())
        raise Invalid(FIELD, f"has one column: put one of {names} between the cells of a line")
    if len(header) > MOST_COLUMNS:
        raise Invalid(FIELD, f"has {len(header)} columns and may have {MOST_COLUMNS}")
    if longest := [name for name in header if len(name) > LONGEST_COLUMN]:
        raise Invalid(FIELD, f"has a column called {longest[0][:40]!r}…: its first line must name the columns")
    return Sheet(text, encoding, delimiter, header)


def _decode(body: bytes) -> tuple[str, str]:
    for beginning, name in _FOREIGN.items():
        if body.startswith(beginning):
            raise Invalid(FIELD, f"is {name} and no CSV: save it as CSV first")
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _strict(body, "utf-16", "UTF-16"), "UTF-16"
    if body.startswith(b"\xef\xbb\xbf"):
        return _strict(body, "utf-8-sig", "UTF-8"), "UTF-8 with BOM"
    try:
        return body.decode(), "UTF-8"
    except UnicodeDecodeError:
        pass
    try:
        return body.decode("cp1252"), "Latin-1"  # its euro sign and quotes stand where Latin-1 has nothing to show
    except UnicodeDecodeError:
        return body.decode("latin-1"), "Latin-1"


def _strict(body: bytes, codec: str, name: str) -> str:
    try:
        return body.decode(codec)
    except UnicodeDecodeError as error:
        raise Invalid(FIELD, f"begins as {name} and is none from byte {error.start} on: save it again") from None


def _delimiter(text: str) -> str:
    """The delimiter by which most of the first lines have as many cells as the header, and that the most."""

    def score(delimiter: str) -> tuple[int, int]:
        widths = _widths(text, delimiter)
        return (widths.count(widths[0]) if widths[0] > 1 else 0), widths[0]

    return max(DELIMITERS, key=score)


def _widths(text: str, delimiter: str) -> list[int]:
    """Cells of each of the first lines, up to one whose quoting this delimiter breaks."""
    widths: list[int] = []
    with suppress(Invalid):
        for row in _rows(text, delimiter):
            widths.append(len(row.cells))
            if len(widths) == _SAMPLE_LINES:
                break
    return widths or [0]


def _rows(text: str, delimiter: str) -> Iterator[Row]:
    """Every row with something in it; raises Invalid naming the line where the quoting is broken."""
    separator = _SEPARATOR_LINE.match(text)
    lines = io.StringIO(text[separator.end() :] if separator else text, newline="")
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    before = 1 if separator else 0
    while True:
        line = before + reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Invalid(FIELD, f"line {line}: {error}; look for a quotation mark that is not closed") from None
        stripped = [cell.strip() for cell in cells]
        if any(stripped):
            yield Row(line, stripped)
