"""The convention: what a signature says, how parents are gathered, and functions tested without a server."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Self

import pytest
import strawberry

from api.batch import Loads, Source, batch, batch_function, derived, root
from api.leagues import League
from api.matches import Match
from api.rows import Rows, rows_of
from api.teams import Team, form_of
from tests.factories import NOW, hours


class FakeRows:
    """Rows of a test, by type and key; notes what was asked."""

    def __init__(self, **tables: dict[int, Any]) -> None:
        self.tables = tables
        self.asked: list[list[int]] = []

    async def pick(self, kind: type, keys: Sequence[int]) -> list[Any]:
        self.asked.append(list(keys))
        return [self.tables[kind.__name__][key] for key in keys]


def a_match(key: int, league: int = 1, **values: Any) -> Match:
    match = Match.__new__(Match)
    match.__dict__.update(key=key, league_id=league, kickoff_at=NOW, **values)
    return match


async def test_a_batch_function_needs_no_server() -> None:
    league = League(key=1, country_id=None, name="L", slug="l", kind="LEAGUE", is_big=True, is_simulated=False)  # type: ignore[arg-type]
    db = FakeRows(League={1: league})
    league_of = batch_function(Match, "league")
    assert await league_of([a_match(7), a_match(8)], db) == [league, league]
    assert db.asked == [[1, 1]]


def test_a_time_dependent_function_is_given_the_time() -> None:
    seconds = batch_function(Match, "seconds_to_kickoff")
    assert seconds([a_match(1)], now=hours(-1)) == [3600]


def test_scope_comes_from_signatures() -> None:
    def public(parents: Sequence[Any], db: Rows, first: int = 1) -> list[int]:
        return []

    def private(parents: Sequence[Any], db: Rows, viewer: Any) -> list[int]:
        return []

    def timely(parents: Sequence[Any], now: datetime) -> list[int]:
        return []

    assert (Source(public).is_public, Source(public).is_timeless) == (True, True)
    assert [each.name for each in Source(public).arguments(skip=1)] == ["first"]
    assert (Source(private).is_public, Source(private).is_timeless) == (False, True)
    assert (Source(timely).is_public, Source(timely).is_timeless) == (True, False)


def test_a_field_needs_words() -> None:
    def silent(parents: Sequence[Any], db: Rows) -> list[int]:
        return []

    with pytest.raises(TypeError, match="docstring"):
        batch(silent)
    with pytest.raises(TypeError, match="cannot ask for db"):
        derived(lambda self, db: 1)


class Context:
    """As little of `api.context.Context` as a resolver needs."""

    def __init__(self) -> None:
        self.loads = Loads()
        self.db = "db"

    async def give(self, name: str) -> Any:
        return getattr(self, name)


CALLS: list[tuple[list[int], int]] = []


@strawberry.type
class Number:
    value: int

    @batch
    @staticmethod
    async def plus(
        numbers: Sequence[Number], db: str, more: Annotated[int, strawberry.argument(description="Added.")] = 1
    ) -> list[int]:
        """The sum."""
        CALLS.append(([number.value for number in numbers], more))
        if more == 13:
            raise ValueError("unlucky")
        return [number.value + more for number in numbers]

    @batch
    @staticmethod
    def halves(numbers: Sequence[Number]) -> list[Annotated[float, "of even numbers"] | None]:
        """Half; odd numbers fail, one by one."""
        return [ValueError("odd") if number.value % 2 else number.value / 2 for number in numbers]  # type: ignore[misc]

    @batch
    @staticmethod
    def short(numbers: Sequence[Number]) -> list[int | None]:
        """One value too few."""
        return [1] * (len(numbers) - 1)

    @derived
    def doubled(self) -> int:
        """Twice."""
        return 2 * self.value

    @derived
    def times(self, factor: Annotated[int | None, strawberry.argument(description="Factor.")] = None) -> int | None:
        """Times a factor; null without one."""
        return None if factor is None else factor * self.value


async def some_numbers(db: str, count: Annotated[int, strawberry.argument(description="How many.")]) -> list[Number]:
    """Numbers from 0."""
    assert db == "db"
    return [Number(value=value) for value in range(count)]


@strawberry.type
class Query:
    numbers = root(some_numbers)


SCHEMA = strawberry.Schema(Query)


async def run(query: str) -> Any:
    CALLS.clear()
    return await SCHEMA.execute(query, context_value=Context())


async def test_parents_of_a_level_are_one_call_per_arguments() -> None:
    answer = await run(
        "{ numbers(count: 3) { plus ten: plus(more: 10) again: plus(more: 10) doubled times(factor: 3) } }"
    )
    assert answer.errors is None
    assert answer.data["numbers"][2] == {"plus": 3, "ten": 12, "again": 12, "doubled": 4, "times": 6}
    assert sorted(CALLS, key=lambda call: call[1]) == [([0, 1, 2], 1), ([0, 0, 1, 1, 2, 2], 10)]


async def test_an_exception_is_the_error_of_every_place() -> None:
    answer = await run("{ numbers(count: 2) { plus(more: 13) } }")
    assert answer.data is None
    assert answer.errors[0].message == "unlucky"


async def test_an_exception_as_a_value_is_the_error_of_one_place() -> None:
    answer = await run("{ numbers(count: 3) { halves } }")
    assert answer.data == {"numbers": [{"halves": 0.0}, {"halves": None}, {"halves": 1.0}]}
    assert [error.path for error in answer.errors] == [["numbers", 1, "halves"]]


async def test_as_many_values_as_parents_or_none() -> None:
    answer = await run("{ numbers(count: 3) { short } }")
    assert all("2 for 3 parents" in error.message for error in answer.errors)
    assert len(answer.errors) == 3


def test_an_argument_without_a_default_shows_none() -> None:
    assert 'times(\n    """Factor."""\n    factor: Int\n  ): Int' in SCHEMA.as_str()
    assert "more: Int! = 1" in SCHEMA.as_str()
    assert '"""The sum."""' in SCHEMA.as_str()


async def test_parents_are_kept_alive_until_their_values_come() -> None:
    """Loaders that are keyed by id() give an answer to a stranger: ids are used again after a collection."""

    async def plus_one(numbers: Sequence[Number]) -> list[int]:
        await asyncio.sleep(0)
        gc.collect(1)  # the young: a collection of everything takes a second where the schema is loaded
        return [number.value + 1 for number in numbers]

    context: Any = Context()
    source = Source(plus_one)
    for start in range(0, 500, 50):
        values = [context.loads.add(source, context, {}, Number(value=start + place)) for place in range(50)]
        assert await asyncio.gather(*values) == [start + place + 1 for place in range(50)]


class Reader:
    """Counts statements; answers nothing."""

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        return []

    fetchrow = fetchval = fetch


class Thing:
    """An entity of this test."""

    loaded: list[list[int]] = []  # noqa: RUF012 - reset by the test

    def __init__(self, key: int) -> None:
        self.key = key

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[int]) -> Sequence[Self | None]:
        cls.loaded.append(sorted(keys))
        await db.fetch("one statement")
        return [cls(key) if key < 100 else None for key in keys]


async def test_picks_of_one_turn_share_a_statement_and_rows_are_read_once() -> None:
    Thing.loaded.clear()
    db = Rows(Reader())  # type: ignore[arg-type]
    home, away = await asyncio.gather(db.pick(Thing, [1, 2, 1]), db.pick(Thing, [2, 3]))
    assert Thing.loaded == [[1, 2, 3]]
    assert [thing.key for thing in home] == [1, 2, 1]
    assert home[1] is away[0]
    assert await db.find(Thing, [3, None, 200]) == [away[1], None, None]
    assert await db.find(Thing, [200, 1]) == [None, home[0]]
    assert Thing.loaded == [[1, 2, 3], [200]]
    assert db.statements == 2
    with pytest.raises(LookupError, match="Thing 200"):
        await db.pick(Thing, [1, 200])


def test_rows_have_the_columns_of_the_statement() -> None:
    team = rows_of(Team, [{"key": 1, "name": "Arsenal", "country_id": None, "short_name": "ARS", "slug": "arsenal"}])[0]
    assert isinstance(team, Team)
    assert (team.key, team.name) == (1, "Arsenal")


def test_form_without_a_match() -> None:
    form = form_of([])
    assert (form.match_count, form.results, form.goals_for_average, form.corners_for_average) == (0, "", 0.0, None)
