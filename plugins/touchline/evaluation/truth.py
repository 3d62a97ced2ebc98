"""True probabilities of simulated matches: what no model can beat in the long run.

Four markets have an exact answer (`touchline.simulator`). Any other is settled by its own rule in so many replays of
each pairing that a probability is off by at most 0.008 (one standard error, 4,000 replays). That costs the truth about
1/8000 of log loss for each outcome but one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from touchline.evaluation.questions import Question, Settled
from touchline.evaluation.winners import NOT_KNOWN, Unsettled, Winners
from touchline.simulator.play import Means, replays, true_probabilities
from touchline.types import Floats, Ints

REPLAYS: Final = 4000


def truths_of(questions: Sequence[Question], means: Floats, seed: int = 0) -> dict[str, Floats | Unsettled]:
    """(m, outcomes) true probabilities by question, of matches with expected goals (m, 2).

    Given that no stake comes back, and NaN where it always does; the error in place of them for a rule that does not
    name one winner.
    """
    pairings, place = np.unique(means, axis=0, return_inverse=True)
    chances = [Means(home, away) for home, away in pairings.tolist()]
    exact = [one for one in questions if not isinstance(one.truth, Settled)]
    known = [true_probabilities(one) for one in chances]
    told: dict[str, Floats | Unsettled] = {
        one.key: np.array([row[one.market] for row in known])[place.reshape(-1)] for one in exact
    }
    replayed = [_Replayed(one, one.truth.winners) for one in questions if isinstance(one.truth, Settled)]
    rng = np.random.default_rng(seed)
    for chance in chances if replayed else ():
        columns = replays(chance, REPLAYS, rng)
        for one in replayed:
            one.add(columns)
    return told | {one.question.key: one.failure or one.shares()[place.reshape(-1)] for one in replayed}


class _Replayed:
    """Shares of the winners of one market, pairing by pairing."""

    def __init__(self, question: Question, winners: Winners) -> None:
        self.question = question
        self.failure: Unsettled | None = None
        self._winners = winners
        self._counts: list[Ints] = []

    def add(self, columns: Mapping[str, Ints]) -> None:
        """Settle the replays of the next pairing; nothing more once the rule has failed."""
        if self.failure is None:
            try:
                won = self._winners.of(columns)
            except Unsettled as error:
                self.failure = error
            else:
                self._counts.append(np.bincount(won[won != NOT_KNOWN], minlength=len(self.question.outcomes)))

    def shares(self) -> Floats:
        """(pairings, outcomes); NaN where every stake came back."""
        counts = np.array(self._counts, dtype=np.float64)
        total = counts.sum(axis=1, keepdims=True)
        shares: Floats = np.divide(counts, total, out=np.full_like(counts, np.nan), where=total > 0)
        return shares
