"""Redis streams: price changes on their way to subscribers, and words to those who wait for their own things.

What is lost here costs latency and never truth: every change is in the database under its sequence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import orjson
from redis.asyncio import Redis

from domain.infra import news

ODDS_STREAM = "touchline:odds"
KEPT = 1000
"""Transactions with price changes that Redis holds for readers who are a little behind."""
NOW = "$"
"""Position of a reader that wants only what comes."""


class Sequenced(Protocol):
    """What can be published: a dataclass with its place in the stream of changes."""

    @property
    def sequence(self) -> int: ...


@dataclass(frozen=True, slots=True)
class OddsBatch:
    """One entry of the stream: the changes of one transaction, in order."""

    position: str
    """The entry's id: where the next read goes on."""
    first_sequence: int
    last_sequence: int
    changes: list[dict[str, Any]]
    """As `domain.odds.service.Change` has them, instants as ISO 8601."""

    @property
    def published_at(self) -> float:
        """When it was published by the clock of Redis, seconds since 1970."""
        return int(self.position.partition("-")[0]) / 1000


class Bus:
    """The deployment's streams. Opened once by a process and handed down."""

    def __init__(self, redis: Redis, *, stream: str = ODDS_STREAM, keep: int = KEPT) -> None:
        """`keep` is about how many entries the stream holds; Redis drops older ones, who lags asks the database."""
        self._redis = redis
        self._stream = stream
        self._keep = keep

    @classmethod
    def connect(cls, url: str, *, stream: str = ODDS_STREAM, keep: int = KEPT) -> Bus:
        """A bus on a server; nothing is sent before the first use."""
        return cls(Redis.from_url(url), stream=stream, keep=keep)

    async def publish_odds(self, changes: Sequence[Sequenced]) -> None:
        """Tell of changes that are committed, one entry for all; raises redis.RedisError."""
        if not changes:
            return
        fields: dict[Any, Any] = {
            "first": changes[0].sequence,
            "last": changes[-1].sequence,
            "changes": orjson.dumps(list(changes)),
        }
        await self._redis.xadd(self._stream, fields, maxlen=self._keep, approximate=True)

    async def read_odds(
        self, after: str, *, wait: timedelta = timedelta(seconds=5), most: int = 100
    ) -> list[OddsBatch]:
        """Entries after a position, waiting for the first one; empty when none came in time.

        Start from `last_position()` rather than from `$` where nothing between two reads may be missed.
        """
        milliseconds = max(1, round(wait.total_seconds() * 1000))
        answer = await self._redis.xread({self._stream: after}, count=most, block=milliseconds)
        streams = answer.items() if isinstance(answer, dict) else answer or []
        return [_batch(*entry) for _, found in streams for entry in _entries(found)]

    async def tell(self, topics: Iterable[str]) -> None:
        """Tell whoever waits for one of the topics of `domain.infra.news`; a server that is away is only logged."""
        await news.tell(self._redis, topics)

    async def last_position(self) -> str:
        """The id of the newest entry, `0-0` before the first."""
        newest = await self._redis.xrevrange(self._stream, count=1)
        return _text(newest[0][0]) if newest else "0-0"

    async def close(self) -> None:
        await self._redis.aclose()


def _entries(found: Any) -> list[tuple[Any, dict[Any, Any]]]:
    """Entries of one stream; the third protocol of Redis nests them once more."""
    return found[0] if found and isinstance(found[0], list) else found


def _batch(position: Any, fields: dict[Any, Any]) -> OddsBatch:
    by_name = {_text(name): value for name, value in fields.items()}
    return OddsBatch(_text(position), int(by_name["first"]), int(by_name["last"]), orjson.loads(by_name["changes"]))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
