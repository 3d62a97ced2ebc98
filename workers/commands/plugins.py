"""What operators do about plugins: enable, shadow or disable one, and set its models' settings.

`touchline plugin` shows these beside its own commands; they work on a deployment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from workers.commands.options import OPERATOR, Refusal, deployment_options, resolve_settings, with_database

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

    from domain.forecasting.plugin_states import PluginState
    from domain.infra.settings import Settings
    from touchline.settings import Setting, Value

_REASON = click.option("--reason", required=True, help="Why, a sentence; it stays in the record.")
_KEY = click.argument("key")


@click.command()
@_KEY
@_REASON
@deployment_options
def enable(settings: Settings, key: str, reason: str) -> None:
    """Let the plugin with this KEY be asked, and let its models be shown where they are the best."""
    _change(settings, key, "ACTIVE", reason)


@click.command()
@_KEY
@_REASON
@deployment_options
def shadow(settings: Settings, key: str, reason: str) -> None:
    """Let the plugin with this KEY be asked and graded, and shown to nobody."""
    _change(settings, key, "SHADOW", reason)


@click.command()
@_KEY
@_REASON
@deployment_options
def disable(settings: Settings, key: str, reason: str) -> None:
    """Ask the plugin with this KEY no more; what it said last counts as stale."""
    _change(settings, key, "DISABLED", reason)


@click.command("set")
@click.argument("model")
@click.argument("values", metavar="[NAME=VALUE]...", nargs=-1)
@click.option("--default", "defaults", metavar="NAME", multiple=True, help="Give this setting its default back.")
@_REASON
@deployment_options
def set_values(settings: Settings, model: str, values: Sequence[str], defaults: Sequence[str], reason: str) -> None:
    """Change settings of the MODEL or strategy with this key, for example `touchline.value model_weight=0.3`.

    It is asked anew with them at once. `touchline plugin list` names what is installed.
    """
    wanted = _pairs(values)
    if twice := sorted(set(wanted) & set(defaults)):
        raise Refusal(f"{twice[0]} cannot be given a value and its default at once.", 2)
    work = partial(_set, model=model, texts=wanted, defaults=defaults, reason=reason)
    for name, value in asyncio.run(with_database(settings, work)).items():
        click.echo(f"{model}  {name} = {value}")


def listed_states(settings: Settings | None = None) -> dict[str, PluginState]:
    """Where each plugin of a deployment stands, by key.

    Without `settings` the deployment is found as commands find it; raises SettingsError where there is none.
    """
    if settings is None:
        from workers.stack.running import default_folder

        settings = resolve_settings(default_folder())
    return asyncio.run(with_database(settings, _states))


def _change(settings: Settings, key: str, status: str, reason: str) -> None:
    state, models = asyncio.run(with_database(settings, partial(_set_state, key=key, status=status, reason=reason)))
    click.echo(f"{key} is {state.status} since {state.changed_at:%Y-%m-%d %H:%M} UTC: {state.reason}")
    for model in models:
        click.echo(f"  {model}  {_MEANING[status]}")


_MEANING = {
    "ACTIVE": "is asked about everything that comes, and shown where it is the first that has fresh word",
    "SHADOW": "is asked about everything that comes, graded, and shown to nobody",
    "DISABLED": "is not asked; what it said last is stale",
}


async def _set_state(
    connection: asyncpg.Connection, now: datetime, *, key: str, status: str, reason: str
) -> tuple[PluginState, list[str]]:
    """The plugin's state from now on, and the keys of its models and strategies."""
    from domain.forecasting.plugin_states import PluginStatus, change_state

    state = await change_state(connection, key, PluginStatus(status), reason=reason, by=OPERATOR, now=now)
    rows = await connection.fetch(
        "select key from model where plugin_key = $1 and is_installed order by kind, key", state.plugin_key
    )
    return state, [row["key"] for row in rows]


async def _states(connection: asyncpg.Connection, _now: datetime) -> dict[str, PluginState]:
    from domain.forecasting.plugin_states import states

    return await states(connection)


async def _set(
    connection: asyncpg.Connection,
    now: datetime,
    *,
    model: str,
    texts: Mapping[str, str],
    defaults: Sequence[str],
    reason: str,
) -> dict[str, Value]:
    """The values of the declared settings from now on."""
    from domain.forecasting.plugin_settings import declared_settings, set_settings

    declared = await declared_settings(connection, model)
    values: dict[str, Any] = {name: _read(declared.get(name), text) for name, text in texts.items()}
    values |= dict.fromkeys(defaults)
    in_force = await set_settings(connection, model, values, reason=reason, by=OPERATOR, now=now)
    return {name: in_force[name] for name in declared}


def _pairs(values: Sequence[str]) -> dict[str, str]:
    """Texts of `NAME=VALUE` by name."""
    pairs: dict[str, str] = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not (name and equals):
            raise Refusal(f"{value!r} is no NAME=VALUE, for example model_weight=0.3.", 2)
        if name in pairs:
            raise Refusal(f"{name} is given twice.", 2)
        pairs[name] = text
    return pairs


def _read(setting: Setting | None, text: str) -> Value:
    """The value that a text means to a setting; the text itself where it means none, so that the setting refuses it."""
    kind = str if setting is None else type(setting.default)
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    try:
        return kind(text)
    except ValueError:
        return text


commands: list[click.Command] = [enable, shadow, disable, set_values]
