"""The commands of the documents exist, and each is run somewhere."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import re
import shlex
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import click
import httpx
import pytest
import redis
from click.testing import CliRunner

from domain.forecasting.installed import note_plugins
from domain.infra.database import Database, connection_of
from domain.infra.settings import read_settings
from domain.migrations import __main__ as migrations
from tests.docs import guide
from tests.docs.documents import ROOT, TOUCHLINE, command_lines, table, words
from tests.factories import Factory, hours
from tests.people import person
from tests.serving import Api
from tests.small_league import make_league
from tests.workers.fickle import Fickle
from touchline import BTTS, OVER_25, RESULT, cli, setting
from touchline.plugins import Plugin, Status, load_plugins
from workers.actors import JOBS
from workers.boot import booted
from workers.broker import NAMESPACE

PLACES: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        ".ci/run": [
            "pip install uv && uv run pytest",
            "uv run ruff check .",
            "uv run ruff format --check .",
            "uv run mypy",
            "uv run lint-imports",
            "uv run pytest -m acceptance",
        ],
        ".github/workflows/ci.yml": [".ci/run"],
        "tests/acceptance/test_fresh_clone.py::test_demo_starts_in_a_fresh_clone": [
            "pip install uv && uv run touchline demo",
        ],
        "tests/docs/test_commands.py::test_first_query": ["curl -s http://127.0.0.1:8000/graphql"],
        "tests/docs/test_commands.py::test_operator_commands": [
            "uv run touchline import football-data --from FOLDER",
            "uv run touchline import football-data --from FOLDER --league E0 --league SP1 --season 2425 "
            "--json report.json --verbose",
            "uv run touchline queue list",
            "uv run touchline queue dead",
            "uv run touchline queue requeue --all",
            "uv run touchline queue send nap --arguments '{\"seconds\": 1}'",
            "uv run touchline refresh forecasts",
            "uv run touchline refresh value",
            "uv run touchline account show ann@example.com",
            "uv run touchline account set ann@example.com --role ADMIN --tier PRO",
            "uv run touchline doctor",
            "uv run touchline doctor --json",
        ],
        "tests/docs/test_commands.py::test_a_stored_fit_is_made_again": ["uv run touchline refit 1 --check"],
        "tests/plugins/test_evaluation_command.py::test_the_documented_command": [
            "uv run touchline evaluate --from FOLDER --leagues E0 --seasons 2022",
        ],
        "tests/plugins/test_evaluation_tables.py::test_the_documented_command": [
            "uv run touchline evaluate-tables --from FOLDER --models touchline.match_result --leagues E0 "
            "--seasons 2022",
        ],
        "tests/docs/test_commands.py::test_models_are_chosen_and_rolled_back": [
            "uv run touchline model list",
            'uv run touchline model choose goals touchline.goal_stack --reason "No prices are told any more."',
            'uv run touchline model choose goals --by-record --reason "They are told again."',
            'uv run touchline model promote 1 --reason "The newer fit went astray."',
            'uv run touchline model release 1 --reason "Its data were corrected."',
        ],
        "tests/docs/test_commands.py::test_plugins_are_shown_and_stopped": [
            'uv run touchline plugin enable shot_form --reason "Better than ours over two hundred matches."',
            'uv run touchline plugin set acme.shot_form shots=0.8 --reason "Shots told more this season."',
            'uv run touchline plugin shadow shot_form --reason "Its author wants to try something."',
            'uv run touchline plugin disable shot_form --reason "It takes too long."',
            "uv run touchline plugin list",
        ],
        "tests/docs/test_commands.py::test_migrations_by_hand": [
            "uv run python -m domain.migrations check",
            "uv run python -m domain.migrations downgrade",
        ],
        "tests/docs/test_commands.py::test_schema_is_printed": ["uv run python -m api.export > schema.graphql"],
        "tests/acceptance/test_backup.py::test_a_backup_of_a_living_demo_comes_back_whole": [
            "uv run touchline backup FILE --data-dir FOLDER",
            "uv run touchline restore FILE --verify --data-dir FOLDER",
        ],
        "tests/acceptance/test_backup.py::_hold_passwords_back": ["uv run touchline top --once"],
        "tests/acceptance/test_example.py::board": ["npm install", "npm run generate"],
        "tests/acceptance/test_example.py::test_the_readme_leads_to_a_moving_board": ["npm start"],
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
"""The commands of the documents by the place that runs them: a file, and the test in it. `curl` without its data.

Those of the guide for plugin authors are run by `test_guide.py`, as they stand there.
"""


def test_every_command_of_the_documents_is_run_somewhere() -> None:
    lines = [line for line in command_lines() if line not in guide.commands()]
    said = {line if not line.startswith("curl ") else " ".join(line.split()[:3]) for line in lines}
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
    await person(database, "ann@example.com")
    set_to = await shell.call("uv run touchline account set ann@example.com --role ADMIN --tier PRO")
    assert set_to == "role: USER is now ADMIN.\ntier: FREE is now PRO.\n"
    assert "ADMIN" in await shell.call("uv run touchline account show ann@example.com")
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


async def test_models_are_chosen_and_rolled_back(shell: Shell, database: Database) -> None:
    factory = Factory(database)
    league = await factory.league("england-premier-league")
    for key in ("touchline.market_memory", "touchline.goal_stack"):
        await factory.model(key, [RESULT, OVER_25, BTTS])
    first, second = [await factory.version("touchline.market_memory", league, cutoff=hours(n)) for n in range(2)]
    assert "1. touchline.market_memory" in (await shell.call("uv run touchline model list")).splitlines()[1]
    chosen = await shell.call(
        'uv run touchline model choose goals touchline.goal_stack --reason "No prices are told any more."'
    )
    assert chosen == "touchline.goal_stack is shown for goals.\n"
    back = await shell.call('uv run touchline model choose goals --by-record --reason "They are told again."')
    assert back == "touchline.market_memory is shown for goals.\n"
    promoted = await shell.call('uv run touchline model promote 1 --reason "The newer fit went astray."')
    assert f"Version 1+{first} of touchline.market_memory is in force" in promoted
    released = await shell.call('uv run touchline model release 1 --reason "Its data were corrected."')
    assert f"version 1+{second} is in force" in released


@dataclass(frozen=True)
class ShotForm(Fickle):
    """The guide's model, as far as an application knows it."""

    key: str = "acme.shot_form"
    shots: float = setting(0.7, low=0.0, high=1.0)


async def test_plugins_are_shown_and_stopped(shell: Shell, database: Database) -> None:
    ours = load_plugins()
    theirs = Plugin("shot_form", "shot_form", "shot-form", "0.1.0", Status.LOADED, models=("acme.shot_form",), api=1)
    installed = replace(
        ours, plugins=(*ours.plugins, theirs), models={**ours.models, "acme.shot_form": ShotForm("behaves")}
    )
    async with database.transaction() as session:
        await note_plugins(await connection_of(session), installed, hours(0))
    told = await shell.call(
        'uv run touchline plugin enable shot_form --reason "Better than ours over two hundred matches."'
    )
    assert told.startswith("shot_form is ACTIVE since ")
    assert "Better than ours over two hundred matches." in told.splitlines()[0]
    told = await shell.call(
        'uv run touchline plugin set acme.shot_form shots=0.8 --reason "Shots told more this season."'
    )
    assert told == "acme.shot_form  shots = 0.8\n"
    told = await shell.call('uv run touchline plugin shadow shot_form --reason "Its author wants to try something."')
    assert told.startswith("shot_form is SHADOW since ")
    told = await shell.call('uv run touchline plugin disable shot_form --reason "It takes too long."')
    assert told.startswith("shot_form is DISABLED since ")
    listed = await shell.call("uv run touchline plugin list")
    assert "ACTIVE since" in next(line for line in listed.splitlines() if "touchline.goal_stack" in line)


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
