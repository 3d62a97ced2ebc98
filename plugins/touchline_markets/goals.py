"""Total goals: over and under 1.5, 2.5 and 3.5 at full time; any other line from the stored parameters.

    P(over 2.5) = sum of P(i, j) over i + j > 2.5

where P(i, j) is the score grid of the Dixon-Coles engine: Poisson goals of both sides with the low scores corrected
(Dixon & Coles 1997). Formulas, parameters and priors: `touchline.dixon_coles`. Same engine and settings as the models
of the match result and of both teams to score, so the three agree with each other.
"""

from __future__ import annotations

from touchline import OVER_25, Kind, MarketKey, Model, hookimpl
from touchline.dixon_coles import GoalModel

API = 1

MARKETS = (OVER_25, MarketKey(Kind.TOTAL_GOALS, 1.5), MarketKey(Kind.TOTAL_GOALS, 3.5))


@hookimpl
def models() -> list[Model]:
    """The model of total goals."""
    return [GoalModel("touchline.goals", MARKETS)]
