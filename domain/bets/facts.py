"""Reads of what decides bets: the facts of matches, and what selections mean there, with one statement each."""

from __future__ import annotations

from collections.abc import Iterable

from domain.bets.slips import MatchFacts, Selected
from domain.infra.database import Reader
from domain.markets.results import FACTS, OWN, OWN_JOIN, own_market
from touchline import Facts, MarketKey

__all__ = ["MatchFacts", "Selected", "facts_of", "selections_of"]


async def facts_of(reader: Reader, match_ids: Iterable[int]) -> dict[int, MatchFacts]:
    """The matches of these ids as they stand."""
    rows = await reader.fetch(
        f"""select m.id, h.name || ' v ' || a.name, m.kickoff_at, m.updated_at, {FACTS}
           from match m join team h on h.id = m.home_team_id join team a on a.id = m.away_team_id
           where m.id = any($1::bigint[])""",
        list(set(match_ids)),
    )
    return {row[0]: MatchFacts(row[1], row[2], row[3], Facts(*row[4:])) for row in map(tuple, rows)}


async def selections_of(reader: Reader, pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Selected]:
    """Each selection of a match, given and answered by (match, selection)."""
    wanted = list(set(pairs))
    rows = await reader.fetch(
        f"""select m.id, s.id as selection_id, k.key as market, s.key as outcome, {OWN}
            from unnest($1::bigint[], $2::bigint[]) as t(match_id, selection_id)
            join match m on m.id = t.match_id join selection s on s.id = t.selection_id
            join market k on k.id = s.market_id {OWN_JOIN}""",
        [match_id for match_id, _ in wanted],
        [selection_id for _, selection_id in wanted],
    )
    return {
        (row["id"], row["selection_id"]): Selected(MarketKey.parse(row["market"]), row["outcome"], own_market(row))
        for row in rows
    }
