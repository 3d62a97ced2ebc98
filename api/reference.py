"""The schema as a page to read: `python -m api.reference > reference.html`; the API serves it at `/reference`.

Made from the SDL alone. Every type, field and value has an address on it: `#Match`, `#Match.forecast`.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from html import escape
from typing import cast

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLType,
    GraphQLUnionType,
    build_schema,
    get_named_type,
    is_introspection_type,
    is_specified_scalar_type,
    print_ast,
)

from api.export import schema_text

ROOTS: Mapping[str, str] = {"Query": "Reading", "Mutation": "Writing", "Subscription": "Watching"}
KINDS: Mapping[type, str] = {
    GraphQLObjectType: "Objects",
    GraphQLInterfaceType: "Interfaces",
    GraphQLUnionType: "Unions",
    GraphQLInputObjectType: "Inputs",
    GraphQLEnumType: "Enums",
    GraphQLScalarType: "Scalars",
}
MOST_PLACES = 12
"""Places that are named where a type is used; of more, only how many."""

Slot = GraphQLField | GraphQLInputField | GraphQLArgument
"""What has a type and a description."""


def reference_page(sdl: str) -> str:
    """An HTML page, its style and script in `/web/reference/`."""
    schema = build_schema(sdl)
    groups = _groups(schema)
    used = _used(schema)
    told = ", ".join(f"{len(kinds)} {group.lower()}" for group, kinds in groups.items() if group in KINDS.values())
    contents = "".join(_contents(group, kinds) for group, kinds in groups.items())
    sections = "".join(
        f"<section><h2>{group}</h2>{''.join(_kind(kind, used.get(kind.name, ())) for kind in kinds)}</section>"
        for group, kinds in groups.items()
    )
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>Touchline: the schema</title>\n'
        '<link rel="icon" href="/web/front/icon.svg" type="image/svg+xml">\n'
        '<link rel="stylesheet" href="/web/reference/style.css">\n'
        '<script src="/web/reference/reference.js" defer></script>\n'
        '<nav aria-label="Types"><label>Find <input type="search" placeholder="type or field"></label>'
        f"{contents}</nav>\n<main><h1>The schema</h1>\n"
        f"<p>{told}. What ends in <code>!</code> is never null. The same as text: "
        f'<a href="/schema.graphql">schema.graphql</a>; to try it: <a href="/graphql">GraphiQL</a>.</p>\n'
        f"{sections}</main>\n</html>\n"
    )


def _groups(schema: GraphQLSchema) -> dict[str, list[GraphQLNamedType]]:
    """The types that are ours, by what they are, in the order of the page."""
    groups: dict[str, list[GraphQLNamedType]] = {group: [] for group in (*ROOTS.values(), *KINDS.values())}
    for name, kind in sorted(schema.type_map.items()):
        if not is_introspection_type(kind) and not is_specified_scalar_type(kind):
            groups[ROOTS.get(name) or KINDS[type(kind)]].append(kind)
    return {group: kinds for group, kinds in groups.items() if kinds}


def _used(schema: GraphQLSchema) -> dict[str, list[str]]:
    """Where each type is answered with, taken or a member, by its name."""
    used: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for kind in schema.type_map.values():
        if is_introspection_type(kind):
            continue
        for name, field in _fields(kind).items():
            for slot in (field, *_arguments(field).values()):
                used[get_named_type(slot.type).name][f"{kind.name}.{name}"] = None
        for parent in _parents(kind):
            used[parent.name][kind.name] = None
    return {name: sorted(places) for name, places in used.items()}


def _fields(kind: GraphQLNamedType) -> Mapping[str, GraphQLField | GraphQLInputField]:
    if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
        return cast("Mapping[str, GraphQLField | GraphQLInputField]", kind.fields)
    return {}


def _arguments(field: GraphQLField | GraphQLInputField) -> Mapping[str, GraphQLArgument]:
    return field.args if isinstance(field, GraphQLField) else {}


def _parents(kind: GraphQLNamedType) -> Collection[GraphQLNamedType]:
    return kind.interfaces if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) else ()


def _contents(group: str, kinds: list[GraphQLNamedType]) -> str:
    is_root = group in ROOTS.values()
    names = [f"{kinds[0].name}.{name}" for name in _fields(kinds[0])] if is_root else [kind.name for kind in kinds]
    items = "".join(f'<li><a href="#{name}">{name.rpartition(".")[2]}</a></li>' for name in names)
    return f"<details{' open' if is_root else ''}><summary>{group}</summary><ul>{items}</ul></details>"


def _kind(kind: GraphQLNamedType, places: Collection[str]) -> str:
    name = kind.name
    return (
        f'<article id="{name}"><h3><a href="#{name}">{name}</a></h3>{_text(kind)}'
        f"{''.join(_members(kind))}{_places(places)}</article>\n"
    )


def _members(kind: GraphQLNamedType) -> Iterator[str]:
    """What a type consists of."""
    if parents := _parents(kind):
        yield f'<p class="aside">Implements {", ".join(map(_link, parents))}.</p>'
    if isinstance(kind, GraphQLUnionType):
        yield f'<p class="aside">One of {", ".join(map(_link, kind.types))}.</p>'
    fields = "".join(_field(f"{kind.name}.{name}", field) for name, field in _fields(kind).items())
    values = kind.values if isinstance(kind, GraphQLEnumType) else {}
    told = "".join(
        f'<dt id="{kind.name}.{name}"><code>{name}</code></dt><dd>{_text(value)}</dd>' for name, value in values.items()
    )
    if fields or told:
        yield f"<dl>{fields}{told}</dl>"


def _field(place: str, field: GraphQLField | GraphQLInputField) -> str:
    arguments = "".join(
        f"<dt>{_slot(name, slot)}</dt><dd>{_text(slot)}</dd>" for name, slot in _arguments(field).items()
    )
    nested = f"<dl>{arguments}</dl>" if arguments else ""
    return f'<dt id="{place}">{_slot(place.rpartition(".")[2], field)}</dt><dd>{_text(field)}{nested}</dd>'


def _slot(name: str, slot: Slot) -> str:
    """A name, its type, and its default where it has one."""
    node = slot.ast_node
    default = getattr(node, "default_value", None)
    given = f" = {escape(print_ast(default))}" if default is not None else ""
    return f"<code>{name}: {_type(slot.type)}{given}</code>"


def _type(kind: GraphQLType) -> str:
    if isinstance(kind, GraphQLNonNull):
        return f"{_type(kind.of_type)}!"
    if isinstance(kind, GraphQLList):
        return f"[{_type(kind.of_type)}]"
    return _link(cast("GraphQLNamedType", kind))


def _link(kind: GraphQLNamedType) -> str:
    return kind.name if is_specified_scalar_type(kind) else f'<a href="#{kind.name}">{kind.name}</a>'


def _text(thing: GraphQLNamedType | Slot | object) -> str:
    """The description, with its code, and why not to use it any more where it says so."""
    description, reason = getattr(thing, "description", None), getattr(thing, "deprecation_reason", None)
    told = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(description or "", quote=False))
    paragraphs = [f"<p>{told}</p>"] if told else []
    if reason:
        paragraphs.append(f'<p class="deprecated">Deprecated: {escape(reason, quote=False)}</p>')
    return "".join(paragraphs)


def _places(places: Collection[str]) -> str:
    if not places:
        return ""
    if len(places) > MOST_PLACES:
        return f'<p class="aside">Used in {len(places)} places.</p>'
    links = ", ".join(f'<a href="#{place}">{place}</a>' for place in places)
    return f'<p class="aside">Used in {links}.</p>'


if __name__ == "__main__":
    sys.stdout.write(reference_page(schema_text()))
