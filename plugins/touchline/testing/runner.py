"""The checks of each kind of thing, and running them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, Protocol

from touchline.testing import markets, models, providers, strategies
from touchline.testing.checks import Check, Limits, Result, run_check

Kind = Literal["model", "market", "strategy", "provider"]


class Progress(Protocol):
    """Told of each check twice: before it runs, without a result, and after it."""

    def __call__(self, check: Check, result: Result | None) -> None: ...


CHECKS: Final[Mapping[Kind, tuple[Check, ...]]] = {
    "model": models.CHECKS,
    "market": markets.CHECKS,
    "strategy": strategies.CHECKS,
    "provider": providers.CHECKS,
}
_CASES: Final[Mapping[Kind, Callable[..., Any]]] = {
    "model": models.ModelCase,
    "market": markets.MarketCase,
    "strategy": strategies.StrategyCase,
    "provider": providers.ProviderCase,
}


def checks_for(kind: Kind) -> tuple[Check, ...]:
    """The checks of a model, a market, a strategy or a provider, in the order in which they run."""
    return CHECKS[kind]


def case_for(kind: Kind, thing: object, *, entry: str = "", origin: str = "", limits: Limits | None = None) -> Any:
    """What the checks of one thing share: give it to one check after another."""
    return _CASES[kind](thing, entry=entry, origin=origin, limits=limits or Limits())


def run_checks(
    kind: Kind,
    thing: object,
    *,
    entry: str = "",
    origin: str = "",
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> list[Result]:
    """What came of every check of a thing, in order; it runs in this process.

    `entry` is the value of the plugin's entry point (`acme_model` or `acme_model:plugin`), importable: a model is
    restored from it in a fresh process. `origin` is a folder or address that a provider can read. What cannot be
    judged without them is skipped, with the reason.
    """
    case = case_for(kind, thing, entry=entry, origin=origin, limits=limits)
    results = []
    for check in checks_for(kind):
        if progress is not None:
            progress(check, None)
        result = run_check(check, case)
        if progress is not None:
            progress(check, result)
        results.append(result)
    return results
