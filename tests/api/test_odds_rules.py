"""Fair prices, main lines and chart series: pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.odds.fair import Book, fair_price, fair_prices, is_stale
from domain.odds.priced import PricedMarket, main_line, main_lines
from domain.odds.queries import QuoteRow
from domain.odds.series import Point, series
from touchline import MarketKey
from touchline.margin import Method

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def book(number: int, *prices: float | None, sharp: bool = False, hours: float = 0.0) -> Book:
    return Book(number, sharp, prices, NOON - timedelta(hours=hours))


def test_fair_price_is_the_mean_of_the_sharp_books_without_their_margins() -> None:
    fair = fair_price([book(1, 1.9, 1.9, sharp=True, hours=1), book(2, 1.5, 3.0)], Method.SHIN, NOON)
    assert fair is not None
    assert fair.probabilities == pytest.approx((0.5, 0.5), abs=1e-9)
    assert [(source.bookmaker_id, source.weight) for source in fair.sources] == [(1, 1.0)]
    assert fair.sources[0].overround == pytest.approx(2 / 1.9 - 1)
    assert (fair.sources[0].age_seconds, fair.disagreement) == (3600.0, 0.0)


def test_fair_price_takes_all_books_where_none_is_sharp() -> None:
    fair = fair_price([book(1, 2.0, 2.0), book(2, 1.25, 5.0)], Method.MULTIPLICATIVE, NOON)
    assert fair is not None
    assert fair.probabilities == pytest.approx((0.65, 0.35), abs=1e-9)
    assert fair.disagreement == pytest.approx(0.3)
    assert [source.weight for source in fair.sources] == [0.5, 0.5]


def test_chosen_books_count_whatever_their_kind() -> None:
    books = [book(1, 1.9, 1.9, sharp=True), book(2, 1.5, 3.0)]
    fair = fair_price(books, Method.POWER, NOON, is_chosen=True)
    assert fair is not None
    assert [source.bookmaker_id for source in fair.sources] == [1, 2]


@pytest.mark.parametrize(
    "books",
    [[], [book(1, 1.9, None, sharp=True)], [book(1, 1.9, 1.9, sharp=True, hours=25)], [book(1, 1.9)]],
    ids=["nobody", "incomplete", "stale", "one outcome"],
)
def test_no_usable_book_gives_no_fair_price(books: list[Book]) -> None:
    assert fair_price(books, Method.SHIN, NOON) is None


def test_incomplete_sharp_book_leaves_the_others() -> None:
    fair = fair_price([book(1, 1.9, None, sharp=True), book(2, 1.9, 1.9)], Method.SHIN, NOON)
    assert fair is not None
    assert [source.bookmaker_id for source in fair.sources] == [2]


@pytest.mark.parametrize("method", list(Method))
def test_fair_probabilities_sum_to_one(method: Method) -> None:
    fair = fair_price([book(1, 2.1, 3.4, 3.6), book(2, 2.2, 3.3, 3.5)], method, NOON)
    assert fair is not None
    assert sum(fair.probabilities) == pytest.approx(1, abs=1e-9)


_prices = st.one_of(st.none(), st.floats(1.0, 50.0))
_books = st.integers(1, 4).flatmap(
    lambda outcomes: st.lists(
        st.builds(
            lambda sharp, prices, hours: book(int(hours * 100), *prices, sharp=sharp, hours=hours),
            st.booleans(),
            st.lists(_prices, min_size=outcomes, max_size=outcomes),
            st.floats(0.0, 30.0),
        ),
        max_size=4,
    )
)
_asked = st.lists(st.tuples(_books, st.sampled_from([NOON, NOON + timedelta(hours=8)])), max_size=6)


@settings(deadline=None)
@given(_asked, st.sampled_from(list(Method)), st.booleans())
def test_many_markets_have_the_fair_prices_that_each_has_alone(
    markets: list[tuple[list[Book], datetime]], method: Method, is_chosen: bool
) -> None:
    found = fair_prices(markets, method, is_chosen=is_chosen)
    alone = [fair_price(books, method, now, is_chosen=is_chosen) for books, now in markets]
    assert [fair is None for fair in found] == [fair is None for fair in alone]
    for fair, one in zip(found, alone, strict=True):
        if fair is not None and one is not None:
            assert fair.probabilities == pytest.approx(one.probabilities, abs=1e-12)
            assert fair.sources == one.sources
            assert fair.disagreement == pytest.approx(one.disagreement, abs=1e-12)


def test_price_is_stale_after_a_day() -> None:
    assert not is_stale(NOON - timedelta(hours=24), NOON)
    assert is_stale(NOON - timedelta(hours=24, seconds=1), NOON)


def priced(line: float, imbalance: float, books: int = 4, match: int = 1) -> PricedMarket:
    market = MarketKey.parse(f"total_goals:{line:g}:ft")
    return PricedMarket(match, int(line * 10), market, books, imbalance, True, NOON)


def test_main_line_is_the_most_balanced_one() -> None:
    assert main_line([priced(1.5, 0.5), priced(2.5, 0.1), priced(3.5, 0.3)]) == priced(2.5, 0.1)


def test_line_that_few_price_is_not_the_main_one() -> None:
    assert main_line([priced(2.5, 0.1, books=9), priced(2.75, 0.01, books=4)]) == priced(2.5, 0.1, books=9)
    assert main_line([priced(2.5, 0.1, books=8), priced(2.75, 0.01, books=4)]) == priced(2.75, 0.01, books=4)


def test_equally_balanced_lines_go_by_quotes_then_by_the_lower_line() -> None:
    assert main_line([priced(3.5, 0.1), priced(2.5, 0.1)]) == priced(2.5, 0.1)
    assert main_line([priced(2.5, 0.1), priced(3.5, 0.1, books=5)]) == priced(3.5, 0.1, books=5)


def test_each_match_has_its_own_main_line() -> None:
    lines = main_lines([priced(2.5, 0.1), priced(3.5, 0.0), priced(2.5, 0.1, match=2)])
    assert {name[0]: each.market.line for name, each in lines.items()} == {1: 3.5, 2: 2.5}
    assert main_line([]) is None


def moved(minute: float, price: float, *, book: int = 1, available: bool = True) -> QuoteRow:
    at = NOON + timedelta(minutes=minute)
    return QuoteRow(int(minute * 10), 1, 1, book, price, None, None, at, at, None, available, False, "test")


def points(changes: list[QuoteRow], until: float, *, start: float | None = None) -> list[tuple[float, ...]]:
    begin = None if start is None else NOON + timedelta(minutes=start)
    found = series(changes, timedelta(minutes=5), begin, NOON + timedelta(minutes=until))
    return [((p.at - NOON).total_seconds() / 60, p.open, p.high, p.low, p.close, p.change_count) for p in found]


def test_bucket_holds_its_first_its_extremes_and_its_last_price() -> None:
    changes = [moved(1, 2.0), moved(6, 2.5), moved(7, 1.8), moved(9, 2.1)]
    assert points(changes, 10) == [(0, 2.0, 2.0, 2.0, 2.0, 1), (5, 2.0, 2.5, 1.8, 2.1, 3)]


def test_bucket_without_a_change_repeats_the_price() -> None:
    assert points([moved(1, 2.0)], 15)[1:] == [(5, 2.0, 2.0, 2.0, 2.0, 0), (10, 2.0, 2.0, 2.0, 2.0, 0)]


def test_change_at_the_very_start_of_a_bucket_opens_it() -> None:
    assert points([moved(1, 2.0), moved(5, 3.0)], 10)[1] == (5, 3.0, 3.0, 3.0, 3.0, 1)


def test_price_from_before_the_span_opens_it() -> None:
    assert points([moved(1, 2.0), moved(11, 3.0)], 15, start=10) == [(10, 2.0, 3.0, 2.0, 3.0, 1)]


def test_series_of_several_bookmakers_is_the_best_available_price() -> None:
    changes = [moved(0, 2.0), moved(1, 2.2, book=2), moved(2, 2.1), moved(3, 2.2, book=2, available=False)]
    assert points(changes, 5) == [(0, 2.0, 2.2, 2.0, 2.1, 3)]


def test_series_has_at_most_500_points_the_newest() -> None:
    found = series([moved(0, 2.0)], timedelta(minutes=1), None, NOON + timedelta(days=2))
    assert len(found) == 500
    assert found[-1] == Point(NOON + timedelta(days=2, minutes=-1), 2.0, 2.0, 2.0, 2.0, 0)


def test_nothing_quoted_gives_no_points() -> None:
    assert series([], timedelta(minutes=1), None, NOON) == []
