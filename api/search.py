"""Finding things by words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import strawberry

from api.leagues import League
from api.matches import Match
from api.models import Model
from api.paging import After, Before, Connection, Counts, First, Last, Order, connect, read_page
from api.plugins import Plugin
from api.rows import Entity, Key, Rows
from api.teams import Team
from domain.forecasting import search as queries
from domain.infra.errors import Invalid

SEARCH_ORDER = Order("search", queries.FOUND_ORDER.sql, queries.FOUND_ID)

SearchResult = Annotated[
    Match | League | Team | Model | Plugin,
    strawberry.union("SearchResult", description="Anything that `Query.search` can find."),
]

_TYPES: Mapping[str, Any] = {kind.__name__: kind for kind in (Match, League, Team, Model, Plugin)}


@strawberry.type(description="A page of search results.")
class SearchResultConnection(Connection[SearchResult]):
    pass


async def search(
    db: Rows,
    query: Annotated[str, strawberry.argument(description="Words, 2-100 characters.")],
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> SearchResultConnection:
    """Find matches, leagues, teams, models and plugins by words; all words must occur."""
    words = query.strip()
    if not 2 <= len(words) <= 100:
        raise Invalid("query", "must have 2 to 100 characters")
    page = read_page(SEARCH_ORDER, first, after, last, before)
    found = await queries.found_page(db, words, page)
    keys: dict[str, list[Key | None]] = {}
    for row in found:
        keys.setdefault(row["kind"], []).append(_TYPES[row["kind"]].read_key(row["id_text"]))
    items = {kind: iter(await db.find(_entity(kind), each)) for kind, each in keys.items()}
    return connect(
        SearchResultConnection,
        page,
        [next(items[row["kind"]]) for row in found],
        [(row["sort_key"], row["key"]) for row in found],
        Counts.of(partial(queries.found_count, words=words)),
    )


def _entity(kind: str) -> type[Entity]:
    entity: type[Entity] = _TYPES[kind]
    return entity
