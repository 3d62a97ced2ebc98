"""What was known of a league at an instant, as the columns that models are fitted on and asked about.

The same read serves a forecast for tomorrow and one for a day long past: nothing that became known
after `as_of` is in it, whatever the tables hold by now. Clubs and leagues go by their slugs, which
never change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import asyncpg
import numpy as np

from domain.infra.database import Reader
from touchline import OVER_25, RESULT, Fixtures, Floats, History, Ints, MarketKey

DAYS = 1460
"""How far back a history goes: four years."""
HORIZON_DAYS = 14
"""How far ahead matches are forecast."""

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
    "home_red_cards",
    "away_red_cards",
)
"""Columns of `match` that are columns of a history under the same name."""

_DAY = 86400.0

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
    """(m,) in the fixtures' order."""


async def read_history(reader: Reader, league_id: int, as_of: datetime, days: int = DAYS) -> Past:
    """The league's matches that were played and known at `as_of`, oldest first; awarded ones are left out."""
    rows = await reader.fetch(
        f"""select m.id, l.slug as league, s.start_year, h.slug as home, a.slug as away, m.kickoff_at,
                   {", ".join(f"m.{figure}" for figure in _FIGURES)}
            from match m join league l on l.id = m.league_id join season s on s.id = m.season_id
            join team h on h.id = m.home_team_id join team a on a.id = m.away_team_id
            where m.league_id = $1 and m.status = 'FINISHED' and m.home_goals is not null
              and m.kickoff_at < $2 and m.kickoff_at >= $3 and m.result_at <= $2
            order by m.kickoff_at, m.id""",
        league_id,
        as_of,
        as_of - timedelta(days=days),
    )
    closing = await _closing_prices(reader, [row["id"] for row in rows])
    return Past(
        history=_history(rows, as_of, closing),
        match_ids=tuple(row["id"] for row in rows),
        first_at=rows[0]["kickoff_at"] if rows else None,
    )


async def read_fixtures(
    reader: Reader, league_id: int, as_of: datetime, history: History, horizon_days: int = HORIZON_DAYS
) -> Coming:
    """The league's scheduled matches after `as_of`, soonest first, as columns beside `history`.

    Days ahead count from the history's own instant. A match whose time of day is not known counts
    from 00:00 of its day, so from then on it is no longer coming. Clubs without a past match come
    after the history's.
    """
    rows = await reader.fetch(
        """select m.id, l.slug as league, s.start_year, h.slug as home, a.slug as away, m.kickoff_at
           from match m join league l on l.id = m.league_id join season s on s.id = m.season_id
           join team h on h.id = m.home_team_id join team a on a.id = m.away_team_id
           where m.league_id = $1 and m.status = 'SCHEDULED' and m.kickoff_at > $2 and m.kickoff_at <= $3
           order by m.kickoff_at, m.id""",
        league_id,
        as_of,
        as_of + timedelta(days=horizon_days),
    )
    clubs = _extended(history.clubs, _clubs(rows))
    leagues = _extended(history.leagues, tuple(sorted({row["league"] for row in rows})))
    fixtures = Fixtures(
        clubs=clubs,
        leagues=leagues,
        home=_indices(clubs, [row["home"] for row in rows]),
        away=_indices(clubs, [row["away"] for row in rows]),
        league=_indices(leagues, [row["league"] for row in rows]),
        season=_fixed(np.array([row["start_year"] for row in rows], dtype=np.int64)),
        days_ahead=_floats([(row["kickoff_at"] - history.as_of).total_seconds() / _DAY for row in rows]),
    )
    return Coming(fixtures, tuple(row["id"] for row in rows))


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

# The standing quote of a match that is over is its last one; only where a book went on after kick-off
# does the history of changes have to be asked.
_LAST_BEFORE_KICKOFF = """
with wanted as (select id as match_id, kickoff_at from match where id = any($1::bigint[])),
     chosen as (select sel.id as selection_id, k.key as market, sel.position
                from market k join selection sel on sel.market_id = k.id where k.key = any($2::text[])),
     books as (select id, case kind when 'SHARP' then 0 else 1 end as rank, key
               from bookmaker where kind in ('SHARP', 'EXCHANGE')),
     prices as (
       select q.match_id, c.market, c.position, b.rank, b.key as source,
              case when q.observed_at <= w.kickoff_at then q.price else (
                select e.price from quote_change e
                where e.match_id = q.match_id and e.selection_id = q.selection_id
                  and e.bookmaker_id = q.bookmaker_id and e.observed_at <= w.kickoff_at
                order by e.observed_at desc, e.sequence desc limit 1) end as price
       from wanted w join quote q using (match_id) join chosen c using (selection_id)
       join books b on b.id = q.bookmaker_id
       union all
       select a.match_id, c.market, c.position, case when a.is_closing then 2 else 3 end, a.name, a.price
       from wanted w join price_aggregate a using (match_id) join chosen c using (selection_id)
       where a.name in ('Avg', 'BbAv')),
     complete as (
       select match_id, market, rank, source, array_agg(price::float8 order by position) as line
       from prices where price is not null group by match_id, market, rank, source
       having count(*) = (select count(*) from chosen c where c.market = prices.market))
select distinct on (match_id, market) match_id, market, line
from complete order by match_id, market, rank, source <> 'pinnacle', source
"""


async def _closing_prices(reader: Reader, match_ids: Sequence[int]) -> _Closing:
    """The last prices before kick-off of one source each: a sharp book, else an exchange, else the average."""
    rows = await reader.fetch(_LAST_BEFORE_KICKOFF, list(match_ids), [str(RESULT), str(OVER_25)])
    return {(row["match_id"], row["market"]): row["line"] for row in rows}


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
