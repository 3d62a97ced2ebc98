"""The operator's commands on people's accounts, called as the command line calls them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import orjson
import pytest
from click.testing import CliRunner, Result

from domain.accounts.people import ROLES, TIERS
from domain.infra.database import Database
from domain.infra.settings import Settings
from tests.bettors import make_bankroll
from tests.people import open_desk, person, signed_in, viewer_for
from workers.commands.account import account

Run = Callable[..., Awaitable[Result]]


@pytest.fixture
def run(settings: Settings) -> Run:
    """Runs a command on the test's deployment."""
    environment = {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url}

    async def invoke(*arguments: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, account, arguments, env=environment)

    return invoke


async def audit_of(database: Database, account_id: int) -> list[tuple[str, dict[str, str]]]:
    rows = await database.pool.fetch(
        "select action, details::text as details from audit_entry where account_id = $1 order by id", account_id
    )
    return [(row["action"], orjson.loads(row["details"])) for row in rows]


async def test_an_account_is_shown_without_secrets(run: Run, database: Database, redis_url: str) -> None:
    at = datetime(2026, 3, 14, 12, tzinfo=UTC)
    ann = await person(database, tier="BASIC", machine=at, last_login_at=at.replace(hour=15))
    await person(database, "bob@example.com", verified=False)
    await make_bankroll(database.pool, ann)
    async with open_desk(database, redis_url) as desk:
        await signed_in(desk, ann)
        await signed_in(desk, ann)
        await signed_in(desk, ann, machine=at)  # long over
    shown = await run("show", " Ann@Example.com ")
    assert shown.exit_code == 0, shown.output
    told = dict(
        line.split(maxsplit=1) for line in shown.output.replace("Last s", "S").replace("Live s", "S").splitlines()
    )
    assert told == {
        "E-mail": "ann@example.com",
        "Role": "USER",
        "Tier": "BASIC",
        "Verified": "yes",
        "Created": "2026-03-14 12:00:00 UTC",
        "Sign-in": "2026-03-14 15:00:00 UTC",
        "Goes": "never",
        "Sessions": "2",
        "Bankrolls": "1",
    }
    bob = (await run("show", "bob@example.com")).output
    assert "Verified        no" in bob
    assert "Last sign-in    never" in bob
    hashes = [row["password_hash"] for row in await database.pool.fetch("select password_hash from account")]
    assert not [each for each in hashes if each in shown.output + bob]


async def test_role_and_tier_are_set_with_an_entry_each(run: Run, database: Database, redis_url: str) -> None:
    ann, bob = await person(database), await person(database, "bob@example.com")
    done = await run("set", "ann@example.com", "--role", "SUPPORT", "--tier", "VIP")
    assert (done.exit_code, done.output) == (0, "role: USER is now SUPPORT.\ntier: FREE is now VIP.\n")
    assert await audit_of(database, ann) == [
        ("account.role", {"before": "USER", "after": "SUPPORT"}),
        ("account.tier", {"before": "FREE", "after": "VIP"}),
    ]
    again = await run("set", "ann@example.com", "--tier", "VIP")
    assert (again.exit_code, again.output) == (0, "It was so already.\n")
    assert len(await audit_of(database, ann)) == 2
    async with open_desk(database, redis_url) as desk:
        viewers = [await viewer_for(desk, each) for each in (ann, bob)]
    assert [(viewer.role, viewer.tier) for viewer in viewers] == [("SUPPORT", "VIP"), ("USER", "FREE")]


async def test_every_role_and_tier_can_be_given(run: Run, database: Database) -> None:
    await person(database)
    for option, values in (("role", ROLES), ("tier", TIERS)):
        for value in values:
            assert (await run("set", "ann@example.com", f"--{option}", value)).exit_code == 0
            assert await database.pool.fetchval(f"select {option} from account") == value


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["show", "bob@example.com"], 1, "bob@example.com"),
        (["show", "bob"], 1, "'bob'"),
        (["set", "bob@example.com", "--role", "ADMIN"], 1, "No account has the e-mail address 'bob@example.com'"),
        (["set", "ann@example.com"], 2, "--role, --tier"),
        (["set", "ann@example.com", "--role", "KING"], 2, "KING"),
        (["set", "ann@example.com", "--tier", "GOLD"], 2, "GOLD"),
    ],
)
async def test_mistakes_are_told_in_a_sentence_and_change_nothing(
    run: Run, database: Database, arguments: list[str], code: int, words: str
) -> None:
    ann = await person(database)
    result = await run(*arguments)
    assert result.exit_code == code
    assert words in result.output
    assert "Traceback" not in result.output
    assert await audit_of(database, ann) == []
