"""Which outcome of a market won, of many matches at once, by the rule that settles one bet.

A rule looks at few of the facts. Which ones is watched while it works, and it is asked once about each different case
of those, whatever the number of matches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Final, Protocol

import numpy as np

from touchline.plugins import describe
from touchline.settlement import FINISHED, BetResult, Facts, NotSettleable, Verdict
from touchline.types import Floats, History, Ints, MarketKey

NOT_KNOWN: Final = -1
"""Outcome of a match whose source does not tell, or whose stakes come back."""
COUNTS: Final = tuple(one.name for one in fields(Facts) if one.name != "status")
"""What facts and histories hold under the same name."""

Case = tuple[int, ...]


class Settle(Protocol):
    """How a bet of a market is settled, as `touchline.settle` and a plugin's market do it."""

    def __call__(self, market: MarketKey, outcome: str, facts: Facts) -> Verdict: ...


class Unsettled(Exception):
    """A rule does not name one winner; the message says for which facts."""


class _Watched(Facts):
    """Facts that remember which counts were asked for."""

    __slots__ = ("asked",)
    asked: set[str]

    def __getattribute__(self, name: str) -> object:
        if name in COUNTS:
            object.__getattribute__(self, "asked").add(name)
        return object.__getattribute__(self, name)


@dataclass(slots=True, eq=False)
class Winners:
    """The winners of one market; what was settled once is remembered."""

    market: MarketKey
    outcomes: Sequence[str]
    settle: Settle
    _read: tuple[str, ...] = ()
    """Counts that the rule has looked at so far."""
    _known: dict[Case, int] = field(default_factory=dict)

    def of(self, columns: Mapping[str, Floats | Ints]) -> Ints:
        """(n,) index of the outcome that won, NOT_KNOWN where facts are missing or stakes come back.

        `columns` hold all of `COUNTS`, (n,) each, NaN where a number is not known. Raises Unsettled.
        """
        while True:
            table = np.zeros((len(columns[COUNTS[0]]), len(self._read)), dtype=np.int64)
            for place, name in enumerate(self._read):
                table[:, place] = np.nan_to_num(columns[name], nan=-1)
            first, case_of = _different(table)
            found = self._each(table[first], first, columns)
            if found is not None:
                return found[case_of]

    def _each(self, cases: Ints, first: Ints, columns: Mapping[str, Floats | Ints]) -> Ints | None:
        """The winner of each case; None when the rule looked at more than what tells the cases apart."""
        found = np.empty(len(cases), dtype=np.int64)
        for place, (case, row) in enumerate(zip(map(tuple, cases.tolist()), first.tolist(), strict=True)):
            if case not in self._known:
                facts = _facts({name: columns[name][row] for name in COUNTS})
                winner = self._winner(facts)
                asked = object.__getattribute__(facts, "asked")
                if not asked <= set(self._read):
                    self._read = tuple(name for name in COUNTS if name in asked or name in self._read)
                    self._known.clear()
                    return None
                self._known[case] = winner
            found[place] = self._known[case]
        return found

    def _winner(self, facts: Facts) -> int:
        try:
            results = [self.settle(self.market, outcome, facts).result for outcome in self.outcomes]
        except NotSettleable:
            return NOT_KNOWN
        except Exception as error:  # the rule of a plugin: its author reads why
            raise Unsettled(f"settle() raised {describe(error)}") from error
        if results.count(BetResult.WON) == 1 and results.count(BetResult.LOST) == len(results) - 1:
            return results.index(BetResult.WON)
        if all(result == BetResult.PUSH for result in results):
            return NOT_KNOWN
        told = ", ".join(f"{name} {result}" for name, result in zip(self.outcomes, results, strict=True))
        raise Unsettled(f"of one match it settles {told}; one outcome must win, or every stake come back")


def columns_of(past: History) -> dict[str, Floats]:
    """The counts of a history by their names in `Facts`."""
    return {name: getattr(past, name) for name in COUNTS}


def _different(table: Ints) -> tuple[Ints, Ints]:
    """The first row of each different one of (n, k), and (n,) which of them each row is."""
    number = np.zeros(len(table), dtype=np.int64)
    for column in table.T:
        # Numbered anew after each column, so that no number grows beyond what an integer holds.
        _, number = np.unique(number * (column.max(initial=0) + 2) + column + 1, return_inverse=True)
    _, first, number = np.unique(number, return_index=True, return_inverse=True)
    return first, number


def _facts(counts: Mapping[str, float]) -> _Watched:
    facts = _Watched(FINISHED, **{name: None if value != value else int(value) for name, value in counts.items()})
    object.__setattr__(facts, "asked", set())
    return facts
