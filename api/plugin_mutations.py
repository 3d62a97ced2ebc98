"""Operators say which plugins run, which are shown, and with which settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import asyncpg
import orjson
import strawberry

from api.models import Model
from api.outcomes import CommonError, mutation
from api.plugin_parts import PluginStatus
from api.plugins import Plugin
from api.rows import Rows
from api.scalars import given
from domain.accounts import audit
from domain.accounts.people import OPERATOR, Caller, Viewer
from domain.forecasting import plugin_states
from domain.forecasting.plugin_settings import set_settings
from domain.forecasting.plugin_states import CHOSEN, change_state
from domain.infra.database import Database, connection_of
from domain.infra.errors import Forbidden, Invalid, NotFound


@strawberry.input(description="Input of `configurePlugin`: a status, settings or both.")
class ConfigurePluginInput:
    plugin_key: str = strawberry.field(description="Key of the plugin.")
    model_key: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Model or strategy that `settings` are of; may be left out where the plugin has only one.",
    )
    status: PluginStatus | None = strawberry.field(
        default=strawberry.UNSET, description="ENABLED, SHADOW or DISABLED; stays what it is when omitted."
    )
    settings: strawberry.scalars.JSON | None = strawberry.field(
        default=strawberry.UNSET,
        description="Settings by name, checked against `settingsSchema` of the model; null gives one back its default. "
        "Those left out stay.",
    )
    reason: str = strawberry.field(description="Why; goes into the audit log, and is shown beside the plugin.")


@strawberry.type(description="Result of `configurePlugin`.")
class ConfigurePluginPayload:
    plugin: Plugin | None = strawberry.field(default=None, description="The plugin.")
    model: Model | None = strawberry.field(
        default=None, description="The model or strategy whose settings were changed; null when none were."
    )
    errors: list[CommonError] = strawberry.field(default_factory=list, description="What went wrong; empty on success.")


@dataclass(frozen=True, slots=True)
class _Deed:
    """Who changes a plugin, and why."""

    viewer: Viewer
    caller: Caller
    reason: str
    now: datetime
    machine: datetime

    @property
    def by(self) -> str:
        """Who, without personal data: the record outlives accounts."""
        return f"account {self.viewer.account_id}"

    async def note(self, connection: asyncpg.Connection, entity: tuple[str, str], details: Mapping[str, Any]) -> None:
        """Write it into the audit log, in the open transaction."""
        action = {"Plugin": "plugin.state", "Model": "plugin.settings"}[entity[0]]
        await audit.note(
            connection,
            self.viewer.account_id,
            action,
            machine=self.machine,
            caller=self.caller,
            entity=entity,
            details={**details, "reason": self.reason.strip()},
        )


@mutation(ConfigurePluginPayload)
async def configure_plugin(
    db: Rows,
    database: Database,
    viewer: Viewer,
    caller: Caller,
    now: datetime,
    machine: datetime,
    input: Annotated[ConfigurePluginInput, strawberry.argument(description="Input.")],
) -> ConfigurePluginPayload:
    """Enable, shadow or disable a plugin, or change settings of one of its models or strategies; for admins. All of it
    is done or nothing, and at once."""
    if not viewer.is_operator:
        raise Forbidden("Only operators decide which plugins run, and how.", requires=OPERATOR)
    status, settings = given(input.status), given(input.settings)
    _check(status, settings)
    deed = _Deed(viewer, caller, input.reason, now, machine)
    async with database.transaction() as session:
        connection = await connection_of(session)
        models = await _models_of(connection, input.plugin_key)
        model_key = None if settings is None else _one_of(models, input.plugin_key, given(input.model_key))
        if status is not None:
            await _change_state(connection, input.plugin_key, status, deed)
        if model_key is not None:
            await _set_settings(connection, model_key, settings, deed)
    plugin, model = (await db.pick(Plugin, [input.plugin_key]))[0], (await db.find(Model, [model_key]))[0]
    return ConfigurePluginPayload(plugin=plugin, model=model)


def _check(status: PluginStatus | None, settings: Any) -> None:
    """Raises Invalid for an input that asks for nothing, or for what nobody can give."""
    if status is None and settings is None:
        raise Invalid("input.status", "must be given, or `settings`: nothing would change")
    if status is not None and status.stored not in CHOSEN:
        chosen = ", ".join(PluginStatus.of(each) for each in CHOSEN)
        raise Invalid("input.status", f"must be one of {chosen}: {status} is the platform's own word")
    if settings is not None and not isinstance(settings, dict):
        raise Invalid("input.settings", 'must be an object of settings by name, for example {"half_life_days": 300}')


async def _models_of(connection: asyncpg.Connection, plugin_key: str) -> list[str]:
    """Keys of a plugin's models and strategies; raises NotFound without the plugin."""
    rows = await connection.fetch(
        """select p.key, m.key as model_key from plugin p left join model m on m.plugin_key = p.key
           where p.key = $1 order by m.key""",
        plugin_key,
    )
    if not rows:
        raise NotFound("There is no plugin with this key; `plugins` lists them.", field="input.pluginKey")
    return [row["model_key"] for row in rows if row["model_key"] is not None]


def _one_of(models: list[str], plugin_key: str, asked: str | None) -> str:
    """The model whose settings are meant; raises Invalid where that is not clear."""
    there_are = f"{plugin_key} has {', '.join(models) or 'no model and no strategy'}"
    if asked is None and len(models) != 1:
        raise Invalid("input.modelKey", f"must say whose settings are meant: {there_are}")
    if asked is not None and asked not in models:
        raise Invalid("input.modelKey", f"is no model of this plugin: {there_are}")
    return asked or models[0]


async def _change_state(connection: asyncpg.Connection, plugin_key: str, status: PluginStatus, deed: _Deed) -> None:
    before = (await plugin_states.states(connection))[plugin_key].status
    wanted = plugin_states.PluginStatus(status.stored)
    after = await change_state(connection, plugin_key, wanted, reason=deed.reason, by=deed.by, now=deed.now)
    details = {"before": PluginStatus.of(before), "after": PluginStatus.of(after.status)}
    await deed.note(connection, ("Plugin", plugin_key), details)


async def _set_settings(connection: asyncpg.Connection, model_key: str, values: dict[str, Any], deed: _Deed) -> None:
    before = orjson.loads(await connection.fetchval("select settings::text from model where key = $1", model_key))
    try:
        after = await set_settings(connection, model_key, values, reason=deed.reason, by=deed.by, now=deed.now)
    except Invalid as error:
        raise Invalid(error.field.replace("input.values", "input.settings"), error.message) from error
    await deed.note(connection, ("Model", model_key), {"before": before, "after": after})
