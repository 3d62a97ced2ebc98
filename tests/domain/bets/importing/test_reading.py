"""Files as they come: encodings, delimiters, quoting, and what is no table of bets."""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.bets.importing.reading import MOST_BYTES, body_of, read_sheet
from domain.infra.errors import Invalid

TABLE = "Fecha;Selección;Cuota\n1/2/2025;Atlético;2,10\n"


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8 with BOM"),
        ("utf-16", "UTF-16"),
        ("latin-1", "Latin-1"),
        ("cp1252", "Latin-1"),
    ],
)
def test_an_encoding_is_found_and_told(codec: str, name: str) -> None:
    sheet = read_sheet(TABLE.encode(codec))
    assert (sheet.encoding, sheet.delimiter) == (name, ";")
    assert sheet.header == ("Fecha", "Selección", "Cuota")
    assert [row.cells for row in sheet.rows()] == [["1/2/2025", "Atlético", "2,10"]]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_delimiter_is_found_among_others_in_the_cells(delimiter: str, newline: str) -> None:
    other = ";" if delimiter == "," else ","
    lines = [["Date", "Match", "Odds"], ["2025-01-02", f"A{other}B{other}C{other}D", "2.1"], ["2025-01-03", "x", "3"]]
    sheet = read_sheet(newline.join(delimiter.join(line) for line in lines).encode())
    assert sheet.delimiter == delimiter
    assert [row.cells[1] for row in sheet.rows()] == [f"A{other}B{other}C{other}D", "x"]


def test_a_spreadsheet_may_name_its_delimiter() -> None:
    sheet = read_sheet(b"sep=;\r\nDate;Odds, decimal\r\n2025-01-02;2.1\r\n")
    assert sheet.header == ("Date", "Odds, decimal")
    assert [(row.line, row.cells) for row in sheet.rows()] == [(3, ["2025-01-02", "2.1"])]


def test_lines_are_counted_over_blank_ones_and_breaks_in_cells() -> None:
    sheet = read_sheet(b'a,b\n\n1,"two\nlines"\n , \n3,4\n')
    assert [(row.line, row.cells) for row in sheet.rows()] == [(3, ["1", "two\nlines"]), (6, ["3", "4"])]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"PK\x03\x04\x14\x00\x06", "workbook"),
        (b"%PDF-1.7", "PDF"),
        (bytes(range(256)), "not text"),
        ("a,b\n1,2".encode("utf-16-le"), "not text"),
        (b"\xff\xfea", "UTF-16"),
        (b"just\nwords\n", "one column"),
        (b"a," * 300, "columns"),
        (b"a," + b"b" * 500, "must name the columns"),
    ],
)
def test_what_is_no_table_is_refused_with_the_remedy(body: bytes, said: str) -> None:
    with pytest.raises(Invalid, match=said) as refused:
        read_sheet(body)
    assert refused.value.field == "input.csv"


def test_a_quote_that_never_closes_is_found() -> None:
    sheet = read_sheet(b'a,b\n1,2\n3,"four\n5,6\n')
    with pytest.raises(Invalid, match=r"line 3: .* quotation mark"):
        list(sheet.rows())


def test_a_file_comes_as_text_or_as_its_bytes() -> None:
    body = TABLE.encode("latin-1")
    assert body_of(TABLE) == TABLE.encode()
    assert body_of("data:text/csv;base64," + b64encode(body).decode()) == body
    assert body_of("data:;base64," + b64encode(body).decode()) == body
    with pytest.raises(Invalid, match="base64"):
        body_of("data:text/csv;base64,***")


def test_a_large_file_is_refused() -> None:
    assert len(body_of("x" * MOST_BYTES)) == MOST_BYTES
    with pytest.raises(Invalid, match="5,242,881 bytes"):
        body_of("x" * (MOST_BYTES + 1))
    with pytest.raises(Invalid, match="split"):
        body_of("é" * (MOST_BYTES // 2 + 1))


@given(st.binary(max_size=400))
def test_any_bytes_are_a_table_or_are_refused(body: bytes) -> None:
    with suppress(Invalid):
        sheet = read_sheet(body)
        assert len(sheet.header) >= 2
        assert all(any(row.cells) for row in sheet.rows())
