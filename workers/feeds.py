"""Jobs of the feeds."""

from __future__ import annotations

import asyncio
import logging

import redis

from domain.intake.feed import advance_feed, read_feed
from workers.boot import Boot

logger = logging.getLogger("touchline.feeds")


async def tick_feed(boot: Boot, job_id: str, *, name: str) -> None:
    """Record what a feed says up to now, then tell subscribers."""
    row = await read_feed(boot.database.pool, name)
    feed = await asyncio.to_thread(boot.feeds.open, row)
    async with boot.database.transaction() as session:
        advanced = await advance_feed(session, feed, name, job_id)
    if advanced is None or not advanced.changes:
        return
    try:
        await boot.bus.publish_odds(advanced.changes)
    except redis.RedisError as error:
        logger.warning("prices of %s were recorded and not published: %s", name, error)
