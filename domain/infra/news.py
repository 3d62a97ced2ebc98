"""A word to whoever waits for somebody's things: "look again". Redis publish and subscribe.

A message says only whose things changed, never what: the reader asks the database, which is true. A lost
message costs a few seconds, since everybody who waits also looks again by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Iterable

from redis.asyncio import Redis
from redis.exceptions import RedisError

log = logging.getLogger("touchline.news")

CHANNEL = "touchline:news"
LOOK_AGAIN_SECONDS = 5.0
"""How long somebody waits before looking without having been told."""
PAUSE_SECONDS = 0.5


async def tell(redis: Redis, topics: Iterable[str]) -> None:
    """Tell everybody who waits for one of the topics, after commit; a Redis that is away is only logged."""
    try:
        for topic in sorted(set(topics)):
            await redis.publish(CHANNEL, topic)
    except (RedisError, OSError) as error:
        log.warning("news were not told: %s: %s", type(error).__name__, error)


def bets_of(account_id: int) -> str:
    """Topic of an account's settlements."""
    return f"bets:{account_id}"


def task_topic(task_id: int) -> str:
    """Topic of a task's progress."""
    return f"task:{task_id}"


class News:
    """The ears of one process: one subscription to Redis, shared by everybody who waits."""

    def __init__(self, redis_url: str) -> None:
        self._redis = Redis.from_url(redis_url)
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to listen."""
        self._task = asyncio.create_task(self._listen(), name="news")

    async def stop(self) -> None:
        """Stop listening and hang up."""
        while self._task is not None and not self._task.done():
            self._task.cancel()  # again and again: redis-py 8.1 swallows one that comes while it connects
            await asyncio.wait([self._task], timeout=0.1)
        await self._redis.aclose()

    async def rounds(self, topic: str, *, longest: float = LOOK_AGAIN_SECONDS) -> AsyncGenerator[None, None]:
        """One round now, then one after each word on the topic and at least every `longest` seconds.

        A word that comes while a round is being worked on starts the next one at once.
        """
        told = asyncio.Event()
        self._waiting.setdefault(topic, set()).add(told)
        try:
            while True:
                told.clear()
                yield
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(told.wait(), longest)
        finally:
            self._waiting[topic].discard(told)
            if not self._waiting[topic]:
                del self._waiting[topic]

    async def _listen(self) -> None:
        while True:
            try:
                async with self._redis.pubsub() as ear:
                    await ear.subscribe(CHANNEL)
                    async for message in ear.listen():
                        if message["type"] == "message":
                            self._pass_on(message["data"].decode())
                        else:
                            self._pass_on_all()  # heard again: what was said meanwhile is not known
            except (RedisError, OSError) as error:
                log.warning("news are interrupted: %s: %s", type(error).__name__, error)
                await asyncio.sleep(PAUSE_SECONDS)

    def _pass_on(self, topic: str) -> None:
        for told in self._waiting.get(topic, ()):
            told.set()

    def _pass_on_all(self) -> None:
        for events in self._waiting.values():
            for told in events:
                told.set()
