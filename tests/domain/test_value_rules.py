"""Which of a strategy's judgements are told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.value.rules import ImpossibleAssessment, judge
from touchline import Assessment, Offer

OFFER = Offer("corner", "home", 2.2, 0.0, False, 0.0)
OTHER = replace(OFFER, bookmaker="village")
GOOD = Assessment(OFFER, 0.5, 0.1, 0.08, "MODERATE")


def test_edges_above_nothing_and_below_the_bound_are_kept() -> None:
    bad = replace(GOOD, offer=OTHER, edge=-0.01)
    wild = replace(GOOD, offer=OTHER, edge=0.51)
    judged = judge([GOOD, bad, wild], [OFFER, OTHER], 0.5)
    assert judged.kept == [GOOD]
    assert judged.held_back == 1


def test_first_judgement_of_an_offer_counts() -> None:
    assert judge([GOOD, replace(GOOD, edge=0.2)], [OFFER], 0.5).kept == [GOOD]


@pytest.mark.parametrize(
    "wrong",
    [
        replace(GOOD, edge=float("nan")),
        replace(GOOD, kelly=float("inf")),
        replace(GOOD, kelly=-0.1),
        replace(GOOD, probability=1.2),
        replace(GOOD, recommendation="SURE"),
        replace(GOOD, offer=OTHER),
    ],
)
def test_impossible_judgements_are_refused(wrong: Assessment) -> None:
    with pytest.raises(ImpossibleAssessment):
        judge([wrong], [OFFER], 0.5)
