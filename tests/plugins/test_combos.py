"""Legs of one match together: sums over the cells of one grid, and what no price can say."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from touchline.combos import KINDS, BadLeg, Combo, Leg, combo
from touchline.forecasting import StoredForecast, asian_handicap, both_teams_to_score, result, top_scores, total_goals

GOALS = StoredForecast("score_grid", {"home_mean": 1.7, "away_mean": 1.1, "rho": -0.06})
CORNERS = StoredForecast("negative_binomial", {"mean": 10.2, "dispersion": 60.0})

HOME, OVER = Leg("match_result", "home"), Leg("total_goals", "over", 2.5)
ANYTHING = Leg("asian_handicap", "home", 14.5)
"""Won but for once in a life."""

LEGS = (
    *(Leg("match_result", outcome) for outcome in ("home", "draw", "away")),
    *(Leg("double_chance", outcome) for outcome in ("home_or_draw", "home_or_away", "draw_or_away")),
    *(Leg("total_goals", outcome, line) for outcome in ("over", "under") for line in (0.5, 2.5, 4.5)),
    *(Leg("team_total_goals", f"{team}_{side}", 1.5) for team in ("home", "away") for side in ("over", "under")),
    *(Leg("asian_handicap", side, line) for side in ("home", "away") for line in (-1.5, 0.5)),
    *(Leg("both_teams_to_score", outcome) for outcome in ("yes", "no")),
    *(Leg("correct_score", score) for score in ("0-0", "2-1", "12-0")),
    *(Leg("total_corners", outcome, line) for outcome in ("over", "under") for line in (8.5, 10.5)),
)


def priced(*legs: Leg) -> Combo:
    found = combo(GOALS, CORNERS, legs)
    assert found is not None
    return found


def single(leg: Leg) -> float:
    return priced(leg, ANYTHING).singles[0]


def test_every_leg_alone_is_its_market() -> None:
    win, line, handicap = result(GOALS), total_goals(GOALS, 2.5), asian_handicap(GOALS, -1.5)
    team, both, best = total_goals(GOALS, 1.5, "away"), both_teams_to_score(GOALS), top_scores(GOALS, 1)
    assert win is not None
    assert line is not None
    assert handicap is not None
    assert team is not None
    assert both is not None
    assert best is not None
    assert [single(Leg("match_result", outcome)) for outcome in ("home", "draw", "away")] == pytest.approx(win)
    assert single(OVER) == pytest.approx(line.over)
    assert single(Leg("asian_handicap", "away", -1.5)) == pytest.approx(handicap.lost)
    assert single(Leg("team_total_goals", "away_over", 1.5)) == pytest.approx(team.over)
    assert single(Leg("both_teams_to_score", "no")) == pytest.approx(both.no)
    assert single(Leg("correct_score", f"{best[0].home}-{best[0].away}")) == pytest.approx(best[0].probability)
    assert single(Leg("double_chance", "draw_or_away")) == pytest.approx(win.draw + win.away)
    known = stats.nbinom(60, 60 / 70.2)
    assert single(Leg("total_corners", "over", 10.5)) == pytest.approx(known.sf(10))
    assert {leg.kind for leg in LEGS} == set(KINDS)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(LEGS), min_size=2, max_size=6, unique=True))
def test_a_joint_price_keeps_the_bounds_of_probability(legs: list[Leg]) -> None:
    found = priced(*legs)
    assert 0 <= found.probability <= min(found.singles) + 1e-12
    assert found.probability >= sum(found.singles) - (len(legs) - 1) - 1e-9
    fewer, other = priced(*legs[:-1], ANYTHING), opposite(legs[-1])
    assert found.singles[:-1] == fewer.singles[:-1]
    assert found.probability <= fewer.probability + 1e-12
    if other is not None and other not in legs:
        against = priced(*legs[:-1], other)
        assert found.probability + against.probability == pytest.approx(fewer.probability, abs=1e-9)


def opposite(leg: Leg) -> Leg | None:
    """The leg that wins exactly where this one does not."""
    other = {
        "over": "under",
        "under": "over",
        "yes": "no",
        "no": "yes",
        "home_over": "home_under",
        "home_under": "home_over",
        "away_over": "away_under",
        "away_under": "away_over",
    }.get(leg.outcome)
    if leg.kind == "asian_handicap":
        other = "away" if leg.outcome == "home" else "home"
    return leg._replace(outcome=other) if other else None


def test_legs_that_help_and_hinder_each_other() -> None:
    helped = priced(HOME, OVER)
    assert helped.factor is not None
    assert helped.factor > 1
    assert helped.independent == pytest.approx(np.prod(helped.singles))
    hindered = priced(Leg("match_result", "draw"), OVER)
    assert hindered.factor is not None
    assert hindered.factor < 1


def test_legs_that_exclude_each_other_have_nothing() -> None:
    for one, other in combinations(LEGS[:3], 2):
        found = priced(one, other)
        assert (found.probability, found.factor) == (0.0, 0.0)
    assert priced(Leg("total_goals", "under", 2.5), Leg("correct_score", "2-1")).probability == 0


def test_corners_are_independent_of_goals_and_not_of_each_other() -> None:
    over, under = Leg("total_corners", "over", 8.5), Leg("total_corners", "under", 10.5)
    alone = single(over)
    assert priced(HOME, over).probability == pytest.approx(single(HOME) * alone)
    known = stats.nbinom(60, 60 / 70.2)
    between = priced(HOME, over, under)
    assert between.probability == pytest.approx(single(HOME) * (known.pmf(9) + known.pmf(10)))
    assert between.corners == (1, 2)
    assert combo(StoredForecast(), CORNERS, (over, under)) is not None


def test_a_family_that_is_not_told_has_no_price() -> None:
    assert combo(StoredForecast(), CORNERS, (HOME, OVER)) is None
    assert combo(GOALS, StoredForecast(), (HOME, Leg("total_corners", "over", 9.5))) is None
    assert combo(GOALS, StoredForecast(), (HOME, OVER)) is not None


@pytest.mark.parametrize(
    ("leg", "field", "words"),
    [
        (Leg("total_cards", "over", 3.5), "kind", "match_result"),
        (Leg("draw_no_bet", "home"), "kind", "must be one of"),
        (Leg("total_goals", "yes", 2.5), "outcome", "over, under"),
        (Leg("total_goals", "over"), "line", "given"),
        (Leg("total_goals", "over", 3.0), "line", "2.5 or 3.5: 3 gives stakes back"),
        (Leg("total_goals", "over", 2.25), "line", "1.5 or 2.5"),
        (Leg("total_goals", "over", 2.75), "line", "2.5 or 3.5"),
        (Leg("total_goals", "over", float("nan")), "line", "between 0.5 and 14.5"),
        (Leg("asian_handicap", "home", 0.0), "line", "-0.5 or 0.5"),
        (Leg("total_corners", "over", 99.5), "line", "between"),
        (Leg("match_result", "draw", 0.5), "line", "left out"),
        (Leg("correct_score", "2:1"), "outcome", "2-1"),
        (Leg("correct_score", "16-0"), "outcome", "up to 15"),
        (HOME, "", "repeats leg 0"),
    ],
)
def test_a_leg_that_cannot_be_priced_says_why(leg: Leg, field: str, words: str) -> None:
    with pytest.raises(BadLeg) as raised:
        combo(GOALS, CORNERS, (HOME, leg))
    assert (raised.value.index, raised.value.field) == (1, field)
    assert words in raised.value.sentence


@pytest.mark.parametrize("count", [0, 1, 7])
def test_there_are_two_legs_to_six(count: int) -> None:
    with pytest.raises(BadLeg, match="2 to 6") as raised:
        combo(GOALS, CORNERS, LEGS[:count])
    assert raised.value.index is None
