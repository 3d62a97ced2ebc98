"""Which of a strategy's judgements are told. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from touchline import Assessment, Offer

RECOMMENDATIONS = frozenset({"STRONG", "MODERATE", "SLIGHT", "NONE"})


class ImpossibleAssessment(ValueError):
    """A strategy's answer that the contract does not allow: the message names the fault."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What is left of a strategy's assessments of one market."""

    kept: list[Assessment] = field(default_factory=list)
    held_back: int = 0
    """Edges above what is plausible: more often a wrong price than a gift."""


def judge(assessments: Iterable[Assessment], offers: Sequence[Offer], max_edge: float) -> Judged:
    """The assessments with an edge above 0 and at most `max_edge`; raises ImpossibleAssessment.

    Of several of one offer the first counts.
    """
    known = set(offers)
    kept: dict[Offer, Assessment] = {}
    held_back = 0
    for one in assessments:
        _check(one, known)
        if one.edge > max_edge:
            held_back += 1
        elif one.edge > 0:
            kept.setdefault(one.offer, one)
    return Judged(list(kept.values()), held_back)


def _check(one: Assessment, known: set[Offer]) -> None:
    if one.offer not in known:
        raise ImpossibleAssessment(f"an assessment of an offer that was not asked about: {one.offer}")
    if not (math.isfinite(one.edge) and math.isfinite(one.kelly) and 0.0 <= one.probability <= 1.0):
        raise ImpossibleAssessment(f"edge, Kelly share and probability must be numbers: {one}")
    if one.kelly < 0 or one.recommendation not in RECOMMENDATIONS:
        raise ImpossibleAssessment(f"a Kelly share of 0 or more and a known recommendation: {one}")
