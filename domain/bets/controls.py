"""What must hold before a bet is taken, one concern a function; each answers nothing or raises. Pure.

A price is never taken on trust: the bookmaker's standing price may be better than the one that was seen, or
worse by no more than the slippage that is accepted, and the bet is recorded at the standing price. Prices of
bookmakers that are typed in, and of bets that were placed earlier, are taken as told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain import money
from domain.bets.errors import InsufficientFunds, MarketClosed, StaleOdds
from domain.bets.ledger import BankrollRow
from domain.bets.legs import Leg
from domain.care.check import Wanted
from domain.infra.errors import Invalid
from domain.markets.rules import MarketStatus


@dataclass(frozen=True, slots=True)
class Situation:
    """A bet that somebody wants to place, and what it stands on. `at` is match time."""

    bankroll: BankrollRow
    stake: int
    """Minor units of the bankroll."""
    legs: Sequence[Leg]
    at: datetime
    """When it is placed, or was."""
    is_recorded_later: bool = False
    max_slippage: Decimal = Decimal(0)
    """Largest fall of a price that is accepted, fraction of the price that was seen."""


def selections_are_distinct(situation: Situation) -> None:
    """Raises Invalid for the same selection, or the same words, twice."""
    seen: set[object] = set()
    for leg in situation.legs:
        name = leg.description.casefold() if leg.selection_id is None else (leg.match_id, leg.selection_id)
        if name in seen:
            raise Invalid(f"{leg.field}.selectionId", "the same selection is in the bet already")
        seen.add(name)


def matches_are_distinct(situation: Situation) -> None:
    """Raises Invalid for two selections of one match: they do not win or lose independently."""
    seen: set[int] = set()
    for leg in situation.legs:
        if leg.match_id in seen:
            raise Invalid(
                f"{leg.field}.selectionId", "combos of one match are not priced yet: choose legs of different matches"
            )
        if leg.match_id is not None:
            seen.add(leg.match_id)


def markets_are_open(situation: Situation) -> None:
    """Raises MarketClosed for a match that had begun, is over or will not be played.

    Where only the day of a match is known it counts as begun from 00:00 UTC. Of a bet that was placed earlier
    only the kick-off is asked.
    """
    for leg in situation.legs:
        demand_open(
            leg.status,
            leg.kickoff_at,
            situation.at,
            leg.description,
            f"{leg.field}.selectionId",
            is_recorded_later=situation.is_recorded_later,
        )


def demand_open(
    status: MarketStatus | None,
    kickoff_at: datetime | None,
    at: datetime,
    description: str,
    field: str,
    *,
    is_recorded_later: bool = False,
) -> None:
    """Raises MarketClosed unless a match is still to come at an instant; one that is not ours always is."""
    if kickoff_at is None:
        return
    if kickoff_at <= at:
        closed = MarketStatus.CLOSED if status in (None, MarketStatus.OPEN) else status
        raise MarketClosed(f"{description}: kick-off was at {kickoff_at:%Y-%m-%d %H:%M} UTC.", closed, field=field)
    if status is not None and status is not MarketStatus.OPEN and not is_recorded_later:
        raise MarketClosed(f"{description}: {_WHY_CLOSED[status]}", status, field=field)


_WHY_CLOSED = {
    MarketStatus.CLOSED: "betting on the match is over.",
    MarketStatus.SETTLED: "the match is over.",
    MarketStatus.VOID: "the match will not be played.",
}


def prices_still_stand(situation: Situation) -> None:
    """Raises StaleOdds where a price is gone, or fell by more than is accepted."""
    for leg in situation.legs:
        if leg.is_by_hand:
            continue
        field = f"{leg.field}.decimalOdds"
        if leg.offered is None:
            raise StaleOdds(f"{leg.description}: the bookmaker offers no price now.", leg.requested, None, field=field)
        if leg.offered < leg.requested * (1 - situation.max_slippage):
            raise StaleOdds(
                f"{leg.description}: the price is {leg.offered.normalize():f} now, not {leg.requested.normalize():f}.",
                leg.requested,
                leg.offered,
                field=field,
            )


def funds_suffice(situation: Situation) -> None:
    """Raises InsufficientFunds where the bankroll holds less than the stake."""
    demand_funds(situation.bankroll, situation.stake)


def demand_funds(bankroll: BankrollRow, amount: int, *, field: str = "input.stake.amount") -> None:
    """Raises InsufficientFunds where a bankroll holds less than an amount."""
    if bankroll.balance < amount:
        left = money.written(bankroll.balance, bankroll.currency)
        raise InsufficientFunds(f"The bankroll holds {left}.", max(0, bankroll.balance), bankroll.currency, field=field)


CONTROLS: tuple[Callable[[Situation], None], ...] = (
    selections_are_distinct,
    matches_are_distinct,
    markets_are_open,
    prices_still_stand,
    funds_suffice,
)
"""In the order in which they are asked; the limits that somebody set themselves come last, with the database."""


def demand_on_care(bankroll: BankrollRow, stake: int, bets: int) -> Wanted:
    """What a bet asks of its owner's limits: money and counts are limited for real money only."""
    return Wanted() if bankroll.is_paper else Wanted(stake=stake, currency=bankroll.currency, bets=bets)
