"""The tables of the code and of the database are the same, up, down and up again on filled tables."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from decimal import Decimal

import asyncpg
import pytest

from domain.infra.database import Database, connection_of
from domain.infra.outbox import Request, ask
from domain.migrations.runner import check, downgrade, head, upgrade
from workers.stack.embedded import Servers

FILL = """
insert into country (id, code, name) values (1, 'XX', 'Nowhere');
insert into league (id, country_id, slug, name, kind, is_big, is_simulated)
    values (1, 1, 'l', 'L', 'LEAGUE', false, true);
insert into season (id, league_id, start_year, name, starts_on) values (1, 1, 2025, '2025/26', '2025-07-01');
insert into team (id, country_id, slug, name, short_name) values (1, 1, 'a', 'A', 'A'), (2, 1, 'b', 'B', 'B');
insert into match (id, league_id, season_id, home_team_id, away_team_id, leg, kickoff_at, is_kickoff_time_known,
                   status, source, updated_at)
    values (1, 1, 1, 1, 2, 1, '2025-08-01 15:00Z', true, 'SCHEDULED', 'test', '2025-07-01Z');
insert into market (id, key, kind, period) values (1, 'match_result::ft', 'match_result', 'ft');
insert into selection (id, market_id, key, position) values (1, 1, 'home', 0);
insert into bookmaker (id, key, name, kind, commission, is_simulated) values (1, 'b', 'B', 'SOFT', 0, true);
create table quote_change_2025_07 partition of quote_change for values from ('2025-07-01Z') to ('2025-08-01Z');
insert into quote_change (sequence, observed_at, match_id, selection_id, bookmaker_id, price, is_available,
                          is_estimated, source, recorded_at)
    values (1, '2025-07-30Z', 1, 1, 1, 2.10, true, false, 'test', now());
"""


async def test_up_down_up_on_filled_tables(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(FILL)
    await connection.close()
    await asyncio.to_thread(downgrade, database_url)
    await asyncio.to_thread(upgrade, database_url)
    await asyncio.to_thread(check, database_url)
    connection = await asyncpg.connect(database_url)
    assert await connection.fetchval("select version_num from alembic_version") == head()
    await connection.close()


async def test_partitions_are_no_difference(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(FILL)
    await connection.close()
    await asyncio.to_thread(check, database_url)


@pytest.mark.parametrize("statement", ["update quote_change set price = 3", "delete from quote_change"])
async def test_price_changes_are_append_only(database: Database, statement: str) -> None:
    await database.pool.execute(FILL)
    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        await database.pool.execute(statement)
    assert await database.pool.fetchval("select price from quote_change") == Decimal("2.1")


async def test_a_transaction_commits_only_at_its_end(database: Database) -> None:
    async def ask_and_fail() -> None:
        async with database.transaction() as session:
            await ask(await connection_of(session), [Request("price_value", {"match_id": 1})])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await ask_and_fail()
    assert await database.pool.fetchval("select count(*) from outbox") == 0


async def test_waiting_requests_with_one_key_are_one_row(database: Database) -> None:
    for matches in ((1,), (1, 1), (2,)):
        async with database.transaction() as session:
            requests = [Request("price_value", {"match_id": match}, f"value:{match}") for match in matches]
            await ask(await connection_of(session), requests)
    rows = await database.pool.fetch("select arguments from outbox order by id")
    assert [row["arguments"] for row in rows] == [{"match_id": 1}, {"match_id": 2}]


@pytest.mark.parametrize(
    ("url", "words", "code"),
    [
        ("postgresql://ann:hush-hush@127.0.0.1:1/x", "Start it, or correct DATABASE_URL", 1),
        ("postgresql://ann:hush-hush@/x?host=/nowhere&sslmode=odd", "Start it, or correct DATABASE_URL", 1),
        ("postgresql://touchline@/nobodys?host={folder}", 'database "nobodys" does not exist', 1),
        ("mysql://ann:hush-hush@127.0.0.1:1/x", "DATABASE_URL: must begin with postgresql://", 2),
        ("", "DATABASE_URL is not set", 2),
    ],
)
def test_a_database_that_is_away_is_told_in_a_sentence(servers: Servers, url: str, words: str, code: int) -> None:
    folder = servers.database_url.partition("host=")[2]
    environment = {**os.environ, "DATABASE_URL": url.format(folder=folder), "TOUCHLINE_LOG_FORMAT": "line"}
    if not url:
        del environment["DATABASE_URL"]
    run = subprocess.run(
        [sys.executable, "-m", "domain.migrations"], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == code
    [told] = run.stderr.splitlines()
    assert words in told
    assert "hush" not in told


def test_migrations_are_logged_as_everything_else_is(database_url: str) -> None:
    environment = {**os.environ, "DATABASE_URL": database_url, "TOUCHLINE_LOG_FORMAT": "json"}
    run = subprocess.run(
        [sys.executable, "-m", "domain.migrations"], env=environment, capture_output=True, text=True, check=True
    )
    told = [json.loads(line) for line in run.stderr.splitlines()]
    assert {line["process"] for line in told} == {"migrate"}


async def test_several_processes_may_migrate_at_once(database_url: str) -> None:
    await asyncio.to_thread(downgrade, database_url)
    command = [sys.executable, "-m", "domain.migrations"]
    environment = {**os.environ, "DATABASE_URL": database_url}

    def migrate() -> int:
        return subprocess.run(command, env=environment).returncode

    assert await asyncio.gather(*(asyncio.to_thread(migrate) for _ in range(2))) == [0, 0]
    await asyncio.to_thread(check, database_url)
