"""Who can sign in to the demo. Apart from what makes them, because the stack's supervisor loads nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

PASSWORD = "a day at the match"
"""Of all of them."""
ADDRESSES: Mapping[str, str] = MappingProxyType(
    {tier: f"{tier.lower()}@demo.touchline.example" for tier in ("FREE", "PRO", "VIP")}
)
"""By the tier of their plan."""
ACCOUNTS: Mapping[str, str] = MappingProxyType(dict.fromkeys(ADDRESSES.values(), PASSWORD))
"""E-mail → password."""


def invitation() -> str:
    """One line for whoever has started the demo."""
    first, *others = ADDRESSES.values()
    also = " or ".join(address.partition("@")[0] + "@…" for address in others)
    return f"Sign in  {first}, {also} with the password: {PASSWORD}"
