"""A plugin made for another contract."""

from __future__ import annotations

from touchline import Model, hookimpl

API = 99


@hookimpl
def models() -> list[Model]:
    """Nothing."""
    return []
