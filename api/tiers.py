"""Plan tiers, and why a list is shorter than the full result. Plans come with accounts; today nothing is hidden."""

from __future__ import annotations

from enum import auto

import strawberry

from api.scalars import Words, described


@described(
    "Plan tiers from least to most. Comparisons use this order.",
    FREE="No payment. Sample of the day's matches.",
    BASIC="Top-five leagues.",
    PRO="All leagues; value bets, backtests.",
    PREMIUM="Adds advanced analysis, live repricing, webhooks.",
    VIP="Adds bulk history, highest limits, priority support.",
)
class Tier(Words):
    FREE = auto()
    BASIC = auto()
    PRO = auto()
    PREMIUM = auto()
    VIP = auto()


@strawberry.type(description="Why a list is shorter than the full result for this viewer.")
class Truncation:
    limit: int = strawberry.field(description="Most items this viewer's plan allows, count.")
    hidden_count: int = strawberry.field(description="Items hidden by the plan, count.")
    required_tier: Tier = strawberry.field(description="Lowest tier that would show all of them.")
    upgrade_url: str = strawberry.field(description="Page where the viewer can upgrade.")
