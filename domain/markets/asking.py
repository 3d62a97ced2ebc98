"""What plugins have to be asked about their markets, and keeping what they answered.

A question is a finished match and a market of a plugin that somebody predicted, bet on or priced, while no answer rests
on the facts of the match by now, or the newest one gave no results and was another version's. Only plugins that run are
asked. An answer never changes: another one adds a revision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import asyncpg
import orjson

from domain.infra.database import Reader
from domain.infra.outbox import Request
from domain.markets.results import FACTS, FACTS_NOW, NEWEST
from touchline import BetResult, Facts, MarketKey

LOOKED_BACK: Final = timedelta(days=90)
"""Match time since kick-off in which results and corrections are looked for; older ones are named."""

QUESTIONS: Final = 500
"""Asked in one go."""


@dataclass(frozen=True, slots=True)
class Question:
    """A market of a plugin in a finished match, with what is known of the match."""

    match_id: int
    market_id: int
    market: MarketKey
    facts: Facts


@dataclass(frozen=True, slots=True)
class Answer:
    """What a plugin said: one result and one sentence for each outcome, or why there are none."""

    question: Question
    results: Sequence[BetResult] | None
    sentences: Sequence[str] | None
    reason: str | None


async def kinds_to_ask(reader: Reader, *, now: datetime, match_ids: Sequence[int] = ()) -> list[str]:
    """The plugins' markets about which there is something to ask, of these matches or of all recent ones."""
    rows = await reader.fetch(
        f"select distinct k.kind {_OPEN} order by k.kind", None, now - LOOKED_BACK, list(match_ids)
    )
    return [row["kind"] for row in rows]


async def questions_of(
    reader: Reader, kind: str, *, now: datetime, match_ids: Sequence[int] = (), limit: int = QUESTIONS
) -> list[Question]:
    """At most so many questions about a plugin's market, of these matches or of all recent ones, oldest first."""
    rows = await reader.fetch(
        f"select m.id, k.id, k.key, {FACTS} {_OPEN} order by m.kickoff_at, m.id, k.id limit $4",
        kind,
        now - LOOKED_BACK,
        list(match_ids),
        limit,
    )
    return [Question(row[0], row[1], MarketKey.parse(row[2]), Facts(*row[3:])) for row in map(tuple, rows)]


_OPEN: Final = f"""
from (select k.id, k.key, k.kind, p.version
      from market k join market_kind own on own.key = k.kind join plugin p on p.key = own.plugin_key
      where p.status in ('ACTIVE', 'SHADOW') and ($1::text is null or k.kind = $1)) k
join match m on m.status = 'FINISHED'
  and (cardinality($3::bigint[]) = 0 and m.kickoff_at > $2 or m.id = any($3::bigint[]))
left join lateral {NEWEST} told on true
where (told.id is null or not {FACTS_NOW} @> told.facts or told.results is null and told.plugin_version <> k.version)
  and (exists (select 1 from current_prediction c where c.match_id = m.id and c.market_id = k.id)
       or exists (select 1 from bet_leg l where l.match_id = m.id and l.market_id = k.id)
       or exists (select 1 from selection s join quote q on q.selection_id = s.id
                  where s.market_id = k.id and q.match_id = m.id))
"""


def settle_market_request(kind: str, match_ids: Sequence[int] = ()) -> Request:
    """Have a plugin say what became of its market, in these matches or in all recent ones."""
    if match_ids:
        return Request("settle_market", {"market": kind, "match_ids": list(match_ids)})
    return Request("settle_market", {"market": kind}, dedupe_key=f"settle_market:{kind}")


async def store_answers(
    connection: asyncpg.Connection, answers: Sequence[Answer], *, version: str, now: datetime, job_id: str
) -> list[int]:
    """Write what is new among the answers of one version of a plugin, in the open transaction; answers the matches."""
    await connection.execute("select pg_advisory_xact_lock(hashtextextended('market results', 0))")
    rows = await connection.fetch(
        _STORE, orjson.dumps([_row(answer) for answer in answers]).decode(), version, now, job_id
    )
    return sorted({row["match_id"] for row in rows})


def _row(answer: Answer) -> dict[str, object]:
    question = answer.question
    return {
        "match_id": question.match_id,
        "market_id": question.market_id,
        "facts": question.facts,
        "results": answer.results,
        "sentences": answer.sentences,
        "reason": answer.reason,
    }


_STORE: Final = f"""
insert into market_result (match_id, market_id, revision, facts, results, sentences, reason, plugin_version, settled_at,
    job_id)
select m.id, k.id, coalesce(told.revision, 0) + 1, new.facts, new.results, new.sentences, new.reason, $2,
    greatest($3, m.updated_at, told.settled_at + interval '1 microsecond'), $4
from jsonb_to_recordset($1::text::jsonb)
     as new(match_id bigint, market_id bigint, facts jsonb, results text[], sentences text[], reason text)
join match m on m.id = new.match_id join market k on k.id = new.market_id
left join lateral {NEWEST} told on true
where told.id is null
  or (told.facts, told.results, told.sentences, told.reason) is distinct from
     (new.facts, new.results, new.sentences, new.reason)
  or told.results is null and told.plugin_version <> $2
order by m.id, k.id
returning match_id
"""
"""An answer is later than the facts it rests on, and than the one before, also on a clock that stands."""
