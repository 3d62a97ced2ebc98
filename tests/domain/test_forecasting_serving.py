"""Which model is shown: the best that has fresh word, one for a whole kind of market, and never none."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import asyncpg
import pytest

from domain.forecasting.queries import newest_predictions, served, served_at
from domain.forecasting.serving import choose, lock_leagues, serve
from domain.infra.database import Database, connection_of
from domain.infra.errors import Invalid
from tests.factories import NOW, Factory, Figures, Fixture, hours
from touchline import BTTS, CORNERS_95, OVER_25, RESULT, MarketKey

FIRST, SECOND, THIRD = "touchline.market_memory", "touchline.supremacy", "acme.all"
GOALS = (RESULT, OVER_25, BTTS)
FIGURES = {FIRST: Figures(1.8, 1.1), SECOND: Figures(1.5, 1.2), THIRD: Figures(1.1, 1.6)}


@pytest.fixture
async def factory(database: Database) -> Factory:
    made = Factory(database)
    await made.clock()
    return made


@pytest.fixture
async def match(factory: Factory) -> int:
    """A coming match on which three models have spoken; nothing is shown yet."""
    league = await factory.league("england-premier-league")
    (made,) = await factory.matches([Fixture(league, "Arsenal", "Chelsea", hours(5))])
    for key, figures in FIGURES.items():
        await say(factory, made, key, figures)
    return made


async def say(factory: Factory, match: int, key: str, figures: Figures, markets: tuple[MarketKey, ...] = GOALS) -> None:
    await factory.model(key, markets)
    for market in markets:
        await factory.predicted([match], market, key, figures)


async def show(factory: Factory, *matches: int, now: datetime = NOW) -> None:
    async with factory.database.transaction() as session:
        connection = await connection_of(session)
        await lock_leagues(connection, [1])
        await serve(connection, matches, now)


async def shown(database: Database, match: int) -> dict[str, str]:
    """The model that is shown for each market."""
    return {row["market_key"]: row["model_key"] for row in await served(database.pool, [match])}


def all_of(model: str, *markets: MarketKey) -> Mapping[str, str]:
    return dict.fromkeys(map(str, markets or GOALS), model)


async def test_all_goal_markets_are_those_of_the_best_model(database: Database, factory: Factory, match: int) -> None:
    await show(factory, match)
    assert await shown(database, match) == all_of(FIRST)
    outlook = await database.pool.fetchrow("select confidence, expected_goals from match_outlook")
    assert outlook is not None
    assert outlook["expected_goals"] == pytest.approx(2.9)
    assert [row["job"] for row in await database.pool.fetch("select job from outbox")] == ["price_value"]


async def test_a_failed_model_leaves_the_match_to_the_next(database: Database, factory: Factory, match: int) -> None:
    await show(factory, match)
    for stale, expected in ((FIRST, SECOND), (SECOND, THIRD), (THIRD, FIRST)):
        await database.pool.execute("update current_prediction set is_stale = true where model_key = $1", stale)
        await show(factory, match)
        assert await shown(database, match) == all_of(expected)  # when all are stale, the best of them
    await database.pool.execute("update current_prediction set is_stale = false where model_key = $1", SECOND)
    await show(factory, match)
    assert await shown(database, match) == all_of(SECOND)


async def test_a_match_that_the_best_model_passes_over_is_not_empty(
    database: Database, factory: Factory, match: int
) -> None:
    league = await database.pool.fetchval("select league_id from match")
    (other,) = await factory.matches([Fixture(league, "Everton", "Fulham", hours(6))])
    await say(factory, other, THIRD, FIGURES[THIRD])
    await show(factory, match, other)
    assert await shown(database, match) == all_of(FIRST)
    assert await shown(database, other) == all_of(THIRD)


async def test_a_refused_plugin_leaves_its_matches_to_the_next(
    database: Database, factory: Factory, match: int
) -> None:
    await database.pool.execute("update plugin set status = 'REFUSED' where key = 'market_memory'")
    await show(factory, match)
    assert await shown(database, match) == all_of(SECOND)


async def test_lines_of_one_kind_are_never_of_two_models(database: Database, factory: Factory, match: int) -> None:
    over = MarketKey(OVER_25.kind, 3.5)
    await say(factory, match, THIRD, FIGURES[THIRD], (over,))
    await say(factory, match, SECOND, FIGURES[SECOND], (CORNERS_95,))
    await show(factory, match)
    assert await shown(database, match) == {**all_of(FIRST), **all_of(SECOND, CORNERS_95)}
    await database.pool.execute("update current_prediction set is_stale = model_key <> $1", THIRD)
    await show(factory, match)
    assert await shown(database, match) == {**all_of(THIRD, *GOALS, over), **all_of(SECOND, CORNERS_95)}


async def test_no_market_can_have_two_that_are_shown(database: Database, factory: Factory, match: int) -> None:
    await show(factory, match)
    with pytest.raises(asyncpg.UniqueViolationError):
        await database.pool.execute("update current_prediction set is_served = true")


async def test_a_choice_holds_from_now_on_and_the_past_stays_as_it_was(
    database: Database, factory: Factory, match: int
) -> None:
    await show(factory, match, now=NOW - timedelta(hours=3))
    async with database.transaction() as session:
        connection = await connection_of(session)
        await choose(connection, ["match_result"], THIRD, reason=" It knows the pitch. ", by="account 7", now=NOW)
    chosen = {**all_of(FIRST), str(RESULT): THIRD}
    assert await shown(database, match) == chosen
    row = await database.pool.fetchrow("select market_kind, reason, chosen_by from model_choice")
    assert tuple(row or ()) == ("match_result", "It knows the pitch.", "account 7")
    for instant, expected in (
        (NOW - timedelta(hours=4), {}),
        (NOW - timedelta(hours=3), all_of(FIRST)),
        (NOW - timedelta(seconds=1), all_of(FIRST)),
        (NOW, chosen),
    ):
        then = await served_at(database.pool, [match], instant)
        assert {row["market_key"]: row["model_key"] for row in then} == expected
        each = await newest_predictions(
            database.pool, [match], kinds=None, model_keys=None, as_of=max(instant, NOW), include_shadow=False
        )
        assert {row["market_key"]: row["model_key"] for row in each} == chosen
    assert await database.pool.fetchval("select count(*) from served_prediction") == 4


@pytest.mark.parametrize(
    ("kind", "model", "reason", "field", "words"),
    [
        ("match_result", "acme.none", "x", "model", "acme.all, touchline.market_memory, touchline.supremacy"),
        ("total_corners", THIRD, "x", "kind", "prices match_result"),
        ("match_result", THIRD, "  ", "input.reason", "1 to 1000"),
    ],
)
async def test_what_cannot_be_chosen_is_refused(
    database: Database, match: int, kind: str, model: str, reason: str, field: str, words: str
) -> None:
    with pytest.raises(Invalid, match=words) as refused:
        async with database.transaction() as session:
            await choose(await connection_of(session), [kind], model, reason=reason, by="account 7", now=NOW)
    assert refused.value.field == field
    assert await database.pool.fetchval("select count(*) from model_choice") == 0


async def test_from_kickoff_on_nothing_changes(database: Database, factory: Factory, match: int) -> None:
    await show(factory, match)
    await factory.clock(hours(5) + timedelta(seconds=1))
    async with database.transaction() as session:
        connection = await connection_of(session)
        now = hours(5) + timedelta(seconds=1)
        await choose(connection, ["match_result"], THIRD, reason="Too late.", by="account 7", now=now)
    assert await shown(database, match) == all_of(FIRST)
