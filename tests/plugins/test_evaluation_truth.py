"""Any market's winners by its own rule, and its true probabilities on a simulated league."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.plugins.histories import empty
from touchline import OVER_25, RESULT, BetResult, Facts, Kind, Lines, MarketKey, Verdict, settle, total_of
from touchline.evaluation.questions import FULL_RESULT, OVER, NotAsked, Question, Settled, question_of
from touchline.evaluation.truth import REPLAYS, truths_of
from touchline.evaluation.winners import COUNTS, NOT_KNOWN, Unsettled, Winners, columns_of
from touchline.simulator.play import Means, play, replays, true_probabilities
from touchline.testing import simulated
from touchline.types import Floats, Ints

ODD = MarketKey.parse("acme.odd")
MEANS = Means(1.7, 0.9)


class Rule:
    """A market of two outcomes by a function of the facts; counts how often it is asked."""

    key, title, outcomes, lines = "acme.odd", "Odd", ("yes", "no"), Lines.NONE

    def __init__(self, is_odd: object) -> None:
        self.is_odd = is_odd
        self.asked = 0

    def settle(self, market: MarketKey, outcome: str, facts: Facts) -> Verdict:
        self.asked += 1
        assert callable(self.is_odd)
        return Verdict(BetResult.WON if self.is_odd(facts) == (outcome == "yes") else BetResult.LOST, "")


def hard_to_watch(facts: Facts) -> bool:
    """Looks at corners only in a match with red cards, which are few."""
    counted = ("corners",) if total_of(facts, "red_cards") > 1 else ("goals",)
    return total_of(facts, *counted) % 2 == 1


def test_replays_are_distributed_as_matches_are_played() -> None:
    rng = np.random.default_rng(1)
    many = replays(MEANS, 20_000, rng)
    played = [play(MEANS, rng) for _ in range(2000)]
    assert set(many) == set(COUNTS)
    for place, side in enumerate(("home", "away")):
        goals = [match.score_at(90)[place] for match in played]
        counts = {"goals": goals} | {
            name: [getattr(match, name)[place] for match in played]
            for name in ("shots", "shots_on_target", "corners", "fouls", "yellow_cards", "red_cards")
        }
        columns = {f"{side}_{name}": count for name, count in counts.items()}
        columns[f"half_time_{side}_goals"] = [match.score_at(45)[place] for match in played]
        for name, single in columns.items():
            one, other = np.array(single, dtype=float), many[name]
            error = np.sqrt(one.var() / len(one) + other.var() / len(other))
            assert abs(one.mean() - other.mean()) < 4 * error, name
            assert one.std() == pytest.approx(other.std(), rel=0.12, abs=0.03), name


def test_a_rule_settles_many_matches_as_it_settles_each() -> None:
    columns = replays(MEANS, 3000, np.random.default_rng(2))
    rule = Rule(hard_to_watch)
    found = Winners(ODD, rule.outcomes, rule.settle).of(columns)
    asked = rule.asked

    def facts(row: int) -> Facts:
        return Facts("FINISHED", **{name: int(columns[name][row]) for name in COUNTS})

    assert found.tolist() == [0 if hard_to_watch(facts(row)) else 1 for row in range(3000)]
    assert 0 < found.mean() < 1
    assert asked < 2 * 3000  # each different case once, and not each match


def test_a_missing_number_and_a_stake_that_comes_back_are_not_known() -> None:
    columns: dict[str, Floats | Ints] = {name: np.zeros(3) for name in COUNTS}
    columns["home_goals"] = np.array([np.nan, 2.0, 3.0])
    two, three = (MarketKey(Kind.TOTAL_GOALS, line) for line in (2.0, 2.5))
    assert Winners(two, two.outcomes, settle).of(columns).tolist() == [NOT_KNOWN, NOT_KNOWN, 0]
    assert Winners(three, three.outcomes, settle).of(columns).tolist() == [NOT_KNOWN, 1, 0]


@pytest.mark.parametrize(
    ("results", "sentence"),
    [
        (("WON", "WON"), "it settles yes WON, no WON; one outcome must win, or every stake come back"),
        (("LOST", "LOST"), "it settles yes LOST, no LOST"),
        (("HALF_WON", "HALF_LOST"), "it settles yes HALF_WON, no HALF_LOST"),
    ],
)
def test_a_rule_without_one_winner_is_refused(results: Sequence[str], sentence: str) -> None:
    def rule(market: MarketKey, outcome: str, facts: Facts) -> Verdict:
        return Verdict(results[("yes", "no").index(outcome)], str(facts.home_goals))

    with pytest.raises(Unsettled, match=sentence):
        Winners(ODD, ("yes", "no"), rule).of(replays(MEANS, 5, np.random.default_rng(0)))


def test_a_rule_that_raises_is_told_with_its_place() -> None:
    def rule(market: MarketKey, outcome: str, facts: Facts) -> Verdict:
        raise ZeroDivisionError("division by zero")

    told = truths_of([Question("odd", "Odd", ODD, Settled(Winners(ODD, ("yes", "no"), rule)))], np.ones((2, 2)))
    failure = told["odd"]
    assert isinstance(failure, Unsettled)
    assert "settle() raised ZeroDivisionError: division by zero (test_evaluation_truth.py, line" in str(failure)


def test_known_markets_have_exact_truths_and_others_come_near_theirs() -> None:
    means = np.array([[1.7, 0.9], [0.8, 1.6], [1.7, 0.9]])
    rule = Settled(Winners(RESULT, RESULT.outcomes, settle))
    told = truths_of([FULL_RESULT, Question("replayed", "", RESULT, rule)], means)
    exact, near = told["result"], told["replayed"]
    assert isinstance(exact, np.ndarray)
    assert isinstance(near, np.ndarray)
    assert exact[0].tolist() == true_probabilities(MEANS)[RESULT].tolist()
    assert exact[2].tolist() == exact[0].tolist()
    assert near.sum(axis=1) == pytest.approx(1.0)
    assert np.abs(near - exact).max() < 4 * np.sqrt(0.25 / REPLAYS)
    assert (near != exact).any()


def test_the_truth_of_a_market_that_always_returns_the_stake_is_not_known() -> None:
    def rule(market: MarketKey, outcome: str, facts: Facts) -> Verdict:
        return Verdict(BetResult.PUSH, "")

    told = truths_of(
        [Question("odd", "Odd", ODD, Settled(Winners(ODD, ("yes", "no"), rule)), names=("yes", "no"))], np.ones((2, 2))
    )
    table = told["odd"]
    assert isinstance(table, np.ndarray)
    assert np.isnan(table).all()


@pytest.mark.parametrize("question", [FULL_RESULT, OVER])
def test_rule_and_formula_agree_on_a_league(question: Question) -> None:
    past = simulated(seed=1, seasons=1, clubs=8).dataset.history
    winners = Winners(question.market, question.outcomes, settle)
    assert winners.of(columns_of(past)).tolist() == question.truth(past).tolist()


def test_which_markets_can_be_asked() -> None:
    assert question_of(OVER_25) is OVER
    half = question_of(MarketKey.parse("match_result::h1"))
    assert (half.key, half.title, half.outcomes) == ("match_result_h1", "Match result (h1)", ("home", "draw", "away"))
    handicap = question_of(MarketKey.parse("asian_handicap:-0.5"))
    assert (handicap.key, handicap.title) == ("asian_handicap_-0.5", "Asian handicap -0.5")
    assert handicap.truth(empty()).tolist() == []
    odd = question_of(ODD, Rule(hard_to_watch))
    assert (odd.key, odd.title, odd.outcomes) == ("acme.odd", "Odd", ("yes", "no"))
    for key, reason in {
        "asian_handicap:0.25": "at a quarter line a stake is split",
        "correct_score": "it has no fixed list of outcomes",
        "acme.odd": "no plugin here declares the market",
    }.items():
        with pytest.raises(NotAsked, match=reason):
            question_of(MarketKey.parse(key))
