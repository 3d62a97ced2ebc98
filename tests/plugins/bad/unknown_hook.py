"""A plugin with a slip in a hook's name."""

from __future__ import annotations

from touchline import hookimpl


@hookimpl
def modles() -> list[object]:
    """Nothing."""
    return []
