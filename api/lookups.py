"""Fetching single objects: by global id, by slug, by the name a source has for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

import strawberry
from asyncpg import Record

from api.accounts import User
from api.audit import AuditLogEntry
from api.bankrolls import Bankroll, BankrollTransaction
from api.bets import Bet
from api.care import GamblingLimit
from api.filters import ExternalRefInput
from api.leagues import Country, League
from api.matches import Match
from api.models import Model, ModelVersion
from api.nodes import Node, key_of, read_global_id
from api.odds_bookmakers import Bookmaker
from api.odds_markets import Market
from api.odds_quotes import OddsQuote
from api.odds_selections import Selection
from api.plugins import Plugin
from api.predictions import Prediction
from api.rows import Key, Rows, rows_of
from api.scalars import given
from api.seasons import Season
from api.sessions import Session
from api.tasks import Job
from api.teams import Team
from api.value import ValueBet
from domain.accounts.people import Viewer
from domain.infra.errors import Invalid
from domain.matches import leagues as league_queries
from domain.matches import teams as team_queries

T = TypeVar("T")

MOST_NODES = 100

NODES: Mapping[str, Any] = {
    kind.__name__: kind
    for kind in (
        AuditLogEntry,
        Bankroll,
        BankrollTransaction,
        Bet,
        Bookmaker,
        Country,
        GamblingLimit,
        Job,
        League,
        Market,
        Match,
        Model,
        ModelVersion,
        OddsQuote,
        Plugin,
        Prediction,
        Season,
        Selection,
        Session,
        Team,
        User,
        ValueBet,
    )
}
"""Types that can be fetched by a global id."""


@strawberry.input(one_of=True, description="Ways to name a league; give exactly one.")
class LeagueLookup:
    id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="ID.")
    slug: str | None = strawberry.field(default=strawberry.UNSET, description="Slug.")
    external_ref: ExternalRefInput | None = strawberry.field(
        default=strawberry.UNSET, description="ID at an outside provider."
    )


@strawberry.input(one_of=True, description="Ways to name a team; give exactly one.")
class TeamLookup:
    id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="ID.")
    slug: str | None = strawberry.field(default=strawberry.UNSET, description="Slug.")
    external_ref: ExternalRefInput | None = strawberry.field(
        default=strawberry.UNSET, description="Name at an outside provider; null when it has two of that name."
    )


async def league(
    db: Rows, by: Annotated[LeagueLookup, strawberry.argument(description="By ID or slug.")]
) -> League | None:
    """One league."""
    if (id_ := given(by.id)) is not None:
        return (await db.find(League, [key_of("League", id_)]))[0]
    if (slug := given(by.slug)) is not None:
        return _one(League, await league_queries.league_by_slug(db, slug))
    ref: ExternalRefInput = by.external_ref  # type: ignore[assignment]  # one of the three is given
    return _one(League, await league_queries.league_by_ref(db, ref.provider, ref.value))


async def team(db: Rows, by: Annotated[TeamLookup, strawberry.argument(description="By ID or slug.")]) -> Team | None:
    """One team."""
    if (id_ := given(by.id)) is not None:
        return (await db.find(Team, [key_of("Team", id_)]))[0]
    if (slug := given(by.slug)) is not None:
        return _one(Team, await team_queries.team_by_slug(db, slug))
    ref: ExternalRefInput = by.external_ref  # type: ignore[assignment]  # one of the three is given
    return _one(Team, await team_queries.team_by_ref(db, ref.provider, ref.value))


async def node(
    db: Rows, visitor: Viewer | None, id: Annotated[strawberry.ID, strawberry.argument(description="ID.")]
) -> Node | None:
    """Refetch any object by its ID; null when there is none, or when it is somebody else's."""
    del visitor  # `db` answers what is public, and what is theirs
    return (await find_nodes(db, [id]))[0]


async def nodes(
    db: Rows,
    visitor: Viewer | None,
    ids: Annotated[list[strawberry.ID], strawberry.argument(description="IDs, at most 100.")],
) -> list[Node | None]:
    """Refetch several objects, same order; null where not found, or somebody else's."""
    del visitor  # `db` answers what is public, and what is theirs
    if len(ids) > MOST_NODES:
        raise Invalid("ids", f"must be at most {MOST_NODES}")
    return await find_nodes(db, ids)


async def find_nodes(db: Rows, ids: Sequence[str]) -> list[Node | None]:
    """The object of each id, with one statement per type; None for an id that nothing has."""
    places: dict[str, list[tuple[int, Key]]] = {}
    for place, text in enumerate(ids):
        kind, key = read_global_id(text) or ("", "")
        if kind in NODES and (read := NODES[kind].read_key(key)) is not None:
            places.setdefault(kind, []).append((place, read))
    found: list[Node | None] = [None] * len(ids)
    for kind, wanted in places.items():
        rows = await db.find(NODES[kind], [key for _, key in wanted])
        for (place, _), row in zip(wanted, rows, strict=True):
            found[place] = row
    return found


def _one(kind: type[T], record: Record | None) -> T | None:
    return None if record is None else rows_of(kind, [record])[0]
