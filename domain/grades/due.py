"""Which matches have predictions to grade, and reading what was said of them.

A match is due when it was decided and a prediction that stands for it was never graded; and again when its facts
changed afterwards, which is looked for in the matches of the last ninety days. Whoever changes older ones names them.
While nothing is due the search is a few probes of an index per match that is forecast or was played of late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from domain.grades.rules import DECIDED
from domain.markets.results import FACTS, OWN, OWN_JOIN, own_market
from domain.markets.verdicts import OwnMarket
from touchline import Facts

LOOKED_BACK: Final = timedelta(days=90)
"""Match time since kick-off in which corrections are looked for."""


@dataclass(frozen=True, slots=True)
class DueMatch:
    """A decided match whose predictions are to be held against its facts."""

    id: int
    league_id: int
    kickoff_at: datetime
    updated_at: datetime
    """Of the facts."""
    facts: Facts


async def lock_grading(connection: asyncpg.Connection) -> None:
    """Let nobody else grade until the open transaction ends."""
    await connection.execute("select pg_advisory_xact_lock(hashtextextended('grades', 0))")


async def due_matches(
    connection: asyncpg.Connection, *, now: datetime, match_ids: Sequence[int], limit: int
) -> list[DueMatch]:
    """At most so many due matches; those named are looked at however old they are."""
    return _matches(await connection.fetch(_DUE, list(DECIDED), now - LOOKED_BACK, list(match_ids), limit))


async def decided_matches(connection: asyncpg.Connection, match_ids: Sequence[int]) -> list[DueMatch]:
    """Those of the named matches that are decided and have predictions, due or not."""
    return _matches(await connection.fetch(_DECIDED, list(DECIDED), list(match_ids)))


def _matches(rows: Sequence[asyncpg.Record]) -> list[DueMatch]:
    return [DueMatch(row[0], row[1], row[2], row[3], Facts(*row[4:])) for row in map(tuple, rows)]


_WAITING: Final = "select c.match_id from current_prediction c where c.graded_at is null"

_DUE: Final = f"""
with recursive waiting (id) as (
  ({_WAITING} order by c.match_id limit 1)
  union all
  select ({_WAITING} and c.match_id > w.id order by c.match_id limit 1) from waiting w where w.id is not null),
due (id) as (
  select m.id from waiting w join match m on m.id = w.id where m.status = any($1::text[])
  union
  select m.id from match m
  where (m.kickoff_at > $2 or m.id = any($3::bigint[])) and m.status = any($1::text[])
    and (select c.graded_at from current_prediction c where c.match_id = m.id limit 1) < m.updated_at
  limit $4)
select m.id, m.league_id, m.kickoff_at, m.updated_at, {FACTS}
from match m where m.id in (select id from due) order by m.kickoff_at, m.id
"""
"""The recursive part steps from one match with an ungraded prediction to the next one in their index. All standing
predictions of a match are graded at once, so that one of them tells of all."""


_DECIDED: Final = f"""
select m.id, m.league_id, m.kickoff_at, m.updated_at, {FACTS}
from match m where m.id = any($2::bigint[]) and m.status = any($1::text[])
  and exists (select 1 from current_prediction c where c.match_id = m.id)
order by m.kickoff_at, m.id
"""


async def read_said(connection: asyncpg.Connection, match_ids: Sequence[int]) -> list[asyncpg.Record]:
    """Every prediction of the matches, with the newest grade of each where it has one, oldest first."""
    rows: list[asyncpg.Record] = await connection.fetch(_SAID, list(match_ids))
    return rows


_SAID: Final = """
select p.id, p.match_id, p.market_id, k.key as market, p.model_key, v.code_version, p.probabilities, p.confidence,
    p.predicted_at, g.id as grade_id, g.revision, g.facts, g.outcome_key, g.closing_probabilities, g.closing_source
from prediction p join market k on k.id = p.market_id join model_version v on v.id = p.model_version_id
left join lateral (
  select g.id, g.revision, g.facts, g.outcome_key, g.closing_probabilities, g.closing_source
  from grade g where g.prediction_id = p.id order by g.revision desc limit 1) g on true
where p.match_id = any($1::bigint[])
order by p.predicted_at, p.id
"""


async def read_own(connection: asyncpg.Connection, match_ids: Sequence[int]) -> dict[tuple[int, str], OwnMarket]:
    """What plugins said of their markets in the matches, by match and market."""
    rows = await connection.fetch(_OWN, list(match_ids))
    return {(row["id"], row["market"]): own for row in rows if (own := own_market(row)) is not None}


_OWN: Final = f"""
select m.id, k.key as market, {OWN} from match m
join (select distinct match_id, market_id from prediction where match_id = any($1::bigint[])) p on p.match_id = m.id
join market k on k.id = p.market_id and strpos(k.kind, '.') > 0 {OWN_JOIN}
"""
