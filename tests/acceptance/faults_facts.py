"""What must hold in a deployment whatever failed, asked of the database by statements of our own."""

from __future__ import annotations

import json
from collections.abc import Sequence

import asyncpg

from api.live_buffer import Cursor
from api.nodes import global_id, key_of
from tests.acceptance.faults_world import INSIDE, Bettor, Line, Trouble


async def money_is_right(database: asyncpg.Connection, bettors: Sequence[Bettor]) -> int:
    """One bet for each key, settled once, and every balance the sum of its entries; answers how many bets."""
    count = 0
    for bettor in bettors:
        purse = key_of("Bankroll", bettor.purse)
        rows = await database.fetch(
            """select b.id, b.status, b.stake, b.payout, b.version,
                 array(select s.is_effective from settlement s where s.bet_id = b.id) as verdicts,
                 array(select e.kind || ' ' || e.amount from bankroll_entry e
                   where e.bet_id = b.id order by e.id) as moved
               from bet b where b.bankroll_id = $1 order by b.id""",
            purse,
        )
        told = {key: ids for key, ids in bettor.placed.items() if ids}
        assert all(len(ids) == 1 for ids in told.values()), told
        answered = {key_of("Bet", bet_id) for ids in told.values() for bet_id in ids}
        held = {row["id"] for row in rows}
        assert answered <= held, f"bets that were answered and are not there: {answered - held}"
        assert len(held) <= len(bettor.placed), "more bets than keys"
        for row in rows:
            assert row["verdicts"] == [True], dict(row)
            paid = [f"RETURN {row['payout']}"] if row["payout"] else []
            assert row["moved"] == [f"STAKE {-row['stake']}", *paid], dict(row)
        count += len(rows)
    apart = await database.fetch(
        """select r.id, r.balance, coalesce(sum(e.amount), 0) as entries
           from bankroll r left join bankroll_entry e on e.bankroll_id = r.id group by r.id
           having r.balance <> coalesce(sum(e.amount), 0)"""
    )
    assert apart == []
    return count


async def pending_bets(database: asyncpg.Connection, bettors: Sequence[Bettor]) -> int:
    """Bets of the bettors that are not settled yet."""
    purses = [key_of("Bankroll", bettor.purse) for bettor in bettors]
    return int(
        await database.fetchval(
            "select count(*) from bet where bankroll_id = any($1::bigint[]) and status = 'PENDING'", purses
        )
    )


async def prices_have_no_hole(database: asyncpg.Connection) -> None:
    """Sequences of the odds stream follow each other, and no price was recorded twice."""
    row = await database.fetchrow(
        """select min(sequence), max(sequence), count(*), (select value from odds_position where id = 1) as position
           from quote_change"""
    )
    assert row is not None
    assert row["count"] == row["max"] - row["min"] + 1
    assert row["position"] == row["max"]
    twice = await database.fetch(
        """select match_id, selection_id, bookmaker_id, observed_at from quote_change
           group by 1, 2, 3, 4 having count(*) > 1 limit 3"""
    )
    assert twice == []


async def was_told_everything(database: asyncpg.Connection, ids: Sequence[str], line: Line, since: str) -> int:
    """Fails unless a subscription was told each change from a cursor up to its last one; answers how many.

    Where it was told of a loss, only what came after that is asked for.
    """
    assert line.cursor is not None
    begun = max(Cursor.read(cursor).sequence for cursor in [since, *line.losses])
    rows = await database.fetch(
        "select sequence from quote_change where match_id = any($1::bigint[]) and sequence > $2 and sequence <= $3",
        [key_of("Match", match) for match in ids],
        begun,
        Cursor.read(line.cursor).sequence,
    )
    missed = {row["sequence"] for row in rows} - set(line.sequences)
    assert not missed, f"never told of {sorted(missed)[:5]} and {len(missed)} in all"
    return len(rows)


async def standing_prices(database: asyncpg.Connection, ids: Sequence[str]) -> dict[tuple[str, str], int]:
    """Sequence of the change that made each standing price of the matches, by selection and bookmaker."""
    rows = await database.fetch(
        "select match_id, selection_id, bookmaker_id, sequence from quote where match_id = any($1::bigint[])",
        [key_of("Match", match) for match in ids],
    )
    return {
        (global_id("Selection", match, selection), global_id("Bookmaker", bookmaker)): sequence
        for match, selection, bookmaker, sequence in rows
    }


async def jobs_in_trouble(database: asyncpg.Connection, errands: Sequence[str]) -> list[str]:
    """What is not as it should be: dead jobs, errands that are not done, requests that nobody sent, jobs that stand."""
    rows = await database.fetch(
        """select 'dead: ' || name || ' ' || coalesce(error, '') as what from job where status = 'DEAD'
           union all select 'not done: ' || wanted.id || ' ' || coalesce(j.name || ' ' || j.status, 'unknown')
             from unnest($1::text[]) as wanted(id) left join job j using (id) where j.status is distinct from 'DONE'
           union all select 'not sent: ' || job from outbox
             where sent_at is null and due_at < clock_timestamp() - interval '5 seconds'
           union all select 'stands: ' || name || ' ' || status from job
             where status in ('QUEUED', 'RETRYING')
               and greatest(queued_at, started_at) < clock_timestamp() - interval '60 seconds'""",
        list(errands),
    )
    return [row["what"] for row in rows]


def is_shaped(trouble: Trouble) -> None:
    """Fails unless an answer that is not good has GraphQL's shape and says nothing of what is inside."""
    if trouble.status == 0:
        return
    body = json.loads(trouble.body)
    assert body["errors"], trouble
    for error in body["errors"]:
        assert error["message"], trouble
        assert error["extensions"]["code"], trouble
    assert not INSIDE.search(trouble.body), trouble.body
