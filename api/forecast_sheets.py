"""Forecasts of several matches, evaluated together: each question is answered once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

from api.rows import Columns
from touchline import forecasting as sdk
from touchline.types import Kind

T = TypeVar("T")

Served = Mapping[str, Sequence[Columns]]
"""Prediction rows of one match by kind of market."""

Change = Callable[[sdk.StoredForecast], sdk.StoredForecast]
"""Another forecast that follows from a stored one."""


class Sheet:
    """The stored forecasts of several matches, or what `change` makes of them."""

    def __init__(self, matches: Sequence[Served], change: Change | None = None) -> None:
        self._matches = matches
        self._change = change
        self._stored: dict[str, list[sdk.StoredForecast]] = {}
        self._answers: dict[Hashable, Sequence[Any]] = {}

    @cached_property
    def first_half(self) -> Sheet:
        """The same matches at half time."""
        return Sheet(self._matches, sdk.first_half)

    def ask(self, kind: Kind, question: Callable[..., Sequence[T | None]], *arguments: Any) -> Sequence[T | None]:
        """The answer of every match to an SDK function of the stored forecasts of a kind of market."""
        name = (kind, question, arguments)
        if name not in self._answers:
            self._answers[name] = question(self._forecasts(kind), *arguments)
        return self._answers[name]

    def _forecasts(self, kind: Kind) -> list[sdk.StoredForecast]:
        if kind not in self._stored:
            stored = [stored_forecast(match.get(kind, ())) for match in self._matches]
            self._stored[kind] = [self._change(forecast) for forecast in stored] if self._change else stored
        return self._stored[kind]


def stored_forecast(rows: Sequence[Columns]) -> sdk.StoredForecast:
    """What the predictions of one kind of market hold together."""
    if not rows:
        return sdk.StoredForecast()
    main = next((row for row in rows if row["family"]), rows[0])
    return sdk.StoredForecast(
        family=main["family"],
        parameters=main["parameters"],
        probabilities={row["market_key"]: row["probabilities"] for row in rows},
    )
