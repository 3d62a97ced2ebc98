"""The market of total cards and its model keep the contract, and say what they were made to say."""

from dataclasses import replace

import numpy as np
from acme_cards import LINES, Cards, TotalCards

from touchline import Facts, Floats, MarketKey
from touchline.testing import MarketContract, ModelContract, simulated


class TestTotalCards(MarketContract):
    entry = "acme_cards"

    def market(self) -> TotalCards:
        return TotalCards()


class TestCards(ModelContract):
    entry = "acme_cards"

    def model(self) -> Cards:
        return Cards()


def test_yellow_and_red_cards_count_alike() -> None:
    facts = Facts("FINISHED", 1, 0, home_yellow_cards=2, away_yellow_cards=1, home_red_cards=1, away_red_cards=0)
    verdict = TotalCards().settle(MarketKey.parse("acme.total_cards:3.75"), "over", facts)
    assert verdict.result == "HALF_WON"


def test_a_club_whose_matches_saw_more_cards_is_expected_to_see_more() -> None:
    world = simulated(seed=1, seasons=2)
    past, coming = world.history, world.fixtures
    rough = past.clubs.index(coming.clubs[coming.home[0]])
    more = past.home_yellow_cards + 3.0 * ((past.home == rough) | (past.away == rough))

    def over(model: Cards, yellow: Floats) -> Floats:
        fitted = model.fit(replace(past, home_yellow_cards=yellow), np.random.default_rng(1))
        return fitted.predict(coming).probabilities[next(iter(LINES))][:, 0]

    plain, rougher = (over(Cards(), yellow) for yellow in (past.home_yellow_cards, more))
    assert rougher[0] - plain[0] > 0.1
    assert over(Cards(prior=1000.0), more)[0] < rougher[0], "the prior holds it back"
