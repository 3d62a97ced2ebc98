"""The rules of Relay, for every connection and every node that the schema has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_required_argument,
)

from api.nodes import global_id
from api.schema import build_schema
from tests.api.betting import Bettor, betting
from tests.api.client import Client
from tests.bettors import make_bankroll
from tests.factories import Factory, card

PARENTS = """{
  matches { nodes { id league { id country { id } } homeTeam { id } markets { selections { id } } } }
  models { nodes { id } }
  viewer { id bankrolls { nodes { id } } }
}"""
WRONG = (
    ("first: 0", "first"),
    ("first: -1", "first"),
    ("first: 101", "first"),
    ("last: 101", "last"),
    ("first: 1, last: 1", "last"),
    ('after: ""', "after"),
    ('after: "YXJyYXljb25uZWN0aW9uOi01"', "after"),
    ('before: "é"', "before"),
)


@pytest.fixture
async def bettor(client: Client, factory: Factory) -> AsyncIterator[Bettor]:
    """Somebody who has one of everything that has a list."""
    await card(factory, 1)
    async with betting(client.app) as found:
        await make_bankroll(factory.db, found.account)
        yield found


def connections(schema: GraphQLSchema) -> Iterator[tuple[str, str, GraphQLField]]:
    """Type and name of every field that answers pages."""
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLObjectType):
            for name, field in kind.fields.items():
                if get_named_type(field.type).name.endswith("Connection"):
                    yield kind.name, name, field


async def test_a_wrong_page_is_refused_and_the_argument_named(bettor: Bettor) -> None:
    schema = build_schema()._schema
    parents = await _parents(bettor)
    found = [*connections(schema)]
    assert len(found) >= 25
    for kind, name, field in found:
        wrong = [f"{name}({', '.join([*_required(field), each])}) {{ __typename }}" for each, _ in WRONG]
        if kind == "Query":
            errors = [await bettor.error(f"{{ {selection} }}") for selection in wrong]
        else:
            node = f'node(id: "{parents[kind]}")'
            asked = " ".join(f"a{at}: {node} {{ ... on {kind} {{ {each} }} }}" for at, each in enumerate(wrong))
            errors = sorted((await bettor.ask(f"{{ {asked} }}")).errors, key=lambda error: str(error["path"]))
        for (each, argument), error in zip(WRONG, errors, strict=True):
            assert error["extensions"] == {"code": "BAD_USER_INPUT", "argument": argument}, f"{kind}.{name}({each})"
            assert error["message"].startswith(f"{argument}: ")


async def test_a_page_of_one_is_right_everywhere(bettor: Bettor) -> None:
    schema = build_schema()._schema
    parents = await _parents(bettor)
    for kind, name, field in connections(schema):
        page = "{ nodes { __typename } edges { cursor } totalCount pageInfo { hasNextPage endCursor } }"
        selection = f"{name}({', '.join([*_required(field), 'first: 1'])}) {page}"
        query = selection if kind == "Query" else f'node(id: "{parents[kind]}") {{ ... on {kind} {{ {selection} }} }}'
        data = await bettor.data(f"{{ {query} }}")
        found = data[name] if kind == "Query" else data["node"][name]
        cursors = [edge["cursor"] for edge in found["edges"]]
        assert len(found["nodes"]) == len(cursors) <= min(1, found["totalCount"])
        assert found["pageInfo"]["endCursor"] == (cursors[0] if cursors else None)
        assert found["pageInfo"]["hasNextPage"] == (found["totalCount"] > 1)


async def test_a_node_that_nobody_has_is_null_whatever_its_type(bettor: Bettor) -> None:
    schema = build_schema()._schema
    interface = schema.type_map["Node"]
    assert isinstance(interface, GraphQLInterfaceType)
    kinds = [kind.name for kind in schema.get_possible_types(interface)]
    assert len(kinds) >= 20
    ids = [global_id(kind, key) for kind in kinds for key in (999_999_999, "nobody", -1)]
    for at in range(0, len(ids), 100):
        answer = await bettor.ask("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids[at : at + 100]})
        assert answer.errors == []
        assert answer.data["nodes"] == [None] * len(ids[at : at + 100])
    for kind in kinds:
        assert await bettor.data(f'{{ node(id: "{global_id(kind, 999_999_999)}") {{ id }} }}') == {"node": None}


async def _parents(bettor: Bettor) -> dict[str, str]:
    """The id of one object of each type."""
    data = await bettor.data(PARENTS)
    match = data["matches"]["nodes"][0]
    return {
        "Bankroll": data["viewer"]["bankrolls"]["nodes"][0]["id"],
        "Country": match["league"]["country"]["id"],
        "League": match["league"]["id"],
        "Match": match["id"],
        "Model": data["models"]["nodes"][0]["id"],
        "Selection": match["markets"][0]["selections"][0]["id"],
        "Team": match["homeTeam"]["id"],
        "User": data["viewer"]["id"],
    }


def _required(field: GraphQLField) -> Iterator[str]:
    """What must be given beside the page."""
    for name, argument in field.args.items():
        if is_required_argument(argument):
            yield f"{name}: {_value(argument.type)}"


def _value(kind: GraphQLInputType) -> str:
    named = get_named_type(kind)
    return next(iter(named.values)) if isinstance(named, GraphQLEnumType) else '"arsenal"'
