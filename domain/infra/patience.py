"""Waiting for an answer so long and no longer, without blaming whoever is asked for our own slowness."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")

STEP_SECONDS = 0.5


async def answered(question: Awaitable[T], steps: int) -> T:
    """What a question to a server gives; raises TimeoutError when it is not answered in so many steps of half a second.

    A single timer would also go off in a process that was too busy to read an answer that had long come. Between two
    steps the event loop reads what has come, so that here only the server's silence counts.
    """
    asked = asyncio.ensure_future(question)
    try:
        for _ in range(steps):
            done, _ = await asyncio.wait([asked], timeout=STEP_SECONDS)
            if done:
                return asked.result()
        raise TimeoutError(f"no answer within {steps * STEP_SECONDS:g} s")
    finally:
        asked.cancel()
