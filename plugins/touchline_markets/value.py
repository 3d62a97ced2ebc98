"""The value strategy: prices against a sharp consensus, the model as a second opinion.

    fair   = mean of the books' margin-free probabilities (Shin): of the sharp books if one is complete, else of all
    belief ∝ model^w · fair^(1 - w)                              w: weight of the model
    edge   = belief · (1 + (price - 1)(1 - commission)) - 1

Why the model weighs so little: every bet that a model alone liked by more than 3 % lost 7 to 11 % against opening
prices (8,950 matches of the top five leagues, with any of the models tried), and pooling a model with the market's own
prices gained nothing. A price is worth a bet when it stands out from the other books, not when a model disagrees with
all of them. Without one complete book there is no consensus, and nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from touchline import Assessment, Floats, MarketKey, Offer, Strategy, hookimpl, setting
from touchline.margin import Flag, Method, remove_margin
from touchline.value import edge, kelly, recommendation

API = 1


@dataclass(frozen=True, slots=True)
class SharpConsensus:
    """Weighs each offer against the de-vigged consensus, with the model as a second opinion."""

    model_weight: float = setting(
        0.25, low=0.0, high=1.0, help="Share of the model in the belief, in logits; the rest is the consensus."
    )
    key: str = "touchline.value"
    version: str = "1"

    def assess(
        self,
        market: MarketKey,  # noqa: ARG002 - the same rule for every market
        probabilities: Mapping[str, float],
        offers: Sequence[Offer],
    ) -> Sequence[Assessment]:
        """The offers with an edge above 0, best first. `probabilities` names all outcomes of the market."""
        outcomes = tuple(probabilities)
        fair = consensus(outcomes, offers)
        if fair is None:
            return []
        belief = self._belief(np.array([probabilities[outcome] for outcome in outcomes]), fair)
        believed = dict(zip(outcomes, belief.tolist(), strict=True))
        judged = [_assessment(offer, believed[offer.outcome]) for offer in offers if _is_priced(offer, believed)]
        worth = [one for one in judged if one.edge > 0]
        return sorted(worth, key=lambda one: (-one.edge, one.offer.bookmaker, one.offer.outcome))

    def _belief(self, model: Floats, fair: Floats) -> Floats:
        """(outcomes,) the model and the consensus pooled, in logarithms."""
        pooled = model**self.model_weight * fair ** (1 - self.model_weight)
        return np.asarray(pooled / pooled.sum(), dtype=np.float64)


def consensus(outcomes: Sequence[str], offers: Sequence[Offer]) -> Floats | None:
    """(outcomes,) mean margin-free probabilities of the sharp books, else of all; None without a complete book."""
    sharp = _mean_of_books(outcomes, [offer for offer in offers if offer.is_sharp])
    return _mean_of_books(outcomes, offers) if sharp is None else sharp


def _mean_of_books(outcomes: Sequence[str], offers: Sequence[Offer]) -> Floats | None:
    books: dict[str, dict[str, Offer]] = {}
    for offer in sorted(offers, key=lambda offer: -offer.age_seconds):  # the newest of a book comes last and counts
        books.setdefault(offer.bookmaker, {})[offer.outcome] = offer
    complete = [book for _, book in sorted(books.items()) if all(outcome in book for outcome in outcomes)]
    if not complete or len(outcomes) < 2:
        return None
    fair = remove_margin(np.array([[book[outcome].price for outcome in outcomes] for book in complete]), Method.SHIN)
    usable = fair.probabilities[fair.flags != Flag.IMPOSSIBLE]
    return np.asarray(usable.mean(axis=0), dtype=np.float64) if len(usable) else None


def _is_priced(offer: Offer, believed: Mapping[str, float]) -> bool:
    return offer.outcome in believed and offer.price > 1


def _assessment(offer: Offer, probability: float) -> Assessment:
    worth = edge(probability, offer.price, offer.commission)
    share = kelly(probability, offer.price, offer.commission)
    return Assessment(offer, probability, worth, share, str(recommendation(worth)))


@hookimpl
def strategies() -> list[Strategy]:
    """The value strategy."""
    return [SharpConsensus()]
