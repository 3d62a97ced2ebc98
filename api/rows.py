"""What resolvers read through: statements of one operation, counted, and entities picked by key.

Rows are instances of the strawberry types, made without their constructors: a column of a statement is
an attribute of the row. Enum columns stay the words that the table holds; the graph's enums have the
same words as values.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, Self, TypeVar

from asyncpg import Record

from domain.infra.database import Reader

Key = int | str | tuple[int, ...]
Columns = Record | Mapping[str, Any]
"""A row as a statement gives it."""
T = TypeVar("T")


class Entity(Protocol):
    """A type whose rows are found by key."""

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[Any]) -> Sequence[Self | None]:
        """One row or None per key, in order, with one statement."""
        ...


E = TypeVar("E", bound=Entity)


class Rows:
    """Reads for one operation. It is a Reader, so queries of the domain take it as it is."""

    def __init__(self, reader: Reader, account_id: int | None = None, *, sees_shadow: bool = False) -> None:
        self.account_id = account_id
        """Whose private rows may be read; None when nobody is signed in. The `load` of a private type answers only
        rows of this account, so that no way leads to another's: not by id, not from a payload."""
        self.sees_shadow = sees_shadow
        """Whether what models of plugins in shadow say may be read: it is for operators, by every way."""
        self.statements = 0
        """How many statements were sent."""
        self._reader = reader
        self._known: dict[type, dict[Key, Any]] = {}
        self._waiting: dict[type, _Waiting] = {}

    async def fetch(self, query: str, *args: Any) -> list[Record]:
        self.statements += 1
        return await self._reader.fetch(query, *args)

    async def fetchrow(self, query: str, *args: Any) -> Record | None:
        self.statements += 1
        return await self._reader.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        self.statements += 1
        return await self._reader.fetchval(query, *args)

    async def pick(self, kind: type[E], keys: Sequence[Key]) -> list[E]:
        """The rows of keys that must exist, in order; raises LookupError when one does not."""
        found = await self.find(kind, keys)
        rows = [row for row in found if row is not None]
        if len(rows) != len(found):
            raise LookupError(f"{kind.__name__} {keys[found.index(None)]} does not exist")
        return rows

    async def find(self, kind: type[E], keys: Sequence[Key | None]) -> list[E | None]:
        """One row or None per key, in order.

        Calls of the same loop turn for the same type share one statement, and a row is read once in an
        operation: the home and the away team of fifty matches are one statement.
        """
        known = self._known.setdefault(kind, {})
        missing = {key for key in keys if key is not None and key not in known}
        if missing:
            await asyncio.shield(self._wait(kind, missing))
        return [None if key is None else known.get(key) for key in keys]

    def know(self, kind: type[E], rows: Iterable[E]) -> None:
        """Keep rows that a list statement has read anyway; each has its `key`."""
        self._known.setdefault(kind, {}).update((row.key, row) for row in rows)  # type: ignore[attr-defined]

    def forget(self) -> None:
        """Read everything anew: something was written."""
        for rows in self._known.values():
            rows.clear()

    def _wait(self, kind: type[E], keys: set[Key]) -> asyncio.Task[None]:
        waiting = self._waiting.get(kind)
        if waiting is None:
            waiting = self._waiting[kind] = _Waiting(asyncio.ensure_future(self._load(kind)))
        waiting.keys |= keys
        return waiting.task

    async def _load(self, kind: type[E]) -> None:
        await asyncio.sleep(0)  # siblings of this loop turn add their keys first
        keys = list(self._waiting.pop(kind).keys)
        self._known[kind].update(zip(keys, await kind.load(self, keys), strict=True))


class _Waiting:
    """Keys of one type that will be read together."""

    __slots__ = ("keys", "task")

    def __init__(self, task: asyncio.Task[None]) -> None:
        self.keys: set[Key] = set()
        self.task = task


def rows_of(kind: type[T], records: Iterable[Columns]) -> list[T]:
    """Rows of a strawberry type: every column becomes the attribute of its name."""
    new = kind.__new__
    rows = []
    for record in records:
        row = new(kind)
        row.__dict__.update(record.items())
        rows.append(row)
    return rows


def in_order(keys: Sequence[Key], rows: Iterable[T], key: Callable[[T], Key]) -> list[T | None]:
    """One row or None per key, in the order of the keys."""
    found = {key(row): row for row in rows}
    return [found.get(wanted) for wanted in keys]


def grouped(keys: Sequence[Key], rows: Iterable[T], key: Callable[[T], Key]) -> list[list[T]]:
    """The rows of each key, in the order of the keys; rows keep theirs."""
    groups: dict[Key, list[T]] = {wanted: [] for wanted in keys}
    for row in rows:
        groups[key(row)].append(row)
    return [groups[wanted] for wanted in keys]
