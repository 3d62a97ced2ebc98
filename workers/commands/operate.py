"""Looking after a deployment: backups, and a live view."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workers.commands.options import FOLDER, Refusal, deployment_options, told_errors

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from domain.infra.settings import Settings
    from workers.stack.archive import Manifest
    from workers.stack.overview import Observer, Overview

_FILE = click.Path(path_type=Path, dir_okay=False, resolve_path=True)
_FRAME_SECONDS = 1.0
_WIDE = 240
"""Columns of a frame that goes to a file or another program."""


@click.command()
@click.argument("file", type=_FILE)
@click.option("--force", is_flag=True, help="Replace a file of that name.")
@click.option("--data-dir", type=FOLDER, help="Folder of a demo, running or not; not needed with DATABASE_URL.")
def backup(file: Path, force: bool, data_dir: Path | None) -> None:
    """Write the whole database into one FILE, as it is at one instant, while everything goes on.

    The signing key is not in it, and what people entrusted is.
    """
    from workers.stack.backup import database_of, make_backup
    from workers.stack.running import default_folder

    began = time.monotonic()
    with told_errors(), _bars() as bars:
        given = _given_database()
        if given is not None:
            manifest = asyncio.run(make_backup(given, file, bars, is_forced=force))
        else:
            with database_of(default_folder() if data_dir is None else data_dir) as url:
                manifest = asyncio.run(make_backup(url, file, bars, is_forced=force))
    size = file.stat().st_size
    click.echo(f"{file}: {size / 1e6:,.1f} MB, {_sum(manifest)}, in {time.monotonic() - began:.1f} s.")
    click.echo(
        "It holds what people entrusted, so keep it where only you can read it. The signing key is not in it: keep "
        "`secret.key` or TOUCHLINE_SECRET_KEY apart, or everybody signs in anew after a restore."
    )


@click.command()
@click.argument("file", type=_FILE)
@click.option("--verify", is_flag=True, help="Count and digest what was restored; exit code 1 when it differs.")
@click.option("--data-dir", type=FOLDER, help="A new or empty folder, for embedded servers; not with DATABASE_URL.")
def restore(file: Path, verify: bool, data_dir: Path | None) -> None:
    """Bring a backup FILE back into an empty data folder, or the empty database of DATABASE_URL."""
    from workers.stack.restoring import open_backup

    began = time.monotonic()
    with told_errors(), _bars() as bars:
        given = _given_database()
        if (given is None) == (data_dir is None):
            raise Refusal(
                "Name where to restore to: a new folder with `--data-dir`, or DATABASE_URL and REDIS_URL; not both.", 2
            )
        manifest = open_backup(file, bars)
        differences = _restore(file, manifest, bars, given, data_dir, verify=verify)
    if differences:
        for sentence in differences:
            click.echo(sentence, err=True)
        raise Refusal(
            f"What was restored is not what was backed up ({len(differences)} differences). Use another backup."
        )

    told = "verified" if verify else "not verified"
    click.echo(f"{_sum(manifest)} of {manifest.taken_at}, {told}, in {time.monotonic() - began:.1f} s.")
    if data_dir is not None:
        click.echo(f"Start it with `touchline up --data-dir {data_dir}`.")


def _restore(
    file: Path, manifest: Manifest, bars: Bars, given: str | None, data_dir: Path | None, *, verify: bool
) -> list[str]:
    from workers.stack.restoring import forget_redis, new_folder
    from workers.stack.restoring import restore as bring_back

    if given is not None:
        from domain.infra.settings import read_settings

        return bring_back(
            given,
            file,
            manifest,
            bars,
            is_verified=verify,
            prepare=lambda: forget_redis(read_settings().redis_url),
        )
    assert data_dir is not None
    with new_folder(data_dir) as url:
        return bring_back(url, file, manifest, bars, is_verified=verify)


def _given_database() -> str | None:
    """The database that DATABASE_URL names; Redis need not be named to read it."""
    from domain.infra.settings import read_settings

    if not os.environ.get("DATABASE_URL"):
        return None
    return read_settings(redis_url=os.environ.get("REDIS_URL") or "redis://unused").database_url


def _sum(manifest: Manifest) -> str:
    return f"{len(manifest.tables)} tables with {manifest.rows:,} rows at schema {manifest.revision}"


class Bars:
    """A bar a stage, on standard error."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._stage: TaskID | None = None

    def begin(self, name: str, total: int) -> None:
        self._stage = self._bars.add_task(name, total=total)

    def advance(self, count: int) -> None:
        if self._stage is not None:
            self._bars.advance(self._stage, count)


@contextmanager
def _bars() -> Iterator[Bars]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as bars:
        yield Bars(bars)


@click.command()
@click.option("--once", is_flag=True, help="Print one frame and leave.")
@click.option("--json", "as_json", is_flag=True, help="Print one frame as JSON and leave.")
@deployment_options
def top(settings: Settings, once: bool, as_json: bool) -> None:
    """Show servers, processes, queues, feeds and models, again every second; q or Ctrl-C leaves."""
    from workers.stack.overview import Observer

    observer = Observer(settings)
    if as_json:
        _print_json(asyncio.run(observer.look()))
    elif once:
        _print(asyncio.run(observer.look()))
    elif sys.stdin.isatty() and sys.stdout.isatty():
        _watch(observer)
    else:
        raise Refusal("The live view needs a terminal. Use --once or --json.", 2)


def _print_json(overview: Overview) -> None:
    from dataclasses import asdict

    click.echo(json.dumps(asdict(overview), indent=1, default=lambda value: value.isoformat()))


def _print(overview: Overview) -> None:
    from rich.console import Console

    from workers.stack.overview_page import page

    Console(width=None if sys.stdout.isatty() else _WIDE).print(page(overview))


def _watch(observer: Observer) -> None:
    """Show a frame every second until somebody types q or Ctrl-C; the terminal is left as it was found."""
    import termios
    import tty

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)
    try:
        asyncio.run(_frames(observer, terminal))
    except KeyboardInterrupt:
        return
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


async def _frames(observer: Observer, terminal: int) -> None:
    from rich.live import Live

    from workers.stack.overview_page import page

    left = asyncio.Event()

    def typed() -> None:
        if os.read(terminal, 64).strip().lower() in {b"q", b""}:
            left.set()

    asyncio.get_running_loop().add_reader(terminal, typed)
    with Live(screen=True, auto_refresh=False) as live:
        while not left.is_set():
            live.update(page(await observer.look()), refresh=True)
            with suppress(TimeoutError):
                await asyncio.wait_for(left.wait(), _FRAME_SECONDS)


commands: list[click.Command] = [backup, restore, top]
