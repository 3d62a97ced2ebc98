"""The demo's visitors: three people who have signed up, with a bankroll on paper, things they follow and a past.

What they bet is a function of the demo's seed and of each match: their stakes stood at real prices of the
simulated bookmakers a day before kick-off, and are settled by the same rules as anybody's, so that their
records, closing-line value included, are counted and not invented.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from itertools import groupby

import asyncpg
import numpy as np
from pwdlib import PasswordHash

from domain import money
from domain.bets import bankrolls
from domain.bets.bankrolls import NewBankroll
from domain.bets.facts import facts_of
from domain.bets.past import PastBet, PastLeg, record_past
from domain.bets.settlement import settle_due
from domain.infra.clock import machine_now, match_now
from domain.infra.database import Database, connection_of
from touchline import Facts, MarketKey, settle
from touchline.margin import Method, remove_margin
from touchline.types import Floats
from workers.demo_people import ADDRESSES, PASSWORD

BALANCE = Decimal(1000)
"""Major units of the currency of each."""
SHARP = "northgate"
"""Whose prices, without their margin, tell a visitor what is dear and what is cheap."""
CORNER_SHOP = "wickerby"
"""Where somebody bets who does not look around."""
BEFORE_KICKOFF = timedelta(days=1)
"""Prices of finished matches are kept of this instant, see `touchline.simulator.prices.EARLY`."""


@dataclass(frozen=True, slots=True)
class Priced:
    """A market of a finished match, priced by the soft books a day before its kick-off."""

    match_id: int
    kickoff: datetime
    facts: Facts
    """What the match came to."""
    key: MarketKey
    name: str
    """The same in every deployment of a seed, unlike the ids."""
    selections: Sequence[int]
    books: Sequence[int]
    prices: Floats
    """(books, outcomes), NaN where a book has none."""
    fair: Floats
    """(outcomes,) of the sharp book, without its margin."""
    corner_shop: int
    """Row of `CORNER_SHOP`."""


@dataclass(frozen=True, slots=True)
class Pick:
    """A selection that a visitor took."""

    market: Priced
    outcome: int
    book: int

    @property
    def edge(self) -> float:
        """By the sharp book's opinion, fraction."""
        return float(self.market.fair[self.outcome] * self.market.prices[self.book, self.outcome] - 1)

    def leg(self) -> PastLeg:
        """As it is recorded."""
        market = self.market
        return PastLeg(
            Decimal(f"{market.prices[self.book, self.outcome]:.2f}"),
            match_id=market.match_id,
            selection_id=market.selections[self.outcome],
            bookmaker_id=market.books[self.book],
            result=settle(market.key, market.key.outcomes[self.outcome], market.facts).result,
        )


Taste = Callable[[Sequence[Priced], np.random.Generator], Pick | None]
"""What somebody takes of the markets of one match; None when nothing."""


def favourite(markets: Sequence[Priced], rng: np.random.Generator) -> Pick | None:
    """Every other match the favourite, at the shop round the corner."""
    result = next(market for market in markets if len(market.selections) == 3)
    return Pick(result, int(result.fair.argmax()), result.corner_shop) if rng.random() < 0.5 else None


def best_price(markets: Sequence[Priced], rng: np.random.Generator) -> Pick | None:
    """Two matches of three a market that comes to mind, at the best price there is."""
    market = markets[int(rng.integers(len(markets)))]
    return _cheapest(market) if rng.random() < 0.67 else None


def value(markets: Sequence[Priced], rng: np.random.Generator) -> Pick | None:
    """What is cheapest of the match, unless it is dear even so."""
    del rng
    pick = max(map(_cheapest, markets), key=lambda pick: pick.edge)
    return pick if pick.edge > -0.01 else None


def _cheapest(market: Priced) -> Pick:
    book, outcome = np.unravel_index(np.nanargmax(market.prices * market.fair), market.prices.shape)
    return Pick(market, int(outcome), int(book))


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who is there when the demo starts."""

    tier: str
    first_name: str
    locale: str
    time_zone: str
    currency: str
    taste: Taste
    most_legs: int
    """Of an accumulator; 1 for somebody who bets singles."""

    @property
    def email(self) -> str:
        return ADDRESSES[self.tier]


VISITORS = (
    Visitor("FREE", "Fay", "en", "Europe/London", "EUR", favourite, 3),
    Visitor("PRO", "Pilar", "es-MX", "America/Mexico_City", "USD", best_price, 1),
    Visitor("VIP", "Vera", "es", "Europe/Madrid", "EUR", value, 1),
)


_EMAILS = [visitor.email for visitor in VISITORS]


async def seed_visitors(database: Database, *, seed: int) -> None:
    """Make the visitors, in one transaction, with their past up to now; harmless when they are there already."""
    if await database.pool.fetchval("select exists (select 1 from account where email = any($1))", _EMAILS):
        return
    hashing = asyncio.create_task(asyncio.to_thread(PasswordHash.recommended().hash, PASSWORD))
    async with database.transaction() as session:
        connection = await connection_of(session)
        now, machine = await match_now(connection), machine_now()
        matches = await _priced_matches(connection)
        accounts = await _accounts(connection, await hashing, machine)
        await _follow(connection, list(accounts.values()), machine)
        for visitor in VISITORS:
            bets = past_of(visitor, matches, seed)
            await _record(connection, visitor, accounts[visitor.email], bets, now=now, machine=machine)
        await settle_due(connection, now=now, machine=machine, job_id="demo")  # notes the closing prices


async def _record(
    connection: asyncpg.Connection,
    visitor: Visitor,
    account_id: int,
    bets: Sequence[PastBet],
    *,
    now: datetime,
    machine: datetime,
) -> None:
    """A bankroll on paper, filled before the first bet, and the bets."""
    wanted = NewBankroll("Paper", visitor.currency, BALANCE, is_paper=True)
    began = min((bet.placed_at for bet in bets), default=now)
    bankroll_id = await bankrolls.create(connection, account_id, wanted, now=began, machine=machine)
    await record_past(connection, account_id, bankroll_id, bets, now=now, machine=machine, source="MANUAL")


async def _accounts(connection: asyncpg.Connection, password_hash: str, machine: datetime) -> Mapping[str, int]:
    """Their accounts by e-mail, confirmed."""
    rows = await connection.fetch(
        """insert into account (email, password_hash, is_email_verified, role, tier, first_name, locale, time_zone,
               currency, odds_format, bookmaker_ids, min_edge, is_email_enabled, is_value_bet_alert_enabled,
               of_legal_age_since, created_at)
           select email, $1, true, 'USER', tier, first_name, locale, time_zone, currency, 'DECIMAL', '{}', 0.10, true,
               true, $2, $2
           from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
                as t(email, tier, first_name, locale, time_zone, currency)
           returning email, id""",
        password_hash,
        machine,
        _EMAILS,
        [visitor.tier for visitor in VISITORS],
        [visitor.first_name for visitor in VISITORS],
        [visitor.locale for visitor in VISITORS],
        [visitor.time_zone for visitor in VISITORS],
        [visitor.currency for visitor in VISITORS],
    )
    return {row["email"]: row["id"] for row in rows}


async def _follow(connection: asyncpg.Connection, account_ids: Sequence[int], machine: datetime) -> None:
    """Each follows a league, and of its coming matches some with one of their teams."""
    await connection.execute(
        """insert into following (account_id, kind, object_id, created_at)
           select a.id, f.kind, f.object_id, $2
           from unnest($1::bigint[]) with ordinality as a(id, place)
           cross join lateral (select id from league order by id offset (a.place - 1) % 2 limit 1) l
           cross join lateral (
             select m.id, m.home_team_id from match m where m.league_id = l.id and m.status = 'SCHEDULED'
             order by m.kickoff_at, m.id limit a.place + 1) m
           cross join lateral (
             values ('LEAGUE', l.id), ('TEAM', m.home_team_id), ('MATCH', m.id)) as f(kind, object_id)
           on conflict do nothing""",
        list(account_ids),
        machine,
    )


def past_of(visitor: Visitor, matches: Sequence[Sequence[Priced]], seed: int) -> list[PastBet]:
    """The bets of a visitor on finished matches, each given by its markets, by the time they were placed."""
    picks = [pick for markets in matches if (pick := visitor.taste(markets, _chance(visitor, markets, seed)))]
    bets: list[PastBet] = []
    while picks:
        kickoff = picks[0].market.kickoff
        legs = [pick for pick in picks[: visitor.most_legs] if pick.market.kickoff - kickoff < BEFORE_KICKOFF / 2]
        rng = _chance(visitor, [pick.market for pick in legs], seed)
        if rng.random() < 0.75:
            del legs[1:]
        bets.append(_bet(visitor, legs, rng))
        del picks[: len(legs)]
    return sorted(bets, key=lambda bet: bet.placed_at)


def _bet(visitor: Visitor, picks: Sequence[Pick], rng: np.random.Generator) -> PastBet:
    """A bet on one to three picks, placed while the prices of all of them stood."""
    since = max(pick.market.kickoff for pick in picks) - BEFORE_KICKOFF
    share = 0.015 if visitor.tier == "FREE" else float(np.clip(max(pick.edge for pick in picks) / 2, 0.005, 0.02))
    stake = money.minor(BALANCE, visitor.currency) * round(share * 400) // 400
    return PastBet(
        placed_at=since + timedelta(minutes=int(rng.integers(5, 11 * 60))),
        stake=stake,
        legs=[pick.leg() for pick in picks],
        tags=["accumulator"] if len(picks) > 1 else [visitor.taste.__name__.replace("_", " ")],
    )


def _chance(visitor: Visitor, markets: Sequence[Priced], seed: int) -> np.random.Generator:
    """Chance of its own for each visitor and match: what else was played changes nothing."""
    name = f"{seed}:{visitor.tier}:" + ":".join(market.name for market in markets)
    return np.random.default_rng(int.from_bytes(blake2b(name.encode(), digest_size=8).digest()))


async def _priced_matches(connection: asyncpg.Connection) -> list[list[Priced]]:
    """The markets of each finished match that kept its prices, by kick-off; with two statements."""
    rows = await connection.fetch(_PRICES, BEFORE_KICKOFF, SHARP, CORNER_SHOP)
    facts = await facts_of(connection, {row["match_id"] for row in rows})
    return [
        [
            _priced(list(of_market), facts[match_id].facts)
            for _, of_market in groupby(of_match, lambda row: row["market"])
        ]
        for match_id, of_match in groupby(rows, lambda row: row["match_id"])
    ]


def _priced(rows: Sequence[asyncpg.Record], facts: Facts) -> Priced:
    """A market of its rows, one an outcome."""
    first = rows[0]
    sharp = np.array([[row["sharp"] for row in rows]])
    return Priced(
        match_id=first["match_id"],
        kickoff=first["kickoff_at"],
        facts=facts,
        key=MarketKey.parse(first["market"]),
        name=first["name"],
        selections=[row["selection_id"] for row in rows],
        books=first["books"],
        prices=np.array([row["prices"] for row in rows], dtype=np.float64).T,
        fair=remove_margin(sharp, Method.MULTIPLICATIVE).probabilities[0],
        corner_shop=first["books"].index(first["corner_shop"]),
    )


_PRICES = """
with latest as (
  select m.id, m.kickoff_at, h.slug || '-' || a.slug || '-' || m.kickoff_at::date as name
  from match m join league l on l.id = m.league_id
  join team h on h.id = m.home_team_id join team a on a.id = m.away_team_id
  where m.status = 'FINISHED' and l.is_simulated),
early as (
  select c.match_id, c.selection_id, c.bookmaker_id, c.price
  from latest m join quote_change c on c.match_id = m.id and c.observed_at = m.kickoff_at - $1::interval)
select m.id as match_id, m.kickoff_at, m.name || k.key as name, k.key as market, s.id as selection_id,
    array_agg(e.bookmaker_id order by b.key) filter (where b.kind = 'SOFT') as books,
    array_agg(e.price::float8 order by b.key) filter (where b.kind = 'SOFT') as prices,
    max(e.price::float8) filter (where b.key = $2) as sharp,
    max(b.id) filter (where b.key = $3) as corner_shop
from early e join latest m on m.id = e.match_id join bookmaker b on b.id = e.bookmaker_id
join selection s on s.id = e.selection_id join market k on k.id = s.market_id and strpos(k.kind, '.') = 0
group by m.id, m.kickoff_at, m.name, k.key, s.id, s.position
order by m.kickoff_at, m.id, k.key, s.position
"""
