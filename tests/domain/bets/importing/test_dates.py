"""Dates: what each of them says, and what only the whole file can."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.bets.importing.dates import DAY_FIRST, ISO, MONTH_FIRST, Dates, DateSurvey
from domain.infra.errors import Invalid

MADRID = ZoneInfo("Europe/Madrid")


def survey(*cells: str) -> DateSurvey:
    made = DateSurvey()
    for line, cell in enumerate(cells, start=2):
        made.see(cell, line)
    return made


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["03/04/2025", "13/04/2025"], DAY_FIRST),
        (["03/04/2025", "04/13/2025"], MONTH_FIRST),
        (["3.4.2025"], DAY_FIRST),
        (["Sat 03/05/2025", "Sun 05/18/25"], MONTH_FIRST),
        (["05/05/2025", "06-06-2025"], DAY_FIRST),
        (["2025-04-03"], ISO),
        (["2025-04-03", "04/25/2025 15:00"], MONTH_FIRST),
        ([""], DAY_FIRST),
    ],
)
def test_the_whole_file_decides_which_comes_first(cells: list[str], expected: str) -> None:
    assert survey(*cells).decide(None) == expected


def test_a_file_that_does_not_tell_is_refused_with_the_remedy() -> None:
    with pytest.raises(Invalid) as refused:
        survey("01/02/2025", "03/04/2025").decide(None)
    assert refused.value.field == "input.mapping.dateFormat"
    assert "'01/02/2025' in line 2" in refused.value.message
    assert '{"dateFormat": "%d/%m/%Y"}' in refused.value.message
    assert survey("01/02/2025").decide("%m/%d/%Y") == MONTH_FIRST


def test_a_file_that_contradicts_itself_is_refused_with_both_lines() -> None:
    with pytest.raises(Invalid, match=r"'13/04/2025' in line 2 .* '04/13/2025' in line 3"):
        survey("13/04/2025", "04/13/2025").decide(None)


@pytest.mark.parametrize("told", ["%d/%m", "day", "%Q", "", "%H:%M", "%"])
def test_a_format_must_write_a_whole_date(told: str) -> None:
    with pytest.raises(Invalid, match="a day, a month and a year"):
        survey().decide(told)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2025-03-01", "2025-02-28T23:00"),
        ("2025/3/1 15:00", "2025-03-01T14:00"),
        ("2025-03-01T15:00:00Z", "2025-03-01T15:00"),
        ("2025-03-01T15:00:00.123456Z", "2025-03-01T15:00"),
        ("2025-03-01 15:00+0500", "2025-03-01T10:00"),
        ("2025-07-01 15:00", "2025-07-01T13:00"),
        ("1/3/2025 3:05 PM", "2025-03-01T14:05"),
        ("1/3/2025 12:05 a.m.", "2025-02-28T23:05"),
        ("01.03.25, 15:00", "2025-03-01T14:00"),
        ("1-3-2025 15:00:30", "2025-03-01T14:00"),
        ("1 Mar 2025 15:00", "2025-03-01T14:00"),
        ("1st March, 2025 15:00", "2025-03-01T14:00"),
        ("March 1, 2025, 15:00", "2025-03-01T14:00"),
        ("1 de marzo de 2025 15:00", "2025-03-01T14:00"),
        ("Sat, 01-Mar-25 15:00", "2025-03-01T14:00"),
        ("sábado 1/3/2025 15:00", "2025-03-01T14:00"),
        ("mar 4/3/2025", "2025-03-03T23:00"),
        ("15 Ago 2025 00:00", "2025-08-14T22:00"),
    ],
)
def test_a_date_is_read_in_the_persons_zone(cell: str, expected: str) -> None:
    moment = Dates(DAY_FIRST, MADRID).read(cell)
    assert moment.instant.isoformat()[:16] == expected
    assert moment.has_time == (":" in cell)


def test_every_digit_of_an_instant_is_read() -> None:
    instant = datetime(2025, 3, 1, 15, 0, 0, 123456, UTC)
    assert Dates(DAY_FIRST, MADRID).read(instant.isoformat()).instant == instant


def test_the_order_is_that_of_the_file_but_dots_begin_with_the_day() -> None:
    dates = Dates(MONTH_FIRST, ZoneInfo("UTC"))
    assert dates.read("3/4/2025").instant == datetime(2025, 3, 4, tzinfo=UTC)
    assert dates.read("3.4.2025").instant == datetime(2025, 4, 3, tzinfo=UTC)
    told = Dates(MONTH_FIRST, ZoneInfo("UTC"), is_told=True)
    assert told.read("3.4.2025").instant == datetime(2025, 3, 4, tzinfo=UTC)


def test_an_own_format_goes_first_and_times_are_read_as_they_look() -> None:
    dates = Dates(survey().decide("%Y%m%d %H:%M"), ZoneInfo("UTC"), is_told=True)
    assert dates.read("20250301 15:45").instant == datetime(2025, 3, 1, 15, 45, tzinfo=UTC)
    assert dates.read("2025-03-01").instant == datetime(2025, 3, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="not a date"):
        dates.read("3/4/2025")


def test_a_time_of_day_may_stand_in_its_own_cell() -> None:
    dates = Dates(DAY_FIRST, MADRID)
    assert dates.read("1/3/2025", "18:30").instant == datetime(2025, 3, 1, 17, 30, tzinfo=UTC)
    with pytest.raises(ValueError, match="'soon' is not a time of day"):
        dates.read("1/3/2025", "soon")


@pytest.mark.parametrize(
    "cell",
    [
        *("", "soon", "31/02/2025", "1/13/2025", "1/3/25000", "1/3", "25:00", "1/3/2025 25:00", "1/3/2025 13:00 PM"),
        *("1/3/1825", "2025-03-01T15:00+99:00", "1 Foo 2025", "45000"),
    ],
)
def test_what_is_no_date_says_so(cell: str) -> None:
    with pytest.raises(ValueError, match=r"is not a (date|time of day)"):
        Dates(DAY_FIRST, MADRID).read(cell)


@given(
    st.datetimes(datetime(1990, 1, 2), datetime(2190, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from(["%Y-%m-%dT%H:%M:%S.%fZ", "%d/%m/%Y %H:%M:%S.%f UTC", "%d %b %Y %I:%M:%S.%f %p Z"]),
)
def test_what_is_written_is_read_again(instant: datetime, format_: str) -> None:
    assert Dates(DAY_FIRST, MADRID).read(instant.strftime(format_)).instant == instant
