"""When price changes were recorded: what the lag of live messages is measured from."""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple


class _Span(NamedTuple):
    """Changes of one transaction, or of one page that was read."""

    last: int
    first: int
    recorded_at: float


class Instants:
    """The instants of the changes of late, by their sequences; older ones are forgotten."""

    def __init__(self, *, keep: int = 512) -> None:
        self._keep = keep
        self._spans: list[_Span] = []

    def note(self, first: int, last: int, recorded_at: float) -> None:
        """Changes from `first` to `last` were recorded at `recorded_at`, seconds since 1970; none is noted twice."""
        while self._spans and self._spans[-1].last >= first:  # a restored database gives sequences again
            self._spans.pop()
        self._spans.append(_Span(last, first, recorded_at))
        if len(self._spans) > 2 * self._keep:
            del self._spans[: self._keep]

    def at(self, sequence: int) -> float | None:
        """When a change was recorded; None for one that is not remembered."""
        place = bisect_left(self._spans, (sequence,))
        if place == len(self._spans) or self._spans[place].first > sequence:
            return None
        return self._spans[place].recorded_at
