"""What a subscriber of the odds stream wants, where it is, and what waits for it in bounded memory.

A position in the stream is a sequence; a cursor is a position in an opaque coat. A buffer holds every
change until it holds `limit` of them; then only the newest of each quote; if those are still too many,
everything is dropped and the subscriber must begin anew.
"""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from api.hub import OddsHub
from domain.infra.errors import BadCursor
from domain.markets.service import Dictionary
from domain.odds.service import Change
from domain.odds.stream import Scope


class Kind(StrEnum):
    """Kinds of update; `api.subscriptions.UpdateKind` describes them."""

    SNAPSHOT = "SNAPSHOT"
    DELTA = "DELTA"
    GAP = "GAP"
    HEARTBEAT = "HEARTBEAT"


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position in the stream. One that is not whole lies inside a snapshot, which then begins again."""

    sequence: int
    is_whole: bool = True

    def __str__(self) -> str:
        plain = f"odds:{self.sequence}" if self.is_whole else f"odds:{self.sequence}:part"
        return urlsafe_b64encode(plain.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str, argument: str = "after") -> Cursor:
        """The position that a client gives back; raises BadCursor naming the argument."""
        try:
            plain = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
            name, _, rest = plain.partition(":")
            number, _, part = rest.partition(":")
            cursor = cls(int(number), is_whole=part != "part")
        except (NotBase64, ValueError):
            raise BadCursor(argument, "is not a cursor of the odds stream") from None
        if name != "odds" or str(cursor) != text or not 0 <= cursor.sequence < 2**63:
            raise BadCursor(argument, "is not a cursor of the odds stream")
        return cursor


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which changes a subscriber asked for, and how."""

    scope: Scope
    kinds: frozenset[str] | None = None
    """As `market.kind` holds them."""
    bookmaker_ids: frozenset[int] | None = None
    is_best_only: bool = False
    min_move: float = 0.0
    conflation: timedelta = timedelta(0)

    def shows(self, change: Change, dictionary: Dictionary) -> bool:
        """Whether a snapshot holds a quote of the scope."""
        return (
            (self.bookmaker_ids is None or change.bookmaker_id in self.bookmaker_ids)
            and (self.kinds is None or dictionary.selections[change.selection_id][0].kind in self.kinds)
            and (change.is_best or not self.is_best_only)
        )

    def admits(self, change: Change, dictionary: Dictionary) -> bool:
        """Whether a change of the scope passes; one of availability does whatever the smallest move is."""
        return self.shows(change, dictionary) and (self.min_move <= 0 or self._is_large(change))

    def _is_large(self, change: Change) -> bool:
        before = change.previous_price
        return before is None or before == change.price or abs(change.price / before - 1) >= self.min_move


@dataclass(frozen=True, slots=True)
class Update:
    """One message to a subscriber."""

    kind: Kind
    cursor: Cursor
    changes: Sequence[Change] = ()
    is_conflated: bool = False
    """Whether intermediate prices may have been left out."""


@dataclass(slots=True, eq=False)
class Buffer:
    """Changes that wait for a subscriber: never more than `limit`."""

    wanted: Wanted
    hub: OddsHub
    limit: int
    floor: int
    """Sequence up to which the subscriber knows everything already."""
    floors: Mapping[int, int] = field(default_factory=dict)
    """The same by match, where it is higher."""
    is_conflating: bool = False
    is_lost: bool = False
    _waiting: dict[tuple[int, ...], Change] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def scope(self) -> Scope:
        return self.wanted.scope

    def offer(self, change: Change) -> None:
        """Keep a change of the scope if it is wanted and not yet known."""
        if self.is_lost or change.sequence <= max(self.floor, self.floors.get(change.match_id, 0)):
            return
        if not self.wanted.admits(change, self.hub.dictionary):
            return
        self._put(change)
        if len(self._waiting) > self.limit and not self.is_conflating:
            self._conflate()
        if len(self._waiting) > self.limit:
            self.lose()
        self._news.set()

    def lose(self) -> None:
        """Drop everything: the subscriber must begin anew."""
        self.is_lost = True
        self._waiting.clear()
        self._news.set()

    async def wait(self, patience: timedelta) -> bool:
        """Whether there is something to take, at the latest after `patience`."""
        try:
            async with asyncio.timeout(patience.total_seconds()):
                await self._news.wait()
        except TimeoutError:
            return self._news.is_set()  # it may have come in the same turn of the loop
        return True

    def take(self, most: int) -> Update:
        """The oldest waiting changes, with the position up to which everything was considered."""
        keys = list(self._waiting)[:most]
        changes = [self._waiting.pop(key) for key in keys]
        is_conflated = self.is_conflating
        if self._waiting:
            position = changes[-1].sequence
        else:
            position = self.position
            self._news.clear()
            self.is_conflating = self.wanted.conflation > timedelta(0)
        return Update(Kind.DELTA, Cursor(position), changes, is_conflated)

    @property
    def is_empty(self) -> bool:
        return not self._waiting

    @property
    def position(self) -> int:
        return max(self.floor, self.hub.position)

    def _put(self, change: Change) -> None:
        quote = (change.match_id, change.selection_id, change.bookmaker_id)
        key = quote if self.is_conflating else (change.sequence,)
        older = self._waiting.get(key)
        if older is None or older.observed_at <= change.observed_at:  # else it amends the past
            self._waiting.pop(key, None)  # so that what is newest stands last
            self._waiting[key] = change

    def _conflate(self) -> None:
        waiting, self._waiting, self.is_conflating = self._waiting, {}, True
        for change in waiting.values():
            self._put(change)
