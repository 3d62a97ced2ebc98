"""What the documents say is true: their code runs, their commands exist and are run, their tables are complete."""

from __future__ import annotations

import ast
import asyncio
import importlib.util
import itertools
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import click
import httpx
import pytest
import redis
from click.testing import CliRunner
from graphql import OperationDefinitionNode, OperationType, parse

import touchline
from api import app as api_app
from api import errors, lookups, paging, schema, subscriptions
from api.nodes import global_id
from domain.infra.bus import Bus
from domain.infra.database import Database
from domain.infra.jobs import Queue, queue_of
from domain.infra.settings import Settings, read_settings
from domain.migrations import __main__ as migrations
from domain.tables import METADATA
from tests.api.client import Client, operation
from tests.api.client import serving as serving_in_process
from tests.factories import NOW, Factory, Fixture, card, hours
from tests.faults import proxy
from tests.odds_world import make_world, until
from tests.plugins.histories import fixtures, history
from tests.serving import Api, serving, socket
from tests.small_league import make_league
from touchline import cli, hookspecs, sandbox
from touchline.plugins import load_plugins, open_entry
from touchline.sandbox import run_fit_and_predict
from workers import actors
from workers.actors import JOBS
from workers.boot import booted
from workers.broker import NAMESPACE
from workers.seeding import put_schedules

ROOT = Path(__file__).parents[1]
TOUCHLINE = Path(sys.executable).with_name("touchline")
DOCUMENTS = tuple(
    str(path.relative_to(ROOT))
    for pattern in ("README.md", "CHANGELOG.md", "*/README.md", "*/CHANGELOG.md")
    for path in sorted(ROOT.glob(pattern))
    if not path.parent.name.startswith(".")
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block."""

    document: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(*languages: str) -> list[Block]:
    """The blocks of all documents in these languages, in their order."""
    return [
        Block(document, text.count("\n", 0, found.start()) + 1, found[1], found[2])
        for document in DOCUMENTS
        for text in [(ROOT / document).read_text()]
        for found in _FENCE.finditer(text)
        if not languages or found[1] in languages
    ]


def only(language: str, *, document: str, holding: str) -> Block:
    """The one block of a document with some words in it."""
    [found] = [block for block in blocks(language) if block.document == document and holding in block.text]
    return found


def command_lines() -> list[str]:
    """Every command of an `sh` block."""
    return [line for block in blocks("sh") for line in block.text.splitlines() if line]


_MARKED = re.compile(r"^`([^`]*)`$")
"""A cell that is code as a whole."""


def table(document: str, header: str) -> list[list[str]]:
    """The cells of the tables whose first column is called `header`, without the marks of code."""
    rows: list[list[str]] = []
    is_inside = False
    for line in (ROOT / document).read_text().splitlines():
        if not line.startswith("|"):
            is_inside = False
            continue
        cells = [_MARKED.sub(r"\1", cell.strip()) for cell in line[1:-1].split(" | ")]
        if is_inside:
            rows.append(cells)
        is_inside = is_inside or cells[0] == header
    assert rows, f"{document} has no table of a {header}"
    return [row for row in rows if not row[0].startswith("---")]


def imported(block: Block, folder: Path, name: str) -> ModuleType:
    """A Python block as the module of a file."""
    file = folder / f"{name}.py"
    file.write_text(block.text)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


# Blocks


def test_blocks_are_of_languages_that_are_checked() -> None:
    assert {block.language for block in blocks()} <= {"python", "graphql", "json", "toml", "sh", "text"}


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_runs(block: Block, tmp_path: Path) -> None:
    imported(block, tmp_path, "documented")


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_toml_is_toml(block: Block) -> None:
    assert tomllib.loads(block.text)


@pytest.fixture
async def factory(database: Database) -> Factory:
    made = Factory(database)
    await made.clock()
    return made


@pytest.fixture
async def matches(factory: Factory) -> list[int]:
    """A day of matches with forecasts, prices and value bets, and Arsenal's tomorrow."""
    found = await card(factory, 24)
    league = await factory.db.fetchval("select id from league")
    await factory.matches([Fixture(league, "Arsenal", "Chelsea", hours(30))])
    return found


@pytest.fixture
async def api(database_url: str, redis_url: str, matches: list[int]) -> AsyncIterator[Api]:
    async with serving(database_url, redis_url) as running:
        yield running


async def test_graphql_runs_as_it_stands(api: Api, matches: list[int], database: Database) -> None:
    league = await database.pool.fetchval("select id from league")
    variables = {
        "id": global_id("Match", matches[0]),
        "ids": [global_id("Match", match) for match in matches[:3]],
        "leagues": [global_id("League", league)],
    }
    answers = _documented_answers()
    for block in blocks("graphql"):
        [asked] = [node for node in parse(block.text).definitions if isinstance(node, OperationDefinitionNode)]
        names = {variable.variable.name.value for variable in asked.variable_definitions or ()}
        given = {name: value for name, value in variables.items() if name in names}
        if asked.operation is OperationType.SUBSCRIPTION:
            async with socket(api.port) as opened:
                await opened.subscribe(block.text, given)
                assert (await opened.event("oddsChanged"))["changes"], str(block)
            continue
        answer = await api.ask(block.text, **given)
        if block in answers:
            assert answer == answers[block], str(block)
            continue
        assert "errors" not in answer, f"{block}: {answer['errors']}"
        _assert_full(answer["data"], str(block))
        if "after" in names:
            await _assert_next_page_differs(api, block, given, answer["data"])


def _documented_answers() -> dict[Block, Any]:
    """Answers that a document shows right behind a query."""
    pairs = itertools.pairwise(blocks())
    return {query: json.loads(answer.text) for query, answer in pairs if answer.language == "json"}


def _assert_full(data: Any, place: str) -> None:
    """Nothing that was asked for at the top is missing, and no list of items is empty."""
    for name, value in data.items():
        assert value, f"{place}: {name} is empty"
        if isinstance(value, dict) and "nodes" in value:
            assert value["nodes"], f"{place}: {name} has no items"


async def _assert_next_page_differs(api: Api, block: Block, given: Mapping[str, Any], data: Any) -> None:
    [(name, first)] = data.items()
    assert first["pageInfo"]["hasNextPage"], str(block)
    answer = await api.ask(block.text, **given, after=first["pageInfo"]["endCursor"])
    second = answer["data"][name]["nodes"]
    assert second, str(block)
    assert not {node["id"] for node in first["nodes"]} & {node["id"] for node in second}, str(block)


def test_answers_follow_their_queries() -> None:
    assert {block.language for block in _documented_answers()} == {"graphql"}
    assert len(_documented_answers()) == len(blocks("json"))


def test_layers_are_those_of_the_import_contracts() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [layers] = [contract["layers"] for contract in contracts if contract.get("containers") == ["domain"]]
    assert only("text", document="domain/README.md", holding="→").text.strip() == " → ".join(layers)


async def test_live_client_misses_nothing_on_a_bad_line(
    database: Database, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    client: Any = imported(only("python", document="api/README.md", holding="connect("), tmp_path, "live_client")
    bus = Bus.connect(redis_url)
    world = await make_world(database, bus)
    told: list[int] = []
    async with serving(database_url, redis_url) as api, proxy(api.port) as between:
        client.HOST = f"127.0.0.1:{between.port}"
        leagues = await asyncio.to_thread(client.all_leagues)
        assert set(leagues) == {global_id("League", league) for league in world.leagues}
        kinds: list[str] = []

        def take(update: dict[str, Any]) -> None:
            kinds.append(update["kind"])
            told.extend(change["sequence"] for change in update["changes"])

        following = asyncio.create_task(client.follow(leagues, take))
        await until(lambda: kinds == ["SNAPSHOT"])
        for number in range(40):
            await world.put(world.tick(2.0 + number / 100, match=number % 4))
            if number in (10, 25):
                between.reset()
        await until(lambda: len(told) >= 40)
        following.cancel()
    await bus.close()
    assert told == list(range(1, 41))
    assert kinds.count("SNAPSHOT") == 1
    assert between.resets == 2


def test_documented_plugin_is_found_fitted_and_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = only("python", document="plugins/README.md", holding="@hookimpl").text
    named = tomllib.loads(only("toml", document="plugins/README.md", holding="entry-points").text)
    points = [
        EntryPoint(key, value, "touchline") for key, value in named["project"]["entry-points"]["touchline"].items()
    ]
    for point in points:
        (tmp_path / f"{point.module}.py").write_text(module)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert open_entry(points[0].value).models
    registry = load_plugins(points=points)
    assert registry.refused == ()
    past = history(["A", "B"], [0, 1, 0], [1, 0, 1], [2, 1, 0], [0, 1, 0], days_ago=[21.0, 14.0, 7.0])
    for key, model in registry.models.items():
        entry = registry.plugin_of(key).entry
        _, told = run_fit_and_predict(entry, key, past, fixtures(past, [0], [1]), markets=model.markets)
        assert told.forecasts.probabilities[touchline.RESULT][0] == pytest.approx([5 / 12, 4 / 12, 3 / 12])


# Commands

PLACES: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        ".ci/run": ["pip install uv && uv run pytest"],
        "tests/acceptance/test_fresh_clone.py::test_demo_starts_in_a_fresh_clone": [
            "pip install uv && uv run touchline demo",
        ],
        "tests/test_docs.py::test_first_query": ["curl -s http://127.0.0.1:8000/graphql"],
        "tests/test_docs.py::test_operator_commands": [
            "uv run touchline import football-data --from FOLDER",
            "uv run touchline import football-data --from FOLDER --league E0 --league SP1 --season 2425 "
            "--json report.json --verbose",
            "uv run touchline queue list",
            "uv run touchline queue dead",
            "uv run touchline queue requeue --all",
            "uv run touchline queue send nap --arguments '{\"seconds\": 1}'",
            "uv run touchline refresh forecasts",
            "uv run touchline refresh value",
            "uv run touchline doctor",
            "uv run touchline doctor --json",
        ],
        "tests/test_docs.py::test_a_stored_fit_is_made_again": ["uv run touchline refit 1 --check"],
        "tests/test_docs.py::test_migrations_by_hand": [
            "uv run python -m domain.migrations check",
            "uv run python -m domain.migrations downgrade",
        ],
        "tests/test_docs.py::test_schema_is_printed": ["uv run python -m api.export > schema.graphql"],
        "tests/acceptance/test_readme.py::test_up_runs_on_given_servers_and_imports": [
            "uv run touchline up",
            "uv run touchline import football-data --from FOLDER --league E0 --season 2425",
        ],
        "tests/acceptance/test_readme.py::test_replay_runs_at_a_speed": [
            "uv run touchline replay --from FOLDER --league E0 --season 2425 --start 2025-02-20 --speed 600",
        ],
        "tests/acceptance/test_readme.py::test_replay_from_event_to_event": [
            "uv run touchline replay --from FOLDER --league E0 --season 2425 --start 2025-02-20 "
            "--rounds 1 --speed max --exit",
        ],
        "tests/acceptance/test_readme.py::test_processes_run_one_by_one": [
            "uv run touchline migrate",
            "uv run touchline api",
            "uv run touchline worker",
            "uv run touchline scheduler",
        ],
    }
)
"""The commands of the documents by the place that runs them: a file, and the test in it. `curl` without its data."""


def test_every_command_of_the_documents_is_run_somewhere() -> None:
    said = {line if not line.startswith("curl ") else " ".join(line.split()[:3]) for line in command_lines()}
    assert sorted(said) == sorted(command for commands in PLACES.values() for command in commands)


@pytest.mark.parametrize("place", PLACES)
def test_the_place_runs_its_commands(place: str) -> None:
    file, _, name = place.partition("::")
    text = (ROOT / file).read_text()
    if not name:
        assert all(command in text for command in PLACES[place])
        return
    [test] = [node for node in ast.parse(text).body if getattr(node, "name", None) == name]
    strings = [node.value for node in ast.walk(test) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    for command in PLACES[place]:
        as_list = command.partition(" && ")[2].split()  # test_fresh_clone gives the words one by one
        assert command in strings or (as_list and set(as_list) <= set(strings)), command


def words(command: str, **places: object) -> list[str]:
    """The arguments of a documented command as they are run here, with its capital words replaced."""
    assert command in command_lines(), f"no document says {command}"
    programs = {"touchline": [str(TOUCHLINE)], "python": [sys.executable]}
    uv, run, program, *rest = shlex.split(command)
    assert (uv, run) == ("uv", "run")
    return [*programs[program], *(str(places.get(word, word)) for word in rest)]


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1)
def by_hand(arguments: tuple[str, ...]) -> None:
    assert arguments[:2] == ("-m", migrations.__package__)
    migrations.main(list(arguments[2:]))


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs documented commands on one deployment."""

    environment: Mapping[str, str]
    folder: Path

    async def run(self, command: str, **places: object) -> str:
        """What a command prints in a process of its own; it must succeed."""
        process = await asyncio.create_subprocess_exec(
            *words(command, **places), env=dict(self.environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        printed, complained = await process.communicate()
        assert process.returncode == 0, f"{command}: {printed.decode()}{complained.decode()}"
        return printed.decode()

    async def call(self, command: str, *, codes: Collection[int] = (0,), **places: object) -> str:
        """What the function behind a program prints, called in this process, which has everything imported."""
        program, *rest = words(command, **places)
        function = cli.main if program == str(TOUCHLINE) else by_hand
        done = await asyncio.to_thread(CliRunner(env=self.environment).invoke, function, rest)
        assert done.exit_code in codes, f"{command}: {done.output} {done.exception}"
        return done.stdout


@pytest.fixture
def shell(database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """Commands on a deployment of the test's own; the messages that they send are removed."""
    monkeypatch.chdir(tmp_path)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TOUCHLINE_")}
    yield Shell(kept | {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "PYTHONPATH": str(ROOT)}, tmp_path)
    client = redis.Redis.from_url(redis_url)
    for key in client.scan_iter(f"{NAMESPACE}:*"):
        client.delete(key)
    client.close()


SEASON = """Div,Date,Time,HomeTeam,AwayTeam,FTHG,FTAG,FTR,HTHG,HTAG,HTR,B365H,B365D,B365A,PSCH,PSCD,PSCA
{league},16/08/2024,20:00,Ashmarrow,Brindlewick,1,0,H,0,0,D,2.62,3.70,2.54,2.60,3.63,2.53
{league},17/08/2024,12:30,Brindlewick,Ashmarrow,2,3,A,2,1,H,1.98,3.61,3.72,1.95,3.71,3.62
"""


def _season_files(folder: Path) -> Path:
    (folder / "2425").mkdir(parents=True)
    for league in ("E0", "SP1"):
        (folder / "2425" / f"{league}.csv").write_text(SEASON.format(league=league))
    return folder


async def test_operator_commands(shell: Shell, database: Database) -> None:
    files = _season_files(shell.folder / "files")
    printed = await shell.run("uv run touchline import football-data --from FOLDER", FOLDER=files)
    assert "2425/E0.csv: matches 2 new" in printed
    await database.pool.execute(
        """insert into job (id, name, arguments, status, attempts, queued_at, finished_at, error)
           values ('lost', 'nap', '{}', 'DEAD', 6, now(), now(), 'ValueError: no')"""
    )
    narrowed = await shell.call(
        "uv run touchline import football-data --from FOLDER --league E0 --league SP1 --season 2425 "
        "--json report.json --verbose",
        FOLDER=files,
    )
    assert "2 files" in narrowed
    assert json.loads((shell.folder / "report.json").read_text())["totals"]["matches_unchanged"] == 4
    assert "refresh_league" in await shell.call("uv run touchline queue list")
    assert "ValueError: no" in await shell.call("uv run touchline queue dead")
    sent = await shell.call("uv run touchline queue send nap --arguments '{\"seconds\": 1}'")
    assert await database.pool.fetchval("select arguments from job where id = $1", sent.strip()) == {"seconds": 1}
    assert await shell.call("uv run touchline refresh forecasts") == "Asked for.\n"
    assert await shell.call("uv run touchline refresh value") == "Asked for.\n"
    asked = {row["job"] for row in await database.pool.fetch("select job from outbox")}
    assert asked >= {"refresh_predictions", "refresh_value"}
    assert "Plugins" in await shell.call("uv run touchline doctor", codes=(0, 1))  # 1 where the port is taken
    findings = json.loads(await shell.call("uv run touchline doctor --json", codes=(0, 1)))
    assert {check["name"]: check["state"] for check in findings}["Schema"] == "ok"
    assert await shell.call("uv run touchline queue requeue --all") == "1 sent again.\n"
    assert await database.pool.fetchval("select status from job where id = 'lost'") == "QUEUED"


async def test_a_stored_fit_is_made_again(shell: Shell, database: Database) -> None:
    league = await make_league(database)
    settings = read_settings(database_url=shell.environment["DATABASE_URL"], redis_url=shell.environment["REDIS_URL"])
    async with booted(settings) as boot:
        await JOBS["run_model"](boot, "fit", model_key="touchline.corners", league_id=league.league_id)
    assert "The same, bit for bit." in await shell.call("uv run touchline refit 1 --check")


async def test_migrations_by_hand(shell: Shell, database: Database) -> None:
    tables = "select count(*) from pg_tables where schemaname = 'public'"
    await shell.call("uv run python -m domain.migrations check")
    await database.engine.dispose()
    assert await database.pool.fetchval(tables) > 20
    await shell.call("uv run python -m domain.migrations downgrade")
    assert await database.pool.fetchval(tables) == 1  # Alembic's own


def test_schema_is_printed() -> None:
    argv, _, file = " ".join(words("uv run python -m api.export > schema.graphql")).partition(" > ")
    printed = subprocess.run(argv.split(), cwd=ROOT, capture_output=True, text=True, check=True)
    assert printed.stdout == (ROOT / file).read_text()


async def test_first_query(api: Api) -> None:
    """The first query, with httpx in place of curl; an acceptance test runs curl itself."""
    [line] = [line for line in command_lines() if line.startswith("curl -s http://127.0.0.1:8000/graphql")]
    _curl, _s, url, _h, header, _d, body = shlex.split(line)
    name, _, value = header.partition(": ")
    async with httpx.AsyncClient() as client:
        answer = await client.post(url.replace("8000", str(api.port)), headers={name: value}, content=body)
    assert len(answer.json()["data"]["matches"]["nodes"]) == 3


def _installed(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, set[str]]]:
    """Every command that can be run, and its options."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _installed(found, (*path, name))
    else:
        options = {option.opts[0] for option in command.params if isinstance(option, click.Option)}
        yield " ".join(path), options


def test_every_command_and_option_is_documented() -> None:
    rows = table("workers/README.md", "command")
    documented = {row[0]: set(re.findall(r"--[a-z-]+", row[1])) for row in rows}
    assert documented == dict(_installed(cli.main, ("touchline",)))


# Tables


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
        "tokens of a document": schema.MOST_TOKENS,
        "items of a page": paging.LARGEST_SIZE,
        "ids of `nodes`": lookups.MOST_NODES,
        "matches of a subscription": subscriptions.MOST_MATCHES,
        "leagues of a subscription": subscriptions.MOST_LEAGUES,
        "subscriptions of a socket": api_app.MOST_SUBSCRIPTIONS,
    }
)

CODES = {
    value
    for name, value in vars(errors).items()
    if name.isupper() and not name.startswith("_") and isinstance(value, str)
}
CONCEPTS = {path.parent.name for path in (ROOT / "domain").glob("*/tables.py")}
HOOKS = {name for name, value in vars(hookspecs).items() if hasattr(value, "touchline_spec")}

COMPLETE: tuple[tuple[str, str, Callable[[], Collection[str]]], ...] = (
    ("domain/README.md", "concept", lambda: CONCEPTS),
    ("domain/README.md", "table", lambda: METADATA.tables.keys()),
    ("workers/README.md", "job", lambda: JOBS.keys()),
    ("api/README.md", "code", lambda: CODES),
    ("api/README.md", "kind", lambda: [str(kind.value) for kind in subscriptions.UpdateKind]),
    ("api/README.md", "limit", lambda: LIMITS.keys()),
    ("plugins/README.md", "hook", lambda: {f"{name}()" for name in HOOKS}),
)


@pytest.mark.parametrize(("document", "header", "known"), COMPLETE, ids=[header for _, header, _ in COMPLETE])
def test_table_is_complete(document: str, header: str, known: Callable[[], Collection[str]]) -> None:
    assert sorted(row[0] for row in table(document, header)) == sorted(known())


def test_limits_are_those_of_the_code() -> None:
    assert {row[0]: int(row[1]) for row in table("api/README.md", "limit")} == LIMITS


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


async def test_statements_are_as_many_as_told(database_url: str, redis_url: str, matches: list[int]) -> None:
    settings = Settings(database_url=database_url, redis_url=redis_url, log_level="debug")
    async with serving_in_process(settings) as client:
        for name, count in table("api/README.md", "operation"):
            assert await _statements(client, name, matches) == int(count), name


async def _statements(client: Client, name: str, matches: list[int]) -> int:
    answer = await client.ask(operation(name), {"id": global_id("Match", matches[0])} if name == "OddsBoard" else {})
    assert answer.errors == []
    return answer.statements


def test_the_changelog_tells_of_the_newest_contract() -> None:
    text = (ROOT / "plugins" / "CHANGELOG.md").read_text()
    assert re.findall(r"^## API (\d+)$", text, re.MULTILINE)[0] == str(touchline.API)
    assert f"{sandbox.TIMEOUT:g} seconds, {sandbox.MEMORY_MB} MiB" in text
    assert f"{sandbox.MEMORY_MB} MiB" in (ROOT / "workers" / "README.md").read_text()


# Links

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def _anchors(file: Path) -> set[str]:
    """Where a link may point to inside a document, as GitHub names headings."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", file.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    text = _FENCE.sub("", (ROOT / document).read_text())
    for link in _LINK.findall(text):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = (ROOT / document).parent / path if path else ROOT / document
        assert target.exists(), f"{document} links to {link}"
        assert not anchor or anchor in _anchors(target), f"{document} links to {link}"
