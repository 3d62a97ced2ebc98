"""How large a document is, measured before anything walks through its fragments.

A definition is looked at once, in a time that grows with its tokens alone; what its fragments add is added up, not
walked again, however often they are spread. Only then, and only where the sum is within its limit, are fragments
opened wherever they stand, to find fields that are asked for again: graphql-core compares each with each.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    TokenKind,
)


class Limit(NamedTuple):
    """The most that there may be of something."""

    name: str
    most: int
    what: str
    remedy: str


_SEVERAL = "Send it as several documents."
_LESS = "Ask for less at once."

CHARACTERS = Limit("characters", 50_000, "characters of the document", "Send long values as variables.")
LINES = Limit("lines", 2_000, "lines of the document", "Leave out empty lines.")
TOKENS = Limit("tokens", 1_500, "words and signs of the document", _SEVERAL)
WORD = Limit("word", 100, "characters of one name or number", "No name of the schema is so long.")
TEXT = Limit("text", 10_000, "characters of one text", "Send it as a variable.")
DEFINITIONS = Limit("definitions", 100, "operations and fragments of the document", _SEVERAL)
VARIABLES = Limit("variables", 50, "variables of an operation", "Put what belongs together into one input object.")
ROOTS = Limit("roots", 30, "fields that an operation begins with", _LESS)
NODES = Limit("nodes", 2_000, "fields and fragments, those of a fragment wherever it is spread", _LESS)
DEPTH = Limit("depth", 25, "levels, those of fragments included", "Ask for what lies deeper with `node(id:)`.")
ALIASES = Limit("aliases", 50, "aliases, those of fragments included", _LESS)
DIRECTIVES = Limit("directives", 50, "directives, those of fragments included", _LESS)
CROWD = Limit("directivesAtOnce", 4, "directives of one field or fragment", "Each can stand there only once.")
REPEATS = Limit("repeats", 5_000, "pairs of one field that is asked for again at one place", "Ask for it once.")
VALUES = Limit("values", 2_000, "values in the variables, those in lists and objects included", _LESS)
LEVELS = Limit("levels", 50, "levels of lists and objects in the variables", "No input of the schema is so deep.")

LIMITS = (
    *(CHARACTERS, LINES, TOKENS, WORD, TEXT, DEFINITIONS, VARIABLES, ROOTS),
    *(NODES, DEPTH, ALIASES, DIRECTIVES, CROWD, REPEATS, VALUES, LEVELS),
)
_CAP = 10**9
"""Counts do not grow beyond it: fragments that spread fragments double them without end."""
_TEXTS = frozenset({TokenKind.STRING, TokenKind.BLOCK_STRING})
Definition = OperationDefinitionNode | FragmentDefinitionNode


class Excess(Exception):
    """There is more of something than its limit allows."""

    def __init__(self, limit: Limit, actual: int) -> None:
        told = f"{actual:,}" if actual < _CAP else f"{_CAP:,} or more"
        super().__init__(f"{limit.name}: {told} {limit.what}; at most {limit.most:,} are taken. {limit.remedy}")
        self.told: dict[str, Any] = {"limit": limit.name, "max": limit.most, "actual": actual}


def check(limit: Limit, actual: int) -> None:
    """Raise Excess where there is too much."""
    if actual > limit.most:
        raise Excess(limit, actual)


@dataclass(frozen=True, slots=True)
class Shape:
    """What is known of a document that is within its limits."""

    tokens: int
    nodes: int
    depth: int
    """Levels of its deepest operation."""
    is_cyclic: bool
    """Whether a fragment spreads itself; everything is counted as if it did not."""


def check_text(text: str) -> None:
    """Raise Excess for a document that is not worth parsing."""
    check(CHARACTERS, len(text))
    check(LINES, text.count("\n") + text.count("\r") + 1)


def measure(document: DocumentNode) -> Shape:
    """The shape of a parsed document; raises Excess."""
    tokens = _check_tokens(document)
    check(DEFINITIONS, len(document.definitions))
    fragments = fragments_of(document)
    parts, is_cyclic = _fragment_parts(fragments)
    roots = list(_roots(document, parts))
    depth, nodes = max((root.depth for root in roots), default=0), sum(root.nodes for root in roots)
    check(DEPTH, depth)
    check(NODES, nodes)
    for root in roots:
        _check_root(root)
    if not is_cyclic:
        check(REPEATS, sum(_repeats(root.definition.selection_set, fragments) for root in roots))
    return Shape(tokens, nodes, depth, is_cyclic)


def fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """Fragments by name."""
    return {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}


def check_values(variables: object) -> None:
    """Raise Excess for variables that hold too much; what is beyond the limit is not looked at."""
    count, waiting = 0, [(variables, 0)]
    while waiting:
        value, level = waiting.pop()
        within: Collection[Any] = ()
        if isinstance(value, dict):
            within = value.values()
        elif isinstance(value, list):
            within = value
        count += len(within)
        check(VALUES, count)
        check(LEVELS, level)
        waiting.extend((each, level + 1) for each in within)


@dataclass(slots=True)
class _Part:
    """One definition, with what its fragments add as soon as that is known."""

    definition: Definition
    nodes: int = 0
    depth: int = 1
    roots: int = 0
    """Fields that it begins with."""
    aliases: int = 0
    directives: int = 0
    spreads: list[tuple[str, int, bool]] = field(default_factory=list)
    """Names of fragments, the levels at which they stand, and whether their fields are roots."""

    def add_fragments(self, parts: Mapping[str, _Part], finished: Collection[str]) -> bool:
        """Add what is finished; answers whether something was not."""
        is_whole = True
        for name, level, is_root in self.spreads:
            if name in finished:
                part = parts[name]
                self.roots = min(_CAP, self.roots + part.roots * is_root)
                self.nodes = min(_CAP, self.nodes + part.nodes)
                self.aliases = min(_CAP, self.aliases + part.aliases)
                self.directives = min(_CAP, self.directives + part.directives)
                self.depth = max(self.depth, level + part.depth)
            elif name in parts:
                is_whole = False
        return is_whole


def _check_tokens(document: DocumentNode) -> int:
    """How many words and signs there are; raises Excess for one that is too long."""
    assert document.loc is not None
    count, token = 0, document.loc.start_token.next
    while token is not None:
        if token.kind is not TokenKind.COMMENT:
            check(TEXT if token.kind in _TEXTS else WORD, token.end - token.start)
        count, token = count + 1, token.next
    return count - 1


def _part_of(definition: Definition) -> _Part:
    part = _Part(definition, directives=_directives(definition))
    waiting = [(definition.selection_set, 1, True)]
    while waiting:
        within, level, is_root = waiting.pop()
        part.depth = max(part.depth, level)
        part.nodes += len(within.selections)
        for node in within.selections:
            if node.directives:
                part.directives += _directives(node)
            if isinstance(node, FieldNode):
                part.roots += is_root
                part.aliases += node.alias is not None
                if node.selection_set is not None:
                    waiting.append((node.selection_set, level + 1, False))
            elif isinstance(node, InlineFragmentNode):
                waiting.append((node.selection_set, level + 1, is_root))
            elif isinstance(node, FragmentSpreadNode):
                part.spreads.append((node.name.value, level, is_root))
    return part


def _directives(node: Any) -> int:
    count = len(node.directives or ())
    check(CROWD, count)
    return count


def _fragment_parts(fragments: Mapping[str, FragmentDefinitionNode]) -> tuple[dict[str, _Part], bool]:
    """Every fragment with all that it spreads, and whether one spreads itself."""
    parts = {name: _part_of(each) for name, each in fragments.items()}
    finished: set[str] = set()
    is_cyclic = False
    for name in _innermost_first(parts):
        is_cyclic |= not parts[name].add_fragments(parts, finished)
        finished.add(name)
    return parts, is_cyclic


def _innermost_first(parts: Mapping[str, _Part]) -> list[str]:
    """Fragments after those that they spread, but for rings; without recursion, since a chain may be long."""
    order: dict[str, None] = {}
    seen: set[str] = set()
    for first in parts:
        path = [(first, iter(parts[first].spreads))] if first not in seen else []
        seen.add(first)
        while path:
            name, spreads = path[-1]
            found = next((each for each, *_ in spreads if each in parts and each not in seen), None)
            if found is None:
                order[name] = None
                path.pop()
            else:
                seen.add(found)
                path.append((found, iter(parts[found].spreads)))
    return list(order)


def _roots(document: DocumentNode, parts: Mapping[str, _Part]) -> Iterator[_Part]:
    """What is validated by itself: operations, fragments whose name is another's, and those that nothing spreads."""
    reached: set[str] = set()
    for definition in document.definitions:
        if isinstance(definition, Definition) and not _is_known(definition, parts):
            root = _part_of(definition)
            root.add_fragments(parts, parts)
            _reach(root, parts, reached)
            yield root
    for name, part in parts.items():
        if name not in reached:
            _reach(part, parts, reached)
            yield part


def _is_known(definition: Definition, parts: Mapping[str, _Part]) -> bool:
    return isinstance(definition, FragmentDefinitionNode) and parts[definition.name.value].definition is definition


def _reach(root: _Part, parts: Mapping[str, _Part], reached: set[str]) -> None:
    waiting = [root]
    while waiting:
        for name, *_ in waiting.pop().spreads:
            if name in parts and name not in reached:
                reached.add(name)
                waiting.append(parts[name])


def _check_root(root: _Part) -> None:
    check(ALIASES, root.aliases)
    check(DIRECTIVES, root.directives)
    if isinstance(root.definition, OperationDefinitionNode):
        check(ROOTS, root.roots)
        check(VARIABLES, len(root.definition.variable_definitions or ()))


def _repeats(root: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]) -> int:
    """Pairs that the rule of overlapping fields compares: at each place of the answer those of one name, and those of
    the fragments that are spread there. The document has no rings, and `NODES` bounds the steps."""
    pairs = 0
    places: list[Sequence[SelectionSetNode]] = [[root]]
    while places:
        waiting = [*places.pop()]
        names: Counter[str] = Counter()
        beneath: defaultdict[str, list[SelectionSetNode]] = defaultdict(list)
        spreads = 0
        while waiting:
            for node in waiting.pop().selections:
                if isinstance(node, FieldNode):
                    name = (node.alias or node.name).value
                    names[name] += 1
                    if node.selection_set is not None:
                        beneath[name].append(node.selection_set)
                elif isinstance(node, FragmentSpreadNode):
                    spreads += 1
                    if (fragment := fragments.get(node.name.value)) is not None:
                        waiting.append(fragment.selection_set)
                elif isinstance(node, InlineFragmentNode):
                    waiting.append(node.selection_set)
        pairs += sum(_pairs(count) for count in names.values()) + _pairs(spreads)
        places.extend(beneath.values())
    return pairs


def _pairs(count: int) -> int:
    return count * (count - 1) // 2
