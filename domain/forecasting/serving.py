"""Which model is shown: of each match and kind of market the best one that has fresh word.

A kind of market is given to one model whole, so that its lines agree. Models are ranked by the newest choice for the
kind, else by `rules.DEFAULT_ORDER`. One that failed, is gone or says nothing of a match leaves it to the next; only
where nobody is fresh a stale word is shown. What a plugin in the SHADOW says is never shown, not even then. From
kick-off on nothing changes any more.

`is_served` of `current_prediction` says what is shown now, `served_prediction` what was shown when. Whoever writes
predictions of a league holds `lock_leagues` first: what two jobs see of each other's rows must not differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import orjson

from domain.forecasting import rules
from domain.forecasting.requests import price_request
from domain.infra.database import Reader
from domain.infra.errors import Invalid
from domain.infra.outbox import ask

LONGEST_REASON = 1000
"""Signs of a reason."""

RUNNABLE = ("SHADOW", "ACTIVE")
"""States of a plugin in which it is asked at all."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The newest choice of a model for a kind of market."""

    market_kind: str
    model_key: str
    reason: str
    chosen_by: str
    chosen_at: datetime


async def offered_models(reader: Reader) -> list[rules.Offered]:
    """Models of active plugins, ours first, then by plugin."""
    rows = await reader.fetch(
        """select m.key, m.markets::text as markets from model m join plugin p on p.key = m.plugin_key
           where m.kind = 'model' and m.is_installed and p.status = 'ACTIVE'
           order by p.distribution <> 'touchline', p.key, m.key"""
    )
    return [rules.Offered(row["key"], tuple(orjson.loads(row["markets"]))) for row in rows]


async def choices(reader: Reader) -> dict[str, Choice]:
    """The newest choice for each kind of market that has one."""
    rows = await reader.fetch(
        """select distinct on (market_kind) market_kind, model_key, reason, chosen_by, chosen_at
           from model_choice order by market_kind, id desc"""
    )
    return {row["market_kind"]: Choice(**row) for row in rows}


async def read_ranking(reader: Reader) -> dict[str, list[str]]:
    """The models that price each kind of market, best first."""
    chosen = {kind: choice.model_key for kind, choice in (await choices(reader)).items()}
    return rules.ranking(await offered_models(reader), chosen)


async def lock_leagues(connection: asyncpg.Connection, league_ids: Iterable[int]) -> None:
    """Let nobody else change predictions of these leagues until the open transaction ends."""
    await connection.execute(
        """select pg_advisory_xact_lock(hashtextextended('forecasts|' || id, 0))
           from (select id from unnest($1::bigint[]) as t(id) order by id) in_order""",
        sorted(set(league_ids)),
    )


async def serve(connection: asyncpg.Connection, match_ids: Sequence[int], now: datetime) -> None:
    """Show the best standing predictions of matches that have not begun, in the open transaction.

    Keeps what is shown from when on, and the figures that lists are filtered by, and asks for the value bets of
    matches where something else is shown than before.
    """
    ranks = [(kind, *each) for kind, keys in (await read_ranking(connection)).items() for each in enumerate(keys)]
    ranking = tuple([rank[column] for rank in ranks] for column in range(3))
    await connection.execute(_HIDE, list(match_ids), *ranking)
    await connection.execute(_SHOW, list(match_ids), *ranking)
    rows = await connection.fetch(_NOTE, list(match_ids), now)
    changed = sorted({row["match_id"] for row in rows})
    await connection.execute(_LOOK_AHEAD, changed, rules.RESULT_KEY, rules.GOALS_KIND)
    await ask(connection, [price_request(match_id) for match_id in changed])


async def lock_coming(connection: asyncpg.Connection, now: datetime) -> list[int]:
    """The matches with predictions that have not begun; their leagues are locked as `lock_leagues` does."""
    rows = await connection.fetch(
        """select distinct m.id, m.league_id from match m join current_prediction c on c.match_id = m.id
           where m.status = 'SCHEDULED' and m.kickoff_at >= $1""",
        now,
    )
    await lock_leagues(connection, (row["league_id"] for row in rows))
    return [row["id"] for row in rows]


async def choose_served(connection: asyncpg.Connection, now: datetime) -> None:
    """Mark as stale what nobody renews, and show the best of everything that comes.

    In a transaction of its own, or the first thing in one: it locks leagues, and whoever locks a plugin has them first.
    """
    await serve_coming(connection, await lock_coming(connection, now), now)


async def serve_coming(connection: asyncpg.Connection, coming: Sequence[int], now: datetime) -> None:
    """The same of the matches that `lock_coming` answered, in the open transaction."""
    await connection.execute(
        """update current_prediction c set is_stale = true from model m join plugin p on p.key = m.plugin_key
           where m.key = c.model_key and not (m.is_installed and p.status = any($2::text[])) and not c.is_stale
             and c.match_id = any($1::bigint[])""",
        list(coming),
        list(RUNNABLE),
    )
    await serve(connection, coming, now)


async def choose(
    connection: asyncpg.Connection, kinds: Sequence[str], model_key: str, *, reason: str, by: str, now: datetime
) -> None:
    """Rank a model first for kinds of market, in the open transaction: it is shown wherever it has fresh word.

    Raises Invalid when no active plugin has the model, when it does not price one of the kinds, or without a reason.
    """
    offered = {model.key: model for model in await offered_models(connection)}
    if model_key not in offered:
        raise Invalid("model", f"must be a model of an active plugin: {', '.join(sorted(offered)) or 'there is none'}")
    if missing := set(kinds) - set(offered[model_key].kinds):
        raise Invalid("kind", f"{model_key} prices {', '.join(offered[model_key].kinds)}, not {', '.join(missing)}")
    await connection.execute(
        """insert into model_choice (market_kind, model_key, reason, chosen_by, chosen_at)
           select kind, $2, $3, $4, $5 from unnest($1::text[]) as t(kind)""",
        [str(kind) for kind in kinds],
        model_key,
        checked_reason(reason),
        by,
        now,
    )
    await serve(connection, await lock_coming(connection, now), now)


def checked_reason(reason: str) -> str:
    """A reason without blanks around it; raises Invalid for none, and for one that is too long."""
    text = reason.strip()
    if not 1 <= len(text) <= LONGEST_REASON:
        raise Invalid(
            "input.reason", f"must have 1 to {LONGEST_REASON} signs: whoever reads the record wants to know why"
        )
    return text


_BEST = """
with ranked as (select * from unnest($2::text[], $3::int[], $4::text[]) as t(kind, place, model_key)),
     best as (
       select distinct on (c.match_id, k.kind, k.period) c.match_id, k.kind, k.period, c.model_key
       from current_prediction c join market k on k.id = c.market_id join model m on m.key = c.model_key
       join plugin p on p.key = m.plugin_key left join ranked r on r.kind = k.kind and r.model_key = c.model_key
       where c.match_id = any($1::bigint[]) and p.status <> 'SHADOW'
       order by c.match_id, k.kind, k.period, c.is_stale, r.place nulls last, c.model_key)
update current_prediction c set is_served = not c.is_served from market k
where k.id = c.market_id and c.match_id = any($1::bigint[])"""
_IS_BEST = """exists (select 1 from best b
    where b.match_id = c.match_id and b.kind = k.kind and b.period = k.period and b.model_key = c.model_key)"""

# One after the other: no market may have two that are shown, not even within a statement.
_HIDE = f"{_BEST} and c.is_served and not {_IS_BEST}"
_SHOW = f"{_BEST} and not c.is_served and {_IS_BEST}"

_NOTE = """
insert into served_prediction (match_id, market_id, prediction_id, served_from)
select m.match_id, m.market_id, c.prediction_id, $2
from (select distinct match_id, market_id from current_prediction where match_id = any($1::bigint[])) m
left join current_prediction c on c.match_id = m.match_id and c.market_id = m.market_id and c.is_served
left join lateral (
  select s.prediction_id from served_prediction s where s.match_id = m.match_id and s.market_id = m.market_id
  order by s.served_from desc, s.id desc limit 1) last on true
where c.prediction_id is distinct from last.prediction_id
order by m.match_id, m.market_id returning match_id"""

_LOOK_AHEAD = """
insert into match_outlook (match_id, confidence, expected_goals, value_revision)
select t.match_id, max(p.confidence) filter (where k.key = $2), max(p.expected_value) filter (where k.kind = $3), 0
from unnest($1::bigint[]) as t(match_id)
left join (current_prediction c join prediction p on p.id = c.prediction_id join market k on k.id = c.market_id)
     on c.match_id = t.match_id and c.is_served
group by t.match_id order by t.match_id
on conflict (match_id) do update set confidence = excluded.confidence, expected_goals = excluded.expected_goals"""
