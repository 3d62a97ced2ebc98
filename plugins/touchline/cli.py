"""The `touchline` command: the SDK's own commands, and those that are found through entry points.

The application's commands come from the group `touchline.commands`, where each entry point names a
list of click commands. The bare wheel has the entry point and not the application behind it; there
those names answer with one sentence. Nothing heavy is imported before a command runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

import click

GROUP = "touchline.commands"

APPLICATION = (
    "demo",
    "up",
    "api",
    "worker",
    "scheduler",
    "migrate",
    "doctor",
    "import",
    "replay",
    "queue",
    "refresh",
    "refit",
    "backup",
    "restore",
    "top",
)
"""Names that belong to the application, with or without it."""


OWN = {
    "evaluate": "touchline.evaluation.command:evaluate",
    "evaluate-tables": "touchline.evaluation.tables:evaluate_tables",
    "plugin": "touchline.command.group:plugin",
}
"""Commands of the SDK, each by the module and name of its definition."""


class Commands(click.Group):
    """A group that knows the SDK's commands, those of an entry point group, and names that only the application has."""

    def __init__(
        self,
        *args: Any,
        own: Mapping[str, str],
        found_in: str,
        application: Sequence[str],
        prefix: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.own, self.found_in, self.application, self.prefix = own, found_in, application, prefix

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names that `--help` shows."""
        return [*super().list_commands(ctx), *self.own, *found_commands(self.found_in)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name; one that only the application has explains itself."""
        own = super().get_command(ctx, cmd_name)
        if own is None and cmd_name in self.own:
            own = own_command(self.own[cmd_name])
        found = own or found_commands(self.found_in).get(cmd_name)
        return absent(f"{self.prefix}{cmd_name}") if found is None and cmd_name in self.application else found


@click.group(
    cls=Commands,
    own=OWN,
    found_in=GROUP,
    application=APPLICATION,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="touchline")
def main() -> None:
    """Touchline: soccer forecasts behind one GraphQL API, extended by plugins."""


def own_command(place: str) -> click.Command:
    """A command of the SDK by its `module:name`; the module is imported only now."""
    module, _, name = place.partition(":")
    command: click.Command = getattr(import_module(module), name)
    return command


def found_commands(group: str = GROUP) -> dict[str, click.Command]:
    """The installed commands of an entry point group by name; none when the application is not installed."""
    commands: dict[str, click.Command] = {}
    for point in entry_points(group=group):
        try:
            loaded: Sequence[click.Command] = point.load()
        except ModuleNotFoundError as error:
            if not _is_absent_application(error, point.module):
                raise
        else:
            commands |= {command.name: command for command in loaded if command.name is not None}
    return commands


def _is_absent_application(error: ModuleNotFoundError, module: str) -> bool:
    """Whether the missing module is the application itself, and not something it needs."""
    return error.name is not None and module.split(".")[0] == error.name.split(".")[0]


def absent(name: str) -> click.Command:
    """A stand-in for a command of the application that is not installed."""

    def explain() -> None:
        click.echo(
            f"`touchline {name}` belongs to the application: "
            f"get a checkout of Touchline and use `uv run touchline {name}`.",
            err=True,
        )
        raise SystemExit(2)

    # Whatever was written behind the name, the answer is the same sentence.
    settings = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
    return click.Command(name, callback=explain, context_settings=settings, hidden=True)
