"""A day in half an hour: whether the product's memory or descriptors grow while it is used.

    uv run python -m benchmarks.soak [--minutes 30] [--subscribers 200] [--plot FILE] [--json FILE]

Starts `touchline demo` with a fast clock and servers of its own, and uses it from this process: subscriptions that
come, go and break over many sockets, the saved operations, people who sign in, bet and sign out. Every few seconds the
memory and the open descriptors of each process are measured. A trend is the line through twenty means after the
warm-up, by least squares, with its standard error. The exit code is 1 when a trend lies two standard errors above its
bound, an answer had a status of 500 or more, or a process had to be started again.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from benchmarks.soak_load import Load, Told
from benchmarks.soak_samples import BOUNDS, Samples, draw, growing
from tests.acceptance.product import Product, running

WARM_UP = 1 / 3
"""Of the run, and at most `LONGEST_WARM_UP`: models are loaded and fitted, caches fill."""
LONGEST_WARM_UP = 600.0
SETTINGS = {"TOUCHLINE_ADDRESS_POINTS": "0", "TOUCHLINE_VIEWER_SUBSCRIPTIONS": "100000"}
"""Everybody comes from one address here; the limits for it are not what is measured."""


@click.command()
@click.option("--minutes", default=30.0, show_default=True, type=click.FloatRange(min=0.5), help="Length of the run.")
@click.option(
    "--subscribers", default=200, show_default=True, type=click.IntRange(min=1), help="Subscriptions at once."
)
@click.option("--sockets", default=20, show_default=True, type=click.IntRange(min=1), help="Sockets that they share.")
@click.option("--streams", default=10, show_default=True, type=click.IntRange(min=0), help="Of them over SSE.")
@click.option("--rate", default=2.0, show_default=True, type=click.FloatRange(min=0.1), help="Questions a second.")
@click.option(
    "--speed", default=30.0, show_default=True, type=click.FloatRange(min=1), help="Match seconds per second."
)
@click.option(
    "--every", default=5.0, show_default=True, type=click.FloatRange(min=0.5), help="Seconds between samples."
)
@click.option("--seed", default=7, show_default=True, help="Of who does what when.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="File for the plot, .svg or .png.")
@click.option("--json", "target", type=click.Path(dir_okay=False, path_type=Path), help="File for the figures.")
def main(
    minutes: float,
    subscribers: int,
    sockets: int,
    streams: int,
    rate: float,
    speed: float,
    every: float,
    seed: int,
    plot: Path | None,
    target: Path | None,
) -> None:
    """Use the product for a while and see whether it grows."""
    seconds = 60 * minutes
    after = min(WARM_UP * seconds, LONGEST_WARM_UP)
    with running(["demo", "--speed", f"{speed:g}"], seconds=300, **SETTINGS) as product:
        load = Load(product.url, random.Random(seed))
        streams = min(streams, subscribers - 1)
        use = load.running(subscribers=subscribers, sockets=sockets, streams=streams, rate=rate)
        samples = asyncio.run(_soak(product, use, seconds, every))
    faults = [*growing(samples, after=after), *_faults(load.told, samples)]
    _print(samples, load.told, after)
    if plot is not None:
        draw(samples, plot, after=after, title=f"{subscribers} subscriptions, {minutes:g} minutes")
    if target is not None:
        target.write_text(json.dumps(_figures(samples, load.told, after, faults), indent=2) + "\n")
    for fault in faults:
        click.echo(fault)
    sys.exit(1 if faults else 0)


async def _soak(product: Product, use: Any, seconds: float, every: float) -> Samples:
    """Measure while the product is used."""
    samples, began = Samples(product.data_dir), time.monotonic()
    console = Console(stderr=True)
    columns = (TextColumn("soaking"), BarColumn(), TimeRemainingColumn(), TextColumn("{task.fields[told]}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=seconds, told="")
        async with use:
            while (passed := time.monotonic() - began) < seconds:
                await asyncio.to_thread(samples.take)
                api = samples.held[-1].get("api")
                bar.update(task, completed=passed, told="" if api is None else f"API {api.megabytes:.0f} MiB")
                await asyncio.sleep(every)
    return samples


def _faults(told: Told, samples: Samples) -> list[str]:
    """What went wrong besides growth."""
    found = [f"{name} was started again {times} times" for name, times in samples.restarts.items()]
    if told.server_errors:
        found.append(f"{told.server_errors} answers were errors of the server")
    if not told.changes or not told.bets:
        found.append("no price changed or no bet was placed: nothing was measured")
    return found


def _print(samples: Samples, told: Told, after: float) -> None:
    table = Table("process", box=None, pad_edge=False)
    for column in ("MiB at first", "at last", "MiB an hour", "±", "descriptors", "at last", "an hour", "±"):
        table.add_column(column, justify="right")
    for name in BOUNDS:
        memory = samples.trend(name, "megabytes", after=after)
        files = samples.trend(name, "descriptors", after=after)
        table.add_row(
            name,
            *(f"{value:.1f}" for value in (memory.start, memory.end, memory.per_hour, memory.error)),
            *(f"{value:.1f}" for value in (files.start, files.end, files.per_hour, files.error)),
        )
    Console().print(table)
    click.echo(f"answers: {_counts(told.statuses)}; errors in them: {_counts(told.codes)}; {told.bets} bets placed")
    click.echo(
        f"live: {told.changes:,} changes in {_counts(told.kinds)}; {told.sockets} sockets, {told.streams} streams"
    )
    click.echo(f"broken connections: {_counts(told.broken)}")
    click.echo(f"{len(samples.seconds)} samples, the first {after:.0f} seconds are the warm-up")


def _counts(counter: Any) -> str:
    return (
        ", ".join(f"{count:,} {name}" for name, count in sorted(counter.items(), key=lambda pair: -pair[1])) or "none"
    )


def _figures(samples: Samples, told: Told, after: float, faults: list[str]) -> dict[str, Any]:
    trends = {
        name: {what: asdict(samples.trend(name, what, after=after)) for what in ("megabytes", "descriptors")}
        for name in BOUNDS
    }
    return {
        "trends": trends,
        "bounds": {name: asdict(bound) for name, bound in BOUNDS.items()},
        "told": vars(told),
        "faults": faults,
        "samples": [
            {"seconds": second, **{name: asdict(each) for name, each in held.items()}}
            for second, held in zip(samples.seconds, samples.held, strict=True)
        ],
    }


if __name__ == "__main__":
    main()
