"""The schema as text: `python -m api.export > schema.graphql`."""

from __future__ import annotations

import sys
from functools import cache

import strawberry

from api.schema import build_schema


@cache
def schema_text(schema: strawberry.Schema | None = None) -> str:
    """The SDL that is committed as `schema.graphql`; printed once in a process."""
    return (schema or build_schema()).as_str().rstrip() + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
