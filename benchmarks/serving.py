"""Today, the home page's operation: the API against the same operation in plain strawberry with the ORM.

    uv run python -m benchmarks.serving [--rounds 5] [--seconds 4] [--matches 50] [--json FILE]

Both servers run on the same embedded PostgreSQL and the same rows (`benchmarks.rows`), and match time stands still.
They must say the same: JSON without errors, every value equal, probabilities within 1e-12, since many forecasts
evaluated together round the last bits otherwise than one alone. In the rounds every single answer must be,
byte for byte, the one that was compared.

A round asks over four connections from a process of its own; servers take turns, and a first round of each is dropped.
Servers share one core and everybody else gets the others. CPU is what the operating system charged
the server's process (and PostgreSQL's) during a round, divided by its requests. Statements are counted in
PostgreSQL's log, outside of the rounds. The exit code is 1 when the answers differ, and never depends on speed.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import asyncpg
import click
import psutil

from benchmarks.load import Load, Question, ask, digest_of
from benchmarks.rows import fill
from domain.migrations.runner import upgrade
from tests.api.client import operation
from workers.stack.embedded import start_servers
from workers.stack.ports import claim_port

CONNECTIONS = 4
TOLERANCE = 1e-12
TARGET = 2.0
"""Times less server CPU than the plain server that the API is meant to take."""
COUNTED = 10
"""Requests over which statements are counted: what is read once a second shows as a part of one."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server under measurement."""

    name: str
    port: int
    process: psutil.Process

    def ask(self, body: str, times: int = 1) -> bytes:
        """The last of some answers, asked for one after the other."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        answers = [ask(connection, body.encode()) for _ in range(times)]
        connection.close()
        return answers[-1]


@dataclass(frozen=True, slots=True)
class Round:
    """One server in one round; CPU in milliseconds per request."""

    server_cpu: float
    postgres_cpu: float
    requests_per_second: float
    median_wait: float
    """Milliseconds that a client waits for one answer."""
    requests: int


@dataclass(frozen=True, slots=True)
class Statements:
    """What a request sends to PostgreSQL."""

    queries: float
    transaction_control: float
    """BEGIN, COMMIT and ROLLBACK."""


class Different(Exception):
    """The two answers are not the same."""


@click.command()
@click.option("--rounds", default=5, show_default=True, help="Rounds of each server that count.")
@click.option("--seconds", default=4.0, show_default=True, help="Length of a round.")
@click.option("--matches", default=50, show_default=True, type=click.IntRange(1, 100), help="Matches of the page.")
@click.option("--json", "target", type=click.Path(path_type=Path), help="File for the figures.")
def main(rounds: int, seconds: float, matches: int, target: Path | None) -> None:
    """Compare the API with a plain server on the Today operation."""
    body = json.dumps({"query": operation("Today").replace("first: 20", f"first: {matches}")})
    with ExitStack() as stack:
        databases = stack.enter_context(start_servers(durable=False))
        upgrade(databases.database_url)
        click.echo(f"rows: {asyncio.run(fill(databases.database_url))}")
        urls = {"DATABASE_URL": databases.database_url, "REDIS_URL": databases.redis_url}
        postgres = asyncio.run(postmaster(databases.database_url))
        plain = stack.enter_context(running("plain", "benchmarks.naive_server", urls))
        with running("touchline", "api", urls) as ours:
            _pin([ours.process, plain.process], [psutil.Process(), *_tree(postgres)])
            answers = {server: server.ask(body, times=3) for server in (ours, plain)}
            try:
                click.echo(compared(answers[ours], answers[plain], matches))
            except Different as difference:
                click.echo(f"the answers differ: {difference}")
                sys.exit(1)
            results: dict[Server, list[Round]] = {ours: [], plain: []}
            for number in range(rounds + 1):
                for server in (ours, plain):
                    question = Question(server.port, body, digest_of(answers[server]), CONNECTIONS, seconds)
                    measured = measure(server, postgres, question)
                    if number:
                        results[server].append(measured)
            # After the rounds, so that every connection is open and has its statements prepared.
            statements = {ours: asyncio.run(_statements(databases.database_url, ours, body))}
        # The API has ended: it reads a little even when nobody asks.
        statements[plain] = asyncio.run(_statements(databases.database_url, plain, body))
    _print(results, statements, answers, rounds, seconds)
    if target is not None:
        target.write_text(json.dumps(_figures(results, statements, answers), indent=2) + "\n")


@contextmanager
def running(name: str, module: str, urls: Mapping[str, str]) -> Iterator[Server]:
    """A server in a process of its own, on a free port, until it takes connections."""
    port = claim_port("127.0.0.1", 0)
    secret = {"TOUCHLINE_SECRET_KEY": secrets.token_urlsafe(32)}
    settings = {**urls, "TOUCHLINE_PORT": str(port), "TOUCHLINE_LOG_LEVEL": "warning"}
    process = subprocess.Popen([sys.executable, "-m", module], env={**secret, **os.environ, **settings})
    try:
        deadline = time.monotonic() + 60
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise click.ClickException(f"{name} did not start")
            time.sleep(0.05)
        yield Server(name, port, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(timeout=30)


def _listens(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.connect()
    except OSError:
        return False
    finally:
        connection.close()
    return True


def measure(server: Server, postgres: psutil.Process, question: Question) -> Round:
    """One round: the load runs in its own process while the others' CPU is read before and after."""
    server_before, postgres_before = cpu_seconds(server.process), cpu_seconds(postgres)
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=json.dumps(asdict(question)),
        capture_output=True,
        text=True,
        check=False,
    )
    server_cpu, postgres_cpu = cpu_seconds(server.process) - server_before, cpu_seconds(postgres) - postgres_before
    if run.returncode != 0:
        raise click.ClickException(f"{server.name}: {run.stderr.strip().splitlines()[-1]}")
    load = Load(**json.loads(run.stdout))
    return Round(
        server_cpu=1000 * server_cpu / load.requests,
        postgres_cpu=1000 * postgres_cpu / load.requests,
        requests_per_second=load.requests / load.seconds,
        median_wait=load.median_milliseconds,
        requests=load.requests,
    )


def cpu_seconds(process: psutil.Process) -> float:
    """CPU time of a process, of its children, and of those that have ended since."""
    total = 0.0
    for each in _tree(process):
        try:
            times = each.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _tree(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _pin(servers: Sequence[psutil.Process], others: Sequence[psutil.Process]) -> None:
    """The servers on one core and everything else on the rest, where there are two and the system lets us."""
    if not hasattr(psutil.Process, "cpu_affinity"):
        return
    first, *rest = psutil.Process().cpu_affinity() or [0]
    if rest:
        for process in servers:
            process.cpu_affinity([first])
        for process in others:
            process.cpu_affinity(rest)


async def postmaster(database_url: str) -> psutil.Process:
    """PostgreSQL's first process, the parent of all others."""
    connection = await asyncpg.connect(database_url)
    try:
        parent = psutil.Process(connection.get_server_pid()).parent()
        assert parent is not None
        return parent
    finally:
        await connection.close()


async def _statements(database_url: str, server: Server, body: str) -> Statements:
    """What a warm server sends to PostgreSQL for one request, as PostgreSQL logs it."""
    connection = await asyncpg.connect(database_url)
    try:
        log = Path(await connection.fetchval("show data_directory")).parent / "logs" / "postgres.log"
        await connection.execute("alter system set log_statement = 'all'")
        await _reload(connection)
        start = log.stat().st_size
        await asyncio.to_thread(server.ask, body, COUNTED)
        written = log.read_bytes()[start:].decode(errors="replace").splitlines()
        await connection.execute("alter system reset log_statement")
        await _reload(connection)
    finally:
        await connection.close()
    sent = [words for line in written for words in [line.partition("LOG:  ")[2]] if _is_statement(words)]
    control = [words for words in sent if words.partition(": ")[2].startswith(("BEGIN", "COMMIT", "ROLLBACK"))]
    return Statements((len(sent) - len(control)) / COUNTED, len(control) / COUNTED)


def _is_statement(words: str) -> bool:
    return words.startswith(("statement: ", "execute "))


async def _reload(connection: asyncpg.Connection) -> None:
    await connection.execute("select pg_reload_conf()")
    await asyncio.sleep(0.5)  # every backend reads its settings again between two statements


def compared(ours: bytes, plain: bytes, matches: int) -> str:
    """What two equal answers hold; raises Different with the first place where they are not."""
    pair = [json.loads(answer) for answer in (ours, plain)]
    for name, answer in zip(("touchline", "plain"), pair, strict=True):
        if answer.get("errors"):
            raise Different(f"{name} has errors: {answer['errors'][:2]}")
    shown = len(pair[0]["data"]["matches"]["nodes"])
    if shown != matches:
        raise Different(f"{shown} matches instead of {matches}")
    deltas = list(_deltas(pair[0], pair[1], "$"))
    rounded = [delta for delta in deltas if delta]
    return (
        f"answers: equal in {len(deltas):,} values, {len(rounded)} of them but for rounding "
        f"(at most {max(rounded, default=0.0):.0e}); {len(ours):,} and {len(plain):,} bytes"
    )


def _deltas(ours: Any, plain: Any, path: str) -> Iterator[float]:
    """How far each pair of values is apart: 0 for equal ones; raises Different beyond rounding."""
    if isinstance(ours, dict) and isinstance(plain, dict) and list(ours) == list(plain):
        for key in ours:
            yield from _deltas(ours[key], plain[key], f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(plain, list) and len(ours) == len(plain):
        for place, pair in enumerate(zip(ours, plain, strict=True)):
            yield from _deltas(*pair, f"{path}[{place}]")
    elif isinstance(ours, float) and isinstance(plain, float) and abs(ours - plain) <= TOLERANCE:
        yield abs(ours - plain)
    elif type(ours) is type(plain) and ours == plain:
        yield 0.0
    else:
        raise Different(f"{path} is {ours!r} here and {plain!r} there")


def _medians(rounds: Sequence[Round]) -> Round:
    columns = zip(*(asdict(each).values() for each in rounds), strict=True)
    return Round(*(statistics.median(column) for column in columns))


def _ratios(results: Mapping[Server, Sequence[Round]]) -> list[float]:
    """Server CPU of the plain server in times of ours, round by round."""
    ours, plain = results.values()
    return [theirs.server_cpu / own.server_cpu for own, theirs in zip(ours, plain, strict=True)]


def _print(
    results: Mapping[Server, Sequence[Round]],
    statements: Mapping[Server, Statements],
    answers: Mapping[Server, bytes],
    rounds: int,
    seconds: float,
) -> None:
    click.echo(f"medians of {rounds} rounds of {seconds:g} s each, {CONNECTIONS} connections, one server process")
    click.echo(
        f"{'':11}{'bytes':>9}{'queries':>9}{'begin/end':>11}{'server CPU':>12}{'PG CPU':>10}"
        f"{'requests/s':>12}{'wait p50':>10}"
    )
    for server, each in results.items():
        middle, sent = _medians(each), statements[server]
        click.echo(
            f"{server.name:11}{len(answers[server]):9,}{sent.queries:9.1f}{sent.transaction_control:11.1f}"
            f"{middle.server_cpu:9.2f} ms{middle.postgres_cpu:7.2f} ms{middle.requests_per_second:12.1f}"
            f"{middle.median_wait:7.1f} ms"
        )
    ratios = _ratios(results)
    ratio = statistics.median(ratios)
    click.echo(
        f"plain / touchline, server CPU per request: {ratio:.2f} (rounds: {min(ratios):.2f} to {max(ratios):.2f}); "
        f"target {TARGET:g}: {'reached' if ratio >= TARGET else 'missed'}"
    )


def _figures(
    results: Mapping[Server, Sequence[Round]],
    statements: Mapping[Server, Statements],
    answers: Mapping[Server, bytes],
) -> dict[str, Any]:
    return {
        "servers": {
            server.name: {
                "bytes": len(answers[server]),
                "statements": asdict(statements[server]),
                "median": asdict(_medians(rounds)),
                "rounds": [asdict(each) for each in rounds],
            }
            for server, rounds in results.items()
        },
        "server_cpu_ratio": {"median": statistics.median(_ratios(results)), "rounds": _ratios(results)},
    }


if __name__ == "__main__":
    main()
