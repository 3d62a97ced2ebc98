"""Prices on their way in, and what a batch of them comes to. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from domain.odds.rules import Outcome, Past, Standing, amend, follow, stored_price

Key = tuple[int, int, int]
"""Match, selection, bookmaker."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A price of one bookmaker for one selection of one match, as somebody saw it at match time `observed_at`."""

    match_id: int
    selection_id: int
    bookmaker_id: int
    price: float
    observed_at: datetime
    is_estimated: bool = False
    is_available: bool = True


@dataclass(frozen=True, slots=True)
class Change:
    """One recorded change of a price."""

    sequence: int
    match_id: int
    selection_id: int
    bookmaker_id: int
    price: float
    previous_price: float | None
    observed_at: datetime
    is_available: bool
    is_best: bool
    """Whether the price is the selection's best once the batch is recorded."""
    league_id: int


@dataclass(slots=True)
class Recorded:
    """What became of a batch."""

    changes: list[Change] = field(default_factory=list)
    """In sequence, of matches that are not over."""
    changed: int = 0
    """Changes of all matches."""
    new: int = 0
    """Changes of bookmakers' prices for selections that had none before the batch."""
    unchanged: int = 0
    late: int = 0
    after_kickoff: int = 0
    impossible: int = 0
    first_sequence: int | None = None
    last_sequence: int | None = None


@dataclass(frozen=True, slots=True)
class PricedMatch:
    """What counts of a match when its prices are recorded."""

    id: int
    league_id: int
    kickoff_at: datetime
    is_over: bool


@dataclass(slots=True)
class Batch:
    """What has to be written."""

    changes: list[tuple[Tick, float | None]] = field(default_factory=list)
    """Accepted prices in the order of their sequences, with the price that each replaced."""
    new: dict[Key, tuple[Standing, Tick | None]] = field(default_factory=dict)
    moved: dict[Key, tuple[Standing, Tick | None]] = field(default_factory=dict)
    """Quotes to insert and to update, with the price that stands now; None where it is an earlier change's."""
    confirmed: dict[Key, datetime] = field(default_factory=dict)


def sorted_ticks(ticks: Sequence[Tick], recorded: Recorded) -> dict[Key, list[Tick]]:
    """Possible prices by key, in the order of keys and then of time; equal instants stay as given."""
    possible = []
    for tick in ticks:
        price = stored_price(tick.price)
        if price is None:
            recorded.impossible += 1
        elif price == tick.price:
            possible.append(tick)
        else:
            possible.append(_with_price(tick, price))
    possible.sort(key=_key_and_time)
    return {key: list(found) for key, found in groupby(possible, _key)}


def _with_price(tick: Tick, price: float) -> Tick:
    return Tick(
        tick.match_id,
        tick.selection_id,
        tick.bookmaker_id,
        price,
        tick.observed_at,
        tick.is_estimated,
        tick.is_available,
    )


def _key(tick: Tick) -> Key:
    return tick.match_id, tick.selection_id, tick.bookmaker_id


def _key_and_time(tick: Tick) -> tuple[int, int, int, datetime]:
    return tick.match_id, tick.selection_id, tick.bookmaker_id, tick.observed_at


def before_kickoff(
    by_key: dict[Key, list[Tick]], matches: Mapping[int, PricedMatch], recorded: Recorded
) -> dict[Key, list[Tick]]:
    """The prices observed up to kick-off. Where only the day is known that is its 00:00.

    A match that does not exist stays in: the foreign key refuses it.
    """
    kept = {}
    for key, ticks in by_key.items():
        match = matches.get(key[0])
        if match is not None and ticks[-1].observed_at > match.kickoff_at:
            before = [tick for tick in ticks if tick.observed_at <= match.kickoff_at]
            recorded.after_kickoff += len(ticks) - len(before)
            if not before:
                continue
            kept[key] = before
        else:
            kept[key] = ticks
    return kept


def judge(
    by_key: Mapping[Key, Sequence[Tick]],
    standing: Mapping[Key, Standing],
    past: Mapping[Key, Sequence[Past]],
    recorded: Recorded,
) -> Batch:
    """What has to be written for the prices of each key."""
    batch = Batch()
    for key, ticks in by_key.items():
        before = standing.get(key)
        confirmed_at = before.confirmed_at if before is not None else None
        history = past.get(key)
        outcome = follow(before, ticks) if before is None or history is None else amend(before, history, ticks)
        recorded.late += outcome.late
        recorded.unchanged += outcome.unchanged
        recorded.new += len(outcome.changes) if before is None else 0
        _gather(batch, key, ticks, before, outcome)
        if not outcome.changes and outcome.standing.confirmed_at != confirmed_at:
            batch.confirmed[key] = outcome.standing.confirmed_at
    batch.changes.sort(key=lambda change: change[0].observed_at)
    return batch


def _gather(batch: Batch, key: Key, ticks: Sequence[Tick], before: Standing | None, outcome: Outcome) -> None:
    if not outcome.changes:
        return
    batch.changes.extend((ticks[index], replaced) for index, replaced in outcome.changes)
    stands = outcome.standing
    quotes = batch.new if before is None else batch.moved
    quotes[key] = (stands, ticks[stands.change] if stands.change >= 0 else None)
