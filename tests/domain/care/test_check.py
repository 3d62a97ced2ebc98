"""What is let through and what is refused, in which words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from domain.care.check import Usage, Wanted, check_allowed
from domain.care.errors import LimitReached
from domain.care.queries import Limit, Standing
from domain.care.rules import Kind, Period, Setting
from domain.infra.errors import SelfExcluded

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
MADRID = ZoneInfo("Europe/Madrid")


def limit(kind: Kind, value: int, *, period: Period = Period.DAY, key: int = 1) -> Limit:
    return Limit(key, kind, period, "EUR" if kind.is_money else "", value, Setting(value))


def refused(wanted: Wanted, used: int, *limits: Limit) -> LimitReached:
    usage = Usage({(each.kind, each.period, each.currency): used for each in limits})
    with pytest.raises(LimitReached) as caught:
        check_allowed(Standing(MADRID, None, limits), wanted, usage, machine=NOW)
    return caught.value


def let_through(wanted: Wanted, used: int, *limits: Limit) -> None:
    usage = Usage({(each.kind, each.period, each.currency): used for each in limits})
    check_allowed(Standing(MADRID, None, limits), wanted, usage, machine=NOW)


BET = Wanted(stake=1000, currency="EUR", bets=1)


@pytest.mark.parametrize("kind", [Kind.STAKE, Kind.LOSS])
def test_a_stake_may_reach_a_limit_and_not_pass_it(kind: Kind) -> None:
    let_through(BET, 4000, limit(kind, 5000))
    error = refused(BET, 4001, limit(kind, 5000, key=7))
    assert (error.limit_id, error.field) == (7, "input.stake.amount")


def test_it_is_said_what_is_left_and_when_the_period_ends() -> None:
    assert refused(BET, 4250, limit(Kind.STAKE, 5000)).message == (
        "Your limit is 50.00 EUR of stakes a day; 7.50 EUR left until 2026-03-15 00:00 (Europe/Madrid)."
    )
    assert refused(BET, 3, limit(Kind.BET_COUNT, 3, period=Period.WEEK)).message == (
        "Your limit is 3 bets with real money a week; 0 bets left until 2026-03-16 00:00 (Europe/Madrid)."
    )
    assert refused(Wanted(), 3600, limit(Kind.TIME, 60, period=Period.MONTH)).message == (
        "Your limit is 60 minutes of use a month; 0 minutes left until 2026-04-01 00:00 (Europe/Madrid)."
    )


def test_deposits_are_limited_by_themselves() -> None:
    let_through(BET, 5000, limit(Kind.DEPOSIT, 5000))
    let_through(Wanted(deposit=1, currency="EUR"), 5000, limit(Kind.STAKE, 5000), limit(Kind.BET_COUNT, 1))
    error = refused(Wanted(deposit=1, currency="EUR"), 5000, limit(Kind.DEPOSIT, 5000))
    assert error.field == "input.amount.amount"


def test_money_limits_are_of_one_currency() -> None:
    let_through(Wanted(stake=10**9, currency="JPY", bets=1), 5000, limit(Kind.STAKE, 5000), limit(Kind.LOSS, 5000))


def test_winnings_make_no_more_room_than_the_limit() -> None:
    let_through(Wanted(stake=5000, currency="EUR"), -9000, limit(Kind.LOSS, 5000))
    refused(Wanted(stake=5001, currency="EUR"), -9000, limit(Kind.LOSS, 5000))


def test_time_is_up_for_paper_too() -> None:
    let_through(Wanted(), 59 * 60 + 59, limit(Kind.TIME, 60))
    refused(Wanted(), 60 * 60, limit(Kind.TIME, 60))
    let_through(Wanted(), 10**9, limit(Kind.STAKE, 5000), limit(Kind.BET_COUNT, 1))


def test_a_limit_of_nothing_lets_nothing_through() -> None:
    refused(Wanted(stake=1, currency="EUR"), 0, limit(Kind.STAKE, 0))


def test_the_first_limit_in_the_way_is_named() -> None:
    error = refused(BET, 5000, limit(Kind.DEPOSIT, 1, key=1), limit(Kind.LOSS, 5000, key=2), limit(Kind.STAKE, 1))
    assert error.limit_id == 2


def test_a_break_comes_before_every_limit() -> None:
    until = NOW + timedelta(days=200)
    standing = Standing(MADRID, until, [limit(Kind.STAKE, 0)])
    for wanted in (Wanted(), BET, Wanted(deposit=100, currency="EUR")):
        with pytest.raises(SelfExcluded, match=r"ends on 2026-09-30 14:00 \(Europe/Madrid\)") as caught:
            check_allowed(standing, wanted, Usage(), machine=NOW)
        assert caught.value.until == until
