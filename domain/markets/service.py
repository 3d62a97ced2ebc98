"""The dictionary of markets and selections: made as markets come, read as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from domain.infra.database import Reader
from domain.infra.errors import Invalid, NotFound
from touchline import MarketKey


@dataclass(frozen=True, slots=True)
class Dictionary:
    """An immutable snapshot: canonical keys to ids and back."""

    market_ids: Mapping[MarketKey, int]
    selection_ids: Mapping[MarketKey, Mapping[str, int]]
    """By market, then by outcome."""
    markets: Mapping[int, MarketKey]
    selections: Mapping[int, tuple[MarketKey, str]]

    def selection_id(self, market: MarketKey, outcome: str) -> int:
        """The id of an outcome of a market; raises NotFound when the snapshot has none."""
        try:
            return self.selection_ids[market][outcome]
        except KeyError:
            raise NotFound(f"outcome {outcome} of {market}") from None

    def market_id(self, market: MarketKey) -> int:
        """The id of a market; raises NotFound when the snapshot has none."""
        try:
            return self.market_ids[market]
        except KeyError:
            raise NotFound(f"market {market}") from None

    def market(self, market_id: int) -> MarketKey:
        """The market of an id; raises NotFound when the snapshot has none."""
        try:
            return self.markets[market_id]
        except KeyError:
            raise NotFound(f"market {market_id}") from None

    def selection(self, selection_id: int) -> tuple[MarketKey, str]:
        """Market and outcome of a selection's id; raises NotFound when the snapshot has none."""
        try:
            return self.selections[selection_id]
        except KeyError:
            raise NotFound(f"selection {selection_id}") from None


class Writer(Reader, Protocol):
    """What adding to the dictionary needs: asyncpg's connections and pool satisfy it."""

    async def execute(self, query: str, *args: Any) -> str: ...


async def dictionary(connection: Writer, markets: Iterable[MarketKey] = ()) -> Dictionary:
    """All markets and selections, after adding those of `markets` that are missing.

    Raises Invalid for a market whose outcomes are not a fixed list.
    """
    wanted = set(markets)
    known = await read_dictionary(connection)
    missing = sorted(wanted - known.market_ids.keys(), key=str)
    if not missing:
        return known
    await _add(connection, missing)
    return await read_dictionary(connection)


async def read_dictionary(reader: Reader) -> Dictionary:
    """All markets and selections as they are; needs no transaction."""
    rows = await reader.fetch(_READ)
    markets: dict[int, MarketKey] = {}
    outcomes: dict[MarketKey, dict[str, int]] = {}
    selections: dict[int, tuple[MarketKey, str]] = {}
    for row in rows:
        market = markets.get(row["market_id"])
        if market is None:
            market = markets[row["market_id"]] = MarketKey.parse(row["market"])
        outcomes.setdefault(market, {})[row["outcome"]] = row["id"]
        selections[row["id"]] = (market, row["outcome"])
    return Dictionary(
        MappingProxyType({market: market_id for market_id, market in markets.items()}),
        MappingProxyType({market: MappingProxyType(ids) for market, ids in outcomes.items()}),
        MappingProxyType(markets),
        MappingProxyType(selections),
    )


_READ = """
select selection.id, market_id, market.key as market, selection.key as outcome
from selection join market on market.id = market_id
order by market_id, position
"""


async def _add(connection: Writer, markets: Sequence[MarketKey]) -> None:
    """Add markets with their selections, in the order given: two writers never wait for each other in a ring."""
    outcomes = [(str(market), outcome, n) for market in markets for n, outcome in enumerate(_outcomes(market))]
    await connection.execute(
        _ADD_MARKETS,
        [str(market) for market in markets],
        [str(market.kind) for market in markets],
        [market.line for market in markets],
        [market.period for market in markets],
    )
    await connection.execute(_ADD_SELECTIONS, *(list(column) for column in zip(*outcomes, strict=True)))


_ADD_MARKETS = """
insert into market (key, kind, line, period)
select * from unnest($1::text[], $2::text[], $3::float8[], $4::text[])
on conflict (key) do nothing
"""

_ADD_SELECTIONS = """
insert into selection (market_id, key, position)
select market.id, new.outcome, new.position
from unnest($1::text[], $2::text[], $3::int2[]) as new (market, outcome, position)
join market on market.key = new.market
order by new.market, new.position
on conflict (market_id, key) do nothing
"""


def _outcomes(market: MarketKey) -> tuple[str, ...]:
    try:
        return market.outcomes
    except KeyError:
        raise Invalid("market", f"{market} has no fixed list of outcomes") from None
