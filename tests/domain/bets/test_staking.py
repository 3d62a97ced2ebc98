"""Stakes that a bankroll's own rules, its balance and its owner's limits make of an edge."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from domain.bets.staking import Opportunity, Suggestion, suggestions
from domain.care.rules import Kind, Period
from domain.care.service import set_limit, take_break
from domain.infra.database import Database, connection_of
from domain.infra.errors import Invalid
from tests.bettors import make_bankroll
from tests.factories import NOW
from tests.people import person

EDGES = [
    Opportunity(0.10, Decimal("2.00"), Decimal(0)),
    Opportunity(0.07, Decimal("2.20"), Decimal("0.05")),
    Opportunity(0.90, Decimal("2.00"), Decimal(0)),
]


@pytest.fixture
async def ann(database: Database) -> int:
    return await person(database)


async def stakes(database: Database, account: int, bankroll: int, kelly_multiplier: float | None = None) -> list[int]:
    told = await suggestions(database.pool, account, bankroll, EDGES, kelly_multiplier=kelly_multiplier, machine=NOW)
    assert told is not None
    assert {suggestion.currency for suggestion in told} == {"EUR"}
    return [suggestion.stake for suggestion in told]


async def test_each_edge_gets_a_quarter_of_kelly_up_to_a_twentieth(database: Database, ann: int) -> None:
    bankroll = await make_bankroll(database.pool, ann, deposit=100_000)
    assert await stakes(database, ann, bankroll) == [2500, 1535, 5000]
    assert await stakes(database, ann, bankroll, 0.1) == [1000, 614, 5000]


async def test_a_limit_leaves_what_it_leaves_of_real_money_only(database: Database, ann: int) -> None:
    real = await make_bankroll(database.pool, ann, deposit=100_000)
    paper = await make_bankroll(database.pool, ann, deposit=100_000, is_paper=True)
    async with database.transaction() as session:
        connection = await connection_of(session)
        await set_limit(connection, ann, Kind.STAKE, Period.WEEK, 1600, currency="EUR", machine=NOW)
    assert await stakes(database, ann, real) == [1600, 1535, 1600]
    assert await stakes(database, ann, paper) == [2500, 1535, 5000]


async def test_a_break_leaves_nothing(database: Database, ann: int) -> None:
    bankroll = await make_bankroll(database.pool, ann)
    async with database.transaction() as session:
        await take_break(await connection_of(session), ann, NOW + timedelta(days=30), machine=NOW)
    assert await stakes(database, ann, bankroll) == [0, 0, 0]


async def test_only_ones_own_bankroll_suggests(database: Database, ann: int) -> None:
    bobs = await make_bankroll(database.pool, await person(database, email="bob@example.com"))
    for bankroll in (bobs, 404):
        assert await suggestions(database.pool, ann, bankroll, EDGES, machine=NOW) is None
    assert await suggestions(database.pool, ann, bobs, [], machine=NOW) is None


@pytest.mark.parametrize("multiplier", [0.0, 1.01, float("nan")])
async def test_a_multiplier_is_a_share(database: Database, ann: int, multiplier: float) -> None:
    bankroll = await make_bankroll(database.pool, ann)
    with pytest.raises(Invalid) as refused:
        await stakes(database, ann, bankroll, multiplier)
    assert refused.value.field == "kellyMultiplier"


async def test_stakes_are_in_the_bankrolls_currency(database: Database, ann: int) -> None:
    yen = await make_bankroll(database.pool, ann, currency="JPY", deposit=30_000)
    assert await suggestions(database.pool, ann, yen, EDGES[:1], machine=NOW) == [Suggestion(750, "JPY")]
