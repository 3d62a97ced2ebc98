"""Where somebody asks for imports and exports, and a worker that does them at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from domain.bets.exporting import Dataset, Format, ask_for_export
from domain.bets.importing.service import ask_for_import, checked_file
from domain.infra.clock import machine_now
from domain.infra.database import Database, connection_of
from domain.infra.settings import read_settings
from domain.tasks.queries import output_parts
from tests.betting_world import World, make_world
from tests.factories import NOW, Fixture, hours
from touchline.plugins import Registry
from workers.boot import Boot, booted
from workers.tasks import run_task

DATA = Path(__file__).parents[1] / "data"


@dataclass(frozen=True, slots=True)
class Desk:
    """Where Ann asks for imports and exports, and a worker that does them."""

    boot: Boot
    world: World
    bankroll: int
    """Empty, in EUR."""

    @property
    def database(self) -> Database:
        return self.world.database

    async def ask(self, csv: str | bytes, *, bankroll: int = 0, is_dry_run: bool = False, **mapping: Any) -> int:
        """A task that imports a file."""
        body = csv if isinstance(csv, bytes) else checked_file(csv, mapping)
        async with self.database.transaction() as session:
            connection = await connection_of(session)
            return await ask_for_import(
                connection,
                self.world.ann,
                bankroll or self.bankroll,
                body,
                mapping,
                is_dry_run=is_dry_run,
                machine=machine_now(),
            )

    async def export(self, dataset: Dataset, format_: Format, *during: datetime | None) -> int:
        """A task that exports."""
        async with self.database.transaction() as session:
            connection = await connection_of(session)
            span = (during[0], during[1]) if during else (None, None)
            return await ask_for_export(connection, self.world.ann, dataset, format_, span, machine=machine_now())

    async def run(self, task: int) -> dict[str, Any]:
        """Do a task; answers its row."""
        await run_task(self.boot, f"job-{task}", task_id=task)
        return await self.row(task)

    async def row(self, task: int) -> dict[str, Any]:
        found = await self.database.pool.fetchrow("select * from task where id = $1", task)
        assert found is not None
        return dict(found)

    async def file(self, task: int) -> bytes:
        parts = await self.database.pool.fetchval(
            "select count(*) from task_file where task_id = $1 and role = 'OUTPUT'", task
        )
        return b"".join([part async for part in output_parts(self.database.pool, task, parts)])

    async def bets(self, bankroll: int = 0) -> list[dict[str, Any]]:
        """The bets of a bankroll with legs, in order, without what is a row's own."""
        rows = await self.database.pool.fetch(
            "select * from bet where bankroll_id = $1 order by placed_at, id", bankroll or self.bankroll
        )
        return [
            {name: row[name] for name in BET} | {"legs": [{name: leg[name] for name in LEG} for leg in legs]}
            for row in rows
            for legs in [
                await self.database.pool.fetch("select * from bet_leg where bet_id = $1 order by position", row["id"])
            ]
        ]


BET = ("kind", "status", "stake", "price", "payout", "tags", "notes", "edge_at_placement", "placed_at", "settled_at")
LEG = (
    *("position", "match_id", "market_id", "selection_id", "bookmaker_id", "bookmaker_name", "description", "price"),
    *("kickoff_at", "prediction_id", "probability_at_placement", "result"),
)


@asynccontextmanager
async def open_desk(database: Database, database_url: str, redis_url: str) -> AsyncIterator[Desk]:
    """Ann's world, with matches of yesterday and earlier in two countries."""
    settings = read_settings(database_url=database_url, redis_url=redis_url)
    world = await make_world(database)
    league = await world.factory.league("england-premiership", "Premier League")
    spain = await world.factory.league("spain-segunda", "Segunda", country="ES")
    await world.factory.teams(["Atlético Madrid", "Málaga"], country="ES")
    await world.factory.matches(
        [
            Fixture(league, "Arsenal", "Chelsea", hours(-16), goals=(2, 1)),
            Fixture(league, "Everton", "Arsenal", hours(5)),
            Fixture(league, "Arsenal", "Chelsea", hours(-400), goals=(0, 0)),
        ]
    )
    await database.pool.execute(
        """insert into match (league_id, season_id, home_team_id, away_team_id, leg, kickoff_at, is_kickoff_time_known,
               status, source, updated_at)
           select $1, s.id, h.id, a.id, 1, $2, true, 'SCHEDULED', 'test', $2
           from season s, team h, team a where s.league_id = $1 and h.name = 'Atlético Madrid' and a.name = 'Málaga'""",
        spain,
        hours(-16.5),
    )
    async with booted(settings, Registry) as boot:
        yield Desk(boot, world, await world.open_bankroll(world.ann, balance="0.00"))


def lines(count: int, *, header: str = "Date,Match,Selection,Odds,Stake,Result") -> str:
    """A file of so many different bets."""
    rows = [f"{NOW - timedelta(minutes=n + 1):%Y-%m-%d %H:%M},A v B,pick {n},2.00,10,won" for n in range(count)]
    return "\n".join([header, *rows])
