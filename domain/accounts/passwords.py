"""Passwords: argon2id through pwdlib, in a few threads of their own.

A hash takes about a quarter of a second and 64 MiB (measured), so a process makes only so many at once and
lets only so many wait: a flood of sign-ins is refused early and does not take the event loop or the memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import TypeVar
from unicodedata import normalize

from pwdlib import PasswordHash

from domain.infra.errors import BadCredentials

T = TypeVar("T")

RECOMMENDED = PasswordHash.recommended()
WAITING_PER_THREAD = 40
"""Passwords that may wait for each thread, about ten seconds' worth."""


class Passwords:
    """The hasher of one process."""

    def __init__(self, threads: int = 2, hasher: PasswordHash | None = None) -> None:
        self._hasher = hasher or RECOMMENDED
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="password")
        self._most = threads * (1 + WAITING_PER_THREAD)
        self._held = 0
        self._nobody = _nobodys(self._hasher)

    async def hash(self, password: str) -> str:
        """The argon2id hash of a password; raises BadCredentials when too many wait."""
        return await self._run(partial(self._hasher.hash, _normal(password)))

    async def check(self, password: str, known: str | None) -> tuple[bool, str | None]:
        """Whether the password is the one of a hash; as slow for None, an account that does not exist.

        Also a new hash to keep, when it is right and its hash was made with weaker settings than today's.
        """
        right, renewed = await self._run(
            partial(self._hasher.verify_and_update, _normal(password), known or self._nobody)
        )
        return (right, renewed) if known is not None else (False, None)

    def close(self) -> None:
        """End the threads; what waits is given up."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._held >= self._most:
            raise BadCredentials("Too many people are signing in at this moment; try again.", retry_after=5)
        self._held += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._held -= 1


def _normal(password: str) -> bytes:
    """The bytes to hash: the same however a keyboard composes its accents (NIST SP 800-63B, section 5.1.1.2)."""
    return normalize("NFKC", password).encode("utf-8", "surrogatepass")


@cache
def _nobodys(hasher: PasswordHash) -> str:
    """The hash of accounts that do not exist, as slow to check as any; made once in a process."""
    return hasher.hash("nobody's password")
