"""What people follow: matches, leagues and teams."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import strawberry

from api.nodes import Node, integer_key, read_global_id
from api.outcomes import CommonError, mutation
from api.paging import After, Before, Connection, Counts, First, Last, Order, Page, connect, read_page
from api.rows import Rows, grouped
from domain.accounts import queries
from domain.accounts.following import follow
from domain.accounts.people import Viewer
from domain.infra.database import Database, connection_of
from domain.infra.errors import NotFound

if TYPE_CHECKING:
    from api.accounts import User
    from api.leagues import League, LeagueConnection
    from api.matches import Match, MatchConnection
    from api.teams import Team, TeamConnection

KINDS = {"Match": "MATCH", "League": "LEAGUE", "Team": "TEAM"}
"""Types that can be followed, and what the table calls them."""

C = TypeVar("C", bound=Connection[Any])


async def match_is_followed(matches: Sequence[Match], db: Rows, visitor: Viewer | None) -> list[bool | None]:
    """Whether the viewer follows it; null when anonymous."""
    return await _are_followed("MATCH", matches, db, visitor)


async def league_is_followed(leagues: Sequence[League], db: Rows, visitor: Viewer | None) -> list[bool | None]:
    """Whether the viewer follows it; null when anonymous."""
    return await _are_followed("LEAGUE", leagues, db, visitor)


async def team_is_followed(teams: Sequence[Team], db: Rows, visitor: Viewer | None) -> list[bool | None]:
    """Whether the viewer follows it; null when anonymous."""
    return await _are_followed("TEAM", teams, db, visitor)


async def _are_followed(
    kind: str, things: Sequence[Match | League | Team], db: Rows, visitor: Viewer | None
) -> list[bool | None]:
    if visitor is None:
        return [None] * len(things)
    followed = await queries.followed_among(db, visitor.account_id, kind, [thing.key for thing in things])
    return [thing.key in followed for thing in things]


async def user_followed_matches(
    users: Sequence[User],
    db: Rows,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> list[Annotated[MatchConnection, strawberry.lazy("api.matches")]]:
    """Matches the user follows, last followed first."""
    from api.matches import Match, MatchConnection

    return await _followed(MatchConnection, Match, users, db, _page("matches", first, after, last, before))


async def user_followed_leagues(
    users: Sequence[User],
    db: Rows,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> list[Annotated[LeagueConnection, strawberry.lazy("api.leagues")]]:
    """Leagues the user follows, last followed first."""
    from api.leagues import League, LeagueConnection

    return await _followed(LeagueConnection, League, users, db, _page("leagues", first, after, last, before))


async def user_followed_teams(
    users: Sequence[User],
    db: Rows,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> list[Annotated[TeamConnection, strawberry.lazy("api.teams")]]:
    """Teams the user follows, last followed first."""
    from api.teams import Team, TeamConnection

    return await _followed(TeamConnection, Team, users, db, _page("teams", first, after, last, before))


def _page(name: str, first: int | None, after: str | None, last: int | None, before: str | None) -> Page:
    sql = queries.FOLLOWED_ORDER.sql
    order = Order(f"followed {name}", sql, "f.object_id", is_descending=True, read=datetime.fromisoformat)
    return read_page(order, first, after, last, before)


async def _followed(kind: type[C], item: type[Any], users: Sequence[User], db: Rows, page: Page) -> list[C]:
    """A page of what each user follows, with two statements: what it is, and the things themselves."""
    keys, word = [user.key for user in users], KINDS[item.__name__]
    places = await queries.followed_page(db, keys, word, page)
    found = dict(zip(places, await db.pick(item, [place["key"] for place in places]), strict=True))
    counts = Counts(partial(queries.followed_counts, account_ids=keys, kind=word))
    return [
        connect(
            kind, page, [found[each] for each in own], [(each["sort_key"], each["key"]) for each in own], counts, key
        )
        for key, own in zip(keys, grouped(keys, places, lambda place: place["owner"]), strict=True)
    ]


@strawberry.input(description="Input of `setFollowing`.")
class SetFollowingInput:
    id: strawberry.ID = strawberry.field(description="Match, league or team.")
    is_following: bool = strawberry.field(description="Wanted state.")


@strawberry.type(description="Result of `setFollowing`.")
class SetFollowingPayload:
    node: Node | None = strawberry.field(default=None, description="The object.")
    is_following: bool | None = strawberry.field(default=None, description="State now.")
    errors: list[CommonError] = strawberry.field(default_factory=list, description="What went wrong; empty on success.")


@mutation(SetFollowingPayload)
async def set_following(
    database: Database,
    db: Rows,
    viewer: Viewer,
    machine: datetime,
    input: Annotated[SetFollowingInput, strawberry.argument(description="Input.")],
) -> SetFollowingPayload:
    """Follow or unfollow a match, league or team. Doing it twice is the same as once."""
    from api.lookups import find_nodes

    kind, key = read_global_id(input.id) or ("", "")
    if kind not in KINDS or (number := integer_key(key)) is None:
        raise NotFound("There is no match, league or team with this id.", field="input.id")
    async with database.transaction() as session:
        connection = await connection_of(session)
        await follow(connection, viewer.account_id, KINDS[kind], number, input.is_following, machine=machine)
    return SetFollowingPayload(node=(await find_nodes(db, [input.id]))[0], is_following=input.is_following)
