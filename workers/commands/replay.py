"""Playing a recorded season again, as if it were now: `touchline replay`."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workers.commands.options import FOLDER, Refusal, told_errors

if TYPE_CHECKING:
    from domain.intake.replayed import ReplaySettings
    from workers.replay_progress import Progress

_MAX = "max"


class Speed(click.ParamType[float]):
    """Match seconds per second, or `max`: from event to event."""

    name = "speed"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if str(value).lower() == _MAX:
            return 0.0
        try:
            speed = float(str(value))
        except ValueError:
            speed = -1.0
        if not 0 < speed <= 1_000_000:
            self.fail(f"{value!r} is neither `{_MAX}` nor a number above 0", param, ctx)
        return speed


@click.command()
@click.option("--from", "origin", required=True, metavar="PATH", help="Folder of match files, <season>/<league>.csv.")
@click.option("--provider", default="football-data", show_default=True, help="Whose files they are.")
@click.option("--league", "leagues", multiple=True, required=True, metavar="CODE", help="For example E0; repeatable.")
@click.option("--season", required=True, metavar="CODE", help="For example 2425.")
@click.option("--start", type=click.DateTime(["%Y-%m-%d"]), help="First day; else the season's first.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Last day.")
@click.option("--rounds", type=click.IntRange(min=1), help="How many rounds of each league are played.")
@click.option("--speed", type=Speed(), default="600", show_default=True, help="Match seconds per second, or `max`.")
@click.option("--seed", type=int, default=7, show_default=True, help="Of the prices between the recorded ones.")
@click.option("--exit", "is_exit", is_flag=True, help="Stop everything when the last result is in.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address the API listens on.")
@click.option("--data-dir", type=FOLDER, help="Where the embedded servers keep their data.")
def replay(
    origin: str,
    provider: str,
    leagues: tuple[str, ...],
    season: str,
    start: datetime | None,
    until: datetime | None,
    rounds: int | None,
    speed: float,
    seed: int,
    is_exit: bool,
    port: int,
    host: str,
    data_dir: Path | None,
) -> None:
    """Play a recorded season again: history first, then fixtures, prices and results as they came.

    Runs on DATABASE_URL and REDIS_URL where they are set, which must hold nothing else; embedded servers
    stand in for what is not set.
    """
    from workers.stack.running import default_folder

    with told_errors():
        chosen = _chosen(origin, provider, leagues, season, start, until, rounds, speed, seed)
        folder = default_folder("replay") if data_dir is None else data_dir
        _seed(folder, chosen, speed)
        _run(folder, host, port, chosen, is_exit=is_exit)


def _chosen(
    origin: str,
    provider: str,
    leagues: tuple[str, ...],
    season: str,
    start: datetime | None,
    until: datetime | None,
    rounds: int | None,
    speed: float,
    seed: int,
) -> ReplaySettings:
    from domain.intake.replayed import ReplaySettings
    from touchline.football_data import season_of_code

    year = season_of_code(season)
    if year is None:
        raise Refusal(f"{season!r} is no season; write 2425 for 2024/25.", 2)
    place = origin if "://" in origin else str(Path(origin).resolve())
    is_stepped = speed == 0
    return ReplaySettings(
        provider=provider,
        origin=place,
        leagues=tuple(dict.fromkeys(leagues)),
        season=year,
        start=(datetime(year, 7, 1) if start is None else start).replace(tzinfo=UTC),  # noqa: DTZ001 - given its zone here
        until=None if until is None else until.replace(tzinfo=UTC) + timedelta(days=1),
        rounds=rounds,
        seed=seed,
        steps=8 if is_stepped else 40,
        step_seconds=7200.0 if is_stepped else max(60.0, speed),
    )


def _seed(folder: Path, chosen: ReplaySettings, speed: float) -> None:
    """Migrate and load, on servers that run for just so long when they are embedded."""
    from domain.infra.settings import read_settings
    from domain.migrations.runner import upgrade
    from touchline.discovery import discover_plugins
    from workers.seed_replay import seed_replay
    from workers.stack.embedded import start_servers

    registry = discover_plugins()
    if chosen.provider not in registry.providers:
        raise Refusal(f"There is no provider {chosen.provider!r}; there are {', '.join(registry.providers)}.", 2)
    with ExitStack() as stack:
        url = os.environ.get("DATABASE_URL") or stack.enter_context(start_servers(folder)).database_url
        settings = read_settings(database_url=url, redis_url=os.environ.get("REDIS_URL") or "redis://unused")
        upgrade(settings.database_url)
        try:
            asyncio.run(seed_replay(settings, registry.providers[chosen.provider], chosen, speed=speed))
        except (OSError, ValueError) as error:
            raise Refusal(f"The files of {chosen.origin} cannot be used: {error}") from None


def _run(folder: Path, host: str, port: int, chosen: ReplaySettings, *, is_exit: bool) -> None:
    """Run the stack, with a thread that tells how far the replay is."""
    from workers.stack.errors import Stopped
    from workers.stack.launch import Plan, run_stack
    from workers.stack.report import Report

    plan = Plan(
        data_dir=folder,
        host=host,
        port=port,
        database_url=os.environ.get("DATABASE_URL"),
        redis_url=os.environ.get("REDIS_URL"),
    )
    watcher = threading.Thread(target=_watch, args=(folder, chosen.start, is_exit), name="progress", daemon=True)

    def announce(line: str) -> None:
        click.echo(line)
        if not watcher.is_alive() and watcher.ident is None:
            watcher.start()

    try:
        run_stack(plan, Report(), announce)
    except Stopped as stopped:
        click.echo(f"Touchline was {stopped}.", err=True)


def _watch(folder: Path, start: datetime, is_exit: bool) -> None:
    """Tell how far the replay is until it has ended; then sum up, and stop the stack if asked to."""
    from workers.commands.options import resolve_settings
    from workers.replay_progress import read_progress, read_verdict

    settings = resolve_settings(folder)
    began = time.monotonic()
    while True:
        progress = asyncio.run(read_progress(settings, start))
        _tell(progress, time.monotonic() - began)
        if progress.is_over:
            break
        time.sleep(5.0)
    click.echo(f"The replay is over after {time.monotonic() - began:.0f} s.")
    click.echo(asyncio.run(read_verdict(settings, start)))
    if is_exit:
        os.kill(os.getpid(), signal.SIGINT)


def _tell(progress: Progress, seconds: float) -> None:
    click.echo(
        f"{progress.match_time:%Y-%m-%d %H:%M}  {progress.finished} of {progress.matches} matches finished, "
        f"{progress.predictions} predictions, {progress.price_changes} prices, {progress.value_bets} value bets "
        f"({seconds:.0f} s)"
    )


commands: list[click.Command] = [replay]
