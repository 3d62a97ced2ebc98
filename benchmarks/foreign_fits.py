"""The side of `benchmarks.dixon_coles`, `benchmarks.grids` and `benchmarks.margins` that runs in a foreign environment.

penaltyblog is used as its documentation tells: a model is made of columns, `fit` finds its parameters, `predict_many`
gives a grid a fixture, and a grid has a property or a method a market. Seconds are of the CPU.
"""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import time
from typing import Any

from benchmarks.foreign import serve

made: dict[str, Any] = {}


def dixon_coles(
    home_goals: list[int],
    away_goals: list[int],
    home: list[str],
    away: list[str],
    weights: list[float],
    use_gradient: bool,
) -> dict[str, Any]:
    """Seconds of one `fit` and what it found: by club, and with the sum of attacks that the library keeps to."""
    import numpy as np
    from penaltyblog.models import DixonColesGoalModel

    model = DixonColesGoalModel(
        np.array(home_goals), np.array(away_goals), np.array(home), np.array(away), np.array(weights)
    )
    began = time.process_time()
    model.fit(use_gradient=use_gradient)
    seconds = time.process_time() - began
    made["model"] = model
    return {"seconds": seconds, "log_likelihood": model.loglikelihood, "parameters": dict(model.params)}


def log_likelihood(parameters: list[float]) -> float:
    """The last model's own log-likelihood of parameters in its order: attacks, defences, home advantage, rho."""
    import numpy as np

    return -float(made["model"]._loss_function(np.array(parameters)))


def grids(home: list[str], away: list[str], size: int) -> dict[str, Any]:
    """Seconds of the last model's grids of all fixtures and five markets of each, and those markets' rows."""
    import numpy as np

    homes, aways = np.array(home), np.array(away)
    began = time.process_time()
    found = made["model"].predict_many(homes, aways, max_goals=size)
    rows = [(*grid.home_draw_away, grid.total_goals("over", 2.5), grid.btts_yes) for grid in found]
    seconds = time.process_time() - began
    means = [(grid.home_goal_expectation, grid.away_goal_expectation) for grid in found]
    return {"seconds": seconds, "rows": np.array(rows).tolist(), "means": np.array(means).tolist()}


def margins(prices: list[list[float]], library: str, method: str) -> dict[str, Any]:
    """Seconds of taking the margin out of every row of prices, and the probabilities."""
    import numpy as np

    if library == "shin":
        from shin import calculate_implied_probabilities

        began = time.process_time()
        found = [calculate_implied_probabilities(row) for row in prices]
    else:
        from penaltyblog.implied import calculate_implied

        began = time.process_time()
        found = [calculate_implied(row, method=method).probabilities for row in prices]
    seconds = time.process_time() - began
    return {"seconds": seconds, "probabilities": np.array(found).tolist()}


if __name__ == "__main__":
    serve({"dixon_coles": dixon_coles, "log_likelihood": log_likelihood, "grids": grids, "margins": margins})
