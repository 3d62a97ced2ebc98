"""What a forecast means and when it counts as a new one. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

TOLERANCE = 1e-9
"""How far probabilities may be from summing to 1, and how far two may differ and still be the same."""

RESULT_KEY = "match_result::ft"
"""The market by whose likeliest outcome a match's confidence is measured."""
GOALS_KIND = "total_goals"
"""The kind of market whose model tells a match's expected goals."""


class ImpossibleForecast(ValueError):
    """Probabilities that are none: the message names the first fault."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A model as the served ones are chosen from."""

    key: str
    markets: tuple[str, ...]
    """Canonical keys of the markets that it promises."""


def checked(probabilities: Sequence[float]) -> list[float]:
    """The same probabilities; raises ImpossibleForecast when one lies outside 0 to 1 or they do not sum to 1."""
    values = [float(value) for value in probabilities]
    if not all(0.0 <= value <= 1.0 for value in values):
        raise ImpossibleForecast(f"probabilities must lie from 0 to 1 and are {values}")
    if abs(sum(values) - 1.0) > TOLERANCE:
        raise ImpossibleForecast(f"probabilities must sum to 1 and sum to {sum(values)!r}")
    return values


def confidence(probabilities: Sequence[float]) -> int:
    """100 times the probability of the likeliest outcome, rounded."""
    return round(100 * max(probabilities))


def expected_value(family: str, parameters: Mapping[str, float]) -> float | None:
    """What a forecast expects to be counted, goals or corners; None for a family that does not say."""
    if family == "score_grid":
        return parameters["home_mean"] + parameters["away_mean"]
    return parameters["mean"] if family == "negative_binomial" else None


def is_news(old: Sequence[float] | None, new: Sequence[float]) -> bool:
    """Whether a forecast differs from the standing one by more than rounding."""
    if old is None or len(old) != len(new):
        return True
    return max(abs(a - b) for a, b in zip(old, new, strict=True)) > TOLERANCE


def served_models(offered: Sequence[Offered]) -> dict[str, str]:
    """Which model the graph shows for each market: the first in the order given that promises it."""
    served: dict[str, str] = {}
    for model in offered:
        for market in model.markets:
            served.setdefault(market, model.key)
    return served


def model_serving(served: Mapping[str, str], market: str, model_key: str) -> str:
    """The model shown for a market; one that nobody promises belongs to whoever serves another of its kind."""
    if market in served:
        return served[market]
    kind = market.partition(":")[0]
    same_kind = [key for other, key in served.items() if other.partition(":")[0] == kind]
    return same_kind[0] if same_kind else model_key


def seed_of(model_key: str, league: str) -> int:
    """The seed of a model's fits on a league: always the same, so that a fit can be made again."""
    return zlib.crc32(f"{model_key}|{league}".encode())


def is_in_time(data_cutoff_at: datetime, predicted_at: datetime, kickoff_at: datetime) -> bool:
    """Whether a forecast was made of the past, before the match: data cut-off ≤ prediction ≤ kick-off."""
    return data_cutoff_at <= predicted_at <= kickoff_at
