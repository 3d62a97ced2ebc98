"""Every goal market from the memory of past closing prices, with what was played since.

    y1 = (log l, log m) that the closing prices of a past match imply      noise 0.12 · [1 -0.47; -0.47 1]
    y2 = goals, shots on target and expected goals of that match           noise 1.6 times Poisson's
    both teach strengths that move fast, at four speeds; a ridge weighs them with the filters of `touchline.supremacy`
    log l - log m = s / sqrt(1 + 0.025 · s²), s of the ridge: closing prices go less far for a big favourite

A closing price says how strong both clubs were thought to be, and the second observation what the next one will add.
Formulas and sources: `touchline.filters.engine`, `touchline.filters.heads`, `touchline.implied`. Prices of past matches
are an input, those of the match itself are not: class C. For a league without past prices the heads of
`touchline.supremacy` speak, `past_prices` among the parameters is 0 and the basis is sparse at best.
"""

from __future__ import annotations

from touchline import Model, OddsUse, hookimpl
from touchline.filters.cross_league import FilterModel, Recipe
from touchline.filters.panel import EXPECTED, MEMORY, PLAYED

API = 1

RECIPE = Recipe(members=(*EXPECTED, *PLAYED), memory=MEMORY, bend=0.025)


@hookimpl
def models() -> list[Model]:
    """The market-memory model."""
    return [FilterModel("touchline.market_memory", RECIPE, OddsUse.PAST)]
