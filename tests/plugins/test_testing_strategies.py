"""The checks of a strategy: ours passes them, and for each there is a strategy that fails it and only it."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from touchline import Assessment, MarketKey, Offer, setting
from touchline.testing import Limits, checks_for, run_checks
from touchline.value import edge, kelly, recommendation
from touchline_markets.value import strategies

Probabilities = Mapping[str, float]
Assess = Callable[[Probabilities, Sequence[Offer]], Any]


def plain(probabilities: Probabilities, offers: Sequence[Offer]) -> list[Assessment]:
    """Every offer at the model's own probability."""
    return [judged(offer, probabilities[offer.outcome]) for offer in offers if offer.outcome in probabilities]


def judged(offer: Offer, probability: float) -> Assessment:
    worth = edge(probability, offer.price, offer.commission)
    share = kelly(probability, offer.price, offer.commission)
    return Assessment(offer, probability, worth, share, str(recommendation(worth)))


@dataclass(frozen=True)
class Plain:
    """A strategy that keeps every promise unless it is told otherwise."""

    how: Assess = plain
    key: str = "good.plain"
    version: Any = "1"

    def assess(self, market: MarketKey, probabilities: Probabilities, offers: Sequence[Offer]) -> Any:
        return self.how(probabilities, offers)


@dataclass(frozen=True)
class OddSettings(Plain):
    settings: Any = field(default_factory=lambda: {"books": ("northgate", "plumbline")})


@dataclass(frozen=True)
class BreaksAt0(Plain):
    share: float = setting(0.5, low=0.0, high=1.0)

    def assess(self, market: MarketKey, probabilities: Probabilities, offers: Sequence[Offer]) -> Any:
        assert 1 / self.share
        return plain(probabilities, offers)


def changed(**change: Any) -> Assess:
    return lambda probabilities, offers: [replace(one, **change) for one in plain(probabilities, offers)]


def a_generator(probabilities: Probabilities, offers: Sequence[Offer]) -> Any:
    return (one for one in plain(probabilities, offers))


def best_price_of_all(probabilities: Probabilities, offers: Sequence[Offer]) -> Any:
    return [judged(replace(offer, price=50.0), probabilities["home"]) for offer in offers if offer.outcome == "home"]


def percentages(probabilities: Probabilities, offers: Sequence[Offer]) -> Any:
    return [replace(one, probability=100 * one.probability) for one in plain(probabilities, offers)]


def without_commission(probabilities: Probabilities, offers: Sequence[Offer]) -> Any:
    return [replace(one, edge=edge(one.probability, one.offer.price)) for one in plain(probabilities, offers)]


def by_chance(probabilities: Probabilities, offers: Sequence[Offer]) -> Any:
    told = plain(probabilities, offers)
    return [replace(one, recommendation="NONE") for one in told] if random.random() < 0.5 else told


def the_first_book(probabilities: Probabilities, offers: Sequence[Offer]) -> Any:
    return [one for one in plain(probabilities, offers) if one.offer.bookmaker == offers[0].bookmaker]


def edits(probabilities: Probabilities, offers: Sequence[Offer]) -> Any:
    assert isinstance(probabilities, MutableMapping)
    told = plain(probabilities, offers)
    probabilities.clear()
    return told


def from_nothing(probabilities: Probabilities, offers: Sequence[Offer]) -> Any:
    given = offers or [Offer("nobody", next(iter(probabilities)), 2.0, 0.0, False, 0.0)]
    return plain(probabilities, given)


def of_complete_books(probabilities: Probabilities, offers: Sequence[Offer]) -> Any:
    assert not offers or {offer.outcome for offer in offers} >= set(probabilities), "a price is missing"
    return plain(probabilities, offers)


def of_every_outcome(probabilities: Probabilities, offers: Sequence[Offer]) -> Any:
    return [judged(offer, probabilities[offer.outcome]) for offer in offers]


def by_odds(probabilities: Probabilities, offers: Sequence[Offer]) -> Any:
    assert all(one / (1 - one) for one in probabilities.values())
    return plain(probabilities, offers)


def slow(probabilities: Probabilities, offers: Sequence[Offer]) -> Any:
    until = time.process_time() + 3e-4
    while time.process_time() < until:
        pass
    return plain(probabilities, offers)


@dataclass(frozen=True)
class BadStrategy:
    strategy: Plain
    sentence: str
    limits: Mapping[str, float] = field(default_factory=dict)


BAD = {
    "names_itself": BadStrategy(Plain(version=""), r"^The version is '': give a text that changes with the code"),
    "settings_are_plain": BadStrategy(
        OddSettings(), r"^The setting 'books' is \('northgate', 'plumbline'\): settings are"
    ),
    "assesses_offers": BadStrategy(
        Plain(a_generator), r"^match_result::ft: assess\(\) returned generator: return a list"
    ),
    "assesses_what_was_offered": BadStrategy(
        Plain(lambda told, offers: best_price_of_all(told, offers) if "home" in told else plain(told, offers)),
        r"^match_result::ft: it assesses northgate on home at 50, which was not offered",
    ),
    "probabilities_are_probabilities": BadStrategy(
        Plain(percentages), r"^match_result::ft, northgate on home at .*: it believes in a probability of 46\.0: 0 to 1"
    ),
    "edge_follows_from_the_price": BadStrategy(
        Plain(without_commission), r"exchange on home at .*: it says an edge of .* gives .* after a commission of 0\.05"
    ),
    "kelly_is_a_share": BadStrategy(
        Plain(changed(kelly=12.0)), r"northgate on home at .*: a Kelly share of 12\.0: a share"
    ),
    "recommendation_is_known": BadStrategy(
        Plain(changed(recommendation="BUY")), r"the recommendation 'BUY' is none of STRONG, MODERATE, SLIGHT, NONE\.$"
    ),
    "same_answer_twice": BadStrategy(
        Plain(by_chance), r"^match_result::ft: asked twice about the same offers it answers"
    ),
    "order_of_offers_does_not_matter": BadStrategy(
        Plain(the_first_book), r"^match_result::ft, northgate on home at .* in one order and nothing in another"
    ),
    "input_is_not_edited": BadStrategy(Plain(edits), r"^match_result::ft: it edits the probabilities that it is given"),
    "no_offers": BadStrategy(
        Plain(from_nothing), r"^match_result::ft: without an offer it assesses nobody on home at 2\.$"
    ),
    "one_sided_offers": BadStrategy(
        Plain(of_complete_books), r"with prices of home only: assess\(\) raised AssertionError: a price is missing"
    ),
    "offers_of_other_outcomes": BadStrategy(
        Plain(of_every_outcome),
        r"with an offer of an outcome without a probability: assess\(\) raised KeyError: 'nobody'",
    ),
    "extreme_numbers": BadStrategy(
        Plain(by_odds),
        r"^With probabilities of 1 and 0 and prices 1\.01, 1000, 1000: assess\(\) raised ZeroDivisionError",
    ),
    "settings_at_their_bounds": BadStrategy(BreaksAt0(), r"^With share = 0\.0: assess\(\) raised ZeroDivisionError"),
    "assesses_in_time": BadStrategy(
        Plain(slow), r"^A thousand offers take .* 0\.005 are allowed", {"assess_seconds": 0.005}
    ),
}


def test_each_check_has_its_bad_strategy() -> None:
    assert [check.name for check in checks_for("strategy")] == list(BAD)
    assert all(check.title.endswith(".") for check in checks_for("strategy"))


def test_a_plain_strategy_and_ours_pass() -> None:
    for strategy in (Plain(), *strategies()):
        results = run_checks("strategy", strategy)
        assert [result.reason for result in results if result.status == "failed"] == []
        assert {result.check for result in results if result.status == "skipped"} <= {"settings_at_their_bounds"}


@pytest.mark.parametrize("check", BAD)
def test_a_bad_strategy_fails_its_check_and_no_other(check: str) -> None:
    bad = BAD[check]
    results = run_checks("strategy", bad.strategy, limits=Limits(**bad.limits))
    found = {result.check: result.reason for result in results if result.status == "failed"}
    assert set(found) == {check}
    assert re.search(bad.sentence, found[check]), found[check]


def test_a_strategy_that_finds_nothing_cannot_be_judged_by_what_it_found() -> None:
    results = run_checks("strategy", Plain(lambda told, offers: []))
    assert {result.status for result in results} == {"passed", "skipped"}
    reasons = {result.reason for result in results if result.status == "skipped"}
    assert "It found no offer worth telling of, so that there is nothing to look at." in reasons
