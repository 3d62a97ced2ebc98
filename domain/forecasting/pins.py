"""Versions that operators rolled a model back to: pinned in a league until they are released.

While a version is pinned nothing new is fitted there, and every prediction comes from it: restored, on the history of
its own cut-off. Only the code and the settings that made a version can let it say the same again, so no other is
pinned, and a pin that an upgrade has overtaken stops the model in that league until somebody releases it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from domain.forecasting.plugin_states import model_runs
from domain.forecasting.serving import checked_reason, lock_leagues
from domain.forecasting.versions import Version, latest_version, read_version
from domain.infra.database import Reader
from domain.infra.errors import Conflict
from domain.infra.outbox import ask
from touchline import Model
from touchline.settings import settings_of


@dataclass(frozen=True, slots=True)
class Force:
    """Which version of a model is in force in a league."""

    version: Version | None
    is_pinned: bool


@dataclass(frozen=True, slots=True)
class Pinned:
    """What a promotion or a release came to."""

    version: Version
    """The version that was named."""
    before: Version | None
    """The version that was in force."""
    after: Version | None
    """The version that is in force now."""


async def in_force(reader: Reader, model_key: str, league_id: int) -> Force:
    """The version that an operator pinned, else the newest one."""
    pinned = await reader.fetchval(
        "select model_version_id from model_pin where model_key = $1 and league_id = $2 order by id desc limit 1",
        model_key,
        league_id,
    )
    if pinned is not None:
        return Force(await read_version(reader, pinned), is_pinned=True)
    return Force(await latest_version(reader, model_key, league_id), is_pinned=False)


def check_restorable(version: Version, code_version: str, settings: Mapping[str, Any]) -> None:
    """Raise Conflict with one sentence when the installed code would make something else of a version's state."""
    name = f"Version {version.name} of {version.model_key}"
    if version.code_version != code_version:
        raise Conflict(
            f"{name} was made by the code {version.code_version}; {code_version} is installed and cannot restore it."
        )
    if dict(version.settings) != dict(settings):
        raise Conflict(f"{name} was made with other settings than the installed ones and cannot be restored.")


def check_pin(force: Force, model: Model) -> None:
    """Raise Conflict when the version in force is pinned and the installed model cannot restore it."""
    if force.is_pinned and force.version is not None:
        try:
            check_restorable(force.version, model.version, settings_of(model))
        except Conflict as overtaken:
            raise Conflict(f"{overtaken.message} It is pinned here: release it.") from None


async def promote(connection: asyncpg.Connection, version_id: int, *, reason: str, by: str, now: datetime) -> Pinned:
    """Let a version speak for its model in its league until it is released, in the open transaction.

    Raises NotFound for what is no fit, Invalid without a reason, and Conflict when the installed plugin cannot restore
    it. The model is asked anew at once.
    """
    version = await read_version(connection, version_id)
    if version.is_retrospective:
        raise Conflict(f"Version {version.name} of {version.model_key} was made to look back and was never in force.")
    installed = await connection.fetchrow(
        """select m.version, m.settings::text as settings, p.status, p.reason from model m
           join plugin p on p.key = m.plugin_key where m.key = $1""",
        version.model_key,
    )
    if installed is None or installed["status"] != "ACTIVE":
        raise Conflict(f"No active plugin has the model {version.model_key}, so nobody can restore its versions.")
    check_restorable(version, installed["version"], orjson.loads(installed["settings"]))
    return await _pin(connection, version, version.id, reason, by, now)


async def release(connection: asyncpg.Connection, version_id: int, *, reason: str, by: str, now: datetime) -> Pinned:
    """End the promotion of a version, so that the newest fit speaks again, in the open transaction.

    Raises NotFound for what is no fit, Invalid without a reason, and Conflict when the version is not pinned.
    """
    version = await read_version(connection, version_id)
    force = await in_force(connection, version.model_key, version.league_id)
    if not force.is_pinned or force.version is None or force.version.id != version.id:
        raise Conflict(f"Version {version.name} of {version.model_key} is not pinned in its league.")
    return await _pin(connection, version, None, reason, by, now)


async def _pin(
    connection: asyncpg.Connection, version: Version, pinned_id: int | None, reason: str, by: str, now: datetime
) -> Pinned:
    words = checked_reason(reason)
    await lock_leagues(connection, [version.league_id])
    before = await in_force(connection, version.model_key, version.league_id)
    await connection.execute(
        """insert into model_pin (model_key, league_id, model_version_id, reason, pinned_by, pinned_at)
           values ($1, $2, $3, $4, $5, $6)""",
        version.model_key,
        version.league_id,
        pinned_id,
        words,
        by,
        now,
    )
    after = await in_force(connection, version.model_key, version.league_id)
    leagues, models = [version.league_id], [version.model_key]
    await ask(connection, await model_runs(connection, "pin", league_ids=leagues, model_keys=models))
    return Pinned(version, before.version, after.version)
