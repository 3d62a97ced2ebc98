"""Rows for tests, written in sets: leagues, teams, matches, prices, models, predictions, value bets.

    factory = Factory(database)
    await factory.clock()
    league = await factory.league("england-premier-league")
    matches = await factory.matches([Fixture(league, "Arsenal", "Chelsea", hours(3))])
    await factory.forecasts(matches)

`NOW` is match time, and it stands still. Every method answers ids in the order of what it was given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import numpy as np
import orjson

from domain.forecasting.rules import confidence
from domain.infra.clock import set_clock
from domain.infra.database import Database, connection_of
from domain.markets.service import Dictionary, dictionary
from domain.odds.service import NewBookmaker, Tick, bookmakers, record
from touchline.counts import over_push_under
from touchline.grid import ScoreGrid
from touchline.types import BTTS, CORNERS_95, OVER_25, RESULT, MarketKey

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
"""A Saturday noon."""

MARKETS = (RESULT, OVER_25, CORNERS_95, BTTS)

BOOKS = (
    NewBookmaker("pinnacle", "Pinnacle", "SHARP"),
    NewBookmaker("corner", "Corner Shop"),
    NewBookmaker("village", "Village Bets"),
)


def hours(count: float) -> datetime:
    """Match time so many hours after `NOW`."""
    return NOW + timedelta(hours=count)


@dataclass(frozen=True, slots=True)
class Fixture:
    """A match to make. With goals it is decided, unless `status` says otherwise."""

    league: int
    home: str
    away: str
    kickoff: datetime
    goals: tuple[int, int] | None = None
    status: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    """Other columns, for example `home_corners`."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a forecast says: expected goals and corners."""

    home: float = 1.6
    away: float = 1.1
    corners: float = 10.2


@dataclass(frozen=True, slots=True)
class Bet:
    """A value bet to make, on a price that `prices` recorded."""

    match: int
    edge: float
    outcome: str = "match_result::ft/home"
    book: str = "corner"
    price: float = 2.5
    status: str = "OPEN"


class Factory:
    """Writes rows into one database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.db = database.pool

    async def clock(self, now: datetime = NOW) -> None:
        """Let match time stand still."""
        await set_clock(self.db, match=now, speed=0)

    async def country(self, code: str = "GB-ENG", name: str = "England") -> int:
        """A country, made once."""
        return int(
            await self.db.fetchval(
                """insert into country (code, name) values ($1, $2)
                   on conflict (code) do update set name = excluded.name returning id""",
                code,
                name,
            )
        )

    async def league(
        self, slug: str, name: str | None = None, *, country: str = "GB-ENG", is_big: bool = False, code: str = ""
    ) -> int:
        """A league with a season around `NOW`; `code` is its code at `football-data`."""
        country_id = await self.country(country, {"GB-ENG": "England"}.get(country, country))
        league_id: int = await self.db.fetchval(
            """insert into league (country_id, slug, name, kind, is_big, is_simulated)
               values ($1, $2, $3, 'LEAGUE', $4, false) returning id""",
            country_id,
            slug,
            name or slug.replace("-", " ").title(),
            is_big,
        )
        await self.season(league_id, 2025)
        if code:
            await self.db.execute("insert into league_alias values ('football-data', $1, $2)", code, league_id)
        return league_id

    async def season(self, league: int, year: int) -> int:
        """The season of a league that starts in a year."""
        return int(
            await self.db.fetchval(
                """insert into season (league_id, start_year, name, starts_on, ends_on)
                   values ($1, $2, $3, $4, $5) returning id""",
                league,
                year,
                f"{year}/{(year + 1) % 100:02}",
                date(year, 8, 1),
                date(year + 1, 5, 31),
            )
        )

    async def teams(self, names: Sequence[str], *, country: str = "GB-ENG") -> dict[str, int]:
        """Teams by name, made once, each known to `football-data` by its name."""
        country_id = await self.country(country, {"GB-ENG": "England"}.get(country, country))
        distinct = list(dict.fromkeys(names))
        rows = await self.db.fetch(
            """insert into team (country_id, slug, name, short_name)
               select $1, slug, name, upper(left(name, 3)) from unnest($2::text[], $3::text[]) as t(slug, name)
               on conflict (slug) do update set name = excluded.name returning id, name""",
            country_id,
            [name.lower().replace(" ", "-") for name in distinct],
            distinct,
        )
        ids = {row["name"]: row["id"] for row in rows}
        await self.db.execute(
            """insert into team_alias (source, country_id, name, team_id)
               select 'football-data', $1, name, id from unnest($2::text[], $3::bigint[]) as t(name, id)
               on conflict do nothing""",
            country_id,
            list(ids),
            list(ids.values()),
        )
        return ids

    async def matches(self, fixtures: Sequence[Fixture]) -> list[int]:
        """Matches of the leagues' newest seasons; a repeated pair is the next leg."""
        teams = await self.teams([name for fixture in fixtures for name in (fixture.home, fixture.away)])
        seasons = {
            row["league_id"]: row["id"]
            for row in await self.db.fetch(
                "select distinct on (league_id) league_id, id from season order by league_id, start_year desc"
            )
        }
        seen: dict[tuple[int, str, str], int] = {}
        rows = []
        for fixture in fixtures:
            pair = (fixture.league, fixture.home, fixture.away)
            seen[pair] = seen.get(pair, 0) + 1
            rows.append(
                {
                    "league_id": fixture.league,
                    "season_id": seasons[fixture.league],
                    "home_team_id": teams[fixture.home],
                    "away_team_id": teams[fixture.away],
                    "leg": seen[pair],
                    "kickoff_at": fixture.kickoff,
                    "is_kickoff_time_known": True,
                    "status": fixture.status or ("FINISHED" if fixture.goals else "SCHEDULED"),
                    "home_goals": fixture.goals and fixture.goals[0],
                    "away_goals": fixture.goals and fixture.goals[1],
                    "result_at": fixture.kickoff + timedelta(minutes=115) if fixture.goals else None,
                    "source": "test",
                    "updated_at": min(fixture.kickoff, NOW),
                    **fixture.counts,
                }
            )
        # Written as JSON so that a fixture may name any column.
        made = await self.db.fetch(
            """insert into match (league_id, season_id, home_team_id, away_team_id, leg, kickoff_at,
                   is_kickoff_time_known, status, minute, home_goals, away_goals, half_time_home_goals,
                   half_time_away_goals, home_shots, away_shots, home_corners, away_corners, home_yellow_cards,
                   away_yellow_cards, home_red_cards, away_red_cards, result_at, source, updated_at)
               select league_id, season_id, home_team_id, away_team_id, leg, kickoff_at, is_kickoff_time_known, status,
                   minute, home_goals, away_goals, half_time_home_goals, half_time_away_goals, home_shots, away_shots,
                   home_corners, away_corners, home_yellow_cards, away_yellow_cards, home_red_cards, away_red_cards,
                   result_at, source, updated_at
               from jsonb_populate_recordset(null::match, $1) returning id""",
            rows,
        )
        return [row["id"] for row in made]

    async def markets(self, *keys: MarketKey) -> Dictionary:
        """The dictionary, with at least these markets."""
        async with self.database.transaction() as session:
            return await dictionary(await connection_of(session), keys or MARKETS)

    async def books(self) -> Mapping[str, int]:
        """Three bookmakers by key: one sharp, two soft."""
        async with self.database.transaction() as session:
            return await bookmakers(await connection_of(session), BOOKS)

    async def prices(
        self, matches: Sequence[int], *, markets: Sequence[MarketKey] = (RESULT,), at: datetime = NOW
    ) -> None:
        """A price of every bookmaker for every outcome: 2.50 and up, one hundredth apart."""
        words, books = await self.markets(*MARKETS, *markets), await self.books()
        ticks = [
            Tick(match, words.selection_ids[market][outcome], book, 2.5 + 0.1 * place + 0.01 * position, at)
            for match in matches
            for market in markets
            for position, outcome in enumerate(words.outcomes(market))
            for place, book in enumerate(books.values())
        ]
        async with self.database.transaction() as session:
            await record(session, ticks, source="test")

    async def plugin(self, key: str, *, status: str = "ACTIVE", reason: str | None = None) -> None:
        """A plugin of our own distribution, made once."""
        await self.db.execute(
            """insert into plugin (key, name, distribution, version, status, reason, seen_at, call_count, failure_count)
               values ($1, $2, 'touchline', '0.1.0', $3, $4, $5, 7, 1) on conflict do nothing""",
            key,
            key.replace("_", " ").capitalize(),
            status,
            reason,
            NOW,
        )

    async def model(
        self, key: str, markets: Sequence[MarketKey], *, plugin: str | None = None, kind: str = "model"
    ) -> None:
        """A model or strategy, made once, and its plugin."""
        await self.plugin(plugin or key.rpartition(".")[2])
        await self.db.execute(
            """insert into model (key, plugin_key, kind, version, markets, settings)
               values ($1, $2, $3, '1', $4, '{"half_life_days": 365}') on conflict do nothing""",
            key,
            plugin or key.rpartition(".")[2],
            kind,
            [str(market) for market in markets],
        )

    async def version(self, model: str, league: int | None, *, cutoff: datetime = NOW) -> int:
        """A fit of a model on a league."""
        return int(
            await self.db.fetchval(
                """insert into model_version (model_key, code_version, league_id, fitted_at, data_cutoff_at,
                       training_matches, fit_seconds, settings, seed, state, state_size, state_digest, inputs_digest,
                       job_id)
                   values ($1, '1', $2, $3, $3, 380, 0.25, '{"half_life_days": 365}', 1, ''::bytea, 2048, 'abc',
                           'def', 'job-fit') returning id""",
                model,
                league,
                cutoff,
            )
        )

    async def forecasts(
        self,
        matches: Sequence[int],
        figures: Sequence[Figures] | Figures = Figures(),
        *,
        at: datetime = NOW,
        is_served: bool = True,
        prefix: str = "touchline",
    ) -> list[int]:
        """Predictions of the four main markets by four models, standing, with the outlook of their match.

        Answers the ids of the four fits.
        """
        each = [figures] * len(matches) if isinstance(figures, Figures) else list(figures)
        leagues = await self.db.fetch("select id, league_id from match where id = any($1::bigint[])", list(matches))
        league = {row["id"]: row["league_id"] for row in leagues}[matches[0]]
        words = await self.markets(*MARKETS)
        versions = []
        for market in MARKETS:
            key = f"{prefix}.{market.kind}"
            await self.model(key, [market])
            versions.append(await self.version(key, league, cutoff=at))
            await self._predict(matches, market, key, versions[-1], words, each, at, is_served)
        if is_served:
            await self.outlook(
                {match: (None, one.home + one.away, None) for match, one in zip(matches, each, strict=True)}
            )
        return versions

    async def predicted(
        self, matches: Sequence[int], market: MarketKey, model: str, figures: Figures, *, at: datetime = NOW
    ) -> int:
        """Predictions of one market by a new fit of a model that `model` made, standing and not shown; its id."""
        league = await self.db.fetchval("select league_id from match where id = $1", matches[0])
        version = await self.version(model, league, cutoff=at)
        words = await self.markets(market)
        await self._predict(matches, market, model, version, words, [figures] * len(matches), at, is_served=False)
        return version

    async def _predict(
        self,
        matches: Sequence[int],
        market: MarketKey,
        model: str,
        version: int,
        words: Dictionary,
        figures: Sequence[Figures],
        at: datetime,
        is_served: bool,
    ) -> None:
        told = [told_of(market, one) for one in figures]
        rows = await self.db.fetch(
            """insert into prediction (match_id, market_id, model_version_id, model_key, probabilities, family,
                   parameters, expected_value, confidence, basis, predicted_at, data_cutoff_at, compute_milliseconds,
                   inputs_digest, job_id)
               select match_id, $2, $3, $4, probabilities::float8[], $7, parameters::jsonb, expected, confidence,
                   'model', $8, $8, 1.5, 'digest', 'job-predict'
               from unnest($1::bigint[], $5::text[], $6::text[], $9::float8[], $10::smallint[])
                    as t(match_id, probabilities, parameters, expected, confidence) returning id, match_id""",
            list(matches),
            words.market_id(market),
            version,
            model,
            ["{" + ",".join(map(repr, probabilities)) + "}" for probabilities, _ in told],
            [orjson.dumps(parameters).decode() for _, parameters in told],
            "negative_binomial" if market is CORNERS_95 else "score_grid",
            at,
            [
                parameters.get("mean", parameters.get("home_mean", 0) + parameters.get("away_mean", 0))
                for _, parameters in told
            ],
            [confidence(probabilities) for probabilities, _ in told],
        )
        await self.db.execute(
            """insert into current_prediction (match_id, market_id, model_key, prediction_id, confirmed_at, is_served,
                   is_stale)
               select match_id, $2, $3, prediction_id, $4, $5, false
               from unnest($1::bigint[], $6::bigint[]) as t(match_id, prediction_id)
               on conflict (match_id, market_id, model_key) do update
               set prediction_id = excluded.prediction_id, confirmed_at = excluded.confirmed_at""",
            [row["match_id"] for row in rows],
            words.market_id(market),
            model,
            at,
            is_served,
            [row["id"] for row in rows],
        )
        if is_served:
            await self.db.execute(
                """insert into served_prediction (match_id, market_id, prediction_id, served_from)
                   select match_id, market_id, id, predicted_at from prediction where id = any($1::bigint[])
                   order by id""",
                [row["id"] for row in rows],
            )
        if is_served and market is RESULT:
            await self.outlook(
                {
                    match: (confidence(probabilities), None, None)
                    for match, (probabilities, _) in zip(matches, told, strict=True)
                }
            )

    async def outlook(self, figures: Mapping[int, tuple[int | None, float | None, float | None]]) -> None:
        """Confidence, expected goals and best edge by match; None leaves what is there."""
        await self.db.execute(
            """insert into match_outlook (match_id, confidence, expected_goals, best_edge, value_revision)
               select *, 1 from unnest($1::bigint[], $2::smallint[], $3::float8[], $4::float8[])
               on conflict (match_id) do update
               set confidence = coalesce(excluded.confidence, match_outlook.confidence),
                   expected_goals = coalesce(excluded.expected_goals, match_outlook.expected_goals),
                   best_edge = coalesce(excluded.best_edge, match_outlook.best_edge)""",
            list(figures),
            [confidence_ for confidence_, _, _ in figures.values()],
            [goals for _, goals, _ in figures.values()],
            [edge for _, _, edge in figures.values()],
        )

    async def value_bets(self, bets: Sequence[Bet]) -> list[int]:
        """Value bets by the value strategy, with the best edge in the outlook of their match."""
        words, books = await self.markets(*MARKETS), await self.books()
        await self.model("touchline.value", [], kind="strategy")
        version = await self.version("touchline.value", None)
        selections = [_selection(words, bet.outcome) for bet in bets]
        rows = await self.db.fetch(
            """insert into value_bet (match_id, selection_id, bookmaker_id, strategy_key, model_version_id,
                   prediction_id, price, sequence, probability, edge, kelly, recommendation, status, found_at,
                   updated_at, expired_at, job_id)
               select t.match_id, t.selection_id, t.bookmaker_id, 'touchline.value', $1,
                   (select c.prediction_id from current_prediction c join selection s on s.market_id = c.market_id
                    where c.match_id = t.match_id and s.id = t.selection_id and c.is_served),
                   t.price, coalesce((select q.sequence from quote q where q.match_id = t.match_id
                       and q.selection_id = t.selection_id and q.bookmaker_id = t.bookmaker_id), 0),
                   (1 + t.edge) / t.price, t.edge, t.edge / (t.price - 1),
                   case when t.edge > 0.2 then 'STRONG' when t.edge >= 0.1 then 'MODERATE' else 'SLIGHT' end,
                   t.status, $2::timestamptz, $2, case when t.status = 'EXPIRED' then $2::timestamptz end, 'job-value'
               from unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::float8[], $7::float8[], $8::text[])
                    with ordinality as t(match_id, selection_id, bookmaker_id, price, edge, status, place)
               order by t.place returning id""",
            version,
            NOW,
            [bet.match for bet in bets],
            selections,
            [books[bet.book] for bet in bets],
            [bet.price for bet in bets],
            [bet.edge for bet in bets],
            [bet.status for bet in bets],
        )
        best: dict[int, float] = {}
        for bet in bets:
            if bet.status == "OPEN":
                best[bet.match] = max(bet.edge, best.get(bet.match, 0.0))
        await self.outlook({match: (None, None, edge) for match, edge in best.items()})
        return [row["id"] for row in rows]


def told_of(market: MarketKey, figures: Figures) -> tuple[list[float], dict[str, float]]:
    """Probabilities and parameters of a market, as our models store them."""
    if market is CORNERS_95:
        over, _, under = over_push_under(np.array([figures.corners]), np.array([30.0]), 9.5)[0].tolist()
        return [over, under], {"mean": figures.corners, "dispersion": 30.0}
    grid = ScoreGrid(np.array([figures.home]), np.array([figures.away]), np.array([-0.05]))
    parameters = {"home_mean": figures.home, "away_mean": figures.away, "rho": -0.05}
    if market is RESULT:
        return grid.result()[0].tolist(), parameters
    if market is BTTS:
        return grid.both_teams_to_score()[0].tolist(), parameters
    over, _, under = grid.total(2.5)[0].tolist()
    return [over, under], parameters


def _selection(words: Dictionary, outcome: str) -> int:
    market, _, key = outcome.rpartition("/")
    return words.selection_id(MarketKey.parse(market), key)


async def card(factory: Factory, count: int) -> list[int]:
    """A day of `count` matches with forecasts, prices and value bets: what the home page shows."""
    league = await factory.league("england-premier-league", is_big=True, code="E0")
    matches = await factory.matches(
        [Fixture(league, f"Home {place}", f"Away {place}", hours(1 + place % 20)) for place in range(count)]
    )
    rng = np.random.default_rng(1)
    await factory.forecasts(
        matches, [Figures(*row) for row in rng.uniform([0.8, 0.6, 8], [2.4, 1.8, 12], (count, 3)).tolist()]
    )
    await factory.prices(matches)
    await factory.value_bets([Bet(match, 0.06 + 0.001 * (place % 40)) for place, match in enumerate(matches)])
    return matches
