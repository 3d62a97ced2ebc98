"""`touchline plugin list`: every installed plugin, what it offers or why it is refused, and where the server has it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final, Protocol

import click

from touchline.command.group import GROUP
from touchline.evaluation.command import console

if TYPE_CHECKING:
    from touchline.plugins import Plugin

STYLES: Final = {"loaded": "green", "refused": "red"}


class State(Protocol):
    """Where a server has a plugin, as the application tells it."""

    @property
    def status(self) -> str: ...

    @property
    def reason(self) -> str: ...

    @property
    def changed_at(self) -> datetime: ...

    @property
    def failures_in_row(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Server:
    """What a server says of plugins, by key."""

    states: Mapping[str, State] = field(default_factory=dict)
    silence: str = ""
    """Why it says nothing; empty where it does, and where there is no application."""


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def list_plugins(as_json: bool) -> None:
    """List the installed plugins: what each offers, or why it cannot be used.

    Each is looked at in a process of its own. Where the application is installed and its database runs, the state of
    each plugin there stands beside it.
    """
    from touchline.discovery import close_plugins, discover_plugins

    registry = discover_plugins()
    close_plugins(registry)
    server = _server()
    if as_json:
        rows = [_plain(plugin, server.states.get(plugin.key)) for plugin in registry.plugins]
        click.echo(json.dumps({"plugins": rows, "server": server.silence or None}, indent=1))
    else:
        _show(registry.plugins, server)


def _server() -> Server:
    """The states of the plugins where the application and its database are there."""
    for point in entry_points(group=GROUP):
        try:
            application = import_module(point.module)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != point.module.partition(".")[0]:
                raise
            continue
        try:
            return Server(application.listed_states())
        except Exception as error:  # noqa: BLE001 - told: the list is of use without a server
            return Server(silence=" ".join(str(error).split()) or type(error).__name__)
    return Server()


def _show(plugins: tuple[Plugin, ...], server: Server) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("plugin", "distribution", "status"):
        table.add_column(name, no_wrap=True)
    table.add_column("offers")
    if server.states:
        table.add_column("on the server")
    for plugin in plugins:
        status = plugin.status.value
        cells = [Text(plugin.key), Text(_distribution(plugin)), Text(status, style=STYLES[status])]
        cells.append(Text(plugin.reason, style="red") if plugin.reason else Text(_offers(plugin)))
        if server.states:
            cells.append(Text(_state(server.states.get(plugin.key))))
        table.add_row(*cells)
    screen = console()
    screen.print(table)
    if server.silence:
        screen.print(Text(f"No state on a server is shown: {server.silence}"))


def _distribution(plugin: Plugin) -> str:
    return " ".join(filter(None, (plugin.distribution, plugin.version)))


def _offers(plugin: Plugin) -> str:
    return "; ".join(f"{kind}: {', '.join(getattr(plugin, kind))}" for kind in plugin.kinds) or "nothing"


def _state(state: State | None) -> str:
    if state is None:
        return "not seen yet"
    failing = f", {state.failures_in_row} failures in a row" if state.failures_in_row else ""
    reason = f": {state.reason}" if state.reason else ""
    return f"{state.status} since {state.changed_at:%Y-%m-%d %H:%M} UTC{failing}{reason}"


def _plain(plugin: Plugin, state: State | None) -> dict[str, Any]:
    from touchline.plugins import HOOKS

    return {
        "key": plugin.key,
        "entry": plugin.entry,
        "distribution": plugin.distribution or None,
        "version": plugin.version or None,
        "status": plugin.status.value,
        "reason": plugin.reason or None,
        "api": plugin.api,
        **{kind: list(getattr(plugin, kind)) for kind in HOOKS},
        "server": None
        if state is None
        else {
            "status": str(state.status),
            "reason": state.reason,
            "changed_at": state.changed_at.isoformat(),
            "failures_in_row": state.failures_in_row,
        },
    }
