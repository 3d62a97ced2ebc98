"""How often something may be done, counted exactly over all processes, in Redis, by `limits`.

What is tried (`hit`) is counted in moving windows: one entry in Redis for each try. Points (`spend`) are spent by the
thousand, and are two numbers in Redis for each name: a window begins with the first point, lasts for `Rate.seconds`,
and the one before it weighs less with every second. Both count in one script of Redis, so that however many ask at
once, not one more passes; only what was spent in the window before is taken to have been spent evenly.

Machine time. A Redis that is away refuses nobody: what is limited here is also bounded otherwise, and a
person must be able to sign in while a cache is down. An outage is logged once, and its end.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TypeVar

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter, SlidingWindowCounterRateLimiter
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from domain.infra.patience import STEP_SECONDS, answered

log = logging.getLogger("touchline.limits")

CONNECTIONS = 8
PREFIX = "touchline:limits"
PATIENCE = 6
"""Steps of `domain.infra.patience` that Redis has for an answer."""
ASK_AGAIN_AFTER = 1.0
"""Seconds that a Redis which did not answer is left alone; then one question finds out for all."""

IPV6_NETWORK = 64
"""Bits of an IPv6 address that are one caller's: a household is given at least such a network, and all of it."""

Address = IPv4Address | IPv6Address
T = TypeVar("T")


def network_of(address: str | None) -> str:
    """Who counts as one caller: an IPv4 address, the /64 of an IPv6 address, and all who have none together."""
    known = None if address is None else read_address(address)
    if known is None:
        return address or "nowhere"
    return str(IPv6Network((int(known), IPV6_NETWORK), strict=False)) if known.version == 6 else str(known)


def read_address(text: str) -> Address | None:
    """An address of the internet; an IPv4 address that was put into an IPv6 one is itself. None for what is none."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `most` times in any span of `seconds`."""

    most: int
    seconds: int

    @property
    def item(self) -> RateLimitItem:
        return RateLimitItemPerSecond(self.most, self.seconds)


@dataclass(frozen=True, slots=True)
class Spent:
    """Points of the window before and of the present one, and the seconds for which each still counts: the one before
    ever less, the present one wholly for as long as it is the present one, and then as the one before."""

    before: int
    before_ends_in: float
    present: int
    present_ends_in: float

    def left(self, rate: Rate) -> int:
        """Points that may be spent now."""
        return max(0, rate.most - self.present - math.floor(self.before * self.before_ends_in / rate.seconds))

    def wait(self, rate: Rate, points: int) -> float:
        """Seconds until so many points can be spent, when nobody spends any meanwhile; `points` is `rate.most` at
        most."""
        room = rate.most - self.present - points + 1
        if room > 0:
            return max(0.0, self.before_ends_in - room * rate.seconds / max(1, self.before))
        shift = max(0.0, self.present_ends_in - rate.seconds)
        return shift + rate.seconds * (1 - (rate.most - points + 1) / self.present)

    @property
    def ends_in(self) -> float:
        """Seconds until nothing of it counts any more."""
        return self.present_ends_in if self.present else self.before_ends_in if self.before else 0.0


class Limiter:
    """The counters of one deployment, seen from one process."""

    def __init__(self, redis_url: str) -> None:
        self._turns = asyncio.Semaphore(CONNECTIONS)
        self._pool = ConnectionPool.from_url(
            redis_url,
            max_connections=2 * CONNECTIONS,
            retry=Retry(NoBackoff(), 1),  # a connection that broke while it was idle
        )
        self._storage = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix=PREFIX,
            connection_pool=self._pool,  # type: ignore[arg-type]
        )
        self._windows = MovingWindowRateLimiter(self._storage)
        self._points = SlidingWindowCounterRateLimiter(self._storage)
        self._away_until: float | None = None

    async def hit(self, rate: Rate, *name: str, cost: int = 1) -> int:
        """Count one; answers 0 when it was allowed, else the seconds to wait. What is refused is not counted."""
        if await self._asked(lambda: self._windows.hit(rate.item, *name, cost=cost), True):
            return 0
        return await self.wait(rate, *name)

    async def wait(self, rate: Rate, *name: str) -> int:
        """Seconds until one more would be allowed, 0 when it is; counts nothing."""
        window = await self._asked(lambda: self._windows.get_window_stats(rate.item, *name), None)
        if window is None or window.remaining > 0:
            return 0
        return max(1, math.ceil(window.reset_time - time.time()))

    async def forget(self, rate: Rate, *name: str) -> None:
        """Let the count begin anew: a success that ends a row of failures."""
        await self._asked(lambda: self._windows.clear(rate.item, *name), None)

    async def spend(self, rate: Rate, points: int, *name: str) -> int:
        """Spend points, at most all of a rate; answers 0 when that was allowed, else the seconds to wait."""
        if await self._asked(lambda: self._points.hit(rate.item, *name, cost=points), True):
            return 0
        spent = await self.spent(rate, *name)
        return 0 if spent is None else max(1, math.ceil(spent.wait(rate, points)))

    async def spent(self, rate: Rate, *name: str) -> Spent | None:
        """What has been spent of a rate; None when Redis does not say."""
        key = rate.item.key_for(*name)
        windows = await self._asked(lambda: self._storage.get_sliding_window(key, rate.seconds), None)
        return None if windows is None else Spent(*windows)

    async def close(self) -> None:
        await self._pool.disconnect()

    async def _asked(self, question: Callable[[], Awaitable[T]], unasked: T) -> T:
        """What Redis answers; `unasked` while it is away. Whoever comes when all connections are busy waits for a turn:
        a crowd must not be a way around the count."""
        async with self._turns:
            if self._is_left_alone():
                return unasked
            try:
                answer = await answered(question(), PATIENCE)
            except (RedisError, OSError, TimeoutError) as error:
                self._missed(error)
                return unasked
        if self._away_until is not None:
            self._away_until = None
            log.warning("limits are counted again")
        return answer

    def _is_left_alone(self) -> bool:
        """Whether Redis is not to be asked just now; who is told no asks for all others as well."""
        if self._away_until is None:
            return False
        if time.monotonic() < self._away_until:
            return True
        self._away_until = time.monotonic() + PATIENCE * STEP_SECONDS + ASK_AGAIN_AFTER
        return False

    def _missed(self, error: Exception) -> None:
        if self._away_until is None:
            log.warning("limits are not counted: Redis does not answer: %s: %s", type(error).__name__, error)
        self._away_until = time.monotonic() + ASK_AGAIN_AFTER
