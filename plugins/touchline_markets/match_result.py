"""Match result: home win, draw, away win at full time.

    P(home) = sum of P(i, j) over i > j,  P(draw) over i = j,  P(away) over i < j

where P(i, j) is the score grid of the Dixon-Coles engine: Poisson goals of both sides with the low scores corrected
(Dixon & Coles 1997). Formulas, parameters and priors: `touchline.dixon_coles`. Same engine and settings as the models
of goals and of both teams to score, so the three agree with each other.
"""

from __future__ import annotations

from touchline import RESULT, Model, hookimpl
from touchline.dixon_coles import GoalModel

API = 1


@hookimpl
def models() -> list[Model]:
    """The model of the match result."""
    return [GoalModel("touchline.match_result", (RESULT,))]
