"""Measuring documents: each limit, and the memoised measure against opening every fragment."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

import pytest
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.edge import shapes
from api.edge.guard import TooCostly, read


def fields(count: int, name: str = "a{}: __typename") -> str:
    return " ".join(name.format(n) for n in range(count))


def within(query: str) -> str:
    """A selection below the roots, where more of everything may stand."""
    return f"{{ status {{ {query} }} }}"


@pytest.mark.parametrize(
    ("limit", "query"),
    [
        (shapes.CHARACTERS, "{ __typename }" + " " * 50_000),
        (shapes.LINES, "{" + "\n" * 2_000 + "__typename }"),
        (shapes.LINES, "{" + "\r" * 2_000 + "__typename }"),
        (shapes.TOKENS, within(fields(1_500, "level"))),
        (shapes.TOKENS, "#\n" * 1_500 + "{ __typename }"),
        (shapes.WORD, "{" + "a" * 101 + "}"),
        (shapes.WORD, "{ matches(first: 1" + "0" * 100 + ") { totalCount } }"),
        (shapes.TEXT, '{ search(query: "' + "a" * 10_000 + '") { totalCount } }'),
        (shapes.TEXT, '{ search(query: """' + "a" * 10_000 + '""") { totalCount } }'),
        (shapes.DEFINITIONS, "{ __typename }" + fields(100, " fragment F{} on Query {{ __typename }}")),
        (shapes.VARIABLES, f"query({fields(51, '$v{}: Int')}) {{ __typename }}"),
        (shapes.ROOTS, f"{{ {fields(31, '__typename')} }}"),
        (shapes.ROOTS, f"{{ ...F ... {{ ...F }} }} fragment F on Query {{ {fields(16, '__typename')} }}"),
        (
            shapes.NODES,
            "{ status { ...A } } fragment A on SystemStatus { ...B ...B } "
            "fragment B on SystemStatus { ...C ...C ...C ...C } "
            f"fragment C on SystemStatus {{ {fields(250, 'level')} }}",
        ),
        (shapes.DEPTH, "{ " + "league { country { leagues { nodes { " * 7 + "id" + " } } } }" * 7 + " }"),
        (shapes.ALIASES, within(fields(51, "a{}: level"))),
        (shapes.ALIASES, within("...F ...F") + f" fragment F on SystemStatus {{ {fields(26, 'a{}: level')} }}"),
        (shapes.DIRECTIVES, within(fields(51, "level @skip(if: false)"))),
        (shapes.CROWD, "{ __typename" + " @a" * 5 + " }"),
        (shapes.CROWD, "query" + " @a" * 5 + " { __typename }"),
        (shapes.REPEATS, within(fields(101, "level"))),
        (shapes.REPEATS, within(fields(60, "sources {{ kind kind }}"))),
        (shapes.REPEATS, within(fields(101, "...F")) + " fragment F on SystemStatus { level }"),
    ],
    ids=lambda value: value.name if isinstance(value, shapes.Limit) else "",
)
def test_a_document_beyond_a_limit_is_refused(limit: shapes.Limit, query: str) -> None:
    for _ in range(2):
        with pytest.raises(TooCostly) as refused:
            read(query)
        told = refused.value.told
        assert (told["limit"], told["max"]) == (limit.name, limit.most)
        assert told["actual"] > limit.most
        assert refused.value.message.startswith(f"{limit.name}: {told['actual']:,} ")
        assert refused.value.message.endswith(limit.remedy)


@pytest.mark.parametrize(
    "query",
    [
        "{" + " " * 49_980 + "__typename }",
        "{ " + fields(30, "__typename") + " }",
        within(fields(50, "a{}: level")),
        within(fields(100, "level")),
        within(fields(50, "level @skip(if: false)")),
        "{ __typename @skip(if: false) @include(if: true) }",
        '{ search(query: "' + "a" * 100 + '") { totalCount } }',
    ],
)
def test_a_document_at_a_limit_is_read(query: str) -> None:
    assert read(query).shape.nodes > 0


@dataclass
class Opened:
    """A document with every fragment written out where it is spread."""

    nodes: int = 0
    depth: int = 0
    aliases: int = 0
    roots: list[int] = field(default_factory=list)
    places: Counter[tuple[str, ...]] = field(default_factory=Counter)
    """How often a field is asked for at a place of the answer, and a fragment spread there."""

    @property
    def repeats(self) -> int:
        return sum(count * (count - 1) // 2 for count in self.places.values())


def opened(document: DocumentNode, operation: OperationDefinitionNode, fragments: set[str] | None = None) -> Opened:
    """By walking through it as it stands; the document has no rings."""
    known = shapes.fragments_of(document)
    found = Opened()
    roots = 0

    def walk(selections: SelectionSetNode, level: int, place: tuple[str, ...]) -> None:
        nonlocal roots
        found.depth = max(found.depth, level)
        for node in selections.selections:
            found.nodes += 1
            if isinstance(node, FieldNode):
                roots += not place
                found.aliases += node.alias is not None
                at = (*place, (node.alias or node.name).value)
                found.places[at] += 1
                if node.selection_set is not None:
                    walk(node.selection_set, level + 1, at)
            elif isinstance(node, InlineFragmentNode):
                walk(node.selection_set, level + 1, place)
            elif isinstance(node, FragmentSpreadNode):
                found.places[*place, "..."] += 1
                if (fragment := known.get(node.name.value)) is not None:
                    walk(fragment.selection_set, level + 1, place)

    walk(operation.selection_set, 1, ())
    found.roots.append(roots)
    return found


def drawn(rng: random.Random, spreads: range, room: int = 3) -> str:
    """What stands between braces: a few fields of few names, with others in them, and fragments."""
    found = []
    for _ in range(rng.randint(1, 3)):
        kind = rng.randrange(4)
        if kind == 0 and room:
            found.append(f"{rng.choice(NAMES)} {{ {drawn(rng, spreads, room - 1)} }}")
        elif kind == 1 and room:
            found.append(f"... {{ {drawn(rng, spreads, room - 1)} }}")
        elif kind == 2 and spreads:
            found.append(f"...F{rng.choice(spreads)}")
        else:
            found.append(rng.choice(NAMES))
    return " ".join(found)


def written(seed: int) -> str:
    """One operation with up to five fragments, each of which may spread those after it, and one that is not there."""
    rng = random.Random(seed)
    count = rng.randint(0, 5)
    parts = [f"fragment F{n} on Query {{ {drawn(rng, range(n + 1, count + 1))} }}" for n in range(count)]
    parts.insert(rng.randint(0, count), f"{{ {drawn(rng, range(count + 1))} }}")
    return " ".join(parts)


NAMES = ("a", "b", "c", "x: a", "y: b")


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32).map(written))
@example("{ ...F0 } fragment F0 on Query { ...F1 ...F1 a } fragment F1 on Query { ... { b { a } } b { a a } ...F9 }")
def test_the_measure_is_that_of_the_document_with_its_fragments_written_out(text: str) -> None:
    document = parse(text, max_tokens=shapes.TOKENS.most)
    parts, is_cyclic = shapes._fragment_parts(shapes.fragments_of(document))
    roots = list(shapes._roots(document, parts))
    assert not is_cyclic
    operation = next(each for each in document.definitions if isinstance(each, OperationDefinitionNode))
    measured = next(each for each in roots if each.definition is operation)
    naive = opened(document, operation)
    assert (measured.nodes, measured.depth, measured.aliases, [measured.roots]) == (
        naive.nodes,
        naive.depth,
        naive.aliases,
        naive.roots,
    )
    assert shapes._repeats(operation.selection_set, shapes.fragments_of(document)) == naive.repeats
    reached = {each.definition for each in roots if isinstance(each.definition, FragmentDefinitionNode)}
    assert all(each in reached or _is_spread(each, document) for each in shapes.fragments_of(document).values())


def _is_spread(fragment: FragmentDefinitionNode, document: DocumentNode) -> bool:
    assert document.loc is not None
    return f"...{fragment.name.value}" in document.loc.source.body


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(0, 6), max_size=4), min_size=1, max_size=6))
@example([[1, 1], [0]])
@example([[0]])
def test_rings_are_found_and_end(spreads: list[list[int]]) -> None:
    levels = [
        f"fragment F{n} on Query {{ a {' '.join(f'...F{each}' for each in after)} }}" for n, after in enumerate(spreads)
    ]
    shape = shapes.measure(parse(" ".join(["{ ...F0 }", *levels])))
    assert shape.is_cyclic == _has_ring(spreads)


def _has_ring(spreads: list[list[int]]) -> bool:
    """Whether somewhere one comes back to where one was, by trying all ways."""
    reached = {n: {each for each in after if each < len(spreads)} for n, after in enumerate(spreads)}
    for _ in spreads:
        reached = {n: after | {far for each in after for far in reached[each]} for n, after in reached.items()}
    return any(n in after for n, after in reached.items())


def test_fragments_of_one_name_and_those_that_nothing_spreads_are_measured() -> None:
    wide = "a " * 120
    for text in (
        f"{{ a }} fragment F on Query {{ {wide} }}",
        f"{{ ...F }} fragment F on Query {{ {wide} }} fragment F on Query {{ a }}",
        f"fragment F on Query {{ ...G }} fragment G on Query {{ ...H }} fragment H on Query {{ {wide} }}",
    ):
        with pytest.raises(TooCostly, match=r"^repeats: "):
            read(text)


def test_counts_do_not_grow_without_end() -> None:
    levels = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} ...F{n + 1} }}" for n in range(90))
    document = parse(f"{{ ...F0 }} {levels} fragment F90 on Query {{ a: a @b }}")
    parts, _ = shapes._fragment_parts(shapes.fragments_of(document))
    assert parts["F0"].nodes == parts["F0"].aliases == parts["F0"].directives == parts["F0"].roots == 10**9


def test_variables_are_counted_through_lists_and_objects() -> None:
    shapes.check_values({"a": ["1"] * 1_999})
    shapes.check_values(None)
    wide: tuple[object, ...] = ({"a": ["1"] * 2_000}, {"a": {"b": [{}] * 2_000}}, [[["1"] * 40] * 50])
    for values in wide:
        with pytest.raises(shapes.Excess, match=r"^values: "):
            shapes.check_values(values)
    deep: list[object] = []
    for _ in range(1_500):
        deep = [deep]
    with pytest.raises(shapes.Excess, match=r"^levels: "):  # and no RecursionError
        shapes.check_values(deep)
