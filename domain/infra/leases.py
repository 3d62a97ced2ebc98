"""What may be held only so often at once, counted over all processes in Redis.

Whoever takes something holds a lease of it that its process renews. A process that is killed renews nothing, so what
it held is free again half a minute later. Time is that of Redis. While Redis is away everybody gets what they ask for;
what was taken meanwhile is counted from the next renewal on.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import defaultdict
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

from domain.infra.limiter import PATIENCE
from domain.infra.patience import answered

log = logging.getLogger("touchline.limits")

PREFIX = "touchline:leases"
HELD_SECONDS = 30
"""How long a lease is good without being renewed."""
RENEWED_EVERY = 10.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Lease:
    """One of so many."""

    key: str
    name: str


class Leases:
    """The leases of one process."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._take = redis.register_script(_TAKE)
        self._renew = redis.register_script(_RENEW)
        self._held: dict[str, set[str]] = defaultdict(set)
        self._process = secrets.token_hex(4)
        self._count = 0
        self._is_away = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to renew what is held."""
        self._task = asyncio.create_task(self._keep_renewing(), name="leases")

    async def stop(self) -> None:
        """Give everything back."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        for lease in [Lease(key, name) for key, names in self._held.items() for name in names]:
            await self.give_back(lease)

    async def take(self, what: str, most: int) -> Lease | None:
        """A lease of one of `most`; None when all are held."""
        self._count += 1
        lease = Lease(f"{PREFIX}:{what}", f"{self._process}:{self._count}")
        try:
            is_free = await answered(self._take([lease.key], [most, HELD_SECONDS, lease.name]), PATIENCE)
        except (RedisError, OSError, TimeoutError) as error:
            self._missed(error)
            is_free = True
        if not is_free:
            return None
        self._held[lease.key].add(lease.name)
        return lease

    async def give_back(self, lease: Lease) -> None:
        """Let somebody else have it."""
        names = self._held[lease.key]
        names.discard(lease.name)
        if not names:
            del self._held[lease.key]
        try:
            await answered(self._redis.zrem(lease.key, lease.name), PATIENCE)
        except (RedisError, OSError, TimeoutError) as error:
            self._missed(error)

    async def renew(self) -> None:
        """Renew all that this process holds, also what Redis has forgotten."""
        if not self._held:
            return
        try:
            await answered(self._renew_all(), PATIENCE)
        except (RedisError, OSError, TimeoutError) as error:
            self._missed(error)
        else:
            self._is_away = False

    async def _renew_all(self) -> None:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for key, names in self._held.items():
                await self._renew([key], [HELD_SECONDS, *names], client=pipeline)
            await pipeline.execute()

    async def _keep_renewing(self) -> None:
        while True:
            await asyncio.sleep(RENEWED_EVERY)
            await self.renew()

    def _missed(self, error: Exception) -> None:
        """Log an outage, once."""
        if not self._is_away:
            log.warning("leases are not counted: Redis does not answer: %s: %s", type(error).__name__, error)
        self._is_away = True


_TAKE = """
local now = tonumber(redis.call('time')[1])
redis.call('zremrangebyscore', KEYS[1], '-inf', now)
if redis.call('zcard', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('zadd', KEYS[1], now + tonumber(ARGV[2]), ARGV[3])
redis.call('expire', KEYS[1], ARGV[2])
return 1
"""

_RENEW = """
local ends = tonumber(redis.call('time')[1]) + tonumber(ARGV[1])
for place = 2, #ARGV do redis.call('zadd', KEYS[1], ends, ARGV[place]) end
redis.call('expire', KEYS[1], ARGV[1])
"""
