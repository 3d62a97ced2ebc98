"""Matches: the centre of the graph."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated

import strawberry

from api.analysis import match_analysis
from api.batch import batch, derived
from api.filters import MatchFilter, MatchOrder, MatchStatus, TimeWindow, match_order
from api.following import match_is_followed
from api.forecasts import match_forecast
from api.leagues import ExternalRef, League
from api.match_state import MatchEvent, MatchEventType, MatchFacts, MatchState, MatchStatistics
from api.nodes import Node, key_of
from api.odds import match_best_odds, match_market, match_markets, match_odds_board
from api.paging import After, Before, Connection, Counts, First, Last, connect_each, connect_rows, read_page
from api.predictions import match_prediction_history, match_predictions
from api.rows import Rows, grouped, in_order, rows_of
from api.seasons import Season
from api.teams import Team
from api.tiers import Truncation
from api.value import match_value_bets
from domain.infra.errors import Invalid
from domain.matches import listing, queries
from domain.matches.listing import MatchCriteria, Owners


@strawberry.type(description="A match between two teams: the centre of the graph.")
class Match(Node):
    key: strawberry.Private[int]
    league_id: strawberry.Private[int]
    season_id: strawberry.Private[int]
    home_team_id: strawberry.Private[int]
    away_team_id: strawberry.Private[int]
    round: str | None = strawberry.field(description="Round label, for example `Matchday 12`.")
    kickoff_at: datetime = strawberry.field(
        description="Kick-off; 00:00 UTC of the day where `isKickoffTimeKnown` is false."
    )
    is_kickoff_time_known: bool = strawberry.field(
        description="Whether the time of day is known, and not just the day."
    )
    status: MatchStatus = strawberry.field(description="Where the match stands.")
    updated_at: datetime = strawberry.field(description="When anything about the match last changed.")
    is_big_match: bool = strawberry.field(description="Whether the league counts as a big league.")

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[int]) -> list[Match | None]:
        return in_order(keys, rows_of(cls, await queries.matches(db, keys)), lambda match: match.key)

    @batch
    @staticmethod
    async def league(matches: Sequence[Match], db: Rows) -> list[League]:
        """League."""
        return await db.pick(League, [match.league_id for match in matches])

    @batch
    @staticmethod
    async def season(matches: Sequence[Match], db: Rows) -> list[Season]:
        """Season."""
        return await db.pick(Season, [match.season_id for match in matches])

    @batch
    @staticmethod
    async def home_team(matches: Sequence[Match], db: Rows) -> list[Team]:
        """Home team."""
        return await db.pick(Team, [match.home_team_id for match in matches])

    @batch
    @staticmethod
    async def away_team(matches: Sequence[Match], db: Rows) -> list[Team]:
        """Away team."""
        return await db.pick(Team, [match.away_team_id for match in matches])

    @batch
    @staticmethod
    def seconds_to_kickoff(matches: Sequence[Match], now: datetime) -> list[int]:
        """Seconds until kick-off; negative after it."""
        return [round((match.kickoff_at - now).total_seconds()) for match in matches]

    @batch
    @staticmethod
    async def state(matches: Sequence[Match], db: Rows) -> list[MatchState | None]:
        """Score and clock while playing or after; null before."""
        return [facts.state() for facts in await db.pick(MatchFacts, [match.key for match in matches])]

    @batch
    @staticmethod
    async def statistics(matches: Sequence[Match], db: Rows) -> list[MatchStatistics | None]:
        """Counts per team; null before kick-off or without data."""
        return [facts.statistics() for facts in await db.pick(MatchFacts, [match.key for match in matches])]

    @derived
    def events(
        self,
        types: Annotated[list[MatchEventType] | None, strawberry.argument(description="Only these types.")] = None,
    ) -> list[MatchEvent]:
        """Goals, cards and corners in order. Empty until a source gives them."""
        del types
        return []

    @derived
    def venue_name(self) -> str | None:
        """Stadium name."""
        return None

    @derived
    def external_refs(self) -> list[ExternalRef]:
        """IDs at outside data providers."""
        return []

    @batch
    @staticmethod
    async def head_to_head(
        matches: Sequence[Match],
        db: Rows,
        last: Annotated[int | None, strawberry.argument(description="How many, 1-20.")] = 5,
    ) -> list[list[Match]]:
        """Earlier meetings of the two teams, newest first."""
        most = 5 if last is None else last
        if not 1 <= most <= 20:
            raise Invalid("last", "must be between 1 and 20")
        keys = [match.key for match in matches]
        rows = rows_of(Match, await queries.head_to_head(db, keys, most))
        return grouped(keys, rows, lambda row: row.owner)  # type: ignore[attr-defined]

    forecast = batch(match_forecast)
    analysis = batch(match_analysis)
    predictions = batch(match_predictions)
    prediction_history = batch(match_prediction_history)
    markets = batch(match_markets)
    market = batch(match_market)
    odds_board = batch(match_odds_board)
    best_odds = batch(match_best_odds)
    value_bets = batch(match_value_bets)
    is_followed = batch(match_is_followed)


@strawberry.type(description="A page of matches.")
class MatchConnection(Connection[Match]):
    @derived
    def truncation(self) -> Truncation | None:
        """Set when the viewer's plan hides part of the result."""
        return None


async def matches_each(
    db: Rows,
    now: datetime,
    owners: Sequence[int],
    condition: str,
    filter: MatchFilter | None,
    order_by: MatchOrder | None,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> list[MatchConnection]:
    """A page of the matches of each owner, with one statement."""
    page = read_page(match_order(order_by), first, after, last, before)
    criteria = filter.criteria(now) if filter else MatchCriteria()
    each = Owners(owners, condition)
    rows = rows_of(Match, await listing.match_page(db, criteria, page, page.order.key, each))
    counts = Counts(partial(listing.match_counts, criteria=criteria, owners=each))
    return connect_each(MatchConnection, page, owners, rows, counts)


async def matches(
    db: Rows,
    now: datetime,
    filter: Annotated[MatchFilter | None, strawberry.argument(description="Narrow the matches.")] = None,
    order_by: Annotated[MatchOrder | None, strawberry.argument(description="Sort order.")] = None,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> MatchConnection:
    """Matches; the next 24 hours by kick-off when nothing is given."""
    page = read_page(match_order(order_by), first, after, last, before)
    narrowed = filter if filter not in (None, MatchFilter()) else MatchFilter(window=TimeWindow.NEXT_24_HOURS)
    assert narrowed is not None
    criteria = narrowed.criteria(now)
    rows = rows_of(Match, await listing.match_page(db, criteria, page, page.order.key))
    return connect_rows(MatchConnection, page, rows, Counts(partial(listing.match_counts, criteria=criteria)))


async def match(db: Rows, id: Annotated[strawberry.ID, strawberry.argument(description="ID.")]) -> Match | None:
    """One match."""
    return (await db.find(Match, [key_of("Match", id)]))[0]
