"""What a forecast means and when it counts as a new one. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from touchline import Kind

TOLERANCE = 1e-9
"""How far probabilities may be from summing to 1, and how far two may differ and still be the same."""

RESULT_KEY = "match_result::ft"
"""The market by whose likeliest outcome a match's confidence is measured."""
GOALS_KIND = "total_goals"
"""The kind of market whose model tells a match's expected goals."""

GOAL_KINDS = (Kind.MATCH_RESULT, Kind.TOTAL_GOALS, Kind.BOTH_TEAMS_TO_SCORE)
"""Kinds that are chosen together: of one model they agree, of several they would contradict each other."""

DEFAULT_ORDER = (
    "touchline.market_memory",
    "touchline.supremacy",
    "touchline.goal_stack",
    "touchline.state_space",
    "touchline.match_result",
    "touchline.goals",
    "touchline.both_teams_to_score",
    "touchline.corners",
)
"""Our models as they are shown until the record of a deployment says otherwise, the best log loss on the
seasons that chose their settings (2017/18 and 2018/19) first.

Models of others come after them, in the order of their plugins.
"""

_ROUNDS_BEGIN = (1, 4)
"""Days of the week on which a round begins, Monday being 0: Tuesday and Friday."""


class ImpossibleForecast(ValueError):
    """Probabilities that are none: the message names the first fault."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A model as the served ones are chosen from."""

    key: str
    markets: tuple[str, ...]
    """Canonical keys of the markets that it promises."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of those markets, each once."""
        return tuple(dict.fromkeys(key.partition(":")[0] for key in self.markets))


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


def ranking(offered: Sequence[Offered], chosen: Mapping[str, str]) -> dict[str, list[str]]:
    """The models that price each kind of market, best first: the chosen, `DEFAULT_ORDER`, then as they are given."""
    place = {key: number for number, key in enumerate(DEFAULT_ORDER)}
    usual = sorted(offered, key=lambda model: place.get(model.key, len(place)))
    ranked: dict[str, list[str]] = {}
    for model in usual:
        for kind in model.kinds:
            ranked.setdefault(kind, []).append(model.key)
    for kind, keys in ranked.items():
        keys.sort(key=lambda key: key != chosen.get(kind))
    return ranked


def round_end(kickoff: datetime) -> datetime:
    """When the round of a match is over: at the beginning of the next Tuesday or Friday, UTC.

    Rounds are Friday to Monday and Tuesday to Thursday; a club plays once in each, as a rule.
    """
    day = kickoff.replace(hour=0, minute=0, second=0, microsecond=0)
    return min(day + timedelta(days=(first - day.weekday() - 1) % 7 + 1) for first in _ROUNDS_BEGIN)


def seed_of(model_key: str, league: str) -> int:
    """The seed of a model's fits on a league: always the same, so that a fit can be made again."""
    return zlib.crc32(f"{model_key}|{league}".encode())


def is_in_time(data_cutoff_at: datetime, predicted_at: datetime, kickoff_at: datetime) -> bool:
    """Whether a forecast was made of the past, before the match: data cut-off ≤ prediction ≤ kick-off."""
    return data_cutoff_at <= predicted_at <= kickoff_at
