"""Reads of grades for the graph; each answers for many parents with one statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from asyncpg import Record

from domain.forecasting.queries import IN_SHADOW
from domain.grades.tracks import IN_QUESTION, Question
from domain.infra.database import Reader
from domain.markets.results import FACTS, OWN, OWN_JOIN


async def newest_grades(db: Reader, prediction_ids: Sequence[int]) -> list[Record]:
    """The newest grade of each prediction, columns null where it has none, with its market and what is known by now."""
    return await db.fetch(
        f"""select p.id as key, k.key as market_key, {FACTS}, {OWN}, g.revision, g.facts, g.outcome_key, g.is_hit,
                g.log_loss, g.brier, g.ranked_probability_score, g.closing_log_loss, g.closing_source, g.closing_reason,
                g.closing_probabilities, g.graded_at
            from prediction p join market k on k.id = p.market_id join match m on m.id = p.match_id {OWN_JOIN}
            left join lateral (select * from grade g where g.prediction_id = p.id order by g.revision desc limit 1) g
              on true
            where p.id = any($1::bigint[])""",
        prediction_ids,
    )


async def league_records(db: Reader, question: Question) -> list[Record]:
    """What was shown of each league: matches, mean ranked probability score, both log losses where prices closed."""
    return await db.fetch(
        f"""select g.league_id, count(*), avg(g.ranked_probability_score) as ranked,
                avg(g.log_loss) filter (where g.closing_log_loss is not null) as log_loss,
                avg(g.closing_log_loss) as closing_log_loss
            from current_grade g where {IN_QUESTION} and g.is_served group by 1""",
        *question.arguments,
    )


async def band_records(db: Reader, question: Question, bounds: Sequence[int]) -> list[Record]:
    """What was shown in each band of confidence: `band` 0 lies below the first of the rising bounds, 1 from it on."""
    return await db.fetch(
        f"""select width_bucket(g.confidence::int, $5::int[]) as band, count(*), avg(g.confidence)::float8 as shown,
                count(*) filter (where g.is_hit) as hits
            from current_grade g where {IN_QUESTION} and g.is_served group by 1""",
        *question.arguments,
        bounds,
    )


async def shown_confidences(
    db: Reader, market_key: str, start: datetime, end: datetime, bounds: Sequence[int]
) -> list[Record]:
    """The predictions shown for matches that kick off in a span: how many in each band, and their mean confidence."""
    return await db.fetch(
        """select width_bucket(p.confidence::int, $4::int[]) as band, count(*), avg(p.confidence)::float8 as shown
           from match m join current_prediction c on c.match_id = m.id and c.is_served
           join market k on k.id = c.market_id and k.key = $1 join prediction p on p.id = c.prediction_id
           where m.kickoff_at >= $2 and m.kickoff_at < $3 group by 1""",
        market_key,
        start,
        end,
        bounds,
    )


async def prediction_count(db: Reader, start: datetime, end: datetime) -> int:
    """Predictions made for matches that kick off in a span, of every model and market."""
    count: int = await db.fetchval(
        """select count(*) from match m join prediction p on p.match_id = m.id
           where m.kickoff_at >= $1 and m.kickoff_at < $2""",
        start,
        end,
    )
    return count


async def found_value(db: Reader, start: datetime, end: datetime, least_edge: float) -> list[Record]:
    """The first value bet shown on each selection of the matches of a span, with what became of the matches."""
    return await db.fetch(
        f"""select distinct on (b.match_id, b.selection_id) k.key as market_key, s.key as outcome_key,
                b.price::float8, w.commission::float8, {FACTS}, {OWN}
            from match m join value_bet b on b.match_id = m.id join selection s on s.id = b.selection_id
            join market k on k.id = s.market_id join bookmaker w on w.id = b.bookmaker_id {OWN_JOIN}
            where m.kickoff_at >= $1 and m.kickoff_at < $2 and b.edge >= $3 and b.strategy_key <> all({IN_SHADOW})
            order by b.match_id, b.selection_id, b.found_at, b.edge desc, b.id""",
        start,
        end,
        least_edge,
    )
