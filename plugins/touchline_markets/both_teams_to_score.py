"""Both teams to score: yes or no at full time.

    P(yes) = sum of P(i, j) over i > 0 and j > 0

where P(i, j) is the score grid of the Dixon-Coles engine: Poisson goals of both sides with the low scores corrected
(Dixon & Coles 1997). Formulas, parameters and priors: `touchline.dixon_coles`. Same engine and settings as the models
of the match result and of goals, so the three agree with each other.
"""

from __future__ import annotations

from touchline import BTTS, Model, hookimpl
from touchline.dixon_coles import GoalModel

API = 1


@hookimpl
def models() -> list[Model]:
    """The model of both teams to score."""
    return [GoalModel("touchline.both_teams_to_score", (BTTS,))]
