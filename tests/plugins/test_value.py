"""Edge, Kelly and the strategy that weighs offers against a sharp consensus."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from touchline import RESULT, Floats, Offer
from touchline.margin import Method, remove_margin
from touchline.settings import settings_of
from touchline.value import edge, kelly, net_odds, recommendation
from touchline_markets.value import SharpConsensus, consensus, strategies

OUTCOMES = ("home", "draw", "away")
MODEL = {"home": 0.40, "draw": 0.30, "away": 0.30}


def book(name: str, *prices: float, sharp: bool = False, commission: float = 0.0, age: float = 10.0) -> list[Offer]:
    return [
        Offer(name, outcome, price, commission, sharp, age) for outcome, price in zip(OUTCOMES, prices, strict=False)
    ]


def fair(*prices: float) -> list[float]:
    return list(remove_margin(np.array([prices]), Method.SHIN).probabilities[0])


def agreed(offers: list[Offer]) -> Floats:
    found = consensus(OUTCOMES, offers)
    assert found is not None
    return found


def test_commission_lowers_the_edge() -> None:
    assert edge(0.5, 2.2) == pytest.approx(0.1)
    assert edge(0.5, 2.2, 0.05) == pytest.approx(0.5 * (1 + 1.2 * 0.95) - 1)
    assert kelly(0.5, 2.2, 0.05) == pytest.approx(edge(0.5, 2.2, 0.05) / (1.2 * 0.95))


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(1.01, 100), st.floats(0, 0.5))
def test_kelly_is_a_share_and_has_the_sign_of_the_edge(probability: float, price: float, commission: float) -> None:
    share = kelly(probability, price, commission)
    assert 0 <= share <= 1
    assert (share > 0) == (edge(probability, price, commission) > 0)


@pytest.mark.parametrize(
    ("worth", "word"),
    [
        (0.21, "STRONG"),
        (0.20, "MODERATE"),
        (0.10, "MODERATE"),
        (0.099, "SLIGHT"),
        (1e-9, "SLIGHT"),
        (0.0, "NONE"),
        (-1, "NONE"),
    ],
)
def test_words_for_edges(worth: float, word: str) -> None:
    assert recommendation(worth) == word


@pytest.mark.parametrize(("price", "commission"), [(1.0, 0.0), (float("nan"), 0.0), (2.0, 1.0), (2.0, -0.1)])
def test_impossible_prices_are_refused(price: float, commission: float) -> None:
    with pytest.raises(ValueError, match="a price lies above 1"):
        net_odds(price, commission)


def test_sharp_books_are_the_consensus() -> None:
    offers = book("Sharp", 2.7, 2.9, 2.9, sharp=True) + book("Soft", 2.0, 3.0, 5.0)
    np.testing.assert_allclose(agreed(offers), fair(2.7, 2.9, 2.9), atol=1e-12)


def test_an_incomplete_sharp_book_leaves_it_to_all_books() -> None:
    offers = book("Sharp", 2.7, 2.9, sharp=True) + book("A", 2.0, 3.6, 4.2) + book("B", 2.1, 3.4, 4.0)
    expected = np.mean([fair(2.0, 3.6, 4.2), fair(2.1, 3.4, 4.0)], axis=0)
    np.testing.assert_allclose(agreed(offers), expected, atol=1e-12)


def test_no_complete_book_gives_no_opinion() -> None:
    offers = book("A", 9.0) + book("B", 9.0, 9.0)
    assert consensus(OUTCOMES, offers) is None
    assert SharpConsensus().assess(RESULT, MODEL, offers) == []
    assert SharpConsensus().assess(RESULT, MODEL, []) == []


def test_the_newest_price_of_a_book_counts() -> None:
    offers = book("A", 2.0, 3.6, 4.2, age=5.0) + book("A", 9.0, 9.0, 9.0, age=500.0)
    np.testing.assert_allclose(agreed(offers), fair(2.0, 3.6, 4.2), atol=1e-12)


def test_belief_is_mostly_the_consensus() -> None:
    offers = book("Sharp", 2.0, 3.6, 4.2, sharp=True) + book("Soft", 2.4, 3.2, 3.4)
    best = SharpConsensus().assess(RESULT, MODEL, offers)[0]
    market = np.array(fair(2.0, 3.6, 4.2))
    pooled = np.array([*MODEL.values()]) ** 0.25 * market**0.75
    assert best.probability == pytest.approx(pooled[0] / pooled.sum(), abs=1e-12)
    assert (best.offer.bookmaker, best.offer.outcome) == ("Soft", "home")
    assert best.edge == pytest.approx(best.probability * 2.4 - 1)
    assert best.kelly == pytest.approx(best.edge / 1.4)
    assert best.recommendation == "MODERATE"


def test_offers_with_an_edge_come_best_first_net_of_commission() -> None:
    offers = (
        book("Sharp", 2.0, 3.6, 4.2, sharp=True)
        + book("Exchange", 2.5, 1.5, 1.5, commission=0.05)
        + book("Soft", 2.45, 1.5, 1.5)
    )
    judged = SharpConsensus(model_weight=0.0).assess(RESULT, MODEL, offers)
    assert [one.offer.bookmaker for one in judged] == ["Soft", "Exchange"]
    assert all(one.edge > 0 for one in judged)
    assert judged[1].edge == pytest.approx(edge(judged[1].probability, 2.5, 0.05))


def test_offers_of_other_outcomes_are_passed_over() -> None:
    offers = [*book("Sharp", 2.0, 3.6, 4.2, sharp=True), Offer("Soft", "nobody", 50.0, 0.0, False, 1.0)]
    judged = SharpConsensus().assess(RESULT, MODEL, offers)
    assert {one.offer.bookmaker for one in judged} <= {"Sharp"}


def test_a_consensus_finds_no_value_in_itself_without_the_model() -> None:
    offers = book("Sharp", 2.0, 3.6, 4.2, sharp=True)
    assert SharpConsensus(model_weight=0.0).assess(RESULT, MODEL, offers) == []


def test_our_strategy_says_who_it_is() -> None:
    (strategy,) = strategies()
    assert (strategy.key, strategy.version, settings_of(strategy)) == ("touchline.value", "1", {"model_weight": 0.25})
