"""`touchline plugin test`: the conformance kit on everything that a plugin offers, check by check."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from touchline.evaluation.command import console

if TYPE_CHECKING:
    from rich.console import Console

    from touchline.plugins import Named, Offered, Plugin
    from touchline.testing import Kind, Result


@dataclass(frozen=True, slots=True)
class Tested:
    """One thing of a plugin, and what came of its checks."""

    kind: Kind
    key: str
    results: Sequence[Result]


@dataclass(frozen=True, slots=True)
class Report:
    """One plugin."""

    sentence: str
    """Which, and where its code came from."""
    plugin: Plugin
    tested: Sequence[Tested]

    def count(self, status: str) -> int:
        """Checks that came to this."""
        return sum(result.status == status for one in self.tested for result in one.results)

    @property
    def is_good(self) -> bool:
        """Whether it was loaded, offers something, and nothing failed."""
        return bool(self.tested) and not self.count("failed")


@click.command()
@click.argument("what", required=False, metavar="[PATH|KEY]")
@click.option("--origin", default="", help="Folder or address that a provider can read.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
def test(what: str | None, origin: str, as_json: bool) -> None:
    """Check that a plugin keeps the contract: the one in this folder, in PATH, or an installed one by its KEY.

    The exit code is 1 when a check fails or a plugin cannot be loaded.
    """
    from touchline.command.target import targets

    screen = console()
    reports = []
    for target in targets(what):
        if not as_json:
            click.echo(target.sentence)
        reports.append(_report(target, origin))
        if not as_json:
            _show(screen, reports[-1])
    if as_json:
        click.echo(json.dumps([_plain(report) for report in reports], indent=1, allow_nan=False))
    if not all(report.is_good for report in reports):
        raise SystemExit(1)


def _report(target: Any, origin: str) -> Report:
    from touchline.command.target import opened
    from touchline.testing import checks_for, run_checks

    plugin, offered, _ = opened(target)
    things = list(_things(offered))
    with _progress(sum(len(checks_for(kind)) for kind, _ in things)) as tell:
        tested = [
            Tested(kind, thing.key, run_checks(kind, thing, entry=plugin.entry, origin=origin, progress=tell))
            for kind, thing in things
        ]
    return Report(target.sentence, plugin, tested)


def _things(offered: Offered) -> Iterator[tuple[Kind, Named]]:
    for model in offered.models:
        yield "model", model
    for market in offered.markets:
        yield "market", market
    for strategy in offered.strategies:
        yield "strategy", strategy
    for provider in offered.providers:
        yield "provider", provider


def _show(screen: Console, report: Report) -> None:
    """A line for each check, red or green, and why."""
    from rich.text import Text

    from touchline.testing import checks_for

    if report.plugin.reason:
        screen.print(Text.assemble(("refused ", "bold red"), report.plugin.reason))
        return
    for one in report.tested:
        titles = {check.name: check.title for check in checks_for(one.kind)}
        screen.print(Text.assemble("\n", (f"{one.kind} {one.key}", "bold")))
        for result in one.results:
            mark, style = _MARKS[result.status]
            line = Text.assemble((mark, style), f" {titles[result.check]}")
            if result.reason:
                line.append(f"\n    {result.reason}", style=style)
            screen.print(line)
    counts = ", ".join(f"{report.count(status)} {status}" for status in _MARKS)
    screen.print(Text.assemble("\n", (counts, "bold green" if report.is_good else "bold red")))


_MARKS = {"passed": ("✓", "green"), "failed": ("✗", "red"), "skipped": ("-", "yellow")}
"""Sign and colour of each result."""


def _plain(report: Report) -> dict[str, Any]:
    return {
        "plugin": report.plugin.key,
        "entry": report.plugin.entry,
        "origin": report.sentence,
        "status": report.plugin.status.value,
        "reason": report.plugin.reason or None,
        "things": [
            {"kind": one.kind, "key": one.key, "results": [asdict(result) for result in one.results]}
            for one in report.tested
        ],
        **{status: report.count(status) for status in _MARKS},
    }


@contextmanager
def _progress(count: int) -> Iterator[Any]:
    """A bar on standard error, where that is a terminal, with the check that is running."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from touchline.testing import Check

    stderr = Console(stderr=True)
    columns = (TextColumn("checks"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal) as bar:
        task = bar.add_task("", total=count)

        def tell(check: Check, result: Result | None) -> None:
            bar.update(task, description=check.title, advance=0 if result is None else 1)

        yield tell
