"""The conformance kit: checks that every model, market, strategy and provider must pass, for tests of their authors.

    for result in run_checks("model", BaseRate(), entry="acme_model"):
        print(result.status, result.check, result.reason)

`touchline plugin test` runs them; `ModelContract` and its kin make one pytest test of each. `simulated` is the league
that models are tried on, with the true probabilities of its matches.
"""

from touchline.testing.checks import Check, Limits, Result
from touchline.testing.contracts import MarketContract, ModelContract, ProviderContract, StrategyContract
from touchline.testing.league import World, simulated
from touchline.testing.runner import Kind, Progress, checks_for, run_checks

__all__ = [
    "Check",
    "Kind",
    "Limits",
    "MarketContract",
    "ModelContract",
    "Progress",
    "ProviderContract",
    "Result",
    "StrategyContract",
    "World",
    "checks_for",
    "run_checks",
    "simulated",
]
