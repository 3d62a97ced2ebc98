"""The simulated bookmakers: margins, biases, lags, what their prices know, and how many change."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import mean

import numpy as np
import pytest

from touchline import BTTS, OVER_25, RESULT, Floats, MarketKey, SourceMatch
from touchline.simulator import (
    BOOKMAKERS,
    MARKETS,
    BookmakerKind,
    PricePath,
    PriceTick,
    SimulatedBookmaker,
    World,
    demo_world,
)
from touchline.simulator.bookmakers import quote

NOW = datetime(2026, 11, 22, 4, 30, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def world() -> World:
    return demo_world(1, NOW)


@pytest.fixture(scope="module")
def history(world: World) -> list[SourceMatch]:
    return world.finished(NOW)


@pytest.fixture(scope="module")
def two_days(world: World) -> list[PriceTick]:
    return world.ticks(NOW, NOW + 2 * DAY)


def prices(match: SourceMatch, bookmaker: str, market: MarketKey, is_closing: bool) -> list[float]:
    return [
        price.price
        for price in match.prices
        if (price.bookmaker, price.market, price.is_closing) == (bookmaker, market, is_closing)
    ]


def test_there_are_a_dozen_books_of_three_kinds() -> None:
    assert Counter(book.kind for book in BOOKMAKERS) == {
        BookmakerKind.SHARP: 2,
        BookmakerKind.EXCHANGE: 2,
        BookmakerKind.SOFT: 8,
    }
    assert len({book.key for book in BOOKMAKERS}) == len({book.name for book in BOOKMAKERS}) == 12
    assert {book.key: book.commission for book in BOOKMAKERS if book.commission} == {
        "commons-exchange": 0.02,
        "rialto-exchange": 0.05,
    }
    assert BOOKMAKERS[-1].name == "Farthing Lane"


@pytest.mark.parametrize("book", BOOKMAKERS, ids=lambda book: book.key)
def test_a_book_keeps_its_margin(book: SimulatedBookmaker, history: list[SourceMatch]) -> None:
    for market in MARKETS:
        overrounds = [sum(1 / p for p in prices(match, book.key, market, True)) - 1 for match in history[:200]]
        assert mean(overrounds) == pytest.approx(book.margin, abs=0.001)
        assert min(overrounds) == pytest.approx(book.margin, abs=0.008)
        assert max(overrounds) == pytest.approx(book.margin, abs=0.008)


def test_the_longshot_bias_shortens_outsiders() -> None:
    belief: Floats = np.array([[0.8, 0.13, 0.07, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]] * 12)
    implied = 1 / quote(belief, np.arange(12), BOOKMAKERS)
    shares = implied[:, 2] / implied[:, :3].sum(axis=1)
    for book, share in zip(BOOKMAKERS, shares, strict=True):
        assert share == pytest.approx(
            0.07**book.longshot / (0.8**book.longshot + 0.13**book.longshot + 0.07**book.longshot), abs=0.003
        )
    assert shares[-1] > 0.08 > 0.0715 > shares[0]


def log_loss(history: list[SourceMatch], bookmaker: str, is_closing: bool) -> float:
    """Mean over all matches and the three markets of goals."""
    losses = []
    for match in history:
        home, away = match.home_goals or 0, match.away_goals or 0
        won = {
            RESULT: 0 if home > away else 1 if home == away else 2,
            OVER_25: int(home + away < 3),
            BTTS: int(not (home and away)),
        }
        for market, outcome in won.items():
            implied = 1 / np.array(prices(match, bookmaker, market, is_closing))
            losses.append(-np.log(implied[outcome] / implied.sum()))
    return float(np.mean(losses))


def squared_error(world: World, bookmaker: int, left: timedelta) -> float:
    """Mean squared distance of a book's margin-free 1X2 from the truth, so long before kick-off."""
    errors = []
    for league in world.leagues:
        for match in list(league.edition(0))[:150]:
            implied = 1 / PricePath.of(league, match, world.bookmakers).standing(match.kickoff - left)[bookmaker, :3]
            errors.append(float(((implied / implied.sum() - league.true_probabilities(match)[RESULT]) ** 2).sum()))
    return mean(errors)


def test_prices_know_more_the_nearer_the_kickoff(world: World) -> None:
    opening, early, closing = (squared_error(world, 0, left) for left in (4 * DAY, DAY, timedelta()))
    assert opening > 2 * early > 4 * closing


def test_sharp_books_know_more_than_soft_ones(world: World) -> None:
    assert squared_error(world, 11, timedelta()) > 2 * squared_error(world, 0, timedelta())


def test_closing_prices_predict_better_than_opening_ones(world: World) -> None:
    """Expected log loss under the known truth: a realised one would need ten thousand matches to tell."""
    losses: dict[timedelta, list[float]] = defaultdict(list)
    for league in world.leagues:
        for match in list(league.edition(1))[:150]:
            path = PricePath.of(league, match, world.bookmakers)
            for left in (4 * DAY, timedelta()):
                implied = 1 / path.standing(match.kickoff - left)[0, :3]
                losses[left].append(-float(league.true_probabilities(match)[RESULT] @ np.log(implied / implied.sum())))
    assert mean(losses[timedelta()]) < mean(losses[4 * DAY])


def test_closing_prices_are_calibrated_on_results(history: list[SourceMatch]) -> None:
    assert log_loss(history, "northgate", True) == pytest.approx(log_loss(history, "northgate", False), abs=0.01)
    expected, seen = 0.0, 0
    for match in history:
        implied = 1 / np.array(prices(match, "northgate", RESULT, True))
        expected += float(implied[0] / implied.sum())
        seen += (match.home_goals or 0) > (match.away_goals or 0)
    assert seen == pytest.approx(expected, abs=3 * np.sqrt(len(history) * 0.25))


def test_windows_add_up(world: World, two_days: list[PriceTick]) -> None:
    cuts = [
        NOW,
        NOW + timedelta(microseconds=1),
        NOW + timedelta(minutes=7, seconds=3.5),
        NOW + 9 * HOUR,
        NOW + 12 * HOUR,
    ]
    parts = [tick for begins, ends in pairwise(cuts) for tick in world.ticks(begins, ends)]
    assert parts == [tick for tick in two_days if tick.at < NOW + 12 * HOUR]
    assert all(NOW <= tick.at < NOW + 2 * DAY for tick in two_days)


def test_every_tick_is_a_change(two_days: list[PriceTick]) -> None:
    last: dict[tuple[object, ...], PriceTick] = {}
    for tick in two_days:
        key = (tick.league, tick.season, tick.home, tick.away, tick.leg, tick.bookmaker, tick.market)
        if key in last:
            assert last[key].at < tick.at
            assert last[key].prices != tick.prices
        last[key] = tick
        assert len(tick.prices) == len(tick.market.outcomes)
        assert all(price is not None and price > 1 for price in tick.prices)


def test_prices_open_four_days_before_and_close_at_kickoff(world: World) -> None:
    match = world.coming(NOW + 5 * DAY, NOW + 6 * DAY)[0]
    opening, kickoff = match.kickoff - 4 * DAY, match.kickoff
    ticks = [
        tick
        for begins, ends in ((opening - 6 * HOUR, opening + 2 * HOUR), (kickoff - HOUR, kickoff + 6 * HOUR))
        for tick in world.ticks(begins, ends)
        if (tick.home, tick.away, tick.season, tick.leg) == (match.home, match.away, match.season, match.leg)
    ]
    first = {(tick.bookmaker, tick.market): tick.at for tick in reversed(ticks)}
    assert len(first) == 12 * 4
    assert all(opening <= at <= opening + HOUR for at in first.values())
    assert kickoff - 10 * MINUTE < ticks[-1].at < kickoff


def test_the_closing_price_is_the_last_tick(world: World, two_days: list[PriceTick]) -> None:
    match = world.coming(NOW, NOW + 46 * HOUR)[-1]
    last = {
        (tick.bookmaker, tick.market): tick.prices
        for tick in two_days
        if (tick.home, tick.away, tick.season, tick.leg) == (match.home, match.away, match.season, match.leg)
    }
    assert len(last) == 12 * 4
    recent = replace(world, history_start=NOW)
    finished = next(m for m in recent.finished(NOW + 2 * DAY) if (m.home, m.kickoff) == (match.home, match.kickoff))
    for (bookmaker, market), standing in last.items():
        assert tuple(prices(finished, bookmaker, market, is_closing=True)) == standing
    assert {price.observed_at for price in finished.prices} == {match.kickoff - DAY, match.kickoff}


def test_the_average_is_that_of_every_closing_price(history: list[SourceMatch]) -> None:
    for match in history[::40]:
        told = [price for price in match.prices if price.is_aggregate]
        assert [(price.market, price.outcome) for price in told] == [
            (market, outcome) for market in MARKETS for outcome in market.outcomes
        ]
        assert {(one.bookmaker, one.is_closing, one.observed_at) for one in told} == {("Avg", True, match.kickoff)}
        for market in MARKETS:
            books = [prices(match, book.key, market, is_closing=True) for book in BOOKMAKERS]
            expected = [mean(column) for column in zip(*books, strict=True)]
            assert prices(match, "Avg", market, is_closing=True) == pytest.approx(expected, abs=0.0051)


def test_between_40_and_600_prices_change_a_minute(two_days: list[PriceTick]) -> None:
    changes: Counter[int] = Counter()
    last: dict[tuple[object, ...], PriceTick] = {}
    for tick in two_days:
        key = (tick.league, tick.season, tick.home, tick.away, tick.leg, tick.bookmaker, tick.market)
        if key in last:
            moved = sum(a != b for a, b in zip(last[key].prices, tick.prices, strict=True))
            changes[(tick.at - NOW) // MINUTE] += moved
        last[key] = tick
    by_minute = [changes[minute] for minute in range(6 * 60, 48 * 60)]
    assert 50 < mean(by_minute) < 200
    assert max(by_minute) < 600


def test_an_hour_of_ticks_is_cheap(world: World) -> None:
    """20 ms on the machine it was made on; the bound leaves room for a busy one."""
    spans = []
    for n in range(5):
        started = time.perf_counter()
        world.ticks(NOW + n * HOUR, NOW + (n + 1) * HOUR)
        spans.append(time.perf_counter() - started)
    assert min(spans) < 0.2


def test_a_lagging_book_follows_the_sharp_one(world: World) -> None:
    """Over all steps of a path, the slowest book correlates most with the market of its lag ago."""
    league = world.leagues[0]
    slow = 11
    lag = BOOKMAKERS[slow].lag
    path = PricePath.of(league, next(iter(league.edition(0))), BOOKMAKERS)
    seconds = np.arange(20_000, 340_000, 300)
    books = np.full(len(seconds), slow)
    market = np.zeros(len(seconds), dtype=np.int64)
    followed = path.prices(seconds, books)[:, 0]
    errors = {
        behind: float(np.std(np.log(followed) - np.log(path.prices(seconds - behind, market)[:, 0])))
        for behind in (0, lag, 3 * lag)
    }
    assert errors[lag] < errors[0]
    assert errors[lag] < errors[3 * lag]
