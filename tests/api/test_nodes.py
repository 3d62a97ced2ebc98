"""Global ids: every object by its own, null for what nothing has."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest

from api.lookups import NODES
from api.nodes import global_id, keys_of, read_global_id
from domain.infra.errors import Invalid
from tests.api.client import Client
from tests.factories import Factory, card

PRIVATE = {"AuditLogEntry", "Bankroll", "BankrollTransaction", "Bet", "GamblingLimit", "Job", "Session", "User"}
"""Types of which everybody finds only their own."""
NODE = "query($id: ID!) { node(id: $id) { __typename id } }"


async def test_every_type_is_found_by_its_id(client: Client, factory: Factory) -> None:
    await card(factory, 1)
    query = """{ matches { nodes { id league { id country { id } } season { id } homeTeam { id }
      predictions { id modelVersion { id model { id plugin { id } } } }
      valueBets { id quote { id bookmaker { id } selection { id market { id } } } } } } }"""
    match = (await client.data(query))["matches"]["nodes"][0]
    ids = sorted(set(_ids(match)))
    kinds = {read_global_id(text)[0] for text in ids if read_global_id(text)}  # type: ignore[index]
    assert kinds == set(NODES) - PRIVATE
    answer = await client.ask("query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }", {"ids": ids})
    assert answer.errors == []
    assert [node["id"] for node in answer.data["nodes"]] == ids
    assert [node["__typename"] for node in answer.data["nodes"]] == [read_global_id(text)[0] for text in ids]  # type: ignore[index]
    assert answer.statements == len(kinds)


def _ids(value: object) -> list[str]:
    if isinstance(value, list):
        return [found for each in value for found in _ids(each)]
    if isinstance(value, dict):
        return [found for name, each in value.items() for found in ([each] if name == "id" else _ids(each))]
    return []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "%%%",
        "é",
        global_id("Match", 999999),
        global_id("Match", "999999999999999999999999"),
        global_id("Match", -1),
        global_id("Match", 0),
        global_id("Match", "1:2"),
        global_id("Match", "1 or 1=1"),
        global_id("Market", 1),
        global_id("Market", 1, 999),
        global_id("Unicorn", 1),
        global_id("Query", 1),
        global_id("Plugin", "nowhere"),
        urlsafe_b64encode(b"Match:1").decode() + "=",
        urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
async def test_an_id_that_nothing_has_is_null(client: Client, text: str) -> None:
    assert (await client.data(NODE, id=text))["node"] is None
    assert (await client.data("query($id: ID!) { match(id: $id) { id } }", id=text))["match"] is None


async def test_nodes_keep_their_places(client: Client, factory: Factory) -> None:
    (match,) = await card(factory, 1)
    ids = ["nonsense", global_id("Match", match), global_id("Team", 12345), global_id("Match", match)]
    shown = (await client.data("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids))["nodes"]
    assert shown == [None, {"id": ids[1]}, None, {"id": ids[1]}]


async def test_no_more_than_100_nodes(client: Client) -> None:
    error = await client.error("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=["x"] * 101)
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "argument": "ids"}


def test_ids_survive_a_round_trip() -> None:
    assert read_global_id(global_id("Market", 1, 2)) == ("Market", "1:2")
    assert keys_of("Match", [global_id("Match", 7)], "matchIds") == [7]
    assert keys_of("Match", None, "matchIds") is None
    with pytest.raises(Invalid, match="matchIds"):
        keys_of("Match", [global_id("Team", 7)], "matchIds")
