"""The reader of match files, on invented files in the source's shapes and on broken rows."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from touchline import OVER_25, RESULT, MarketKey, PricedOutcome, Rejected, SourceMatch
from touchline.football_data import (
    BOOKS,
    decode,
    pre_match_instant,
    read_matches,
    season_code,
    season_of_code,
    season_of_day,
)
from touchline.football_data.books import AGGREGATES
from touchline.football_data.columns import LINE_COLUMNS, PRICE_COLUMNS

PAYLOADS = Path(__file__).parent / "payloads" / "football_data"
HEADER = "Div,Date,Time,HomeTeam,AwayTeam,FTHG,FTAG,FTR,HTHG,HTAG,HTR,HC,AC,PSH,PSD,PSA,PSCH,PSCD,PSCA"
GOOD = "X1,16/08/2024,20:00,Ashmarrow,Brindlewick,2,1,H,1,0,H,6,4,1.9,3.5,4.2,1.95,3.4,4.1"


def payload(name: str) -> tuple[list[SourceMatch], list[Rejected]]:
    return read_matches((PAYLOADS / name).read_bytes(), name)


def rows(*lines: str, header: str = HEADER, season: int | None = None) -> tuple[list[SourceMatch], list[Rejected]]:
    return read_matches("\n".join([header, *lines]) + "\n", "X1.csv", season)


def changed(**cells: str) -> str:
    """The good row with other cells, by column name."""
    row = dict(zip(HEADER.split(","), GOOD.split(","), strict=True)) | cells
    return ",".join(row.values())


def prices_of(match: SourceMatch, bookmaker: str, market: MarketKey, is_closing: bool) -> dict[str, float]:
    return {
        price.outcome: price.price
        for price in match.prices
        if (price.bookmaker, price.market, price.is_closing) == (bookmaker, market, is_closing)
    }


@pytest.mark.parametrize(
    ("name", "matches", "season", "is_time_known", "priced"),
    [
        ("0506/X1.csv", 2, 2005, False, 9 * 3 + 14),
        ("1617/X1.csv", 3, 2016, False, 7 * 3 + 14 + 3),
        ("1819/X1.csv", 1, 2018, False, 6 * 3 + 14 + 3),
        ("2021/X1.csv", 3, 2020, True, 2 * (8 * 3 + 4 * 2 + 4 * 2)),
        ("2425/X1.csv", 2, 2024, True, 2 * (8 * 3 + 4 * 2 + 4 * 2)),
        ("in_progress/2526/X2.csv", 1, 2025, True, 2 * (11 * 3 + 5 * 2 + 5 * 2)),
        ("fixtures.csv", 3, 2025, True, 10 * 3 + 4 * 2 + 4 * 2),
    ],
)
def test_every_format_is_read_by_its_header(
    name: str, matches: int, season: int, is_time_known: bool, priced: int
) -> None:
    found, rejected = payload(name)
    assert rejected == []
    assert len(found) == matches
    assert {match.season for match in found} == {season}
    assert {match.is_kickoff_time_known for match in found} == {is_time_known}
    assert len(found[-1].prices) == priced


def test_a_season_file_gives_score_statistics_and_prices() -> None:
    match = payload("2021/X1.csv")[0][1]
    assert (match.league, match.home, match.away) == ("X1", "Ashmarrow", "Brindlewick")
    assert match.kickoff == datetime(2020, 9, 12, 14, 0, tzinfo=UTC), "15:00 in British summer time"
    assert (match.home_goals, match.away_goals) == (2, 2)
    assert (match.half_time_home_goals, match.half_time_away_goals) == (1, 1)
    assert None not in (match.home_corners, match.away_shots_on_target, match.home_red_cards)
    assert match.referee == "A Whistler"
    assert match.origin == "2021/X1.csv:3"
    assert prices_of(match, "interwetten", RESULT, is_closing=False).keys() == {"draw", "away"}, "a blank is absent"
    assert prices_of(match, "pinnacle", OVER_25, is_closing=True).keys() == {"over", "under"}


def test_winter_kickoffs_are_utc_already() -> None:
    assert payload("2021/X1.csv")[0][2].kickoff == datetime(2021, 1, 2, 20, 0, tzinfo=UTC)


def test_a_second_meeting_at_the_same_ground_is_leg_2_by_date() -> None:
    found, _ = payload("2021/X1.csv")
    assert [(match.home, match.kickoff.date(), match.leg) for match in found] == [
        ("Ashmarrow", date(2021, 4, 13), 2),
        ("Ashmarrow", date(2020, 9, 12), 1),
        ("Copsford Vale", date(2021, 1, 2), 1),
    ]


def test_an_awarded_match_is_marked_and_an_empty_row_says_nothing() -> None:
    found, rejected = payload("1617/X1.csv")
    assert rejected == []
    assert [match.is_awarded for match in found] == [False, False, True]
    assert (found[2].home_goals, found[2].half_time_home_goals, found[2].home_corners) == (0, None, None)


def test_a_match_without_a_result_is_not_awarded() -> None:
    found, rejected = rows(changed(FTHG="", FTAG="", FTR="", HTHG="", HTAG="", HTR=""))
    assert rejected == []
    assert (found[0].home_goals, found[0].is_awarded) == (None, False)


def test_fixtures_of_many_leagues_have_no_result_and_no_closing_prices() -> None:
    found, _ = payload("fixtures.csv")
    assert [match.league for match in found] == ["X1", "X1", "X2"]
    assert all(match.home_goals is None and not match.is_awarded for match in found)
    assert not any(price.is_closing for match in found for price in match.prices)


def test_aggregates_are_never_bookmakers() -> None:
    for name in ("1617/X1.csv", "2425/X1.csv"):
        for match in payload(name)[0]:
            named = {price.bookmaker for price in match.prices if price.is_aggregate}
            assert named in ({"BbMx", "BbAv"}, {"Max", "Avg"})
            assert {price.bookmaker for price in match.prices if not price.is_aggregate} <= {book.key for book in BOOKS}


def test_a_book_without_columns_or_cells_is_absent() -> None:
    match = payload("2425/X1.csv")[0][0]
    assert not any(price.bookmaker == "pinnacle" for price in match.prices)
    assert prices_of(match, "betfair-exchange", RESULT, is_closing=True).keys() == {"home", "draw", "away"}


def test_closing_prices_are_of_the_kickoff_and_early_ones_are_estimated() -> None:
    match = rows(GOOD)[0][0]
    early, closing = match.prices[0], match.prices[3]
    assert early == PricedOutcome(
        "pinnacle", RESULT, "home", 1.9, datetime(2024, 8, 16, 14, 0, tzinfo=UTC), False, False, is_estimated=True
    )
    assert closing == PricedOutcome("pinnacle", RESULT, "home", 1.95, match.kickoff, True)


def test_where_the_time_is_missing_nothing_is_later_than_midnight() -> None:
    match = rows(changed(Time=""))[0][0]
    assert (match.kickoff, match.is_kickoff_time_known) == (datetime(2024, 8, 16, tzinfo=UTC), False)
    assert {price.observed_at for price in match.prices} == {
        datetime(2024, 8, 13, 14, 0, tzinfo=UTC),
        datetime(2024, 8, 16, tzinfo=UTC),
    }, "a Friday match of unknown time has the prices of the Tuesday before"


@pytest.mark.parametrize(
    ("kickoff", "taken"),
    [
        ("2024-08-17 14:00", "2024-08-16 14:00"),  # Saturday: Friday 15:00 BST
        ("2024-08-19 19:00", "2024-08-16 14:00"),  # Monday: Friday
        ("2024-12-03 19:45", "2024-12-03 15:00"),  # Tuesday evening: the same day, GMT
        ("2024-12-05 20:00", "2024-12-03 15:00"),  # Thursday: Tuesday
        ("2024-12-06 12:30", "2024-12-03 15:00"),  # Friday noon: Friday 15:00 is not before it
        ("2024-12-06 15:00", "2024-12-03 15:00"),  # nor is 15:00 before 15:00
        ("2024-12-06 15:01", "2024-12-06 15:00"),
        ("2025-03-30 12:00", "2025-03-28 15:00"),  # the clocks went forward between the two
    ],
)
def test_early_prices_are_of_the_last_friday_or_tuesday_afternoon(kickoff: str, taken: str) -> None:
    at, expected = (datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC) for text in (kickoff, taken))
    assert pre_match_instant(at) == expected


def test_the_handicap_line_is_a_column_of_its_own() -> None:
    header = "Div,Date,HomeTeam,AwayTeam,AHh,B365AHH,B365AHA,AHCh,B365CAHH,B365CAHA,GBAH,GBAHH,GBAHA,BbAHh,BbAvAHH"
    match = rows("X1,17/08/24,A,B,-0.75,1.9,2,-0,1.8,2.1,0.25,1.7,2.2,-1,1.95", header=header)[0][0]
    assert [(price.bookmaker, price.market.line, price.outcome, price.is_closing) for price in match.prices] == [
        ("bet365", -0.75, "home", False),
        ("bet365", -0.75, "away", False),
        ("bet365", 0.0, "home", True),
        ("bet365", 0.0, "away", True),
        ("gamebookers", 0.25, "home", False),
        ("gamebookers", 0.25, "away", False),
        ("BbAv", -1.0, "home", False),
    ]
    assert {str(price.market) for price in match.prices if price.is_closing} == {"asian_handicap:0:ft"}


def test_handicap_prices_without_a_usable_line_are_left_out_and_told() -> None:
    header = "Div,Date,HomeTeam,AwayTeam,AHh,B365AHH,B365AHA"
    lines = ["X1,17/08/24,A,B,-1.2,1.9,2", "X1,17/08/24,C,D,,1.9,2", "X1,17/08/24,E,F,nan,1.9,2", "X1,17/08/24,G,H,,,"]
    found, rejected = rows(*lines, header=header)
    assert [match.prices for match in found] == [()] * 4
    assert [(one.origin, one.is_whole_row) for one in rejected] == [(f"X1.csv:{n}", False) for n in (2, 3, 4)]
    assert rejected[0].reason == "AHh '-1.2' is not a handicap in quarters of a goal: its prices are left out"


@pytest.mark.parametrize("bad", ["1", "1.0", "0", "-2", "NaN", "inf", "1e9", "2_1", "evens"])
def test_a_price_that_is_none_is_left_out_and_the_row_kept(bad: str) -> None:
    found, rejected = rows(changed(PSD=bad))
    assert prices_of(found[0], "pinnacle", RESULT, is_closing=False) == {"home": 1.9, "away": 4.2}
    assert rejected == [Rejected("X1.csv:2", f"PSD {bad!r} is not a price above 1", is_whole_row=False)]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"Date": "31/02/2024"}, "'31/02/2024' is not a date"),
        ({"Date": "2024-08-16"}, "'2024-08-16' is not a date"),
        ({"Date": "16/08/9999"}, "'16/08/9999' is not a date of a match"),
        ({"Date": "16/08/2034"}, "16/08/2034 is not in the season 2024/25"),
        ({"Div": ""}, "no division"),
        ({"HomeTeam": " "}, "no home team"),
        ({"AwayTeam": ""}, "no away team"),
        ({"AwayTeam": "Ashmarrow"}, "Ashmarrow against itself"),
        ({"HomeTeam": "Ash\0marrow"}, "home team 'Ash\\x00marrow' holds control characters"),
        ({"FTHG": "-1"}, "FTHG '-1' is not a number of goals"),
        ({"FTAG": "31"}, "FTAG '31' is not a number of goals"),
        ({"FTHG": "2.5"}, "FTHG '2.5' is not a number of goals"),
        ({"FTHG": "two"}, "FTHG 'two' is not a number of goals"),
        ({"FTHG": "nan"}, "FTHG 'nan' is not a number of goals"),
        ({"HTHG": "3"}, "half-time 3-0 is above full-time 2-1"),
        ({"FTR": "A"}, "result 'A' disagrees with 2-1"),
        ({"FTR": "X"}, "result 'X' disagrees with 2-1"),
        ({"FTAG": ""}, "half of a score is missing"),
        ({"HTAG": ""}, "half of a score is missing"),
        ({"FTHG": "", "FTAG": ""}, "a half-time score or a result without a full-time score"),
    ],
)
def test_a_bad_row_is_told_with_file_and_line_and_the_rest_is_read(cells: dict[str, str], reason: str) -> None:
    found, rejected = rows(changed(HomeTeam="Copsford"), changed(**cells), changed(HomeTeam="Dunmarrow"), season=2024)
    assert [match.home for match in found] == ["Copsford", "Dunmarrow"]
    assert rejected == [Rejected("X1.csv:3", reason)]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"HC": "x"}, "HC 'x' is not a count"),
        ({"AC": "-3"}, "AC '-3' is not a count"),
        ({"HC": "6.0"}, None),
        ({"Time": "25:00"}, "'25:00' is not a time of day: the kick-off time is taken as not known"),
        ({"Time": "tbc"}, "'tbc' is not a time of day: the kick-off time is taken as not known"),
    ],
)
def test_a_bad_part_is_told_and_the_row_kept(cells: dict[str, str], reason: str | None) -> None:
    found, rejected = rows(changed(**cells))
    assert len(found) == 1
    assert rejected == ([] if reason is None else [Rejected("X1.csv:2", reason, is_whole_row=False)])


def test_a_file_cut_in_mid_row_says_so() -> None:
    found, rejected = read_matches("\r\n".join([HEADER, GOOD, GOOD[:40]]), "X1.csv")
    assert len(found) == 1
    assert rejected == [Rejected("X1.csv:3", "the row is cut off: 5 of 19 cells")]


def test_a_short_row_in_the_middle_is_malformed() -> None:
    found, rejected = rows("X1,16/08/2024,20:00,Copsford", GOOD)
    assert len(found) == 1
    assert rejected == [Rejected("X1.csv:2", "the row has 4 of 19 cells")]


def test_a_row_with_more_cells_than_the_header_is_malformed() -> None:
    found, rejected = rows(f"{GOOD},1.9", f"{GOOD},,".replace("Ashmarrow", "Copsford"))
    assert [match.home for match in found] == ["Copsford"]
    assert rejected == [Rejected("X1.csv:2", "the row has 20 cells, the header 19")]


def test_a_stray_quote_costs_one_row() -> None:
    found, rejected = rows(changed(HomeTeam='"Copsford'), changed(HomeTeam='"Dun, marrow"'), GOOD)
    assert [match.home for match in found] == ["Dun, marrow", "Ashmarrow"]
    assert [(one.origin, one.is_whole_row) for one in rejected] == [("X1.csv:2", True)]


def test_the_same_match_twice_is_one() -> None:
    found, rejected = rows(GOOD, GOOD)
    assert [match.leg for match in found] == [1]
    assert rejected == [Rejected("X1.csv:3", "the same match is in X1.csv:2")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the file is empty"),
        ("\n,,,\n", "the file is empty"),
        ("<html>\n<body>", "not a match file: no column Div, Date, HomeTeam, AwayTeam"),
        ("Div,Date,HomeTe", "not a match file: no column HomeTeam, AwayTeam"),
    ],
)
def test_what_is_no_match_file_says_so(text: str, reason: str) -> None:
    assert read_matches(text, "X1.csv") == ([], [Rejected("X1.csv:1", reason)])


def test_columns_that_are_not_known_are_told_once() -> None:
    header = "Div,Date,HomeTeam,AwayTeam,NEWH,NEWD,HC,HC,"
    found, rejected = rows("X1,16/08/2024,A,B,1.5,2.5,7,8,", "X1,17/08/2024,C,D,1.5,2.5,7,8,", header=header)
    assert [match.home_corners for match in found] == [7, 7]
    assert rejected == [
        Rejected("X1.csv:1", "columns not known and left out: NEWH, NEWD", is_whole_row=False),
        Rejected("X1.csv:1", "column HC is there twice: the first one is read", is_whole_row=False),
    ]


def test_the_season_is_that_of_most_days_or_the_one_told() -> None:
    late = [
        changed(Date="02/08/2020"),
        changed(Date="10/09/2019", HomeTeam="C"),
        changed(Date="11/09/2019", HomeTeam="D"),
    ]
    assert {match.season for match in rows(*late)[0]} == {2019}
    assert rows(changed(Date="02/08/2020"))[0][0].season == 2020
    assert rows(changed(Date="02/08/2020"), season=2019)[0][0].season == 2019


def test_text_may_be_latin_1_marked_or_cut_inside_a_character() -> None:
    assert decode("Münsterhold".encode("latin-1")) == "Münsterhold"
    assert decode(b"\xef\xbb\xbf" + "Münsterhold".encode("latin-1")) == "Münsterhold"
    assert decode("\ufeffMünsterhold".encode()) == "Münsterhold"
    assert decode("Münsterhold é".encode()[:-1]) == "Münsterhold "


@pytest.mark.parametrize(
    ("code", "season"),
    [("2425", 2024), ("9900", 1999), ("9394", 1993), ("0001", 2000), ("2020", None), ("fixtures", None)],
)
def test_season_codes(code: str, season: int | None) -> None:
    assert season_of_code(code) == season
    assert season is None or season_code(season) == code


def test_a_season_starts_in_july() -> None:
    assert [season_of_day(day) for day in (date(2024, 6, 30), date(2024, 7, 1), date(2025, 1, 1))] == [2023, 2024, 2024]


def test_no_two_books_claim_one_column() -> None:
    prefixes = [prefix for book in BOOKS for prefix in book.prefixes] + list(AGGREGATES)
    assert len(set(prefixes)) == len(prefixes)
    assert len(PRICE_COLUMNS) == len(prefixes) * 2 * 7, "every prefix, early and closing, three markets"
    assert not set(PRICE_COLUMNS) & LINE_COLUMNS


CELLS = st.sampled_from(
    [
        "",
        " ",
        "0",
        "-1",
        "1e400",
        "nan",
        "99",
        "1_0",
        "½",
        "\0",
        '"',
        "16/08/2024",
        "01/08/9999",
        "00/00/00",
        "24:60",
        "H",
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    changes=st.lists(st.tuples(st.sampled_from(HEADER.split(",")), CELLS | st.text(max_size=8)), max_size=4),
    cut=st.integers(0, 400),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_every_row_is_a_match_or_a_reason(changes: list[tuple[str, str]], cut: int, end: str) -> None:
    row = dict(zip(HEADER.split(","), GOOD.split(","), strict=True)) | dict(changes)
    text = end.join([HEADER, GOOD.replace("Ashmarrow", "Copsford"), ",".join(row.values())])
    found, rejected = read_matches(text[: len(text) - cut], "X1.csv")
    assert len(found) <= 2 or any("\n" in cell or "\r" in cell for cell in row.values())
    assert len(found) + sum(one.is_whole_row for one in rejected) >= (1 if cut == 0 else 0)
    for match in found:
        assert match.home
        assert match.kickoff.utcoffset() is not None
        assert all(price.price > 1 and price.observed_at <= match.kickoff for price in match.prices)
        assert match.half_time_home_goals is None or 0 <= match.half_time_home_goals <= (match.home_goals or 0) <= 30


@settings(max_examples=200, deadline=None)
@given(payload=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(payload: bytes) -> None:
    found, rejected = read_matches(payload, "X1.csv")
    assert (found, len(rejected)) == ([], 1)
