"""How much anybody may ask in a minute, in points, counted exactly over all processes.

Who is signed in spends the points of the account, everybody else those of the network address. A request of nobody is
one point before its body is read (`enter`); what its operation costs beyond that is spent before anything of it is
executed (`charge`), and what is refused sooner is a point as well (`paid`). Subscriptions at once are counted for the
same two (`counted_stream`). A limit of 0 counts nothing; a Redis that is away refuses nobody.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from graphql import GraphQLError

from api.edge.refusals import RATE_LIMITED, Refused
from domain.infra.clock import machine_now
from domain.infra.limiter import Rate, Spent, network_of

if TYPE_CHECKING:
    from api.context import Context

MINUTE = 60
POINTS = "points"
DOOR = 1
"""Points of a request before anything of it is known."""
REFUSED = 1
"""Points of an operation that is refused or only measured; nobody asks for nothing."""
Name = tuple[str, str]
"""`account` or `address`, and which."""


def refused(context: Context, wait: int) -> Refused:
    """The refusal of who has to wait so many seconds: over HTTP 429 with `Retry-After`."""
    rate = _rate(context)
    headers = {
        "retry-after": str(wait),
        "ratelimit-limit": str(rate.most),
        "ratelimit-remaining": "0",
        "ratelimit-reset": str(wait),
    }
    whose = "This network address" if context.visitor is None else "Your account"
    message = f"{whose} has asked for more than {rate.most:,} points in a minute; try again in {wait} s."
    return Refused(429, message, RATE_LIMITED, headers=headers, extensions={"retryAfterSeconds": wait})


class Left(NamedTuple):
    """What is left of a minute; all None where nothing is counted."""

    limit: int | None
    """Points a minute."""
    remaining: int | None
    resets_at: datetime | None
    """Machine time at which all points are there again when no more are spent."""


async def enter(context: Context) -> None:
    """Let nobody's request in, for one point of its address; raises Refused."""
    if wait := await _spend(context, DOOR):
        raise refused(context, wait)
    context.prepaid = DOOR


async def charge(context: Context, cost: int) -> int:
    """Spend the points of an operation, less what the door took for its request; answers 0, or the seconds to wait
    until it could be asked again. An operation that costs more than a minute has takes a whole minute's."""
    prepaid = 0 if context.visitor is not None else context.prepaid
    return await _spend(context, cost - prepaid, within=prepaid)


async def paid(context: Context, refusal: Refused) -> Refused:
    """A refusal of what came in, for which a point is spent; the one that says so where none is left."""
    return refused(context, wait) if (wait := await charge(context, REFUSED)) else refusal


async def left(context: Context) -> Left:
    """What whoever asks has left."""
    rate = _rate(context)
    spent = await context.doors.desk.limiter.spent(rate, POINTS, *whose(context)) if rate.most else None
    return NOTHING_COUNTED if spent is None else _left(rate, spent)


async def _spend(context: Context, points: int, *, within: int = 0) -> int:
    """Spend points; `within` were spent for the same thing already."""
    rate = _rate(context)
    points = min(points, rate.most - within)
    return await context.doors.desk.limiter.spend(rate, points, POINTS, *whose(context)) if points > 0 else 0


def whose(context: Context) -> Name:
    """Whom everything is counted for: the account that is signed in, else the network address."""
    if context.visitor is not None:
        return "account", str(context.visitor.account_id)
    return "address", network_of(context.caller.address)


def _rate(context: Context) -> Rate:
    settings = context.doors.settings
    return Rate(settings.address_points if context.visitor is None else settings.viewer_points, MINUTE)


@asynccontextmanager
async def counted_stream(context: Context) -> AsyncIterator[None]:
    """Count a subscription for as long as the block runs, whatever it is sent over; raises GraphQLError where there are
    as many as there may be. Every field of Subscription is run in one already."""
    most = context.doors.settings.viewer_subscriptions
    lease = await context.doors.leases.take(":".join(("streams", *whose(context))), most)
    if lease is None:
        have = "This network address has" if context.visitor is None else "Your account has"
        told = f"{have} {most} subscriptions already, and no more can run at once; end one first."
        raise GraphQLError(told, extensions={"code": RATE_LIMITED})
    try:
        yield
    finally:
        await context.doors.leases.give_back(lease)


def _left(rate: Rate, spent: Spent) -> Left:
    return Left(rate.most, spent.left(rate), machine_now() + timedelta(seconds=math.ceil(spent.ends_in)))


NOTHING_COUNTED = Left(None, None, None)
