"""How good a model has been, and whether the market was better: figures of a track.

The market is the closing price without its margin. Differences are taken match by match, so that what is hard about a
match counts against neither, and a verdict is given only where the 95 % interval of their mean leaves out 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from typing import Final

import numpy as np

from domain.grades.rules import score
from domain.grades.tracks import Track
from touchline import Ints, Kind
from touchline.metrics import calibration_error, log_losses, paired

LEAST_FOR_VERDICT: Final = 30
"""Matches below which the interval of a mean is too narrow to be believed."""

Bounds = tuple[float, float]


class Verdict(StrEnum):
    """What the evidence says about a model against the market."""

    BEATS_MARKET = "BEATS_MARKET"
    TRAILS_MARKET = "TRAILS_MARKET"
    UNDECIDED = "UNDECIDED"


@dataclass(frozen=True, slots=True)
class AgainstClosing:
    """A model and the closing prices on the matches that have some."""

    count: int
    log_loss: float
    """Of the closing prices."""
    difference: float
    """Mean log loss of the model minus that of the closing prices; below 0 the model is better."""
    interval: Bounds | None
    """95 %, of the difference; None below `LEAST_FOR_VERDICT` matches, or where a loss is infinite."""

    @property
    def skill(self) -> float:
        """The model's improvement, as a share of the closing prices' log loss."""
        return -self.difference / self.log_loss

    @property
    def skill_interval(self) -> Bounds | None:
        """95 %, of the skill."""
        return self.interval and (-self.interval[1] / self.log_loss, -self.interval[0] / self.log_loss)

    @property
    def verdict(self) -> Verdict:
        if self.interval is None or self.interval[0] <= 0 <= self.interval[1]:
            return Verdict.UNDECIDED
        return Verdict.BEATS_MARKET if self.interval[1] < 0 else Verdict.TRAILS_MARKET


@dataclass(frozen=True, slots=True)
class Score:
    """Figures of `count` graded predictions, one a match."""

    count: int
    log_loss: float
    """Infinite where something happened that had been given probability 0."""
    brier: float
    ranked: float | None
    """None where the outcomes have no order."""
    calibration_error: float
    hit_rate: float
    closing: AgainstClosing | None
    """None where no match has a closing price."""

    @property
    def verdict(self) -> Verdict:
        return Verdict.UNDECIDED if self.closing is None else self.closing.verdict


def scored(kind: Kind, track: Track) -> Score | None:
    """The figures of a track; None when it is empty."""
    if not len(track):
        return None
    own = score(kind, track.probabilities, track.outcomes)
    ranked = float(own.ranked.mean())
    return Score(
        count=len(track),
        log_loss=float(own.log_loss.mean()),
        brier=float(own.brier.mean()),
        ranked=None if np.isnan(ranked) else ranked,
        calibration_error=calibration_error(track.probabilities, track.outcomes),
        hit_rate=float(own.is_hit.mean()),
        closing=_against_closing(track.closed),
    )


def _against_closing(closed: Track) -> AgainstClosing | None:
    if not len(closed):
        return None
    losses = log_losses(closed.closing, closed.outcomes)
    apart = paired(log_losses(closed.probabilities, closed.outcomes), losses)
    is_told = apart.count >= LEAST_FOR_VERDICT and np.isfinite(apart.error)
    return AgainstClosing(len(closed), float(losses.mean()), apart.mean, apart.interval if is_told else None)


@dataclass(frozen=True, slots=True)
class Field:
    """Models on the same matches, and the market among them."""

    tracks: Mapping[str, Track]
    """By model; all of the same matches, each with a closing price unless the market has none at all."""
    matches: Ints
    left_out: Mapping[str, int]
    """Models that were left out, with how many graded matches each has."""
    left_out_matches: int
    """Matches graded for some model of the field that not all of them, or no closing price, have."""

    @property
    def market(self) -> Track | None:
        """The closing prices of the same matches; None when there are no matches."""
        return next((track.market for track in self.tracks.values()), None)


def field_of(tracks: Mapping[str, Track], least: int, *, with_closing: bool = True) -> Field:
    """The models with at least so many matches, on the matches that all of them have and that have a closing price.

    While these are fewer than `least`, the model with the fewest matches is left out: one that began last week, or
    knows another league, does not take the others' record away. Not `with_closing` every match counts.
    """
    counted = {key: track.closed if with_closing else track for key, track in sorted(tracks.items())}
    kept = {key: track for key, track in counted.items() if len(track) >= least}
    while kept and len(common := _common(list(kept.values()))) < least:
        del kept[min(kept, key=lambda key: (len(kept[key]), key))]
    if not kept:
        common = np.empty(0, np.int64)
    known = {match for key in kept for match in tracks[key].matches.tolist()}
    return Field(
        tracks={key: track.among(common) for key, track in kept.items()},
        matches=common,
        left_out={key: len(track) for key, track in sorted(tracks.items()) if key not in kept},
        left_out_matches=len(known) - len(common),
    )


def _common(tracks: Sequence[Track]) -> Ints:
    return reduce(np.intersect1d, (track.matches for track in tracks))
