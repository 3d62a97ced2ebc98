"""Versions of a model as users see them: current, earlier, rolled back, and who may change that."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from api.nodes import global_id
from domain.forecasting.serving import choose
from domain.infra.database import Database, connection_of
from tests.api.client import Client
from tests.factories import NOW, Factory
from tests.people import bearer, open_desk, person, signed_in
from touchline import OVER_25, RESULT

GOALS, STACK = "touchline.goals", "touchline.goal_stack"

VERSIONS = """query($market: MarketKind) { models(market: $market) { nodes { key oddsUse champion { version stage }
  currentVersions { version } versions { nodes { version stage stageReason isPinned } } } } }"""
CHANGE = """mutation($id: ID!, $reason: String!) { %s(input: {modelVersionId: $id, reason: $reason}) {
  modelVersion { version stage stageReason isPinned } previousChampion { version }
  errors { __typename ... on UserError { code path message } ... on ForbiddenError { requires } } } }"""


@pytest.fixture
async def fits(factory: Factory) -> list[int]:
    """Three fits of one model on a league, an hour apart."""
    league = await factory.league("england-premier-league")
    await factory.model(GOALS, [OVER_25])
    return [await factory.version(GOALS, league, cutoff=NOW + timedelta(hours=n)) for n in range(3)]


async def become(client: Client, database: Database, redis_url: str, role: str) -> int:
    """Sign the client in as somebody of a role; the account's id."""
    account = await person(database, f"{role.lower()}@example.com", role=role)
    async with open_desk(database, redis_url) as desk:
        client.http.headers.update(bearer(await signed_in(desk, account)))
    return account


async def versions(client: Client, key: str = GOALS) -> dict[str, Any]:
    """The stage, its reason and whether it is pinned, by version of a model."""
    nodes = (await client.data(VERSIONS))["models"]["nodes"]
    (model,) = [node for node in nodes if node["key"] == key]
    return {each.pop("version"): tuple(each.values()) for each in model["versions"]["nodes"]}


async def change(client: Client, what: str, version: int, reason: str = "It overrates home sides.") -> Any:
    return (await client.data(CHANGE % what, id=global_id("ModelVersion", version), reason=reason))[what]


async def test_newest_is_shown_and_earlier_ones_are_retired(client: Client, fits: list[int]) -> None:
    first, second, third = fits
    shown = "Shown for total goals, as the first in the usual order."
    assert await versions(client) == {
        f"1+{third}": ("CHAMPION", shown, False),
        f"1+{second}": ("RETIRED", f"Fit {third} took its place.", False),
        f"1+{first}": ("RETIRED", f"Fit {third} took its place.", False),
    }


async def test_a_model_that_is_not_shown_is_a_shadow(client: Client, factory: Factory, fits: list[int]) -> None:
    league = await factory.db.fetchval("select id from league")
    await factory.model(STACK, [RESULT, OVER_25])
    stack = await factory.version(STACK, league)
    await factory.db.execute("update model set odds_use = 'B' where key = $1", STACK)
    dark = ("SHADOW", "Other models are shown for its markets; its predictions are graded.", False)
    assert (await versions(client))[f"1+{fits[2]}"] == dark
    usual = "Shown for match result, as the first in the usual order. Shown for total goals, as the first in the"
    assert await versions(client, STACK) == {f"1+{stack}": ("CHAMPION", f"{usual} usual order.", False)}
    async with factory.database.transaction() as session:
        connection = await connection_of(session)
        await choose(connection, ["total_goals"], GOALS, reason="It is better here.", by="record", now=NOW)
    (light, _, _) = (await versions(client)).values()
    assert light == ("CHAMPION", "Shown for total goals since 2026-03-14 12:00 UTC: It is better here.", False)
    nodes = (await client.data(VERSIONS, market="MATCH_RESULT"))["models"]["nodes"]
    assert [(node["key"], node["oddsUse"]) for node in nodes] == [(STACK, "B")]
    await factory.db.execute("update plugin set status = 'REFUSED', reason = 'It is gone.' where key = 'goal_stack'")
    assert (await versions(client, STACK))[f"1+{stack}"] == ("RETIRED", "Its plugin is refused: It is gone.", False)


async def test_an_operator_promotes_a_version_and_releases_it(
    client: Client, database: Database, redis_url: str, fits: list[int]
) -> None:
    first, second, third = fits
    account = await become(client, database, redis_url, "ADMIN")
    promoted = await change(client, "promoteModelVersion", second, " It overrates home sides. ")
    told = "It overrates home sides."
    pinned = ("CHAMPION", f"Promoted by an operator since 2026-03-14 12:00 UTC: {told}", True)
    assert promoted["errors"] == []
    assert tuple(promoted["modelVersion"].values()) == (f"1+{second}", *pinned)
    assert promoted["previousChampion"] == {"version": f"1+{third}"}
    rolled_back = f"An operator promoted fit {second} in its place since 2026-03-14 12:00 UTC: {told}"
    assert await versions(client) == {
        f"1+{third}": ("ROLLED_BACK", rolled_back, False),
        f"1+{second}": pinned,
        f"1+{first}": ("RETIRED", f"Fit {second} took its place.", False),
    }
    (model,) = (await client.data(VERSIONS))["models"]["nodes"]
    assert model["champion"] == {"version": f"1+{second}", "stage": "CHAMPION"}
    assert model["currentVersions"] == [{"version": f"1+{second}"}]

    released = await change(client, "releaseModelVersion", second, "The cause was found.")
    assert released["modelVersion"]["version"] == f"1+{third}"
    assert released["previousChampion"] == {"version": f"1+{second}"}
    assert (await versions(client))[f"1+{third}"][0] == "CHAMPION"
    log = await database.pool.fetch(
        "select action, entity_type, entity_id, details from audit_entry where account_id = $1 order by id", account
    )
    both = {"model": GOALS, "before": f"1+{third}", "after": f"1+{second}"}
    assert [tuple(row) for row in log if row["action"].startswith("model.")] == [
        ("model.promote", "ModelVersion", str(second), both | {"reason": told}),
        (
            "model.release",
            "ModelVersion",
            str(second),
            {
                "model": GOALS,
                "before": f"1+{second}",
                "after": f"1+{third}",
                "reason": "The cause was found.",
            },
        ),
    ]
    assert await database.pool.fetchval("select count(*) from outbox where job = 'run_model'") == 1


@pytest.mark.parametrize("role", ["USER", "SUPPORT"])
async def test_only_operators_may(
    client: Client, database: Database, redis_url: str, fits: list[int], role: str
) -> None:
    await become(client, database, redis_url, role)
    for what in ("promoteModelVersion", "releaseModelVersion"):
        (error,) = (await change(client, what, fits[0]))["errors"]
        assert (error["__typename"], error["code"], error["requires"]) == ("ForbiddenError", "FORBIDDEN", "ADMIN")
    assert await database.pool.fetchval("select count(*) from model_pin") == 0


async def test_nobody_must_sign_in_first(client: Client, fits: list[int]) -> None:
    error = await client.error(
        CHANGE % "promoteModelVersion", id=global_id("ModelVersion", fits[0]), reason="It is better."
    )
    assert error["extensions"] == {"code": "UNAUTHENTICATED"}


async def test_what_cannot_be_promoted_is_told(
    client: Client, factory: Factory, database: Database, redis_url: str, fits: list[int]
) -> None:
    await become(client, database, redis_url, "ADMIN")
    await factory.model("touchline.value", [], kind="strategy")
    strategy = await factory.version("touchline.value", None)

    async def error(what: str, version: int, reason: str = "Why not.") -> tuple[str, list[str], str]:
        answer = await change(client, what, version, reason)
        assert answer["modelVersion"] is None
        (told,) = answer["errors"]
        return told["code"], told["path"], told["message"]

    code, path, words = await error("promoteModelVersion", fits[0], "  ")
    assert (code, path) == ("INVALID", ["input", "reason"])
    assert "1 to 1000" in words
    assert (await error("promoteModelVersion", strategy))[0] == "NOT_FOUND"
    code, _, words = await error("releaseModelVersion", fits[0])
    assert (code, words) == ("CONFLICT", f"Version 1+{fits[0]} of {GOALS} is not pinned in its league.")
    await factory.db.execute("update model set version = '2' where key = $1", GOALS)
    code, _, words = await error("promoteModelVersion", fits[0])
    assert code == "CONFLICT"
    assert words.endswith("was made by the code 1; 2 is installed and cannot restore it.")
    nonsense = await client.data(CHANGE % "promoteModelVersion", id="nonsense", reason="Why not.")
    (told,) = nonsense["promoteModelVersion"]["errors"]
    assert (told["code"], told["path"]) == ("NOT_FOUND", ["input", "modelVersionId"])
