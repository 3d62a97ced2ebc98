"""Objects of the contract as plain JSON: what comes back is what went out, or what does not fit is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from touchline import RESULT, MarketKey, OddsUse, Offer, PricedOutcome, Reach, SourceMatch
from touchline.cards import ModelCard, StrategyCard
from touchline.plain import from_plain, list_from_plain, to_plain
from touchline.settings import Setting

NOON = datetime(2024, 8, 3, 12, tzinfo=UTC)
PRICE = PricedOutcome("Corner", MarketKey.parse("acme.cards:4.5"), "over", 1.9, NOON, is_closing=False)
THINGS = [
    Offer("corner", "home", 2.4, 0.05, False, 3.0),
    SourceMatch("E0", 2024, "Leeds", "Brighton & Hove", NOON, home_goals=2, referee="A. Nother", prices=(PRICE,)),
    ModelCard(
        {"x": 1.5, "n": 3, "way": "fast", "on": True},
        (Setting("n", 3, "How many.", low=1, high=9), Setting("way", "fast", choices=("fast", "slow"))),
        "acme.model",
        "2",
        (RESULT, PRICE.market),
        Reach(every_league=True, days=30),
        OddsUse.NONE,
    ),
    StrategyCard({}, (), "acme.strategy", "1"),
]


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: type(thing).__name__)
def test_what_goes_out_comes_back(thing: Any) -> None:
    assert from_plain(type(thing), json.loads(json.dumps(to_plain(thing)))) == thing


def test_numbers_of_numpy_are_numbers() -> None:
    assert to_plain([np.float64(0.5), np.int64(2), np.True_]) == [0.5, 2, True]


OFFER = to_plain(THINGS[0])
MATCH = to_plain(THINGS[1])


@pytest.mark.parametrize(
    ("kind", "plain", "sentence"),
    [
        (Offer, None, "Offer must be Offer with bookmaker, outcome, price"),
        (Offer, {"bookmaker": "corner"}, "Offer must be Offer with bookmaker, outcome, price"),
        (Offer, OFFER | {"price": float("nan")}, "Offer.price must be a finite number and is nan"),
        (Offer, OFFER | {"price": "2.4"}, "Offer.price must be a finite number and is '2.4'"),
        (Offer, OFFER | {"is_sharp": 1}, "Offer.is_sharp must be true or false and is 1"),
        (Offer, OFFER | {"outcome": "ho\x00me"}, "Offer.outcome must be a text of printable signs"),
        (Offer, OFFER | {"outcome": "x" * 2001}, "Offer.outcome must be a text of printable signs"),
        (SourceMatch, MATCH | {"home_goals": 1.5}, "SourceMatch.home_goals must be a whole number and is 1.5"),
        (SourceMatch, MATCH | {"season": True}, "SourceMatch.season must be a whole number and is True"),
        (SourceMatch, MATCH | {"kickoff": "2024-08-03T12:00:00"}, "kickoff must be an instant with its time zone"),
        (SourceMatch, MATCH | {"kickoff": 7}, "SourceMatch.kickoff must be an instant with its time zone and is 7"),
        (SourceMatch, MATCH | {"prices": {}}, "SourceMatch.prices must be a list and is {}"),
        (
            SourceMatch,
            MATCH | {"prices": [MATCH["prices"][0] | {"market": "acme.cards:inf"}]},
            "SourceMatch.prices[0].market must be a market's key and is 'acme.cards:inf'",
        ),
        (OddsUse, "E", "OddsUse must be one of A, B, C, D and is 'E'"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(kind: Any, plain: Any, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        from_plain(kind, plain)
    assert sentence in str(caught.value)


def test_a_list_is_told_by_its_rows() -> None:
    with pytest.raises(ValueError) as caught:
        list_from_plain(Offer, [OFFER, OFFER | {"commission": []}], "offers")
    assert str(caught.value) == "offers[1].commission must be a finite number and is []"
