"""Whether what somebody is about to do stays within the limits and breaks they set themselves.

Self-exclusion and time hold for everything, the limits of money and of bets for real money only: a bet on
paper costs nothing, and is asked for with `Wanted()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from domain import money
from domain.care.errors import LimitReached
from domain.care.queries import Limit, Standing
from domain.care.rules import Kind, Period, end_of, told
from domain.infra.errors import SelfExcluded


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody is about to do with real money; amounts in minor units of `currency`."""

    stake: int = 0
    deposit: int = 0
    currency: str = ""
    bets: int = 0
    field: str = ""
    """Path of the amount in the input, where it is not the usual one."""

    def of(self, limit: Limit) -> int | None:
        """What it adds to what a limit counts; None where the limit has no say."""
        if limit.kind is Kind.TIME:
            return 0
        if limit.kind.is_money and limit.currency != self.currency:
            return None
        match limit.kind:
            case Kind.DEPOSIT:
                added = self.deposit
            case Kind.BET_COUNT:
                added = self.bets
            case _:
                added = self.stake
        return added or None


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used in the running periods; amounts in minor units, time in seconds."""

    used: Mapping[tuple[Kind, Period, str], int] = field(default_factory=dict)

    def of(self, limit: Limit) -> int:
        """What a limit counts so far: minor units, bets, or whole minutes. A loss is never below 0."""
        used = max(0, self.used.get((limit.kind, limit.period, limit.currency), 0))
        return used // 60 if limit.kind is Kind.TIME else used

    def share_of(self, limit: Limit) -> float:
        """The used share of a limit, fraction; 1 of a limit of nothing."""
        return self.of(limit) / limit.value if limit.value else 1.0


def check_allowed(standing: Standing, wanted: Wanted, usage: Usage, *, machine: datetime) -> None:
    """Raises SelfExcluded during a break, and LimitReached where a limit would be passed or time is up."""
    demand_presence(standing)
    for limit in standing.limits:
        added = wanted.of(limit)
        if added is None:
            continue
        used = usage.of(limit)
        if used >= limit.value if limit.kind is Kind.TIME else used + added > limit.value:
            path = wanted.field or _PATHS[limit.kind] if limit.kind.is_money else ""
            raise LimitReached(sentence(limit, used, machine, standing.zone), limit.id, field=path)


def demand_presence(standing: Standing) -> None:
    """Raises SelfExcluded during a break."""
    if standing.excluded_until is not None:
        until = told(standing.excluded_until, standing.zone)
        raise SelfExcluded(
            f"You chose a break from betting. It ends on {until}; nobody can end it earlier.", standing.excluded_until
        )


def sentence(limit: Limit, used: int, machine: datetime, zone: ZoneInfo) -> str:
    """What a limit is, what is left of it, and when its period ends."""
    whole, left = (_amount(limit, value) for value in (limit.value, max(0, limit.value - used)))
    ends = told(end_of(limit.period, machine, zone), zone)
    return f"Your limit is {whole} {_NAMES[limit.kind]} a {limit.period.lower()}; {left} left until {ends}."


def _amount(limit: Limit, value: int) -> str:
    if limit.kind.is_money:
        return money.written(value, limit.currency)
    unit = "minute" if limit.kind is Kind.TIME else "bet"
    return f"{value} {unit}{'' if value == 1 else 's'}"


_NAMES: Mapping[Kind, str] = {
    Kind.STAKE: "of stakes",
    Kind.LOSS: "of losses, open bets counted as lost,",
    Kind.DEPOSIT: "of deposits",
    Kind.BET_COUNT: "with real money",
    Kind.TIME: "of use",
}
_PATHS: Mapping[Kind, str] = {
    Kind.STAKE: "input.stake.amount",
    Kind.LOSS: "input.stake.amount",
    Kind.DEPOSIT: "input.amount.amount",
}
"""What would have to be smaller."""
