"""A plugin of somebody else's that offers one thing of each kind, and settings: to be run here and elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from touchline import (
    RESULT,
    Assessment,
    Basis,
    Facts,
    Fixtures,
    Forecasts,
    History,
    Lines,
    Market,
    MarketKey,
    Model,
    OddsUse,
    Offer,
    PricedOutcome,
    Provider,
    Reach,
    Rejected,
    SourceMatch,
    State,
    Strategy,
    Verdict,
    hookimpl,
    setting,
    settle_total,
    total_of,
)
from touchline.value import edge, kelly, recommendation

CARDS = "whole.total_cards"
CARDS_45 = MarketKey.parse(f"{CARDS}:4.5")


@dataclass(frozen=True)
class Fitted:
    """Says of every match the same."""

    shares: np.ndarray

    def predict(self, fixtures: Fixtures) -> Forecasts:
        m = len(fixtures)
        return Forecasts(
            {RESULT: np.tile(self.shares, (m, 1)), CARDS_45: np.tile([0.6, 0.4], (m, 1))}, [Basis.MODEL] * m
        )

    def state(self) -> dict[str, np.ndarray]:
        return {"shares": self.shares}


@dataclass(frozen=True)
class Shares:
    """Shares of home wins, draws and away wins with a prior."""

    key = "whole.shares"
    version = "1"
    markets = (RESULT, CARDS_45)
    reach = Reach(days=365)
    odds_use = OddsUse.NONE
    prior: float = setting(3.0, low=0.5, high=50.0, help="Matches that the prior counts for.")
    side: str = setting("both", choices=("both", "home"))

    def fit(self, history: History, rng: np.random.Generator) -> Fitted:
        sign = np.sign(history.home_goals - history.away_goals)
        counts = np.array([np.sum(sign > 0), np.sum(sign == 0), np.sum(sign < 0)]) + self.prior / 3
        return Fitted(counts / counts.sum())

    def restore(self, history: History, state: State) -> Fitted:
        return Fitted(np.array(state["shares"]))


@dataclass(frozen=True)
class TotalCards:
    """Cards of both sides."""

    key = CARDS
    title = "Over/Under {line} cards"
    outcomes = ("over", "under")
    lines = Lines.QUARTER

    def settle(self, market: MarketKey, outcome: str, facts: Facts) -> Verdict:
        return settle_total(market, outcome, total_of(facts, "yellow_cards", "red_cards"), "card")


@dataclass(frozen=True)
class Believing:
    """Believes the model."""

    key = "whole.believing"
    version = "2"
    least: float = setting(0.0, low=0.0, help="Edge from which a price is told of.")

    def assess(
        self, market: MarketKey, probabilities: Mapping[str, float], offers: Sequence[Offer]
    ) -> Sequence[Assessment]:
        found = []
        for offer in offers:
            believed = probabilities[offer.outcome]
            gain = edge(believed, offer.price, offer.commission)
            if gain > self.least:
                share = kelly(believed, offer.price, offer.commission)
                found.append(Assessment(offer, believed, gain, share, str(recommendation(gain))))
        return found


class Folder:
    """Matches that are written `home,away,goals,goals` in the files of a folder."""

    key = "whole-folder"
    name = "A folder"

    def files(self, origin: str, leagues: Sequence[str], seasons: Sequence[int]) -> Sequence[str]:
        if not leagues:
            raise ValueError("name a league")
        return sorted(path.name for path in Path(origin).iterdir())

    def read(self, origin: str, file: str) -> tuple[Sequence[SourceMatch], Sequence[Rejected]]:
        matches, rejected = [], []
        for number, line in enumerate((Path(origin) / file).read_text().splitlines(), start=1):
            try:
                home, away, *goals = line.split(",")
                home_goals, away_goals = map(int, goals)
            except ValueError as error:
                rejected.append(Rejected(f"{file}:{number}", str(error)))
                continue
            kickoff = datetime(2024, 8, 1, 15, tzinfo=UTC) + timedelta(days=number)
            price = PricedOutcome("Corner", RESULT, "home", 2.25, kickoff, is_closing=True)
            matches.append(
                SourceMatch(
                    *("E0", 2024, home, away, kickoff), home_goals=home_goals, away_goals=away_goals, prices=(price,)
                )
            )
        return matches, rejected


@hookimpl
def models() -> list[Model]:
    return [Shares()]


@hookimpl
def markets() -> list[Market]:
    return [TotalCards()]


@hookimpl
def strategies() -> list[Strategy]:
    return [Believing()]


@hookimpl
def providers() -> list[Provider]:
    return [Folder()]
