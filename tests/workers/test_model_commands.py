"""The operator's commands on models, called as the command line calls them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result

from domain.infra.database import Database
from tests.factories import NOW, Factory
from touchline import BTTS, OVER_25, RESULT
from workers.commands.models import model

Run = Callable[..., Awaitable[Result]]

FIRST, SECOND = "touchline.supremacy", "touchline.goals"


@pytest.fixture
async def fits(database: Database) -> list[int]:
    """Two fits of the model that is shown for goals."""
    factory = Factory(database)
    await factory.clock()
    league = await factory.league("england-premier-league")
    await factory.model(FIRST, [RESULT, OVER_25])
    await factory.model(SECOND, [OVER_25])
    await factory.db.execute("update model set odds_use = 'B' where key = $1", FIRST)
    return [await factory.version(FIRST, league, cutoff=NOW + timedelta(hours=n)) for n in range(2)]


@pytest.fixture
def run(database_url: str, redis_url: str) -> Run:
    """Runs a command on the test's deployment."""
    environment = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}

    async def invoke(*arguments: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, model, arguments, env=environment)

    return invoke


async def test_models_are_listed_in_the_order_in_which_they_are_shown(run: Run, fits: list[int]) -> None:
    listed = await run("list")
    assert listed.exit_code == 0, listed.output
    assert listed.output.splitlines() == [
        "match_result",
        f"  1. {FIRST}  B",
        "total_goals",
        f"  1. {FIRST}  B",
        f"  2. {SECOND}  -",
        "versions in force",
        f"  {fits[1]}  {FIRST}  england-premier-league  code 1",
    ]


async def test_a_model_is_chosen_and_the_choice_given_back(run: Run, fits: list[int]) -> None:
    chosen = await run("choose", "total_goals", SECOND, "--reason", "Corners are wrong.")
    assert (chosen.exit_code, chosen.output) == (0, f"{SECOND} is shown for total_goals.\n")
    lines = (await run("list")).output.splitlines()
    assert lines[2:5] == [
        "total_goals  (by the command line: Corners are wrong.)",
        f"  1. {SECOND}  -",
        f"  2. {FIRST}  B",
    ]
    back = await run("choose", "total_goals", "--by-record", "--reason", "It is mended.")
    assert (back.exit_code, back.output) == (0, f"{FIRST} is shown for total_goals.\n")
    assert (await run("list")).output.splitlines()[2] == "total_goals  (by default: It is mended.)"


async def test_all_markets_of_goals_are_chosen_at_once(run: Run, database: Database, fits: list[int]) -> None:
    factory = Factory(database)
    await factory.model("acme.all", [RESULT, OVER_25, BTTS])
    chosen = await run("choose", "goals", "acme.all", "--reason", "They agree.")
    assert (chosen.exit_code, chosen.output) == (0, "acme.all is shown for goals.\n")
    rows = await database.pool.fetch("select market_kind from model_choice order by 1")
    assert [row["market_kind"] for row in rows] == ["both_teams_to_score", "match_result", "total_goals"]


async def test_a_version_is_promoted_and_released(run: Run, database: Database, fits: list[int]) -> None:
    promoted = await run("promote", str(fits[0]), "--reason", "The newer one went astray.")
    assert promoted.exit_code == 0, promoted.output
    assert promoted.output == f"Version 1+{fits[0]} of {FIRST} is in force; its league is forecast anew.\n"
    in_force = f"  {fits[0]}  {FIRST}  england-premier-league  code 1  promoted: The newer one went astray."
    assert (await run("list")).output.splitlines()[-1] == in_force
    assert await database.pool.fetchval("select pinned_by from model_pin") == "the command line"
    released = await run("release", str(fits[0]), "--reason", "Mended.")
    assert released.output == f"For {FIRST} version 1+{fits[1]} is in force; its league is forecast anew.\n"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("choose", "total_goals", "--reason", "x"), 2, "Name the model"),
        (("choose", "total_goals", FIRST, "--by-record", "--reason", "x"), 2, "Name the model"),
        (("choose", "total_cards", FIRST, "--reason", "x"), 1, "No model prices 'total_cards'; there are match_result"),
        (("choose", "match_result", SECOND, "--reason", "x"), 1, "prices total_goals"),
        (("choose", "match_result", FIRST), 2, "--reason"),
        (("promote", "999", "--reason", "x"), 1, "There is no fit with the id 999."),
        (("release", "999", "--reason", "x"), 1, "There is no fit with the id 999."),
    ],
)
async def test_what_cannot_be_done_is_told(
    run: Run, fits: list[int], arguments: tuple[str, ...], code: int, words: str
) -> None:
    refused = await run(*arguments)
    assert refused.exit_code == code
    assert words in refused.output
