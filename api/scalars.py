"""Scalars and the small types that every slice shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum, auto
from typing import Any, TypeVar

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from domain.infra.errors import Invalid


def written(instant: datetime) -> str:
    """An instant as the graph writes it, for example `2026-11-22T15:00:00Z`."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_instant(value: Any) -> datetime:
    """The instant that a client wrote, aware UTC."""
    try:
        instant = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise GraphQLError(f"DateTime cannot represent {value!r}: write ISO 8601, `2026-11-22T15:00:00Z`.") from None
    if instant.tzinfo is None:
        raise GraphQLError(f"DateTime cannot represent {value!r}: it has no UTC offset; end it with `Z`.")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise GraphQLError(f"DateTime cannot represent {value!r}: in UTC it is outside the years 1 to 9999.") from None


def _read_date(value: Any) -> date:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise GraphQLError(f"Date cannot represent {value!r}: write ISO 8601, `2026-11-22`.") from None


def _read_decimal(value: Any) -> Decimal:
    try:
        number = Decimal(value if isinstance(value, str) else "")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise GraphQLError(f"Decimal cannot represent {value!r}: write a finite number as a string.")
    return number


SCALARS: Mapping[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="Instant in UTC, ISO 8601 with `Z`, for example `2026-11-22T15:00:00Z`.",
        serialize=written,
        parse_value=read_instant,
    ),
    date: strawberry.scalar(
        name="Date",
        description="Calendar date, ISO 8601, for example `2026-11-22`.",
        serialize=date.isoformat,
        parse_value=_read_date,
    ),
    Decimal: strawberry.scalar(
        name="Decimal",
        description='Exact decimal number written as a string, for example `"25.50"`. Never a float; use it for money.',
        serialize=str,
        parse_value=_read_decimal,
    ),
    strawberry.scalars.JSON: strawberry.scalar(
        name="JSON",
        description="Free JSON value. Used only where a plugin or an event defines the shape.",
    ),
}
"""For `StrawberryConfig.scalar_map`."""


class Words(StrEnum):
    """An enum whose values are its names, as the tables hold them: members are made with `auto()`."""

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[str]) -> str:  # noqa: ARG004
        return name


E = TypeVar("E", bound=type[StrEnum])


def described(description: str, *, name: str | None = None, **values: str) -> Callable[[E], E]:
    """Shows an enum in the schema, with a sentence for itself and for each of its values."""

    def show(kind: E) -> E:
        if missing := set(kind.__members__) ^ set(values):
            raise TypeError(f"{kind.__name__}: descriptions and values differ in {sorted(missing)}")
        shown = strawberry.enum(kind, name=name, description=description)
        for value in shown.__strawberry_definition__.values:  # type: ignore[attr-defined]
            value.description = values[value.name]
        return shown

    return show


@described("Sort direction.", ASC="Smallest, earliest or A first.", DESC="Largest, latest or Z first.")
class OrderDirection(Words):
    ASC = auto()
    DESC = auto()


@described(
    "Kinds of market. Third-party plugins that price something else use CUSTOM and their own `Market.key`.",
    MATCH_RESULT="1X2: home, draw or away.",
    DOUBLE_CHANCE="Two of the three results.",
    DRAW_NO_BET="Home or away, stake back on a draw.",
    ASIAN_HANDICAP="Asian handicap, lines in quarters.",
    TOTAL_GOALS="Over or under a number of goals.",
    TEAM_TOTAL_GOALS="Over or under a number of goals of one team.",
    BOTH_TEAMS_TO_SCORE="Both teams to score (BTTS).",
    CORRECT_SCORE="Exact score.",
    TOTAL_CORNERS="Over or under a number of corners.",
    TEAM_TOTAL_CORNERS="Over or under a number of corners of one team.",
    CORNERS_RESULT="More corners: home, draw or away.",
    TOTAL_CARDS="Over or under a number of cards.",
    SAME_GAME_COMBO="Several selections of one match at once.",
    OUTRIGHT="League winner, relegation and the like.",
    CUSTOM="Defined by a plugin.",
)
class MarketKind(Words):
    """`stored` and `MarketKind.of` translate to and from the lower-case kinds of the tables and the SDK."""

    MATCH_RESULT = auto()
    DOUBLE_CHANCE = auto()
    DRAW_NO_BET = auto()
    ASIAN_HANDICAP = auto()
    TOTAL_GOALS = auto()
    TEAM_TOTAL_GOALS = auto()
    BOTH_TEAMS_TO_SCORE = auto()
    CORRECT_SCORE = auto()
    TOTAL_CORNERS = auto()
    TEAM_TOTAL_CORNERS = auto()
    CORNERS_RESULT = auto()
    TOTAL_CARDS = auto()
    SAME_GAME_COMBO = auto()
    OUTRIGHT = auto()
    CUSTOM = auto()

    @property
    def stored(self) -> str:
        """The kind as `market.kind` holds it, for example `match_result`."""
        return self.value.lower()

    @classmethod
    def of(cls, stored: str) -> MarketKind:
        """The kind of a row of `market`; anything the graph has no name for is CUSTOM."""
        return cls.__members__.get(stored.upper(), cls.CUSTOM)


@described(
    "Part of the match a market is settled on.",
    FULL_TIME="90 minutes and stoppage time.",
    FIRST_HALF="First half.",
    SECOND_HALF="Second half.",
    TO_QUALIFY="Including extra time and penalties.",
)
class Period(Words):
    """`stored` and `Period.of` translate to and from the short periods of the tables and the SDK."""

    FULL_TIME = auto()
    FIRST_HALF = auto()
    SECOND_HALF = auto()
    TO_QUALIFY = auto()

    @property
    def stored(self) -> str:
        """The period as `market.period` holds it, for example `ft`."""
        return _PERIODS[self.value]

    @classmethod
    def of(cls, stored: str) -> Period:
        """The period of a row of `market`."""
        return next(period for period in cls if period.stored == stored)


_PERIODS: Mapping[str, str] = {"FULL_TIME": "ft", "FIRST_HALF": "h1", "SECOND_HALF": "h2", "TO_QUALIFY": "q"}


@described(
    "Results of a selection. Half results come from quarter lines.",
    WON="Won.",
    HALF_WON="Half the stake won, half returned.",
    PUSH="Stake returned.",
    HALF_LOST="Half the stake lost, half returned.",
    LOST="Lost.",
    VOID="Cancelled; stake returned.",
)
class SelectionResult(Words):
    WON = auto()
    HALF_WON = auto()
    PUSH = auto()
    HALF_LOST = auto()
    LOST = auto()
    VOID = auto()


@strawberry.input(description="A closed-open span of time: from <= t < to.")
class DateTimeRange:
    from_: datetime | None = strawberry.field(
        name="from", default=strawberry.UNSET, description="Start, inclusive. Omit for no lower bound."
    )
    to: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="End, exclusive. Omit for no upper bound."
    )

    def bounds(self, argument: str) -> tuple[datetime | None, datetime | None]:
        """Both ends, None where open; raises Invalid naming `argument` when the span is empty."""
        start, end = self.from_ or None, self.to or None
        if start is not None and end is not None and start >= end:
            raise Invalid(argument, "`from` must be before `to`")
        return start, end


@strawberry.type(description="A lower and an upper bound.")
class Interval:
    lower: float = strawberry.field(description="Lower bound.")
    upper: float = strawberry.field(description="Upper bound.")


@strawberry.type(description="An amount of money.")
class Money:
    amount: Decimal = strawberry.field(description="Amount in major units, exact decimal string.")
    currency_code: str = strawberry.field(description="ISO 4217 code, for example `EUR`.")


def given(value: Any) -> Any:
    """The value of an optional input field; None when the client left it out."""
    return None if value is strawberry.UNSET else value


@strawberry.input(description="An amount of money given by a client.")
class MoneyInput:
    amount: Decimal = strawberry.field(description="Amount in major units, exact decimal string.")
    currency_code: str = strawberry.field(description="ISO 4217 code, for example `EUR`.")
