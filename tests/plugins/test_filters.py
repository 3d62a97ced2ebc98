"""The filter engine: the formulas in plain numpy, walking forward, going on, and what no match may do to it."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.filters import drawn_history, observed_goals, plain
from tests.plugins.filter_histories import as_fixtures, before, full_history, rows_of, with_expected_goals
from tests.plugins.histories import empty, fixtures, history
from touchline import Basis, Floats, History
from touchline.filters.engine import Filtered, FilterSettings, Observation, run
from touchline.filters.observations import Blend, Sources, log_rates
from touchline.filters.series import Series, goes_on, kernel

SETTINGS = FilterSettings(new_defence=-0.1, new_correlation=0.3)


@pytest.fixture(scope="module")
def past() -> History:
    return full_history()


def filtered(past: History, settings: FilterSettings = SETTINGS, resume: Filtered | None = None) -> Filtered:
    return run(Series.of(past), [observed_goals(past)], settings, resume)


def test_the_engine_is_the_plain_filter(past: History) -> None:
    series, observation = Series.of(past), observed_goals(past)
    unknown = np.random.default_rng(1).random(len(past)) < 0.1
    observation = replace(observation, values=np.where(unknown[:, None], np.nan, observation.values))
    ours = run(series, [observation], SETTINGS).log_means
    np.testing.assert_allclose(ours, plain(series, observation, SETTINGS), atol=1e-10)
    assert ours.std() > 0.1


def test_a_log_rate_that_is_certain_is_believed() -> None:
    past = history("AB", [0, 0], [1, 1], [1, 1], [1, 1], days_ago=[8.0, 1.0])
    told = np.log([[2.0, 0.5], [2.0, 0.5]])
    seen = run(Series.of(past), [log_rates(told, 1e-9, 0.0)], SETTINGS)
    np.testing.assert_allclose(seen.log_means[1], told[0], atol=1e-3)


def test_noise_that_goes_together_moves_what_both_sides_share() -> None:
    past = history("AB", [0, 0], [1, 1], [1, 1], [1, 1], days_ago=[8.0, 1.0])
    told = np.log([[2.0, 2.0], [2.0, 2.0]])
    total = {c: run(Series.of(past), [log_rates(told, 0.1, c)], SETTINGS).log_means[1].sum() for c in (-0.5, 0.5)}
    assert total[-0.5] > total[0.5] + 0.05  # errors of opposite sign cancel in the sum: it is believed more


def test_no_match_knows_its_own_day_or_a_later_one(past: History) -> None:
    match = 400
    today = past.kickoff_seconds() // 86_400 >= past.kickoff_seconds()[match] // 86_400
    noise = np.random.default_rng(2).poisson(3.0, len(past)) * 1.0
    other = replace(past, home_goals=np.where(today, noise, past.home_goals))
    first, second = filtered(past).log_means, filtered(other).log_means
    known = past.kickoff_seconds() // 86_400 <= past.kickoff_seconds()[match] // 86_400
    np.testing.assert_array_equal(first[known], second[known])
    assert not np.array_equal(first[~known], second[~known])


@pytest.mark.parametrize("cut", [1, 187, 400])
def test_going_on_gives_the_bits_of_a_full_run(past: History, cut: int) -> None:
    # The cut falls into the middle of a day: the rest of that day is forecast from the days before all the same.
    part = rows_of(past, np.arange(cut))
    full, on = filtered(past), filtered(past, resume=filtered(part))
    np.testing.assert_array_equal(full.log_means, on.log_means)
    for whole, gone in zip(full.now, on.now, strict=True):
        np.testing.assert_array_equal(whole.x[: len(gone.x)], gone.x[: len(whole.x)])


def test_going_on_finds_clubs_under_other_numbers(past: History) -> None:
    order = np.random.default_rng(4).permutation(len(past.clubs))
    part = rows_of(past, np.arange(300))
    place = np.argsort(order)
    renamed = replace(
        part, clubs=tuple(past.clubs[club] for club in order), home=place[part.home], away=place[part.away]
    )
    np.testing.assert_array_equal(filtered(past, resume=filtered(renamed)).log_means, filtered(past).log_means)


def test_a_match_that_comes_in_late_starts_its_league_anew(past: History) -> None:
    late = np.delete(np.arange(len(past)), 50)
    resumed = filtered(past, resume=filtered(rows_of(past, late)))
    np.testing.assert_array_equal(resumed.log_means, filtered(past).log_means)


def test_leagues_do_not_touch_each_other(past: History) -> None:
    both = filtered(past)
    for league in range(2):
        rows = np.flatnonzero(past.league == league)
        alone = filtered(rows_of(past, rows))
        np.testing.assert_array_equal(alone.log_means, both.log_means[rows])
        assert alone.strengths.level[league] == both.strengths.level[league]


def test_strengths_that_were_drawn_are_found() -> None:
    past = drawn_history(1, 6, changes=0)
    rng = np.random.default_rng(0)
    attack, defence = rng.normal(0, 0.3, 20), rng.normal(0, 0.25, 20)
    home = np.exp(0.3 + attack[past.home] - defence[past.away])
    away = np.exp(0.0 + attack[past.away] - defence[past.home])
    past = replace(past, home_goals=rng.poisson(home).astype(float), away_goals=rng.poisson(away).astype(float))
    strengths = filtered(past, FilterSettings(walk=1e-6, summer=1e-6)).strengths
    np.testing.assert_allclose(strengths.attack - strengths.attack.mean(), attack - attack.mean(), atol=0.25)
    np.testing.assert_allclose(strengths.defence - strengths.defence.mean(), defence - defence.mean(), atol=0.25)
    assert np.corrcoef(strengths.attack, attack)[0, 1] > 0.95
    assert strengths.home[0] == pytest.approx(0.3, abs=0.06)


def test_one_absurd_score_moves_nobody_off_the_scale() -> None:
    past = history("ABCD", [0, 2, 0], [1, 3, 1], [60, 1, 1], [0, 1, 1], days_ago=[15.0, 15.0, 8.0])
    means = np.exp(filtered(past).log_means)
    assert 1.2 < means[2, 0] < 6.0
    assert means[2, 1] > 0.2


def calendar() -> History:
    """Two leagues; A goes from the second to the first, D the other way, E was never seen before."""
    up, down = (0, 1, 2, 3), (4, 5, 6, 7)
    home, away, league, season, days, goals = [], [], [], [], [], []
    leagues = {2022: {0: up, 1: down}, 2023: {0: (0, 1, 2, 4), 1: (3, 5, 6, 8)}}
    for year, sides in leagues.items():
        for at, clubs in sides.items():
            for week, (i, j) in enumerate([(0, 1), (2, 3), (1, 2), (3, 0)]):
                home.append(clubs[i])
                away.append(clubs[j])
                league.append(at)
                season.append(year)
                days.append(800.0 - 365 * (year - 2022) - 7 * week)
                goals.append(0 if clubs[i] in (3, 5) else 3)
    order = np.argsort(-np.array(days), kind="stable")
    pick = [np.array(column)[order] for column in (home, away, goals, league, season, days)]
    return history(
        "QWEDAFGHI", pick[0], pick[1], pick[2], np.ones(len(home)), league=pick[3], leagues=("up", "down"),
        season=pick[4], days_ago=pick[5],
    )  # fmt: skip


def test_who_is_new_and_where_a_new_club_comes_from() -> None:
    past = calendar()
    series = Series.of(past)
    assert not series.entry[past.season == 2022].any()
    came = {
        past.clubs[club]: int(entry)
        for club, entry in zip(
            series.sides[past.season == 2023].ravel(), series.entry[past.season == 2023].ravel(), strict=True
        )
    }
    assert came == {"Q": 0, "W": 0, "E": 0, "A": 1, "D": -1, "F": 0, "G": 0, "I": 1}


def test_a_new_club_enters_with_the_prior_and_one_that_came_down_with_its_mirror() -> None:
    past = calendar()
    settings = FilterSettings(new_attack=-0.3, new_defence=-0.2, walk=1e-9, summer=1e-9, new_variance=1e-9)
    settings = replace(settings, level_walk=1e-12, home_walk=1e-12)
    strengths = filtered(past, settings).strengths
    roster = Series.of(past).roster
    found = roster.pairs_of(np.array([roster.club_codes[past.clubs.index(club)] for club in "ADQ"]))
    np.testing.assert_allclose(strengths.attack[found], [-0.3, 0.3, 0.0], atol=1e-3)
    np.testing.assert_allclose(strengths.defence[found], [-0.2, 0.2, 0.0], atol=1e-3)


def test_a_club_that_was_away_for_a_season_enters_anew() -> None:
    past = history(
        "ABCDEF", [0, 2, 2, 0, 4], [1, 3, 3, 1, 5], [9, 1, 1, 1, 1], [0, 1, 1, 1, 1],
        season=[2020, 2020, 2021, 2022, 2022], days_ago=[800.0, 800.0, 400.0, 1.0, 1.0],
    )  # fmt: skip
    done = filtered(past)
    # After 9-0 two seasons ago A and B meet as E and F do, who were never there.
    np.testing.assert_array_equal(done.log_means[3], done.log_means[4])
    assert done.series.entry.tolist()[3:] == [[1, 1], [1, 1]]


def test_rest_and_games_of_the_season() -> None:
    past = history("ABC", [0, 1, 0], [1, 2, 2], [1, 1, 1], [0, 0, 0], days_ago=[40.5, 37.5, 10.5])
    series = Series.of(past)
    assert series.rest.tolist() == [[14, 14], [3, 14], [14, 14]]
    assert series.games.tolist() == [[0, 0], [1, 0], [1, 1]]
    coming = series.roster.locate(fixtures(past, [0, 2], [1, 1]), past.as_of.timestamp())
    assert coming.rest.tolist() == [[12, 14], [12, 14]]
    assert coming.games.tolist() == [[2, 2], [2, 2]]
    assert coming.basis() == [Basis.MODEL_SPARSE] * 2


def test_coming_matches_are_located_as_played_ones_were(past: History) -> None:
    match = 400
    known = before(past, match)
    day = past.kickoff_seconds() // 86_400
    rows = np.flatnonzero(day == day[match])
    series = Series.of(past)
    places = Series.of(known).roster.locate(as_fixtures(past, rows, known.as_of), known.as_of.timestamp())
    for name in ("entry", "rest", "games", "need", "idle"):
        np.testing.assert_array_equal(getattr(places, name), getattr(series, name)[rows], err_msg=name)
    strengths = filtered(known).strengths
    np.testing.assert_allclose(strengths.log_means(places), filtered(past).log_means[rows], atol=1e-14)


def test_sources_are_scaled_to_goals_and_fill_in_for_each_other(past: History) -> None:
    past = with_expected_goals(past)
    hole = np.arange(len(past)) % 3 == 0
    past = replace(past, home_shots_on_target=np.where(hole, np.nan, past.home_shots_on_target))
    sources = Sources(past, Series.of(past))
    target = sources.observe(Blend(shots_on_target=1.0, noise=0.5, red_card=0.5))
    goals = np.stack([past.home_goals, past.away_goals], axis=1)
    np.testing.assert_array_equal(target.values[hole], goals[hole])
    reds = past.home_red_cards + past.away_red_cards
    np.testing.assert_allclose(target.noise, np.where(hole, 1.0, 0.5) * (1 + 0.5 * reds))
    assert target.values[~hole].mean() == pytest.approx(goals.mean(), rel=0.05)
    blend = sources.observe(Blend(goals=0.6, shots_on_target=0.4, noise=0.8))
    mixed = 0.6 * goals + 0.4 * target.values
    np.testing.assert_allclose(blend.values, np.where(hole[:, None], goals, mixed))
    no_xg = replace(past, home_xg=np.full(len(past), np.nan))
    noises = [
        Sources(one, Series.of(one)).observe(
            Blend(goals=0.5, xg=0.5, shots_on_target=0.1, noise=0.7, noise_without_xg=0.9)
        )
        for one in (past, no_xg)
    ]
    assert set(noises[0].noise) == {0.7}
    assert set(noises[1].noise) == {0.9, 1.0}


def test_a_ratio_of_sources_does_not_know_its_own_day(past: History) -> None:
    other = replace(past, home_shots=np.where(np.arange(len(past)) >= 300, 1.0, past.home_shots))
    day = past.kickoff_seconds() // 86_400
    first, second = (Sources(one, Series.of(one)).observe(Blend(shots=1.0)).values for one in (past, other))
    known = day < day[300]
    np.testing.assert_array_equal(first[known], second[known])
    np.testing.assert_array_equal(
        first[300, 1], second[300, 1]
    )  # the away side's count is the same and so is its ratio


def test_a_history_is_known_again_as_the_beginning_of_a_longer_one(past: History) -> None:
    part = rows_of(past, np.arange(200))
    assert goes_on(past, part)
    assert not goes_on(part, past)
    corrected = replace(part, home_goals=np.where(np.arange(200) == 7, 9.0, part.home_goals))
    assert not goes_on(past, corrected)
    assert not goes_on(past, replace(part, closing_result=part.closing_result + 0.01))


def test_an_empty_history_has_a_prior_for_everyone() -> None:
    past = empty()
    done = filtered(past)
    places = done.series.roster.locate(fixtures(past, [0], [1]), past.as_of.timestamp())
    np.testing.assert_allclose(np.exp(done.strengths.log_means(places)), np.exp([[0.38, 0.1]]))
    assert places.basis() == [Basis.LEAGUE_PRIOR]


@pytest.mark.parametrize(
    ("values", "noise", "message"),
    [
        (np.ones((3, 2)), np.ones(3), "an observation is of 3 matches, the series of 2"),
        (np.ones((2, 2)), np.zeros(2), "noise of an observation must be above 0"),
    ],
)
def test_observations_that_do_not_fit_are_refused(values: Floats, noise: Floats, message: str) -> None:
    past = history("AB", [0, 0], [1, 1], [1, 1], [1, 1], days_ago=[8.0, 1.0])
    with pytest.raises(ValueError, match=message):
        run(Series.of(past), [Observation(values, noise, np.zeros(len(noise), np.int64))], SETTINGS)


def test_without_numba_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "touchline.filters.kernel", raising=False)
    monkeypatch.delattr("touchline.filters.kernel", raising=False)
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "touchline\[models\]"'):
        kernel()


def test_code_that_cannot_be_kept_on_disk_is_compiled_all_the_same() -> None:
    # numba finds no folder for a function that stands in no file, as it finds none in a read-only installation.
    space: dict[str, object] = {}
    exec("def twice(x):\n    return 2.0 * x", space)
    assert kernel()._compiled(space["twice"])(21.0) == 42.0
