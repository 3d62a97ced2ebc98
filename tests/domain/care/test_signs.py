"""Signs of chasing losses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from domain.care.signs import Move, risk_signs

MONDAY = datetime(2026, 3, 9, 12, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")


def move(kind: str, amount: int, day: int, minutes: float = 0, currency: str = "EUR") -> Move:
    return Move(kind, amount, currency, MONDAY + timedelta(days=day, minutes=minutes))


def chasing(
    days: Sequence[int], *, factor: float = 2, minutes: float = 30, kind: str = "STAKE", currency: str = "EUR"
) -> list[Move]:
    return [
        each
        for day in days
        for each in (move("LOST", 1000, day), move(kind, int(1000 * factor), day, minutes, currency))
    ]


def test_doubling_after_losses_on_three_days_is_a_sign() -> None:
    assert risk_signs(chasing([0, 2, 5]), UTC_ZONE) == ["Stakes doubled after losses on 3 of the last 7 days."]


def test_two_days_a_smaller_stake_a_later_one_or_another_currency_are_none() -> None:
    assert risk_signs(chasing([0, 2]), UTC_ZONE) == []
    assert risk_signs(chasing([0, 0, 0, 2, 2]), UTC_ZONE) == []
    assert risk_signs(chasing([0, 2, 5], factor=1.99), UTC_ZONE) == []
    assert risk_signs(chasing([0, 2, 5], minutes=61), UTC_ZONE) == []
    assert risk_signs(chasing([0, 2, 5], currency="USD"), UTC_ZONE) == []


def test_any_lost_bet_of_the_hour_counts_and_none_that_comes_after() -> None:
    moves = [
        each
        for day in (0, 1, 2)
        for each in (move("LOST", 500, day), move("LOST", 9000, day, 10), move("STAKE", 1000, day, 20))
    ]
    assert risk_signs(moves, UTC_ZONE) == ["Stakes doubled after losses on 3 of the last 7 days."]
    later = [each for day in (0, 1, 2) for each in (move("STAKE", 9000, day), move("LOST", 500, day, 1))]
    assert risk_signs(later, UTC_ZONE) == []


def test_money_added_right_after_losses_is_a_sign() -> None:
    told = ["Money was added right after losses on 4 of the last 7 days."]
    assert risk_signs(chasing([0, 2, 5, 6], kind="DEPOSIT", factor=0.1), UTC_ZONE) == told
    assert risk_signs(chasing([0, 2, 5, 6], kind="DEPOSIT", minutes=61), UTC_ZONE) == []


def test_nights_are_those_of_the_person() -> None:
    moves = [move("STAKE", 100, day) for day in range(7)]
    assert risk_signs(moves, UTC_ZONE) == []
    assert risk_signs(moves, ZoneInfo("Pacific/Auckland")) == [
        "Bets were placed between midnight and 5 in the morning on 7 of the last 7 days."
    ]


def test_nothing_is_no_sign() -> None:
    assert risk_signs([], UTC_ZONE) == []
