"""Operators promote a version of a model, and release it again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import asyncpg
import strawberry

from api.models import ModelVersion
from api.nodes import key_of
from api.outcomes import CommonError, mutation
from api.rows import Rows
from domain.accounts import audit
from domain.accounts.people import OPERATOR, Caller, Viewer
from domain.forecasting import pins
from domain.forecasting.pins import Pinned
from domain.infra.database import Database, connection_of
from domain.infra.errors import Forbidden, NotFound


@strawberry.input(description="Input of `promoteModelVersion`.")
class PromoteModelVersionInput:
    model_version_id: strawberry.ID = strawberry.field(description="Version.")
    reason: str = strawberry.field(description="Why; goes into the audit log, and is shown beside the version.")


@strawberry.input(description="Input of `releaseModelVersion`.")
class ReleaseModelVersionInput:
    model_version_id: strawberry.ID = strawberry.field(description="Version that was promoted.")
    reason: str = strawberry.field(description="Why; goes into the audit log.")


@strawberry.type(description="Result of `promoteModelVersion`.")
class PromoteModelVersionPayload:
    model_version: ModelVersion | None = strawberry.field(default=None, description="The champion now.")
    previous_champion: ModelVersion | None = strawberry.field(default=None, description="The champion before.")
    errors: list[CommonError] = strawberry.field(default_factory=list, description="What went wrong; empty on success.")


@strawberry.type(description="Result of `releaseModelVersion`.")
class ReleaseModelVersionPayload:
    model_version: ModelVersion | None = strawberry.field(
        default=None, description="The champion now: the newest fit on the league."
    )
    previous_champion: ModelVersion | None = strawberry.field(default=None, description="The champion before.")
    errors: list[CommonError] = strawberry.field(default_factory=list, description="What went wrong; empty on success.")


@mutation(PromoteModelVersionPayload)
async def promote_model_version(
    db: Rows,
    database: Database,
    viewer: Viewer,
    caller: Caller,
    now: datetime,
    machine: datetime,
    input: Annotated[PromoteModelVersionInput, strawberry.argument(description="Input.")],
) -> PromoteModelVersionPayload:
    """Let a version speak for its model in its league until it is released, whatever is fitted meanwhile; for admins.
    The league is forecast with it at once."""
    key = _version_key(viewer, input.model_version_id)
    async with database.transaction() as session:
        connection = await connection_of(session)
        pinned = await pins.promote(connection, key, reason=input.reason, by=_name(viewer), now=now)
        await _note(connection, "model.promote", pinned, input.reason, viewer, caller, machine)
    after, before = await _both(db, pinned)
    return PromoteModelVersionPayload(model_version=after, previous_champion=before)


@mutation(ReleaseModelVersionPayload)
async def release_model_version(
    db: Rows,
    database: Database,
    viewer: Viewer,
    caller: Caller,
    now: datetime,
    machine: datetime,
    input: Annotated[ReleaseModelVersionInput, strawberry.argument(description="Input.")],
) -> ReleaseModelVersionPayload:
    """End the promotion of a version, so that the newest fit speaks again; for admins."""
    key = _version_key(viewer, input.model_version_id)
    async with database.transaction() as session:
        connection = await connection_of(session)
        pinned = await pins.release(connection, key, reason=input.reason, by=_name(viewer), now=now)
        await _note(connection, "model.release", pinned, input.reason, viewer, caller, machine)
    after, before = await _both(db, pinned)
    return ReleaseModelVersionPayload(model_version=after, previous_champion=before)


def _version_key(viewer: Viewer, given: str) -> int:
    if not viewer.is_operator:
        raise Forbidden("Only operators decide which version of a model users see.", requires=OPERATOR)
    key = key_of("ModelVersion", given)
    if key is None:
        raise NotFound("There is no model version with this id.", field="input.modelVersionId")
    return key


def _name(viewer: Viewer) -> str:
    """Who did it, without personal data: the record outlives accounts."""
    return f"account {viewer.account_id}"


async def _note(
    connection: asyncpg.Connection,
    action: str,
    pinned: Pinned,
    reason: str,
    viewer: Viewer,
    caller: Caller,
    machine: datetime,
) -> None:
    names = {"before": pinned.before, "after": pinned.after}
    details = {name: None if version is None else version.name for name, version in names.items()}
    await audit.note(
        connection,
        viewer.account_id,
        action,
        machine=machine,
        caller=caller,
        entity=("ModelVersion", pinned.version.id),
        details={"model": pinned.version.model_key, "reason": reason.strip(), **details},
    )


async def _both(db: Rows, pinned: Pinned) -> list[ModelVersion | None]:
    """The versions in force after and before."""
    return await db.find(ModelVersion, [None if each is None else each.id for each in (pinned.after, pinned.before)])
