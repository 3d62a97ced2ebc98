"""Words between processes, and counts over all of them, on the real Redis."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from redis.asyncio import Redis

from domain.infra import limiter
from domain.infra.limiter import Limiter, Rate
from domain.infra.news import News, bets_of, tell
from domain.infra.patience import STEP_SECONDS, answered


async def test_who_waits_hears_at_once_and_only_of_their_own(redis_url: str) -> None:
    news, redis = News(redis_url), Redis.from_url(redis_url)
    await news.start()
    await _heard(news, redis, bets_of(0))  # it listens
    mine, other = news.rounds(bets_of(1), longest=60), news.rounds(bets_of(2), longest=60)
    await anext(mine)
    await anext(other)
    heard, unheard = asyncio.ensure_future(anext(mine)), asyncio.ensure_future(anext(other))
    await asyncio.sleep(0)
    await tell(redis, [bets_of(1)])
    await heard
    assert not unheard.done()
    unheard.cancel()
    await asyncio.gather(unheard, return_exceptions=True)
    await mine.aclose()
    await other.aclose()
    await news.stop()
    await redis.aclose()


async def _heard(news: News, redis: Redis, topic: str) -> None:
    """Say something until it is heard: a word said before the process listens is not kept."""
    rounds = news.rounds(topic, longest=60)
    await anext(rounds)
    told = asyncio.ensure_future(anext(rounds))
    while not told.done():
        await tell(redis, [topic])
        await asyncio.wait([told], timeout=0.02)
    await rounds.aclose()


async def test_who_is_not_told_looks_by_itself() -> None:
    rounds = News("redis://127.0.0.1:1").rounds("bets:1", longest=0.01)
    for _ in range(3):
        await anext(rounds)
    await rounds.aclose()


async def test_exactly_so_many_pass_over_two_processes(redis_url: str) -> None:
    two, rate = [Limiter(redis_url), Limiter(redis_url)], Rate(100, 60)
    await two[0].forget(rate, "exact")
    waits = await asyncio.gather(*(two[n % 2].hit(rate, "exact") for n in range(400)))
    assert sum(wait == 0 for wait in waits) == 100
    assert all(0 <= wait <= 61 for wait in waits)
    await two[0].forget(rate, "exact")
    assert await two[1].hit(rate, "exact") == 0
    for each in two:
        await each.close()


async def test_a_redis_that_is_away_refuses_nobody() -> None:
    limiter = Limiter("redis://127.0.0.1:1")
    assert await limiter.hit(Rate(1, 60), "away") == 0
    assert await limiter.hit(Rate(1, 60), "away") == 0
    await limiter.close()


async def test_a_redis_that_is_silent_holds_nobody_up_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(writer)
        await reader.read()

    monkeypatch.setattr(limiter, "PATIENCE", 1)
    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        opened = Limiter(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        assert await opened.spend(Rate(1, 60), 1, "silent") == 0
        connections = len(asked)
        assert [await opened.spend(Rate(1, 60), 1, "silent") for _ in range(50)] == [0] * 50
        assert len(asked) == connections
        for writer in asked:
            writer.close()
        await opened.close()


async def test_a_process_too_busy_to_read_does_not_blame_who_answered() -> None:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[int] = loop.create_future()
    threading.Timer(0.1, loop.call_soon_threadsafe, [answer.set_result, 7]).start()
    loop.call_soon(time.sleep, 3 * STEP_SECONDS)
    assert await answered(answer, 2) == 7


async def test_who_does_not_answer_is_not_waited_for() -> None:
    never: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    with pytest.raises(TimeoutError, match="no answer within"):
        await answered(never, 1)
    assert never.cancelled()
