"""`touchline plugin list` and the group around it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint, version
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from domain.forecasting.installed import note_plugins
from domain.infra.clock import set_clock
from domain.infra.database import Database, connection_of
from tests.factories import NOW
from touchline import cli
from touchline.command import group
from touchline.plugins import load_plugins


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(cli.main, ["plugin", *arguments])


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two installed plugins of somebody else; each module writes the number of the process that imports it."""
    for name, text in {"stray": "API = 2", "wild": "raise RuntimeError('no data')"}.items():
        (tmp_path / f"{name}.py").write_text(
            f"import os\nopen({str(tmp_path / name)!r}, 'a').write(f'{{os.getpid()}} ')\n{text}\n"
        )
        told = tmp_path / f"{name}_plugin-0.3.dist-info"
        told.mkdir()
        (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-plugin\nVersion: 0.3\n")
        (told / "entry_points.txt").write_text(f"[touchline]\n{name} = {name}\n")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_every_entry_point_is_listed_and_no_stranger_runs_here(stranger: Path) -> None:
    done = run("list", "--json", DATABASE_URL="", REDIS_URL="")
    assert done.exit_code == 0, done.output
    told = {row["key"]: row for row in json.loads(done.output)["plugins"]}
    assert told["value"]["strategies"] == ["touchline.value"]
    assert told["value"]["version"] == version("touchline")
    assert {key for key, row in told.items() if row["status"] == "refused"} == {"stray", "wild"}
    assert (told["stray"]["distribution"], told["stray"]["version"]) == ("stray-plugin", "0.3")
    assert "update Touchline" in told["stray"]["reason"]
    assert "RuntimeError: no data" in told["wild"]["reason"]
    for name in ("stray", "wild"):
        assert str(os.getpid()) not in (stranger / name).read_text().split()
    shown = " ".join(run("list", DATABASE_URL="", REDIS_URL="").output.split())
    assert "stray stray-plugin 0.3 refused It is made for version 2 of the plugin contract" in shown


async def test_a_server_s_state_stands_beside_it(database: Database, database_url: str, redis_url: str) -> None:
    await set_clock(database.pool, match=NOW, speed=0)
    async with database.transaction() as session:
        await note_plugins(await connection_of(session), load_plugins(), NOW)
    urls = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    disabled = await asyncio.to_thread(run, "disable", "value", "--reason", "It is too bold.", **urls)
    assert disabled.exit_code == 0, disabled.output
    done = await asyncio.to_thread(run, "list", "--json", **urls)
    told = {row["key"]: row["server"] for row in json.loads(done.output)["plugins"]}
    assert (told["value"]["status"], told["value"]["reason"]) == ("DISABLED", "It is too bold.")
    assert told["goals"]["status"] == "ACTIVE"
    shown = " ".join((await asyncio.to_thread(run, "list", **urls)).output.split())
    assert "strategies: touchline.value DISABLED since 2026-03-14 12:00 UTC: It is too bold." in shown


def test_the_help_names_the_author_s_and_the_operator_s_commands() -> None:
    done = run("--help")
    assert done.exit_code == 0
    for name in ("new", "test", "score", "list", "enable", "shadow", "disable", "set"):
        assert f"\n  {name} " in done.output


@pytest.mark.parametrize("name", group.APPLICATION)
def test_without_the_application_its_subcommands_answer_with_one_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    absent = EntryPoint("app", "no_such_application.plugins:commands", group.GROUP)
    monkeypatch.setattr(cli, "entry_points", lambda group: [absent])
    done = run(name, "value", "--reason", "x")
    assert done.exit_code == 2
    assert done.output == (
        f"`touchline plugin {name}` belongs to the application: "
        f"get a checkout of Touchline and use `uv run touchline plugin {name}`.\n"
    )


WHEEL_ONLY = """
import sys
from importlib.abc import MetaPathFinder

ABSENT = {"api", "domain", "workers", "numba", "llvmlite", "statsmodels", "matplotlib", "pandas", "pydantic"}
ABSENT |= {"sqlalchemy", "asyncpg", "redis", "orjson", "httpx", "dramatiq", "pytest", "psutil"}

class Nothing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Nothing())
from touchline.cli import main
"""


def wheel_only(folder: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WHEEL_ONLY + code, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_what_the_commands_import_is_in_the_wheel(tmp_path: Path) -> None:
    code = "import touchline.command.cards, touchline.command.listing, touchline.testing, touchline.discovery"
    done = wheel_only(tmp_path, code)
    assert done.returncode == 0, done.stderr


@pytest.mark.acceptance
def test_the_wheel_alone_makes_tests_scores_and_lists(tmp_path: Path) -> None:
    def call(folder: Path, *arguments: str, code: int = 0) -> str:
        done = wheel_only(folder, "main()", "plugin", *arguments)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    call(tmp_path, "new", "my-elo")
    package = tmp_path / "my-elo"
    assert " 0 failed, " in call(package, "test")
    scored = call(package, "score", "--plots", "plots", code=2)
    assert "of the way from the base rates to the truth" in scored
    assert 'plots need matplotlib: pip install "touchline[plots]"' in scored
    listed = call(package, "list")
    assert "on a server" not in listed
    assert "It comes with the application" in listed
