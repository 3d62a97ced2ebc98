"""Teams, their form and their matches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import auto
from functools import partial
from typing import TYPE_CHECKING, Annotated

import strawberry

from api.batch import batch, derived
from api.filters import MatchFilter, MatchOrder
from api.following import team_is_followed
from api.leagues import Country, ExternalRef, refs_of
from api.nodes import Node, keys_of
from api.paging import After, Before, Connection, Counts, First, Last, Order, connect_rows, read_page
from api.rows import Columns, Rows, grouped, in_order, rows_of
from api.scalars import DateTimeRange, Words, described
from domain.infra.errors import Invalid
from domain.matches import teams as queries
from domain.matches.listing import OF_TEAM
from domain.seasons import queries as seasons

if TYPE_CHECKING:
    from api.matches import MatchConnection

MOST_POINTS = 500
"""Points of a rating over time."""
TEAM_ORDER = Order("teams", queries.TEAM_ORDER.sql, "t.id")


@described("Side of the pitch list.", HOME="Home.", AWAY="Away.")
class Venue(Words):
    HOME = auto()
    AWAY = auto()


@strawberry.type(description="A strength estimate of a team.")
class TeamRating:
    system: str = strawberry.field(description="Rating system, for example `elo` or `dixon_coles.attack`.")
    value: float = strawberry.field(description="Value, in the system's own scale.")
    change_30_days: float | None = strawberry.field(description="Change over the last 30 days, same scale.")
    as_of: datetime = strawberry.field(description="When it was computed.")


@strawberry.type(description="A strength estimate of a team at an instant.")
class RatingPoint:
    value: float = strawberry.field(description="Value, in the system's own scale.")
    as_of: datetime = strawberry.field(description="When it was computed: nothing known later was used.")


@strawberry.type(description="Averages over a team's last matches.")
class TeamForm:
    match_count: int = strawberry.field(description="Matches behind the figures, count.")
    results: str = strawberry.field(description="Results, newest last, for example `WWDLW`.")
    goals_for_average: float = strawberry.field(description="Goals scored per match; 0 without a match.")
    goals_against_average: float = strawberry.field(description="Goals conceded per match; 0 without a match.")
    expected_goals_for_average: float | None = strawberry.field(
        description="Expected goals per match; null without data."
    )
    expected_goals_against_average: float | None = strawberry.field(
        description="Expected goals conceded per match; null without data."
    )
    corners_for_average: float | None = strawberry.field(description="Corners won per match; null without data.")
    corners_against_average: float | None = strawberry.field(
        description="Corners conceded per match; null without data."
    )
    both_teams_scored_rate: float = strawberry.field(description="Share of matches where both teams scored, fraction.")
    over_25_rate: float = strawberry.field(description="Share of matches with more than 2.5 goals, fraction.")


def form_of(rows: Sequence[Columns]) -> TeamForm:
    """The form of a team from its matches, newest first."""
    goals = [(row["goals_for"], row["goals_against"]) for row in rows]
    corners = [
        (row["corners_for"], row["corners_against"])
        for row in rows
        if row["corners_for"] is not None and row["corners_against"] is not None
    ]
    return TeamForm(
        match_count=len(rows),
        results="".join("D" if own == other else "W" if own > other else "L" for own, other in reversed(goals)),
        goals_for_average=_mean([own for own, _ in goals]) or 0.0,
        goals_against_average=_mean([other for _, other in goals]) or 0.0,
        expected_goals_for_average=None,
        expected_goals_against_average=None,
        corners_for_average=_mean([own for own, _ in corners]),
        corners_against_average=_mean([other for _, other in corners]),
        both_teams_scored_rate=_mean([float(own > 0 and other > 0) for own, other in goals]) or 0.0,
        over_25_rate=_mean([float(own + other > 2.5) for own, other in goals]) or 0.0,
    )


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


@strawberry.type(description="A club or national team.")
class Team(Node):
    key: strawberry.Private[int]
    country_id: strawberry.Private[int | None]
    name: str = strawberry.field(description="Name in the viewer's locale.")
    short_name: str = strawberry.field(description="Short name, for tight layouts.")
    slug: str = strawberry.field(description="Stable URL part.")

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[int]) -> list[Team | None]:
        return in_order(keys, rows_of(cls, await queries.teams(db, keys)), lambda team: team.key)

    @batch
    @staticmethod
    async def country(teams: Sequence[Team], db: Rows) -> list[Country | None]:
        """Country."""
        return await db.find(Country, [team.country_id for team in teams])

    @derived
    def crest_url(self) -> str | None:
        """Crest image."""
        return None

    @batch
    @staticmethod
    async def external_refs(teams: Sequence[Team], db: Rows) -> list[list[ExternalRef]]:
        """Names and IDs at outside data providers."""
        keys = [team.key for team in teams]
        return refs_of(keys, await queries.team_refs(db, keys))

    @batch
    @staticmethod
    async def ratings(
        teams: Sequence[Team],
        db: Rows,
        now: datetime,
        systems: Annotated[
            list[str] | None, strawberry.argument(description="Rating systems; all when omitted.")
        ] = None,
        as_of: Annotated[datetime | None, strawberry.argument(description="Instant to look back to.")] = None,
    ) -> list[list[TeamRating]]:
        """Strength by rating system, for example Elo or attack and defence strengths of a plugin: the newest word of
        each. Empty for a team that no model has rated."""
        keys = [team.key for team in teams]
        rows = await seasons.ratings(db, keys, systems, min(as_of or now, now), sees_shadow=db.sees_shadow)
        return [rows_of(TeamRating, each) for each in grouped(keys, rows, lambda row: row["owner"])]

    @batch
    @staticmethod
    async def rating_history(
        teams: Sequence[Team],
        db: Rows,
        now: datetime,
        system: Annotated[str, strawberry.argument(description="Rating system, as `ratings` names it.")],
        during: Annotated[DateTimeRange | None, strawberry.argument(description="Span; all when omitted.")] = None,
    ) -> list[list[RatingPoint]]:
        """Strength by one rating system over time, ready for a chart: the last word of each day (UTC), oldest first; at
        most 500, the newest."""
        since, until = during.bounds("during") if during else (None, None)
        keys = [team.key for team in teams]
        sees_shadow = db.sees_shadow
        rows = await seasons.rating_history(db, keys, system, since, until, now, MOST_POINTS, sees_shadow=sees_shadow)
        return [rows_of(RatingPoint, each) for each in grouped(keys, rows, lambda row: row["owner"])]

    @batch
    @staticmethod
    async def form(
        teams: Sequence[Team],
        db: Rows,
        now: datetime,
        last_matches: Annotated[int | None, strawberry.argument(description="Matches to look at, 1-38.")] = 5,
        venue: Annotated[Venue | None, strawberry.argument(description="Only home or away matches.")] = None,
    ) -> list[TeamForm]:
        """Form over the last matches."""
        most = 5 if last_matches is None else last_matches
        if not 1 <= most <= 38:
            raise Invalid("lastMatches", "must be between 1 and 38")
        keys = [team.key for team in teams]
        rows = await queries.team_results(db, keys, most, venue, now)
        return [form_of(each) for each in grouped(keys, rows, lambda row: row["owner"])]

    @batch
    @staticmethod
    async def matches(
        teams: Sequence[Team],
        db: Rows,
        now: datetime,
        filter: Annotated[MatchFilter | None, strawberry.argument(description="Narrow the matches.")] = None,
        order_by: Annotated[MatchOrder | None, strawberry.argument(description="Sort order.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> list[Annotated[MatchConnection, strawberry.lazy("api.matches")]]:
        """Matches of the team; all of them by kick-off when nothing is given."""
        from api.matches import matches_each

        keys = [team.key for team in teams]
        return await matches_each(db, now, keys, OF_TEAM, filter, order_by, first, after, last, before)

    is_followed = batch(team_is_followed)


@strawberry.type(description="A page of teams.")
class TeamConnection(Connection[Team]):
    pass


async def teams(
    db: Rows,
    now: datetime,
    league_id: Annotated[
        strawberry.ID | None, strawberry.argument(description="Only this league's current season.")
    ] = None,
    search: Annotated[str | None, strawberry.argument(description="Words in the name.")] = None,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> TeamConnection:
    """Teams."""
    page = read_page(TEAM_ORDER, first, after, last, before)
    leagues = keys_of("League", None if league_id is None else [league_id], "leagueId")
    criteria = queries.TeamCriteria(leagues[0] if leagues else None, now, search)
    rows = rows_of(Team, await queries.team_page(db, criteria, page))
    return connect_rows(TeamConnection, page, rows, Counts.of(partial(queries.team_count, criteria=criteria)))
