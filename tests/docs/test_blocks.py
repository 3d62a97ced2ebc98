"""The code blocks of the documents run as they stand there, and answer what is shown."""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import json
import sys
import tomllib
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from graphql import OperationDefinitionNode, OperationType, parse

import touchline
from api.nodes import global_id
from domain.infra.bus import Bus
from domain.infra.database import Database
from tests.docs.documents import ROOT, Block, blocks, only
from tests.faults import proxy
from tests.odds_world import make_world, until
from tests.plugins.histories import fixtures, history
from tests.serving import Api, serving, socket
from touchline.plugins import load_plugins, open_entry
from touchline.sandbox import run_fit_and_predict


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
    assert {block.language for block in blocks()} <= {"python", "graphql", "json", "toml", "sh", "text"}


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_runs(block: Block, tmp_path: Path) -> None:
    imported(block, tmp_path, "documented")


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_toml_is_toml(block: Block) -> None:
    assert tomllib.loads(block.text)


async def test_graphql_runs_as_it_stands(api: Api, matches: list[int], database: Database) -> None:
    league = await database.pool.fetchval("select id from league")
    variables = {
        "id": global_id("Match", matches[0]),
        "ids": [global_id("Match", match) for match in matches[:3]],
        "leagues": [global_id("League", league)],
    }
    answers = _documented_answers()
    for block in blocks("graphql"):
        [asked] = [node for node in parse(block.text).definitions if isinstance(node, OperationDefinitionNode)]
        names = {variable.variable.name.value for variable in asked.variable_definitions or ()}
        given = {name: value for name, value in variables.items() if name in names}
        if asked.operation is OperationType.SUBSCRIPTION:
            async with socket(api.port) as opened:
                await opened.subscribe(block.text, given)
                assert (await opened.event("oddsChanged"))["changes"], str(block)
            continue
        answer = await api.ask(block.text, **given)
        if block in answers:
            assert answer == answers[block], str(block)
            continue
        assert "errors" not in answer, f"{block}: {answer['errors']}"
        _assert_full(answer["data"], str(block))
        if "after" in names:
            await _assert_next_page_differs(api, block, given, answer["data"])


def _documented_answers() -> dict[Block, Any]:
    """Answers that a document shows right behind a query."""
    pairs = itertools.pairwise(blocks())
    return {query: json.loads(answer.text) for query, answer in pairs if answer.language == "json"}


def _assert_full(data: Any, place: str) -> None:
    """Nothing that was asked for at the top is missing, and no list of items is empty."""
    for name, value in data.items():
        assert value, f"{place}: {name} is empty"
        if isinstance(value, dict) and "nodes" in value:
            assert value["nodes"], f"{place}: {name} has no items"


async def _assert_next_page_differs(api: Api, block: Block, given: Mapping[str, Any], data: Any) -> None:
    [(name, first)] = data.items()
    assert first["pageInfo"]["hasNextPage"], str(block)
    answer = await api.ask(block.text, **given, after=first["pageInfo"]["endCursor"])
    second = answer["data"][name]["nodes"]
    assert second, str(block)
    assert not {node["id"] for node in first["nodes"]} & {node["id"] for node in second}, str(block)


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


def test_documented_plugin_is_found_fitted_and_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = only("python", document="plugins/README.md", holding="@hookimpl").text
    named = tomllib.loads(only("toml", document="plugins/README.md", holding="entry-points").text)
    points = [
        EntryPoint(key, value, "touchline") for key, value in named["project"]["entry-points"]["touchline"].items()
    ]
    for point in points:
        (tmp_path / f"{point.module}.py").write_text(module)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert open_entry(points[0].value).models
    registry = load_plugins(points=points)
    assert registry.refused == ()
    past = history(["A", "B"], [0, 1, 0], [1, 0, 1], [2, 1, 0], [0, 1, 0], days_ago=[21.0, 14.0, 7.0])
    for key, model in registry.models.items():
        entry = registry.plugin_of(key).entry
        _, told = run_fit_and_predict(entry, key, past, fixtures(past, [0], [1]), markets=model.markets)
        assert told.forecasts.probabilities[touchline.RESULT][0] == pytest.approx([5 / 12, 4 / 12, 3 / 12])
