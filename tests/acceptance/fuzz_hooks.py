"""What schemathesis must know of our schema, and what it is to look at: loaded by the fuzzer, never by a test.

It runs in an environment of its own, where nothing of the product is installed.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import schemathesis
from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    IntValueNode,
    StringValueNode,
    Visitor,
    print_ast,
    visit,
)
from hypothesis import strategies as st
from schemathesis.graphql import nodes, scalar


def _texts(strategy: st.SearchStrategy[Any], written: Callable[[Any], str]) -> Any:
    """Mostly values of the scalar, and now and then something else."""
    return st.one_of(strategy.map(written), strategy.map(written), st.text(max_size=20)).map(nodes.String)


scalar("Decimal", _texts(st.decimals(-10, 10_000, places=2, allow_nan=False), str))
scalar("DateTime", _texts(st.datetimes(), lambda each: f"{each.isoformat()}Z"))
scalar("Date", _texts(st.dates(), lambda each: each.isoformat()))
scalar("BigInt", st.integers(-(2**70), 2**70).map(nodes.Int))
scalar(
    "JSON", st.one_of(st.text(max_size=20).map(nodes.String), st.integers(-9, 9).map(nodes.Int), st.just(nodes.Null))
)

SEEN = Path(os.environ["FUZZ_SEEN"])


def after_call(context: Any, case: Any, response: Any) -> None:
    """Note what each request gave: its field, the status, and the codes of its errors."""
    try:
        codes = sorted({error["extensions"]["code"] for error in response.json().get("errors") or ()})
    except (ValueError, KeyError, AttributeError):
        codes = ["NO_CODE"]
    line = {"field": case.operation.label, "status": response.status_code, "codes": codes}
    if response.status_code >= 500 or {"INTERNAL", "NO_CODE"} & set(codes):
        line |= {"query": str(case.body), "answer": response.text[:2000]}
    with SEEN.open("a", encoding="utf-8") as seen:
        seen.write(json.dumps(line) + "\n")


def map_body(context: Any, body: Any) -> Any:
    """Mend most of what is refused at first sight, so that resolvers are reached: pages of a possible size, no cursors
    that nobody gave out, and words to search for. What is left as it was stays wrong."""
    return visit(body, Mended()) if isinstance(body, DocumentNode) else body


class Mended(Visitor):
    """Mends the arguments of every field, but for one in eight."""

    def enter_field(self, node: FieldNode, *_: Any) -> FieldNode | None:
        given = {argument.name.value: argument for argument in node.arguments or ()}
        if not given or zlib.crc32(print_ast(node).encode()) % 8 == 0:
            return None
        if "first" in given:
            given.pop("last", None)
        for name in ("after", "before"):
            given.pop(name, None)
        return FieldNode(
            **{key: getattr(node, key) for key in node.keys} | {"arguments": tuple(map(_mended, given.values()))}
        )


def _mended(argument: ArgumentNode) -> ArgumentNode:
    name, value = argument.name.value, argument.value
    if name in {"first", "last"} and isinstance(value, IntValueNode):
        value = IntValueNode(value=str(abs(int(value.value)) % 20 + 1))
    elif name in {"query", "search"} and isinstance(value, StringValueNode):
        value = StringValueNode(value=f"ar{value.value}"[:40])
    return ArgumentNode(name=argument.name, value=value)


def always(ctx: Any, response: Any, case: Any) -> None:
    """A check that finds nothing: the test judges what was noted."""


schemathesis.hook(after_call)
schemathesis.hook(map_body)
schemathesis.check(always)
