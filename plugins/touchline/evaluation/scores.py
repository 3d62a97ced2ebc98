"""Scores of rows of forecasts on the same matches: each by itself, against the closing price and against the others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from touchline.calibration import Calibration, calibration
from touchline.metrics import (
    Difference,
    brier_scores,
    calibration_error,
    hits,
    log_losses,
    paired,
    ranked_scores,
    skill_share,
)
from touchline.types import Floats, Ints


@dataclass(frozen=True, slots=True)
class Score:
    """How good one row's forecasts of one question were, on some matches."""

    matches: int
    log_loss: float
    ranked_score: float
    brier_score: float
    hit_rate: float
    """Share of matches whose likeliest outcome happened."""
    calibration: Calibration | None
    """None where the forecasts have no calibration line."""
    calibration_error: float
    skill_share: float
    """Of the way from climatology to the closing price; NaN without one of them."""
    from_climatology: Difference | None
    """Log loss minus climatology's."""
    from_closing: Difference | None
    """Log loss minus the closing price's: the gap."""
    from_best: Difference | None
    """Log loss minus that of the best other model."""
    best: str
    """Key of that model; empty where there is none."""


@dataclass(frozen=True, slots=True)
class References:
    """Rows that the others are measured against, by key; empty where there is no such row."""

    climatology: str
    closing: str
    models: Sequence[str]
    """Keys of models, among which the best is looked for."""


def scores(
    forecasts: Mapping[str, Floats], outcomes: Ints, references: References, best: Sequence[str] = ()
) -> dict[str, Score]:
    """The score of each row (m, outcomes) on the same matches, best first.

    `best` are keys of models from the best on; without them they are ordered by these matches. Raises ValueError when
    there is no match.
    """
    if len(outcomes) == 0:
        raise ValueError("scores need at least one match")
    losses = {key: log_losses(table, outcomes) for key, table in forecasts.items()}
    means = {key: float(loss.mean()) for key, loss in losses.items()}
    ordered = best or sorted((key for key in references.models if key in means), key=lambda key: (means[key], key))
    found = {
        key: _score(key, forecasts[key], outcomes, losses, means, references, ordered)
        for key in sorted(forecasts, key=lambda key: (means[key], key))
    }
    return found


def _score(
    key: str,
    table: Floats,
    outcomes: Ints,
    losses: Mapping[str, Floats],
    means: Mapping[str, float],
    references: References,
    best: Sequence[str],
) -> Score:
    other = next((one for one in best if one != key), "")

    def apart(reference: str) -> Difference | None:
        return paired(losses[key], losses[reference]) if reference in losses and reference != key else None

    is_bracketed = references.climatology in means and references.closing in means
    return Score(
        matches=len(outcomes),
        log_loss=means[key],
        ranked_score=float(ranked_scores(table, outcomes).mean()),
        brier_score=float(brier_scores(table, outcomes).mean()),
        hit_rate=float(hits(table, outcomes).mean()),
        calibration=_line(table, outcomes),
        calibration_error=calibration_error(table, outcomes),
        skill_share=skill_share(means[references.climatology], means[key], means[references.closing])
        if is_bracketed
        else math.nan,
        from_climatology=apart(references.climatology),
        from_closing=apart(references.closing),
        from_best=apart(other),
        best=other,
    )


def _line(table: Floats, outcomes: Ints) -> Calibration | None:
    """The calibration line; None where there is none, as for forecasts that never vary."""
    try:
        return calibration(table, outcomes)
    except ValueError:
        return None


def on(forecasts: Mapping[str, Floats], chosen: np.ndarray) -> dict[str, Floats]:
    """The rows' forecasts of some matches."""
    return {key: table[chosen] for key, table in forecasts.items()}
