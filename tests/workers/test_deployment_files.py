"""Dockerfile, compose file and workflow say what the product and its commands are."""

from __future__ import annotations

import re
import subprocess
from urllib.parse import urlsplit

import click
import pytest

from domain.infra.database import MINIMUM_SERVER
from domain.infra.settings import Settings
from tests.docs.documents import command_lines
from tests.image import ROOT, Stage, ignored, secrets_named, services, stages, variables, workflow
from touchline import cli
from workers.stack.binaries import REDIS_MINIMUM

OURS = ("migrate", "api", "worker", "scheduler")


@pytest.fixture
def final() -> Stage:
    return stages()[-1]


def setting_names() -> set[str]:
    prefix = str(Settings.model_config["env_prefix"])
    return {str(one.validation_alias or f"{prefix}{name.upper()}") for name, one in Settings.model_fields.items()}


def is_command(words: list[str]) -> bool:
    return cli.main.get_command(click.Context(cli.main), words[0]) is not None


def test_the_image_runs_as_an_ordinary_user(final: Stage) -> None:
    user = final.only("USER").text
    assert f" {user}" in next(line.text for line in final.all("RUN") if line.text.startswith("useradd"))
    order = [line.name for line in final.instructions]
    assert order.index("USER") > max(place for place, name in enumerate(order) if name in {"RUN", "COPY"})
    assert order.index("USER") < order.index("ENTRYPOINT")


def test_the_image_is_slim_and_made_in_two_stages() -> None:
    first, final = stages()
    assert first.base == final.base
    assert re.fullmatch(r"python:3\.1[1-3]-slim", final.base)
    [packages] = [line.text for line in final.all("COPY") if line.text.startswith("--from")]
    assert packages.startswith(f"--from={first.name} ")
    assert "/" not in final.base, "no registry is named"


def test_the_image_holds_the_application_and_nothing_else(final: Stage) -> None:
    copied = {word for line in final.all("COPY") if "--from" not in line.text for word in line.text.split()[:-1]}
    assert copied == {"pyproject.toml", "README.md", "api", "domain", "plugins", "workers"}
    assert not any(ignored(name) for name in copied)
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    kept = {path.partition("/")[0] for path in tracked.splitlines() if not ignored(path)}
    assert kept <= copied
    for path in (".env", ".git/config", "var/x", "tests/conftest.py", "api/__pycache__/app.pyc", "api/x.pyc"):
        assert ignored(path), path


def test_its_variables_are_settings_and_its_port_is_the_one_it_shows(final: Stage) -> None:
    environment = final.environment()
    assert {name for name in environment if name.startswith("TOUCHLINE_")} <= setting_names()
    port = final.only("EXPOSE").text
    assert port == environment["TOUCHLINE_PORT"] == str(Settings.model_fields["port"].default)
    assert f"http://127.0.0.1:{port}/healthz" in final.only("HEALTHCHECK").words[-1]
    home = final.all("RUN")[0].text.partition("--home-dir ")[2].split()[0]
    assert environment["NUMBA_CACHE_DIR"].startswith(f"{home}/"), "where its user may write"


def test_every_service_runs_a_command_of_ours(final: Stage) -> None:
    assert final.only("ENTRYPOINT").words == ["touchline"]
    assert is_command(final.only("CMD").words)
    assert {name for name, service in services().items() if service["image"] == "touchline"} == set(OURS)
    for name in OURS:
        assert services()[name]["command"] == [name]
        assert is_command(services()[name]["command"])
        assert services()[name]["env_file"] == ".env"


def test_one_service_makes_the_image_and_the_others_wait_for_it() -> None:
    """Where each made it, they would do so at once and under one name; nobody looks for it elsewhere."""
    assert [name for name, service in services().items() if "build" in service] == ["migrate"]
    assert (services()["migrate"]["build"], services()["migrate"]["pull_policy"]) == (".", "build")
    for name in ("api", "worker", "scheduler"):
        assert services()[name]["pull_policy"] == "never"
        assert "migrate" in services()[name]["depends_on"]


@pytest.mark.parametrize("name", OURS)
def test_services_find_each_other(name: str) -> None:
    environment = services()[name]["environment"]
    assert environment.keys() <= setting_names()
    database, redis = urlsplit(environment["DATABASE_URL"]), urlsplit(environment["REDIS_URL"])
    made = services()["postgres"]["environment"]
    assert (database.username, database.password) == (made["POSTGRES_USER"], made["POSTGRES_PASSWORD"])
    assert (database.hostname, database.port, database.path) == ("postgres", 5432, f"/{made['POSTGRES_DB']}")
    assert (redis.hostname, redis.port) == ("redis", 6379)
    assert {database.hostname, redis.hostname} <= services().keys()


def test_nothing_starts_before_what_it_needs() -> None:
    for name in ("api", "worker", "scheduler"):
        needs = services()[name]["depends_on"]
        assert needs["migrate"] == {"condition": "service_completed_successfully"}
        assert needs["redis"] == {"condition": "service_healthy"}
        assert services()[name]["restart"] == "unless-stopped"
    assert services()["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services()["migrate"]["restart"].startswith("on-failure:"), (
        "again where the database was not ready after all"
    )
    for name in ("postgres", "redis"):
        assert services()[name]["healthcheck"]["test"][0] == "CMD"
    check = services()["postgres"]["healthcheck"]["test"]
    assert "--host=127.0.0.1" in check, "the server that only sets a new volume up has a socket and no port"
    checked = [name for name in OURS if not services()[name].get("healthcheck", {}).get("disable")]
    assert checked == ["api"], "the image's own health check is that of the API"


def test_servers_are_new_enough_and_keep_their_data() -> None:
    postgres, redis = services()["postgres"], services()["redis"]
    assert int(postgres["image"].partition(":")[2]) * 10000 >= MINIMUM_SERVER
    assert int(redis["image"].partition(":")[2]) >= REDIS_MINIMUM
    for service in (postgres, redis):
        [volume] = service["volumes"]
        assert re.fullmatch(r"\w+:/[\w/]+", volume), "a volume of its own and no folder of the machine"
        assert "ports" not in service, "nobody outside reaches the servers"


def test_only_this_machine_reaches_the_api() -> None:
    final = stages()[-1]
    port = final.only("EXPOSE").text
    [published] = services()["api"]["ports"]
    assert published == f"127.0.0.1:8000:{port}"
    given = services()["api"]["environment"]
    assert (given["TOUCHLINE_HOST"], given["TOUCHLINE_PORT"]) == ("0.0.0.0", port), "whatever the .env says"
    assert [name for name, service in services().items() if "ports" in service] == ["api"]


def test_secrets_come_from_a_file_that_is_not_kept() -> None:
    wanted = secrets_named()
    assert set(wanted) == {"POSTGRES_PASSWORD", "TOUCHLINE_SECRET_KEY", "TOUCHLINE_SMTP_URL"}
    assert not any(wanted.values()), "an example holds no secret"
    assert variables() <= wanted.keys()
    assert wanted.keys() - variables() <= setting_names(), "what is not filled in reaches the processes as a setting"
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_workflow_runs_what_a_landing_runs() -> None:
    found = workflow()
    assert set(found[True]) == {"push", "pull_request"}
    assert found["permissions"] == {"contents": "read"}
    everything, others = found["jobs"].values()
    assert everything["steps"][-1] == {"run": ".ci/run"}
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    [line] = {line for line in command_lines() if line.endswith("uv run pytest") and line.startswith("pip")}
    assert others["steps"][-1] == {"run": line}
    pythons = {
        step["with"]["python-version"] for step in everything["steps"] if "python-version" in step.get("with", {})
    }
    assert pythons | set(others["strategy"]["matrix"]["python"]) == {"3.11", "3.12", "3.13"}
    for job in (everything, others):
        assert all(re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"]) for step in job["steps"] if "uses" in step)
