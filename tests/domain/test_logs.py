"""What processes log: for people or as JSON, with the ids of request and job, and never a secret."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.infra.logs import bind_job, bound, cause, formatter_of, identity
from domain.infra.redaction import Redactor
from domain.infra.settings import Settings, read_settings

ROOT = Path(__file__).parents[2]
SECRET = "hunter2-and-more"
SPAN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
DATABASE = f"postgresql://ann:{SECRET}@127.0.0.1:1/touchline"


@pytest.fixture(params=["line", "json"])
def formatter(request: pytest.FixtureRequest) -> logging.Formatter:
    return _formatter(request.param)


def _formatter(name: str) -> logging.Formatter:
    settings = read_settings(database_url=DATABASE, redis_url="redis://127.0.0.1:1/0", log_format=name)
    return formatter_of(settings, "worker", Redactor.of(settings))


def _record(message: str, *arguments: object, error: BaseException | None = None) -> logging.LogRecord:
    trace = None if error is None else (type(error), error, error.__traceback__)
    return logging.LogRecord("touchline.jobs", logging.WARNING, __file__, 1, message, arguments, trace)


def _raised() -> RuntimeError:
    try:
        raise RuntimeError(f"cannot reach {DATABASE}")
    except RuntimeError as error:
        return error


def test_a_line_of_json_says_everything() -> None:
    record = _record("%s of %d", "three", 4, error=_raised())
    with bound(request="r-1"), bound(job="outbox-7"):
        text = _formatter("json").format(record)
    assert "\n" not in text
    told = json.loads(text)
    assert datetime.fromisoformat(told.pop("time")).timestamp() == pytest.approx(record.created, abs=0.001)
    assert told.pop("exception").splitlines()[0] == "Traceback (most recent call last):"
    assert told == {
        "level": "warning",
        "logger": "touchline.jobs",
        "process": "worker",
        "request": "r-1",
        "job": "outbox-7",
        "message": "three of 4",
    }


def test_times_are_utc() -> None:
    told = json.loads(_formatter("json").format(_record("now")))
    assert datetime.fromisoformat(told["time"]).tzinfo == UTC


def test_a_line_for_people_names_the_ids() -> None:
    with bound(request="r-1", job="outbox-7"):
        text = _formatter("line").format(_record("done"))
    assert text.endswith(" WARNING touchline.jobs request=r-1 job=outbox-7 done")
    assert _formatter("line").format(_record("done")).endswith(" WARNING touchline.jobs done")


def test_what_cannot_be_encoded_is_told_all_the_same() -> None:
    assert json.loads(_formatter("json").format(_record("half a pair: \ud800")))["message"].startswith("half a pair: ")


def test_nobodys_text_looks_like_an_event() -> None:
    text = _formatter("line").format(
        _record("%s", "bad\n2026-01-01 00:00:00,000 ERROR touchline.api forged", error=_raised())
    )
    assert [line[:2] for line in text.splitlines()[1:]] == ["  "] * (len(text.splitlines()) - 1)


def test_no_secret_is_logged(formatter: logging.Formatter) -> None:
    record = _record("%s; Authorization: Bearer %s", DATABASE, "abcdefgh.ijklmnop.qrstuvwx", error=_raised())
    text = formatter.format(record)
    assert SECRET not in text
    assert "abcdefgh" not in text
    assert "cannot reach" in text


async def test_ids_hold_for_what_is_begun_inside_and_end_with_the_block() -> None:
    with bound(request="outer"):
        with bound(request="inner", job="j"):
            task = asyncio.create_task(_identity())
            thread = asyncio.create_task(asyncio.to_thread(identity))
        assert identity() == {"request": "outer"}
    assert identity() == {}
    inner = {"request": "inner", "job": "j"}
    assert await task == inner
    assert await thread == inner


async def _identity() -> dict[str, str]:
    await asyncio.sleep(0)
    return identity()


async def test_two_requests_at_once_keep_their_ids() -> None:
    async def ask(name: str) -> dict[str, str]:
        with bound(request=name):
            return await _identity()

    assert list(await asyncio.gather(ask("a"), ask("b"))) == [{"request": "a"}, {"request": "b"}]


@pytest.fixture
def unbound() -> Iterator[None]:
    yield
    bind_job(None)


@pytest.mark.usefixtures("unbound")
def test_a_thread_is_bound_until_it_is_released() -> None:
    bind_job("outbox-1")
    assert identity() == {"job": "outbox-1"}
    bind_job(None)
    assert identity() == {}


@pytest.mark.usefixtures("unbound")
def test_a_job_carries_the_request_that_made_it_necessary() -> None:
    assert cause() is None
    with bound(request="r-1", traceparent=SPAN):
        known = cause()
    assert known == {"request": "r-1", "traceparent": SPAN}
    bind_job("outbox-1", known)
    assert identity() == {"request": "r-1", "job": "outbox-1"}
    assert cause() == {"request": "r-1"}, "the span is that of the job, where traces are kept"
    bind_job("outbox-2")
    assert (identity(), cause()) == ({"job": "outbox-2"}, None)


def test_what_ends_a_process_is_logged_as_everything_else_is() -> None:
    code = f"""
import warnings
from domain.infra.logs import configure
from domain.infra.settings import read_settings
configure(read_settings(), "api")
warnings.warn("{SECRET} is old")
raise RuntimeError("cannot reach {DATABASE}")
"""
    run = _python("-c", code)
    assert run.returncode == 1
    lines = [json.loads(line) for line in run.stderr.splitlines()]
    assert [(line["level"], line["logger"]) for line in lines] == [
        ("warning", "py.warnings"),
        ("critical", "touchline.process"),
    ]
    assert "cannot reach" in lines[1]["exception"]
    assert SECRET not in run.stderr


def test_an_error_that_nobody_can_catch_is_logged_as_everything_else_is() -> None:
    code = f"""
from domain.infra.logs import configure
from domain.infra.settings import read_settings
configure(read_settings(), "api")
class Pool:
    def __del__(self):
        raise RuntimeError("cannot reach {DATABASE}")
pool = Pool()
del pool
"""
    run = _python("-c", code)
    assert run.returncode == 0
    [told] = [json.loads(line) for line in run.stderr.splitlines()]
    assert (told["level"], told["logger"]) == ("error", "touchline.process")
    assert "Pool.__del__" in told["message"]
    assert "cannot reach" in told["exception"]
    assert SECRET not in run.stderr


@pytest.mark.parametrize(
    ("level", "least"), [("debug", logging.INFO), ("info", logging.INFO), ("error", logging.ERROR)]
)
def test_nobody_elses_logger_tells_what_goes_over_the_wire(level: str, least: int) -> None:
    code = f"""
import logging
from domain.infra.logs import TALKATIVE, configure
from domain.infra.settings import read_settings
configure(read_settings(log_level="{level}"), "api")
print(*(logging.getLogger(name + ".of_its_own").getEffectiveLevel() for name in TALKATIVE))
print(logging.getLogger("touchline.api").getEffectiveLevel())
"""
    run = _python("-c", code)
    others, ours = run.stdout.splitlines()
    assert set(others.split()) == {str(least)}
    assert int(ours) == logging.getLevelName(level.upper())


def test_a_process_that_waits_for_its_servers_says_so_without_their_passwords() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "workers.scheduler"], cwd=ROOT, env=_environment(), stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    process.terminate()
    rest = process.communicate(timeout=20)[1]
    assert process.returncode == 0
    told = json.loads(line)
    assert told["process"] == "scheduler"
    assert "trying again" in told["message"]
    assert SECRET not in line + rest


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TOUCHLINE_")}
    return {**kept, "DATABASE_URL": DATABASE, "REDIS_URL": "redis://127.0.0.1:1/0", "TOUCHLINE_LOG_FORMAT": "json"}


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=_environment(), capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ({"log_format": "xml"}, "TOUCHLINE_LOG_FORMAT: must be line or json."),
        ({"otlp_endpoint": "collector:4318"}, "TOUCHLINE_OTLP_ENDPOINT: must begin with http"),
        ({"sentry_dsn": "https://sentry.example/1"}, "TOUCHLINE_SENTRY_DSN: must be a DSN"),
        ({"metrics_token": " "}, "TOUCHLINE_METRICS_TOKEN: must not be empty"),
    ],
)
def test_a_bad_setting_stops_the_start_and_is_named(given: dict[str, str], remedy: str) -> None:
    with pytest.raises(Exception, match=remedy.replace("(", r"\(")) as raised:
        read_settings(database_url=DATABASE, redis_url="redis://", **given)
    assert "sentry.example" not in str(raised.value)


def test_formats_are_read_in_any_case() -> None:
    assert Settings(database_url=DATABASE, redis_url="redis://", log_format="JSON").log_format == "json"
