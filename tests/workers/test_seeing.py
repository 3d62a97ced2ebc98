"""What a worker tells of its jobs: log lines under their ids, spans, and reports of those that were given up."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from dramatiq.brokers.redis import RedisBroker

from domain.infra.database import Database
from domain.infra.jobs import Message
from domain.infra.settings import Settings
from tests.collectors import collecting
from tests.workers.conftest import ROOT, until
from workers.relay import send_new
from workers.stack.processes import environment_of


async def test_jobs_are_logged_traced_and_reported(
    database: Database, broker: RedisBroker, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job that is given up has been tried for long already; its argument is one that no job has."""
    with collecting() as collector, (tmp_path / "log").open("wb") as log:
        monkeypatch.setenv("TOUCHLINE_LOG_FORMAT", "json")
        monkeypatch.setenv("TOUCHLINE_OTLP_ENDPOINT", collector.otlp)
        monkeypatch.setenv("TOUCHLINE_SENTRY_DSN", collector.dsn)
        command = [sys.executable, "-c", WORKER]
        process = subprocess.Popen(command, cwd=ROOT, env=environment_of(settings), stderr=log)  # noqa: ASYNC220 - it returns at once
        try:
            await send_new(database, broker, Message("good", "nap", {"seconds": 0.01}))
            await send_new(database, broker, Message("bad", "nap", {"seconds": 0, "password": "swordfish"}))

            async def is_over() -> bool:
                ended = "select count(*) = 2 from job where status = case id when 'good' then 'DONE' else 'DEAD' end"
                return bool(await database.pool.fetchval(ended))

            await until(is_over, seconds=60)
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, 30) == 0
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        good, *bad = sorted(collector.spans, key=lambda span: span.attributes["touchline.job"] != "good")
        assert (good.name, good.service, good.is_failed, good.parent) == ("nap", "touchline-worker", False, "")
        assert good.attributes["touchline.queue"] == "default"
        assert 0 <= good.attributes["touchline.queue_wait_seconds"] < 60
        assert [span.attributes["touchline.attempt"] for span in bad] == [1, 2]
        assert all(span.is_failed and span.attributes["error.type"] == "TypeError" for span in bad)
        (event,) = collector.events
        assert event["tags"] == {"process": "worker", "job": "bad"}
        assert event["logentry"]["message"] == "nap was given up"
        assert "swordfish" not in collector.text
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    told = [line for line in lines if line["message"] == "nap was given up"]
    assert [(line["job"], line["process"], line["level"]) for line in told] == [("bad", "worker", "error")]
    assert "TypeError" in told[0]["exception"]
    assert {line["logger"] for line in lines if line.get("job") == "bad"} >= {
        "touchline.jobs",
        "dramatiq.middleware.retries.Retries",
    }


WORKER = """
import logging, os, sys
import workers.jobs
workers.jobs.MOST_RETRIES = 1
from workers.worker import main
code = main([])
logging.shutdown()
os._exit(code)
"""
"""A worker that gives up after one retry."""
