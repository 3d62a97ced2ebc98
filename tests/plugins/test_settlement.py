"""What became of a bet on an outcome: mirrored sides, split stakes, and the same as the grid of scores says."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from touchline import BetResult, Facts, Kind, MarketKey, NotSettleable, Verdict, possible_results, settle
from touchline.grid import ScoreGrid
from touchline.types import OUTCOMES

SHARES = {
    BetResult.WON: (Fraction(1), Fraction(0), Fraction(0)),
    BetResult.HALF_WON: (Fraction(1, 2), Fraction(1, 2), Fraction(0)),
    BetResult.PUSH: (Fraction(0), Fraction(1), Fraction(0)),
    BetResult.HALF_LOST: (Fraction(0), Fraction(1, 2), Fraction(1, 2)),
    BetResult.LOST: (Fraction(0), Fraction(0), Fraction(1)),
}
"""Of a stake: what is won, returned and lost."""
LINED = (Kind.TOTAL_GOALS, Kind.TOTAL_CORNERS, Kind.ASIAN_HANDICAP)

counts = st.integers(0, 9)
quarters = st.integers(-16, 16).map(lambda steps: steps / 4)
lined = st.builds(MarketKey, st.sampled_from(LINED), quarters)


def finished(
    home: int, away: int, half: tuple[int, int] | None = None, corners: tuple[int, int] | None = None
) -> Facts:
    return Facts("FINISHED", home, away, *(half or (None, None)), *(corners or (None, None)))


def result(key: str, outcome: str, facts: Facts) -> str:
    return settle(MarketKey.parse(key), outcome, facts).result


@settings(deadline=None)
@given(lined, counts, counts)
def test_the_other_side_of_a_line_gets_the_opposite(market: MarketKey, home: int, away: int) -> None:
    facts = finished(home, away, corners=(home, away))
    one, other = (SHARES[BetResult(settle(market, outcome, facts).result)] for outcome in market.outcomes)
    assert one == other[::-1]


@settings(deadline=None)
@given(st.sampled_from(LINED), quarters, counts, counts)
def test_a_stake_is_split_over_the_neighbours_of_a_quarter_line(kind: Kind, line: float, home: int, away: int) -> None:
    facts = finished(home, away, corners=(home, away))
    near = [line - 0.25, line + 0.25] if line * 4 % 2 else [line, line]
    for outcome in OUTCOMES[kind]:
        whole = SHARES[BetResult(settle(MarketKey(kind, line), outcome, facts).result)]
        halves = [SHARES[BetResult(settle(MarketKey(kind, one), outcome, facts).result)] for one in near]
        assert whole == tuple((a + b) / 2 for a, b in zip(*halves, strict=True))


@settings(deadline=None)
@given(counts, counts, st.sampled_from([MarketKey(Kind.MATCH_RESULT), MarketKey(Kind.BOTH_TEAMS_TO_SCORE)]))
def test_one_outcome_wins_and_the_others_lose(home: int, away: int, market: MarketKey) -> None:
    results = [settle(market, outcome, finished(home, away)).result for outcome in market.outcomes]
    assert sorted(results) == ["LOST"] * (len(results) - 1) + ["WON"]


@pytest.mark.parametrize("line", [-1.75, -1.5, -1, -0.25, 0, 0.5, 0.75, 2])
def test_handicaps_agree_with_the_grid_of_scores(line: float) -> None:
    grid = ScoreGrid(np.array([1.7]), np.array([1.2]), np.array([-0.05]))
    market, total = MarketKey(Kind.ASIAN_HANDICAP, line), np.zeros(3)
    for home in range(grid.size):
        for away in range(grid.size):
            verdict = settle(market, "home", finished(home, away))
            total += grid.cells[0, home, away] * np.array(SHARES[BetResult(verdict.result)], dtype=np.float64)
    assert total == pytest.approx(grid.asian_handicap(line)[0], abs=1e-12)


@pytest.mark.parametrize("line", [1.5, 2, 3])
def test_totals_agree_with_the_grid_of_scores(line: float) -> None:
    grid = ScoreGrid(np.array([1.7]), np.array([1.2]), np.array([-0.05]))
    market, total = MarketKey(Kind.TOTAL_GOALS, line), np.zeros(3)
    for home in range(grid.size):
        for away in range(grid.size):
            verdict = settle(market, "over", finished(home, away))
            total += grid.cells[0, home, away] * np.array(SHARES[BetResult(verdict.result)], dtype=np.float64)
    assert total == pytest.approx(grid.total(line)[0], abs=1e-12)


@settings(deadline=None)
@given(counts, counts, counts, counts, st.sampled_from(["over", "under"]), quarters)
def test_halves_count_by_themselves(h1: int, a1: int, h2: int, a2: int, outcome: str, line: float) -> None:
    facts = finished(h1 + h2, a1 + a2, half=(h1, a1))
    for period, goals in (("h1", (h1, a1)), ("h2", (h2, a2))):
        of_half = settle(MarketKey(Kind.TOTAL_GOALS, line, period), outcome, facts)
        assert of_half.result == settle(MarketKey(Kind.TOTAL_GOALS, line), outcome, finished(*goals)).result


@settings(deadline=None)
@given(lined, counts, counts)
def test_results_are_among_the_possible_ones(market: MarketKey, home: int, away: int) -> None:
    facts = finished(home, away, corners=(home, away))
    assert {settle(market, outcome, facts).result for outcome in market.outcomes} <= possible_results(market)


@pytest.mark.parametrize(
    ("key", "possible"),
    [
        ("match_result::ft", "WON LOST VOID"),
        ("both_teams_to_score::h1", "WON LOST VOID"),
        ("total_goals:2.5:ft", "WON LOST VOID"),
        ("total_corners:10:ft", "WON PUSH LOST VOID"),
        ("asian_handicap:0:ft", "WON PUSH LOST VOID"),
        ("asian_handicap:-0.75:ft", "WON HALF_WON HALF_LOST LOST VOID"),
        ("custom::ft", "WON HALF_WON PUSH HALF_LOST LOST VOID"),
        ("total_goals:2.3:ft", "WON HALF_WON PUSH HALF_LOST LOST VOID"),
    ],
)
def test_which_results_are_possible(key: str, possible: str) -> None:
    assert possible_results(MarketKey.parse(key)) == frozenset(map(BetResult, possible.split()))


@pytest.mark.parametrize("status", ["ABANDONED", "AWARDED", "CANCELLED"])
@pytest.mark.parametrize(
    "key", ["match_result::ft", "total_goals:0.5:h1", "asian_handicap:-0.75:ft", "total_corners:9.5:ft"]
)
def test_what_was_not_played_is_void_whatever_is_known(key: str, status: str) -> None:
    market = MarketKey.parse(key)
    facts = Facts(status, 3, 0, 1, 0, 6, 4)
    assert {settle(market, outcome, facts).result for outcome in market.outcomes} == {"VOID"}


@pytest.mark.parametrize(
    ("key", "outcome", "facts", "says"),
    [
        ("match_result::ft", "home", Facts("LIVE", 2, 0), "the match is not over"),
        ("match_result::ft", "home", Facts("POSTPONED"), "the match is not over"),
        ("match_result::ft", "home", Facts("FINISHED"), "the score is not known yet"),
        ("match_result::ft", "home", Facts("FINISHED", 1), "the score is not known yet"),
        ("match_result::h1", "home", finished(2, 1), "the half-time score is not known yet"),
        ("total_goals:1.5:h2", "over", finished(1, 0, (2, 0)), "above the final one"),
        ("total_corners:9.5:ft", "over", finished(2, 1), "corners are not known yet"),
        ("total_corners:4.5:h1", "over", finished(2, 1, (1, 0), (6, 4)), "of the whole match only"),
        ("total_goals:2.3:ft", "over", finished(2, 1), "has no line in quarters"),
        ("total_goals::ft", "over", finished(2, 1), "has no line in quarters"),
        ("match_result::et", "home", finished(2, 1), "is settled by hand"),
        ("correct_score::ft", "2-1", finished(2, 1), "is settled by hand"),
        ("team_total_goals:1.5:ft", "over", finished(2, 1), "is settled by hand"),
        ("custom::ft", "yes", finished(2, 1), "is settled by hand"),
        ("match_result::ft", "over", finished(2, 1), "has no outcome over"),
    ],
)
def test_what_facts_do_not_decide_is_told(key: str, outcome: str, facts: Facts, says: str) -> None:
    with pytest.raises(NotSettleable, match=says):
        settle(MarketKey.parse(key), outcome, facts)


@pytest.mark.parametrize(
    ("key", "outcome", "facts", "words"),
    [
        (
            "total_goals:2.25:ft",
            "over",
            finished(2, 0),
            "Over 2.25 goals: the stake is split on 2 and 2.5; 2 goals were scored: half is returned, half is lost.",
        ),
        (
            "asian_handicap:-0.75:ft",
            "away",
            finished(1, 0),
            "Away +0.75: the stake is split on +0.5 and +1; the score was 1-0: half is returned, half is lost.",
        ),
        (
            "asian_handicap:-1.25:ft",
            "home",
            finished(2, 0),
            "Home -1.25: the stake is split on -1 and -1.5; the score was 2-0: won.",
        ),
        (
            "asian_handicap:0.25:ft",
            "home",
            finished(0, 0),
            "Home +0.25: the stake is split on 0 and +0.5; the score was 0-0: half is won, half is returned.",
        ),
        ("asian_handicap:0:ft", "away", finished(1, 1), "Away 0: the score was 1-1: the stake is returned."),
        (
            "total_goals:0.5:h1",
            "under",
            finished(1, 0, (0, 0)),
            "Under 0.5 goals, 1st half: no goals were scored: won.",
        ),
        ("total_goals:1:ft", "over", finished(1, 0), "Over 1 goals: 1 goal was scored: the stake is returned."),
        ("total_corners:9.5:ft", "over", finished(0, 0, None, (1, 0)), "Over 9.5 corners: there was 1 corner: lost."),
        ("match_result::ft", "draw", finished(2, 2), "Draw: the score was 2-2: won."),
        ("match_result::h2", "home", finished(2, 1, (1, 1)), "Home win, 2nd half: the score was 1-0: won."),
        ("both_teams_to_score::ft", "yes", finished(4, 0), "Both teams to score, yes: the score was 4-0: lost."),
        (
            "match_result::ft",
            "home",
            Facts("ABANDONED", 1, 0),
            "Home win: the match was abandoned: void, the stake is returned.",
        ),
    ],
)
def test_a_verdict_explains_itself(key: str, outcome: str, facts: Facts, words: str) -> None:
    verdict = settle(MarketKey.parse(key), outcome, facts)
    assert isinstance(verdict, Verdict)
    assert verdict.words == words


def test_the_nil_goals_of_a_handicap_have_no_sign() -> None:
    assert settle(MarketKey(Kind.ASIAN_HANDICAP, -0.0), "home", finished(0, 0)).words.startswith("Home 0:")
