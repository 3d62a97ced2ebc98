"""Bookmakers and exchanges."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import auto
from typing import Annotated, Any, Self

import strawberry

from api.batch import batch, derived, root
from api.nodes import Node
from api.paging import After, Before, Connection, Counts, First, Last, Order, connect, read_page
from api.rows import Rows, in_order, rows_of
from api.scalars import Words, described

RECENT = timedelta(days=30)
"""Match time over which a bookmaker's habits are looked at."""


@described(
    "Kinds of bookmaker.",
    SHARP="Low margin, high limits; used for fair prices.",
    SOFT="Recreational.",
    EXCHANGE="People bet against each other.",
)
class BookmakerKind(Words):
    SHARP = auto()
    SOFT = auto()
    EXCHANGE = auto()


@strawberry.type(description="A company or exchange that offers prices.")
class Bookmaker(Node):
    bookmaker_key: str = strawberry.field(name="key", description="Stable key, for example `pinnacle`.")
    name: str = strawberry.field(description="Name.")
    kind: BookmakerKind = strawberry.field(description="Kind.")
    commission: float = strawberry.field(description="Commission on winnings, fraction; 0 for bookmakers without one.")
    is_simulated: bool = strawberry.field(description="Whether it is invented, for demonstrations.")

    @derived
    def regions(self) -> list[str]:
        """Regions it serves, for example `eu`, `uk`."""
        return []

    @derived
    def logo_url(self) -> str | None:
        """Logo image."""
        return None

    @batch
    @staticmethod
    async def average_overround(bookmakers: Sequence[Bookmaker], db: Rows, now: datetime) -> list[float | None]:
        """Mean margin on 1X2 over the last 30 days, fraction."""
        records = await db.fetch(_AVERAGE_OVERROUND, [bookmaker.key for bookmaker in bookmakers], now - RECENT, now)
        found = {record[0]: record[1] for record in records}
        return [found.get(bookmaker.key) for bookmaker in bookmakers]

    @batch
    @staticmethod
    async def last_quote_at(bookmakers: Sequence[Bookmaker], db: Rows, now: datetime) -> list[datetime | None]:
        """When we last received a price from it, of a match since 30 days ago."""
        records = await db.fetch(_LAST_QUOTE, [bookmaker.key for bookmaker in bookmakers], now - RECENT)
        found = {record[0]: record[1] for record in records}
        return [found.get(bookmaker.key) for bookmaker in bookmakers]

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[Any]) -> Sequence[Self | None]:
        records = await db.fetch(f"{_SELECT} where id = any($1::bigint[])", list(keys))
        return in_order(keys, rows_of(cls, records), lambda row: row.key)


_SELECT = """select id as key, key as bookmaker_key, name, kind, commission::float8 as commission, is_simulated
    from bookmaker"""

_AVERAGE_OVERROUND = """
with margins as (
  select q.bookmaker_id, sum(1 / q.price::float8) - 1 as margin
  from match m join quote q on q.match_id = m.id join selection s on s.id = q.selection_id
    join market k on k.id = s.market_id
  where m.kickoff_at >= $2 and m.kickoff_at <= $3 and k.key = 'match_result::ft' and q.bookmaker_id = any($1::bigint[])
  group by q.match_id, q.bookmaker_id having count(*) = 3)
select bookmaker_id, avg(margin) from margins group by bookmaker_id
"""

_LAST_QUOTE = """
select q.bookmaker_id, max(q.confirmed_at)
from match m join quote q on q.match_id = m.id
where m.kickoff_at >= $2 and q.bookmaker_id = any($1::bigint[]) group by 1
"""


@strawberry.type(description="A page of bookmakers.")
class BookmakerConnection(Connection[Bookmaker]):
    pass


BY_NAME = Order("bookmaker.name", "name", "id")


@root
async def bookmakers(
    db: Rows,
    kinds: Annotated[list[BookmakerKind] | None, strawberry.argument(description="Only these kinds.")] = None,
    regions: Annotated[list[str] | None, strawberry.argument(description="Only these regions.")] = None,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> BookmakerConnection:
    """Bookmakers, by name."""
    page = read_page(BY_NAME, first, after, last, before)
    wanted = "($1::text[] is null or kind = any($1)) and ($2::text[] is null or cardinality($2) = 0)"
    filters: list[Any] = [kinds, regions]
    arguments = list(filters)
    condition, sorting = page.sql(arguments)
    records = await db.fetch(f"{_SELECT} where {wanted} and {condition} {sorting}", *arguments)
    rows = rows_of(Bookmaker, records)
    db.know(Bookmaker, rows)

    async def count(db: Rows) -> dict[Any, int]:
        return {0: await db.fetchval(f"select count(*) from bookmaker where {wanted}", *filters)}

    return connect(BookmakerConnection, page, rows, [(row.name, row.key) for row in rows], Counts(count))
