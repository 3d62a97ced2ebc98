"""The page about the schema has every part of it, and no link on it leads nowhere."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLInterfaceType, GraphQLObjectType, build_schema

from api.export import schema_text
from api.reference import reference_page

SMALL = """
"What is read."
type Query {
  "A match. Try `id: 1` & more."
  match("Which." id: ID! = 1): Match
  "All."
  old: [Match!]! @deprecated(reason: "Use <match>.")
}
"A fixture."
type Match implements Node { "Identity." id: ID!, "Where it stands." state: State }
"Something with an identity."
interface Node { "Identity." id: ID! }
"Where a match stands."
enum State { "Played." OVER }
"""


class Page(HTMLParser):
    """Addresses, links and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.files: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name == "href" and tag == "a":
                self.links.append(value or "")
            elif name in {"href", "src"}:
                self.files.append(value or "")

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(reference_page(schema_text()))


def test_every_type_field_and_value_has_an_address(page: Page) -> None:
    wanted = set()
    for name, kind in build_schema(schema_text()).type_map.items():
        if name.startswith("__") or name in {"Int", "Float", "String", "Boolean", "ID"}:
            continue
        wanted.add(name)
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            wanted |= {f"{name}.{field}" for field in kind.fields}
        if isinstance(kind, GraphQLEnumType):
            wanted |= {f"{name}.{value}" for value in kind.values}
    assert set(page.ids) == wanted
    assert len(page.ids) == len(wanted)


def test_every_link_leads_somewhere(page: Page) -> None:
    inner = {link[1:] for link in page.links if link.startswith("#")}
    assert inner <= set(page.ids)
    assert {link for link in page.links if not link.startswith("#")} == {"/schema.graphql", "/graphql"}
    assert set(page.files) == {"/web/front/icon.svg", "/web/reference/style.css", "/web/reference/reference.js"}


def test_a_small_schema_is_told_whole() -> None:
    text = reference_page(SMALL)
    words = Page(text).words
    assert "match: Match" in words
    assert "id: ID! = 1" in words
    assert "old: [Match!]!" in words
    assert "Deprecated: Use <match>." in words
    assert "<code>id: 1</code> &amp; more." in text
    assert "Implements Node." in words
    assert "Used in Query.match, Query.old." in words
    assert "Used in Match.state." in words
    assert "1 objects, 1 interfaces, 1 enums" in words
