"""The reader on the recorded set: 106 season files, a season in progress and the coming fixtures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from touchline import RESULT, Rejected, SourceMatch
from touchline.football_data import read_matches, season_of_code


class Tally(NamedTuple):
    """What was counted of all season files, so that two million prices need not stay in memory."""

    files: int
    matches: Counter[int]
    """By season."""
    prices: int
    closing_pinnacle: int
    legs: Counter[int]
    awarded: list[tuple[str, str]]
    rejected: list[Rejected]


def season_files(recorded: Path) -> Iterator[tuple[Path, list[SourceMatch], list[Rejected]]]:
    for path in sorted((recorded / "football-data").glob("[0-9]*/*.csv")):
        yield path, *read_matches(path.read_bytes(), f"{path.parent.name}/{path.name}")


@pytest.fixture(scope="module")
def tally(recorded: Path) -> Tally:
    counted = Tally(0, Counter(), 0, 0, Counter(), [], [])
    for path, matches, rejected in season_files(recorded):
        assert {(match.league, match.season) for match in matches} == {(path.stem, season_of_code(path.parent.name))}
        counted = counted._replace(
            files=counted.files + 1,
            matches=counted.matches + Counter(match.season for match in matches),
            prices=counted.prices + sum(len(match.prices) for match in matches),
            closing_pinnacle=counted.closing_pinnacle + sum(has_closing_pinnacle(match) for match in matches),
            legs=counted.legs + Counter(match.leg for match in matches),
            awarded=[*counted.awarded, *((match.origin, match.home) for match in matches if match.is_awarded)],
            rejected=[*counted.rejected, *rejected],
        )
    return counted


def has_closing_pinnacle(match: SourceMatch) -> bool:
    return any(p.bookmaker == "pinnacle" and p.is_closing and p.market == RESULT for p in match.prices)


@pytest.mark.parametrize(
    ("file", "matches", "prices", "awarded", "refused"),
    [
        ("0506/E0.csv", 380, 15_580, [], []),
        ("1213/I1.csv", 380, 17_815, ["Cagliari"], []),
        ("1617/F1.csv", 380, 14_431, ["Bastia"], []),
        ("1819/SP1.csv", 380, 13_300, [], []),
        ("2324/D1.csv", 306, 23_392, [], []),
        ("2425/F1.csv", 306, 27_572, [], ["0"] * 7),
    ],
)
def test_a_season_of_each_format_is_read(
    recorded: Path, file: str, matches: int, prices: int, awarded: list[str], refused: list[str]
) -> None:
    read, rejected = read_matches((recorded / "football-data" / file).read_bytes(), file)
    assert (len(read), sum(len(match.prices) for match in read)) == (matches, prices)
    assert [match.home for match in read if match.is_awarded] == awarded
    assert [one.reason.split("'")[1] for one in rejected] == refused


@pytest.mark.acceptance
def test_every_match_is_read(tally: Tally) -> None:
    assert tally.files == 106
    assert tally.matches.total() == 39_583
    assert sum(count for season, count in tally.matches.items() if season >= 2015) == 21_323
    assert tally.matches[2019] == 4 * 380 - 74 + 279 + 552
    assert tally.legs == {1: 39_583}
    assert tally.prices == 2_188_789


@pytest.mark.acceptance
def test_awarded_matches_are_known_by_their_missing_half_time(tally: Tally) -> None:
    assert tally.awarded == [
        ("1213/I1.csv:36", "Cagliari"),
        ("1617/F1.csv:327", "Bastia"),
        ("1617/I1.csv:19", "Sassuolo"),
        ("2425/D1.csv:123", "Union Berlin"),
    ]


@pytest.mark.acceptance
def test_no_row_is_refused_and_the_bad_cells_are_told(tally: Tally) -> None:
    assert not any(one.is_whole_row for one in tally.rejected)
    assert Counter((one.origin, one.reason.split("'")[1]) for one in tally.rejected) == {
        ("1011/F1.csv:197", "-1.2"): 1,
        ("1011/I1.csv:196", "-1.2"): 1,
        ("1011/SP1.csv:190", "-1.2"): 1,
        ("1920/D1.csv:261", "0.42"): 1,
        ("2122/E0.csv:168", "0"): 2,
        ("2425/D1.csv:295", "0"): 4,
        ("2425/E1.csv:510", "0"): 2,
        ("2425/F1.csv:263", "0"): 4,
        ("2425/F1.csv:303", "0"): 3,
    }


@pytest.mark.acceptance
def test_pinnacle_closes_nearly_every_match_from_2012_on(tally: Tally) -> None:
    played = sum(count for season, count in tally.matches.items() if season >= 2012)
    assert played - 3 * 74 <= tally.closing_pinnacle <= played


def test_a_season_in_progress_and_the_coming_fixtures(recorded: Path) -> None:
    folder = recorded / "football-data"
    running, refused = read_matches((folder / "in_progress/2526/E1.csv").read_bytes(), "E1.csv")
    assert (len(running), refused, {match.season for match in running}) == (107, [], {2025})
    coming, refused = read_matches((folder / "fixtures/fixtures_2026-05-22.csv").read_bytes(), "fixtures.csv")
    assert (len(coming), refused, {match.season for match in coming}) == (47, [], {2025})
    assert {match.league for match in coming} == {"E0", "I1", "SP1", "SP2", "B1"}
    assert all(match.home_goals is None and match.is_kickoff_time_known for match in coming)


def test_statistics_are_missing_where_the_source_has_none(recorded: Path) -> None:
    folder = recorded / "football-data"
    old, _ = read_matches((folder / "0506/D1.csv").read_bytes(), "D1.csv")
    assert all(match.home_shots_on_target is None and match.home_corners is not None for match in old)
    decimals, _ = read_matches((folder / "0506/I1.csv").read_bytes(), "I1.csv")
    assert sum(match.home_shots is None for match in decimals) in (10, 14)
