"""What one subscriber of the odds stream is told: a snapshot or a replay, then what comes.

The order of things is the whole guarantee: the database is read up to the hub's position, and in the
same turn of the event loop in which nothing more is missing the subscriber joins the hub. A client that
reads slowly is therefore served from the database while it catches up, and its buffer cannot grow in
the meantime. Live, a buffer that overflows ends in a GAP and a new beginning.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from datetime import timedelta

from api.edge import meters
from api.hub import PAGE, OddsHub
from api.live_buffer import Buffer, Cursor, Kind, Update, Wanted
from domain.infra.clock import machine_now
from domain.infra.errors import BadCursor
from domain.odds import stream
from domain.odds.service import Change

MATCHES_AT_ONCE = 20
"""Matches whose quotes are read for a snapshot with one statement."""
MESSAGE = 100
"""Changes in one message: more would keep the executor from everybody else, and a slow client's memory busy."""


class Subscriber:
    """One subscription: `updates` is its whole life."""

    def __init__(self, hub: OddsHub, wanted: Wanted, *, limit: int, heartbeat: timedelta, retention: timedelta) -> None:
        self._hub = hub
        self._reader = hub.reader
        self._wanted = wanted
        self._limit = limit
        self._heartbeat = heartbeat
        self._retention = retention
        self._sent = 0
        """Sequence up to which the client has been told everything."""
        self._floors: dict[int, int] = {}
        """Later positions of matches that a long snapshot read after the first."""
        self._buffer: Buffer | None = None

    async def updates(self, after: Cursor | None, *, has_snapshot: bool) -> AsyncGenerator[Update, None]:
        """Messages in order, without an end; the buffer leaves the hub when the caller stops."""
        try:
            async for update in self._begin(after, has_snapshot):
                yield update
            while True:
                async for update in self._replay():
                    yield update
                async for update in self._live():
                    yield update
                yield Update(Kind.GAP, Cursor(self._hub.position, is_whole=False))
                async for update in self._snapshot():
                    yield update
        finally:
            self._leave()

    async def check(self, after: Cursor) -> None:
        """Raise BadCursor when a position is one that this deployment has not reached."""
        if after.sequence > self._hub.position and after.sequence > await stream.position(self._reader):
            raise BadCursor("after", "is a position that the odds stream has not reached")

    async def _begin(self, after: Cursor | None, has_snapshot: bool) -> AsyncIterator[Update]:
        if after is not None and after.is_whole and not await self._is_too_old(after):
            self._sent = after.sequence
            return
        if after is not None and after.is_whole:
            yield Update(Kind.GAP, Cursor(after.sequence))
        if after is None and not has_snapshot:
            self._sent = self._hub.position
            yield Update(Kind.HEARTBEAT, Cursor(self._sent))
            return
        async for update in self._snapshot():
            yield update

    async def _is_too_old(self, after: Cursor) -> bool:
        """Whether the first change that would be replayed was recorded before the retention began."""
        recorded_at = await stream.recorded_at(self._reader, after.sequence + 1)
        return recorded_at is not None and recorded_at < machine_now() - self._retention

    async def _snapshot(self) -> AsyncIterator[Update]:
        matches = await stream.followed_matches(self._reader, self._wanted.scope)
        groups = [matches[n : n + MATCHES_AT_ONCE] for n in range(0, len(matches), MATCHES_AT_ONCE)] or [[]]
        self._floors, first = {}, None
        for group in groups:
            position, standing = await stream.standing(self._reader, group)
            first = position if first is None else first
            self._floors.update(dict.fromkeys(group, position) if position > first else {})
            await self._hub.learn(standing)
            changes = [change for change in standing if self._wanted.shows(change, self._hub.dictionary)]
            for chunk, is_last in _chunks(changes):
                yield Update(Kind.SNAPSHOT, Cursor(first, is_whole=is_last and group is groups[-1]), chunk)
        self._sent = first or 0

    async def _replay(self) -> AsyncIterator[Update]:
        """Every wanted change since what was sent, from the database; then join the hub."""
        while self._sent < (last := self._hub.position):
            page, reached = await stream.changes_between(self._reader, self._sent, last, self._wanted.scope, limit=PAGE)
            await self._hub.learn(page)
            changes = [change for change in page if self._is_news(change)]
            for chunk, is_last in _chunks(changes):
                self._sent = reached if is_last else chunk[-1].sequence
                if chunk:
                    yield Update(Kind.DELTA, Cursor(self._sent), chunk)
        self._join()  # in the turn of the loop in which nothing was missing

    def _is_news(self, change: Change) -> bool:
        """Whether a replayed change is wanted and was not in the snapshot."""
        is_later = change.sequence > self._floors.get(change.match_id, 0)
        return is_later and self._wanted.admits(change, self._hub.dictionary)

    async def _live(self) -> AsyncIterator[Update]:
        """What comes, until the buffer had to drop it."""
        assert self._buffer is not None
        conflation = self._wanted.conflation.total_seconds()
        is_draining = False
        while True:
            if not await self._buffer.wait(self._heartbeat):
                yield Update(Kind.HEARTBEAT, Cursor(self._buffer.position))
                continue
            if conflation and not is_draining:
                await asyncio.sleep(conflation)
            if self._buffer.is_lost:
                self._leave()
                return
            update = self._buffer.take(MESSAGE)
            is_draining = not self._buffer.is_empty
            recorded_at = self._hub.instants.at(update.changes[0].sequence) if update.changes else None
            yield update
            if recorded_at is not None:
                meters.EVENT_LAG.observe(max(0.0, machine_now().timestamp() - recorded_at))

    def _join(self) -> None:
        is_conflating = self._wanted.conflation > timedelta(0)
        self._buffer = Buffer(self._wanted, self._hub, self._limit, self._sent, self._floors, is_conflating)
        self._hub.join(self._buffer)

    def _leave(self) -> None:
        if self._buffer is not None:
            self._hub.leave(self._buffer)
            self._buffer = None


def _chunks(changes: Sequence[Change]) -> Iterator[tuple[Sequence[Change], bool]]:
    """Messages' worth of changes, and whether each is the last; one empty part of nothing."""
    for start in range(0, max(1, len(changes)), MESSAGE):
        yield changes[start : start + MESSAGE], start + MESSAGE >= len(changes)
