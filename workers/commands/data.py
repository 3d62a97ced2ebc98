"""Getting matches and odds in: `touchline import`."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import click

from workers.commands.options import deployment_options

if TYPE_CHECKING:
    from domain.infra.bus import Bus
    from domain.infra.database import Database
    from domain.infra.settings import Settings
    from domain.intake.service import FileReport
    from touchline import Provider, Rejected

REASONS_SHOWN = 20

Told = Callable[[str, "FileReport | None", str], None]
"""Is told of each file: its name, its report, or why it could not be read."""


@click.command("import")
@click.argument("provider")
@click.option("--from", "origin", required=True, metavar="PATH|URL", help="Folder, file or base URL to read.")
@click.option(
    "--league", "leagues", multiple=True, metavar="CODE", help="Only this league, for example E0; repeatable."
)
@click.option(
    "--season", "seasons", multiple=True, metavar="CODE", help="Only this season, for example 2425; repeatable."
)
@click.option("--json", "report_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the report here.")
@click.option("--verbose", is_flag=True, help="Show every reason for which something was skipped.")
@deployment_options
def import_command(
    settings: Settings,
    provider: str,
    origin: str,
    leagues: tuple[str, ...],
    seasons: tuple[str, ...],
    report_file: Path | None,
    verbose: bool,
) -> None:
    """Import match files of PROVIDER: matches, results and prices.

    The same files again change nothing; corrected files correct. PROVIDER is for example `football-data`.
    """
    source = _provider(provider)
    files = _files(source, origin, leagues, seasons)
    with _progress(len(files)) as told:
        total = asyncio.run(_import(settings, source, origin, files, told))
    _print(total, verbose)
    if report_file is not None:
        report_file.write_text(json.dumps(total.document(), indent=1) + "\n", encoding="utf-8")
    if not total.reports:
        raise click.ClickException("Nothing could be read.")


@dataclass(slots=True)
class Total:
    """All files of one run."""

    reports: dict[str, FileReport] = field(default_factory=dict)
    unread: list[tuple[str, str]] = field(default_factory=list)
    """Files that could not be read, and why."""
    unpublished: str = ""
    """Why subscribers were not told of the changes; they find them in the database."""
    seconds: float = 0.0

    def sum(self, name: str) -> int:
        return sum(getattr(report, name) for report in self.reports.values())

    @property
    def skipped(self) -> list[Rejected]:
        return [rejected for report in self.reports.values() for rejected in report.skipped]

    def document(self) -> dict[str, Any]:
        """The run as JSON."""
        return {
            "seconds": round(self.seconds, 3),
            "files": [
                {"file": name}
                | {key: value for key, value in asdict(report).items() if key not in {"skipped", "changes"}}
                for name, report in self.reports.items()
            ],
            "totals": {name: self.sum(name) for name in _COUNTS},
            "skipped": [asdict(rejected) for rejected in self.skipped],
            "unread": [{"file": name, "reason": reason} for name, reason in self.unread],
            "unpublished": self.unpublished,
        }


_COUNTS = (
    "matches_new",
    "matches_changed",
    "matches_unchanged",
    "prices_new",
    "prices_changed",
    "prices_unchanged",
    "prices_left_out",
    "aggregates_new",
    "aggregates_changed",
    "aggregates_unchanged",
)


def _provider(key: str) -> Provider:
    from touchline.discovery import discover_plugins

    registry = discover_plugins()
    if key in registry.providers:
        return registry.providers[key]
    refused = "".join(f" The plugin {plugin.key} was refused: {plugin.reason}" for plugin in registry.refused)
    known = ", ".join(sorted(registry.providers)) or "none"
    raise click.BadParameter(f"there is no {key!r}; there are {known}.{refused}", param_hint="PROVIDER")


def _files(provider: Provider, origin: str, leagues: Sequence[str], seasons: Sequence[str]) -> Sequence[str]:
    """The files to read; a league or season that is nowhere in them is the caller's mistake."""
    years = [_year(season) for season in seasons]
    try:
        files = provider.files(origin, leagues, years)
        if not _is_folder(origin):
            return files
        for league in leagues:
            _expect("--league", league, provider.files(origin, [league], []), provider.files(origin, [], []))
        for season, year in zip(seasons, years, strict=True):
            _expect("--season", season, provider.files(origin, [], [year]), provider.files(origin, [], []))
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    if not files:
        asked = " and ".join(filter(None, ("/".join(leagues), "/".join(seasons))))
        raise click.ClickException(
            f"{origin} has no file for {asked}; leave out --league or --season to import all of it."
        )
    return files


def _is_folder(origin: str) -> bool:
    return Path(origin).is_dir()


def _year(season: str) -> int:
    from touchline.football_data import season_of_code

    year = season_of_code(season)
    if year is None:
        raise click.BadParameter(f"{season} is not a season; write 2425 for 2024/25.", param_hint="--season")
    return year


def _expect(option: str, value: str, found: Sequence[str], everything: Sequence[str]) -> None:
    """Refuse an option's value that no season file is of, and say what there is."""
    if any("/" in name for name in found):
        return
    paths = [PurePosixPath(name) for name in everything if "/" in name]
    there = sorted({path.stem if option == "--league" else path.parent.name for path in paths})
    if option == "--league" and not there:
        return  # a folder that is one season's own names no league by its place
    raise click.BadParameter(f"{value} is not there; there are {', '.join(there) or 'none'}.", param_hint=option)


async def _import(settings: Settings, provider: Provider, origin: str, files: Sequence[str], told: Told) -> Total:
    """Import all files into the deployment's database."""
    import asyncpg
    from redis.exceptions import RedisError

    from domain.infra.bus import Bus
    from domain.infra.database import Database

    started = time.perf_counter()
    total = Total()
    try:
        database = await Database.connect(settings.database_url, size=2)
    except (OSError, asyncpg.PostgresError) as error:
        raise click.ClickException(f"The database does not answer: {error}.") from None
    bus = Bus.connect(settings.redis_url)
    try:
        await _import_all(database, bus, provider, origin, files, total, told)
    except asyncpg.UndefinedTableError:
        raise click.ClickException("The database has no tables yet: run `touchline migrate`.") from None
    except RedisError as error:
        total.unpublished = str(error)
    finally:
        await database.close()
        await bus.close()
    total.seconds = time.perf_counter() - started
    return total


async def _import_all(
    database: Database,
    bus: Bus,
    provider: Provider,
    origin: str,
    files: Sequence[str],
    total: Total,
    told: Told,
) -> None:
    from domain.intake.service import import_files, seldom_collected

    with seldom_collected():
        async for name, found in import_files(database, provider, origin, files):
            if isinstance(found, OSError):
                total.unread.append((name, str(found)))
                told(name, None, str(found))
                continue
            total.reports[name] = found
            await _publish(bus, found, total)
            told(name, found, "")


async def _publish(bus: Bus, report: FileReport, total: Total) -> None:
    """Tell subscribers what changed. Committed is committed: without Redis they learn of it later."""
    from redis.exceptions import RedisError

    try:
        await bus.publish_odds(report.changes)
    except RedisError as error:
        total.unpublished = str(error)
    report.changes = []


@contextmanager
def _progress(files: int) -> Iterator[Told]:
    """A bar on a terminal, a line per file elsewhere."""
    if not sys.stdout.isatty():
        yield _print_line
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeElapsedColumn(),
    )
    rows, started = 0, time.perf_counter()
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("Importing", total=files, speed="")

        def told(name: str, report: FileReport | None, _reason: str) -> None:
            nonlocal rows
            rows += report.rows if report else 0
            speed = f"{rows / max(1e-9, time.perf_counter() - started):,.0f} rows/s"
            bar.update(task, advance=1, description=name.partition("#")[0], speed=speed)

        yield told


def _print_line(name: str, report: FileReport | None, reason: str) -> None:
    if report is None:
        click.echo(f"{name}: not read: {reason}", err=True)
        return
    counts = (
        f"matches {report.matches_new} new, {report.matches_changed} changed, {report.matches_unchanged} unchanged; "
        f"prices {report.prices_new} new, {report.prices_changed} changed, {report.prices_unchanged} unchanged"
    )
    click.echo(f"{name}: {counts}; {len(report.skipped)} skipped; {report.seconds:.1f} s")


def _print(total: Total, verbose: bool) -> None:
    """The table at the end, and why something was left out."""
    from rich.console import Console
    from rich.table import Table

    table = Table("", "New", "Changed", "Unchanged", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for name in ("matches", "prices", "aggregates"):
        counts = (f"{total.sum(f'{name}_{what}'):,}" for what in ("new", "changed", "unchanged"))
        table.add_row(name.capitalize(), *counts)
    console = Console()
    console.print(table)
    rows = sum(report.rows for report in total.reports.values())
    speed = rows / max(1e-9, total.seconds)
    click.echo(f"{len(total.reports)} files, {rows:,} rows in {total.seconds:.1f} s ({speed:,.0f} rows/s)")
    for line in _remarks(total, verbose):
        click.echo(line)


def _remarks(total: Total, verbose: bool) -> Iterator[str]:
    """What was left out and why, a line each."""
    for name, reason in total.unread:
        yield f"Not read: {name}: {reason}"
    if left_out := total.sum("prices_left_out"):
        yield f"Prices left out, observed after kick-off or not above 1: {left_out:,}"
    skipped = total.skipped
    rows = sum(rejected.is_whole_row for rejected in skipped)
    if skipped:
        yield f"Skipped: {rows:,} rows and parts of {len(skipped) - rows:,} others"
    shown = skipped if verbose else skipped[:REASONS_SHOWN]
    for rejected in shown:
        yield f"  {rejected.origin}: {rejected.reason}"
    if len(shown) < len(skipped):
        yield f"  and {len(skipped) - len(shown):,} more; --verbose shows all of them"
    if total.unpublished:
        yield f"Subscribers were not told, they will find the changes in the database: {total.unpublished}"


commands: list[click.Command] = [import_command]
