"""The legs of a bet: what somebody asks for, and what the platform knows of it.

A leg is an outcome of a match, at a bookmaker of ours or at one that is only typed in; or free words for
something that the platform does not hold. The price of a leg at a bookmaker of ours is checked against the
recorded one, unless the bet was placed earlier and is only recorded now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

import asyncpg

from domain.bets.rules import LONGEST_DESCRIPTION, LONGEST_NAME, MOST_LEGS, clean_text, described, leg_price
from domain.infra.database import Reader
from domain.infra.errors import Invalid, NotFound
from domain.markets.rules import MarketStatus, market_status
from domain.matches.rules import Status
from touchline import MarketKey


@dataclass(frozen=True, slots=True)
class LegWanted:
    """A leg as somebody asks for it: a selection of a match, or `description` for one that we do not hold.

    A selection is named by its ids, by the sequence of the price that was seen, or by both; its bookmaker by
    id, by that price, or typed in.
    """

    price: Decimal
    """Decimal odds that were seen or taken."""
    match_id: int | None = None
    selection_id: int | None = None
    bookmaker_id: int | None = None
    bookmaker_name: str | None = None
    quote_sequence: int | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Leg:
    """A leg with what was known of it when the bet was placed."""

    field: str
    """Path of the input, `input.legs.0`."""
    requested: Decimal
    description: str
    match_id: int | None = None
    market_id: int | None = None
    selection_id: int | None = None
    bookmaker_id: int | None = None
    bookmaker_name: str | None = None
    commission: Decimal = Decimal(0)
    """Of the bookmaker, share of winnings; 0 for one that is typed in."""
    status: MarketStatus | None = None
    kickoff_at: datetime | None = None
    result_at: datetime | None = None
    is_by_hand: bool = True
    """Whether the price is taken as it is told; otherwise `offered` counts."""
    offered: Decimal | None = None
    """What the bookmaker offers; None when nothing."""
    quote_sequence: int | None = None
    """Of `offered`."""
    prediction_id: int | None = None
    """Of the prediction that was shown."""
    probability: float | None = None
    """By that prediction."""
    fair_probability: float | None = None
    result: str | None = None
    """Of a leg whose result is known already, as `domain.bets.tables.BetLeg.result`."""

    @property
    def price(self) -> Decimal:
        """The price of the leg: the recorded one, or as told where there is none to check against."""
        return self.requested if self.offered is None else self.offered


@dataclass(frozen=True, slots=True)
class Asked:
    """What facts are asked of: ids where they are known, and the instant whose prediction counts."""

    match_id: int | None
    selection_id: int | None
    bookmaker_id: int | None
    quote_sequence: int | None
    at: datetime


async def facts_of(reader: Reader, asked: Sequence[Asked]) -> list[asyncpg.Record]:
    """What is known of each selection, in order, with one statement; columns of what does not exist are null.

    The prediction is that of the model that is shown, the newest that it had made by `at`.
    """
    return await reader.fetch(
        _FACTS,
        [one.match_id for one in asked],
        [one.selection_id for one in asked],
        [one.bookmaker_id for one in asked],
        [one.quote_sequence for one in asked],
        [one.at for one in asked],
    )


_FACTS = """
select m.id as match_id, m.status, m.kickoff_at, m.result_at, h.name as home, a.name as away,
    s.id as selection_id, s.market_id, s.key as outcome, k.key as market, own.title,
    b.id as bookmaker_id, b.commission, q.price as offered, q.sequence,
    seen.match_id as seen_match, seen.selection_id as seen_selection, seen.bookmaker_id as seen_bookmaker,
    p.id as prediction_id, p.probabilities[s.position + 1] as probability
from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[])
     with ordinality as t(match_id, selection_id, bookmaker_id, sequence, at, place)
left join lateral (select * from quote_change c where c.sequence = t.sequence limit 1) seen on true
left join match m on m.id = coalesce(t.match_id, seen.match_id)
left join team h on h.id = m.home_team_id
left join team a on a.id = m.away_team_id
left join selection s on s.id = coalesce(t.selection_id, seen.selection_id)
left join market k on k.id = s.market_id
left join market_kind own on own.key = k.kind
left join bookmaker b on b.id = coalesce(t.bookmaker_id, seen.bookmaker_id)
left join quote q on q.match_id = m.id and q.selection_id = s.id and q.bookmaker_id = b.id and q.is_available
left join lateral (
  select p.id, p.probabilities from current_prediction c
  join prediction p on p.match_id = c.match_id and p.market_id = c.market_id and p.model_key = c.model_key
  where c.match_id = m.id and c.market_id = s.market_id and c.is_served and p.predicted_at <= t.at
  order by p.predicted_at desc, p.id desc limit 1) p on true
order by t.place
"""


def shaped(wanted: Sequence[LegWanted]) -> list[LegWanted]:
    """The same legs with their words cleaned; raises Invalid for what no leg can be."""
    if not 1 <= len(wanted) <= MOST_LEGS:
        raise Invalid("input.legs", f"a bet has 1 to {MOST_LEGS} legs")
    return [_shaped(leg, f"input.legs.{n}") for n, leg in enumerate(wanted)]


def _shaped(leg: LegWanted, field: str) -> LegWanted:
    is_named = any(part is not None for part in (leg.match_id, leg.selection_id, leg.quote_sequence))
    if is_named == (leg.description is not None):
        raise Invalid(
            f"{field}.selectionId", "give either the selection or, for one that we do not hold, a description"
        )
    if leg.bookmaker_id is not None and leg.bookmaker_name is not None:
        raise Invalid(f"{field}.bookmakerName", "give either the bookmaker or, for one that we do not hold, its name")
    if is_named and leg.quote_sequence is None and leg.bookmaker_id is None and leg.bookmaker_name is None:
        raise Invalid(f"{field}.bookmakerId", "say where: give the bookmaker, or the name of one that we do not hold")
    name, description = leg.bookmaker_name, leg.description
    return replace(
        leg,
        price=leg_price(leg.price, f"{field}.decimalOdds"),
        bookmaker_name=None if name is None else clean_text(name, f"{field}.bookmakerName", LONGEST_NAME),
        description=None
        if description is None
        else clean_text(description, f"{field}.description", LONGEST_DESCRIPTION),
    )


async def resolved(reader: Reader, wanted: Sequence[LegWanted], *, at: datetime, is_recorded_later: bool) -> list[Leg]:
    """The legs of `shaped` with what is known of them, with one statement.

    Raises NotFound for a match, selection, bookmaker or price that does not exist, and Invalid where the price
    that was seen is of something else.
    """
    facts = await facts_of(
        reader, [Asked(leg.match_id, leg.selection_id, leg.bookmaker_id, leg.quote_sequence, at) for leg in wanted]
    )
    return [
        _resolved(leg, row, f"input.legs.{n}", is_recorded_later=is_recorded_later)
        for n, (leg, row) in enumerate(zip(wanted, facts, strict=True))
    ]


def _resolved(wanted: LegWanted, row: asyncpg.Record, field: str, *, is_recorded_later: bool) -> Leg:
    _check_known(wanted, row, field)
    leg = Leg(
        field,
        wanted.price,
        wanted.description or words_of(row),
        bookmaker_id=row["bookmaker_id"] if wanted.bookmaker_name is None else None,
        bookmaker_name=wanted.bookmaker_name,
        commission=commission_of(row) if wanted.bookmaker_name is None else Decimal(0),
    )
    if row["match_id"] is None:
        return leg
    leg = with_facts(leg, row)
    if is_recorded_later or leg.bookmaker_id is None:
        return leg
    return replace(leg, is_by_hand=False, offered=row["offered"], quote_sequence=row["sequence"])


def with_facts(leg: Leg, row: asyncpg.Record) -> Leg:
    """A leg on a selection of ours with the facts of its match and its prediction."""
    return replace(
        leg,
        match_id=row["match_id"],
        market_id=row["market_id"],
        selection_id=row["selection_id"],
        status=market_status(Status(row["status"])),
        kickoff_at=row["kickoff_at"],
        result_at=row["result_at"],
        prediction_id=row["prediction_id"],
        probability=row["probability"],
    )


def commission_of(row: asyncpg.Record) -> Decimal:
    """Of the bookmaker of a row of facts, share of winnings; 0 without one."""
    return Decimal(0) if row["commission"] is None else row["commission"]


def words_of(row: asyncpg.Record) -> str:
    """The selection of a row of facts for people."""
    return described(row["home"], row["away"], MarketKey.parse(row["market"]), row["outcome"], row["title"])


def _check_known(wanted: LegWanted, row: asyncpg.Record, field: str) -> None:
    if wanted.quote_sequence is not None and row["seen_match"] is None:
        raise NotFound("There is no such price.", field=f"{field}.quoteId")
    if wanted.description is None:
        if row["match_id"] is None:
            raise NotFound("There is no such match.", field=f"{field}.selectionId")
        if row["selection_id"] is None:
            raise NotFound("There is no such selection.", field=f"{field}.selectionId")
    if wanted.bookmaker_id is not None and row["bookmaker_id"] is None:
        raise NotFound("There is no such bookmaker.", field=f"{field}.bookmakerId")
    if wanted.quote_sequence is not None:
        seen = row["seen_match"], row["seen_selection"], row["seen_bookmaker"]
        if seen != (row["match_id"], row["selection_id"], row["bookmaker_id"]):
            raise Invalid(f"{field}.quoteId", "the price is of another selection or bookmaker")
