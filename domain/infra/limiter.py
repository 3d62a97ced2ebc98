"""How often something may be done, counted exactly over all processes: moving windows in Redis, by `limits`.

Machine time. A Redis that is away refuses nobody: what is limited here is also bounded otherwise, and a
person must be able to sign in while a cache is down. It is logged.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import BlockingConnectionPool
from redis.exceptions import RedisError

log = logging.getLogger("touchline.limits")

CONNECTIONS = 8
PREFIX = "touchline:limits"


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `most` times in any span of `seconds`."""

    most: int
    seconds: int

    @property
    def item(self) -> RateLimitItem:
        return RateLimitItemPerSecond(self.most, self.seconds)


class Limiter:
    """The counters of one deployment, seen from one process."""

    def __init__(self, redis_url: str) -> None:
        self._pool = BlockingConnectionPool.from_url(redis_url, max_connections=CONNECTIONS, timeout=5)
        storage = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix=PREFIX,
            connection_pool=self._pool,  # type: ignore[arg-type]
        )
        self._windows = MovingWindowRateLimiter(storage)

    async def hit(self, rate: Rate, *name: str, cost: int = 1) -> int:
        """Count one; answers 0 when it was allowed, else the seconds to wait. What is refused is not counted."""
        try:
            if await self._windows.hit(rate.item, *name, cost=cost):
                return 0
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("limits are not counted: %s: %s", type(error).__name__, error)
            return 0
        return await self.wait(rate, *name)

    async def wait(self, rate: Rate, *name: str) -> int:
        """Seconds until one more would be allowed, 0 when it is; counts nothing."""
        try:
            window = await self._windows.get_window_stats(rate.item, *name)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("limits are not read: %s: %s", type(error).__name__, error)
            return 0
        return 0 if window.remaining > 0 else max(1, math.ceil(window.reset_time - time.time()))

    async def forget(self, rate: Rate, *name: str) -> None:
        """Let the count begin anew: a success that ends a row of failures."""
        try:
            await self._windows.clear(rate.item, *name)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("limits are not cleared: %s: %s", type(error).__name__, error)

    async def close(self) -> None:
        await self._pool.disconnect()
