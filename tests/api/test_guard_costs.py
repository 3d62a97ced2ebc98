"""What operations cost: read from the schema and the page sizes, at most, and never too little."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from graphql import (
    DocumentNode,
    GraphQLObjectType,
    OperationDefinitionNode,
    get_introspection_query,
    is_list_type,
    is_object_type,
    parse,
)
from graphql import build_schema as read_sdl

from api.edge import costs
from api.edge.costs import CALL, OBJECT, POINT, Cost, Costs
from api.edge.shapes import Excess, fragments_of, measure
from api.schema import build_schema
from tests.api.client import OPERATIONS
from tests.docs.documents import blocks

CHEAP = 400
"""Points below which every operation of ours must stay."""

Priced = Callable[..., Cost]


@pytest.fixture(scope="module")
def priced() -> Priced:
    """What an operation of the API costs."""
    known = Costs(build_schema()._schema)

    def price(query: str, **variables: Any) -> Cost:
        (cost,) = _costs(known, parse(query), variables).values()
        return cost

    return price


def _costs(known: Costs, document: DocumentNode, variables: dict[str, Any]) -> dict[str, Cost]:
    shape, fragments = measure(document), fragments_of(document)
    return {
        each.name.value if each.name else "": known.measure(each, fragments, variables, shape)
        for each in document.definitions
        if isinstance(each, OperationDefinitionNode)
    }


def points(values: int) -> int:
    return -(-values // POINT)


def test_an_operation_costs_a_point_at_least(priced: Priced) -> None:
    assert priced("{ __typename }") == Cost(points=1, items=0, nodes=1, depth=1)
    assert priced("{ nothing { at { all } } }").points == 1
    assert priced("{ rateLimit { cost limit remaining } }").points == 1


def test_pages_multiply_what_is_on_them_and_nothing_beside(priced: Priced) -> None:
    page = "totalCount pageInfo { endCursor } nodes { id homeTeam { id } }"
    item = OBJECT + 1 + OBJECT + 1
    beside = 3 * CALL + 1 + 1 + 1 + 1  # the list, its count, the team; the page, its size, its position and a cursor
    for size in (1, 20, 100):
        found = priced(f"{{ matches(first: {size}) {{ {page} }} }}")
        assert found == Cost(points(beside + size * item), 2 * size, 8, 4), size
    nested = priced("{ leagues(first: 10) { nodes { matches(last: 30) { edges { cursor node { id } } } } } }")
    assert nested.items == 10 + 10 * 30
    assert nested.points == points(2 * CALL + 1 + 10 * (OBJECT + 1 + 30 * (1 + 1 + OBJECT + 1)))


@pytest.mark.parametrize(
    ("sizes", "length"),
    [
        ("", 20),
        ("(first: null)", 20),
        ("(last: 7)", 7),
        ("(first: 3, last: 9)", 9),
        ("(first: 0)", 100),
        ("(first: -1)", 100),
        ("(first: 101)", 100),
        ("(first: 99999999999999999999)", 100),
        ('(first: "many")', 100),
        ("(first: $given)", 42),
        ("(first: $absent)", 20),
        ("(first: $default)", 11),
        ("(first: $null)", 20),
        ("(first: $wrong)", 100),
        ("(first: $huge)", 100),
        ("(first: $undeclared)", 20),
    ],
)
def test_the_size_of_a_page_is_read(priced: Priced, sizes: str, length: int) -> None:
    declared = "$given: Int, $absent: Int, $default: Int = 11, $null: Int = 3, $wrong: Int, $huge: Int"
    query = f"query({declared}) {{ matches{sizes} {{ nodes {{ id }} }} }}"
    assert priced(query, given=42, null=None, wrong=["a"], huge=10**30).items == length


def test_lists_that_have_no_pages_are_as_long_as_told(priced: Priced) -> None:
    per_match = "{{ matches(first: 1) {{ nodes {{ {} }} }} }}".format
    assert priced(per_match("markets { id }")).items == 1 + costs.LENGTHS["Match.markets"]
    assert priced(per_match("bestOdds(market: MATCH_RESULT) { id }")).items == 1 + costs.LENGTH
    assert priced(per_match("headToHead { id }")).items == 1 + 5  # the default of `last`
    assert priced(per_match("headToHead(last: 12) { id }")).items == 1 + 12
    assert priced('{ nodes(ids: ["a", "b", "c"]) { id } }').items == 3
    assert priced("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=["a"] * 70).items == 70
    assert priced("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=None).items == 0


def test_fragments_cost_what_they_hold_wherever_they_are_spread(priced: Priced) -> None:
    plain = priced("{ matches(first: 50) { totalCount nodes { id homeTeam { id name } awayTeam { id name } } } }")
    spread = priced(
        "{ matches(first: 50) { ...Page ...Unknown } } "
        "fragment Page on MatchConnection { totalCount ... { nodes { ...Row } } } "
        "fragment Row on Match { id homeTeam { ...Bit } ... on Match { awayTeam { ...Bit } } } "
        "fragment Bit on Team { id name }"
    )
    assert (spread.points, spread.items) == (plain.points, plain.items)


def test_what_may_be_left_out_is_counted(priced: Priced) -> None:
    query = "query($no: Boolean!) { matches { nodes { id homeTeam @include(if: $no) { id } } } }"
    assert priced(query, no=False).items == 40


def test_some_fields_cost_more(priced: Priced) -> None:
    login = 'mutation { login(input: {email: "a", password: "b"}) { tokens { accessToken } } }'
    assert priced(login).points > 100
    assert priced("mutation { logout(input: {}) { endedSessionIds } }").points == 7  # a mutation, a call and an object
    assert priced('subscription { jobProgressed(id: "a") { progress } }').points > costs.SUBSCRIPTION
    table = "{{ leagues(first: {}) {{ nodes {{ currentSeason {{ tableForecast {{ matchesLeft }} }} }} }} }}".format
    once = costs.POINTS["Season.tableForecast"]
    assert priced(table(10)).points - priced(table(1)).points >= 9 * once


def test_introspection_costs_what_the_schema_holds(priced: Priced) -> None:
    whole = priced(get_introspection_query(input_value_deprecation=True, specified_by_url=True))
    types = build_schema()._schema.type_map
    assert whole.items >= len(types) + sum(len(kind.fields) for kind in types.values() if is_object_type(kind))
    assert whole.points < CHEAP
    most = "types { name fields { name args { name type { name } } type { name } } }"
    assert priced(f"{{ a: __schema {{ {most} }} b: __schema {{ {most} }} }}").points < CHEAP
    with pytest.raises(Excess, match="introspection: "):
        priced(f"{{ __schema {{ {' '.join(f'a{n}: {most}' for n in range(6))} }} }}")
    assert priced('{ __type(name: "Query") { name } }').points == 1


@pytest.mark.parametrize(
    "beneath",
    [
        " ".join(f"a{n}: type {{ ofType {{ fields {{ name args {{ name }} }} }} }}" for n in range(3)),
        " ".join(f"a{n}: type {{ ofType {{ name }} }}" for n in range(24)),
        f"type {{ {' '.join(f'a{n}: ofType {{ name }}' for n in range(24))} }}",
        f"type {{ ofType {{ {' '.join(f'a{n}: name' for n in range(40))} }} }}",
        f"type {{ ofType {{ {' '.join(f'... on __Type {{ a{n}: name }}' for n in range(40))} }} }}",
    ],
)
def test_what_a_type_is_made_of_is_counted(priced: Priced, beneath: str) -> None:
    with pytest.raises(Excess, match="introspection: "):
        priced(f"{{ __schema {{ types {{ fields {{ {beneath} }} }} }} }}")


def test_one_id_that_is_no_list_is_a_list_of_one(priced: Priced) -> None:
    def cost(ids: str, declared: str = "", **variables: Any) -> int:
        return priced(
            f"query {declared} {{ nodes(ids: {ids}) {{ ... on League {{ {within} }} }} }}", **variables
        ).points

    within = "matches(first: 100) { nodes { id markets { key selections { key quotes { id } } } } }"
    one = cost('["L"]')
    assert one > 1000
    assert cost('"L"') == cost("$i", "($i: [ID!]!)", i="L") == cost("$i", "($i: [ID!]!)", i=["L"]) == one
    assert cost("$i", '($i: [ID!]! = "L")') == one
    assert cost('["L", "M"]') > 1.9 * one
    assert cost("null") == cost("$i", "($i: [ID!])", i=None) == cost("[]") < 10


def test_a_price_for_what_does_not_exist_is_no_schema() -> None:
    with pytest.raises(LookupError, match=r"Bankroll\.equityCurve has a price"):
        Costs(read_sdl("type Query { a: Int }"))


def _of_ours() -> Iterator[tuple[str, DocumentNode]]:
    yield "operations.graphql", parse(OPERATIONS.read_text())
    for block in blocks("graphql"):
        yield str(block), parse(block.text)


def test_what_we_ask_ourselves_is_cheap() -> None:
    known = Costs(build_schema()._schema)
    found: dict[str, int] = {}
    for name, document in _of_ours():
        found |= {f"{name} {each}": cost.points for each, cost in _costs(known, document, {}).items()}
    assert len(found) >= 20
    assert {name: cost for name, cost in found.items() if cost >= CHEAP} == {}
    assert 20 <= found["operations.graphql Today"] <= 100


def test_every_list_of_objects_has_a_length() -> None:
    schema = build_schema()._schema
    known = Costs(schema)._fields
    for kind in schema.type_map.values():
        if not isinstance(kind, GraphQLObjectType) or kind.name.startswith("__"):
            continue
        for name, field in kind.fields.items():
            of_a_page = kind.name.endswith("Connection") and name in {"nodes", "edges"}
            if is_list_type(getattr(field.type, "of_type", field.type)) and known[kind.name][name].kind:
                priced_as = known[kind.name][name]
                assert priced_as.is_page == of_a_page, f"{kind.name}.{name}"
                assert of_a_page or priced_as.length > 1 or priced_as.sizes or priced_as.ids, f"{kind.name}.{name}"
