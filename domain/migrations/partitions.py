"""Partitions are made as months come, so they are no part of the compared metadata."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

_PARTITION = re.compile(r"^quote_change_\d{4}_\d{2}$")


def is_ours(name: str | None, kind: str, _parents: MutableMapping[Any, str | None]) -> bool:
    """Whether Alembic should compare this object of the database."""
    return not (kind == "table" and name is not None and _PARTITION.match(name))
