"""The bets of an account as columns: one statement, whatever is then asked of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Self

import numpy as np
from asyncpg import Record
from numpy.typing import NDArray

from domain.bets.listing import BetCriteria
from domain.infra.database import Reader
from touchline import Floats, Ints

Words = NDArray[np.object_]
"""Texts, held as Python holds them: columns of fixed width would be as wide as the longest and copied whole."""
Flags = NDArray[np.bool_]
Span = tuple[datetime | None, datetime | None]
"""From, inclusive, and to, exclusive; None where open."""

SEVERAL = "MULTIPLE"
"""What the legs of an accumulator have in common where they differ."""
UNKNOWN = "UNKNOWN"
"""Where nothing is known, for example the league of a bet typed in by hand."""
TYPED = "="
"""Begins the name of a bookmaker that is none of ours; ours are told by their id."""
BETWEEN_TAGS = "\x1f"
"""No tag holds a control character."""


@dataclass(frozen=True, slots=True)
class Bets:
    """Bets as columns `(n,)`, those settled first of all first, pending ones last. Money is in minor units.

    Instants are seconds since 1970. NaN is the settlement of a pending bet, and a figure that is not known.
    """

    id: Ints
    bankroll: Ints
    status: Words
    stake: Ints
    payout: Ints
    """0 while pending."""
    price: Floats
    net_price: Floats
    """After the commission on winnings that each leg's exchange takes."""
    placed_at: Floats
    settled_at: Floats
    closing_line_value: Floats
    expected_profit: Floats
    """Minor units."""
    edge: Floats
    """At placement, fraction."""
    league: Words
    """Id, MULTIPLE or UNKNOWN, as in the next three."""
    market: Words
    """Kind."""
    bookmaker: Words
    """Id, or `=` and the name as typed."""
    model: Words
    """Key, of the prediction when it was placed."""
    tags: Words
    """Joined by `BETWEEN_TAGS`."""

    def __len__(self) -> int:
        return len(self.id)

    def __getitem__(self, which: Ints | slice) -> Self:
        return type(self)(*(getattr(self, column.name)[which] for column in fields(self)))

    def where(self, is_meant: Flags) -> Self:
        """Those with a flag; where all have it, no column is copied."""
        return self if is_meant.all() else self[np.flatnonzero(is_meant)]

    @property
    def is_pending(self) -> Flags:
        return np.isnan(self.settled_at)

    @property
    def settled(self) -> Self:
        """Those that were decided; a void bet is as if it had never been placed."""
        return self.where(~self.is_pending & (self.status != "VOID"))

    @property
    def closed(self) -> Self:
        """Those that have a fair closing price."""
        return self.where(~np.isnan(self.closing_line_value) & ~np.isnan(self.expected_profit))

    @property
    def profit(self) -> Ints:
        return self.payout - self.stake

    def profit_by_instant(self) -> tuple[Floats, Floats]:
        """The distinct instants of settlement, rising, and the profit at each."""
        at, place = np.unique(self.settled_at, return_inverse=True)
        return at, np.asarray(np.bincount(place, self.profit.astype(np.float64), len(at)), dtype=np.float64)

    def of(self, bankrolls: Collection[int]) -> Self:
        """Those of some bankrolls."""
        return self.where(np.isin(self.bankroll, list(bankrolls)))

    def among(self, ids: Ints) -> Self:
        """Those with these ids."""
        return self.where(np.isin(self.id, ids))

    def during(self, span: Span) -> Self:
        """Those settled in a span, and the pending ones that were placed in it."""
        return self.where(is_within(np.where(self.is_pending, self.placed_at, self.settled_at), span))


@dataclass(frozen=True, slots=True)
class Purse:
    """A bankroll without its bets: what it began with, and what was put in and taken out since."""

    id: int
    currency: str
    is_paper: bool
    start: int
    """The deposit with which it was made, minor units. It counts from the beginning, whenever that was."""
    moved: Ints
    """Other movements that are no bet's, minor units, `(m,)`."""
    moved_at: Floats
    """Seconds since 1970, rising."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Everything that a record is made of."""

    bets: Bets
    purses: Mapping[int, Purse]
    """By id."""

    def purses_of(self, currency: str, *, is_paper: bool) -> list[Purse]:
        """The bankrolls in a currency, real or on paper."""
        return [one for one in self.purses.values() if one.currency == currency and one.is_paper == is_paper]

    def currencies(self, *, is_paper: bool) -> list[str]:
        """The currencies of the bankrolls, real or on paper, that with the most settled bets first."""
        counts: dict[str, int] = {}
        settled = self.bets.bankroll[~self.bets.is_pending]
        for one in self.purses.values():
            if one.is_paper == is_paper:
                counts[one.currency] = counts.get(one.currency, 0) + int(np.count_nonzero(settled == one.id))
        return sorted(counts, key=lambda currency: (-counts[currency], currency))


def is_within(instants: Floats, span: Span) -> Flags:
    """Which instants, in seconds since 1970, lie in a span."""
    start, end = span
    return (instants >= (-np.inf if start is None else start.timestamp())) & (
        instants < (np.inf if end is None else end.timestamp())
    )


async def ledgers(db: Reader, account_ids: Sequence[int]) -> list[Ledger]:
    """The ledger of each account, with one statement."""
    rows = {row["account_id"]: row for row in await db.fetch(_READ, list(account_ids), BETWEEN_TAGS)}
    return [_ledger(rows[account_id]) for account_id in account_ids]


async def chosen_bets(db: Reader, criteria: BetCriteria) -> Ints:
    """The ids of the bets that criteria choose."""
    where = criteria.where()
    return _ints(
        await db.fetchval(
            f"select array_agg(b.id) from bet b join bankroll r on r.id = b.bankroll_id where {where.sql}",
            *where.arguments,
        )
    )


_READ = f"""
select owner.id as account_id, bets.*, legs.*, purses.*, moves.*
from unnest($1::bigint[]) as owner(id)
cross join lateral (
  select array_agg(b.id) as id, array_agg(b.bankroll_id) as bankroll, array_agg(b.status) as status,
      array_agg(b.stake) as stake, array_agg(coalesce(b.payout, 0)) as payout, array_agg(b.price::float8) as price,
      array_agg(date_part('epoch', b.placed_at)) as placed_at,
      array_agg(date_part('epoch', case when b.status <> 'PENDING' then coalesce(b.settled_at, b.placed_at) end))
          as settled_at,
      array_agg(b.closing_line_value) as closing_line_value, array_agg(b.expected_profit) as expected_profit,
      array_agg(b.edge_at_placement) as edge, array_agg(array_to_string(b.tags, $2)) as tags
  from bet b where b.account_id = owner.id and b.deleted_at is null) bets
cross join lateral (
  select array_agg(l.bet_id) as leg_bet, array_agg(m.league_id::text) as league, array_agg(k.kind) as market,
      array_agg(coalesce(l.bookmaker_id::text, '{TYPED}' || l.bookmaker_name)) as bookmaker,
      array_agg(p.model_key) as model,
      array_agg(case when l.commission = 0 then 1
                     else 1 - l.commission::float8 * (1 - 1 / l.price::float8) end) as kept
  from bet b join bet_leg l on l.bet_id = b.id
  left join match m on m.id = l.match_id
  left join market k on k.id = l.market_id
  left join prediction p on p.id = l.prediction_id
  where b.account_id = owner.id and b.deleted_at is null) legs
cross join lateral (
  select array_agg(r.id) as purse, array_agg(r.currency) as currency, array_agg(r.is_paper) as is_paper
  from bankroll r where r.account_id = owner.id) purses
cross join lateral (
  select array_agg(e.bankroll_id) as moved_in, array_agg(e.amount) as moved,
      array_agg(date_part('epoch', e.occurred_at)) as moved_at,
      array_agg(e.kind = 'DEPOSIT' and e.recorded_at = r.created_at) as is_start
  from bankroll r join bankroll_entry e on e.bankroll_id = r.id
  where r.account_id = owner.id and e.bet_id is null) moves
"""


def _ledger(row: Record) -> Ledger:
    bets = _bets(row)
    order = np.lexsort((bets.id, bets.placed_at, bets.settled_at))  # NaN sorts last
    return Ledger(bets[order], {one.id: one for one in _purses(row)})


def _bets(row: Record) -> Bets:
    """The bets by id."""
    ids = _ints(row["id"])
    order = np.argsort(ids)
    legs = _Legs.of(_ints(row["leg_bet"]))
    price = _floats(row["price"])[order]
    return Bets(
        id=ids[order],
        bankroll=_ints(row["bankroll"])[order],
        status=_words(row["status"])[order],
        stake=_ints(row["stake"])[order],
        payout=_ints(row["payout"])[order],
        price=price,
        net_price=price * legs.product(_floats(row["kept"])),
        placed_at=_floats(row["placed_at"])[order],
        settled_at=_floats(row["settled_at"])[order],
        closing_line_value=_floats(row["closing_line_value"])[order],
        expected_profit=_floats(row["expected_profit"])[order],
        edge=_floats(row["edge"])[order],
        league=legs.shared(_words(row["league"])),
        market=legs.shared(_words(row["market"])),
        bookmaker=legs.shared(_words(row["bookmaker"])),
        model=legs.shared(_words(row["model"])),
        tags=np.array(row["tags"] or [], dtype=np.object_)[order],
    )


@dataclass(frozen=True, slots=True)
class _Legs:
    """How legs make bets: every bet has one."""

    order: Ints
    """Of the legs, by bet."""
    starts: Ints
    """Where each bet's legs begin in that order."""
    counts: Ints

    @classmethod
    def of(cls, bet: Ints) -> Self:
        order = np.argsort(bet)
        _, starts, counts = np.unique(bet[order], return_index=True, return_counts=True)
        return cls(order, starts, counts)

    def shared(self, words: Words) -> Words:
        """The word of each bet, by id: that of its legs, or MULTIPLE where they differ."""
        if not len(words):
            return words
        first = words[self.order][self.starts]
        differs = np.logical_or.reduceat(words[self.order] != np.repeat(first, self.counts), self.starts)
        return np.where(differs, SEVERAL, first)

    def product(self, factors: Floats) -> Floats:
        """The product of each bet's legs, by id."""
        return np.multiply.reduceat(factors[self.order], self.starts) if len(factors) else factors


def _purses(row: Record) -> list[Purse]:
    moved_in, is_start = _ints(row["moved_in"]), np.array(row["is_start"] or [], dtype=np.bool_)
    moved, moved_at = _ints(row["moved"]), _floats(row["moved_at"])
    purses = []
    for key, currency, is_paper in zip(row["purse"] or [], row["currency"] or [], row["is_paper"] or [], strict=True):
        later = np.flatnonzero((moved_in == key) & ~is_start)
        later = later[np.argsort(moved_at[later], kind="stable")]
        start = sum(moved[(moved_in == key) & is_start].tolist())
        purses.append(Purse(key, currency, is_paper, start, moved[later], moved_at[later]))
    return purses


def _ints(values: list[int] | None) -> Ints:
    return np.array(values or [], dtype=np.int64)


def _floats(values: list[float | None] | None) -> Floats:
    return np.array(values or [], dtype=np.float64)  # None becomes NaN


def _words(values: list[str | None] | None) -> Words:
    return np.array([value or UNKNOWN for value in values or []], dtype=np.object_)
