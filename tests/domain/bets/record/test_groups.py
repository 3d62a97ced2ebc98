"""Groups, days and what they are called."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.bets.record.days import begins_at, date_of, first_days, local_days, next_period
from domain.bets.record.groups import EDGE_BANDS, ODDS_BANDS, Dimension, edge_band, odds_band, split
from domain.bets.record.labels import label
from domain.bets.record.metrics import Metrics
from domain.bets.record.rows import Bets
from domain.care.rules import Period
from tests.bettors import Wager, columns
from tests.domain.bets.record.test_metrics import WAGERS, capital

LONDON = ZoneInfo("Europe/London")
ZONES = ["UTC", "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "Europe/London"]


def shape(bets: Bets, dimension: Dimension, zone: ZoneInfo = LONDON) -> dict[str, list[int]]:
    return {group.key: group.bets.id.tolist() for group in split(bets, dimension, zone)}


@given(
    st.lists(st.floats(946_684_800, 2_000_000_000), max_size=30),
    st.sampled_from(ZONES),
)
def test_days_are_those_of_the_clocks_on_the_wall(instants: list[float], zone: str) -> None:
    expected = [(datetime.fromtimestamp(each, ZoneInfo(zone)).date() - date(1970, 1, 1)).days for each in instants]
    assert local_days(np.array(instants), ZoneInfo(zone)).tolist() == expected


def test_the_day_of_the_change_has_23_hours() -> None:
    around = [datetime(2026, 3, 28, 23, 59, tzinfo=LONDON), datetime(2026, 3, 29, 0, 1, tzinfo=LONDON)]
    after = [datetime(2026, 3, 29, 23, 59, tzinfo=LONDON), datetime(2026, 3, 30, 0, 1, tzinfo=LONDON)]
    days = local_days(np.array([each.timestamp() for each in around + after]), LONDON)
    assert [date_of(day).day for day in days.tolist()] == [28, 29, 29, 30]
    day = int(days[1])
    assert begins_at(next_period(day, Period.DAY), LONDON) - begins_at(day, LONDON) == timedelta(hours=23)


@pytest.mark.parametrize(
    ("day", "period", "first", "following"),
    [
        (date(2026, 3, 14), Period.DAY, date(2026, 3, 14), date(2026, 3, 15)),
        (date(2026, 3, 15), Period.WEEK, date(2026, 3, 9), date(2026, 3, 16)),  # a Sunday
        (date(2026, 3, 16), Period.WEEK, date(2026, 3, 16), date(2026, 3, 23)),
        (date(2026, 1, 31), Period.MONTH, date(2026, 1, 1), date(2026, 2, 1)),
        (date(2025, 12, 31), Period.MONTH, date(2025, 12, 1), date(2026, 1, 1)),
    ],
)
def test_periods_begin_and_end(day: date, period: Period, first: date, following: date) -> None:
    number = (day - date(1970, 1, 1)).days
    found = int(first_days(np.array([number]), period)[0])
    assert (date_of(found), date_of(next_period(found, period))) == (first, following)


TIMES = columns(
    [
        Wager(settled_at=datetime(2025, 12, 31, 23, tzinfo=UTC)),  # Wednesday
        Wager(settled_at=datetime(2026, 1, 1, 12, tzinfo=UTC)),  # Thursday of the same ISO week, the first of 2026
        Wager(settled_at=datetime(2026, 6, 30, 23, 30, tzinfo=UTC)),  # 0:30 on Wednesday, 1 July in London
        Wager("PENDING"),
    ]
)


@pytest.mark.parametrize(
    ("dimension", "expected"),
    [
        (Dimension.DAY, {"2025-12-31": [1], "2026-01-01": [2], "2026-07-01": [3]}),
        (Dimension.WEEK, {"2026-W01": [1, 2], "2026-W27": [3]}),
        (Dimension.MONTH, {"2025-12": [1], "2026-01": [2], "2026-07": [3]}),
        (Dimension.WEEKDAY, {"WEDNESDAY": [1, 3], "THURSDAY": [2]}),
    ],
)
def test_times_are_those_of_settlement_in_order(dimension: Dimension, expected: dict[str, list[int]]) -> None:
    found = shape(TIMES, dimension)
    assert found == expected
    assert list(found) == list(expected)


def test_bands_meet_without_a_gap() -> None:
    bets = columns(
        [Wager(price=price) for price in ("1.01", "1.49", "1.50", "1.99", "2.00", "9.99", "10.00", "500.00")]
    )
    assert shape(bets, Dimension.ODDS_BAND) == {
        "1.00-1.50": [1, 2],
        "1.50-1.80": [3],
        "1.80-2.00": [4],
        "2.00-2.50": [5],
        "5.00-10.00": [6],
        "10.00+": [7, 8],
    }
    edges = columns([Wager(edge=edge) for edge in (None, -0.01, 0.0, 0.0499, 0.05, 0.20, 3.0)])
    assert shape(edges, Dimension.EDGE_BAND) == {
        "NEGATIVE": [2],
        "0.00-0.05": [3, 4],
        "0.05-0.10": [5],
        "0.20+": [6, 7],
        "UNKNOWN": [1],
    }
    assert all(odds_band(number).startswith(f"{low:.2f}") for number, low in enumerate(ODDS_BANDS, start=1))
    assert all(edge_band(number).startswith(f"{low:.2f}") for number, low in enumerate(EDGE_BANDS, start=1))


def test_a_bet_with_two_tags_counts_in_both() -> None:
    bets = columns([Wager(tags=("derby", "live")), Wager(tags=("live",)), Wager()])
    assert shape(bets, Dimension.TAG) == {"live": [1, 2], "UNTAGGED": [3], "derby": [1]}


def test_words_split_the_largest_group_first() -> None:
    bets = replace(columns([Wager()] * 4), league=np.array(["7", "12", "12", "UNKNOWN"], dtype=np.object_))
    assert list(shape(bets, Dimension.LEAGUE).items()) == [("12", [2, 3]), ("7", [1]), ("UNKNOWN", [4])]


@given(WAGERS, st.sampled_from([each for each in Dimension if each is not Dimension.TAG]))
def test_groups_sum_to_the_whole(wagers: list[Wager], dimension: Dimension) -> None:
    bets = columns(wagers)
    whole = Metrics(bets, capital(), LONDON)
    groups = [Metrics(group.bets, capital(), LONDON) for group in split(bets, dimension, LONDON)]
    for name in ("settled_count", "won_count", "lost_count", "turnover", "gross_profit", "gross_loss", "net_profit"):
        assert getattr(whole, name) == sum(getattr(group, name) for group in groups), name


def test_no_bets_make_no_groups() -> None:
    assert [split(columns([]), dimension, LONDON) for dimension in Dimension] == [[]] * len(Dimension)


@pytest.mark.parametrize(
    ("dimension", "key", "english", "spanish"),
    [
        (Dimension.WEEKDAY, "SATURDAY", "Saturday", "sábado"),
        (Dimension.MONTH, "2026-03", "March 2026", "marzo de 2026"),
        (Dimension.WEEK, "2026-W01", "Week 1, 2026", "Semana 1 de 2026"),
        (Dimension.DAY, "2026-03-14", "2026-03-14", "2026-03-14"),
        (Dimension.MARKET, "total_goals", "Total goals", "Total de goles"),
        (Dimension.MARKET, "MULTIPLE", "Several", "Varios"),
        (Dimension.LEAGUE, "UNKNOWN", "Unknown", "Desconocido"),
        (Dimension.ODDS_BAND, "1.80-2.00", "1.80 to 2.00", "1,80 a 2,00"),
        (Dimension.ODDS_BAND, "10.00+", "10.00 or more", "10,00 o más"),
        (Dimension.EDGE_BAND, "0.05-0.10", "5 % to 10 %", "5 % a 10 %"),
        (Dimension.EDGE_BAND, "NEGATIVE", "Below 0 %", "Menos de 0 %"),
        (Dimension.TAG, "UNTAGGED", "No tag", "Sin etiqueta"),
        (Dimension.TAG, "MULTIPLE", "MULTIPLE", "MULTIPLE"),
    ],
)
def test_groups_have_a_name_in_two_languages(dimension: Dimension, key: str, english: str, spanish: str) -> None:
    assert (label(dimension, key, "en-GB"), label(dimension, key, "es-CL")) == (english, spanish)
    assert label(dimension, key, "de") == english


def test_every_group_has_a_label() -> None:
    every = [Wager(price=f"{low + 0.01:.2f}", edge=edge) for low in ODDS_BANDS for edge in (*EDGE_BANDS, -1.0, None)]
    for dimension in (Dimension.ODDS_BAND, Dimension.EDGE_BAND):
        for group in split(columns(every), dimension, LONDON):
            assert label(dimension, group.key, "es") != group.key
