"""The command line: what it offers, how quickly, and how it refuses."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from domain.infra.settings import Settings
from tests.workers.stack.test_ports_and_running import RUNNING
from touchline import cli
from workers.commands.options import deployment_options
from workers.stack.locks import folder_lock
from workers.stack.running import write_running


@pytest.fixture(autouse=True)
def no_servers_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)


def test_the_help_names_the_commands() -> None:
    result = CliRunner().invoke(cli.main, ["--help"])
    assert result.exit_code == 0
    for name in ("demo", "up", "api", "worker", "scheduler", "migrate", "doctor"):
        assert f"\n  {name} " in result.output


def test_the_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, touchline\n"
        "before = set(sys.modules)\n"
        "from click.testing import CliRunner\n"
        "from touchline.cli import main\n"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0\n"
        "heavy = {'numpy', 'scipy', 'pydantic', 'sqlalchemy', 'asyncpg', 'redis', 'psutil', 'rich'}\n"
        "print(sorted(heavy & (set(sys.modules) - before)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", ["demo", "up", "import", "replay", "doctor", "queue"])
def test_the_bare_wheel_answers_with_one_sentence(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    absent = EntryPoint("app", "no_such_application.cli:commands", cli.GROUP)
    monkeypatch.setattr(cli, "entry_points", lambda group: [absent])
    result = CliRunner().invoke(cli.main, [name, "--port", "0", "--help"])
    assert result.exit_code == 2
    assert result.output == (
        f"`touchline {name}` belongs to the application: "
        f"get a checkout of Touchline and use `uv run touchline {name}`.\n"
    )


def test_a_module_that_the_application_lacks_is_not_taken_for_its_absence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_application.py").write_text("import no_such_module")
    monkeypatch.syspath_prepend(tmp_path)
    broken = EntryPoint("app", "broken_application:commands", cli.GROUP)
    monkeypatch.setattr(cli, "entry_points", lambda group: [broken])
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        CliRunner().invoke(cli.main, ["demo"], catch_exceptions=False)


def test_an_unknown_command_is_refused() -> None:
    assert CliRunner().invoke(cli.main, ["juggle"]).exit_code == 2


@pytest.mark.parametrize("name", ["api", "worker", "scheduler", "migrate"])
def test_a_process_without_its_urls_is_refused_by_their_names(name: str) -> None:
    result = CliRunner().invoke(cli.main, [name])
    assert result.exit_code == 2
    assert "DATABASE_URL is not set. Set it, or use `touchline demo`" in result.output
    assert "REDIS_URL is not set." in result.output


@click.command()
@click.option("--count", default=1)
@deployment_options
def show(count: int, settings: Settings) -> None:
    """Show which deployment it works on."""
    click.echo(f"{count} {settings.database_url} {settings.redis_url}")


def test_a_command_works_on_the_environments_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://a@b/c")
    monkeypatch.setenv("REDIS_URL", "redis://d/0")
    assert CliRunner().invoke(show, ["--count", "2"]).output == "2 postgresql://a@b/c redis://d/0\n"


def test_a_command_works_on_a_running_demo(tmp_path: Path) -> None:
    with folder_lock(tmp_path):
        write_running(tmp_path, RUNNING)
        output = CliRunner().invoke(show, ["--data-dir", str(tmp_path)]).output
    assert output == f"1 {RUNNING.database_url} {RUNNING.redis_url}\n"


def test_a_command_without_a_deployment_says_what_to_do(tmp_path: Path) -> None:
    result = CliRunner().invoke(show, ["--data-dir", str(tmp_path)])
    assert result.exit_code == 2
    assert f"Nothing runs on {tmp_path}" in result.output
    assert "start `touchline demo`" in result.output


def test_half_a_deployment_is_never_guessed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://a@b/c")
    result = CliRunner().invoke(show, ["--data-dir", str(tmp_path)])
    assert result.exit_code == 2
    assert "REDIS_URL is not set" in result.output


def test_doctor_prints_json_and_fails_on_a_problem(data_dir: Path) -> None:
    arguments = ["doctor", "--json", "--data-dir", str(data_dir), "--port"]
    fine = CliRunner().invoke(cli.main, [*arguments, "0"])
    assert fine.exit_code == 0, fine.output
    assert {check["state"] for check in json.loads(fine.output)} <= {"ok", "warn"}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bad = CliRunner().invoke(cli.main, [*arguments, str(taken.getsockname()[1])])
    assert bad.exit_code == 1
    assert [check["name"] for check in json.loads(bad.output) if check["state"] == "problem"] == ["Port"]


def test_doctor_prints_a_table(data_dir: Path) -> None:
    result = CliRunner().invoke(cli.main, ["doctor", "--data-dir", str(data_dir), "--port", "0"])
    assert result.exit_code == 0, result.output
    assert "PostgreSQL program" in result.output
    assert os.linesep in result.output
