"""Lists of matches: what narrows them, what sorts them, one page and the size of the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asyncpg import Record

from domain.infra.database import Reader
from domain.infra.listing import SortKey, Where, Window
from domain.matches.queries import MATCH

MATCH_ORDERS: Mapping[str, SortKey] = {
    "KICKOFF": SortKey("m.kickoff_at"),
    "CONFIDENCE": SortKey("o.confidence", is_nullable=True),
    "BEST_EDGE": SortKey("o.best_edge", is_nullable=True),
    "EXPECTED_GOALS": SortKey("o.expected_goals", is_nullable=True),
    "UPDATED": SortKey("m.updated_at"),
}
"""What a list of matches can be sorted by; the tie-break is `m.id`."""

_LISTED = """match m join league l on l.id = m.league_id left join match_outlook o on o.match_id = m.id"""


@dataclass(frozen=True, slots=True)
class MatchCriteria:
    """Which matches a list holds; what is None or empty does not narrow it."""

    kickoff_from: datetime | None = None
    kickoff_to: datetime | None = None
    """Exclusive."""
    league_ids: Sequence[int] | None = None
    team_ids: Sequence[int] | None = None
    country_codes: Sequence[str] | None = None
    statuses: Sequence[str] | None = None
    confidence_spans: Sequence[tuple[float, float]] | None = None
    """from <= confidence < to, any of them."""
    min_confidence: float | None = None
    has_edge: bool | None = None
    min_edge: float = 0.0
    """What counts for `has_edge`."""
    is_high_scoring: bool | None = None
    high_scoring_from: float = 2.5
    min_expected_goals: float | None = None
    is_big: bool | None = None
    quoted_kinds: Sequence[str] | None = None
    search: str | None = None
    refs: Sequence[tuple[str, str]] | None = None
    """Source and code or name there, of the league or of a team."""


@dataclass(frozen=True, slots=True)
class Owners:
    """Lists of several parents at once: `condition` ties `m` to `owner.id`."""

    ids: Sequence[int]
    condition: str


OF_LEAGUE = "m.league_id = owner.id"
OF_TEAM = "owner.id in (m.home_team_id, m.away_team_id)"


async def match_page(
    db: Reader, criteria: MatchCriteria, window: Window, sort_key: str, owners: Owners | None = None
) -> list[Record]:
    """One page, or one page per owner with `owner` as a column; `sort_key` is the expression of the order."""
    columns = f"{MATCH}, {sort_key} as sort_key"
    where = _matches_where(criteria) if owners is None else _matches_where(criteria, list(owners.ids))
    condition, ordering, arguments = where.paged(window)
    if owners is None:
        return await db.fetch(f"select {columns} from {_LISTED} where {condition} {ordering}", *arguments)
    return await db.fetch(
        f"""select owner.id as owner, page.* from unnest($1::bigint[]) as owner(id) cross join lateral (
              select {columns} from {_LISTED} where {owners.condition} and {condition} {ordering}) page""",
        *arguments,
    )


async def match_counts(db: Reader, criteria: MatchCriteria, owners: Owners | None = None) -> dict[int, int]:
    """Sizes of the whole lists by owner; by 0 where there is none."""
    if owners is None:
        where = _matches_where(criteria)
        return {0: await db.fetchval(f"select count(*) from {_LISTED} where {where.sql}", *where.arguments)}
    where = _matches_where(criteria, list(owners.ids))
    rows = await db.fetch(
        f"""select owner.id, count(*) from unnest($1::bigint[]) as owner(id), {_LISTED}
            where {owners.condition} and {where.sql} group by owner.id""",
        *where.arguments,
    )
    return {row["id"]: row["count"] for row in rows}


def _matches_where(criteria: MatchCriteria, *arguments: Any) -> Where:
    where = Where(*arguments)
    for condition, value in (
        ("m.kickoff_at >= {}", criteria.kickoff_from),
        ("m.kickoff_at < {}", criteria.kickoff_to),
        ("m.league_id = any({}::bigint[])", criteria.league_ids),
        ("m.status = any({}::text[])", criteria.statuses),
        ("o.confidence >= {}::float8", criteria.min_confidence),
        ("o.expected_goals >= {}::float8", criteria.min_expected_goals),
        ("l.is_big = {}", criteria.is_big),
    ):
        if value is not None:
            where.add(condition, value)
    _add_lookups(where, criteria)
    _add_figures(where, criteria)
    return where


def _add_lookups(where: Where, criteria: MatchCriteria) -> None:
    """Conditions on what surrounds a match."""
    if criteria.team_ids is not None:
        where.add("(m.home_team_id = any({0}::bigint[]) or m.away_team_id = any({0}::bigint[]))", criteria.team_ids)
    if criteria.country_codes is not None:
        where.add("l.country_id in (select id from country where code = any({}::text[]))", criteria.country_codes)
    if criteria.quoted_kinds is not None:
        where.add(
            """exists (select 1 from quote q join selection s on s.id = q.selection_id
                       join market k on k.id = s.market_id
                       where q.match_id = m.id and q.is_available
                         and case when strpos(k.kind, '.') > 0 then 'custom' else k.kind end = any({}::text[]))""",
            criteria.quoted_kinds,
        )
    if criteria.search is not None:
        names = "(select name from team where id = m.home_team_id)", "(select name from team where id = m.away_team_id)"
        where.add_words(criteria.search, "l.name", *names)
    if criteria.refs is not None:
        where.add(
            """exists (select 1 from unnest({}::text[], {}::text[]) as ref(source, value) where
               exists (select 1 from league_alias a
                       where (a.source, a.code) = (ref.source, ref.value) and a.league_id = m.league_id)
               or exists (select 1 from team_alias a where (a.source, a.name) = (ref.source, ref.value)
                          and a.team_id in (m.home_team_id, m.away_team_id)))""",
            [source for source, _ in criteria.refs],
            [value for _, value in criteria.refs],
        )


def _add_figures(where: Where, criteria: MatchCriteria) -> None:
    """Conditions on what was forecast; a match without a forecast is in none of them."""
    if criteria.confidence_spans is not None:
        where.add(
            """exists (select 1 from unnest({}::float8[], {}::float8[]) as band(low, high)
               where o.confidence >= band.low and o.confidence < band.high)""",
            [low for low, _ in criteria.confidence_spans],
            [high for _, high in criteria.confidence_spans],
        )
    if criteria.has_edge is not None:
        where.add(f"coalesce(o.best_edge >= {{}}::float8, false) is {criteria.has_edge}", criteria.min_edge)
    if criteria.is_high_scoring is not None:
        where.add(f"(o.expected_goals >= {{}}::float8) is {criteria.is_high_scoring}", criteria.high_scoring_from)
