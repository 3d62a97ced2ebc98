"""Starting Touchline, whole or in parts, and looking at what it stands on."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workers.commands.options import FOLDER, Refusal, resolve_settings, told_errors

if TYPE_CHECKING:
    from workers.stack.doctor import Check
    from workers.stack.launch import Plan

_folder = click.option("--data-dir", type=FOLDER, help="Where the embedded servers keep their data.")
_port = click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: a free one.")
_host = click.option("--host", default="127.0.0.1", show_default=True, help="Address the API listens on.")


@click.command()
@_port
@_host
@_folder
@click.option("--seed", type=int, default=7, show_default=True, help="Which simulated league.")
@click.option("--speed", type=click.FloatRange(min=0), default=1.0, show_default=True, help="Match seconds per second.")
def demo(port: int, host: str, data_dir: Path | None, seed: int, speed: float) -> None:
    """Start everything, with a simulated league and servers of its own."""
    _refuse_windows()
    if os.environ.get("DATABASE_URL"):
        raise Refusal(
            "The demo does not put its data into somebody's database, and DATABASE_URL is set. "
            "Unset it, or use `touchline up`, which starts Touchline on that database without demo data.",
            2,
        )
    from workers.stack.launch import DemoData, Plan
    from workers.stack.running import default_folder

    folder = default_folder("demo") if data_dir is None else data_dir
    _run(
        Plan(
            data_dir=folder,
            host=host,
            port=port,
            redis_url=os.environ.get("REDIS_URL"),
            demo=DemoData(seed=seed, speed=speed),
        )
    )


@click.command()
@_port
@_host
@_folder
def up(port: int, host: str, data_dir: Path | None) -> None:
    """Start everything on DATABASE_URL and REDIS_URL; embedded servers stand in for what is not set."""
    _refuse_windows()
    from workers.stack.launch import Plan
    from workers.stack.running import default_folder

    folder = default_folder("up") if data_dir is None else data_dir
    _run(
        Plan(
            data_dir=folder,
            host=host,
            port=port,
            database_url=os.environ.get("DATABASE_URL"),
            redis_url=os.environ.get("REDIS_URL"),
        )
    )


def _refuse_windows() -> None:
    if sys.platform == "win32":
        raise Refusal(
            "This command starts and watches processes as Linux and macOS do. On Windows run it in WSL, "
            "or set DATABASE_URL and REDIS_URL and use `touchline api`, `touchline worker` and `touchline scheduler`.",
            2,
        )


def _run(plan: Plan) -> None:
    from workers.stack.errors import Stopped
    from workers.stack.launch import run_stack
    from workers.stack.report import Report

    with told_errors():
        try:
            run_stack(plan, Report(), click.echo)
        except Stopped as stopped:
            click.echo(f"Touchline was {stopped}.", err=True)


def _process(name: str, module: str, text: str) -> click.Command:
    """A command that becomes one process of the stack, in the foreground."""

    def become(data_dir: Path | None) -> None:
        with told_errors():
            settings = resolve_settings(data_dir)
        from workers.stack.processes import APPLICATION, command, environment_of

        words = command(module, data_dir=data_dir)
        os.chdir(APPLICATION)  # `-m` looks into the working folder first, and it may hold an `api` of its own
        os.execve(words[0], words, environment_of(settings))

    folder = click.option("--data-dir", type=FOLDER, help="Folder of a running stack, in place of the two URLs.")
    return click.command(name, help=text)(folder(become))


@click.command()
@_port
@_host
@_folder
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(port: int, host: str, data_dir: Path | None, as_json: bool) -> None:
    """Look at this machine and the servers; exit code 1 when something must be done."""
    _refuse_windows()
    from workers.stack.doctor import examine
    from workers.stack.running import default_folder

    checks = asyncio.run(examine(default_folder() if data_dir is None else data_dir, host, port))
    (_print_json if as_json else _print_table)(checks)
    if any(check.state == "problem" for check in checks):
        raise SystemExit(1)


def _print_json(checks: list[Check]) -> None:
    from dataclasses import asdict

    click.echo(json.dumps([asdict(check) for check in checks], indent=1))


def _print_table(checks: list[Check]) -> None:
    from rich.console import Console
    from rich.table import Table

    colours = {"ok": "green", "warn": "yellow", "problem": "red"}
    table = Table("", "Check", "Found", "What to do", box=None, pad_edge=False)
    for check in checks:
        mark = f"[{colours[check.state]}]{check.state}[/]"
        table.add_row(mark, check.name, _plain(check.found), _plain(check.remedy))
    Console().print(table)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


commands: list[click.Command] = [
    demo,
    up,
    _process("api", "api", "Answer GraphQL, in the foreground."),
    _process("worker", "workers.worker", "Run jobs, in the foreground."),
    _process("scheduler", "workers.scheduler", "Send jobs when they are due, in the foreground."),
    _process("migrate", "domain.migrations", "Bring the database to the newest schema."),
    doctor,
]
