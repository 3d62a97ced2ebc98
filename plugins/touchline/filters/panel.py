"""The filters that the models share: what each looks at, and how fast it lets strengths move.

    goals, goals_fast, goals_slow            goals alone, at three speeds
    mix, target, target_fast                 goals with shots on target; shots on target alone; both, fast
    shots, shots_fast, corners               shots at two speeds, corners
    xg, xg_fast, xg_slow, xg_only            expected goals with goals and shots on target, at three speeds, and alone
    memory, memory_fast, _slow, _slowest     past closing prices, with what the players did on the pitch since as a
                                             second and wider observation; four speeds

No single speed is right: a head (`touchline.filters.heads`) weighs them. Settings and their dates: TUNING.md beside the
models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from touchline.filters.engine import Filtered, FilterSettings, Observation, run
from touchline.filters.observations import Blend, Sources, log_rates
from touchline.filters.series import Series
from touchline.types import Floats, History


@dataclass(frozen=True, slots=True)
class Member:
    """One filter of a panel."""

    name: str
    blend: Blend
    settings: FilterSettings
    price_variance: float | None = None
    """Of the logs of rates that closing prices imply; None where the filter sees no price."""
    price_correlation: float = 0.0

    def observations(self, sources: Sources, prices: Floats | None) -> list[Observation]:
        """What it is told of each match. ValueError when it looks at prices and gets none."""
        played = sources.observe(self.blend)
        if self.price_variance is None:
            return [played]
        if prices is None:
            raise ValueError(f"the filter {self.name} looks at closing prices: give the rates that they imply")
        return [log_rates(prices, self.price_variance, self.price_correlation), played]


PLAIN: Final = FilterSettings(
    walk=1e-4,
    walk_correlation=0.7,
    summer=0.01,
    summer_correlation=0.6,
    early=2.75,
    early_weeks=3.0,
    level_walk=3e-5,
    home_walk=2e-5,
    new_variance=0.03,
    new_correlation=0.5,
    new_attack=-0.35,
    new_defence=-0.25,
)
"""Settings that filters without prices start from."""

PRICED: Final = FilterSettings(
    walk=0.0063,
    walk_correlation=0.25,
    summer=0.06,
    summer_correlation=0.4,
    early=4.5,
    early_weeks=5.5,
    level_walk=1e-4,
    home_walk=4e-5,
    new_variance=0.12,
    new_attack=-0.3,
    new_defence=0.0,
)
"""Settings that filters on past prices start from."""

_GOALS: Final = Blend(goals=1.0)
_SHOTS: Final = Blend(shots=1.0, noise=0.3)
MIX: Final = Member("mix", Blend(goals=0.66, shots_on_target=0.34, noise=0.83), PLAIN)
XG: Final = Member(
    "xg",
    Blend(goals=0.455, xg=0.468, shots_on_target=0.077, noise=0.85, noise_without_xg=0.7, red_card=0.5),
    replace(PLAIN, walk=1.3e-4),
)
_XG_FAST: Final = replace(XG.blend, goals=0.3, shots_on_target=0.14, xg=0.56)
_XG_ONLY: Final = replace(XG.blend, goals=0.02, shots_on_target=0.049, xg=0.931)

PLAYED: Final = (
    MIX,
    Member("goals", _GOALS, replace(PLAIN, walk=6e-5, early=0.0)),
    Member("goals_fast", _GOALS, replace(PLAIN, walk=4e-4)),
    Member("goals_slow", _GOALS, replace(PLAIN, walk=1e-5, summer=0.002)),
    Member("target", Blend(shots_on_target=1.0, noise=0.5), replace(PLAIN, walk=2e-4)),
    Member("target_fast", Blend(goals=0.5, shots_on_target=0.5, noise=0.7), replace(PLAIN, walk=8e-4)),
    Member("shots", _SHOTS, replace(PLAIN, walk=2e-4)),
    Member("shots_fast", _SHOTS, replace(PLAIN, walk=1e-3)),
    Member("corners", Blend(corners=1.0, noise=0.4), replace(PLAIN, walk=2e-4)),
)
"""Filters on results and statistics that most sources have."""

EXPECTED: Final = (
    XG,
    Member("xg_fast", _XG_FAST, replace(PLAIN, walk=6e-4)),
    Member("xg_slow", XG.blend, replace(PLAIN, walk=4e-5)),
    Member("xg_only", _XG_ONLY, replace(PLAIN, walk=1.3e-4)),
)
"""Filters on expected goals."""


def _memory(name: str, speed: float, noise: float) -> Member:
    blend = Blend(goals=0.3, xg=0.56, shots_on_target=0.14, noise=0.75 * noise, noise_without_xg=noise)
    return Member(name, blend, replace(PRICED, walk=PRICED.walk * speed), price_variance=0.12, price_correlation=-0.47)


MEMORY: Final = (
    _memory("memory", 1.0, 1.6),
    _memory("memory_fast", 4.0, 3.2),
    _memory("memory_slow", 1 / 8, 3.2),
    _memory("memory_slowest", 1 / 40, 20.0),
)
"""Filters on past closing prices."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Filters that went through one series."""

    members: tuple[Member, ...]
    series: Series
    filtered: tuple[Filtered, ...]

    @classmethod
    def run(
        cls, history: History, members: Sequence[Member], prices: Floats | None = None, resume: Panel | None = None
    ) -> Panel:
        """Run the filters over a history. `prices` are the logs of rates, (n, 2), that closing prices imply.

        `resume` is the same panel after the history's first matches; with other members it is of no use and left.
        """
        series = Series.of(history)
        sources = Sources(history, series)
        before = {} if resume is None else dict(zip(resume.members, resume.filtered, strict=True))
        filtered = [
            run(series, member.observations(sources, prices), member.settings, before.get(member)) for member in members
        ]
        return cls(tuple(members), series, tuple(filtered))

    def log_means(self) -> Floats:
        """(k, n, 2) what each filter said of each match before its day."""
        return np.stack([one.log_means for one in self.filtered])
