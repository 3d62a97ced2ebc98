"""What a bet may be: its stake, its prices, its words, and how an edge becomes a stake. Pure.

Suggested stake = multiplier · Kelly · balance, with Kelly = edge / ((d - 1)(1 - commission)) not below 0
(Kelly, Bell System Technical Journal 35, 1956), under the caps of the bankroll and of its owner's limits.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from enum import StrEnum
from fractions import Fraction
from typing import Any

from domain import money
from domain.infra.errors import Invalid
from domain.markets.rules import market_name, outcome_name
from touchline import Kind, MarketKey

MOST_LEGS = 20
HIGHEST_LEG_PRICE = Decimal(1000)
HIGHEST_PRICE = Decimal(1_000_000)
PRICE_PLACES = 4
"""Decimal places of a price."""

KELLY_MULTIPLIER = 0.25
MAX_STAKE_SHARE = 0.05
"""What an owner who asks for nothing else stakes by."""

MOST_TAGS = 10
LONGEST_TAG = 30
LONGEST_NOTES = 2000
LONGEST_NAME = 60
"""Characters of a bankroll's and of a bookmaker's name."""
LONGEST_DESCRIPTION = 200
LONGEST_KEY = 100

OLDEST_BET = timedelta(days=2 * 365)
"""How long ago a bet may have been placed that is recorded now."""


class Method(StrEnum):
    """How a stake is chosen."""

    FLAT = "FLAT"
    """The same stake each time."""
    PERCENT = "PERCENT"
    """The same share of the balance each time."""
    KELLY = "KELLY"
    """A share of the Kelly stake."""


@dataclass(frozen=True, slots=True)
class Staking:
    """How a bankroll's owner wants to stake. Shares are fractions of the balance."""

    method: Method = Method.KELLY
    flat_stake: int | None = None
    """Minor units, for FLAT."""
    percent: float | None = None
    """For PERCENT."""
    kelly_multiplier: float = KELLY_MULTIPLIER
    """Share of full Kelly, for KELLY."""
    max_stake_share: float = MAX_STAKE_SHARE
    """The largest stake, whatever the method."""

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Staking:
        """What `to_json` made."""
        return cls(**{**told, "method": Method(told["method"])})

    def to_json(self) -> dict[str, Any]:
        """As the table holds it."""
        return asdict(self)

    def checked(self, field: str = "input.staking") -> Staking:
        """The same; raises Invalid where a number is missing for the method or is no share."""
        shares = {
            "percent": self.percent,
            "kellyMultiplier": self.kelly_multiplier,
            "maxStakeShare": self.max_stake_share,
        }
        for name, share in shares.items():
            if share is not None and not 0 < share <= 1:
                raise Invalid(f"{field}.{name}", "write a fraction above 0 and at most 1")
        if self.method is Method.FLAT and self.flat_stake is None:
            raise Invalid(f"{field}.flatStake", "FLAT needs the stake: give flatStake")
        if self.flat_stake is not None and self.flat_stake <= 0:
            raise Invalid(f"{field}.flatStake.amount", "write an amount above 0")
        if self.method is Method.PERCENT and self.percent is None:
            raise Invalid(f"{field}.percent", "PERCENT needs the share: give percent")
        return self


def suggested_stake(
    *,
    balance: int,
    edge: float,
    price: Decimal,
    commission: Decimal,
    staking: Staking,
    kelly_multiplier: float | None = None,
    room: int | None = None,
) -> int:
    """The stake, in minor units rounded down, that a bankroll's staking makes of an edge; 0 without one.

    `kelly_multiplier` asks for that share of Kelly whatever the method; `room` is what limits leave, None for
    no limit. Never more than `max_stake_share` of the balance.
    """
    if balance <= 0 or not edge > 0:
        return 0
    caps = [balance * _exact(staking.max_stake_share)]
    if room is not None:
        caps.append(Fraction(max(0, room)))
    kelly = _exact(edge) / ((Fraction(price) - 1) * (1 - Fraction(commission)))
    wish = _wish(balance, kelly, staking, kelly_multiplier)
    return math.floor(min(wish, *caps))


def _wish(balance: int, kelly: Fraction, staking: Staking, kelly_multiplier: float | None) -> Fraction:
    """The stake before caps; Kelly's is exact, so that 2 % of 50.00 is never rounded down to 0.99."""
    if kelly_multiplier is not None:
        return balance * kelly * _exact(kelly_multiplier)
    match staking.method:
        case Method.FLAT:
            return Fraction(staking.flat_stake or 0)
        case Method.PERCENT:
            return balance * _exact(staking.percent or 0.0)
        case Method.KELLY:
            return balance * kelly * _exact(staking.kelly_multiplier)


def _exact(number: float) -> Fraction:
    """The decimal that a float is written as."""
    return Fraction(repr(float(number)))


def stake_of(amount: Decimal, currency: str, bankroll_currency: str, *, field: str = "input.stake") -> int:
    """A stake or movement in minor units; raises Invalid unless it is above 0 and exact in the bankroll's currency."""
    units = units_of(amount, currency, bankroll_currency, field=field)
    if units <= 0:
        raise Invalid(f"{field}.amount", "write an amount above 0")
    return units


def units_of(amount: Decimal, currency: str, bankroll_currency: str, *, field: str) -> int:
    """An amount of either sign in minor units; raises Invalid for another currency or too many decimals."""
    if currency != bankroll_currency:
        raise Invalid(f"{field}.currencyCode", f"the bankroll is in {bankroll_currency}: write the amount in it")
    try:
        return money.minor(amount, currency)
    except money.MoneyError as error:
        raise Invalid(f"{field}.amount", str(error)) from None


def leg_price(price: Decimal, field: str) -> Decimal:
    """A leg's decimal odds to four places; raises Invalid unless above 1, at most 1000 and exact in them."""
    if not (price.is_finite() and 1 < price <= HIGHEST_LEG_PRICE):
        raise Invalid(field, f"decimal odds lie above 1 and are at most {HIGHEST_LEG_PRICE}")
    stored = round(price, PRICE_PLACES)
    if stored != price:
        raise Invalid(field, f"write at most {PRICE_PLACES} decimals")
    return stored


def total_price(prices: Sequence[Decimal]) -> Decimal:
    """The product of the legs' prices, rounded half to even to four places; raises Invalid above 1,000,000."""
    with localcontext(prec=(PRICE_PLACES + 4) * MOST_LEGS):
        product = math.prod(prices, start=Decimal(1)).quantize(Decimal(1).scaleb(-PRICE_PLACES), ROUND_HALF_EVEN)
    if product > HIGHEST_PRICE:
        raise Invalid("input.legs", f"the total price is above {HIGHEST_PRICE:,}: leave out a leg")
    return product


def check_return(stake: int, price: Decimal, currency: str, field: str = "input.stake.amount") -> None:
    """Raises Invalid where more would come back of a winning bet than an amount of money can be."""
    if stake * price > money.LARGEST:
        raise Invalid(field, f"more than {money.written(money.LARGEST, currency)} would come back: stake less")


def slippage_of(fraction: float, field: str = "input.maxSlippage") -> Decimal:
    """An accepted fall of a price as the decimal it is written as; raises Invalid unless from 0 to below 1."""
    if not 0 <= fraction < 1:
        raise Invalid(field, "write a fraction from 0 to below 1")
    return Decimal(repr(float(fraction)))


def bet_edge(legs: Sequence[tuple[float | None, Decimal, Decimal]]) -> float | None:
    """Expected profit of one unit on (probability, price, commission) of each leg; None where one is not known.

    For one leg p·(1 + (d - 1)(1 - c)) - 1; the legs of an accumulator are of different matches and multiply.
    """
    worth = 1.0
    for probability, price, commission in legs:
        if probability is None:
            return None
        worth *= probability * (1 + (float(price) - 1) * (1 - float(commission)))
    return worth - 1


def clean_text(text: str, field: str, longest: int, *, may_break: bool = False) -> str:
    """Text without surrounding space; raises Invalid when it is empty, too long or holds control characters.

    `may_break` allows line breaks and tabs.
    """
    stripped = text.strip()
    if not stripped:
        raise Invalid(field, "write at least one character")
    if len(stripped) > longest:
        raise Invalid(field, f"write at most {longest} characters")
    allowed = "\n\r\t" if may_break else ""
    if any(unicodedata.category(sign) in ("Cc", "Cs") and sign not in allowed for sign in stripped):
        raise Invalid(field, "leave out control characters")
    return stripped


def clean_tags(tags: Iterable[str], field: str = "input.tags") -> list[str]:
    """Labels in their order, each once whatever its case; raises Invalid for more than ten or a bad one."""
    given = [clean_text(tag, f"{field}.{n}", LONGEST_TAG) for n, tag in enumerate(tags)]
    distinct: dict[str, str] = {}
    for tag in given:
        distinct.setdefault(tag.casefold(), tag)
    if len(distinct) > MOST_TAGS:
        raise Invalid(field, f"write at most {MOST_TAGS} labels")
    return list(distinct.values())


def clean_notes(notes: str | None, field: str = "input.notes") -> str | None:
    """Free text, None for an empty one; raises Invalid when it is too long."""
    return clean_text(notes, field, LONGEST_NOTES, may_break=True) if notes and notes.strip() else None


def check_placed_at(placed_at: datetime, now: datetime, field: str = "input.placedAt") -> None:
    """Raises Invalid for a bet of the future or one older than two years."""
    if placed_at > now:
        raise Invalid(field, "a bet is not recorded before it is placed: write an instant that is past")
    if placed_at < now - OLDEST_BET:
        raise Invalid(field, "write an instant of the last two years; older bets come by import")


def described(home: str, away: str, market: MarketKey, outcome: str, title: str | None = None) -> str:
    """A leg for people: `Arsenal v Chelsea: Over 2.5 goals`; `title` is that of a plugin's market."""
    return f"{home} v {away}: {_outcome_words(home, away, market, outcome, title)}"


def _outcome_words(home: str, away: str, market: MarketKey, outcome: str, title: str | None) -> str:
    name, words = market_name(market, title), outcome_name(market, outcome, home=home, away=away)
    _, _, period = name.partition(", ")
    match market.kind:
        case Kind.MATCH_RESULT | Kind.ASIAN_HANDICAP:
            return f"{words}, {period}" if period else words
        case Kind.TOTAL_GOALS:
            return f"{words} goals, {period}" if period else f"{words} goals"
        case Kind.TOTAL_CORNERS:
            return f"{words} corners, {period}" if period else f"{words} corners"
        case _:
            return f"{name}: {words}"
