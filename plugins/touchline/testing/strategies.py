"""Checks of a strategy: what it makes of probabilities and offers, in every order and with every hole.

It is asked about three markets with the offers of six bookmakers, around and far from the probabilities of a model.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np

from touchline.plugins import describe
from touchline.settings import configured, settings_declared
from touchline.testing.checks import Check, Failed, Limits, Skipped, after, checks_of, guarded, needs
from touchline.testing.models.case import fixed_chance
from touchline.testing.models.identity import check_names, check_settings, extremes
from touchline.types import BTTS, RESULT, Assessment, Kind, MarketKey, Offer, Strategy
from touchline.value import Recommendation, edge

CLOSE: Final = 1e-9
CARDS: Final = MarketKey(Kind.CUSTOM, 4.5, name="acme.total_cards")
QUESTIONS: Final[tuple[tuple[MarketKey, Mapping[str, float]], ...]] = (
    (RESULT, {"home": 0.46, "draw": 0.27, "away": 0.27}),
    (BTTS, {"yes": 0.55, "no": 0.45}),
    (CARDS, {"over": 0.31, "under": 0.69}),
)
"""Markets and what a model says of them."""
_BOOKS: Final = (
    # name        margin  sharp  commission  age
    ("northgate", 0.02, True, 0.0, 30.0),
    ("plumbline", 0.03, True, 0.0, 200.0),
    ("exchange", 0.01, False, 0.05, 60.0),
    ("copperline", 0.05, False, 0.0, 900.0),
    ("wickerby", 0.06, False, 0.0, 20.0),
    ("quayside", 0.08, False, 0.0, 4000.0),
)


def offers_of(probabilities: Mapping[str, float], seed: int = 0, spread: float = 0.12) -> list[Offer]:
    """Prices of every outcome by six bookmakers, each with its own opinion, margin and commission."""
    rng = np.random.default_rng(seed)
    found = []
    for name, margin, is_sharp, commission, age in _BOOKS:
        opinion = np.array([*probabilities.values()]) * np.exp(rng.normal(0.0, spread, len(probabilities)))
        implied = np.clip(opinion / opinion.sum() * (1 + margin), 0.002, 0.98)
        prices = np.round(1 / implied, 2).tolist()
        found += [
            Offer(name, outcome, price, commission, is_sharp, age)
            for outcome, price in zip(probabilities, prices, strict=True)
        ]
    return found


@dataclass
class StrategyCase:
    """A strategy and what its checks share."""

    strategy: Strategy
    entry: str = ""
    origin: str = ""
    limits: Limits = field(default_factory=Limits)

    @cached_property
    def told(self) -> list[tuple[MarketKey, list[Offer], list[Assessment]]]:
        """What it says of each market's offers; Skipped when it cannot be asked."""
        after(assesses_offers, self)
        found = [
            (market, offers, self.ask("", market, probabilities, offers))
            for market, probabilities in QUESTIONS
            for offers in _rounds(probabilities)
        ]
        if not any(assessments for _, _, assessments in found):
            raise Skipped("It found no offer worth telling of, so that there is nothing to look at.")
        return found

    def ask(
        self,
        situation: str,
        market: MarketKey,
        probabilities: Mapping[str, float],
        offers: Sequence[Offer],
        strategy: Strategy | None = None,
    ) -> list[Assessment]:
        """Its assessments of copies of the offers; raises Failed."""
        start = f"{situation}: " if situation else f"{market}: "
        try:
            with fixed_chance():
                told = (strategy or self.strategy).assess(market, dict(probabilities), list(offers))
        except (Exception, SystemExit) as error:
            raise Failed(f"{start}assess() raised {describe(error)}") from error
        if not isinstance(told, list | tuple) or not all(isinstance(one, Assessment) for one in told):
            raise Failed(f"{start}assess() returned {type(told).__name__}: return a list of touchline.Assessment.")
        return list(told)

    @cached_property
    def all(self) -> list[tuple[MarketKey, Assessment]]:
        """Every assessment."""
        return [(market, one) for market, _, assessments in self.told for one in assessments]


def names_itself(case: StrategyCase) -> None:
    """It has a key `author.strategy` and a version, the same each time."""
    check_names(case.strategy)


def settings_are_plain(case: StrategyCase) -> None:
    """Its settings are plain numbers, texts or yes and no, by name, and its defaults keep their own bounds."""
    check_settings(case.strategy)


def assesses_offers(case: StrategyCase) -> None:
    """It answers a list of assessments for a market of three outcomes, of two, and of a plugin's own."""
    for market, probabilities in QUESTIONS:
        for offers in _rounds(probabilities):
            case.ask("", market, probabilities, offers)


def assesses_what_was_offered(case: StrategyCase) -> None:
    """Each assessment is of one of the offers that it was given, unchanged, and none is assessed twice."""
    for market, offers, assessments in case.told:
        for one in assessments:
            if one.offer not in offers:
                raise Failed(f"{market}: it assesses {_named(one)}, which was not offered: keep the offer as it came.")
        judged = [one.offer for one in assessments]
        for offer in judged:
            if judged.count(offer) > 1:
                raise Failed(f"{market}: it assesses {offer.bookmaker} on {offer.outcome} twice.")


def probabilities_are_probabilities(case: StrategyCase) -> None:
    """Each probability that it believes in lies from 0 to 1."""
    for market, one in case.all:
        if not 0 <= one.probability <= 1:
            raise Failed(f"{market}, {_named(one)}: it believes in a probability of {one.probability!r}: 0 to 1.")


def edge_follows_from_the_price(case: StrategyCase) -> None:
    """The edge is the expected profit of one unit at the price, after commission, by its own probability."""
    after(probabilities_are_probabilities, case)
    for market, one in case.all:
        wanted = edge(one.probability, one.offer.price, one.offer.commission)
        if not math.isclose(one.edge, wanted, abs_tol=CLOSE):
            raise Failed(
                f"{market}, {_named(one)}: it says an edge of {one.edge:.6g}; a probability of {one.probability:.6g} "
                f"gives {wanted:.6g} after a commission of {one.offer.commission:g}: use touchline.value.edge."
            )


def kelly_is_a_share(case: StrategyCase) -> None:
    """The Kelly share lies from 0 to 1, and is 0 without an edge."""
    for market, one in case.all:
        if not 0 <= one.kelly <= 1:
            raise Failed(f"{market}, {_named(one)}: a Kelly share of {one.kelly!r}: a share lies from 0 to 1.")
        if one.kelly > 0 and one.edge <= 0:
            raise Failed(f"{market}, {_named(one)}: a Kelly share of {one.kelly:.6g} with an edge of {one.edge:.6g}.")


def recommendation_is_known(case: StrategyCase) -> None:
    """The recommendation is STRONG, MODERATE, SLIGHT or NONE."""
    for market, one in case.all:
        if one.recommendation not in tuple(Recommendation):
            raise Failed(
                f"{market}, {_named(one)}: the recommendation {one.recommendation!r} is none of "
                f"{', '.join(Recommendation)}."
            )


def same_answer_twice(case: StrategyCase) -> None:
    """Asked again it says the same, whatever the global random numbers are."""
    for nth, (market, offers, before) in enumerate(case.told):
        probabilities = dict(QUESTIONS)[market]
        with fixed_chance(nth + 1):
            after = guarded("assess()", case.strategy.assess, market, dict(probabilities), list(offers))
        if list(after) != before:
            raise Failed(f"{market}: asked twice about the same offers it answers differently: nothing may be random.")


def order_of_offers_does_not_matter(case: StrategyCase) -> None:
    """Offers in another order are assessed the same."""
    for market, offers, before in case.told:
        after = case.ask("Offers in another order", market, dict(QUESTIONS)[market], offers[::-1])
        for one in before:
            there = [other for other in after if other.offer == one.offer]
            if not there or not _is_close(one, there[0]):
                told = _numbers(there[0]) if there else "nothing"
                raise Failed(f"{market}, {_named(one)}: {_numbers(one)} in one order and {told} in another.")
        if len(after) != len(before):
            raise Failed(f"{market}: {len(before)} assessments in one order of the offers and {len(after)} in another.")


def input_is_not_edited(case: StrategyCase) -> None:
    """The probabilities and the offers that it is given are as before."""
    needs(case.told)
    for market, probabilities in QUESTIONS:
        offers = offers_of(probabilities)
        given, listed = dict(probabilities), list(offers)
        guarded("assess()", case.strategy.assess, market, given, listed)
        if given != probabilities:
            raise Failed(f"{market}: it edits the probabilities that it is given: copy what you change.")
        if listed != offers:
            raise Failed(f"{market}: it edits the list of offers that it is given: copy what you change.")


def no_offers(case: StrategyCase) -> None:
    """Without an offer it says nothing."""
    needs(case.told)
    for market, probabilities in QUESTIONS:
        told = case.ask("Without an offer", market, probabilities, [])
        if told:
            raise Failed(f"{market}: without an offer it assesses {_named(told[0])}.")


def one_sided_offers(case: StrategyCase) -> None:
    """Where only one outcome has a price it does not break."""
    needs(case.told)
    for market, probabilities in QUESTIONS:
        for outcome in probabilities:
            offers = [offer for offer in offers_of(probabilities) if offer.outcome == outcome]
            case.ask(f"{market}: with prices of {outcome} only", market, probabilities, offers)
            case.ask(f"{market}: with one price", market, probabilities, offers[:1])


def offers_of_other_outcomes(case: StrategyCase) -> None:
    """An offer of an outcome that has no probability is left alone."""
    needs(case.told)
    for market, probabilities in QUESTIONS:
        stranger = Offer("wickerby", "nobody", 3.0, 0.0, False, 10.0)
        told = case.ask(
            f"{market}: with an offer of an outcome without a probability",
            market,
            probabilities,
            [*offers_of(probabilities), stranger],
        )
        if any(one.offer == stranger for one in told):
            raise Failed(f"{market}: it assesses an offer of 'nobody', of whom no probability is known: leave it out.")


def extreme_numbers(case: StrategyCase) -> None:
    """Prices from 1.01 to 1000 and probabilities of 0 and 1 do not break it."""
    needs(case.told)
    for what, home in (("of 1 and 0", 1.0), ("of 0.999999", 0.999999), ("of 0.000001", 1e-6)):
        probabilities = {"home": home, "draw": 1 - home, "away": 0.0}
        for prices in ((1.01, 1000.0, 1000.0), (2.9, 3.1, 2.7), (1000.0, 1.01, 1.01)):
            offers = [
                Offer(book, outcome, price, 0.0, book == "northgate", 5.0)
                for book in ("northgate", "wickerby")
                for outcome, price in zip(probabilities, prices, strict=True)
            ]
            situation = f"With probabilities {what} and prices {', '.join(f'{price:g}' for price in prices)}"
            for one in case.ask(situation, RESULT, probabilities, offers):
                if not all(math.isfinite(value) for value in (one.probability, one.edge, one.kelly)):
                    raise Failed(f"{situation}: {_named(one)} has {_numbers(one)}: give finite numbers.")


def assesses_in_time(case: StrategyCase) -> None:
    """A thousand offers are assessed in a moment: it is asked whenever a price changes."""
    needs(case.told)
    asked, count = dict(QUESTIONS), 0
    started = time.process_time()
    while count < 1000:
        for market, offers, _ in case.told:
            guarded("assess()", case.strategy.assess, market, dict(asked[market]), offers)
            count += len(offers)
    seconds = (time.process_time() - started) * 1000 / count
    if seconds > case.limits.assess_seconds:
        raise Failed(
            f"A thousand offers take {seconds:.3g} seconds of processor time; {case.limits.assess_seconds:g} are "
            "allowed: it is asked whenever a price changes."
        )


def settings_at_their_bounds(case: StrategyCase) -> None:
    """With each setting at each of its bounds and choices it still assesses."""
    declared = settings_declared(case.strategy)
    if not declared:
        raise Skipped("It declares no settings.")
    needs(case.told)
    for one in declared:
        for value in extremes(one):
            situation = f"With {one.name} = {value!r}"
            for market, probabilities in QUESTIONS:
                strategy = configured(case.strategy, {one.name: value})
                case.ask(situation, market, probabilities, offers_of(probabilities), strategy)


def _rounds(probabilities: Mapping[str, float]) -> Iterator[list[Offer]]:
    """Offers of bookmakers that agree with a model, and of some who disagree more and more."""
    yield from (offers_of(probabilities, seed, 0.04 * seed) for seed in range(8))


def _is_close(one: Assessment, other: Assessment) -> bool:
    pairs = zip(_values(one), _values(other), strict=True)
    return one.recommendation == other.recommendation and all(math.isclose(a, b, abs_tol=CLOSE) for a, b in pairs)


def _values(one: Assessment) -> Iterator[float]:
    yield from (one.probability, one.edge, one.kelly)


def _named(one: Assessment) -> str:
    return f"{one.offer.bookmaker} on {one.offer.outcome} at {one.offer.price:g}"


def _numbers(one: Assessment) -> str:
    return f"probability {one.probability:.6g}, edge {one.edge:.6g}, Kelly {one.kelly:.6g}"


CHECKS: Final[tuple[Check, ...]] = checks_of(
    names_itself,
    settings_are_plain,
    assesses_offers,
    assesses_what_was_offered,
    probabilities_are_probabilities,
    edge_follows_from_the_price,
    kelly_is_a_share,
    recommendation_is_known,
    same_answer_twice,
    order_of_offers_does_not_matter,
    input_is_not_edited,
    no_offers,
    one_sided_offers,
    offers_of_other_outcomes,
    extreme_numbers,
    settings_at_their_bounds,
    assesses_in_time,
)
