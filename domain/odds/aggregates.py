"""Market maxima and averages as a source computed them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg

from domain.odds.locks import lock_aggregates
from domain.odds.rules import exact, stored_price


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A maximum or average of many bookmakers' prices, by the source's name (`Max`, `Avg`, `BbMx`, `BbAv`)."""

    match_id: int
    selection_id: int
    name: str
    is_closing: bool
    price: float
    observed_at: datetime


@dataclass(slots=True)
class AggregatesRecorded:
    """What became of a batch of aggregates."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    impossible: int = 0


async def record_aggregates(
    connection: asyncpg.Connection, aggregates: Sequence[Aggregate], *, source: str
) -> AggregatesRecorded:
    """Record aggregates in the open transaction of `connection`; the newest word of the source stands.

    The aggregates of their leagues stay locked until the transaction ends. Bookmakers' prices come after.
    """
    recorded = AggregatesRecorded()
    wanted = _possible(aggregates, recorded)
    if not wanted:
        return recorded
    match_ids = sorted({key[0] for key in wanted})
    await lock_aggregates(connection, match_ids)
    known = await _known(connection, match_ids)
    new, changed = [], []
    for key, told in wanted.items():
        before = known.get(key)
        if before is None:
            new.append((*key, exact(told[0]), told[1], source))
        elif before != told:
            changed.append((*key, *told))
    recorded.new, recorded.changed = len(new), len(changed)
    recorded.unchanged = len(wanted) - len(new) - len(changed)
    if new:
        await connection.copy_records_to_table("price_aggregate", records=new, columns=_COLUMNS)
    if changed:
        await connection.execute(_CHANGE, *(list(column) for column in zip(*changed, strict=True)), source)
    return recorded


_Key = tuple[int, int, str, bool]
_Told = tuple[float, datetime]

_COLUMNS: Final = ("match_id", "selection_id", "name", "is_closing", "price", "observed_at", "source")


def _possible(aggregates: Sequence[Aggregate], recorded: AggregatesRecorded) -> dict[_Key, _Told]:
    """The last word on each aggregate, in the order of keys."""
    found: dict[_Key, _Told] = {}
    for each in aggregates:
        price = stored_price(each.price)
        if price is None:
            recorded.impossible += 1
        else:
            found[each.match_id, each.selection_id, each.name, each.is_closing] = (price, each.observed_at)
    return dict(sorted(found.items()))


async def _known(connection: asyncpg.Connection, match_ids: Sequence[int]) -> dict[_Key, _Told]:
    rows = await connection.fetch(
        "select match_id, selection_id, name, is_closing, price::float8, observed_at "
        "from price_aggregate where match_id = any($1::int8[])",
        match_ids,
    )
    return {(row[0], row[1], row[2], row[3]): (row[4], row[5]) for row in rows}


_CHANGE = """
update price_aggregate as known
set price = new.price, observed_at = new.observed_at, source = $7
from unnest($1::int8[], $2::int8[], $3::text[], $4::bool[], $5::float8[], $6::timestamptz[])
     as new (match_id, selection_id, name, is_closing, price, observed_at)
where (known.match_id, known.selection_id, known.name, known.is_closing)
    = (new.match_id, new.selection_id, new.name, new.is_closing)
"""
