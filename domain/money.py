"""Money: whole minor units inside, an exact decimal string at the edge, never a float. Pure.

How many decimals a currency has is ISO 4217's word (package `iso4217`): two for EUR, none for JPY,
three for KWD. Where a price multiplies a stake the return is rounded half to even, once, at the end.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache

from iso4217 import raw_table

LARGEST = 10**15
"""Minor units: ten million million of a currency with two decimals; more is a slip of the hand."""


class MoneyError(ValueError):
    """An amount that a currency cannot hold; the message says why."""


@lru_cache(maxsize=512)
def exponent(currency: str) -> int:
    """Decimals of a currency by its ISO 4217 code; raises MoneyError when there is none of that code."""
    entry = raw_table.get(currency)
    units = "" if entry is None else str(entry["CcyMnrUnts"])
    if not units.isdigit():
        raise MoneyError(f"{currency!r} is not a currency of ISO 4217; write for example EUR")
    return int(units)


def minor(amount: Decimal, currency: str) -> int:
    """An amount in minor units, exactly; raises MoneyError when it has more decimals than the currency."""
    decimals = exponent(currency)
    if not amount.is_finite():
        raise MoneyError("must be a finite number")
    if amount.adjusted() > len(str(LARGEST)):
        raise MoneyError(f"must be at most {major(LARGEST, currency)} {currency}")
    scaled = amount.scaleb(decimals)
    if scaled != scaled.to_integral_value():
        allowed = {0: "no decimals", 1: "one decimal"}.get(decimals, f"at most {decimals} decimals")
        raise MoneyError(f"{amount} has more decimals than {currency} knows: write {allowed}")
    if abs(scaled) > LARGEST:
        raise MoneyError(f"must be at most {major(LARGEST, currency)} {currency}")
    return int(scaled)


def major(units: int, currency: str) -> Decimal:
    """Minor units as an exact decimal with the currency's own number of decimals."""
    return Decimal(units).scaleb(-exponent(currency))


def times(stake: int, factor: Decimal) -> int:
    """Minor units times a factor, rounded half to even to a whole minor unit."""
    return int((stake * factor).to_integral_value(rounding=ROUND_HALF_EVEN))


def written(units: int, currency: str) -> str:
    """An amount for people: `12.50 EUR`."""
    return f"{major(units, currency):f} {currency}"
