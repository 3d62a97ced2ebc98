"""A Relay project that pages through every connection of a schema, written from the schema itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

SCALARS: Mapping[str, str] = MappingProxyType(
    {"BigInt": "number", "Date": "string", "DateTime": "string", "Decimal": "string", "JSON": "unknown"}
)
"""TypeScript's types of our scalars."""
PAGING = "first: {type: Int}, after: {type: String}, last: {type: Int}, before: {type: String}"
WRITING: Mapping[str, str] = MappingProxyType(
    {
        "PlaceMutation": """
            mutation PlaceMutation($input: PlaceBetInput!, $connections: [ID!]!) {
              placeBet(input: $input) {
                bet @prependNode(connections: $connections, edgeTypeName: "BetEdge") { ...BankrollBetsRow_item }
                errors { __typename ... on UserError { code message path } }
              }
            }""",
        "LiveSubscription": """
            subscription LiveSubscription($leagues: [ID!]!, $after: String) {
              oddsChanged(leagueIds: $leagues, after: $after) {
                kind cursor changes { sequence match { id } quote { id price { decimal } isAvailable } }
              }
            }""",
    }
)
"""What writes into a connection, and what changes the items of one."""


@dataclass(frozen=True, slots=True)
class Paged:
    """A field of a type that answers a connection."""

    parent: GraphQLObjectType
    name: str
    field: GraphQLField

    @property
    def module(self) -> str:
        """File of its documents; their names begin with it, as Relay wants."""
        owner = "" if self.parent.name == "Query" else self.parent.name
        return owner + self.name[0].upper() + self.name[1:]

    @property
    def item(self) -> GraphQLNamedType:
        """Type of `nodes`."""
        connection = get_named_type(self.field.type)
        assert isinstance(connection, GraphQLObjectType)
        found: GraphQLNamedType = get_named_type(connection.fields["nodes"].type)
        return found


def connections(schema: GraphQLSchema) -> list[Paged]:
    """Every field of the schema that answers a connection."""
    return [
        Paged(parent, name, field)
        for parent in schema.type_map.values()
        if isinstance(parent, GraphQLObjectType)
        for name, field in parent.fields.items()
        if get_named_type(field.type).name.endswith("Connection")
    ]


def write_project(schema: GraphQLSchema, sdl: Path, folder: Path) -> None:
    """The project: a module for each connection and one for each document that writes, and the configuration."""
    sources = folder / "src"
    sources.mkdir()
    for paged in connections(schema):
        _write(sources / f"{paged.module}.ts", _documents(paged))
        _write(sources / f"{paged.module}Row.ts", [_row(paged)])
    for name, document in WRITING.items():
        _write(sources / f"{name}.ts", [document])
    configuration = {
        "src": "src",
        "schema": str(sdl),
        "language": "typescript",
        "artifactDirectory": "artifacts",
        "customScalarTypes": dict(SCALARS),
        "requireCustomScalarTypes": True,
        "persistConfig": {"file": "persisted.json", "algorithm": "SHA256"},
    }
    (folder / "artifacts").mkdir()
    (folder / "persisted.json").write_text("{}")
    (folder / "relay.config.json").write_text(json.dumps(configuration))


def _write(file: Path, documents: list[str]) -> None:
    tagged = "".join(f"graphql`{document}`\n" for document in documents)
    file.write_text(f"import {{ graphql }} from 'relay-runtime'\n{tagged}")


def _documents(paged: Paged) -> list[str]:
    """The page of a connection that can be fetched again, and the operation that shows it first."""
    is_root = paged.parent.name == "Query"
    given = "".join(f"{name}: {_any(argument)}, " for name, argument in paged.field.args.items() if _must(argument))
    fragment = f"{paged.module}_{'query' if is_root else 'parent'}"
    page = f"""
        fragment {fragment} on {paged.parent.name}
        @refetchable(queryName: "{paged.module}PageQuery") @argumentDefinitions({PAGING}) {{
          {paged.name}({given}first: $first, after: $after, last: $last, before: $before)
          @connection(key: "{fragment}_{paged.name}") {{
            __id totalCount
            pageInfo {{ hasNextPage endCursor hasPreviousPage startCursor }}
            edges {{ cursor node {{ ...{paged.module}Row_item }} }}
          }}
        }}"""
    if is_root:
        return [page, f"query {paged.module}Query($first: Int) {{ ...{fragment} @arguments(first: $first) }}"]
    shown = f'... on {paged.parent.name} {{ ...{fragment} @arguments(first: $first) @alias(as: "page") }}'
    return [page, f"query {paged.module}Query($first: Int, $id: ID!) {{ node(id: $id) {{ __typename {shown} }} }}"]


def _row(paged: Paged) -> str:
    """All that an item has without being asked for more."""
    return f"fragment {paged.module}Row_item on {paged.item.name} {{ {' '.join(_leaves(paged.item))} }}"


def _leaves(item: GraphQLNamedType) -> Iterator[str]:
    yield "__typename"
    for name, field in getattr(item, "fields", {}).items():
        if is_leaf_type(get_named_type(field.type)) and not any(map(_must, field.args.values())):
            yield name


def _must(argument: GraphQLArgument) -> bool:
    return is_required_argument(argument)


def _any(argument: GraphQLArgument) -> str:
    """Some value of a required argument."""
    kind = get_named_type(argument.type)
    return next(iter(kind.values)) if isinstance(kind, GraphQLEnumType) else '"arsenal"'
