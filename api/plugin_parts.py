"""The shapes of a plugin's parts: its state and how it came about, its health, the markets of its own."""

from __future__ import annotations

from datetime import datetime
from enum import auto
from typing import TYPE_CHECKING

import strawberry

from api.batch import derived
from api.rows import Columns
from api.scalars import Words, described
from domain.forecasting.plugin_states import PLATFORM, Health
from touchline.outputs import one_line

if TYPE_CHECKING:
    from api.plugins import Plugin

LONGEST_TOLD = 1000
"""Signs of what a plugin or an operator said that are shown."""


@described(
    "States of a plugin.",
    ENABLED="Running.",
    SHADOW="Running, but its predictions are only graded, not shown.",
    DISABLED="Switched off by an operator.",
    QUARANTINED="Switched off by the platform after repeated failures or bad output.",
    INCOMPATIBLE="Refused when it was loaded, for example since it was built for another interface version.",
)
class PluginStatus(Words):
    ENABLED = auto()
    SHADOW = auto()
    DISABLED = auto()
    QUARANTINED = auto()
    INCOMPATIBLE = auto()

    @classmethod
    def of(cls, stored: str) -> PluginStatus:
        """The status of a row of `plugin`, which says ACTIVE or REFUSED."""
        return {"ACTIVE": cls.ENABLED, "REFUSED": cls.INCOMPATIBLE}.get(stored) or cls(stored)

    @property
    def stored(self) -> str:
        """The status as `plugin.status` holds it."""
        return {"ENABLED": "ACTIVE", "INCOMPATIBLE": "REFUSED"}.get(self.value, self.value)


@described(
    "Who changed the state of a plugin.",
    PLATFORM="The platform itself: at first sight, after failures, or with a new version.",
    OPERATOR="An operator.",
)
class PluginChanger(Words):
    PLATFORM = auto()
    OPERATOR = auto()


@described(
    "At which lines a market is offered.",
    NONE="It has no line.",
    HALF="0.5, 1.5 and so on: no stake comes back.",
    WHOLE="In steps of 0.5: at a whole line stakes can come back.",
    QUARTER="In steps of 0.25: at a quarter line the stake is split.",
)
class MarketLines(Words):
    NONE = auto()
    HALF = auto()
    WHOLE = auto()
    QUARTER = auto()


@strawberry.type(description="Health of a plugin: how its calls went, and how long they took.")
class PluginHealth:
    call_count: int = strawberry.field(description="Calls since it was installed, count.")
    failure_count: int = strawberry.field(
        description="Failed calls since it was installed, rejected outputs among them, count."
    )
    last_error: str | None = strawberry.field(
        description="What it last failed with, in the plugin's own words: on one line, at most 1000 characters."
    )
    last_error_at: datetime | None = strawberry.field(description="When it last failed, match time.")
    last_day_call_count: int = strawberry.field(description="Calls in the last 24 hours of match time, count.")
    last_day_failure_count: int = strawberry.field(
        description="Failed calls in the last 24 hours of match time, rejected outputs among them, count."
    )
    invalid_output_count: int | None = strawberry.field(
        description="Outputs rejected in the last 24 hours of match time because the contract does not allow them, for "
        "example since probabilities were missing, negative or did not sum to 1, count."
    )
    p50_milliseconds: float | None = strawberry.field(
        description="Median time per call in the last 24 hours of match time, milliseconds; null without a call that "
        "was measured."
    )
    p95_milliseconds: float | None = strawberry.field(
        description="95th percentile time per call in the last 24 hours of match time, milliseconds; null without a "
        "call that was measured."
    )


@strawberry.type(description="A change of a plugin's state. Never changes itself.")
class PluginStateChange:
    state: strawberry.Private[str]
    by: strawberry.Private[str]
    reason: str = strawberry.field(description="Why.")
    changed_at: datetime = strawberry.field(description="When, match time.")
    version: str = strawberry.field(description="Version of the distribution that was installed then.")
    operator: str | None = strawberry.field(description="Which operator did it; null for whoever is none.")

    @derived
    def status(self) -> PluginStatus:
        """State from then on."""
        return PluginStatus.of(self.state)

    @derived
    def changed_by(self) -> PluginChanger:
        """Who did it."""
        return PluginChanger.PLATFORM if self.by == PLATFORM else PluginChanger.OPERATOR


@strawberry.type(description="A market of a plugin's own, of the kind CUSTOM.")
class PluginMarket:
    key: str = strawberry.field(description="Key, with which the canonical keys of its lines begin.")
    title: str = strawberry.field(description="Name for people; `{line}` stands for the line.")
    outcomes: list[str] = strawberry.field(
        description="Keys of its outcomes in their customary order, which is that of probabilities."
    )
    lines: MarketLines = strawberry.field(description="At which lines it is offered.")


def change_of(row: Columns, is_told: bool) -> PluginStateChange:
    """A change of state; `is_told` is whether the viewer may know which operator made it."""
    return PluginStateChange(
        state=row["state"],
        by=row["changed_by"],
        reason=one_line(row["reason"], LONGEST_TOLD),
        changed_at=row["changed_at"],
        version=row["version"],
        operator=row["changed_by"] if is_told and row["changed_by"] != PLATFORM else None,
    )


def health_of(plugin: Plugin, day: Health) -> PluginHealth:
    """The counts of a plugin and how its last day went."""
    return PluginHealth(
        call_count=plugin.call_count,
        failure_count=plugin.failure_count,
        last_error=plugin.last_error and one_line(plugin.last_error, LONGEST_TOLD),
        last_error_at=plugin.last_error_at,
        last_day_call_count=day.calls,
        last_day_failure_count=day.failures,
        invalid_output_count=day.invalid_outputs,
        p50_milliseconds=day.p50_milliseconds,
        p95_milliseconds=day.p95_milliseconds,
    )
