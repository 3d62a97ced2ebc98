"""Price walks between the two prices that a file has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from touchline import RESULT, Kind, MarketKey, PricedOutcome, SourceMatch
from touchline.football_data import read_matches
from touchline.ticks import PriceTick
from touchline.walk import walk, walk_match

PAYLOADS = Path(__file__).parent / "payloads" / "football_data"
BEGINS = datetime(2024, 8, 16, 14, 0, tzinfo=UTC)
ENDS = datetime(2024, 8, 17, 11, 30, tzinfo=UTC)
START, END = (2.1, 3.4, 3.75), (1.9, 3.55, 4.4)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def overround(prices: tuple[float, ...]) -> float:
    return sum(1 / price for price in prices)


def test_a_walk_has_both_ends_exactly() -> None:
    points = walk(START, END, BEGINS, ENDS, 40, rng())
    assert points[0] == (BEGINS, START)
    assert points[-1] == (ENDS, END)


@pytest.mark.parametrize("seed", range(20))
def test_times_rise_and_every_point_is_a_change(seed: int) -> None:
    points = walk(START, END, BEGINS, ENDS, 200, rng(seed))
    assert all(one[0] < other[0] for one, other in pairwise(points))
    assert all(one[1] != other[1] for one, other in pairwise(points[:-1]))
    assert 50 < len(points) <= 202


def test_the_overround_goes_straight_from_one_end_to_the_other() -> None:
    points = walk((1.9, 3.2, 3.9), (1.95, 3.6, 4.4), BEGINS, ENDS, 500, rng())
    for at, prices in points:
        share = (at - BEGINS) / (ENDS - BEGINS)
        expected = overround((1.9, 3.2, 3.9)) ** (1 - share) * overround((1.95, 3.6, 4.4)) ** share
        assert overround(prices) == pytest.approx(expected, abs=0.006), "a hundredth's rounding on each price"


def test_half_way_the_log_odds_scatter_as_a_bridge_does() -> None:
    halfway = BEGINS + (ENDS - BEGINS) / 2
    logs = []
    for seed in range(2000):
        prices = [p for at, p in walk((2.0, 2.0), (2.0, 2.0), BEGINS, ENDS, 50, rng(seed), 0.4) if at <= halfway][-1]
        logs.append(np.log(prices[0] - 1))
    assert np.mean(logs) == pytest.approx(0, abs=0.025)
    assert np.std(logs) == pytest.approx(0.4 * np.sqrt(2) / 2, rel=0.06), "√2 for the odds between two outcomes"


def test_a_walk_without_steps_or_without_time_for_them_has_its_ends() -> None:
    assert len(walk(START, END, BEGINS, ENDS, 0, rng())) == 2
    assert len(walk(START, END, BEGINS, BEGINS + timedelta(seconds=1), 50, rng())) == 2


def test_the_same_seed_walks_the_same_way() -> None:
    assert walk(START, END, BEGINS, ENDS, 30, rng(4)) == walk(START, END, BEGINS, ENDS, 30, rng(4))
    assert walk(START, END, BEGINS, ENDS, 30, rng(4)) != walk(START, END, BEGINS, ENDS, 30, rng(5))


@pytest.mark.parametrize(
    ("start", "end", "ends"),
    [
        ((2.0, 1.0), (2.0, 2.0), ENDS),
        ((2.0, 2.0), (2.0, float("nan")), ENDS),
        ((2.0,), (2.0, 2.0), ENDS),
        ((2.0, 2.0), (2.0, 2.0), BEGINS),
    ],
)
def test_what_cannot_be_walked_is_refused(start: tuple[float, ...], end: tuple[float, ...], ends: datetime) -> None:
    with pytest.raises(ValueError):
        walk(start, end, BEGINS, ends, 5, rng())


def match_with(*prices: PricedOutcome) -> SourceMatch:
    return SourceMatch("X1", 2024, "Ashmarrow", "Brindlewick", ENDS, prices=prices)


def priced(
    market: MarketKey, is_closing: bool, *prices: float | None, bookmaker: str = "bet365", is_aggregate: bool = False
) -> list[PricedOutcome]:
    at = ENDS if is_closing else BEGINS
    return [
        PricedOutcome(bookmaker, market, outcome, price, at, is_closing, is_aggregate, not is_closing)
        for outcome, price in zip(market.outcomes, prices, strict=True)
        if price is not None
    ]


def test_a_match_of_a_file_walks_book_by_book() -> None:
    match = read_matches((PAYLOADS / "2021/X1.csv").read_bytes(), "X1.csv")[0][1]
    ticks = walk_match(match, 30, rng())
    assert [tick.at for tick in ticks] == sorted(tick.at for tick in ticks)
    assert {tick.bookmaker for tick in ticks} == {
        "bet365",
        "bwin",
        "interwetten",
        "pinnacle",
        "william-hill",
        "betvictor",
    }
    pinnacle = [tick for tick in ticks if (tick.bookmaker, tick.market) == ("pinnacle", RESULT)]
    early, closing = (
        tuple(
            p.price for p in match.prices if (p.bookmaker, p.market, p.is_closing) == ("pinnacle", RESULT, is_closing)
        )
        for is_closing in (False, True)
    )
    assert (pinnacle[0].prices, pinnacle[-1].prices) == (early, closing)
    assert (pinnacle[-1].at, pinnacle[-1].is_estimated) == (match.kickoff, False)
    assert all(tick.is_estimated for tick in pinnacle[:-1])
    assert len(pinnacle) > 10


def test_an_outcome_that_one_end_lacks_is_none_on_the_way() -> None:
    ticks = walk_match(
        match_with(*priced(RESULT, False, 2.1, None, 3.75), *priced(RESULT, True, 1.9, 3.5, 4.4)), 30, rng()
    )
    assert ticks[0].prices == (2.1, None, 3.75)
    assert ticks[-1].prices == (1.9, 3.5, 4.4)
    assert all(tick.prices[1] is None and None not in (tick.prices[0], tick.prices[2]) for tick in ticks[1:-1])
    assert len(ticks) > 10


def test_a_book_with_one_side_has_one_tick() -> None:
    only_early = walk_match(match_with(*priced(RESULT, False, 2.1, 3.3, 3.75)), 30, rng())
    only_closing = walk_match(match_with(*priced(RESULT, True, 1.9, 3.5, 4.4)), 30, rng())
    assert [(tick.at, tick.is_estimated) for tick in only_early] == [(BEGINS, True)]
    assert [(tick.at, tick.is_estimated) for tick in only_closing] == [(ENDS, False)]


def test_a_handicap_whose_line_moved_is_two_markets() -> None:
    early, late = (MarketKey(Kind.ASIAN_HANDICAP, line) for line in (-0.75, -1.0))
    ticks = walk_match(match_with(*priced(early, False, 1.9, 2.0), *priced(late, True, 1.85, 2.05)), 30, rng())
    assert ticks == [
        PriceTick(BEGINS, "X1", 2024, "Ashmarrow", "Brindlewick", 1, "bet365", early, (1.9, 2.0), True),
        PriceTick(ENDS, "X1", 2024, "Ashmarrow", "Brindlewick", 1, "bet365", late, (1.85, 2.05), False),
    ]


def test_aggregates_and_markets_without_a_fixed_list_have_no_ticks() -> None:
    score = PricedOutcome("bet365", MarketKey(Kind.CORRECT_SCORE), "1-0", 7.0, BEGINS, False)
    average = priced(RESULT, False, 2.1, 3.3, 3.75, bookmaker="Avg", is_aggregate=True)
    assert walk_match(match_with(score, *average), 30, rng()) == []
