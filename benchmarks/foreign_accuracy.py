"""penaltyblog's Dixon-Coles walked through the rounds of a league, in its own environment (see `benchmarks.foreign`).

Fitted anew each round on the 1,460 days before it, older matches weighing exp(-0.0018 · days): its documented way. What
it refuses has no forecast: a club without a match in the window raises, and so does a fit whose grid has negative
probabilities. The reason is handed back with it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from benchmarks.foreign import serve

DAYS = 1460
XI = 0.0018


def walk(
    days: Sequence[int],
    home: Sequence[str],
    away: Sequence[str],
    home_goals: Sequence[int],
    away_goals: Sequence[int],
    rounds: Sequence[tuple[int, Sequence[int]]],
) -> list[dict[str, Any]]:
    """Forecasts of the matches of each round, given as its first day and the matches' places in the columns.

    One answer for each match asked about: its place, and either probabilities or `why` there are none.
    """
    answers: list[dict[str, Any]] = []
    for day, asked in rounds:
        past = [at for at, played in enumerate(days) if day - DAYS <= played < day]
        columns = [[column[at] for at in past] for column in (home_goals, away_goals, home, away)]
        fitted = _fit(columns, [math.exp(-XI * (day - days[at])) for at in past])
        answers += [{"place": at} | _forecast(fitted, home[at], away[at]) for at in asked]
    return answers


def _fit(columns: Sequence[Sequence[Any]], weights: Sequence[float]) -> Any:
    """The fitted model, or the reason why there is none."""
    from penaltyblog.models import DixonColesGoalModel  # type: ignore[import-not-found]

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = DixonColesGoalModel(*columns, weights)
            model.fit()
    except Exception as error:  # noqa: BLE001 - told with the forecast that is missing
        return f"the fit failed: {type(error).__name__}"
    return model


def _forecast(fitted: Any, home: str, away: str) -> dict[str, Any]:
    if isinstance(fitted, str):
        return {"why": fitted}
    try:
        grid = fitted.predict(home, away)
        result = [float(grid.home_win), float(grid.draw), float(grid.away_win)]
        over, both = float(grid.totals(2.5)[2]), float(grid.btts_yes)
    except Exception as error:  # noqa: BLE001 - told with the forecast that is missing
        return {"why": f"{type(error).__name__}: {error}"[:80]}
    if not all(math.isfinite(value) and 0 <= value <= 1 for value in (*result, over, both)):
        return {"why": "a probability outside 0 and 1"}
    whole = sum(result)
    return {"result": [value / whole for value in result], "over": over, "both": both}


if __name__ == "__main__":
    serve({"walk": walk})
