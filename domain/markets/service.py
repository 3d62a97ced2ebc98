"""The dictionary of markets and selections, made as markets come and read as a whole; the markets that plugins declare.

The outcomes of a plugin's market are those that it was first used with: stored probabilities stand in their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import asyncpg
import orjson

from domain.infra.database import Reader
from domain.infra.errors import Invalid, NotFound
from domain.markets.queries import own_kinds
from domain.markets.rules import OwnKind
from touchline import Kind, Lines, Market, MarketKey
from touchline.plugins import Plugin, Registry

LONGEST_TITLE = 100
LONGEST_OUTCOME = 40


@dataclass(frozen=True, slots=True)
class Dictionary:
    """An immutable snapshot: canonical keys to ids and back."""

    market_ids: Mapping[MarketKey, int]
    selection_ids: Mapping[MarketKey, Mapping[str, int]]
    """By market, then by outcome."""
    markets: Mapping[int, MarketKey]
    selections: Mapping[int, tuple[MarketKey, str]]
    titles: Mapping[MarketKey, str]
    """Of plugins' markets."""

    def outcomes(self, market: MarketKey) -> tuple[str, ...]:
        """The outcomes of a market in their customary order; raises NotFound when the snapshot has none."""
        try:
            return tuple(self.selection_ids[market])
        except KeyError:
            raise NotFound(f"market {market}") from None

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

    Raises Invalid for a market whose outcomes are not a fixed list, and for one that no plugin declares.
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
    titles: dict[MarketKey, str] = {}
    for row in rows:
        market = markets.get(row["market_id"])
        if market is None:
            market = markets[row["market_id"]] = MarketKey.parse(row["market"])
            if row["title"] is not None:
                titles[market] = row["title"]
        outcomes.setdefault(market, {})[row["outcome"]] = row["id"]
        selections[row["id"]] = (market, row["outcome"])
    return Dictionary(
        MappingProxyType({market: market_id for market_id, market in markets.items()}),
        MappingProxyType({market: MappingProxyType(ids) for market, ids in outcomes.items()}),
        MappingProxyType(markets),
        MappingProxyType(selections),
        MappingProxyType(titles),
    )


_READ = """
select selection.id, market_id, market.key as market, selection.key as outcome, own.title
from selection join market on market.id = market_id left join market_kind own on own.key = market.kind
order by market_id, position
"""


async def _add(connection: Writer, markets: Sequence[MarketKey]) -> None:
    """Add markets with their selections, in the order given: two writers never wait for each other in a ring."""
    kinds = await _kinds_of(connection, markets)
    outcomes = [(str(market), outcome, n) for market in markets for n, outcome in enumerate(_outcomes(market, kinds))]
    await connection.execute(
        _ADD_MARKETS,
        [str(market) for market in markets],
        [market.kind_key for market in markets],
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


async def _kinds_of(connection: Writer, markets: Sequence[MarketKey]) -> Mapping[str, OwnKind]:
    """The plugins' markets among them, locked: nobody changes their outcomes until the transaction ends."""
    keys = sorted({market.name for market in markets if market.name})
    if not keys:
        return {}
    await connection.execute("select 1 from market_kind where key = any($1::text[]) order by key for share", keys)
    return await own_kinds(connection, keys)


def _outcomes(market: MarketKey, kinds: Mapping[str, OwnKind]) -> tuple[str, ...]:
    if market.kind is Kind.CUSTOM and market.name:
        own = kinds.get(market.name)
        if own is None:
            raise Invalid("market", f"no installed plugin declares {market}")
        if not own.has(market):
            raise Invalid("market", f"{market} is none of {own.key}, whose lines are {own.lines}")
        return own.outcomes
    try:
        return market.outcomes
    except KeyError:
        raise Invalid("market", f"{market} has no fixed list of outcomes") from None


async def note_market_kinds(connection: asyncpg.Connection, registry: Registry) -> dict[str, str]:
    """Bring the rows of plugins' markets up to what is installed, in the open transaction; after their plugins' rows.

    A plugin is refused whose market cannot be written down, or is used and would have other outcomes or lose its
    lines: its row says so then. Answers the reasons by plugin. Rows of what is gone stay, since markets name them.
    """
    declared = [(plugin, registry.markets[key]) for plugin in registry.plugins for key in plugin.markets]
    if not declared:
        return {}
    used = await _used_kinds(connection, [market.key for _, market in declared])
    refused: dict[str, str] = {}
    for plugin, market in declared:
        if (reason := _fault_of(market, used.get(market.key))) is not None:
            refused.setdefault(plugin.key, reason)
    kept = [(plugin, market) for plugin, market in declared if plugin.key not in refused]
    await _write_kinds(connection, kept)
    await connection.execute(
        """update plugin p set status = 'REFUSED', reason = t.reason
           from unnest($1::text[], $2::text[]) as t(key, reason) where p.key = t.key""",
        list(refused),
        list(refused.values()),
    )
    return refused


async def _used_kinds(connection: asyncpg.Connection, keys: Sequence[str]) -> dict[str, OwnKind]:
    """Those kinds that have a market, all of them locked: who adds one waits."""
    await connection.execute("select 1 from market_kind where key = any($1::text[]) order by key for update", keys)
    rows = await connection.fetch("select distinct kind from market where kind = any($1::text[])", keys)
    return await own_kinds(connection, [row["kind"] for row in rows])


def _fault_of(market: Market, used: OwnKind | None) -> str | None:
    """Why a declared market cannot be had, in a sentence for its author."""
    if len(market.title) > LONGEST_TITLE or not market.title.isprintable():
        return f"The title of the market {market.key!r} must be one line of at most {LONGEST_TITLE} letters."
    if any(len(outcome) > LONGEST_OUTCOME or not outcome.isprintable() for outcome in market.outcomes):
        return f"The outcomes of the market {market.key!r} must be words of at most {LONGEST_OUTCOME} letters."
    if used is None:
        return None
    if tuple(market.outcomes) != used.outcomes:
        was = ", ".join(used.outcomes)
        return f"The market {market.key!r} is used with the outcomes {was}, which stay as they are: use another key."
    if (market.lines is Lines.NONE) != (used.lines is Lines.NONE):
        has = "without lines" if used.lines is Lines.NONE else "with lines"
        return f"The market {market.key!r} is used {has}, and that stays as it is: use another key."
    return None


async def _write_kinds(connection: asyncpg.Connection, declared: Sequence[tuple[Plugin, Market]]) -> None:
    rows = [
        {
            "key": market.key,
            "plugin_key": plugin.key,
            "title": market.title,
            "outcomes": list(market.outcomes),
            "lines": str(market.lines),
        }
        for plugin, market in declared
    ]
    await connection.execute(
        """insert into market_kind (key, plugin_key, title, outcomes, lines)
           select key, plugin_key, title, outcomes, lines
           from jsonb_to_recordset($1::text::jsonb)
                as t(key text, plugin_key text, title text, outcomes text[], lines text)
           order by key
           on conflict (key) do update set plugin_key = excluded.plugin_key, title = excluded.title,
               outcomes = excluded.outcomes, lines = excluded.lines""",
        orjson.dumps(rows).decode(),
    )
