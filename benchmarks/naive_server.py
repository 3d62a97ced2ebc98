"""The Today operation as strawberry is usually written: what `benchmarks.serving` compares the API with.

    DATABASE_URL=… REDIS_URL=… TOUCHLINE_PORT=… python -m benchmarks.naive_server

Written with care, but by the book and without our convention: SQLModel's ORM with `select`, one DataLoader per
relation with a session of its own, an async resolver where something is loaded and a plain attribute or method where
nothing is. Schema, executor, JSON and garbage collection are strawberry's and Python's defaults; uvicorn, uvloop,
httptools and the number of connections are the API's. It serves just the fields that Today asks for, in the
same shape. Enums, scalars, ids and cursors are the API's own, so that equal answers are equal JSON.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import strawberry
import uvicorn
from fastapi import FastAPI
from sqlalchemy import func, tuple_
from sqlalchemy.ext.asyncio import async_sessionmaker
from sqlmodel import SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import HTTPConnection
from strawberry.dataloader import DataLoader
from strawberry.fastapi import BaseContext, GraphQLRouter
from strawberry.schema.config import StrawberryConfig

from api.filters import ConfidenceBand, MatchOrder, MatchStatus, TimeWindow, match_order
from api.forecast_parts import ForecastBasis
from api.nodes import global_id
from api.paging import read_cursor, write_cursor
from api.scalars import SCALARS, MarketKind
from api.tiers import Truncation
from api.value_filters import Recommendation
from domain.forecasting.tables import CurrentPrediction, Prediction
from domain.infra.clock import ClockRow, machine_now
from domain.infra.database import engine_of
from domain.infra.settings import Settings, read_settings
from domain.infra.tables import ClockTable
from domain.markets import tables as markets
from domain.matches import tables as matches
from domain.odds import tables as odds
from domain.odds.fair import is_stale
from domain.odds.rules import american, fractional, implied
from domain.value import tables as value
from touchline import forecasting
from touchline.types import BTTS, RESULT

RESULT_KEY, GOALS_KEY, CORNERS_KEY, BTTS_KEY = str(RESULT), "total_goals:2.5:ft", "total_corners:9.5:ft", str(BTTS)
WEAKEST_FIRST = (ForecastBasis.LEAGUE_PRIOR, ForecastBasis.MARKET_IMPLIED, ForecastBasis.MODEL_SPARSE)
BY_KICKOFF = match_order(None)

Sessions = async_sessionmaker[AsyncSession]
Told = tuple[Prediction, str]
"""A prediction and the key of its market."""
T = TypeVar("T")
K = TypeVar("K")


class Loaders:
    """The DataLoaders of one request."""

    def __init__(self, sessions: Sessions, max_edge: float) -> None:
        self._sessions = sessions
        self._max_edge = max_edge
        self.leagues: DataLoader[int, matches.League] = DataLoader(self._by_id(matches.League))
        self.teams: DataLoader[int, matches.Team] = DataLoader(self._by_id(matches.Team))
        self.bookmakers: DataLoader[int, odds.Bookmaker] = DataLoader(self._by_id(odds.Bookmaker))
        self.selections: DataLoader[int, markets.Selection] = DataLoader(self._by_id(markets.Selection))
        self.predictions: DataLoader[int, list[Told]] = DataLoader(self._predictions)
        self.best_quotes: DataLoader[tuple[int, str], list[odds.Quote]] = DataLoader(self._best_quotes)
        self.value_bets: DataLoader[tuple[int, float], list[value.ValueBet]] = DataLoader(self._value_bets)

    def _by_id(self, table: Any) -> Callable[[list[int]], Any]:
        async def load(ids: list[int]) -> list[Any]:
            rows = await self._all(select(table).where(col(table.id).in_(ids)))
            found = {row.id: row for row in rows}
            return [found[id_] for id_ in ids]

        return load

    async def _predictions(self, match_ids: list[int]) -> list[list[Told]]:
        """The served prediction of each market of each match."""
        rows: Sequence[Told] = await self._all(
            select(Prediction, markets.Market.key)
            .join(CurrentPrediction, col(CurrentPrediction.prediction_id) == Prediction.id)
            .join(markets.Market, col(markets.Market.id) == Prediction.market_id)
            .where(col(CurrentPrediction.match_id).in_(match_ids), col(CurrentPrediction.is_served))
        )
        return grouped(match_ids, rows, lambda row: row[0].match_id)

    async def _best_quotes(self, keys: list[tuple[int, str]]) -> list[list[odds.Quote]]:
        """The best quotes of one market of each match, in the order of its selections."""
        quote, best = odds.Quote, odds.BestQuote
        rows: Sequence[tuple[odds.Quote, str]] = await self._all(
            select(quote, markets.Market.kind)
            .join(
                best,
                (col(best.match_id) == quote.match_id)
                & (col(best.selection_id) == quote.selection_id)
                & (col(best.bookmaker_id) == quote.bookmaker_id),
            )
            .join(markets.Selection, col(markets.Selection.id) == quote.selection_id)
            .join(markets.Market, col(markets.Market.id) == markets.Selection.market_id)
            .where(
                col(best.match_id).in_({match_id for match_id, _ in keys}),
                col(markets.Market.kind).in_({kind for _, kind in keys}),
            )
            .order_by(col(markets.Selection.position))
        )
        found = grouped(keys, rows, lambda row: (row[0].match_id, row[1]))
        return [[quote for quote, _ in each] for each in found]

    async def _value_bets(self, keys: list[tuple[int, float]]) -> list[list[value.ValueBet]]:
        """Open value bets of each match from a smallest edge on, largest edge first."""
        table = value.ValueBet
        rows: Sequence[value.ValueBet] = await self._all(
            select(table)
            .where(
                col(table.match_id).in_({match_id for match_id, _ in keys}),
                table.status == "OPEN",
                table.edge >= min(edge for _, edge in keys),
                table.edge <= self._max_edge,
            )
            .order_by(col(table.edge).desc(), col(table.id))
        )
        found = grouped([match_id for match_id, _ in keys], rows, lambda row: row.match_id)
        return [[bet for bet in bets if bet.edge >= edge] for bets, (_, edge) in zip(found, keys, strict=True)]

    async def _all(self, statement: Any) -> Any:
        async with self._sessions() as session:
            return (await session.exec(statement)).all()


def grouped(keys: Sequence[K], rows: Iterable[T], key: Callable[[T], K]) -> list[list[T]]:
    """The rows of each key, in the order of the keys."""
    groups: dict[K, list[T]] = {wanted: [] for wanted in keys}
    for row in rows:
        groups[key(row)].append(row)
    return [groups[wanted] for wanted in keys]


def known_id(row: SQLModel) -> int:
    """The primary key of a row that was read."""
    id_: int = row.id  # type: ignore[attr-defined]
    return id_


@dataclass(frozen=True, slots=True)
class State:
    """What the process opened at its start."""

    sessions: Sessions
    clock: ClockRow
    max_edge: float


class Context(BaseContext):
    """Of one request."""

    def __init__(self, state: State) -> None:
        super().__init__()
        self.sessions = state.sessions
        self.now = state.clock.at(machine_now())
        self.loaders = Loaders(state.sessions, state.max_edge)


Info = strawberry.Info[Context, None]


@strawberry.type
class League:
    id: strawberry.ID
    name: str
    slug: str


@strawberry.type
class Team:
    id: strawberry.ID
    short_name: str
    crest_url: str | None = None


async def team_of(info: Info, team_id: int) -> Team:
    """A team by its key."""
    row = await info.context.loaders.teams.load(team_id)
    return Team(id=global_id("Team", row.id), short_name=row.short_name)


@strawberry.type
class ResultForecast:
    home: float
    draw: float
    away: float


@strawberry.type
class LineForecast:
    over: float
    push: float
    under: float
    expected_total: float | None
    expected_home: float | None
    expected_away: float | None


@strawberry.type
class YesNoForecast:
    yes: float
    no: float


@strawberry.type
class Confidence:
    score: float

    @strawberry.field
    def band(self) -> ConfidenceBand:
        return ConfidenceBand.of(self.score)


@strawberry.type
class MatchForecast:
    told: strawberry.Private[dict[str, Prediction]]

    def _stored(self, market_key: str) -> forecasting.StoredForecast:
        row = self.told.get(market_key)
        if row is None:
            return forecasting.StoredForecast()
        return forecasting.StoredForecast(row.family, row.parameters, {market_key: row.probabilities})

    @strawberry.field
    def result(self) -> ResultForecast | None:
        answer = forecasting.result(self._stored(RESULT_KEY))
        return answer and ResultForecast(**answer._asdict())

    @strawberry.field
    def goals(self, line: float = 2.5) -> LineForecast | None:
        answer = forecasting.total_goals(self._stored(GOALS_KEY), line)
        return answer and LineForecast(**answer._asdict())

    @strawberry.field
    def corners(self, line: float = 9.5) -> LineForecast | None:
        answer = forecasting.corners(self._stored(CORNERS_KEY), line)
        return answer and LineForecast(**answer._asdict())

    @strawberry.field
    def both_teams_to_score(self) -> YesNoForecast | None:
        answer = forecasting.both_teams_to_score(self._stored(BTTS_KEY))
        return answer and YesNoForecast(**answer._asdict())

    @strawberry.field
    def confidence(self) -> Confidence | None:
        row = self.told.get(RESULT_KEY)
        return None if row is None else Confidence(score=float(row.confidence))

    @strawberry.field
    def basis(self) -> ForecastBasis:
        bases = {ForecastBasis.of(row.basis) for row in self.told.values()}
        return next((basis for basis in WEAKEST_FIRST if basis in bases), ForecastBasis.MODEL)

    @strawberry.field
    def predicted_at(self) -> datetime:
        return max(row.predicted_at for row in self.told.values())


@strawberry.type
class Bookmaker:
    name: str


@strawberry.type
class Selection:
    key: str


@strawberry.type
class Price:
    decimal: float

    @strawberry.field
    def american(self) -> int:
        return american(self.decimal)

    @strawberry.field
    def fractional(self) -> str:
        return fractional(self.decimal)

    @strawberry.field
    def implied_probability(self) -> float:
        return implied(self.decimal)


@strawberry.type
class OddsQuote:
    row: strawberry.Private[odds.Quote]

    @strawberry.field
    async def bookmaker(self, info: Info) -> Bookmaker:
        return Bookmaker(name=(await info.context.loaders.bookmakers.load(self.row.bookmaker_id)).name)

    @strawberry.field
    async def selection(self, info: Info) -> Selection:
        return Selection(key=(await info.context.loaders.selections.load(self.row.selection_id)).key)

    @strawberry.field
    def price(self) -> Price:
        return Price(decimal=float(self.row.price))

    @strawberry.field
    def is_stale(self, info: Info) -> bool:
        return is_stale(self.row.confirmed_at, info.context.now)


@strawberry.type
class ValueBet:
    id: strawberry.ID
    edge: float
    recommendation: Recommendation


@strawberry.type
class Match:
    row: strawberry.Private[matches.Match]
    id: strawberry.ID
    kickoff_at: datetime
    status: MatchStatus

    @classmethod
    def of(cls, row: matches.Match) -> Match:
        """The graph's shape of a row."""
        return cls(row=row, id=global_id("Match", row.id), kickoff_at=row.kickoff_at, status=MatchStatus(row.status))

    @strawberry.field
    async def is_big_match(self, info: Info) -> bool:
        return (await info.context.loaders.leagues.load(self.row.league_id)).is_big

    @strawberry.field
    async def league(self, info: Info) -> League:
        row = await info.context.loaders.leagues.load(self.row.league_id)
        return League(id=global_id("League", row.id), name=row.name, slug=row.slug)

    @strawberry.field
    async def home_team(self, info: Info) -> Team:
        return await team_of(info, self.row.home_team_id)

    @strawberry.field
    async def away_team(self, info: Info) -> Team:
        return await team_of(info, self.row.away_team_id)

    @strawberry.field
    async def forecast(self, info: Info) -> MatchForecast | None:
        rows = await info.context.loaders.predictions.load(known_id(self.row))
        return MatchForecast(told={key: row for row, key in rows}) if rows else None

    @strawberry.field
    async def best_odds(self, info: Info, market: MarketKind = MarketKind.MATCH_RESULT) -> list[OddsQuote]:
        rows = await info.context.loaders.best_quotes.load((known_id(self.row), market.stored))
        return [OddsQuote(row=row) for row in rows]

    @strawberry.field
    async def value_bets(self, info: Info, min_edge: float = 0.0) -> list[ValueBet] | None:
        rows = await info.context.loaders.value_bets.load((known_id(self.row), min_edge))
        return [
            ValueBet(id=global_id("ValueBet", row.id), edge=row.edge, recommendation=Recommendation(row.recommendation))
            for row in rows
        ]


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class MatchConnection:
    condition: strawberry.Private[Any]
    nodes: list[Match]
    page_info: PageInfo
    truncation: Truncation | None = None

    @strawberry.field
    async def total_count(self, info: Info) -> int:
        async with info.context.sessions() as session:
            return (await session.exec(select(func.count()).select_from(matches.Match).where(self.condition))).one()


@strawberry.input
class MatchFilter:
    window: TimeWindow = TimeWindow.NEXT_24_HOURS


@strawberry.type
class Query:
    @strawberry.field
    async def matches(
        self,
        info: Info,
        filter: MatchFilter,
        order_by: MatchOrder | None = None,  # noqa: ARG002 - Today sorts by kick-off
        first: int = 20,
        after: str | None = None,
    ) -> MatchConnection:
        start, end = filter.window.bounds(info.context.now, ZoneInfo("UTC"))
        table = matches.Match
        condition = (col(table.kickoff_at) >= start) & (col(table.kickoff_at) < end)
        statement = select(table).where(condition).order_by(col(table.kickoff_at), col(table.id)).limit(first + 1)
        if after is not None:
            position = read_cursor(BY_KICKOFF, after, "after")
            statement = statement.where(tuple_(col(table.kickoff_at), col(table.id)) > position)
        async with info.context.sessions() as session:
            rows = (await session.exec(statement)).all()
        shown = rows[:first]
        cursor = write_cursor(BY_KICKOFF, (shown[-1].kickoff_at, shown[-1].id)) if shown else None
        return MatchConnection(
            condition=condition,
            nodes=[Match.of(row) for row in shown],
            page_info=PageInfo(has_next_page=len(rows) > first, end_cursor=cursor),
        )


def create_app(settings: Settings) -> FastAPI:
    """The server on a database that is already filled."""
    # As many connections as the API has; beyond them SQLAlchemy would open and close one for every loader.
    engine = engine_of(settings.database_url, pool_size=settings.database_pool, max_overflow=0)
    sessions = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with sessions() as session:
            row = (await session.exec(select(ClockTable))).one()
        clock = ClockRow(row.wall_anchor, row.match_anchor, row.speed)
        app.state.opened = State(sessions, clock, settings.max_edge)
        yield
        await engine.dispose()

    async def context(connection: HTTPConnection) -> Context:
        return Context(connection.app.state.opened)

    schema = strawberry.Schema(query=Query, config=StrawberryConfig(scalar_map={**SCALARS}))
    app = FastAPI(lifespan=lifespan)
    app.include_router(GraphQLRouter(schema, context_getter=context), prefix="/graphql")
    return app


def main() -> None:
    """Serve until told to stop."""
    settings = read_settings()
    uvicorn.run(
        create_app(settings), host=settings.host, port=settings.port, log_level=settings.log_level, access_log=False
    )


if __name__ == "__main__":
    main()
