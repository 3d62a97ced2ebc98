"""Touchline's SDK: what a plugin author imports.

`API` is the contract's number; public names are those of `__all__`.
"""

from touchline.hookspecs import hookimpl
from touchline.types import (
    API,
    BTTS,
    CORNERS_95,
    OVER_25,
    RESULT,
    Assessment,
    Basis,
    Fitted,
    Fixtures,
    Floats,
    Forecasts,
    History,
    Ints,
    Kind,
    MarketKey,
    Model,
    Offer,
    PricedOutcome,
    Provider,
    Rejected,
    SourceMatch,
    State,
    Strategy,
)

__all__ = [
    "API",
    "BTTS",
    "CORNERS_95",
    "OVER_25",
    "RESULT",
    "Assessment",
    "Basis",
    "Fitted",
    "Fixtures",
    "Floats",
    "Forecasts",
    "History",
    "Ints",
    "Kind",
    "MarketKey",
    "Model",
    "Offer",
    "PricedOutcome",
    "Provider",
    "Rejected",
    "SourceMatch",
    "State",
    "Strategy",
    "hookimpl",
]
