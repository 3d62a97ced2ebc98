"""What the schema says of itself is worked out once."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import get_introspection_query

from api.edge.introspected import KEPT
from api.execution import Execution
from tests.api.client import Client

TYPE = "query Kind($name: String!) { __typename __type(name: $name) { name kind } }"


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The names of the operations that were executed."""
    names: list[str | None] = []
    execute = Execution.execute_operation

    def counted(self: Execution, serially: bool | None = None) -> Any:
        names.append(self.operation.name.value if self.operation.name else None)
        return execute(self, serially)

    monkeypatch.setattr(Execution, "execute_operation", counted)
    return names


async def test_the_same_question_is_executed_once(client: Client, executed: list[str | None]) -> None:
    whole = get_introspection_query(descriptions=False).replace("IntrospectionQuery", "Whole")
    first = await client.data(whole)
    assert len(first["__schema"]["types"]) > 200
    assert await client.data(whole) == first
    assert executed == ["Whole"]


async def test_other_variables_are_another_question(client: Client, executed: list[str | None]) -> None:
    for _ in range(2):
        for name in ("Match", "Team"):
            answer = await client.data(TYPE, name=name)
            assert answer == {"__typename": "Query", "__type": {"name": name, "kind": "OBJECT"}}
    assert executed == ["Kind", "Kind"]


async def test_other_operations_of_a_text_are_other_questions(client: Client, executed: list[str | None]) -> None:
    both = 'query A { __type(name: "Match") { name } } query B { __type(name: "Team") { name } }'
    for _ in range(2):
        for name, kind in (("A", "Match"), ("B", "Team")):
            body = {"query": both, "operationName": name}
            assert (await client.http.post("/graphql", json=body)).json()["data"] == {"__type": {"name": kind}}
    assert executed == ["A", "B"]


async def test_what_reads_anything_else_is_executed_each_time(client: Client, executed: list[str | None]) -> None:
    for query in (
        "query Mixed { __typename status { level } }",
        "query Spread { ...F } fragment F on Query { __typename }",
    ):
        for _ in range(2):
            await client.data(query)
    assert executed == ["Mixed", "Mixed", "Spread", "Spread"]


async def test_what_is_wrong_is_not_kept(client: Client, executed: list[str | None]) -> None:
    for _ in range(2):
        (error,) = (await client.ask(TYPE, {})).errors
        assert "$name" in error["message"]
    assert len(executed) in {0, 2}


async def test_only_the_last_answers_are_kept(client: Client, executed: list[str | None]) -> None:
    for name in ["Match", *(f"Other{n}" for n in range(KEPT)), "Match"]:
        await client.data(TYPE.replace("Kind", "Kept"), name=name)
    assert len(executed) == KEPT + 2
