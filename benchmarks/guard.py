"""The guard of the API against strawberry's own limits of depth and aliases.

    uv run python -m benchmarks.guard [--rounds 5] [--levels 4 --levels 8 …]

Both get the saved operations of `api/web/operations.graphql`, each by itself and parsed once. Ours finds tokens, nodes,
depth, aliases, directives, repeated fields and the cost; theirs depth and aliases alone, as the rules of validation
that they are. Then both get fragments that each spread the next one twice, so many levels deep, the last with an
alias. That both let through and refuse the same documents is asserted before anything is timed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import click
from graphql import (
    DocumentNode,
    GraphQLSchema,
    OperationDefinitionNode,
    parse,
    print_ast,
    separate_operations,
    validate,
)
from strawberry.extensions import MaxAliasesLimiter, QueryDepthLimiter

from api.edge.costs import Costs
from api.edge.shapes import ALIASES, DEPTH, Excess, fragments_of, measure
from api.schema import build_schema
from benchmarks.turns import ROUNDS, faster, in_turns, seconds_each
from tests.api.client import OPERATIONS

LEVELS = (4, 8, 12, 16)
TIMES = 5
Verdict = Callable[[DocumentNode], bool]
"""Whether a document is let through."""


def our_verdict(schema: GraphQLSchema) -> Verdict:
    """Shape and cost; `max_cost` is compared elsewhere."""
    costs = Costs(schema)

    def verdict(document: DocumentNode) -> bool:
        try:
            shape = measure(document)
            fragments = fragments_of(document)
            for each in document.definitions:
                if isinstance(each, OperationDefinitionNode):
                    costs.measure(each, fragments, {}, shape)
        except Excess:
            return False
        return True

    return verdict


def their_verdict(schema: GraphQLSchema) -> Verdict:
    """Strawberry's two limits, with the numbers of ours."""
    limits = (QueryDepthLimiter(max_depth=DEPTH.most), MaxAliasesLimiter(max_alias_count=ALIASES.most))
    rules = [rule for limit in limits for rule in limit.validation_rules]
    return lambda document: not validate(schema, document, rules)


def bomb(levels: int) -> DocumentNode:
    """Fragments that each spread the next one twice."""
    within = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(levels))
    return parse(f"{{ ...F0 }} {within} fragment F{levels} on Query {{ alias: __typename }}")


@click.command()
@click.option(
    "--rounds", default=ROUNDS, show_default=True, type=click.IntRange(1), help="Times that each is measured."
)
@click.option("--levels", multiple=True, default=LEVELS, show_default=True, type=click.IntRange(1, 22))
def main(rounds: int, levels: tuple[int, ...]) -> None:
    """Print the ratios."""
    schema = build_schema()._schema
    ours, theirs = our_verdict(schema), their_verdict(schema)
    saved = [*separate_operations(parse(OPERATIONS.read_text())).values()]
    sets: Mapping[str, list[DocumentNode]] = {
        f"{len(saved)} saved operations": [parse(print_ast(each)) for each in saved],
        **{f"fragments {count} deep": [bomb(count)] for count in levels},
    }
    for name, documents in sets.items():
        verdicts = [ours(document) for document in documents]
        assert verdicts == [theirs(document) for document in documents], f"{name}: the verdicts differ"
        seconds = in_turns(
            {
                "touchline": seconds_each(TIMES, lambda documents=documents: [ours(each) for each in documents]),  # type: ignore[misc]
                "strawberry": seconds_each(TIMES, lambda documents=documents: [theirs(each) for each in documents]),  # type: ignore[misc]
            },
            rounds,
        )
        told = "let through" if all(verdicts) else "refused"
        click.echo(f"{name:<22} {told:<12} {faster(seconds, 'touchline', 'strawberry')}")


if __name__ == "__main__":
    main()
