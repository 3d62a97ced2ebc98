"""The simulated league: its schedule, its play against its own probabilities, and its clock."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from touchline import BTTS, CORNERS_95, OVER_25, RESULT, SourceMatch
from touchline.simulator import MARKETS, Means, SimulatedLeague, World, demo_world
from touchline.simulator.league import minute_of
from touchline.simulator.play import play, score_table, true_probabilities
from touchline.simulator.schedule import pairs_of_round

NOW = datetime(2026, 11, 22, 4, 30, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def world() -> World:
    return demo_world(1, NOW)


@pytest.fixture(scope="module")
def league() -> SimulatedLeague:
    return SimulatedLeague(3, "Emberland Third")


@pytest.mark.parametrize("clubs", [4, 6, 20])
def test_every_pair_meets_once_at_each_ground(clubs: int) -> None:
    rounds = [pairs_of_round(number, clubs) for number in range(2 * (clubs - 1))]
    assert all(sorted(club for pair in pairs for club in pair) == list(range(clubs)) for pairs in rounds)
    met = Counter(pair for pairs in rounds for pair in pairs)
    assert met == dict.fromkeys([(a, b) for a in range(clubs) for b in range(clubs) if a != b], 1)


def test_home_and_away_take_turns() -> None:
    for club in range(20):
        grounds = ["H" if any(home == club for home, _ in pairs_of_round(n, 20)) else "A" for n in range(19)]
        assert abs(grounds.count("H") - grounds.count("A")) == 1
        assert not any(set(grounds[n : n + 4]) == {one} for n in range(16) for one in "HA")


def test_an_odd_number_of_clubs_is_refused() -> None:
    for clubs in (2, 19):
        with pytest.raises(ValueError, match="an even number from 4 on"):
            SimulatedLeague(1, "Odd", club_count=clubs)


def test_an_edition_is_380_matches_over_152_days(league: SimulatedLeague) -> None:
    matches = list(league.edition(0))
    assert len({(match.home, match.away) for match in matches}) == len(matches) == 380
    assert [match.kickoff for match in matches] == sorted(match.kickoff for match in matches)
    assert matches[-1].kickoff - matches[0].kickoff < timedelta(days=152)
    assert league.edition_starts(1) == date(2024, 7, 1) + timedelta(days=152)


def test_season_pair_and_leg_name_a_match_for_good(league: SimulatedLeague) -> None:
    editions = [next(iter(league.edition(number))) for number in range(12)]
    assert [(match.season, match.leg) for match in editions[:6]] == [
        (2024, 1),
        (2024, 2),
        (2025, 1),
        (2025, 2),
        (2026, 1),
        (2026, 2),
    ]
    assert len({(match.season, match.leg) for match in editions}) == 12
    assert all(match.kickoff.year == match.season for match in editions)


def test_a_window_finds_the_matches_of_the_edition(league: SimulatedLeague) -> None:
    everything = [match for number in range(3) for match in league.edition(number)]
    begins, ends = datetime(2024, 9, 3, 12, tzinfo=UTC), datetime(2025, 2, 1, 15, tzinfo=UTC)
    assert list(league.matches(begins, ends)) == [match for match in everything if begins <= match.kickoff < ends]
    assert list(league.matches(datetime(2020, 1, 1, tzinfo=UTC), datetime(2024, 7, 1, tzinfo=UTC))) == []


def test_every_24_hours_have_five_kickoffs(world: World) -> None:
    kickoffs = [match.kickoff for match in world.coming(NOW, NOW + 400 * DAY)]
    assert len(kickoffs) == 2000
    assert {later - one for one, later in zip(kickoffs, kickoffs[5:], strict=False)} == {DAY}


@pytest.mark.parametrize("means", [Means(1.5, 1.2), Means(2.9, 0.5), Means(0.7, 1.9)])
def test_true_probabilities_are_what_happens(means: Means) -> None:
    n = 20_000
    rng = np.random.default_rng(7)
    seen = {market: np.zeros(len(market.outcomes)) for market in MARKETS}
    for _ in range(n):
        played = play(means, rng)
        home, away = played.score_at(90)
        seen[RESULT][0 if home > away else 1 if home == away else 2] += 1
        seen[OVER_25][0 if home + away > 2 else 1] += 1
        seen[BTTS][0 if home and away else 1] += 1
        seen[CORNERS_95][0 if sum(played.corners) > 9 else 1] += 1
    for market, expected in true_probabilities(means).items():
        assert expected.sum() == pytest.approx(1, abs=1e-9)
        assert np.abs(seen[market] / n - expected).max() < 4 * 0.5 / np.sqrt(n), market


def test_a_season_of_play_is_plausible(league: SimulatedLeague) -> None:
    played = [league.play(match) for number in range(3) for match in league.edition(number)]
    goals = np.array([one.score_at(90) for one in played])
    early = np.array([one.score_at(45) for one in played])
    assert goals.sum(axis=1).mean() == pytest.approx(2.75, abs=0.25)
    assert 1 - early.sum() / goals.sum() == pytest.approx(0.563, abs=0.03)
    assert np.array([one.corners for one in played]).sum(axis=1).mean() == pytest.approx(9.8, abs=0.5)
    assert np.array([one.shots for one in played]).mean(axis=0) == pytest.approx([13.3, 11.0], abs=0.8)
    for one in played:
        for side in (0, 1):
            assert one.score_at(90)[side] <= one.shots_on_target[side] <= one.shots[side]


def test_stronger_clubs_score_and_win_more_corners(league: SimulatedLeague) -> None:
    goals, corners = np.zeros(20), np.zeros(20)
    for number in range(3):
        for match in league.edition(number):
            played = league.play(match)
            for side, club in enumerate((match.home_club, match.away_club)):
                goals[club] += played.score_at(90)[side]
                corners[club] += played.corners[side]
    attack = [club.attack for club in league.clubs]
    assert np.corrcoef(attack, goals)[0, 1] > 0.8
    assert np.corrcoef(attack, corners)[0, 1] > 0.5


def test_scores_fit_their_means() -> None:
    table = score_table(Means(1.6, 1.1))
    goals = np.arange(len(table))
    assert table.sum() == pytest.approx(1, abs=1e-12)
    assert goals @ table.sum(axis=1) == pytest.approx(1.6, abs=1e-6), "Dixon and Coles' correction keeps the means"
    assert goals @ table.sum(axis=0) == pytest.approx(1.1, abs=1e-6)
    assert np.trace(table) > np.trace(np.outer(table.sum(axis=1), table.sum(axis=0))), "and makes draws likelier"


def test_the_live_score_leads_to_the_result(world: World) -> None:
    kickoff = next(match.kickoff for match in world.coming(NOW, NOW + DAY))
    seen = [world.live(kickoff + timedelta(minutes=minutes))[-1] for minutes in range(115)]
    assert [score.minute for score in seen[:3]] == [1, 2, 3]
    assert [score.minute for score in seen] == sorted(score.minute for score in seen)
    assert [minutes for minutes, score in enumerate(seen) if score.is_half_time] == list(range(47, 62))
    assert all(a.home_goals <= b.home_goals and a.away_goals <= b.away_goals for a, b in pairwise(seen))
    assert world.live(kickoff - timedelta.resolution) == []
    assert world.live(kickoff + timedelta(minutes=115)) == []
    result = world.results(kickoff, kickoff + 2 * HOUR)[0]
    assert (seen[-1].home_goals, seen[-1].away_goals) == (result.home_goals, result.away_goals)
    halftime = next(score for score in seen if score.is_half_time)
    assert (halftime.home_goals, halftime.away_goals) == (result.half_time_home_goals, result.half_time_away_goals)


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (0, (1, False)),
        (44, (45, False)),
        (46, (45, False)),
        (47, (45, True)),
        (61, (45, True)),
        (62, (46, False)),
        (114, (90, False)),
    ],
)
def test_minutes_of_play(minutes: int, expected: tuple[int, bool]) -> None:
    assert minute_of(timedelta(minutes=minutes)) == expected


def test_results_come_once_when_the_match_ends(world: World) -> None:
    days = [world.results(NOW + n * DAY, NOW + (n + 1) * DAY) for n in range(8)]
    assert [len(day) for day in days] == [5] * 8
    assert [match for day in days for match in day] == world.results(NOW, NOW + 8 * DAY)
    assert all(match.home_goals is not None and match.home_corners is not None for day in days for match in day)
    assert all(match.prices == () for day in days for match in day)


def identity(match: SourceMatch) -> tuple[str, int, str, str, int]:
    return match.league, match.season, match.home, match.away, match.leg


@pytest.fixture(scope="module")
def history(world: World) -> list[SourceMatch]:
    return world.finished(NOW)


def test_the_history_is_an_edition_and_a_half(history: list[SourceMatch]) -> None:
    assert all(570 <= count <= 590 for count in Counter(match.league for match in history).values())
    assert len({identity(match) for match in history}) == len(history)
    assert max(match.kickoff for match in history) <= NOW - timedelta(minutes=115)
    assert all(len(match.prices) == (2 * 12 + 1) * 9 for match in history)
    assert {match.origin for match in history} == {"simulator"}


def test_a_later_start_tells_the_same_story(world: World, history: list[SourceMatch]) -> None:
    later = demo_world(1, NOW + 9 * DAY)
    window = NOW + 8 * DAY, NOW + 9 * DAY
    assert later.ticks(window[0], window[0] + HOUR) == world.ticks(window[0], window[0] + HOUR)
    assert later.results(*window) == world.results(*window)
    assert later.coming(*window) == world.coming(*window)
    assert later.history_start == world.history_start + 8 * DAY
    shared = [match for match in history if match.kickoff >= later.history_start]
    assert later.finished(NOW) == shared


def test_seeds_differ(world: World) -> None:
    other = demo_world(2, NOW)
    assert {club.name for club in other.leagues[0].clubs} != {club.name for club in world.leagues[0].clubs}


FINGERPRINT = """
from datetime import UTC, datetime, timedelta
import hashlib
from touchline.simulator import demo_world
now = datetime(2026, 11, 22, 4, 30, tzinfo=UTC)
world = demo_world(1, now)
told = (world.leagues, world.ticks(now, now + timedelta(hours=1)), world.results(now, now + timedelta(days=2)))
print(hashlib.sha256(repr(told).encode()).hexdigest())
"""


def test_another_process_tells_the_same_story(world: World) -> None:
    told = (world.leagues, world.ticks(NOW, NOW + HOUR), world.results(NOW, NOW + 2 * DAY))
    here = hashlib.sha256(repr(told).encode()).hexdigest()
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    there = subprocess.run(
        [sys.executable, "-c", FINGERPRINT], capture_output=True, text=True, env=environment, check=True
    )
    assert there.stdout.strip() == here


def test_the_two_leagues_and_their_clubs_do_not_exist(world: World, recorded: Path) -> None:
    assert [(one.name, one.slug, one.country) for one in world.leagues] == [
        ("Emberland Premier", "emberland-premier", "Emberland"),
        ("Emberland Championship", "emberland-championship", "Emberland"),
    ]
    clubs = [club.name for one in world.leagues for club in one.clubs]
    assert len(set(clubs)) == 40
    aliases = (recorded / "team_aliases.csv").read_text(encoding="utf-8").casefold()
    assert not [name for name in clubs if name.casefold() in aliases]
    assert world.league("emberland-premier") is world.leagues[0]
    with pytest.raises(KeyError):
        world.league("E0")
