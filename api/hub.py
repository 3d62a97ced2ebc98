"""One reader of the odds stream per process, fanned out to every subscriber of it.

Redis says quickly *that* something changed and what; the database says what is true. The hub hands on
changes strictly in the order of their sequence: a hole in what Redis brings is filled from the
database, and after a second without news the database is asked whether there is any, so a lost
publish, a flushed or a dead Redis costs latency and nothing else. No connection is held while waiting.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, Protocol

from api.live_instants import Instants
from domain.infra.bus import Bus, OddsBatch
from domain.infra.database import Reader
from domain.markets.service import Dictionary, read_dictionary
from domain.odds import stream
from domain.odds.service import Change
from domain.odds.stream import Scope

log = logging.getLogger("touchline.hub")

PAGE = 500
"""Changes read from the database at a time."""
LONGEST_HOLE = 20_000
"""Missed changes beyond which subscribers are told of a gap instead of being sent each one."""


class Listener(Protocol):
    """Somebody who follows some matches or leagues. None of its methods waits."""

    @property
    def scope(self) -> Scope: ...

    def offer(self, change: Change) -> None:
        """A change of a match or league in the scope, in the order of sequences."""

    def lose(self) -> None:
        """Changes were skipped: what the listener has is no longer complete."""


class OddsHub:
    """The process's place in the stream. `position` is the last sequence that was handed to the listeners."""

    def __init__(self, reader: Reader, bus: Bus, *, silence: timedelta = timedelta(seconds=1)) -> None:
        """`silence` is how long nothing may come before the database is asked."""
        self.position = 0
        self.dictionary: Dictionary
        self.reader = reader
        self._bus = bus
        self._silence = silence
        self._by_match: dict[int, set[Listener]] = {}
        self._by_league: dict[int, set[Listener]] = {}
        self._listeners: set[Listener] = set()
        self._joined = 0
        """How often somebody joined."""
        self._task: asyncio.Task[None] | None = None
        self.instants = Instants()
        self._entry: str | None = None
        """Where reading from Redis goes on; None when that must be asked."""

    async def start(self) -> None:
        """Take the present position and begin to read."""
        self.position = await stream.position(self.reader)
        self.dictionary = await read_dictionary(self.reader)
        self._task = asyncio.create_task(self._run(), name="odds hub")

    async def stop(self) -> None:
        """End the reading task; listeners hear nothing more."""
        while self._task is not None and not self._task.done():
            self._task.cancel()  # again and again: redis-py 8.1 swallows one that comes while it connects
            await asyncio.wait([self._task], timeout=0.1)

    @property
    def listener_count(self) -> int:
        return len(self._listeners)

    def join(self, listener: Listener) -> None:
        """Hand every change after `position` to a listener."""
        self._listeners.add(listener)
        self._joined += 1
        for index, keys in self._indexes(listener):
            for key in keys:
                index.setdefault(key, set()).add(listener)

    def leave(self, listener: Listener) -> None:
        """Stop handing changes to a listener; does nothing when it never joined."""
        self._listeners.discard(listener)
        for index, keys in self._indexes(listener):
            for key in keys:
                if followers := index.get(key):
                    followers.discard(listener)
                    if not followers:
                        del index[key]

    def _indexes(self, listener: Listener) -> Iterable[tuple[dict[int, set[Listener]], Collection[int]]]:
        return (self._by_match, listener.scope.match_ids), (self._by_league, listener.scope.league_ids)

    async def _run(self) -> None:
        pause = 0.05
        while True:
            try:
                await self._step()
                pause = 0.05
            except Exception as error:  # noqa: BLE001 - the boundary: recorded, and the stream goes on from the database
                log.warning("the odds stream is interrupted: %s: %s", type(error).__name__, error)
                self._entry = None
                await asyncio.sleep(pause)
                pause = min(2 * pause, self._silence.total_seconds())
                await self._catch_up_quietly()

    async def _step(self) -> None:
        """Wait for news from Redis and hand it on; ask the database when there was none."""
        if self._entry is None:
            self._entry = await self._bus.last_position()
            await self._catch_up()
        before = self.position
        for batch in await self._bus.read_odds(self._entry, wait=self._silence):
            self._entry = batch.position
            await self._take(batch)
        if self.position == before and await self._catch_up():
            self._entry = None  # Redis was silent and should not have been: it may have been flushed

    async def _take(self, batch: OddsBatch) -> None:
        if batch.last_sequence <= self.position:
            return
        if batch.first_sequence > self.position + 1:
            await self._fill(batch.first_sequence - 1)
        fresh = [change for change in map(change_of, batch.changes) if change.sequence > self.position]
        if [change.sequence for change in fresh] != list(range(self.position + 1, batch.last_sequence + 1)):
            await self._fill(batch.last_sequence)
            return
        await self.learn(fresh)
        self.instants.note(batch.first_sequence, batch.last_sequence, batch.published_at)
        self._hand_on(fresh, batch.last_sequence)

    async def _catch_up(self) -> bool:
        """Hand on what the database has beyond the position; whether there was anything."""
        last = await stream.position(self.reader)
        if last < self.position:
            log.warning("the odds stream went back from %d to %d: the database was restored", self.position, last)
            self._skip_to(last)
            return True
        was_behind = last > self.position
        await self._fill(last)
        return was_behind

    async def _catch_up_quietly(self) -> None:
        try:
            await self._catch_up()
        except Exception as error:  # noqa: BLE001 - the boundary: tried again after the next pause
            log.warning("the database does not answer: %s: %s", type(error).__name__, error)

    async def _fill(self, last: int) -> None:
        """Hand on everything up to `last` that anybody follows, from the database."""
        filled = 0
        while self.position < last:
            if filled > LONGEST_HOLE or not self._listeners:
                self._skip_to(last)
                return
            scope, joined = self._scope(), self._joined
            page, reached = await stream.changes_between(self.reader, self.position, last, scope, limit=PAGE)
            await self.learn(page)
            if page and (recorded_at := await stream.recorded_at(self.reader, page[0].sequence)) is not None:
                self.instants.note(page[0].sequence, reached, recorded_at.timestamp())
            if joined == self._joined:  # else somebody joined meanwhile, who may follow what was not read
                self._hand_on(page, reached)
                filled += len(page)

    def _scope(self) -> Scope:
        """What the listeners follow together."""
        return Scope(frozenset(self._by_match), frozenset(self._by_league))

    def _skip_to(self, position: int) -> None:
        self.position = position
        for listener in list(self._listeners):
            listener.lose()

    async def learn(self, changes: Iterable[Change]) -> None:
        """Read the dictionary of selections again if it lacks one of the changes'."""
        if any(change.selection_id not in self.dictionary.selections for change in changes):
            self.dictionary = await read_dictionary(self.reader)

    def _hand_on(self, changes: Iterable[Change], position: int) -> None:
        """Give changes to whom they concern; nothing waits between the first of them and the new position."""
        for change in changes:
            for listener in self._by_match.get(change.match_id, set()) | self._by_league.get(change.league_id, set()):
                listener.offer(change)
        self.position = position


def change_of(fields: dict[str, Any]) -> Change:
    """A change as the stream carries it."""
    return Change(**{**fields, "observed_at": datetime.fromisoformat(fields["observed_at"])})
