"""Pages by keyset: a cursor is the sort key and id of an item, so that pages stay right while rows come and go.

A list is sorted by one expression, which may be null, then by id. A page is read with one item more
than asked for, to know whether there is a next one; nothing is skipped by counting and nothing is
counted unless `totalCount` is selected.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from zlib import crc32

import orjson
import strawberry

from api.batch import batch, derived
from api.rows import Key, Rows, grouped
from domain.infra.errors import BadCursor, Invalid

DEFAULT_SIZE = 20
LARGEST_SIZE = 100

T = TypeVar("T")

First = Annotated[
    int | None,
    strawberry.argument(description="Page size from the start, 1-100; 20 when neither `first` nor `last` is given."),
]
After = Annotated[str | None, strawberry.argument(description="Items after this cursor.")]
Last = Annotated[int | None, strawberry.argument(description="Page size from the end, 1-100.")]
Before = Annotated[str | None, strawberry.argument(description="Items before this cursor.")]

Position = tuple[Any, Any]
"""Sort key, which may be None, and id of an item."""


@dataclass(frozen=True, slots=True)
class Order:
    """How a list is sorted. Items without a key come last; ids go in the direction of the keys."""

    name: str
    """Written into cursors, so that a cursor of another list or order is refused."""
    key: str
    """SQL expression."""
    id: str
    """SQL expression of the tie-break, unique in the list."""
    is_descending: bool = False
    is_nullable: bool = False
    read: Callable[[Any], Any] = lambda value: value
    """From a cursor's JSON to what SQL compares with; `datetime.fromisoformat` for instants."""


@dataclass(frozen=True, slots=True)
class Page:
    """Which items of an ordered list a client asked for."""

    order: Order
    size: int
    is_backward: bool
    after: Position | None
    before: Position | None

    def sql(self, arguments: list[Any]) -> tuple[str, str]:
        """The page's condition and `order by … limit …`; what they refer to is appended to `arguments`."""
        ascending = not self.order.is_descending
        conditions = [
            *([_beyond(self.order, self.after, ascending, True, arguments)] if self.after else ()),
            *([_beyond(self.order, self.before, not ascending, False, arguments)] if self.before else ()),
        ]
        upward = ascending != self.is_backward
        direction = "asc" if upward else "desc"
        nulls = f" nulls {'first' if self.is_backward else 'last'}" if self.order.is_nullable else ""
        arguments.append(self.size + 1)
        sorting = f"order by {self.order.key} {direction}{nulls}, {self.order.id} {direction} limit ${len(arguments)}"
        return " and ".join(conditions) or "true", sorting


def read_page(order: Order, first: int | None, after: str | None, last: int | None, before: str | None) -> Page:
    """The page of the four arguments; raises Invalid naming the one at fault."""
    if first is not None and last is not None:
        raise Invalid("last", "cannot be combined with `first`")
    for name, size in (("first", first), ("last", last)):
        if size is not None and not 1 <= size <= LARGEST_SIZE:
            raise Invalid(name, f"must be between 1 and {LARGEST_SIZE}")
    return Page(
        order=order,
        size=first or last or DEFAULT_SIZE,
        is_backward=last is not None,
        after=None if after is None else read_cursor(order, after, "after"),
        before=None if before is None else read_cursor(order, before, "before"),
    )


def write_cursor(order: Order, position: Position) -> str:
    """The opaque cursor of an item."""
    body = orjson.dumps([order.name, *position], default=_plain)
    return urlsafe_b64encode(crc32(body).to_bytes(4) + body).decode().rstrip("=")


def read_cursor(order: Order, cursor: str, argument: str) -> Position:
    """Sort key and id of a cursor; raises BadCursor naming `argument`."""
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        if crc32(raw[4:]).to_bytes(4) != raw[:4]:
            raise ValueError("checksum")
        name, key, id_ = orjson.loads(raw[4:])
    except (NotBase64, ValueError):
        raise BadCursor(argument, "is not a cursor that this API gave out") from None
    if name != order.name:
        raise BadCursor(argument, "is a cursor of another list or another order")
    return (None if key is None else order.read(key)), id_


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _beyond(order: Order, position: Position, is_upward: bool, is_forward: bool, arguments: list[Any]) -> str:
    """Items past a position: after it (`is_forward`, towards the nulls) or before it."""
    key, id_ = position
    arguments.append(id_)
    sign, id_at = (">" if is_upward else "<"), f"${len(arguments)}"
    if key is None:
        tie = f"({order.key} is null and {order.id} {sign} {id_at})"
        return tie if is_forward else f"({order.key} is not null or {tie})"
    arguments.append(key)
    past = f"({order.key}, {order.id}) {sign} (${len(arguments)}, {id_at})"
    return f"({past} or {order.key} is null)" if order.is_nullable and is_forward else past


@strawberry.type(
    description="Position of a page inside a connection, as in the Relay cursor connections specification."
)
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether more items exist after `endCursor`.")
    has_previous_page: bool = strawberry.field(description="Whether more items exist before `startCursor`.")
    start_cursor: str | None = strawberry.field(
        description="Cursor of the first item of this page; null when the page is empty."
    )
    end_cursor: str | None = strawberry.field(
        description="Cursor of the last item of this page; null when the page is empty."
    )


@strawberry.type(description="An item with its cursor.")
class Edge(Generic[T]):
    cursor: str = strawberry.field(description="Opaque cursor.")
    node: T = strawberry.field(description="Item.")


class Counts:
    """Sizes of the lists of several parents, counted with one statement when first asked for."""

    def __init__(self, count: Callable[[Rows], Awaitable[Mapping[Any, int]]]) -> None:
        self._count = count

    @classmethod
    def of(cls, count: Callable[[Rows], Awaitable[int]]) -> Counts:
        """The size of one list without an owner."""

        async def counted(db: Rows) -> Mapping[Key, int]:
            return {0: await count(db)}

        return cls(counted)

    async def read(self, db: Rows) -> Mapping[Any, int]:
        """Size by parent; a parent without items may be missing."""
        return await self._count(db)


@strawberry.type(description="A page of items.")
class Connection(Generic[T]):
    """One page: `items` in the order shown, their sort positions, and how to count all of them."""

    items: strawberry.Private[Sequence[Any]]
    positions: strawberry.Private[Sequence[Position]]
    page: strawberry.Private[Page]
    has_more: strawberry.Private[bool]
    """Whether items exist beyond this page in the direction of paging."""
    counts: strawberry.Private[Counts]
    owner: strawberry.Private[Key]
    """The parent whose list it is, as `counts` names it."""

    @derived
    def edges(self) -> list[Edge[T]]:
        """Items with their cursors."""
        order = self.page.order
        return [
            Edge(cursor=write_cursor(order, position), node=item)
            for item, position in zip(self.items, self.positions, strict=True)
        ]

    @derived
    def nodes(self) -> list[T]:
        """Items alone, when cursors are not needed."""
        return list(self.items)

    @derived
    def page_info(self) -> PageInfo:
        """Position of the page."""
        page = self.page
        cursors = [write_cursor(page.order, self.positions[at]) for at in (0, -1)] if self.positions else []
        return PageInfo(
            has_next_page=page.before is not None if page.is_backward else self.has_more,
            has_previous_page=self.has_more if page.is_backward else page.after is not None,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        )

    @batch
    @staticmethod
    async def total_count(connections: Sequence[Connection[Any]], db: Rows) -> list[int]:
        """Items on all pages, count. Counted only when asked for."""
        together = {id(connection.counts): connection.counts for connection in connections}
        read = {name: await counts.read(db) for name, counts in together.items()}
        return [read[id(connection.counts)].get(connection.owner, 0) for connection in connections]


C = TypeVar("C", bound=Connection[Any])


def connect(
    kind: type[C],
    page: Page,
    items: Sequence[Any],
    positions: Sequence[Position],
    counts: Counts,
    owner: Key = 0,
) -> C:
    """The connection of what `Page.sql` selected: up to one item too many, reversed when paging backward."""
    has_more = len(items) > page.size
    shown, at = list(items[: page.size]), list(positions[: page.size])
    if page.is_backward:
        shown.reverse()
        at.reverse()
    return kind(items=shown, positions=at, page=page, has_more=has_more, counts=counts, owner=owner)


def connect_rows(kind: type[C], page: Page, rows: Sequence[Any], counts: Counts, owner: Key = 0) -> C:
    """The connection of rows that carry the value of the order as `sort_key`."""
    return connect(kind, page, rows, [(row.sort_key, row.key) for row in rows], counts, owner)


def connect_each(kind: type[C], page: Page, owners: Sequence[Key], rows: Sequence[Any], counts: Counts) -> list[C]:
    """One connection per owner of rows that carry `sort_key` and name theirs as `owner`."""
    lists = grouped(owners, rows, lambda row: row.owner)
    return [connect_rows(kind, page, each, counts, owner) for owner, each in zip(owners, lists, strict=True)]
