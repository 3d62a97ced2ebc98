"""The group `touchline plugin`: the author's commands, and the operator's where the application is installed."""

from __future__ import annotations

from typing import Final

import click

from touchline.cli import Commands

GROUP: Final = "touchline.plugin_commands"
"""Entry point group of the application's subcommands."""
APPLICATION: Final = ("enable", "shadow", "disable", "set")
"""Subcommands that belong to the application, with or without it."""
OWN: Final = {
    "new": "touchline.command.new:new",
    "test": "touchline.command.test:test",
    "score": "touchline.command.score:score",
    "list": "touchline.command.listing:list_plugins",
}


@click.group(cls=Commands, own=OWN, found_in=GROUP, application=APPLICATION, prefix="plugin ")
def plugin() -> None:
    """Make a plugin, test it, score it, and see what is installed."""
