"""Total cards, yellow and red of both sides: a market of our own, and a model that prices three of its lines.

    cards ~ NegativeBinomial(m · f(home) · f(away), dispersion)
    f(c)  = (cards in c's matches / m + prior) / (c's matches + prior)

where m is the mean of all matches.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import touchline as tl
from touchline.counts import fit_dispersion, over_push_under
from touchline.names import codes, positions

LINES = {tl.MarketKey(tl.Kind.CUSTOM, line, name="acme.total_cards"): line for line in (3.5, 4.5, 5.5)}
USUAL = 4.1
"""Cards of a match where none was seen yet."""


@dataclass(frozen=True)
class TotalCards:
    """Over and under a number of cards; a second yellow card counts, and so does the red one that it brings."""

    key: str = "acme.total_cards"
    title: str = "Over/Under {line} cards"
    outcomes: tuple[str, ...] = ("over", "under")
    lines: tl.Lines = tl.Lines.QUARTER

    def settle(self, market: tl.MarketKey, outcome: str, facts: tl.Facts) -> tl.Verdict:
        return tl.settle_total(market, outcome, tl.total_of(facts, "yellow_cards", "red_cards"), "card")


@dataclass(frozen=True)
class FittedCards:
    """Cards of an average match, and what each club adds; the last factor is that of a club never seen."""

    arrays: tl.State

    def predict(self, fixtures: tl.Fixtures) -> tl.Forecasts:
        club = positions(codes(fixtures.clubs), self.arrays["clubs"])  # -1, the last, where a club is not known
        pair = club[np.stack([fixtures.home, fixtures.away])]
        mean = self.arrays["mean"] * self.arrays["factor"][pair].prod(axis=0)
        dispersion = np.full(len(fixtures), self.arrays["dispersion"][0])
        rows = {market: over_push_under(mean, dispersion, line)[:, [0, 2]] for market, line in LINES.items()}
        seen = self.arrays["matches"][pair].min(axis=0)
        basis = [tl.Basis.LEAGUE_PRIOR if n == 0 else tl.Basis.MODEL_SPARSE if n < 6 else tl.Basis.MODEL for n in seen]
        return tl.Forecasts(rows, basis, "negative_binomial", {"mean": mean, "dispersion": dispersion})

    def state(self) -> dict[str, tl.Floats]:
        return dict(self.arrays)


@dataclass(frozen=True)
class Cards:
    """Clubs whose matches saw more cards than others go on seeing more, though not quite as many."""

    key: str = "acme.cards"
    version: str = "1"
    markets: tuple[tl.MarketKey, ...] = tuple(LINES)
    odds_use: tl.OddsUse = tl.OddsUse.NONE
    prior: float = tl.setting(60.0, low=1.0, high=1000.0, help="Average matches that each club's record begins with.")
    dispersion: float = tl.setting(40.0, low=1.0, help="Expected dispersion of totals; the smaller, the wider.")

    def fit(self, history: tl.History, rng: np.random.Generator) -> FittedCards:
        cards = history.home_yellow_cards + history.away_yellow_cards + history.home_red_cards + history.away_red_cards
        known, c = np.isfinite(cards), len(history.clubs)
        home, away, cards = history.home[known], history.away[known], cards[known]
        mean = (cards.sum() + USUAL * self.prior) / (len(cards) + self.prior)
        matches = np.bincount(home, minlength=c + 1) + np.bincount(away, minlength=c + 1)
        seen = np.bincount(home, cards, c + 1) + np.bincount(away, cards, c + 1)
        factor = (seen / mean + self.prior) / (matches + self.prior)
        means, weight = mean * factor[home] * factor[away], np.ones(len(cards))
        dispersion = fit_dispersion(cards, means, weight, prior=self.dispersion, spread=1.0)
        told = {"clubs": codes(history.clubs), "factor": factor, "matches": matches.astype(np.float64)}
        return FittedCards(told | {"mean": np.array([mean]), "dispersion": np.array([dispersion])})

    def restore(self, history: tl.History, state: tl.State) -> FittedCards:
        return FittedCards(state)


@tl.hookimpl
def markets() -> Sequence[tl.Market]:
    return [TotalCards()]


@tl.hookimpl
def models() -> Sequence[tl.Model]:
    return [Cards()]
