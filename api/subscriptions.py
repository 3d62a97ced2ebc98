"""Live updates. What a subscriber is told is in `api.live`, its source in `api.hub`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime, timedelta
from enum import auto
from typing import Annotated

import strawberry

from api.batch import batch, derived, live
from api.bet_updates import bet_settled
from api.hub import OddsHub
from api.live import Subscriber
from api.live_buffer import Cursor, Update, Wanted
from api.matches import Match
from api.nodes import keys_of
from api.odds_markets import Market
from api.odds_prices import BigInt, Price, price_of
from api.odds_quotes import OddsQuote, quote_of
from api.rows import Rows
from api.scalars import MarketKind, Words, described
from api.tasks import job_progressed
from domain.infra.clock import machine_now
from domain.infra.errors import Invalid
from domain.infra.settings import Settings
from domain.odds.service import Change
from domain.odds.stream import Scope

MOST_MATCHES = 200
MOST_LEAGUES = 50
LONGEST_CONFLATION = 5000


@described(
    "Kinds of live message.",
    SNAPSHOT="State at the start.",
    DELTA="What changed.",
    GAP="Messages were lost because the cursor was too old or the client too slow; a SNAPSHOT follows.",
    HEARTBEAT="Nothing changed for a while, by default 15 seconds; the stream is alive.",
)
class UpdateKind(Words):
    SNAPSHOT = auto()
    DELTA = auto()
    GAP = auto()
    HEARTBEAT = auto()


@strawberry.type(description="One changed quote.")
class OddsChange:
    change: strawberry.Private[Change]

    @derived
    def sequence(self) -> BigInt:
        """Place of the change in the stream of all changes. In a SNAPSHOT that of the change that made the price."""
        return BigInt(self.change.sequence)

    @derived
    def quote(self) -> OddsQuote:
        """Quote now."""
        return quote_of(self.change)

    @derived
    def previous_price(self) -> Price | None:
        """Price before; null when new."""
        return price_of(self.change.previous_price)

    @derived
    def move(self) -> float | None:
        """Change of the decimal odds, fraction; null when new."""
        before = self.change.previous_price
        return None if before is None else self.change.price / before - 1

    @derived
    def is_best(self) -> bool:
        """Whether it is the best price of its selection."""
        return self.change.is_best

    @batch
    @staticmethod
    async def match(changes: Sequence[OddsChange], db: Rows) -> list[Match]:
        """Match."""
        return await db.pick(Match, [each.change.match_id for each in changes])

    @batch
    @staticmethod
    async def market(changes: Sequence[OddsChange], hub: OddsHub) -> list[Market]:
        """Market."""
        await hub.learn([each.change for each in changes])
        return [_market(each.change, hub) for each in changes]


def _market(change: Change, hub: OddsHub) -> Market:
    key, _ = hub.dictionary.selection(change.selection_id)
    market_id = hub.dictionary.market_id(key)
    return Market(
        key=(change.match_id, market_id),
        match_id=change.match_id,
        market_id=market_id,
        market_key=str(key),
        title=hub.dictionary.titles.get(key),
        line=key.line,
    )


@strawberry.type(description="A message of `oddsChanged`.")
class OddsUpdate:
    kind: UpdateKind = strawberry.field(description="Kind.")
    cursor: str = strawberry.field(description="Position; pass it to `after`.")
    changes: list[OddsChange] = strawberry.field(
        description="Quotes; empty for GAP and HEARTBEAT. A change whose `observedAt` lies before that of a price "
        "already known amends the past and does not replace it."
    )
    is_conflated: bool = strawberry.field(
        description="Whether intermediate prices may have been left out, as asked for or since the client is slow."
    )
    sent_at: datetime = strawberry.field(description="When the server sent it.")


def _update(update: Update) -> OddsUpdate:
    return OddsUpdate(
        kind=UpdateKind(update.kind),
        cursor=str(update.cursor),
        changes=[OddsChange(change=change) for change in update.changes],
        is_conflated=update.is_conflated,
        sent_at=machine_now(),
    )


def _wanted(
    match_ids: list[strawberry.ID] | None,
    league_ids: list[strawberry.ID] | None,
    markets: list[MarketKind] | None,
    bookmaker_ids: list[strawberry.ID] | None,
    is_best_only: bool | None,
    min_move: float | None,
    conflate_milliseconds: int | None,
) -> Wanted:
    """The arguments checked; raises Invalid naming the one at fault."""
    matches, leagues = _followed(match_ids, league_ids)
    if not 0 <= (min_move or 0) < float("inf"):
        raise Invalid("minMove", "must be 0 or more")
    if not 0 <= (conflate_milliseconds or 0) <= LONGEST_CONFLATION:
        raise Invalid("conflateMilliseconds", f"must be between 0 and {LONGEST_CONFLATION}")
    books = keys_of("Bookmaker", bookmaker_ids, "bookmakerIds")
    return Wanted(
        Scope(frozenset(matches), frozenset(leagues)),
        None if markets is None else frozenset(kind.stored for kind in markets),
        None if books is None else frozenset(books),
        bool(is_best_only),
        min_move or 0.0,
        timedelta(milliseconds=conflate_milliseconds or 0),
    )


def _followed(
    match_ids: list[strawberry.ID] | None, league_ids: list[strawberry.ID] | None
) -> tuple[list[int], list[int]]:
    for argument, ids, most in (("matchIds", match_ids, MOST_MATCHES), ("leagueIds", league_ids, MOST_LEAGUES)):
        if ids and len(ids) > most:
            raise Invalid(argument, f"must be at most {most} IDs and are {len(ids)}")
    matches = keys_of("Match", match_ids, "matchIds") or []
    leagues = keys_of("League", league_ids, "leagueIds") or []
    if not matches and not leagues:
        raise Invalid("matchIds", "give at least one of `matchIds`, `leagueIds`")
    return matches, leagues


def _argument(description: str) -> object:
    return strawberry.argument(description=description)


@live
async def odds_changed(
    hub: OddsHub,
    settings: Settings,
    match_ids: Annotated[list[strawberry.ID] | None, _argument("Only these matches, at most 200.")] = None,
    league_ids: Annotated[list[strawberry.ID] | None, _argument("Only these leagues, at most 50.")] = None,
    markets: Annotated[list[MarketKind] | None, _argument("Only these market kinds.")] = None,
    bookmaker_ids: Annotated[list[strawberry.ID] | None, _argument("Only these bookmakers.")] = None,
    is_best_only: Annotated[bool | None, _argument("Only changes of the best price of a selection.")] = False,
    min_move: Annotated[float | None, _argument("Leave out smaller changes of the decimal odds, fraction.")] = 0,
    has_snapshot: Annotated[bool | None, _argument("Begin with the present state.")] = True,
    after: Annotated[
        str | None, _argument("Go on after this cursor; a GAP event comes first when it is too old.")
    ] = None,
    conflate_milliseconds: Annotated[
        int | None,
        _argument("Collect changes for this long and send the newest per quote, milliseconds, 0-5000."),
    ] = 0,
) -> AsyncGenerator[OddsUpdate, None]:
    """Price changes. Begins with a SNAPSHOT of what matches the filter, then DELTAs. Give at least one of
    `matchIds`, `leagueIds`. A league's SNAPSHOT leaves out matches that are over."""
    wanted = _wanted(match_ids, league_ids, markets, bookmaker_ids, is_best_only, min_move, conflate_milliseconds)
    position = None if after is None else Cursor.read(after)
    subscriber = Subscriber(
        hub,
        wanted,
        limit=settings.subscriber_buffer,
        heartbeat=timedelta(seconds=settings.heartbeat_seconds),
        retention=timedelta(hours=settings.odds_retention_hours),
    )
    if position is not None:
        await subscriber.check(position)
    updates = subscriber.updates(position, has_snapshot=has_snapshot is not False)
    try:
        async for update in updates:
            yield _update(update)
    finally:
        await updates.aclose()


@strawberry.type(
    description="Live updates over `graphql-transport-ws`. Every event has a `cursor`; pass the last one as "
    "`after` when connecting again and nothing is missed or doubled."
)
class Subscription:
    odds_changed = odds_changed
    bet_settled = bet_settled
    job_progressed = job_progressed
