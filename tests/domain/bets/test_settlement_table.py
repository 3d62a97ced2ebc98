"""The settlement table: every odd case as published rules have it, and as our code makes it."""

from __future__ import annotations

from itertools import product

import pytest

from domain.bets.judging import DECIDED, MOVED_BY
from domain.markets.rules import MarketStatus, market_status
from domain.matches.rules import Status
from tests.golden.settlement_table import Case, cases, sources
from touchline import Facts, Kind, MarketKey, NotSettleable, settle
from touchline.settlement import VOID_BECAUSE
from touchline.types import OUTCOMES

CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_bet_comes_to_what_published_rules_say(case: Case) -> None:
    assert case.computed == case.expected


def test_every_line_names_a_source() -> None:
    assert {case.source for case in CASES} <= sources().keys()
    assert len({case.name for case in CASES}) == len(CASES)


def test_the_table_covers_every_market_line_period_and_status() -> None:
    legs = [leg for case in CASES for leg in case.legs]
    assert {(leg.market.kind, leg.outcome) for leg in legs} == {
        (kind, outcome) for kind, outcomes in OUTCOMES.items() for outcome in outcomes
    }
    periods = {(leg.market.kind, leg.market.period) for leg in legs}
    assert periods >= set(product(OUTCOMES.keys() - {Kind.TOTAL_CORNERS}, ("ft", "h1", "h2")))
    for kind in (Kind.TOTAL_GOALS, Kind.TOTAL_CORNERS, Kind.ASIAN_HANDICAP):
        lines = {leg.market.line for leg in legs if leg.market.kind is kind and leg.market.period == "ft"}
        assert {abs(line or 0.0) % 1 in (0.25, 0.75) for line in lines} == {True, False}
        assert {abs(line or 0.0) % 1 for line in lines} >= {0.0, 0.5}
    told = " ".join(text for leg in legs for text in leg.told)
    assert all(status in told for status in (*VOID_BECAUSE, "POSTPONED", "SUSPENDED", "LIVE"))
    assert {case.status for case in CASES if len(case.legs) > 1} == {
        "WON",
        "HALF_WON",
        "PUSH",
        "HALF_LOST",
        "LOST",
        "VOID",
        "PENDING",
    }


@pytest.mark.parametrize("status", Status)
def test_the_sdk_and_the_status_of_a_market_agree(status: Status) -> None:
    """What the graph calls VOID is void, what it calls SETTLED is settled, and nothing else is."""
    found = market_status(status)
    facts = Facts(status, 1, 0)
    assert (status in DECIDED) == (found in (MarketStatus.VOID, MarketStatus.SETTLED))
    if status in DECIDED:
        verdict = settle(MarketKey(Kind.MATCH_RESULT), "home", facts)
        assert (verdict.result == "VOID") == (found is MarketStatus.VOID)
    else:
        with pytest.raises(NotSettleable, match="not over"):
            settle(MarketKey(Kind.MATCH_RESULT), "home", facts)


def test_two_days_are_allowed_for_a_moved_match() -> None:
    assert MOVED_BY.total_seconds() == 48 * 3600
