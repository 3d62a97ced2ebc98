"""The operator's commands on a real queue, called as the command line calls them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from click.testing import CliRunner, Result
from dramatiq.brokers.redis import RedisBroker

from domain.infra.database import Database
from domain.infra.settings import Settings
from tests.small_league import make_league
from workers.broker import ids_in_queues
from workers.commands.queue import queue, refit, refresh

Run = Callable[..., Awaitable[Result]]


@pytest.fixture
def run(settings: Settings) -> Run:
    """Runs a command on the test's deployment."""
    environment = {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url}
    commands = {"queue": queue, "refresh": refresh, "refit": refit}

    async def invoke(name: str, *arguments: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, commands[name], arguments, env=environment)

    return invoke


async def test_a_job_is_sent_given_up_listed_and_sent_again(run: Run, database: Database, broker: RedisBroker) -> None:
    sent = await run("queue", "send", "nap", "--arguments", json.dumps({"seconds": 0.1}))
    assert sent.exit_code == 0
    job_id = sent.output.strip()
    assert ids_in_queues(broker.client) == {job_id}
    assert "nap" in (await run("queue", "list")).output
    assert (await run("queue", "dead")).output == "No job was given up.\n"
    await database.pool.execute(
        "update job set status = 'DEAD', error = 'ValueError: odd', attempts = 6, finished_at = now()"
    )
    broker.flush_all()
    listed = await run("queue", "dead")
    assert job_id in listed.output
    assert "ValueError: odd" in listed.output
    again = await run("queue", "requeue", job_id)
    assert again.output == "1 sent again.\n"
    assert ids_in_queues(broker.client) == {job_id}
    assert await database.pool.fetchval("select status from job") == "QUEUED"


async def test_all_dead_letters_go_at_once(run: Run, database: Database, broker: RedisBroker) -> None:
    for _ in range(3):
        await run("queue", "send", "nap")
    await database.pool.execute("update job set status = 'DEAD', finished_at = now()")
    broker.flush_all()
    assert (await run("queue", "requeue", "--all")).output == "3 sent again.\n"
    assert len(ids_in_queues(broker.client)) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["requeue"], 2, "--all"),
        (["requeue", "none"], 1, "none"),
        (["send", "nap", "--arguments", "{"], 1, "not JSON"),
        (["send", "nap", "--arguments", "[1]"], 1, "JSON object"),
    ],
)
async def test_mistakes_are_told_in_a_sentence(run: Run, arguments: list[str], code: int, words: str) -> None:
    result = await run("queue", *arguments)
    assert result.exit_code == code
    assert words in result.output
    assert "Traceback" not in result.output


async def test_refreshes_are_asked_for_through_the_outbox(run: Run, database: Database) -> None:
    await make_league(database)
    slug = await database.pool.fetchval("select slug from league")
    for arguments in (["forecasts"], ["forecasts", "--league", slug], ["value"], ["value"]):
        assert (await run("refresh", *arguments)).exit_code == 0
    rows = await database.pool.fetch("select job from outbox order by job")
    assert [row["job"] for row in rows] == ["refresh_league", "refresh_predictions", "refresh_value"]
    unknown = await run("refresh", "forecasts", "--league", "none")
    assert unknown.exit_code == 1
    assert "none" in unknown.output


async def test_a_fit_that_does_not_exist_cannot_be_made_again(run: Run) -> None:
    result = await run("refit", "17", "--check")
    assert result.exit_code == 1
    assert "17" in result.output
