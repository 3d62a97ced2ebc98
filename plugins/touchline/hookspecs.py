"""The hooks: what a plugin module may define. Group `touchline`, marked with `touchline.hookimpl`.

A complete outside model:

    from touchline import hookimpl

    @hookimpl
    def models():
        return [BaseRate()]
"""

from __future__ import annotations

from collections.abc import Sequence

import pluggy

from touchline.markets import Market
from touchline.types import Model, Provider, Strategy

hookspec = pluggy.HookspecMarker("touchline")
hookimpl = pluggy.HookimplMarker("touchline")


@hookspec
def models() -> Sequence[Model]:  # type: ignore[empty-body]
    """Market models: fitted in a child process of a worker, asked for forecasts, graded by the record."""


@hookspec
def markets() -> Sequence[Market]:  # type: ignore[empty-body]
    """Markets of its own: outcomes, lines and settlement. Any plugin's models may price them."""


@hookspec
def strategies() -> Sequence[Strategy]:  # type: ignore[empty-body]
    """Strategies: weigh stored probabilities against prices whenever one changes. Those in the shadow are not asked."""


@hookspec
def providers() -> Sequence[Provider]:  # type: ignore[empty-body]
    """Sources of matches, results and prices, for `touchline import` and `touchline replay`."""
