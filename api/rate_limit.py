"""What an operation costs, and how much whoever sends it has left."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from api.context import Context
from api.edge.allowance import left

NAME = "rateLimit"
DRY_RUN = "isDryRun"


@strawberry.type(description="Cost of this operation, and what is left of the points of a minute.")
class RateLimit:
    cost: int = strawberry.field(description="Points that this operation costs.")
    limit: int | None = strawberry.field(
        description="Points a minute, of the account that is signed in or else of the network address; null where "
        "nothing is counted."
    )
    remaining: int | None = strawberry.field(description="Points left now; null where nothing is counted.")
    resets_at: datetime | None = strawberry.field(
        description="When all points are there again if none are spent until then; null where nothing is counted."
    )
    node_count: int = strawberry.field(description="Objects that this operation could answer at most, count.")


async def _rate_limit(
    info: strawberry.Info[Context],
    is_dry_run: Annotated[bool | None, strawberry.argument(description="Only measure.")] = False,  # noqa: ARG001
) -> RateLimit:
    context = info.context
    assert context.cost is not None, "the guard measures an operation before any of it is executed"
    now = await left(context)
    return RateLimit(
        cost=context.cost.points,
        limit=now.limit,
        remaining=now.remaining,
        resets_at=now.resets_at,
        node_count=context.cost.items,
    )


rate_limit = strawberry.field(
    resolver=_rate_limit,
    description="What this operation costs, and what is left. With `isDryRun` it is only measured, as it stands with "
    "its variables: nothing else of it is executed, it costs one point like every request, and `data` holds this field "
    "alone.",
)
