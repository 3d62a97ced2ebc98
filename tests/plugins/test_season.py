"""Simulated seasons against what can be worked out by hand or by counting everything."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from touchline.competitions import FORMATS, Format, format_of
from touchline.grid import ScoreGrid
from touchline.season import FinalTable, Left, Race, Results, Simulation, TieRule, simulate
from touchline.types import Floats


def results(*rows: tuple[int, int, int, int]) -> Results:
    """Home, away and the score of each match."""
    return Results(*np.array(rows, dtype=np.int64).reshape(-1, 4).T)


def left(*rows: tuple[int, int, float, float], rho: float = 0.0) -> Left:
    """Home, away and expected goals of each match."""
    columns = np.array(rows, dtype=np.float64).reshape(-1, 4).T
    sides = columns[:2].astype(np.int64)
    return Left(sides[0], sides[1], columns[2], columns[3], np.full(len(rows), rho))


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def order(race: Race, seed: int = 0) -> list[int]:
    """Clubs from first to last when nothing is left."""
    return [int(club) for club in np.argmax(simulate(race, 1, rng(seed)).places, axis=0)]


def half_season(clubs: int, tie_rule: TieRule = TieRule.GOAL_DIFFERENCE) -> Race:
    pairs = np.array([pair for pair in product(range(clubs), repeat=2) if pair[0] != pair[1]])
    pairs = rng(5).permutation(pairs)
    played, coming = pairs[: len(pairs) // 2], pairs[len(pairs) // 2 :]
    goals = rng(6).poisson((1.6, 1.2), (len(played), 2))
    means = rng(7).uniform(0.7, 2.4, (2, len(coming)))
    return Race(
        clubs,
        Results(played[:, 0], played[:, 1], goals[:, 0], goals[:, 1]),
        Left(coming[:, 0], coming[:, 1], means[0], means[1], np.full(len(coming), -0.08)),
        tie_rule,
    )


@pytest.mark.parametrize("tie_rule", TieRule)
def test_places_are_a_doubly_stochastic_table(tie_rule: TieRule) -> None:
    table = simulate(half_season(8, tie_rule), 2500, rng())
    assert table.simulations == 2500
    np.testing.assert_allclose(table.places.sum(axis=0), 1, atol=1e-12)
    np.testing.assert_allclose(table.places.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(table.title, table.top(1))
    np.testing.assert_allclose(table.top(5) + table.bottom(3), 1)
    np.testing.assert_allclose(table.bottom(2, above=1) + table.bottom(1), table.bottom(3))
    assert (table.points.sum(axis=1) == 2500).all()
    assert (table.points_at(0.05) <= table.expected_points).all()
    assert (table.expected_points <= table.points_at(0.95)).all()


def counted(race: Race) -> tuple[Floats, Floats]:
    """Place probabilities and expected points by going through every score of two matches up to 6-6, lots shared."""
    grid = ScoreGrid(race.left.home_mean, race.left.away_mean, race.left.rho)
    places, points = np.zeros((race.clubs, race.clubs)), np.zeros(race.clubs)
    for scores in product(product(range(7), repeat=2), repeat=len(race.left)):
        weight = math.prod(float(grid.cells[match, i, j]) for match, (i, j) in enumerate(scores))
        ended = race.assume(range(len(race.left)), *zip(*scores, strict=True))
        table = _by_hand(ended)
        for row in table:
            level = [place for place, other in enumerate(sorted(table, reverse=True)) if other[:3] == row[:3]]
            places[row[3], level] += weight / len(level)
            points[row[3]] += weight * row[0]
    return places, points


def _by_hand(race: Race) -> list[tuple[int, int, int, int]]:
    """Points, goal difference, goals and number of each club."""
    table = [[0, 0, 0] for _ in range(race.clubs)]
    played = race.played
    for home, away, i, j in zip(played.home, played.away, played.home_goals, played.away_goals, strict=True):
        for club, own, other in ((home, i, j), (away, j, i)):
            table[club][0] += 3 if own > other else 1 if own == other else 0
            table[club][1] += int(own - other)
            table[club][2] += int(own)
    return [(*row, club) for club, row in enumerate(table)]  # type: ignore[misc]


def test_simulation_agrees_with_counting_every_score() -> None:
    """The correction of low scores is in it: rho is strong here, and without it a place is off by more than .01."""
    race = Race(
        3, results((0, 1, 1, 1), (1, 2, 2, 2), (2, 0, 0, 0)), left((1, 0, 1.1, 0.9), (2, 1, 1.0, 1.2), rho=-0.25)
    )
    places, points = counted(race)
    count = 60_000
    table = simulate(race, count, rng())
    error = np.sqrt(places * (1 - places) / count)
    assert (np.abs(table.places - places) < 5 * error + 1e-4).all()
    np.testing.assert_allclose(table.expected_points, points, atol=0.02)
    plain = Race(3, race.played, left((1, 0, 1.1, 0.9), (2, 1, 1.0, 1.2)))
    assert np.abs(counted(plain)[0] - places).max() > 0.01


def test_mean_points_are_those_of_the_single_matches() -> None:
    race = half_season(10)
    chances = ScoreGrid(race.left.home_mean, race.left.away_mean, race.left.rho).result()
    expected = race.points().astype(np.float64)
    np.add.at(expected, race.left.home, chances @ [3, 1, 0])
    np.add.at(expected, race.left.away, chances @ [0, 1, 3])
    np.testing.assert_allclose(simulate(race, 40_000, rng()).expected_points, expected, atol=0.06)


def test_order_is_points_then_difference_then_goals() -> None:
    # 0: 3 points, -1, 1 goal; 1: 3 points, -1, 3 goals; 2: 3 points, 2; 3: 3 points, 0. All won and lost one.
    race = Race(
        4,
        results((0, 3, 1, 0), (2, 0, 2, 0), (1, 2, 3, 2), (3, 1, 2, 0)),
        left(),
    )
    assert [row[:3] for row in _by_hand(race)] == [(3, -1, 1), (3, -1, 3), (3, 1, 4), (3, 1, 2)]
    assert order(race) == [2, 3, 1, 0]


def test_a_club_below_zero_keeps_its_points() -> None:
    race = Race(3, results((0, 1, 0, 9), (0, 2, 0, 8), (1, 0, 1, 0), (2, 1, 0, 0)), left())
    assert race.points().tolist() == [0, 7, 4]
    table = simulate(race, 10, rng())
    np.testing.assert_array_equal(table.expected_points, [0, 7, 4])
    np.testing.assert_array_equal(table.places, [[0, 0, 1], [1, 0, 0], [0, 1, 0]])


def test_head_to_head_decides_among_those_that_are_level() -> None:
    # Clubs 0, 1 and 2 are level on 6 points. Among them 2 won twice, 1 once, 0 never, and goals say the reverse.
    rows = [
        (2, 0, 1, 0),
        (2, 1, 1, 0),
        (1, 0, 1, 0),
        (0, 3, 9, 0),
        (3, 0, 0, 9),
        (1, 3, 4, 0),
        (3, 2, 9, 0),
        (3, 2, 9, 0),
    ]
    race = Race(4, results(*rows), left(), TieRule.HEAD_TO_HEAD)
    assert race.points().tolist() == [6, 6, 6, 6]
    # All four are level, so all matches count: then goal difference of them all decides.
    assert order(race) == order(Race(4, race.played, left()))
    apart = Race(4, race.played.joined(results((3, 2, 0, 0))), left(), TieRule.HEAD_TO_HEAD)
    assert apart.points().tolist() == [6, 6, 7, 7]
    # 2 and 3 are level: 3 won twice. 0 and 1 are level: 1 won.
    assert order(apart) == [3, 2, 1, 0]
    assert order(Race(4, apart.played, left()))[2:] == [0, 1]


def test_head_to_head_goal_difference_comes_before_the_whole() -> None:
    # 0 and 1 beat each other once, 1 by more; over all matches 0 has the better difference.
    race = Race(3, results((0, 1, 1, 0), (1, 0, 3, 0), (0, 2, 9, 0), (1, 2, 1, 0)), left(), TieRule.HEAD_TO_HEAD)
    assert order(race) == [1, 0, 2]
    assert order(Race(3, race.played, left())) == [0, 1, 2]


def test_lots_decide_what_nothing_else_does() -> None:
    race = Race(3, results((0, 1, 1, 1), (1, 2, 1, 1), (2, 0, 1, 1)), left())
    places = simulate(race, 30_000, rng()).places
    np.testing.assert_allclose(places, 1 / 3, atol=0.015)


def test_every_rule_agrees_with_a_table_sorted_by_hand() -> None:
    """Random seasons, many of them level: the numbers that are sorted hold the rules."""
    for seed in range(60):
        draw = rng(100 + seed)
        clubs = int(draw.integers(2, 7))
        pairs = [pair for pair in product(range(clubs), repeat=2) if pair[0] != pair[1]]
        goals = draw.integers(0, 3, (len(pairs), 2)).tolist()
        played = results(*((home, away, i, j) for (home, away), (i, j) in zip(pairs, goals, strict=True)))
        race = Race(clubs, played, left())
        table = _by_hand(race)
        duels = [_duel(played, [row[3] for row in table if row[0] == own[0]], own[3]) for own in table]
        keys = {rule: [row[:3] for row in table] for rule in TieRule}
        keys[TieRule.HEAD_TO_HEAD] = [(row[0], *duel, *row[1:3]) for row, duel in zip(table, duels, strict=True)]  # type: ignore[misc]
        for rule in TieRule:
            found = [keys[rule][club] for club in order(Race(clubs, played, left(), rule), seed)]
            assert found == sorted(found, reverse=True)


def _duel(played: Results, level: list[int], club: int) -> tuple[int, int]:
    """Points and goal difference of a club's matches with those that are level with it."""
    points = difference = 0
    for home, away, i, j in zip(played.home, played.away, played.home_goals, played.away_goals, strict=True):
        if club in (home, away) and home in level and away in level:
            own = int(i - j) if home == club else int(j - i)
            points, difference = points + (3 if own > 0 else 1 if own == 0 else 0), difference + own
    return points, difference


def test_seasons_add_up_and_repeat() -> None:
    race = half_season(6)
    twice = Simulation(race, rng())
    twice.run(2000)
    twice.run(2000)
    once = simulate(race, 4000, rng())
    np.testing.assert_array_equal(twice.table().places, once.places)
    np.testing.assert_array_equal(twice.table().points, once.points)
    assert not np.array_equal(simulate(race, 4000, rng(2)).places, once.places)
    with pytest.raises(ValueError, match="no season"):
        Simulation(race, rng()).table()


def test_assumed_results_are_played_and_no_longer_left() -> None:
    race = half_season(6)
    assumed = race.assume([0, 2], [3, 1], [0, 1])
    assert (len(assumed.played), len(assumed.left)) == (len(race.played) + 2, len(race.left) - 2)
    gained = assumed.points() - race.points()
    assert gained[race.left.home[0]] >= 3
    assert gained.sum() == 5
    with pytest.raises(ValueError, match="one way only"):
        race.assume([1, 1], [0, 0], [0, 0])


def test_everybody_decided_is_certain() -> None:
    race = half_season(5)
    goals = rng(9).poisson(1.4, (2, len(race.left)))
    table = simulate(race.assume(range(len(race.left)), goals[0], goals[1]), 300, rng())
    assert table.points_at(0.05).tolist() == table.points_at(0.95).tolist()
    np.testing.assert_array_equal(table.expected_points, table.points_at(0.5))


def test_percentiles_are_the_smallest_points_that_hold_the_share() -> None:
    counts = np.zeros((1, 5), dtype=np.int64)
    counts[0, [0, 2, 4]] = 5, 90, 5
    table = FinalTable(100, np.ones((1, 1)), counts)
    assert [int(table.points_at(share)[0]) for share in (0.05, 0.0501, 0.95, 0.951)] == [0, 2, 2, 4]
    assert float(table.expected_points[0]) == pytest.approx(2.0)


def test_a_shock_widens_what_may_happen_and_takes_no_side() -> None:
    race = half_season(6)
    plain, shaken = simulate(race, 20_000, rng()), simulate(race, 20_000, rng(), shock=0.3)
    spread = [_spread(table) for table in (plain, shaken)]
    assert spread[1] > spread[0] * 1.03
    np.testing.assert_allclose(shaken.places.sum(axis=0), 1, atol=1e-12)
    shares = [table.expected_points / table.expected_points.sum() for table in (plain, shaken)]
    np.testing.assert_allclose(shares[0], shares[1], atol=0.005)


def _spread(table: FinalTable) -> float:
    """Mean standard deviation of the points."""
    points = np.arange(table.points.shape[1])
    squares = table.points @ points**2 / table.simulations
    return float(np.sqrt(squares - table.expected_points**2).mean())


@pytest.mark.parametrize(
    ("race", "words"),
    [
        (Race(2, results((0, 2, 1, 1)), left()), "outside the 2"),
        (Race(1, results(), left()), "outside the 1"),
        (Race(2, results(), left((0, -1, 1.0, 1.0))), "outside the 2"),
        (Race(2, results(), left((0, 1, 0.0, 1.0))), "home_mean"),
        (Race(2, results(), left((0, 1, 1.0, 1.0), rho=1.5)), "rho"),
        (Race(2, results(), left(*[(0, 1, 1.0, 1.0)] * 130)), "more goals or points"),
        (Race(2, results((0, 1, 5000, 0)), left()), "more goals or points"),
        (Race(2, results(), left(*[(0, 1, 1.0, 1.0)] * 70), TieRule.HEAD_TO_HEAD), "more goals or points"),
    ],
)
def test_what_is_no_season_is_refused(race: Race, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        simulate(race, 10, rng())


def test_formats_of_leagues() -> None:
    assert format_of("D1", 2024) == Format(2, 1)
    assert format_of("SP1", 2024).tie_rule is TieRule.HEAD_TO_HEAD
    assert (format_of("F1", 2022).relegated, format_of("F1", 2023)) == (4, Format(2, 1))
    assert format_of(None, 2024) == format_of("X1", 2024) == Format(3, 0, TieRule.GOAL_DIFFERENCE)
    assert all(0 <= each.relegated <= 4 and 1 <= each.relegated + each.playoff <= 5 for each in FORMATS.values())
