"""Jobs of the record."""

from __future__ import annotations

from collections.abc import Sequence

from domain.grades.service import MATCHES, Graded, grade_due, grade_repriced
from domain.infra import jobs
from domain.infra.clock import match_now
from domain.infra.database import connection_of
from workers.boot import Boot


async def grade_matches(boot: Boot, job_id: str, *, match_ids: Sequence[int] = (), are_repriced: bool = False) -> None:
    """Grade what is due, one transaction after the other until nothing is left.

    `match_ids` are matches whose facts changed, or with `are_repriced` whose prices, or what plugins said of their
    markets, did: they are looked at however long ago they were played.
    """
    count = matches = 0
    for first in range(0, len(match_ids) if are_repriced else 0, MATCHES):
        async with boot.database.transaction() as session:
            connection = await connection_of(session)
            now, some = await match_now(connection), match_ids[first : first + MATCHES]
            graded = await grade_repriced(connection, now=now, job_id=job_id, match_ids=some)
        count, matches = count + graded.count, matches + graded.matches
    while True:
        graded = await _grade(boot, job_id, match_ids, count, matches)
        count, matches = count + graded.count, matches + graded.matches
        if not graded.has_more:
            return


async def _grade(boot: Boot, job_id: str, match_ids: Sequence[int], count: int, matches: int) -> Graded:
    """One transaction; the last one ends the job."""
    async with boot.database.transaction() as session:
        connection = await connection_of(session)
        graded = await grade_due(connection, now=await match_now(connection), job_id=job_id, match_ids=match_ids)
        if not graded.has_more:
            await jobs.finish(connection, job_id, {"graded": count + graded.count, "matches": matches + graded.matches})
    return graded
