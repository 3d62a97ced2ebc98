"""The tables of the documents are complete and say what the code says."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType

import pytest

import touchline
from api import app as api_app
from api import errors, lookups, paging, subscriptions, table_forecasts
from api.edge import bodies, meters, metrics, refusals, shapes, sockets
from api.nodes import global_id
from api.outcomes import ErrorCode
from domain.accounts.letters import MailKind
from domain.bets import bankrolls
from domain.bets import rules as bet_rules
from domain.bets.importing import reading
from domain.care.rules import Kind as LimitKind
from domain.infra.database import Database
from domain.infra.jobs import Queue, queue_of
from domain.infra.settings import Settings, read_settings
from domain.seasons import rules as season_rules
from domain.tables import METADATA
from domain.tasks import service as tasks
from tests.api.betting import betting
from tests.api.client import Client, operation
from tests.api.client import serving as serving_in_process
from tests.bettors import Leg, Wager, make_bankroll, make_bets
from tests.docs.documents import ROOT, table
from tests.factories import NOW
from touchline import combos, hookspecs, sandbox
from workers import actors
from workers.actors import JOBS
from workers.seeding import put_schedules


def _variable(name: str) -> str:
    alias = Settings.model_fields[name].validation_alias
    return str(alias) if alias else f"TOUCHLINE_{name.upper()}"


def _default(name: str) -> str:
    field = Settings.model_fields[name]
    if field.is_required():
        return "required"
    if field.default in (None, ()):
        return "none"
    return f"{field.default:g}" if isinstance(field.default, float) else str(field.default)


def test_settings_are_those_of_the_code() -> None:
    documented = [(row[0], row[1]) for row in table("workers/README.md", "variable")]
    assert documented == [(_variable(name), _default(name)) for name in Settings.model_fields]


def test_origins_are_a_json_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOUCHLINE_ALLOWED_ORIGINS", '["https://odds.example"]')
    settings = read_settings(database_url="postgresql:///x", redis_url="redis:///")
    assert settings.allowed_origins == ("https://odds.example",)


LIMITS: Mapping[str, int] = MappingProxyType(
    {
        "tokens of a document": shapes.TOKENS.most,
        "characters of a document": shapes.CHARACTERS.most,
        "lines of a document": shapes.LINES.most,
        "characters of a name or number": shapes.WORD.most,
        "characters of one text in a document": shapes.TEXT.most,
        "operations and fragments of a document": shapes.DEFINITIONS.most,
        "variables of an operation": shapes.VARIABLES.most,
        "fields that an operation begins with": shapes.ROOTS.most,
        "fields and fragments of a document, opened": shapes.NODES.most,
        "levels of a document": shapes.DEPTH.most,
        "aliases of an operation": shapes.ALIASES.most,
        "directives of an operation": shapes.DIRECTIVES.most,
        "directives at one place": shapes.CROWD.most,
        "pairs of a repeated field": shapes.REPEATS.most,
        "values in the variables": shapes.VALUES.most,
        "levels of the variables": shapes.LEVELS.most,
        "items of a page": paging.LARGEST_SIZE,
        "ids of `nodes`": lookups.MOST_NODES,
        "matches of a subscription": subscriptions.MOST_MATCHES,
        "leagues of a subscription": subscriptions.MOST_LEAGUES,
        "subscriptions of a socket": sockets.MOST_OPERATIONS,
        "legs of a bet": bet_rules.MOST_LEGS,
        "legs of a combo": combos.MOST,
        "simulations of a table": season_rules.MOST,
        "results assumed in one": season_rules.MOST_ASSUMED,
        "seasons simulated at once": table_forecasts.MOST_SEASONS,
        "bankrolls of a person": bankrolls.MOST_BANKROLLS,
        "jobs of a person that have not ended": tasks.MOST_UNFINISHED,
        "MiB of a file to import": reading.MOST_BYTES // 1024**2,
    }
)

CODES = {
    value
    for name, value in [*vars(errors).items(), *vars(refusals).items(), *vars(bodies).items()]
    if name.isupper() and isinstance(value, str) and value.isupper() and value != bodies.GONE  # nobody reads that one
}
CONCEPTS = {path.parent.name for path in (ROOT / "domain").glob("*/tables.py")}
HOOKS = {name for name, value in vars(hookspecs).items() if hasattr(value, "touchline_spec")}

COMPLETE: tuple[tuple[str, str, Callable[[], Collection[str]]], ...] = (
    ("domain/README.md", "concept", lambda: CONCEPTS),
    ("domain/README.md", "table", lambda: METADATA.tables.keys()),
    ("domain/README.md", "limit", lambda: list(LimitKind)),
    ("workers/README.md", "job", lambda: JOBS.keys()),
    ("workers/README.md", "letter", lambda: list(MailKind)),
    ("api/README.md", "code", lambda: CODES),
    ("api/README.md", "error", lambda: [str(code.value) for code in ErrorCode]),
    ("api/README.md", "kind", lambda: [str(kind.value) for kind in subscriptions.UpdateKind]),
    ("api/README.md", "limit", lambda: LIMITS.keys()),
    ("workers/README.md", "metric", lambda: [*meters.own_names(), *metrics.DEPLOYMENT]),
    ("plugins/README.md", "hook", lambda: {f"{name}()" for name in HOOKS}),
)


@pytest.mark.parametrize(
    ("document", "header", "known"), COMPLETE, ids=[f"{document}: {header}" for document, header, _ in COMPLETE]
)
def test_table_is_complete(document: str, header: str, known: Callable[[], Collection[str]]) -> None:
    assert sorted(row[0] for row in table(document, header)) == sorted(known())


def test_limits_are_those_of_the_code() -> None:
    assert {row[0]: int(row[1].replace(",", "")) for row in table("api/README.md", "limit")} == LIMITS


def test_addresses_are_those_of_the_application() -> None:
    told = {row[0].partition(" ")[2] or "/graphql" for row in table("api/README.md", "address")}
    app = api_app.create_app(read_settings(database_url="postgresql:///x", redis_url="redis:///"))
    assert told == app.openapi()["paths"].keys()


def test_the_first_close_code_is_that_of_the_code() -> None:
    assert table("api/README.md", "close code")[0][0] == str(sockets.SIGNED_OUT)


def test_jobs_go_through_their_queues() -> None:
    assert {row[0]: row[1] for row in table("workers/README.md", "job")} == {name: queue_of(name) for name in JOBS}
    assert {row[1] for row in table("workers/README.md", "job")} == set(Queue)
    assert actors.JOBS is JOBS


async def test_schedule_is_as_told(database: Database) -> None:
    settings = read_settings(database_url="postgresql:///x", redis_url="redis:///")
    await put_schedules(database, settings, NOW, speed=1)
    found = await database.pool.fetch("select name, every_seconds / 60 as minutes from schedule")
    told = {row[0]: float(row[1].partition(" ")[0]) for row in table("workers/README.md", "recurring job")}
    assert told == {row["name"]: row["minutes"] for row in found}


async def test_statements_are_as_many_as_told(
    database: Database, database_url: str, redis_url: str, matches: list[int]
) -> None:
    settings = Settings(database_url=database_url, redis_url=redis_url, log_level="debug")
    async with serving_in_process(settings) as client, betting(client.app) as bettor:
        bankroll = await make_bankroll(database.pool, bettor.account)
        await make_bets(database.pool, bankroll, [Wager(legs=(Leg(match, 1),)) for match in matches])
        for name, count in table("api/README.md", "operation"):
            asker = bettor if name == "Record" else client
            assert await _statements(asker, name, matches) == int(count), name


async def _statements(client: Client, name: str, matches: list[int]) -> int:
    answer = await client.ask(operation(name), {"id": global_id("Match", matches[0])} if name == "OddsBoard" else {})
    assert answer.errors == []
    return answer.statements


def test_the_changelog_tells_of_the_newest_contract() -> None:
    text = (ROOT / "plugins" / "CHANGELOG.md").read_text()
    assert re.findall(r"^## API (\d+)$", text, re.MULTILINE)[0] == str(touchline.API)
    limits = sandbox.Limits()
    told = f"{limits.seconds:g} seconds, {limits.memory_mb} MiB of address space, files of {limits.file_mb} MiB"
    assert told in " ".join(text.split())
    assert f"{limits.memory_mb} MiB" in (ROOT / "workers" / "README.md").read_text()


def test_every_benchmark_is_listed() -> None:
    told = {row[0].partition("benchmarks.")[2].split()[0] for row in table("benchmarks/README.md", "command")}
    assert told == {path.stem for path in (ROOT / "benchmarks").glob("*.py") if "@click.command()" in path.read_text()}
