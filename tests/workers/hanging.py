"""A strategy that never comes back."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.workers.fickle import TRUSTING
from touchline import Assessment, MarketKey, Offer, Strategy, hookimpl


@dataclass(frozen=True)
class Hanging:
    """The strategy."""

    key: str = TRUSTING
    version: str = "1"

    def assess(
        self, market: MarketKey, probabilities: Mapping[str, float], offers: Sequence[Offer]
    ) -> Sequence[Assessment]:
        while True:
            time.sleep(1)


@hookimpl
def strategies() -> list[Strategy]:
    """The strategy."""
    return [Hanging()]
