"""Pages by keyset: complete, without repetition, over ties and nulls, while rows come and go."""

from __future__ import annotations

from typing import Any

import pytest

from api.nodes import global_id
from api.paging import Order, read_page, write_cursor
from domain.infra.errors import BadCursor, Invalid
from tests.api.client import Client
from tests.factories import Factory, Fixture, hours

QUERY = """query($orderBy: MatchOrder, $first: Int, $after: String, $last: Int, $before: String) {
  matches(orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before) {
    totalCount nodes { id } edges { cursor node { id } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""

ORDERS = [
    {"field": field, "direction": direction}
    for field in ("KICKOFF", "CONFIDENCE", "BEST_EDGE", "UPDATED")
    for direction in ("ASC", "DESC")
]


@pytest.fixture
async def matches(factory: Factory) -> list[int]:
    """Eleven matches: three kick-offs, so that there are ties; some with figures and some without."""
    league = await factory.league("england-premier-league")
    ids = await factory.matches([Fixture(league, f"H{n}", f"A{n}", hours(1 + n % 3)) for n in range(11)])
    await factory.outlook({match: (50 + n % 3, None, 0.1) for n, match in enumerate(ids[:6])})
    return ids


async def walk(client: Client, order_by: dict[str, str], *, backward: bool = False) -> list[str]:
    """Ids of all pages of three, in the order of the list."""
    found: list[str] = []
    cursor: str | None = None
    for _ in range(20):
        arguments = {"last": 3, "before": cursor} if backward else {"first": 3, "after": cursor}
        page = (await client.data(QUERY, orderBy=order_by, **arguments))["matches"]
        ids = [node["id"] for node in page["nodes"]]
        assert ids == [edge["node"]["id"] for edge in page["edges"]]
        found = [*ids, *found] if backward else [*found, *ids]
        info = page["pageInfo"]
        assert info["hasPreviousPage" if not backward else "hasNextPage"] is (cursor is not None)
        if not info["hasPreviousPage" if backward else "hasNextPage"]:
            return found
        cursor = info["startCursor" if backward else "endCursor"]
    raise AssertionError("pages do not end")


@pytest.mark.parametrize("order_by", ORDERS, ids=lambda order: f"{order['field']}-{order['direction']}")
async def test_pages_hold_everything_once_in_both_directions(
    client: Client, matches: list[int], order_by: dict[str, str]
) -> None:
    forward = await walk(client, order_by)
    assert sorted(forward) == sorted(global_id("Match", match) for match in matches)
    assert await walk(client, order_by, backward=True) == forward


async def test_rows_inserted_while_paging_do_not_shift_a_page(
    client: Client, factory: Factory, matches: list[int]
) -> None:
    by_kickoff = {"field": "KICKOFF", "direction": "ASC"}
    before = await walk(client, by_kickoff)
    first = (await client.data(QUERY, orderBy=by_kickoff, first=4))["matches"]
    league = await factory.league("another")
    await factory.matches([Fixture(league, f"N{n}", f"M{n}", hours(0.5)) for n in range(3)])
    rest = (await client.data(QUERY, orderBy=by_kickoff, first=100, after=first["pageInfo"]["endCursor"]))["matches"]
    assert [node["id"] for node in first["nodes"] + rest["nodes"]] == before


async def test_a_row_deleted_under_its_cursor_does_not_matter(
    client: Client, factory: Factory, matches: list[int]
) -> None:
    by_kickoff = {"field": "KICKOFF", "direction": "ASC"}
    everything = await walk(client, by_kickoff)
    first = (await client.data(QUERY, orderBy=by_kickoff, first=4))["matches"]
    last_shown = next(match for match in matches if global_id("Match", match) == everything[3])
    await factory.db.execute("delete from match where id = $1", last_shown)
    rest = (await client.data(QUERY, orderBy=by_kickoff, first=100, after=first["pageInfo"]["endCursor"]))["matches"]
    assert [node["id"] for node in rest["nodes"]] == everything[4:]


async def test_between_two_cursors(client: Client, matches: list[int]) -> None:
    page = (await client.data(QUERY, first=100))["matches"]
    cursors = [edge["cursor"] for edge in page["edges"]]
    part = (await client.data(QUERY, first=100, after=cursors[2], before=cursors[6]))["matches"]
    assert [node["id"] for node in part["nodes"]] == [node["id"] for node in page["nodes"][3:6]]


async def test_an_empty_page(client: Client) -> None:
    page = (await client.data(QUERY))["matches"]
    assert page["totalCount"] == 0
    assert page["pageInfo"] == {
        "hasNextPage": False,
        "hasPreviousPage": False,
        "startCursor": None,
        "endCursor": None,
    }


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"first": -1}, "first"),
        ({"first": 0}, "first"),
        ({"first": 101}, "first"),
        ({"last": 0}, "last"),
        ({"last": 101}, "last"),
        ({"first": 3, "last": 3}, "last"),
        ({"after": "nonsense"}, "after"),
        ({"after": ""}, "after"),
        ({"before": "AAAA"}, "before"),
        ({"after": "é"}, "after"),
    ],
)
async def test_a_bad_argument_is_refused_by_name(client: Client, arguments: dict[str, Any], argument: str) -> None:
    error = await client.error(QUERY, **arguments)
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "argument": argument}
    assert argument in error["message"]


async def test_a_cursor_of_another_order_is_refused(client: Client, matches: list[int]) -> None:
    cursor = (await client.data(QUERY, first=1))["matches"]["pageInfo"]["endCursor"]
    error = await client.error(QUERY, after=cursor, orderBy={"field": "UPDATED"})
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "argument": "after"}


def test_a_changed_cursor_is_refused() -> None:
    order = Order("things", "t.name", "t.id")
    cursor = write_cursor(order, ("b", 2))
    assert read_page(order, 1, cursor, None, None).after == ("b", 2)
    for place in range(len(cursor) - 1):  # the last character holds padding bits
        changed = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
        with pytest.raises(BadCursor, match="after"):
            read_page(order, 1, changed, None, None)


def test_the_default_size_is_20() -> None:
    assert read_page(Order("things", "t.name", "t.id"), None, None, None, None).size == 20
    with pytest.raises(Invalid):
        read_page(Order("things", "t.name", "t.id"), 1, None, 1, None)
