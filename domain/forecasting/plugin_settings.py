"""What operators set for models and strategies in place of their defaults: checked, kept with reasons, in force.

Every run reads what is in force. A version that was fitted with other settings is not restored: the model is fitted
anew. What an upgraded plugin no longer takes is given back its default, and the record says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import asyncpg
import orjson

from domain.forecasting.plugin_states import PLATFORM, ask_anew
from domain.forecasting.serving import checked_reason
from domain.infra.database import Reader
from domain.infra.errors import Conflict, Invalid, NotFound
from touchline import Model, SettingError, Strategy, configured
from touchline.settings import Setting, Value

Thing = TypeVar("Thing", bound=Model | Strategy)

Values = dict[str, Value]
"""By the names of settings."""


async def settings_in_force(reader: Reader) -> dict[str, Values]:
    """What operators set, by the key of the model or strategy, then by the setting's name; defaults are left out."""
    rows = await reader.fetch(
        """select distinct on (model_key) model_key, values::text as values from plugin_setting
           order by model_key, id desc"""
    )
    return {row["model_key"]: orjson.loads(row["values"]) for row in rows}


async def with_settings(reader: Reader, model: Thing) -> tuple[Thing, Values]:
    """A model or strategy with the settings in force, and those that an operator set.

    Raises Conflict when the installed code does not take one of them.
    """
    values = (await settings_in_force(reader)).get(model.key, {})
    try:
        return configured(model, values), values
    except SettingError as error:
        raise Conflict(f"The settings of {model.key} are none of its installed code: {error}.") from error


async def set_settings(
    connection: asyncpg.Connection,
    model_key: str,
    values: Mapping[str, Any],
    *,
    reason: str,
    by: str,
    now: datetime,
) -> Values:
    """Change settings of a model or strategy, in the open transaction; None gives one back its default.

    Answers all its values in force, and has it asked anew. Raises NotFound for a key that nobody has, Invalid that
    names the setting and what it takes, and Conflict when nothing would change, when its plugin cannot be used, and
    while one of its versions is pinned.
    """
    words = checked_reason(reason)
    await _hold(connection, model_key)
    before = (await settings_in_force(connection)).get(model_key, {})
    declared = await declared_settings(connection, model_key)
    after = _merged(before, _checked(declared, values), declared)
    if after == before:
        told = ", ".join(f"{name} = {before.get(name, declared[name].default)!r}" for name in values)
        raise Conflict(f"Nothing changes: {model_key} has {told} already.")
    await _write(connection, model_key, after, words, by, now)
    in_force: Values = orjson.loads(
        await connection.fetchval(
            """update model set settings = settings || $2::text::jsonb where key = $1
               returning settings::text""",
            model_key,
            orjson.dumps({name: one.default for name, one in declared.items()} | after).decode(),
        )
    )
    await ask_anew(connection, [model_key], "settings", now)
    return in_force


async def _hold(connection: asyncpg.Connection, model_key: str) -> None:
    """Lock a model or strategy that can be set; raises NotFound and Conflict for another."""
    row = await connection.fetchrow(
        """select p.key, p.status, p.reason, m.is_installed from model m join plugin p on p.key = m.plugin_key
           where m.key = $1 for update of m""",
        model_key,
    )
    if row is None:
        keys = [each["key"] for each in await connection.fetch("select key from model order by key")]
        raise NotFound(f"There is no model or strategy {model_key!r}; there are {', '.join(keys) or 'none'}.")
    if row["status"] == "REFUSED" or not row["is_installed"]:
        why = row["reason"] if row["status"] == "REFUSED" else "its plugin does not offer it any more."
        raise Conflict(f"The settings of {model_key} cannot be changed: {why}")
    pinned = await connection.fetchval(
        """select l.slug from (select distinct on (league_id) league_id, model_version_id from model_pin
                               where model_key = $1 order by league_id, id desc) n
           join league l on l.id = n.league_id where n.model_version_id is not null order by l.slug limit 1""",
        model_key,
    )
    if pinned is not None:
        raise Conflict(f"A version of {model_key} is pinned in {pinned}, with its own settings: release it first.")


async def declared_settings(reader: Reader, model_key: str) -> dict[str, Setting]:
    """The settings that a model or strategy declared when it was last loaded, by name; none of a key nobody has."""
    told = await reader.fetchval("select settings_schema::text from model where key = $1", model_key)
    schema = {} if told is None else orjson.loads(told)
    return {name: _setting(name, told) for name, told in schema.get("properties", {}).items()}


def _setting(name: str, told: Mapping[str, Any]) -> Setting:
    """A setting from its JSON Schema, as `touchline.settings.Setting.schema` wrote it."""
    kind = _KINDS[told["type"]]
    return Setting(
        name,
        kind(told["default"]),
        told.get("description", ""),
        told.get("minimum"),
        told.get("maximum"),
        tuple(kind(choice) for choice in told.get("enum", ())),
    )


_KINDS: Mapping[str, type[float | int | str | bool]] = {"number": float, "integer": int, "string": str, "boolean": bool}


def _checked(declared: Mapping[str, Setting], values: Mapping[str, Any]) -> dict[str, Value | None]:
    """The values, when the settings take them; raises Invalid that names the first that does not fit."""
    if not values:
        raise Invalid("input.values", f"must name a setting; there are {', '.join(declared) or 'none'}")
    checked: dict[str, Value | None] = {}
    for name, value in values.items():
        field = f"input.values.{name}"
        if name not in declared:
            raise Invalid(field, f"is no setting; there are {', '.join(declared) or 'none'}")
        try:
            checked[name] = None if value is None else declared[name].checked(value)
        except SettingError as error:
            raise Invalid(field, str(error).removeprefix(f"{name} ")) from error
    return checked


def _merged(before: Values, values: Mapping[str, Value | None], declared: Mapping[str, Setting]) -> Values:
    """What is not at its default afterwards."""
    wanted = before | {name: declared[name].default if value is None else value for name, value in values.items()}
    return {name: value for name, value in wanted.items() if name in declared and value != declared[name].default}


async def _write(
    connection: asyncpg.Connection, model_key: str, values: Values, reason: str, by: str, now: datetime
) -> None:
    await connection.execute(
        """insert into plugin_setting (model_key, values, reason, changed_by, changed_at)
           values ($1, $2::text::jsonb, $3, $4, $5)""",
        model_key,
        orjson.dumps(values).decode(),
        reason,
        by,
        now,
    )


@dataclass(frozen=True, slots=True)
class Applied:
    """An installed model or strategy with what is still in force of its settings."""

    thing: Model | Strategy
    kept: Values
    dropped: tuple[str, ...]
    """One sentence for each setting that its code does not take any more."""


def applied(thing: Model | Strategy, values: Values) -> Applied:
    """A model or strategy with those of the values that it takes."""
    kept: Values = {}
    dropped = []
    for name, value in values.items():
        try:
            configured(thing, {name: value})
        except SettingError as error:
            dropped.append(f"{error}.")
        else:
            kept[name] = value
    return Applied(configured(thing, kept), kept, tuple(dropped))


async def give_back(connection: asyncpg.Connection, things: Sequence[Applied], now: datetime) -> None:
    """Write down which settings are at their defaults again, since the installed code does not take them any more."""
    for one in things:
        if one.dropped:
            reason = f"Version {one.thing.version} does not take what was set: {' '.join(one.dropped)}"
            await _write(connection, one.thing.key, one.kept, reason, PLATFORM, now)
