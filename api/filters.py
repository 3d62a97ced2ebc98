"""What narrows and sorts lists of matches, and what a relative window means at an instant of match time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from enum import auto
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import strawberry

from api.nodes import keys_of
from api.paging import Order
from api.scalars import DateTimeRange, MarketKind, OrderDirection, Words, described, given
from domain.infra.errors import Invalid
from domain.matches.listing import MATCH_ORDERS, MatchCriteria
from domain.matches.rules import PLAYING, Status

VALUE_FROM = 0.10
"""Smallest edge that counts as a value bet where the client names none."""

MatchStatus = Status
described(
    "States of a match.",
    name="MatchStatus",
    SCHEDULED="Not started (provider code NS).",
    LIVE="First or second half is being played.",
    HALF_TIME="Half-time.",
    EXTRA_TIME="Extra time.",
    PENALTIES="Penalty shoot-out.",
    FINISHED="Finished (FT, AET, PEN).",
    POSTPONED="Moved to another day.",
    SUSPENDED="Stopped for now.",
    ABANDONED="Stopped for good.",
    CANCELLED="Will not be played.",
    AWARDED="Decided off the pitch.",
)(Status)


@described(
    "Bands of the overall confidence.",
    HIGH="80 points or more.",
    MEDIUM="60 up to, not including, 80 points.",
    LOW="Below 60 points.",
)
class ConfidenceBand(Words):
    HIGH = auto()
    MEDIUM = auto()
    LOW = auto()

    @classmethod
    def of(cls, score: float) -> ConfidenceBand:
        """The band of a score."""
        return next(band for band in cls if score >= band.span[0])

    @property
    def span(self) -> tuple[float, float]:
        """from <= score < to; the spans of all bands meet without a gap."""
        return _SPANS[self.value]


_SPANS: Mapping[str, tuple[float, float]] = {
    "HIGH": (80.0, float("inf")),
    "MEDIUM": (60.0, 80.0),
    "LOW": (float("-inf"), 60.0),
}


@described(
    "Relative kick-off windows, computed at request time.",
    NEXT_2_HOURS="Kick-off within 2 hours.",
    NEXT_6_HOURS="Kick-off within 6 hours.",
    NEXT_12_HOURS="Kick-off within 12 hours.",
    NEXT_24_HOURS="Kick-off within 24 hours.",
    NEXT_3_DAYS="Kick-off within 3 days.",
    NEXT_7_DAYS="Kick-off within 7 days.",
    TODAY="Kick-off today in `timeZone`, whether still to come, being played or over.",
    TOMORROW="Kick-off tomorrow in `timeZone`.",
)
class TimeWindow(Words):
    NEXT_2_HOURS = auto()
    NEXT_6_HOURS = auto()
    NEXT_12_HOURS = auto()
    NEXT_24_HOURS = auto()
    NEXT_3_DAYS = auto()
    NEXT_7_DAYS = auto()
    TODAY = auto()
    TOMORROW = auto()

    def bounds(self, now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """from <= kick-off < to."""
        if span := _WINDOWS.get(self.value):
            return now, now + span
        day = now.astimezone(zone).date() + timedelta(days=self is TimeWindow.TOMORROW)
        # Midnights of the zone, so that the day of a clock change has 23 or 25 hours.
        return datetime.combine(day, time(), zone), datetime.combine(day + timedelta(days=1), time(), zone)


_WINDOWS: Mapping[str, timedelta] = {
    "NEXT_2_HOURS": timedelta(hours=2),
    "NEXT_6_HOURS": timedelta(hours=6),
    "NEXT_12_HOURS": timedelta(hours=12),
    "NEXT_24_HOURS": timedelta(hours=24),
    "NEXT_3_DAYS": timedelta(days=3),
    "NEXT_7_DAYS": timedelta(days=7),
}


@strawberry.input(description="The ID of an object at an outside provider, as input.")
class ExternalRefInput:
    provider: str = strawberry.field(description="Provider key, for example `football-data`.")
    value: str = strawberry.field(description="ID there.")


@strawberry.input(description="Filters for matches; all that are given must hold.")
class MatchFilter:
    window: TimeWindow | None = strawberry.field(
        default=strawberry.UNSET, description="Relative kick-off window. Do not combine with `kickoff`."
    )
    kickoff: DateTimeRange | None = strawberry.field(default=strawberry.UNSET, description="Absolute kick-off span.")
    time_zone: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="IANA time zone for TODAY and TOMORROW, for example `America/Santiago`; UTC when omitted.",
    )
    league_ids: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET, description="Only these leagues."
    )
    team_ids: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET, description="Only matches with one of these teams."
    )
    country_codes: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Only these countries, ISO 3166 alpha-2."
    )
    statuses: list[MatchStatus] | None = strawberry.field(default=strawberry.UNSET, description="Only these states.")
    is_live: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Only live matches, any playing state."
    )
    confidence: list[ConfidenceBand] | None = strawberry.field(
        default=strawberry.UNSET, description="Only these confidence bands."
    )
    min_confidence: float | None = strawberry.field(
        default=strawberry.UNSET, description="Smallest overall confidence, points 0-100."
    )
    has_value_bets: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Only matches with an open value bet; false: only matches without."
    )
    min_edge: float | None = strawberry.field(
        default=strawberry.UNSET,
        description="Smallest edge that counts as a value bet, fraction; 0.10 when omitted. Given alone it means "
        "`hasValueBets`.",
    )
    is_high_scoring: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Only matches with at least 2.5 expected goals; false: with fewer."
    )
    min_expected_goals: float | None = strawberry.field(
        default=strawberry.UNSET, description="Smallest expected total goals."
    )
    is_big_match: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Only matches of the big leagues."
    )
    has_markets: list[MarketKind] | None = strawberry.field(
        default=strawberry.UNSET, description="Only matches with a live quote in one of these markets."
    )
    is_followed: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Only matches the viewer follows. Needs an account; refused until then."
    )
    search: str | None = strawberry.field(default=strawberry.UNSET, description="Words in team or league names.")
    external_refs: list[ExternalRefInput] | None = strawberry.field(
        default=strawberry.UNSET,
        description="Only matches whose league, or one of whose teams, has one of these provider IDs.",
    )

    def criteria(self, now: datetime) -> MatchCriteria:
        """The filter as the domain reads it, at match time `now`; raises Invalid naming the field at fault."""
        if given(self.is_followed) is not None:
            raise Invalid("filter.isFollowed", "needs an account, and this deployment has none yet")
        start, end = self._kickoff(now)
        min_edge, has_value_bets = given(self.min_edge), given(self.has_value_bets)
        bands = given(self.confidence)
        kinds = given(self.has_markets)
        refs = given(self.external_refs)
        return MatchCriteria(
            kickoff_from=start,
            kickoff_to=end,
            league_ids=keys_of("League", given(self.league_ids), "filter.leagueIds"),
            team_ids=keys_of("Team", given(self.team_ids), "filter.teamIds"),
            country_codes=given(self.country_codes),
            statuses=self._statuses(),
            confidence_spans=None if bands is None else [band.span for band in bands],
            min_confidence=_checked(given(self.min_confidence), "filter.minConfidence", 100),
            has_edge=True if has_value_bets is None and min_edge is not None else has_value_bets,
            min_edge=VALUE_FROM if min_edge is None else min_edge,
            is_high_scoring=given(self.is_high_scoring),
            min_expected_goals=_checked(given(self.min_expected_goals), "filter.minExpectedGoals", 100),
            is_big=given(self.is_big_match),
            quoted_kinds=None if kinds is None else [kind.stored for kind in kinds],
            search=given(self.search),
            refs=None if refs is None else [(ref.provider, ref.value) for ref in refs],
        )

    def _kickoff(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        zone = read_zone(given(self.time_zone))
        window, kickoff = given(self.window), given(self.kickoff)
        if window is None:
            return kickoff.bounds("filter.kickoff") if kickoff else (None, None)
        if kickoff is not None:
            raise Invalid("filter.kickoff", "cannot be combined with `filter.window`")
        bounds: tuple[datetime, datetime] = window.bounds(now, zone)
        return bounds

    def _statuses(self) -> Sequence[str] | None:
        chosen = given(self.statuses)
        statuses = {str(status) for status in (Status if chosen is None else chosen)}
        is_live = given(self.is_live)
        if chosen is None and is_live is None:
            return None
        if is_live is not None:
            statuses = statuses & PLAYING if is_live else statuses - PLAYING
        return sorted(statuses)


def read_zone(name: str | None) -> ZoneInfo:
    """A time zone by its IANA name, UTC for None; raises Invalid naming the field."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid("filter.timeZone", f"{name!r} is not an IANA time zone, for example `America/Santiago`") from None


def _checked(value: float | None, field: str, most: float) -> float | None:
    if value is not None and not 0 <= value <= most:
        raise Invalid(field, f"must be between 0 and {most:g}")
    return value


@described(
    "Fields that matches can be sorted by.",
    KICKOFF="Kick-off.",
    CONFIDENCE="Overall confidence.",
    BEST_EDGE="Largest edge of an open value bet.",
    EXPECTED_GOALS="Expected total goals.",
    UPDATED="Last change of any field.",
)
class MatchOrderField(Words):
    KICKOFF = auto()
    CONFIDENCE = auto()
    BEST_EDGE = auto()
    EXPECTED_GOALS = auto()
    UPDATED = auto()


@strawberry.input(description="How to sort matches. Matches without a value come last.")
class MatchOrder:
    field: MatchOrderField = strawberry.field(description="Field.")
    direction: OrderDirection = strawberry.field(default=OrderDirection.ASC, description="Direction.")


def match_order(order_by: MatchOrder | None) -> Order:
    """The order of a list of matches; by kick-off when none is given."""
    name = order_by.field if order_by else MatchOrderField.KICKOFF
    direction = order_by.direction if order_by else OrderDirection.ASC
    sort = MATCH_ORDERS[name]
    return Order(
        name=f"matches.{name}.{direction}",
        key=sort.sql,
        id="m.id",
        is_descending=direction == OrderDirection.DESC,
        is_nullable=sort.is_nullable,
        read=datetime.fromisoformat if name in ("KICKOFF", "UPDATED") else float,
    )
