"""How much more a club is thought of at home, or less away, than its strength says: from past closing prices.

    r = log l - log m of the closing price, less that of the filter on past prices
    g_home(i) += 0.06 · (r - g_home(i))   after each home match of club i; g_away likewise after its away matches

Both enter a head like the supremacy of two more filters. A height, a pitch or a crowd of its own shows here; a filter
knows one home advantage for a whole league.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from touchline.filters.series import Series, kernel
from touchline.types import Floats

SPEED: Final = 0.06
"""Share of each new residual: about the last sixteen home matches count."""


def trace_grounds(series: Series, prices: Floats, log_means: Floats) -> tuple[Floats, Floats]:
    """(n, 2) what was known before each match's day, at home of the home club and away of the away club, and (c, 2) at
    the end. `prices` and `log_means` are (n, 2); a match without a price teaches nothing."""
    residual = (prices[:, 0] - prices[:, 1]) - (log_means[:, 0] - log_means[:, 1])
    known, mean = np.zeros((len(series), 2)), np.zeros((len(series.clubs), 2))
    kernel().trace_grounds(series.order, series.sides, series.day, residual, SPEED, known, mean)
    return known, mean


def as_filters(known: Floats) -> Floats:
    """(2, m, 2) log means of two filters with these supremacies, (m, 2), and no total."""
    return np.stack([known.T / 2, -known.T / 2], axis=2)
