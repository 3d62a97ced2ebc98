"""The contract: committed, described throughout, and following the house rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema
from graphql.utilities import build_schema as read_sdl

from api.export import schema_text
from api.lookups import NODES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def text() -> str:
    return schema_text()


@pytest.fixture(scope="module")
def schema(text: str) -> GraphQLSchema:
    return read_sdl(text)


def test_the_committed_schema_is_the_code(text: str) -> None:
    committed = (ROOT / "schema.graphql").read_text()
    assert committed == text, "run `uv run python -m api.export > schema.graphql`"


def test_everything_is_described(schema: GraphQLSchema) -> None:
    assert [place for place, description in _described(schema) if not description] == []


def _described(schema: GraphQLSchema) -> Iterator[tuple[str, str | None]]:
    for name, kind in schema.type_map.items():
        if name.startswith("__") or name in {"Int", "Float", "String", "Boolean", "ID"}:
            continue
        yield name, kind.description
        if isinstance(kind, GraphQLEnumType):
            yield from ((f"{name}.{value}", member.description) for value, member in kind.values.items())
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            for field, shape in kind.fields.items():
                yield f"{name}.{field}", shape.description
                for argument, given in getattr(shape, "args", {}).items():
                    yield f"{name}.{field}({argument})", given.description


def test_every_connection_has_nodes_and_a_count(schema: GraphQLSchema) -> None:
    connections = [kind for name, kind in schema.type_map.items() if name.endswith("Connection")]
    assert len(connections) >= 8
    for kind in connections:
        assert isinstance(kind, GraphQLObjectType)
        assert {"edges", "nodes", "pageInfo", "totalCount"} <= set(kind.fields)


def test_every_node_can_be_fetched_again(schema: GraphQLSchema) -> None:
    node = schema.type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    assert {kind.name for kind in schema.get_possible_types(node)} == set(NODES)


def test_instants_and_flags_are_named_as_the_house_does(schema: GraphQLSchema) -> None:
    for name, kind in schema.type_map.items():
        if not isinstance(kind, GraphQLObjectType) or name.startswith("__"):
            continue
        for field, shape in kind.fields.items():
            if str(shape.type).rstrip("!") == "Boolean":
                assert field.startswith(("is", "has", "can", "beats")), f"{name}.{field}"
            if str(shape.type).rstrip("!") == "DateTime":
                assert field.endswith(("At", "Of", "From", "Until")) or field in {"at", "now"}, f"{name}.{field}"
