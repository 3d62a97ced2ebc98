"""What `touchline top` shows, as it stands on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from domain.infra.health import FeedHealth, Level, QueueHealth
from workers.stack.overview import DeadJob, ModelState, Overview, ProcessState, ServerState, Told

_COLOURS = {Level.OK: "green", Level.DEGRADED: "yellow", Level.DOWN: "red"}
_STATES = {"ACTIVE": "green", "SHADOW": "cyan", "DISABLED": "dim", "QUARANTINED": "red", "REFUSED": "red"}
_ERROR_WIDTH = 60


def page(overview: Overview) -> RenderableType:
    """One frame."""
    told = overview.told
    parts: list[RenderableType] = [_head(overview), _servers(overview.servers)]
    if overview.processes:
        parts.append(_processes(overview.processes))
    if told is not None:
        parts += [_queues(told.queues), _feeds(told.feeds)]
        parts += [_dead(told.dead)] if told.dead else []
        parts.append(_models(told.models))
    return Group(*(spaced for part in parts for spaced in (part, Text())))


def _head(overview: Overview) -> Text:
    words = f"Touchline  {overview.at:%Y-%m-%d %H:%M:%S} UTC"
    return Text(words if overview.told is None else f"{words}  {_clock(overview.told)}", style="bold")


def _clock(told: Told) -> str:
    pace = "from event to event" if told.speed == 0 else f"× {told.speed:g}"
    return f"match time {told.now:%Y-%m-%d %H:%M:%S} ({pace})  schema {told.revision}  price {told.odds_position:,}"


def _servers(servers: Sequence[ServerState]) -> Table:
    return _table(
        ("Server", "Version", ""),
        ((one.name, one.version or "[red]away[/]", escape(one.problem)) for one in servers),
    )


def _processes(processes: Sequence[ProcessState]) -> Table:
    return _table(
        ("Process", "Pid>", "CPU>", "Memory>", "Up>"),
        (
            (
                one.name,
                str(one.pid),
                f"{one.cpu_percent:.0f} %",
                f"{one.memory_bytes / 1e6:.0f} MB",
                _span(one.seconds),
            )
            for one in processes
        ),
    )


def _queues(queues: Sequence[QueueHealth]) -> Table:
    return _table(
        ("Queue", "Waiting>", "Oldest>", "Running>", "Done/h>", "Dead/h>", "Dead>"),
        (
            (
                one.name,
                str(one.depth),
                "" if one.oldest_seconds is None else _span(one.oldest_seconds),
                str(one.running_count),
                str(one.done_last_hour),
                _bad(one.dead_last_hour),
                _bad(one.dead_count),
            )
            for one in queues
        ),
    )


def _feeds(feeds: Sequence[FeedHealth]) -> Table:
    return _table(
        ("Feed", "State", "Late by>", "Recorded up to", "Next event"),
        (
            (
                escape(one.name),
                f"[{_COLOURS[one.level]}]{one.level}[/]",
                _span(one.lag_seconds),
                _time(one.position),
                _time(one.next_at) or "ended",
            )
            for one in feeds
        ),
    )


def _models(models: Sequence[ModelState]) -> Table:
    return _table(
        ("Plugin", "State", "Model", "Last run", "Took>", "Failures>", "Last failure"),
        (
            (
                escape(one.plugin),
                f"[{_STATES.get(one.state, 'red')}]{one.state}[/]",
                escape(one.model or ""),
                _time(one.called_at),
                "" if one.milliseconds is None else f"{one.milliseconds:,.0f} ms",
                _bad(one.failure_count) + f" of {one.call_count}",
                escape(_short(one.fault or one.last_error or "")),
            )
            for one in models
        ),
    )


def _dead(dead: Sequence[DeadJob]) -> Group:
    rows = (
        (
            _time(one.finished_at),
            escape(one.name),
            escape(_short(one.error)),
            f"touchline queue requeue {escape(one.id)}",
        )
        for one in dead
    )
    return Group(_table(("Given up", "Job", "Error", "Send it again"), rows))


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table; a column whose name ends with `>` holds numbers."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column.rstrip(">"), justify="right" if column.endswith(">") else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def _bad(count: int) -> str:
    return f"[red]{count}[/]" if count else "0"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _ERROR_WIDTH else f"{line[: _ERROR_WIDTH - 1]}…"


def _time(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"


def _span(seconds: float) -> str:
    """A span of time in two figures at most."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h {minutes % 60} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"
