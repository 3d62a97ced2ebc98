"""Reads of what decides bets: the facts of matches and the meaning of selections, with one statement each."""

from __future__ import annotations

from collections.abc import Iterable

from domain.bets.slips import MatchFacts
from domain.infra.database import Reader
from touchline import Facts, MarketKey

__all__ = ["MatchFacts", "facts_of", "selections_of"]


async def facts_of(reader: Reader, match_ids: Iterable[int]) -> dict[int, MatchFacts]:
    """The matches of these ids as they stand."""
    rows = await reader.fetch(
        """select m.id, h.name || ' v ' || a.name, m.kickoff_at, m.updated_at, m.status, m.home_goals, m.away_goals,
               m.half_time_home_goals, m.half_time_away_goals, m.home_corners, m.away_corners
           from match m join team h on h.id = m.home_team_id join team a on a.id = m.away_team_id
           where m.id = any($1::bigint[])""",
        list(set(match_ids)),
    )
    return {row[0]: MatchFacts(row[1], row[2], row[3], Facts(*row[4:])) for row in map(tuple, rows)}


async def selections_of(reader: Reader, selection_ids: Iterable[int]) -> dict[int, tuple[MarketKey, str]]:
    """Market and outcome of each selection."""
    rows = await reader.fetch(
        """select s.id, m.key, s.key from selection s join market m on m.id = s.market_id
           where s.id = any($1::bigint[])""",
        list(set(selection_ids)),
    )
    return {row[0]: (MarketKey.parse(row[1]), row[2]) for row in rows}
