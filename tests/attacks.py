"""Requests that are meant to hurt, made from a seed: each kind in sizes that grow.

An attack is a document with its variables, or the bytes of a body. What a size counts is the kind's own: levels,
fields, bytes.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import get_introspection_query

PLAIN = ("status { level }", "countries { id name }", "models(first: 5) { nodes { key } }")
"""Fields of Query that exist."""
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Attack:
    """One request."""

    kind: str
    size: int
    body: bytes

    @property
    def name(self) -> str:
        return f"{self.kind} {self.size}"

    @property
    def document(self) -> str:
        """Of a body that is JSON."""
        return str(orjson.loads(self.body)["query"])


Made = str | tuple[str, Mapping[str, Any]] | bytes
"""A document, one with variables, or a body."""


def fragments(fan_out: int) -> Callable[[int, random.Random], Made]:
    """Each fragment spreads the next one several times; the last one has a field."""

    def made(depth: int, rng: random.Random) -> Made:
        spread = " ".join(f"...F{{}}{' ' * rng.randrange(2)}" for _ in range(fan_out))
        levels = [f"fragment F{n} on Query {{ {spread.replace('{}', str(n + 1))} }}" for n in range(depth)]
        return "\n".join(["{ ...F0 }", *levels, f"fragment F{depth} on Query {{ {rng.choice(PLAIN)} }}"])

    return made


def crossed(depth: int, rng: random.Random) -> Made:
    """Each fragment spreads several of those after it, and asks for what they ask for."""
    levels = []
    for n in range(depth):
        after = rng.sample(range(n + 1, depth + 1), min(3, depth - n))
        levels.append(f"fragment F{n} on Query {{ status {{ level }} {' '.join(f'...F{each}' for each in after)} }}")
    return "\n".join(["{ ...F0 }", *levels, f"fragment F{depth} on Query {{ status {{ level }} }}"])


def chain(depth: int, _: random.Random) -> Made:
    """Each fragment asks for the same and spreads the next one."""
    levels = [f"fragment F{n} on Query {{ status {{ level }} ...F{n + 1} }}" for n in range(depth)]
    return "\n".join(["{ ...F0 }", *levels, f"fragment F{depth} on Query {{ status {{ level }} }}"])


def ring(size: int, rng: random.Random) -> Made:
    """Every fragment spreads several others, round and round."""
    spreads = [" ".join(f"...F{rng.randrange(size)}" for _ in range(3)) for _ in range(size)]
    return "\n".join(["{ ...F0 }", *(f"fragment F{n} on Query {{ {each} }}" for n, each in enumerate(spreads))])


def unused(size: int, _: random.Random) -> Made:
    """Fragments that no operation spreads, each with the same field as all others."""
    levels = "".join(f" fragment F{n} on Query {{ ...F{n + 1} status {{ level }} }}" for n in range(size))
    return f"{{ __typename }}{levels} fragment F{size} on Query {{ status {{ level }} }}"


def repeated(count: int, rng: random.Random) -> Made:
    """One field again and again."""
    return f"{{ {f'{rng.choice(PLAIN)} ' * count} }}"


def repeated_plain(count: int, _: random.Random) -> Made:
    """The cheapest field again and again."""
    return "{" + " __typename" * count + "}"


def repeated_within(count: int, _: random.Random) -> Made:
    """One field again and again, and in each again and again others."""
    each = math.isqrt(count)
    return "{" + (" status {" + " sources { source }" * each + "}") * each + "}"


def repeated_inline(count: int, _: random.Random) -> Made:
    """One field again and again, each in a fragment without a name."""
    return "{" + " ... { status { level } }" * count + "}"


def repeated_spreads(count: int, _: random.Random) -> Made:
    """The same fragments again and again."""
    return (
        "{"
        + " ...A ...B" * count
        + "} fragment A on Query { status { level } } fragment B on Query { status { level } }"
    )


def conflicts(count: int, _: random.Random) -> Made:
    """One name for many fields."""
    return "{" + "".join(f" x: matches(first: {n + 1}) {{ totalCount }}" for n in range(count)) + "}"


def aliases(count: int, _: random.Random) -> Made:
    """One cheap field under many names."""
    return "{" + "".join(f" a{n}: __typename" for n in range(count)) + "}"


def aliased_lists(count: int, _: random.Random) -> Made:
    """One long list under many names."""
    return "{" + "".join(f" a{n}: matches(first: 100) {{ nodes {{ id }} }}" for n in range(count)) + "}"


def literals(count: int, _: random.Random) -> Made:
    """A long list in an argument."""
    return f"{{ matches(filter: {{leagueIds: [{' '.join(['1'] * count)}]}}) {{ totalCount }} }}"


def objects(count: int, _: random.Random) -> Made:
    """An object with fields that do not exist."""
    return f"{{ matches(filter: {{{' '.join(f'leagueIdentifier{n}: 1' for n in range(count))}}}) {{ totalCount }} }}"


def nested_literals(depth: int, _: random.Random) -> Made:
    """Lists in lists."""
    return f"{{ matches(filter: {{leagueIds: {'[' * depth}{']' * depth}}}) {{ totalCount }} }}"


def directives(count: int, _: random.Random) -> Made:
    """Many directives at one field."""
    return "{ __typename" + " @include(if: true)" * count + "}"


def spread_directives(count: int, _: random.Random) -> Made:
    """A directive at each of many fields."""
    return "{" + "".join(f" a{n}: __typename @skip(if: false)" for n in range(count)) + "}"


def unknown_directives(count: int, _: random.Random) -> Made:
    """Many directives that do not exist."""
    return "{ __typename" + "".join(f" @includes{n}" for n in range(count)) + "}"


def declared(count: int, _: random.Random) -> Made:
    """Many variables that nothing uses."""
    return f"query({' '.join(f'$v{n}: Int' for n in range(count))}) {{ __typename }}"


def unknown_types(count: int, _: random.Random) -> Made:
    """Many names that are nearly those of types: each is compared with all."""
    return "{ __typename }" + "".join(f" fragment F{n} on UpdateBankrollsInputs{n:03} {{ id }}" for n in range(count))


def unknown_fields(count: int, _: random.Random) -> Made:
    """Many names that are nearly those of fields."""
    return "{" + "".join(f" confidenceAnalysis{n} {{ id }}" for n in range(count)) + "}"


def operations(count: int, _: random.Random) -> Made:
    """Many operations over the same fragments, with a variable that must be known in each."""
    half = max(1, count // 2)
    asked = " ".join(f"query Q{n}($v: Int) {{ ...F0 }}" for n in range(half))
    levels = (f"fragment F{n} on Query {{ matches(first: $v) {{ totalCount }} ...F{n + 1} }}" for n in range(half))
    return f"{asked} {' '.join(levels)} fragment F{half} on Query {{ status {{ level }} }}"


def introspection(depth: int, _: random.Random) -> Made:
    """The schema through itself."""
    return "{ __schema { types { " + "fields { type { " * depth + "name" + " } }" * depth + " } } }"


def whole_introspection(depth: int, _: random.Random) -> Made:
    """The schema as tools read it, types of types so deep."""
    return get_introspection_query(type_depth=depth, input_value_deprecation=True)


def aliased_introspection(count: int, _: random.Random) -> Made:
    """The schema again and again."""
    whole = "types { name fields { name args { name type { name } } type { name } } }"
    return "{" + "".join(f" a{n}: __schema {{ {whole} }}" for n in range(count)) + "}"


def given(count: int, _: random.Random) -> Made:
    """A long list in the variables."""
    return _FILTERED, {"filter": {"leagueIds": ["1"] * count}}


def given_unknown(count: int, _: random.Random) -> Made:
    """Keys that do not exist in the variables."""
    return _FILTERED, {"filter": {f"leagueIdentifier{n}": 1 for n in range(count)}}


def given_unused(count: int, _: random.Random) -> Made:
    """Variables that no operation declares."""
    return "{ __typename }", {f"v{n}": n for n in range(count)}


def given_deep(depth: int, _: random.Random) -> Made:
    """Lists in lists in the variables."""
    query = orjson.dumps(_FILTERED).decode()
    return f'{{"query":{query},"variables":{{"filter":{{"leagueIds":{"[" * depth}{"]" * depth}}}}}}}'.encode()


def long_name(length: int, _: random.Random) -> Made:
    return "{" + "a" * length + "}"


def long_text(length: int, _: random.Random) -> Made:
    return '{ search(query: "' + "a" * length + '") { totalCount } }'


def long_number(length: int, _: random.Random) -> Made:
    return "{ matches(first: " + "9" * length + ") { totalCount } }"


def long_comment(length: int, _: random.Random) -> Made:
    return "#" + "a" * length + "\n{ __typename }"


def comments(length: int, _: random.Random) -> Made:
    return "#\n" * (length // 2) + "{ __typename }"


def whitespace(length: int, _: random.Random) -> Made:
    return " " * length + "{ __typename }"


def newlines(length: int, _: random.Random) -> Made:
    """Before names that do not exist: the place of each error is counted in lines."""
    return "\n" * length + "{" + "".join(f" x{n}" for n in range(100)) + "}"


def braces(length: int, _: random.Random) -> Made:
    return "{a" * (length // 2)


def brackets(length: int, _: random.Random) -> Made:
    return "{ a(b: " + "[" * length


def block(length: int, _: random.Random) -> Made:
    return '{ search(query: """' + "\n a" * (length // 3) + '""") { totalCount } }'


def json_brackets(length: int, _: random.Random) -> Made:
    return b"[" * length


def json_lists(length: int, _: random.Random) -> Made:
    return b'{"query":"{__typename}","variables":{"a":[' + b"[]," * (length // 3) + b"[]]}}"


_FILTERED = "query($filter: MatchFilter) { matches(filter: $filter) { totalCount } }"

LEVELS = (8, 16, 32, 64, 128, 300)
COUNTS = (10, 30, 100, 300, 1_000, 3_000)
BYTES = (1_000, 10_000, 100_000, MEGABYTE)

KINDS: Mapping[str, tuple[Callable[[int, random.Random], Made], Sequence[int]]] = {
    **{f"fragments, fan-out {fan_out}": (fragments(fan_out), LEVELS) for fan_out in (2, 3, 4)},
    **{
        each.__name__.replace("_", " "): (each, sizes)
        for sizes, kinds in (
            (LEVELS, (crossed, chain, nested_literals, introspection)),
            (
                COUNTS,
                (
                    *(ring, unused, repeated, repeated_plain, repeated_within, repeated_inline, repeated_spreads),
                    *(conflicts, aliases, aliased_lists, literals, objects, directives, spread_directives),
                    *(unknown_directives, declared, unknown_types, unknown_fields, operations),
                    *(aliased_introspection, given, given_unknown, given_unused),
                ),
            ),
            ((8, 64, 200, 900), (given_deep,)),
            ((3, 9, 30), (whole_introspection,)),
            (
                BYTES,
                (
                    *(long_name, long_text, long_number, long_comment, comments, whitespace, newlines, braces),
                    *(brackets, block, json_brackets, json_lists),
                ),
            ),
        )
        for each in kinds
    },
}


def attacks(seed: int = 7) -> Iterator[Attack]:
    """All of them, kind by kind, smallest first."""
    rng = random.Random(seed)
    for kind, (make, sizes) in KINDS.items():
        for size in sizes:
            yield Attack(kind, size, _body(make(size, rng)))


def _body(made: Made) -> bytes:
    if isinstance(made, bytes):
        return made
    document, variables = made if isinstance(made, tuple) else (made, {})
    return orjson.dumps({"query": document, "variables": variables})
