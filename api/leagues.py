"""Countries, leagues, seasons and tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from enum import auto
from functools import partial
from typing import TYPE_CHECKING, Annotated

import strawberry

from api.batch import batch, derived
from api.filters import MatchFilter, MatchOrder
from api.following import league_is_followed
from api.nodes import Node
from api.paging import After, Before, Connection, Counts, First, Last, Order, connect_each, connect_rows, read_page
from api.rows import Columns, Key, Rows, grouped, in_order, rows_of
from api.scalars import MarketKind, Words, described
from api.scorecards import question_of, told
from api.seasons import SEASON_ORDER, Season, SeasonConnection
from domain.grades.bands import predictability_bands
from domain.grades.queries import league_records
from domain.matches import leagues as queries
from domain.matches.listing import OF_LEAGUE

if TYPE_CHECKING:
    from api.matches import MatchConnection

LEAGUE_ORDER = Order("leagues", queries.LEAGUE_ORDER.sql, "l.id")


@described(
    "Kinds of competition.",
    LEAGUE="Round robin with a table.",
    CUP="Knock-out cup.",
    TOURNAMENT="Groups and then knock-out.",
)
class LeagueKind(Words):
    LEAGUE = auto()
    CUP = auto()
    TOURNAMENT = auto()


@described(
    "Predictability relative to all leagues.",
    HIGH="Upper third.",
    MEDIUM="Middle third.",
    LOW="Lower third.",
    UNKNOWN="Fewer than 100 scored matches.",
)
class PredictabilityBand(Words):
    HIGH = auto()
    MEDIUM = auto()
    LOW = auto()
    UNKNOWN = auto()


@strawberry.type(description="How reliable predictions have been for a league.")
class Predictability:
    band: PredictabilityBand = strawberry.field(description="Band relative to all leagues.")
    ranked_probability_score: float = strawberry.field(
        description="Ranked probability score of the champion model, lower is better, 0-1."
    )
    skill_vs_market: float | None = strawberry.field(
        description="Improvement over the de-vigged market, fraction; negative when the market was better."
    )
    sample_size: int = strawberry.field(description="Matches behind the figure, count.")


@strawberry.type(description="What data exists for a league, so that a client does not ask in vain.")
class Coverage:
    has_pre_match_odds: bool = strawberry.field(description="Whether pre-match odds are collected.")
    has_live_odds: bool = strawberry.field(description="Whether in-play odds are collected.")
    has_corners: bool = strawberry.field(description="Whether corner counts are collected.")
    has_expected_goals: bool = strawberry.field(description="Whether shots and expected goals are collected.")
    has_lineups: bool = strawberry.field(description="Whether line-ups and injuries are collected.")
    odds_history_since: date | None = strawberry.field(description="First day with odds history.")


@strawberry.type(description="The ID of an object at an outside provider.")
class ExternalRef:
    provider: str = strawberry.field(description="Provider key, for example `football-data`.")
    value: str = strawberry.field(description="ID there.")


@strawberry.type(description="A country or region that leagues belong to.")
class Country(Node):
    key: strawberry.Private[int]
    code: str = strawberry.field(description="ISO 3166 alpha-2 code, or `XX` for simulated leagues.")
    name: str = strawberry.field(description="Name in the viewer's locale.")

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[int]) -> list[Country | None]:
        return in_order(keys, rows_of(cls, await queries.countries(db, keys)), _key)

    @derived
    def flag_url(self) -> str | None:
        """Flag image."""
        return None

    @batch
    @staticmethod
    async def leagues(
        countries: Sequence[Country],
        db: Rows,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> list[LeagueConnection]:
        """Leagues of the country."""
        page = read_page(LEAGUE_ORDER, first, after, last, before)
        keys = [country.key for country in countries]
        rows = rows_of(League, await queries.country_league_page(db, keys, page))
        counts = Counts(partial(queries.country_league_counts, country_ids=keys))
        return connect_each(LeagueConnection, page, keys, rows, counts)


@strawberry.type(description="A competition, for example the Premier League.")
class League(Node):
    key: strawberry.Private[int]
    country_id: strawberry.Private[int | None]
    name: str = strawberry.field(description="Name in the viewer's locale.")
    slug: str = strawberry.field(description="Stable URL part, for example `england-premier-league`.")
    kind: LeagueKind = strawberry.field(description="Kind of competition.")
    is_big: bool = strawberry.field(description="Whether it is one of the big leagues used by the `isBigMatch` filter.")
    is_simulated: bool = strawberry.field(
        description="Whether it is made up by the simulator, teams, results and prices included."
    )

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[int]) -> list[League | None]:
        return in_order(keys, rows_of(cls, await queries.leagues(db, keys)), _key)

    @batch
    @staticmethod
    async def country(leagues: Sequence[League], db: Rows) -> list[Country | None]:
        """Country, or null for international competitions."""
        return await db.find(Country, [league.country_id for league in leagues])

    @derived
    def logo_url(self) -> str | None:
        """Logo image."""
        return None

    @batch
    @staticmethod
    async def external_refs(leagues: Sequence[League], db: Rows) -> list[list[ExternalRef]]:
        """IDs at outside data providers."""
        keys = [league.key for league in leagues]
        return refs_of(keys, await queries.league_refs(db, keys))

    @batch
    @staticmethod
    async def coverage(leagues: Sequence[League], db: Rows) -> list[Coverage]:
        """What data we hold for this league."""
        keys = [league.key for league in leagues]
        held = {row["owner"]: row for row in await queries.league_coverage(db, keys)}
        return [_coverage(held[key]) for key in keys]

    @batch
    @staticmethod
    async def current_season(leagues: Sequence[League], db: Rows, now: datetime) -> list[Season | None]:
        """The season being played now, or the next one; the last one when there is no other."""
        keys = [league.key for league in leagues]
        found = rows_of(Season, await queries.current_seasons(db, keys, now))
        return in_order(keys, found, lambda season: season.league_id)

    @batch
    @staticmethod
    async def seasons(
        leagues: Sequence[League],
        db: Rows,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> list[SeasonConnection]:
        """All seasons, newest first."""
        page = read_page(SEASON_ORDER, first, after, last, before)
        keys = [league.key for league in leagues]
        rows = rows_of(Season, await queries.season_page(db, keys, page))
        counts = Counts(partial(queries.season_counts, league_ids=keys))
        return connect_each(SeasonConnection, page, keys, rows, counts)

    @batch
    @staticmethod
    async def matches(
        leagues: Sequence[League],
        db: Rows,
        now: datetime,
        filter: Annotated[MatchFilter | None, strawberry.argument(description="Narrow the matches.")] = None,
        order_by: Annotated[MatchOrder | None, strawberry.argument(description="Sort order.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> list[Annotated[MatchConnection, strawberry.lazy("api.matches")]]:
        """Matches of this league; all of them by kick-off when nothing is given."""
        from api.matches import matches_each

        keys = [league.key for league in leagues]
        return await matches_each(db, now, keys, OF_LEAGUE, filter, order_by, first, after, last, before)

    @batch
    @staticmethod
    async def upcoming_match_count(leagues: Sequence[League], db: Rows, now: datetime) -> list[int]:
        """Matches starting in the next 24 hours, count."""
        keys = [league.key for league in leagues]
        counts = await queries.upcoming_counts(db, keys, now)
        return [counts.get(key, 0) for key in keys]

    @batch
    @staticmethod
    async def predictability(
        leagues: Sequence[League],
        db: Rows,
        now: datetime,
        market: Annotated[
            MarketKind | None,
            strawberry.argument(
                description="Market to judge; those with a line are judged at 2.5 goals or 9.5 corners."
            ),
        ] = MarketKind.MATCH_RESULT,
    ) -> list[Predictability | None]:
        """How predictable the league has been for the champion model: what was shown in the last 365 days. Null until
        graded."""
        rows = await league_records(db, question_of(market, None, None, now))
        records = {row["league_id"]: row for row in rows}
        bands = predictability_bands({key: (row["ranked"], row["count"]) for key, row in records.items()})
        return [
            _predictability(records[league.key], PredictabilityBand(bands[league.key])) if league.key in bands else None
            for league in leagues
        ]

    is_followed = batch(league_is_followed)


@strawberry.type(description="A page of leagues.")
class LeagueConnection(Connection[League]):
    pass


def refs_of(keys: Sequence[Key], rows: Sequence[Columns]) -> list[list[ExternalRef]]:
    """References of each key."""
    return [rows_of(ExternalRef, refs) for refs in grouped(keys, rows, lambda row: row["owner"])]


def _key(row: Node) -> Key:
    return row.key


def _predictability(row: Columns, band: PredictabilityBand) -> Predictability:
    closing = row["closing_log_loss"]
    return Predictability(
        band=band,
        ranked_probability_score=row["ranked"],
        skill_vs_market=None if closing is None else told(1 - row["log_loss"] / closing),
        sample_size=row["count"],
    )


def _coverage(row: Columns) -> Coverage:
    since: datetime | None = row["odds_since"]
    return Coverage(
        has_pre_match_odds=row["has_pre_match_odds"],
        has_live_odds=False,
        has_corners=row["has_corners"],
        has_expected_goals=False,
        has_lineups=False,
        odds_history_since=since.date() if since else None,
    )


async def leagues(
    db: Rows,
    now: datetime,
    is_active: Annotated[
        bool | None, strawberry.argument(description="Only leagues with a match within 24 hours.")
    ] = None,
    country_codes: Annotated[list[str] | None, strawberry.argument(description="Only these countries.")] = None,
    search: Annotated[str | None, strawberry.argument(description="Words in the name.")] = None,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> LeagueConnection:
    """Leagues."""
    page = read_page(LEAGUE_ORDER, first, after, last, before)
    criteria = queries.LeagueCriteria(is_active, now, country_codes, search)
    rows = rows_of(League, await queries.league_page(db, criteria, page))
    return connect_rows(LeagueConnection, page, rows, Counts.of(partial(queries.league_count, criteria=criteria)))


async def countries(db: Rows) -> list[Country]:
    """Countries with leagues."""
    return rows_of(Country, await queries.countries_with_leagues(db))
