"""The code blocks of the documents run as they stand there, and answer what is shown."""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import json
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from api.nodes import global_id
from domain.infra.bus import Bus
from domain.infra.database import Database
from tests.docs.documents import ROOT, Block, blocks, only, table
from tests.docs.follower import Follower
from tests.domain.grades import world as graded
from tests.factories import Factory, hours
from tests.faults import proxy
from tests.odds_world import make_world, until
from tests.season_world import make_season, speak
from tests.serving import greeting, serving, socket
from touchline import RESULT
from workers.actors import JOBS

HOLDING = {"nodes", "changes", "bands", "forecast", "standings", "tableForecast"}
"""Fields of what an answer has at its top that must hold something."""
GRADED = 210
"""Matches of a graded season: enough for the leaderboard."""


def imported(block: Block, folder: Path, name: str) -> ModuleType:
    """A Python block as the module of a file."""
    file = folder / f"{name}.py"
    file.write_text(block.text)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_blocks_are_of_languages_that_are_checked() -> None:
    assert {block.language for block in blocks()} <= {"python", "graphql", "json", "toml", "sh", "text", "diff", "ts"}


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_runs(block: Block, tmp_path: Path) -> None:
    imported(block, tmp_path, "documented")


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_toml_is_toml(block: Block) -> None:
    assert tomllib.loads(block.text)


@pytest.mark.parametrize("document", sorted({block.document for block in blocks("graphql")}))
async def test_graphql_runs_as_it_stands(
    document: str, follower: Follower, matches: list[int], factory: Factory, database: Database
) -> None:
    league = await database.pool.fetchval("select id from league order by id")
    follower.known |= {
        "id": global_id("Match", matches[0]),
        "ids": [global_id("Match", match) for match in matches[:3]],
        "leagues": [global_id("League", league)],
    }
    answers = _documented_answers()
    for block in blocks("graphql"):
        if block.document != document:
            continue
        if "betSettled(" in block.text:
            await _play(matches[0], factory, follower)
        if "leaderboard(" in block.text:
            await _grade_a_season(factory)
        if "tableForecast(" in block.text:
            follower.known["season"] = global_id("Season", await _half_a_season(factory))
        answer = await follower.run(block)
        if block in answers:
            assert answer == answers[block], str(block)
            continue
        assert not answer.get("errors"), f"{block}: {answer['errors']}"
        _assert_full(answer["data"], str(block))
        if "$after" in block.text and "pageInfo" in block.text:
            await _assert_next_page_differs(follower, block, answer["data"])
        if "idempotencyKey" in block.text:
            await _assert_same_bet(follower, block, answer["data"])
        for address in _addresses(answer["data"]):
            file = await follower.fetch(address)
            assert file.status_code == 200, str(block)
            assert "text/csv" in file.headers["content-type"]
            assert len(file.text.splitlines()) == 2, "a header and the bet"


async def _play(match: int, factory: Factory, follower: Follower) -> None:
    """Let a match be over, its result known, and its bets settled."""
    await factory.clock(hours(4))
    await factory.db.execute(
        """update match set status = 'FINISHED', home_goals = 2, away_goals = 1, result_at = $2, updated_at = $2
           where id = $1""",
        match,
        hours(3),
    )
    await JOBS["settle_bets"](follower.boot, "settle")


async def _grade_a_season(factory: Factory) -> None:
    """Let there be a season of another league with forecasts, closing prices and grades."""
    league = await factory.league("spain-la-liga")
    played, truth, _ = await graded.season(factory, league, GRADED)
    said = dict(zip(played, truth.tolist(), strict=True))
    await graded.predict(factory, graded.Said("touchline.match_result", RESULT, said, is_served=True))
    await graded.close(factory, {match: 0.97 / row for match, row in zip(played, truth, strict=True)})
    await graded.grade(factory, limit=GRADED + 1)


async def _half_a_season(factory: Factory) -> int:
    """Let a third league be half-way through its season, and a model expect something of the rest; the season."""
    world = await make_season(factory, "england-championship", code="E1")
    await speak(factory, world)
    return world.season


def _documented_answers() -> dict[Block, Any]:
    """Answers that a document shows right behind a query."""
    pairs = itertools.pairwise(blocks())
    return {query: json.loads(answer.text) for query, answer in pairs if answer.language == "json"}


def _assert_full(data: Any, place: str) -> None:
    """Nothing that was asked for at the top is missing, no list of items is empty, and no mutation failed."""
    for name, value in data.items():
        assert value, f"{place}: {name} is empty"
        if isinstance(value, dict):
            assert value.get("errors", []) == [], f"{place}: {name} failed"
            for items in value.keys() & HOLDING:
                assert value[items], f"{place}: {name} has no {items}"


async def _assert_next_page_differs(follower: Follower, block: Block, data: Any) -> None:
    [(name, first)] = data.items()
    assert first["pageInfo"]["hasNextPage"], str(block)
    answer = await follower.run(block, after=first["pageInfo"]["endCursor"])
    second = answer["data"][name]["nodes"]
    assert second, str(block)
    assert not {node["id"] for node in first["nodes"]} & {node["id"] for node in second}, str(block)


async def _assert_same_bet(follower: Follower, block: Block, data: Any) -> None:
    again = (await follower.run(block))["data"]["placeBet"]
    assert again["errors"] == [], str(block)
    assert (again["bet"]["id"], again["bankroll"]) == (data["placeBet"]["bet"]["id"], data["placeBet"]["bankroll"])


def _addresses(data: Any) -> list[str]:
    return [value["downloadUrl"] for value in data.values() if isinstance(value, dict) and "downloadUrl" in value]


async def test_what_is_somebody_elses_is_not_found(follower: Follower) -> None:
    """What api/README.md says of private things, of a bankroll of the demo."""
    sign_in = only("graphql", document="README.md", holding="mutation SignIn")
    await follower.run(sign_in)
    owner, bankroll = follower.known.pop("token"), follower.known["bankroll"]
    query = "query ($id: ID!) { node(id: $id) { id } viewer { email } }"
    assert (await follower.api.ask(query, token=owner, id=bankroll))["data"]["node"] == {"id": bankroll}
    assert (await follower.api.ask(query, id=bankroll))["data"] == {"node": None, "viewer": None}
    private = """mutation { setGamblingLimit(input: {kind: BET_COUNT, period: DAY, count: 1}) { limit { id } } }"""
    [refused] = (await follower.api.ask(private))["errors"]
    assert refused["extensions"] == {"code": "UNAUTHENTICATED"}


async def test_oauth_request_gets_tokens(follower: Follower) -> None:
    for name in ("mutation Register", "mutation Confirm"):
        await follower.run(only("graphql", document="api/README.md", holding=name))
    head, _, body = only("text", document="api/README.md", holding="/oauth/token").text.partition("\n\n")
    request, *headers = head.splitlines()
    method, path = request.split()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{follower.api.port}") as client:
        named = dict(header.split(": ") for header in headers)
        answer = await client.request(method, path, content=body.strip(), headers=named)
    tokens = answer.json()
    assert tokens.keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
    me = await follower.api.ask("{ viewer { email } }", token=tokens["access_token"])
    assert me["data"] == {"viewer": {"email": "ann@example.com"}}


async def test_sockets_are_closed_with_the_codes_told(follower: Follower) -> None:
    codes = [int(row[0]) for row in table("api/README.md", "close code")]
    await follower.run(only("graphql", document="README.md", holding="mutation SignIn"))
    seen = []
    async with socket(follower.api.port, token=follower.known["token"]) as opened:
        signed_out = await follower.api.ask(
            "mutation { logout(input: {}) { endedSessionIds } }", token=follower.known["token"]
        )
        assert len(signed_out["data"]["logout"]["endedSessionIds"]) == 1
        await follower.api.state.doors.guests.look()
        seen.append((await opened.closed())[0])
    async with greeting(follower.api.port, {"authorization": f"Bearer {follower.known['token']}"}) as opened:
        seen.append((await opened.closed())[0])
    assert seen == codes


def test_answers_follow_their_queries() -> None:
    assert {block.language for block in _documented_answers()} == {"graphql"}
    assert len(_documented_answers()) == len(blocks("json"))


def test_layers_are_those_of_the_import_contracts() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [layers] = [contract["layers"] for contract in contracts if contract.get("containers") == ["domain"]]
    assert only("text", document="domain/README.md", holding="→").text.strip() == " → ".join(layers)


async def test_live_client_misses_nothing_on_a_bad_line(
    database: Database, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    client: Any = imported(only("python", document="api/README.md", holding="connect("), tmp_path, "live_client")
    bus = Bus.connect(redis_url)
    world = await make_world(database, bus)
    told: list[int] = []
    async with serving(database_url, redis_url) as api, proxy(api.port) as between:
        client.HOST = f"127.0.0.1:{between.port}"
        leagues = await asyncio.to_thread(client.all_leagues)
        assert set(leagues) == {global_id("League", league) for league in world.leagues}
        kinds: list[str] = []

        def take(update: dict[str, Any]) -> None:
            kinds.append(update["kind"])
            told.extend(change["sequence"] for change in update["changes"])

        following = asyncio.create_task(client.follow(leagues, take))
        await until(lambda: kinds == ["SNAPSHOT"])
        for number in range(40):
            await world.put(world.tick(2.0 + number / 100, match=number % 4))
            if number in (10, 25):
                between.reset()
        await until(lambda: len(told) >= 40)
        following.cancel()
    await bus.close()
    assert told == list(range(1, 41))
    assert kinds.count("SNAPSHOT") == 1
    assert between.resets == 2
