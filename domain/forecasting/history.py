"""What was known of a league at an instant, as the columns that models are fitted on and asked about.

The same read serves a forecast for tomorrow and one for a day long past: nothing that became known
after `as_of` is in it, whatever the tables hold by now. Clubs and leagues go by their slugs, which
never change. A model that asks for every league gets those of the same kind as its own: simulated
leagues and real ones are never mixed. A model that says that it uses no odds gets none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import asyncpg
import numpy as np

from domain.infra.database import Reader
from domain.matches.rest import Meeting, read_ahead, read_rest
from domain.odds.closing import last_lines
from touchline import (
    OVER_25,
    RESULT,
    Fixtures,
    Floats,
    History,
    Ints,
    MarketKey,
    Model,
    OddsUse,
    Reach,
    odds_use_of,
    reach_of,
)

OWN_LEAGUE = Reach()
"""Four years of the league alone."""
HORIZON_DAYS = 14
"""How far ahead matches are forecast."""
UNANNOUNCED_DAYS = 45
"""How far ahead a match of the season is put whose date nobody told."""

_FIGURES = (
    "home_goals",
    "away_goals",
    "half_time_home_goals",
    "half_time_away_goals",
    "home_shots",
    "away_shots",
    "home_shots_on_target",
    "away_shots_on_target",
    "home_corners",
    "away_corners",
    "home_fouls",
    "away_fouls",
    "home_yellow_cards",
    "away_yellow_cards",
    "home_red_cards",
    "away_red_cards",
)
"""Columns of `match` that are columns of a history under the same name."""

_DAY = 86400.0

_EVERY_LEAGUE = "l.is_simulated = (select own.is_simulated from league own where own.id = $1)"

Columns = TypeVar("Columns", Floats, Ints)


@dataclass(frozen=True, slots=True)
class Past:
    """A history and what has to be kept beside it."""

    history: History
    match_ids: tuple[int, ...]
    """(n,) the matches, in the history's order."""
    first_at: datetime | None
    """Kick-off of the first one."""


@dataclass(frozen=True, slots=True)
class Coming:
    """Fixtures and the matches that they are."""

    fixtures: Fixtures
    match_ids: tuple[int, ...]
    """(k,) the matches within the horizon, which are forecast: the first k fixtures."""
    meetings: tuple[Meeting, ...] = ()
    """(m,) every fixture: those, and after them what is left of the season beyond the horizon."""


async def past_of(reader: Reader, model: Model, league_id: int, as_of: datetime) -> Past:
    """What a model may see of the past of a league, by its `reach` and `odds_use`."""
    is_priced = odds_use_of(model) is not OddsUse.NONE
    return await read_history(reader, league_id, as_of, reach_of(model), is_priced=is_priced)


async def read_history(
    reader: Reader, league_id: int, as_of: datetime, reach: Reach = OWN_LEAGUE, *, is_priced: bool = True
) -> Past:
    """The matches in reach that were played and known at `as_of`, oldest first; awarded ones are left out.

    One statement, and another one for the closing prices, which are NaN where they were not asked for.
    """
    rows = await reader.fetch(
        f"""select m.id, l.slug as league, s.start_year, h.slug as home, a.slug as away, m.kickoff_at,
                   {", ".join(f"m.{figure}" for figure in _FIGURES)}
            from match m join league l on l.id = m.league_id join season s on s.id = m.season_id
            join team h on h.id = m.home_team_id join team a on a.id = m.away_team_id
            where {_EVERY_LEAGUE if reach.every_league else "m.league_id = $1"}
              and m.status = 'FINISHED' and m.home_goals is not null
              and m.kickoff_at < $2 and m.kickoff_at >= $3 and m.result_at <= $2
            order by m.kickoff_at, m.id""",
        league_id,
        as_of,
        as_of - timedelta(days=reach.days),
    )
    closing = await _closing_prices(reader, [row["id"] for row in rows]) if is_priced else {}
    return Past(
        history=_history(rows, as_of, closing),
        match_ids=tuple(row["id"] for row in rows),
        first_at=rows[0]["kickoff_at"] if rows else None,
    )


async def read_fixtures(
    reader: Reader, league_id: int, as_of: datetime, history: History, horizon_days: int = HORIZON_DAYS
) -> Coming:
    """The league's scheduled matches after `as_of`, soonest first, and then what is left of its season.

    Days ahead count from the history's own instant. A match whose time of day is not known counts
    from 00:00 of its day, so from then on it is no longer coming. Clubs without a past match come
    after the history's.
    """
    ahead = await read_ahead(reader, league_id, as_of, timedelta(days=horizon_days))
    near = tuple(meeting.match_id for meeting in ahead.near if meeting.match_id is not None)
    return Coming(_fixtures((*ahead.near, *ahead.rest), as_of, history), near, (*ahead.near, *ahead.rest))


async def read_season(reader: Reader, season_id: int, as_of: datetime, history: History) -> Coming:
    """What was left of a season at `as_of`; none of it is within the horizon, so none of it is forecast."""
    meetings = await read_rest(reader, season_id, as_of)
    return Coming(_fixtures(meetings, as_of, history), (), meetings)


def _fixtures(meetings: Sequence[Meeting], as_of: datetime, history: History) -> Fixtures:
    """Matches as columns beside `history`; one without a date, or that should have been played, gets a likely one."""
    clubs = _extended(history.clubs, tuple(sorted({name for each in meetings for name in (each.home, each.away)})))
    leagues = _extended(history.leagues, tuple(sorted({meeting.league for meeting in meetings})))
    some_day = as_of + timedelta(days=UNANNOUNCED_DAYS)
    kickoffs = [max(as_of, meeting.kickoff_at or some_day) for meeting in meetings]
    return Fixtures(
        clubs=clubs,
        leagues=leagues,
        home=_indices(clubs, [meeting.home for meeting in meetings]),
        away=_indices(clubs, [meeting.away for meeting in meetings]),
        league=_indices(leagues, [meeting.league for meeting in meetings]),
        season=_fixed(np.array([meeting.start_year for meeting in meetings], dtype=np.int64)),
        days_ahead=_floats([(kickoff - history.as_of).total_seconds() / _DAY for kickoff in kickoffs]),
    )


def _history(rows: Sequence[asyncpg.Record], as_of: datetime, closing: _Closing) -> History:
    clubs = _clubs(rows)
    leagues = tuple(sorted({row["league"] for row in rows}))
    figures = {figure: _floats([row[figure] for row in rows]) for figure in _FIGURES}
    ids = [row["id"] for row in rows]
    return History(
        as_of=as_of,
        clubs=clubs,
        leagues=leagues,
        home=_indices(clubs, [row["home"] for row in rows]),
        away=_indices(clubs, [row["away"] for row in rows]),
        league=_indices(leagues, [row["league"] for row in rows]),
        season=_fixed(np.array([row["start_year"] for row in rows], dtype=np.int64)),
        days_ago=_floats([(as_of - row["kickoff_at"]).total_seconds() / _DAY for row in rows]),
        closing_result=_table(closing, ids, RESULT),
        closing_total=_table(closing, ids, OVER_25),
        **figures,
    )


_Closing = Mapping[tuple[int, str], Sequence[float]]
"""Prices in outcome order by match and canonical market key."""


async def _closing_prices(reader: Reader, match_ids: Sequence[int]) -> _Closing:
    """The last prices before kick-off of one source each: a sharp book, else an exchange, else the average."""
    lines = await last_lines(reader, match_ids, [str(RESULT), str(OVER_25)])
    return {market: line.prices for market, line in lines.items()}


def _table(closing: _Closing, match_ids: Sequence[int], market: MarketKey) -> Floats:
    """(n, outcomes) closing prices, a row of NaN where there are none."""
    missing = (float("nan"),) * len(market.outcomes)
    lines = [closing.get((match_id, str(market)), missing) for match_id in match_ids]
    return _fixed(np.array(lines, dtype=np.float64).reshape(len(match_ids), len(market.outcomes)))


def _clubs(rows: Sequence[asyncpg.Record]) -> tuple[str, ...]:
    """Every club of the rows once, in the order of their slugs."""
    return tuple(sorted({row["home"] for row in rows} | {row["away"] for row in rows}))


def _extended(known: tuple[str, ...], found: tuple[str, ...]) -> tuple[str, ...]:
    """The known names, and after them those that are new."""
    return known + tuple(name for name in found if name not in set(known))


def _indices(names: Sequence[str], values: Sequence[str]) -> Ints:
    place = {name: index for index, name in enumerate(names)}
    return _fixed(np.array([place[value] for value in values], dtype=np.int64))


def _floats(values: Sequence[float | None]) -> Floats:
    return _fixed(np.array([np.nan if value is None else value for value in values], dtype=np.float64))


def _fixed(array: Columns) -> Columns:
    """The same array, read-only."""
    array.setflags(write=False)
    return array
