"""The stream of a person's verdicts: the table is the truth, a word from Redis only says when to look."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Any

import strawberry

from api.bankrolls import Bankroll
from api.batch import batch, live
from api.bets import Bet, BetSettlement
from api.nodes import key_of
from api.rows import Rows, rows_of
from domain.accounts.people import Viewer
from domain.bets import queries
from domain.infra.errors import BadCursor, NotFound
from domain.infra.news import News, bets_of

PAGE = 100
"""Verdicts read at a time: a client that was away for long is told of them page by page."""


@strawberry.type(description="A message of `betSettled`.")
class BetUpdate:
    bankroll_id: strawberry.Private[int]
    cursor: str = strawberry.field(description="Position; pass it to `after`.")
    settlement: BetSettlement = strawberry.field(
        description="The verdict that it tells of. One that is not effective changed nothing."
    )

    @batch
    @staticmethod
    async def bet(updates: Sequence[BetUpdate], db: Rows, viewer: Viewer) -> list[Bet]:
        """Bet now."""
        del viewer  # `db` answers only theirs
        return await db.pick(Bet, [update.settlement.bet_id for update in updates])

    @batch
    @staticmethod
    async def bankroll(updates: Sequence[BetUpdate], db: Rows, viewer: Viewer) -> list[Bankroll]:
        """Bankroll after it."""
        del viewer  # `db` answers only theirs
        return await db.pick(Bankroll, [update.bankroll_id for update in updates])


def write_position(account_id: int, sequence: int) -> str:
    """The opaque cursor of a place among an account's verdicts."""
    return urlsafe_b64encode(f"settled:{account_id}:{sequence}".encode()).decode().rstrip("=")


def read_position(text: str, account_id: int, *, reached: int) -> int:
    """The sequence of a cursor; raises BadCursor for one of another account, and for a place beyond `reached`."""
    try:
        plain = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
        sequence = int(plain.rpartition(":")[2])
    except (NotBase64, ValueError):
        raise BadCursor("after", "is not a cursor of `betSettled`") from None
    if sequence < 0 or write_position(account_id, sequence) != text:
        raise BadCursor("after", "is not a cursor of your `betSettled`")
    if sequence > reached:
        raise BadCursor("after", "is a position that `betSettled` has not reached")
    return sequence


@live
async def bet_settled(
    db: Rows,
    viewer: Viewer,
    news: News,
    bankroll_id: Annotated[strawberry.ID | None, strawberry.argument(description="Only this bankroll.")] = None,
    after: Annotated[str | None, strawberry.argument(description="Go on after this cursor.")] = None,
) -> AsyncGenerator[BetUpdate, None]:
    """The viewer's bets as they are settled: every verdict once and in order. Without `after` it begins now."""
    account_id = viewer.account_id
    bankroll = await _own_bankroll(db, bankroll_id)
    reached = await queries.settlement_position(db, account_id)
    sequence = reached if after is None else read_position(after, account_id, reached=reached)
    rounds = news.rounds(bets_of(account_id))
    try:
        async for _ in rounds:
            while rows := await queries.settlements_after(db, account_id, sequence, bankroll_id=bankroll, limit=PAGE):
                for settlement in rows_of(BetSettlement, rows):
                    sequence = settlement.sequence
                    yield _update(settlement, account_id)
    finally:
        await rounds.aclose()


async def _own_bankroll(db: Rows, bankroll_id: strawberry.ID | None) -> int | None:
    if not bankroll_id:
        return None
    found = (await db.find(Bankroll, [key_of("Bankroll", bankroll_id)]))[0]
    if found is None:
        raise NotFound("You have no such bankroll.", field="bankrollId")
    return found.key


def _update(settlement: Any, account_id: int) -> BetUpdate:
    return BetUpdate(
        bankroll_id=settlement.bankroll_id,
        cursor=write_position(account_id, settlement.sequence),
        settlement=settlement,
    )


async def user_settlement_cursor(users: Sequence[Any], db: Rows, viewer: Viewer) -> list[str]:
    """Position of `betSettled` now. Ask for it, subscribe after it and then read the lists: nothing that is settled
    meanwhile is missed."""
    cursor = write_position(viewer.account_id, await queries.settlement_position(db, viewer.account_id))
    return [cursor] * len(users)
