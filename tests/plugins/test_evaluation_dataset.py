"""Match files as a dataset: what is read, what is left out, and what was known when."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.plugins.seasons import drawn_league, match, prices, write_season
from touchline.evaluation.dataset import Dataset, Quote, country_of, match_files, plain_name, read_dataset
from touchline.evaluation.rounds import local_midnight, rounds
from touchline.football_data.columns import STATISTICS

DAY = date(2023, 8, 12)


def seconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


@pytest.fixture(scope="module")
def two_leagues(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("leagues")
    drawn_league(folder, [2021, 2022], division="E0")
    drawn_league(folder, [2021, 2022], division="D1", seed=2)
    return read_dataset(folder)


def test_everything_is_read_in_order(two_leagues: Dataset) -> None:
    past = two_leagues.history
    assert len(two_leagues) == 4 * 8 * 7
    assert (np.diff(two_leagues.kickoff) >= 0).all()
    assert set(two_leagues.leagues) == {"E0", "D1"}
    assert np.array_equal(past.kickoff_seconds(), two_leagues.kickoff)
    assert np.isfinite(past.home_corners).all()
    assert (past.days_ago > 0).all()
    assert two_leagues.left_out == ()


def test_a_past_holds_only_what_was_before(two_leagues: Dataset) -> None:
    instant = int(two_leagues.kickoff[100])
    past = two_leagues.before(instant)
    assert len(past) == int((two_leagues.kickoff < instant).sum())
    assert int(past.kickoff_seconds().max()) < instant
    assert np.array_equal(past.home_goals, two_leagues.history.home_goals[: len(past)])
    of_league = two_leagues.before(instant, "D1")
    assert of_league.leagues == ("D1",)
    assert all(club.startswith("D/") for club in of_league.clubs)
    assert set(of_league.league.tolist()) == {0}
    recent = two_leagues.before(instant, "D1", days=7)
    assert (recent.days_ago <= 7).all()
    assert len(recent) < len(of_league)
    since = two_leagues.before(instant, "D1", since=int(of_league.kickoff_seconds()[10]))
    assert len(since) == len(of_league) - 10 + int(
        (of_league.kickoff_seconds()[:10] == of_league.kickoff_seconds()[10]).sum()
    )


def test_a_past_cannot_be_written_to(two_leagues: Dataset) -> None:
    past = two_leagues.before(int(two_leagues.kickoff[100]), "E0")
    for column in (past.home_goals, past.days_ago, past.home, past.closing_result, past.home_xg):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 0


def test_a_past_does_not_tell_who_will_come_up(two_leagues: Dataset) -> None:
    first_of_2022 = int(two_leagues.kickoff[two_leagues.history.season == 2022].min())
    before = two_leagues.before(first_of_2022, "E0")
    after = two_leagues.before(int(two_leagues.kickoff[-1]), "E0")
    assert "E/E0 Club 08" not in before.clubs
    assert "E/E0 Club 08" in after.clubs
    assert after.clubs[: len(before.clubs)] == before.clubs
    empty = two_leagues.before(0)
    assert (len(empty), empty.clubs, empty.leagues) == (0, (), ())


def test_fixtures_have_the_numbers_of_their_past(two_leagues: Dataset) -> None:
    for one in rounds(two_leagues, "E0", [2022]):
        past, coming = (
            two_leagues.before(one.instant, "E0"),
            two_leagues.fixtures(one.rows, one.instant, "E0"),
        )
        assert coming.clubs[: len(past.clubs)] == past.clubs
        told = [coming.clubs[club] for club in coming.home]
        assert told == [two_leagues.history.clubs[club] for club in two_leagues.history.home[one.rows]]
        assert (coming.days_ahead >= 0).all()


def test_a_league_that_is_not_there_is_named(two_leagues: Dataset) -> None:
    with pytest.raises(ValueError, match="'I1': there are"):
        two_leagues.before(0, "I1")


def test_one_name_in_two_countries_is_two_clubs_and_in_two_divisions_one(tmp_path: Path) -> None:
    for division in ("E0", "E1", "SP1"):
        write_season(tmp_path, division, 2023, [match(DAY, "Athletic", f"{division} City", (1, 0), division)])
    clubs = read_dataset(tmp_path).history.clubs
    assert set(clubs) == {"E/Athletic", "SP/Athletic", "E/E0 City", "E/E1 City", "SP/SP1 City"}
    assert [country_of(code) for code in ("E3", "EC", "SC0", "SP2", "ARG")] == ["E", "E", "SC", "SP", "ARG"]
    assert plain_name("SP/Athletic") == "Athletic"


def test_what_was_not_played_is_left_out_with_its_reason(tmp_path: Path) -> None:
    coming = match(date(2023, 8, 19), "A", "B", (0, 0)) | dict.fromkeys(("FTHG", "FTAG", "FTR", "HTHG", "HTAG"), "")
    awarded = match(DAY, "C", "D", (3, 0), HTHG="", HTAG="")
    slip = match(DAY, "E", "F", (1, 0), FTR="A")
    write_season(tmp_path, "E0", 2023, [match(DAY, "A", "B", (2, 1)), awarded, coming, slip])
    dataset = read_dataset(tmp_path)
    assert len(dataset) == 1
    assert [(one.origin, one.reason) for one in dataset.left_out] == [
        ("2324/E0.csv:5", "result 'A' disagrees with 1-0"),
        ("2324/E0.csv:3", "awarded at a table: its score was never played"),
        ("2324/E0.csv:4", "no result"),
    ]


def test_every_count_of_a_file_is_a_column_and_a_blank_is_nan(tmp_path: Path) -> None:
    cells = dict(zip(STATISTICS, map(str, range(1, 1 + len(STATISTICS))), strict=True))
    told = match(DAY, "A", "B", (2, 1), **cells)
    write_season(tmp_path, "E0", 2023, [told, match(DAY, "C", "D", (2, 1), HS="9", HST="9", HC="9", HR="0")])
    past = read_dataset(tmp_path).history
    for count, name in enumerate(STATISTICS.values(), start=1):
        assert getattr(past, name)[0] == count, name
    for name in ("home_fouls", "away_fouls", "home_yellow_cards", "away_yellow_cards", "away_red_cards"):
        assert np.isnan(getattr(past, name)[1]), name


def test_closing_prices_come_from_the_best_source(tmp_path: Path) -> None:
    pinnacle, average = prices([2.0, 3.4, 4.0], [1.9, 2.0]), prices([2.1, 3.3, 3.9], [1.8, 2.1], "Avg")
    lines = [
        match(DAY, "A", "B", (1, 0), **pinnacle, **average),
        match(DAY, "C", "D", (1, 0), **average),
        match(DAY, "E", "F", (1, 0), **(pinnacle | {"PSCH": "1.0"}), **average),
        match(DAY, "G", "H", (1, 0), **(pinnacle | {"PSCH": "9.0"}), **(average | {"AvgC>2.5": "0.42"})),
        match(DAY, "I", "J", (1, 0)),
    ]
    write_season(tmp_path, "E0", 2023, lines)
    dataset = read_dataset(tmp_path)
    quotes = [Quote(quote) for quote in dataset.result_quote]
    assert quotes == [
        Quote.PINNACLE_CLOSING,
        Quote.AVERAGE_CLOSING,
        Quote.AVERAGE_CLOSING,
        Quote.AVERAGE_CLOSING,
        Quote.NONE,
    ]
    assert dataset.history.closing_result[2].tolist() == [2.1, 3.3, 3.9]
    assert dataset.history.closing_total[2].tolist() == [1.9, 2.0]
    assert np.isnan(dataset.history.closing_result[4]).all()


def test_an_early_price_that_stands_in_says_so(tmp_path: Path) -> None:
    path = tmp_path / "0506" / "E0.csv"
    path.parent.mkdir()
    path.write_text("Div,Date,HomeTeam,AwayTeam,FTHG,FTAG,BbAvH,BbAvD,BbAvA\nE0,13/08/05,A,B,1,0,2,3.4,4\n")
    dataset = read_dataset(tmp_path)
    assert dataset.history.closing_result[0].tolist() == [2.0, 3.4, 4.0]
    assert Quote(dataset.result_quote[0]) is Quote.AVERAGE_EARLY
    assert not Quote.AVERAGE_EARLY.is_closing
    assert not Quote.NONE.is_closing
    assert Quote.EXCHANGE_CLOSING.is_closing


def test_a_pair_that_meets_twice_at_one_ground_is_two_matches(tmp_path: Path) -> None:
    days = (date(2023, 8, 12), date(2024, 1, 13))
    write_season(tmp_path, "SC0", 2023, [match(day, "A", "B", (1, 0), "SC0") for day in days])
    dataset = read_dataset(tmp_path)
    assert dataset.leg.tolist() == [1, 2]
    assert [dataset.match_line(row) for row in (0, 1)] == ["SC0,2023,2023-08-12,A,B,1", "SC0,2023,2024-01-13,A,B,2"]


def test_the_digest_is_that_of_the_list_of_matches(two_leagues: Dataset) -> None:
    rows = np.arange(20)
    assert two_leagues.digest_of(rows) == two_leagues.digest_of(rows[::-1])
    assert two_leagues.digest_of(rows) != two_leagues.digest_of(rows[:-1])
    assert two_leagues.with_columns({"home_goals": two_leagues.history.home_goals + 1}).digest == two_leagues.digest


def test_expected_goals_are_joined_by_match(tmp_path: Path) -> None:
    lines = [match(DAY, "A", "B", (2, 1)), match(date(2023, 8, 19), "B", "A", (0, 0))]
    write_season(tmp_path, "E0", 2023, lines)
    file = tmp_path / "xg.csv"
    header = "Div,season,date,HomeTeam,AwayTeam,FTHG,FTAG,xg_home,xg_away\n"
    rows = [
        "E0,2024,2023-08-12,A,B,2,1,1.5,0.7",
        "E0,2024,2023-08-19,B,A,1,0,1.1,0.2",
        "E0,2024,2023-08-12,A,C,1,0,1,1",
        "D1,2024,2023-08-12,A,B,1,0,1,1",
        "E0,2024,2023-08-12,A,B,2,1,nan,0.7",
    ]
    file.write_text(header + "\n".join(rows) + "\n")
    dataset = read_dataset(tmp_path, xg=file)
    assert (dataset.history.home_xg[0], dataset.history.away_xg[0]) == (1.5, 0.7)
    assert np.isnan(dataset.history.home_xg[1])
    assert [(one.origin, one.reason) for one in dataset.left_out] == [
        ("xg.csv:3", "the score 1-0 is not that of 2324/E0.csv:3"),
        ("xg.csv:4", "no match A - C of 2023-08-12 with a score that counts"),
        ("xg.csv:6", "'nan' is no number of expected goals"),
    ]
    file.write_text("Div,season,date\n")
    with pytest.raises(ValueError, match="no column HomeTeam, AwayTeam, xg_home, xg_away"):
        read_dataset(tmp_path, xg=file)


def test_files_are_found_by_league_and_season(tmp_path: Path) -> None:
    drawn_league(tmp_path, [2021, 2022], clubs=4, division="E0")
    assert [(path.name, season) for path, season in match_files(tmp_path, seasons=[2022])] == [("E0.csv", 2022)]
    assert [season for _, season in match_files(tmp_path / "2122")] == [2021]
    with pytest.raises(FileNotFoundError, match="no match files for leagues D1 and seasons 2022"):
        match_files(tmp_path, ["D1"], [2022])
    with pytest.raises(FileNotFoundError, match="not a folder"):
        match_files(tmp_path / "none")


def test_rounds_are_weekends_and_the_days_between(tmp_path: Path) -> None:
    days = [date(2023, 8, day) for day in (11, 13, 14, 15, 17, 18)]
    lines = [match(day, f"A{at}", f"B{at}", (1, 0)) for at, day in enumerate(days)]
    write_season(tmp_path, "E0", 2023, lines)
    dataset = read_dataset(tmp_path)
    found = rounds(dataset, "E0")
    assert [one.rows.tolist() for one in found] == [[0, 1, 2], [3, 4], [5]]
    assert [one.instant for one in found] == [local_midnight(date(2023, 8, day).toordinal()) for day in (11, 15, 18)]
    assert found[0].instant == seconds(date(2023, 8, 11)) - 3600
    assert rounds(dataset, "E0", [2022]) == []
