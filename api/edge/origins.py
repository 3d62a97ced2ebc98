"""Which other origins' pages may read answers and open sockets."""

from __future__ import annotations

import re
from collections.abc import Iterable

ANY = "*"


def origin_pattern(allowed: Iterable[str]) -> re.Pattern[str] | None:
    """What every allowed `Origin` header matches as a whole; None where no origin is allowed.

    `allowed` is `Settings.allowed_origins`: `*` is any origin, and `*` in the place of a port any port or none.
    """
    patterns = [".+" if each == ANY else _one(each) for each in allowed]
    return re.compile("|".join(patterns)) if patterns else None


def _one(origin: str) -> str:
    host = origin.removesuffix(f":{ANY}")
    return re.escape(host) if host == origin else rf"{re.escape(host)}(:\d{{1,5}})?"
