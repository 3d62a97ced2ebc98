"""The fair price at kick-off: whose it is, why there is none, and what a bet was worth by it."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from domain.bets.closing import NO_BOOK, Closing, closing_probabilities, fair_probabilities
from domain.infra.database import Database
from domain.odds.queries import Pair
from domain.odds.service import Tick, record
from tests.domain.bets.settling import KICKOFF, LATER, OVER, MatchDay, match_day
from tests.factories import MARKETS, hours
from touchline import RESULT, MarketKey
from touchline.margin import Method, remove_margin

HOME = "match_result::ft/home"
BEFORE = hours(0.5)


@pytest.fixture
async def day(database: Database) -> MatchDay:
    return await match_day(database)


async def quote(day: MatchDay, book: str, *prices: float | None, at: datetime = BEFORE, is_open: bool = True) -> None:
    """A bookmaker's prices of the first match's result, home, draw, away."""
    books = await day.factory.books()
    ticks = [
        Tick(day.matches[0], selection, books[book], price, at, is_available=is_open)
        for selection, price in zip(day.words.selection_ids[RESULT].values(), prices, strict=False)
        if price is not None
    ]
    async with day.database.transaction() as session:
        await record(session, ticks, source="test")


def fair(*prices: float) -> list[float]:
    found: list[float] = remove_margin(np.array([prices]), Method.SHIN).probabilities[0].tolist()
    return found


def home(day: MatchDay, match: int = 0) -> Pair:
    return day.matches[match], day.words.selection_id(RESULT, "home")


async def closing(day: MatchDay, *pairs: Pair, now: datetime = OVER) -> dict[Pair, Closing]:
    return await closing_probabilities(day.database.pool, pairs, now=now)


async def test_the_last_sharp_prices_before_kick_off_count(day: MatchDay) -> None:
    await quote(day, "pinnacle", 2.10, 3.40, 3.80)
    await quote(day, "pinnacle", 2.00, at=KICKOFF)
    await quote(day, "pinnacle", 1.50, at=KICKOFF + timedelta(minutes=1))
    await quote(day, "corner", 2.40, 3.10, 3.30)
    found = (await closing(day, home(day)))[home(day)]
    assert found.probability == pytest.approx(fair(2.00, 3.40, 3.80)[0])
    assert found.note == "Pinnacle"


async def test_without_a_sharp_one_all_books_are_heard(day: MatchDay) -> None:
    await quote(day, "corner", 2.10, 3.40, 3.80)
    await quote(day, "village", 2.30, 3.10, 3.60)
    mean = (fair(2.10, 3.40, 3.80)[0] + fair(2.30, 3.10, 3.60)[0]) / 2
    found = (await closing(day, home(day)))[home(day)]
    assert found.probability == pytest.approx(mean)
    assert found.note == "Mean of Corner Shop, Village Bets"


@pytest.mark.parametrize("prices", [(), (2.10, 3.40), (2.10, None, 3.80)])
async def test_half_a_market_has_no_fair_price(day: MatchDay, prices: tuple[float | None, ...]) -> None:
    await quote(day, "pinnacle", *prices)
    assert await closing(day, home(day)) == {home(day): NO_BOOK}


async def test_prices_of_the_day_before_are_no_closing_prices(day: MatchDay) -> None:
    await quote(day, "pinnacle", 2.10, 3.40, 3.80, at=KICKOFF - timedelta(hours=24, seconds=1))
    assert await closing(day, home(day)) == {home(day): NO_BOOK}


async def test_before_kick_off_there_is_no_closing_price(day: MatchDay) -> None:
    await quote(day, "pinnacle", 2.10, 3.40, 3.80)
    assert await closing(day, home(day), now=KICKOFF - timedelta(seconds=1)) == {}
    assert await closing(day, home(day), now=KICKOFF) != {}


async def test_many_pairs_are_answered_together(day: MatchDay) -> None:
    await day.factory.prices(day.matches, markets=MARKETS, at=BEFORE)
    over = day.words.selection_id(MarketKey.parse("total_goals:2.5:ft"), "over")
    pairs = [home(day), (day.matches[1], over), home(day, 2), home(day)]
    found = await closing(day, *pairs)
    assert list(found) == list(dict.fromkeys(pairs))
    assert found[pairs[1]].probability == pytest.approx(fair(2.60, 2.61)[0])
    assert found[pairs[1]].note == "Pinnacle"
    assert await closing_probabilities(day.database.pool, [], now=OVER) == {}


async def test_fair_probabilities_are_of_the_prices_that_stood(day: MatchDay) -> None:
    pool = day.database.pool
    await quote(day, "pinnacle", 2.10, 3.40, 3.80, at=hours(-3))
    await quote(day, "corner", 2.40, 3.10, 3.30, at=hours(-3))
    await quote(day, "pinnacle", 1.90, at=hours(-1))
    now = await fair_probabilities(pool, [home(day), home(day, 1)], at=hours(0))
    assert now == {home(day): pytest.approx(fair(1.90, 3.40, 3.80)[0])}
    then = await fair_probabilities(pool, [home(day)], at=hours(-2))
    assert then == {home(day): pytest.approx(fair(2.10, 3.40, 3.80)[0])}
    assert await fair_probabilities(pool, [home(day)], at=hours(-4)) == {}
    assert await fair_probabilities(pool, [], at=hours(0)) == {}


async def test_a_withdrawn_price_is_no_fair_price(day: MatchDay) -> None:
    await quote(day, "pinnacle", 2.10, 3.40, 3.80, at=hours(-3))
    await quote(day, "corner", 2.40, 3.10, 3.30, at=hours(-3))
    await quote(day, "pinnacle", 2.10, at=hours(-2), is_open=False)
    found = await fair_probabilities(day.database.pool, [home(day)], at=hours(0))
    assert found == {home(day): pytest.approx(fair(2.40, 3.10, 3.30)[0])}


async def test_a_settled_bet_knows_its_value_at_the_close(day: MatchDay) -> None:
    await quote(day, "pinnacle", 2.00, 3.40, 3.80)
    bet = await day.bet((0, HOME, "2.30"))
    await day.play(0, "0-1")
    await day.settle()
    row, [leg] = await day.row(bet), await day.legs(bet)
    probability = fair(2.00, 3.40, 3.80)[0]
    assert (leg["closing_probability"], leg["closing_note"]) == (pytest.approx(probability), "Pinnacle")
    assert row["closing_line_value"] == pytest.approx(2.30 / (1 / probability) - 1)
    assert row["expected_profit"] == pytest.approx(1000 * (2.30 * probability - 1))


async def test_an_accumulator_multiplies_and_needs_every_leg(day: MatchDay) -> None:
    await day.factory.prices(day.matches[:2], at=BEFORE)
    known = await day.bet((0, HOME, "2.70"), (1, HOME, "2.60"))
    unknown = await day.bet((0, HOME, "2.70"), (2, HOME, "2.60"))
    by_hand = await day.bet((0, HOME, "2.70"), (None, "Somebody scores", "1.20"))
    for match in (0, 1, 2):
        await day.play(match, "0-1")
    await day.settle()
    probability = fair(2.60, 2.61, 2.62)[0]
    row = await day.row(known)
    assert row["closing_line_value"] == pytest.approx(2.70 * probability * 2.60 * probability - 1)
    assert row["expected_profit"] == pytest.approx(1000 * row["closing_line_value"])
    for bet in (unknown, by_hand):
        assert ((await day.row(bet))["closing_line_value"], (await day.row(bet))["expected_profit"]) == (None, None)
    assert (await day.legs(unknown))[1]["closing_note"] == NO_BOOK.note


async def test_a_lost_accumulator_learns_the_close_of_its_later_legs(day: MatchDay) -> None:
    await day.factory.prices(day.matches, at=BEFORE)
    bet = await day.bet((0, HOME, "2.70"), (1, HOME, "2.60"))
    await day.play(0, "0-1")
    await day.settle()
    assert await day.state(bet) == ("LOST", 0)
    assert (await day.row(bet))["closing_line_value"] is None
    await day.play(1, "1-0", at=LATER)
    await day.settle(LATER)
    row = await day.row(bet)
    assert row["closing_line_value"] is not None
    assert (row["status"], row["version"], row["settled_at"]) == ("LOST", 2, OVER)


async def test_a_leg_that_became_void_loses_its_close(day: MatchDay) -> None:
    await day.factory.prices(day.matches, at=BEFORE)
    bet = await day.bet((0, HOME, "2.70"))
    await day.play(0, "1-0")
    await day.settle()
    assert (await day.row(bet))["closing_line_value"] is not None
    await day.play(0, "3-0", status="AWARDED", at=LATER)
    await day.settle(LATER)
    row = await day.row(bet)
    assert (row["status"], row["closing_line_value"], row["expected_profit"]) == ("VOID", None, None)
