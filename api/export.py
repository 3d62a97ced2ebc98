"""The schema as text: `python -m api.export > schema.graphql`."""

from __future__ import annotations

import sys

import strawberry

from api.schema import build_schema


def schema_text(schema: strawberry.Schema | None = None) -> str:
    """The SDL that is committed as `schema.graphql`."""
    return (schema or build_schema()).as_str().rstrip() + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
