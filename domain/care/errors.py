"""A limit that somebody set themselves stands in the way."""

from __future__ import annotations

from domain.infra.errors import TouchlineError


class LimitReached(TouchlineError):
    """What was asked for would go beyond a self-set limit; `limit_id` is its row."""

    def __init__(self, message: str, limit_id: int, *, field: str = "") -> None:
        super().__init__(message)
        self.limit_id = limit_id
        self.field = field
