"""The goal models: three markets of one engine that agree, and every odd history that a league can produce."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.plugins.histories import drawn, empty, every_pairing, fixtures, history, shuffled
from touchline import BTTS, OVER_25, RESULT, Basis, Floats, Forecasts, History, Model
from touchline.dixon_coles import FittedGoals, GoalModel, GoalSettings
from touchline.grid import ScoreGrid
from touchline.outputs import check_forecasts
from touchline.settings import settings_of
from touchline_markets import both_teams_to_score, goals, match_result

MODEL = GoalModel("test.goals", (RESULT, OVER_25, BTTS))


def fit(past: History) -> FittedGoals:
    return MODEL.fit(past, np.random.default_rng(0))


def checked(past: History, fitted: FittedGoals | None = None) -> Forecasts:
    """Forecasts of every pairing, held to the contract."""
    coming = every_pairing(past)
    return check_forecasts((fitted or fit(past)).predict(coming), MODEL.markets, len(coming))


def rows(forecasts: Forecasts) -> Floats:
    return np.concatenate([forecasts.probabilities[key] for key in MODEL.markets], axis=1)


def our_models() -> list[Model]:
    return [*match_result.models(), *goals.models(), *both_teams_to_score.models()]


def test_the_three_models_agree_by_construction() -> None:
    past, _ = drawn(np.random.default_rng(1), clubs=10)
    coming = every_pairing(past)
    seen = [model.fit(past, np.random.default_rng(0)).predict(coming) for model in our_models()]
    for other in seen[1:]:
        for name, values in seen[0].parameters.items():
            np.testing.assert_array_equal(values, other.parameters[name])
    parameters = seen[0].parameters
    grid = ScoreGrid(parameters["home_mean"], parameters["away_mean"], parameters["rho"])
    np.testing.assert_allclose(seen[0].probabilities[RESULT], grid.result(), atol=1e-12)
    np.testing.assert_allclose(seen[1].probabilities[OVER_25], grid.total(2.5)[:, [0, 2]], atol=1e-12)
    np.testing.assert_allclose(seen[2].probabilities[BTTS], grid.both_teams_to_score(), atol=1e-12)


def test_our_models_say_who_they_are() -> None:
    assert [model.key for model in our_models()] == [
        "touchline.match_result",
        "touchline.goals",
        "touchline.both_teams_to_score",
    ]
    assert {model.version for model in our_models()} == {"1"}
    assert len({str(settings_of(model)) for model in our_models()}) == 1
    assert settings_of(MODEL)["half_life_days"] == 385.0


def test_no_match_gives_the_prior() -> None:
    forecasts = checked(empty())
    assert set(forecasts.basis) == {Basis.LEAGUE_PRIOR}
    np.testing.assert_allclose(forecasts.parameters["home_mean"], 1.35, atol=1e-9)
    np.testing.assert_allclose(forecasts.parameters["away_mean"], 1.1, atol=1e-9)
    np.testing.assert_allclose(forecasts.parameters["rho"], -0.06, atol=1e-9)


def test_one_match_moves_a_little() -> None:
    past = history("ABC", [0], [1], [9], [0])
    forecasts = checked(past)
    assert forecasts.basis[0] == Basis.MODEL_SPARSE
    assert forecasts.basis[1] == Basis.LEAGUE_PRIOR
    assert 1.35 < forecasts.parameters["home_mean"][0] < 6


def test_a_club_that_never_scored_is_weak_and_finite() -> None:
    past, _ = drawn(np.random.default_rng(4), clubs=6, rounds=4)
    past = replace(
        past,
        home_goals=np.where(past.home == 0, 0.0, past.home_goals),
        away_goals=np.where(past.away == 0, 0.0, past.away_goals),
    )
    fitted = fit(past)
    assert fitted.known.strengths.attack[0] == fitted.known.strengths.attack.min()
    assert 0.05 < checked(past, fitted).parameters["home_mean"][0] < 1


def test_unknown_scores_are_left_out() -> None:
    past, _ = drawn(np.random.default_rng(5), clubs=8)
    holes = replace(past, home_goals=np.where(past.home == 7, np.nan, past.home_goals))
    kept = past.home != 7
    columns = ("home", "away", "league", "season", "days_ago", "home_goals", "away_goals")
    fewer = history(past.clubs, [], [], [], [])
    fewer = replace(fewer, **{name: getattr(past, name)[kept] for name in columns})
    coming = every_pairing(past)
    np.testing.assert_allclose(rows(fit(holes).predict(coming)), rows(fit(fewer).predict(coming)), atol=1e-12)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_order_of_matches_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    past, _ = drawn(rng, clubs=6)
    past = replace(past, season=rng.integers(2022, 2025, len(past)))
    np.testing.assert_allclose(rows(checked(past)), rows(checked(shuffled(past, rng))), atol=1e-9)


def test_the_same_history_gives_the_same_bits() -> None:
    past, _ = drawn(np.random.default_rng(6), clubs=8)
    first, second = fit(past).state(), fit(past).state()
    assert {name: array.tobytes() for name, array in first.items()} == {
        name: array.tobytes() for name, array in second.items()
    }


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_history_is_fitted_and_any_fixture_forecast(data: st.DataObject) -> None:
    n = data.draw(st.integers(0, 12))
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    home = rng.integers(0, 5, n)
    past = history(
        "ABCDE",
        home,
        (home + rng.integers(1, 5, n)) % 5,
        rng.choice([0.0, 1.0, 2.0, 9.0, np.nan], n),
        rng.choice([0.0, 1.0, 2.0, 9.0, np.nan], n),
        season=rng.integers(2020, 2025, n),
        days_ago=rng.uniform(0.1, 3000, n),
        league=rng.integers(0, 2, n),
        leagues=("E0", "E1"),
    )
    checked(past)


def test_leagues_have_levels_of_their_own() -> None:
    rng = np.random.default_rng(8)
    past, _ = drawn(rng, clubs=10, rounds=3)
    n = len(past)
    both = history(
        [f"{league} {club}" for league in ("low", "high") for club in range(10)],
        np.concatenate([past.home, past.home + 10]),
        np.concatenate([past.away, past.away + 10]),
        np.concatenate([past.home_goals, past.home_goals + 1]),
        np.concatenate([past.away_goals, past.away_goals + 1]),
        league=np.repeat([0, 1], n),
        leagues=("low", "high"),
    )
    level = fit(both).known.strengths.level
    assert level[1] > level[0] + 0.3
    unseen = fixtures(both, [0], [1], league=1)
    assert fit(both).predict(unseen).parameters["home_mean"][0] > 1.2


def promoted_history(seasons: tuple[int, ...] = (2023, 2024)) -> History:
    """Ten clubs play every season but the last, in which club 9 makes way for club 10 after two matches."""
    past, _ = drawn(np.random.default_rng(9), clubs=10, rounds=1)
    parts = []
    for season in seasons:
        last = season == seasons[-1]
        kept = (past.home < 9) & (past.away < 9) if last else np.full(len(past), True)
        parts.append((past.home[kept], past.away[kept], past.home_goals[kept], past.away_goals[kept], season))
    parts.append((np.array([10]), np.array([0]), np.array([1.0]), np.array([1.0]), seasons[-1]))
    columns = [np.concatenate([part[column] for part in parts]) for column in range(4)]
    season_column = np.concatenate([np.full(len(part[0]), part[4]) for part in parts])
    return history([f"Club {club}" for club in range(12)], *columns, season=season_column, days_ago=50.0)


def test_a_promoted_club_starts_below_the_others() -> None:
    fitted = fit(promoted_history())
    attack, defence = fitted.known.strengths.attack, fitted.known.strengths.defence
    assert attack[10] == pytest.approx(-0.2, abs=0.1)
    assert defence[10] == pytest.approx(-0.15, abs=0.1)
    # Club 11 has no match at all: it has the same prior when it is asked for, and the label says so.
    coming = fixtures(fitted_history := promoted_history(), [11, 0], [0, 11])
    forecasts = fit(fitted_history).predict(coming)
    assert list(forecasts.basis) == [Basis.LEAGUE_PRIOR] * 2
    level, home = fitted.known.strengths.level[0], fitted.known.strengths.home
    assert forecasts.parameters["home_mean"][0] == pytest.approx(np.exp(level + home - 0.2 - defence[0]), abs=1e-9)
    assert forecasts.parameters["home_mean"][1] == pytest.approx(np.exp(level + home + attack[0] + 0.15), abs=1e-9)


def test_clubs_of_a_leagues_first_season_are_not_promoted() -> None:
    plain, _ = drawn(np.random.default_rng(2), clubs=6)
    settings_without = GoalSettings(promoted_attack=0.0, promoted_defence=0.0)
    other = GoalModel("test.goals", MODEL.markets, settings_without).fit(plain, np.random.default_rng(0))
    np.testing.assert_array_equal(fit(plain).known.strengths.attack, other.known.strengths.attack)


def test_a_restored_model_forecasts_the_same_bits() -> None:
    past = promoted_history()
    fitted = fit(past)
    again = MODEL.restore(past, fitted.state())
    np.testing.assert_array_equal(rows(checked(past, fitted)), rows(checked(past, again)))


def test_a_restored_model_finds_its_clubs_in_a_longer_history() -> None:
    past, _ = drawn(np.random.default_rng(2), clubs=6)
    fitted = fit(past)
    longer = history(["Newcomers", *reversed(past.clubs)], [0], [1], [1], [0])
    again = MODEL.restore(longer, fitted.state())
    before = fitted.predict(fixtures(past, [0, 3], [1, 2]))
    after = again.predict(fixtures(longer, [6, 3], [5, 4]))
    np.testing.assert_array_equal(rows(before), rows(after))
    assert again.predict(fixtures(longer, [0], [1])).basis == [Basis.LEAGUE_PRIOR]


def test_fixtures_may_name_clubs_that_the_history_does_not() -> None:
    past, _ = drawn(np.random.default_rng(2), clubs=6)
    coming = fixtures(past, [0, 1], [1, 0])
    renamed = replace(coming, clubs=("Newcomers", past.clubs[3]))
    forecasts = fit(past).predict(renamed)
    assert forecasts.basis == [Basis.LEAGUE_PRIOR] * 2


@pytest.mark.parametrize("index", [-1, 6])
def test_an_index_outside_the_clubs_is_an_error(index: int) -> None:
    past, _ = drawn(np.random.default_rng(2), clubs=6)
    with pytest.raises(ValueError, match="outside the 6 names"):
        fit(past).predict(fixtures(past, [index], [0]))


def test_basis_counts_the_club_that_was_seen_less() -> None:
    past = history("ABC", [0, 1] * 3, [1, 0] * 3, [1] * 6, [0] * 6)
    forecasts = fit(past).predict(fixtures(past, [0, 0], [1, 2]))
    assert forecasts.basis == [Basis.MODEL, Basis.LEAGUE_PRIOR]
    fewer = history("ABC", [0, 1], [1, 0], [1, 1], [0, 0])
    assert fit(fewer).predict(fixtures(fewer, [0], [1])).basis == [Basis.MODEL_SPARSE]


def test_no_fixtures_give_empty_tables() -> None:
    past, _ = drawn(np.random.default_rng(2), clubs=6)
    none = fixtures(past, [], [])
    assert check_forecasts(fit(past).predict(none), MODEL.markets, 0).probabilities[RESULT].shape == (0, 3)


def test_old_matches_weigh_less() -> None:
    past = history("AB", [0, 0], [1, 1], [5, 0], [0, 5], days_ago=[1.0, 2000.0])
    assert fit(past).known.strengths.attack[0] > 0.1
