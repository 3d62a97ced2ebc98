"""Working out the value bets of a match: from the served forecasts and the standing prices to open bets.

A bet is opened when a strategy first likes a price, follows it while it stands, and expires when the
price moves away, the edge is gone or the match kicks off. Strategies weigh prices in a thread and outside of any
transaction, so that nothing waits for what they do; what they found is written in one transaction, one revision a job.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import asyncpg
import orjson

from domain.forecasting.plugin_states import note_call
from domain.forecasting.queries import IN_SHADOW
from domain.infra import jobs
from domain.infra.clock import match_now
from domain.infra.database import Reader
from domain.value.offers import MarketOffers, PricedAt, priced_markets
from domain.value.rules import ImpossibleAssessment, judge
from touchline import Assessment, Strategy
from touchline.outputs import Fault, PluginError
from touchline.plugins import describe
from touchline.settings import settings_of
from touchline.wire import digest

_VERSION_RENEWED = timedelta(minutes=1)
"""How old, in match time, the data cut-off of a strategy's version may become."""


@dataclass(frozen=True, slots=True)
class Priced:
    """What pricing a match came to."""

    opened: int
    updated: int
    expired: int
    held_back: int
    """Edges too large to be believed."""
    best_edge: float | None
    errors: list[str]
    """One sentence for each strategy that failed."""


@dataclass(frozen=True, slots=True)
class View:
    """What a strategy thinks of a match's prices, or what it failed with."""

    strategy: Strategy
    markets: int
    """Markets that it was asked about."""
    found: Sequence[tuple[MarketOffers, Assessment]] = ()
    held_back: int = 0
    milliseconds: float | None = None
    """Time for all markets; None where it failed."""
    failure: PluginError | None = None


@dataclass(frozen=True, slots=True)
class _Bet:
    """A judgement worth keeping."""

    strategy: str
    version_id: int
    prediction_id: int
    quote: PricedAt
    assessment: Assessment


async def weigh_match(reader: Reader, match_id: int, strategies: Sequence[Strategy], *, max_edge: float) -> list[View]:
    """Have strategies judge the standing prices of a match. One that fails costs nobody else's view."""
    now = await match_now(reader)
    markets = await priced_markets(reader, match_id, now) if await _is_open(reader, match_id, now) else []
    return await asyncio.to_thread(lambda: [_view(strategy, markets, max_edge) for strategy in strategies])


async def price_match(
    connection: asyncpg.Connection, match_id: int, views: Sequence[View], *, job_id: str
) -> Priced | None:
    """Write down what strategies found in a match, in the open transaction; None when another run of the job already
    did.

    A price that moved meanwhile is passed over: its own job follows. Bets of a strategy that failed stay open as long
    as their prices stand, those of one that is no longer asked do not.
    """
    if not await jobs.finish(connection, job_id):
        return None
    await connection.execute(
        """insert into match_outlook (match_id, value_revision) values ($1, 1)
           on conflict (match_id) do update set value_revision = match_outlook.value_revision + 1""",
        match_id,
    )
    now = await match_now(connection)
    is_open = await _is_open(connection, match_id, now)
    bets = [bet for view in views for bet in await _bets(connection, view, now, job_id)] if is_open else []
    opened, updated = await _open(connection, match_id, bets, now, job_id)
    expired = await _expire(connection, match_id, bets, views, now, is_open=is_open)
    priced = Priced(
        opened=opened,
        updated=updated,
        expired=expired,
        held_back=sum(view.held_back for view in views),
        best_edge=await _note_best(connection, match_id),
        errors=[view.failure.sentence for view in views if view.failure is not None],
    )
    await jobs.note_result(connection, job_id, asdict(priced))
    await _note_calls(connection, views, now, job_id)
    return priced


async def _is_open(reader: Reader, match_id: int, now: datetime) -> bool:
    """Whether the match is still to come."""
    return bool(
        await reader.fetchval("select status = 'SCHEDULED' and kickoff_at > $2 from match where id = $1", match_id, now)
    )


async def _note_calls(connection: asyncpg.Connection, views: Sequence[View], now: datetime, job_id: str) -> None:
    """Count the strategies that were asked anything, in the order in which every job locks their plugins."""
    for view in sorted(views, key=lambda view: view.strategy.key):
        if view.markets:
            await note_call(
                connection,
                view.strategy.key,
                fault=None if view.failure is None else view.failure.kind,
                error=None if view.failure is None else view.failure.sentence,
                milliseconds=view.milliseconds,
                now=now,
                job_id=job_id,
            )


async def expire_started(connection: asyncpg.Connection) -> int:
    """Expire the open bets of all matches that kicked off or were taken off; answers how many."""
    now = await match_now(connection)
    # In the order in which `price_match` locks: first the match, then its bets.
    await connection.execute(
        """select 1 from match_outlook o join match m on m.id = o.match_id
           where o.best_edge is not null and (m.kickoff_at <= $1 or m.status <> 'SCHEDULED')
           order by o.match_id for update of o""",
        now,
    )
    rows = await connection.fetch(
        """update value_bet b set status = 'EXPIRED', expired_at = least(m.kickoff_at, $1), updated_at = $1
           from match m where m.id = b.match_id and b.status = 'OPEN'
             and (m.kickoff_at <= $1 or m.status <> 'SCHEDULED') returning b.match_id""",
        now,
    )
    await connection.execute(
        "update match_outlook set best_edge = null where match_id = any($1::bigint[])",
        sorted({row["match_id"] for row in rows}),
    )
    return len(rows)


def _view(strategy: Strategy, markets: Sequence[MarketOffers], max_edge: float) -> View:
    """Have a strategy judge every market; when it fails nothing of it counts."""
    found: list[tuple[MarketOffers, Assessment]] = []
    held_back = 0
    started = time.perf_counter()
    try:
        for market in markets:
            offers = list(market.offers)
            judged = judge(strategy.assess(market.key, market.probabilities, offers), offers, max_edge)
            found += [(market, assessment) for assessment in judged.kept]
            held_back += judged.held_back
    except PluginError as error:
        failure = error
    except ImpossibleAssessment as error:
        failure = PluginError(Fault.INVALID_OUTPUT, f"What assess() returned cannot be used: {error}.")
    except Exception as error:  # noqa: BLE001 - a plugin's code: counted with it, and told
        failure = PluginError(Fault.RAISED, f"assess() raised {describe(error)}")
    else:
        return View(strategy, len(markets), found, held_back, (time.perf_counter() - started) * 1000)
    return View(strategy, len(markets), failure=failure)


async def _bets(connection: asyncpg.Connection, view: View, now: datetime, job_id: str) -> list[_Bet]:
    """What a strategy found, as rows under its version."""
    if view.failure is not None:
        return []
    version_id = await _strategy_version(connection, view.strategy, now, job_id)
    return [
        _Bet(view.strategy.key, version_id, market.prediction_id, market.offers[assessment.offer], assessment)
        for market, assessment in view.found
    ]


async def _strategy_version(connection: asyncpg.Connection, strategy: Strategy, now: datetime, job_id: str) -> int:
    """The version row of a strategy's code and settings; its data cut-off moves on with its work."""
    settings = orjson.dumps(settings_of(strategy), option=orjson.OPT_SORT_KEYS).decode()
    wanted = strategy.key, strategy.version, settings
    row = await connection.fetchrow(_NEWEST_VERSION, *wanted)
    if row is None:
        await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"strategy|{strategy.key}")
        row = await connection.fetchrow(_NEWEST_VERSION, *wanted)
    if row is None:
        return await _new_version(connection, strategy, settings, now, job_id)
    if row["data_cutoff_at"] < now - _VERSION_RENEWED:
        await connection.execute(
            "update model_version set data_cutoff_at = $2, job_id = $3 where id = $1", row["id"], now, job_id
        )
    version_id: int = row["id"]
    return version_id


_NEWEST_VERSION = """
select id, data_cutoff_at from model_version
where model_key = $1 and league_id is null and code_version = $2 and settings = $3::text::jsonb
order by id desc limit 1
"""


async def _new_version(
    connection: asyncpg.Connection, strategy: Strategy, settings: str, now: datetime, job_id: str
) -> int:
    code = digest({}, {"version": strategy.version, "settings": settings})
    version_id: int = await connection.fetchval(
        """insert into model_version (model_key, code_version, league_id, fitted_at, data_from, data_cutoff_at,
               training_matches, fit_seconds, settings, seed, state, state_size, state_digest, inputs_digest, job_id)
           values ($1, $2, null, $3, null, $3, 0, 0, $4::text::jsonb, 0, '', 0, $5, $5, $6) returning id""",
        strategy.key,
        strategy.version,
        now,
        settings,
        code,
        job_id,
    )
    return version_id


async def _open(
    connection: asyncpg.Connection, match_id: int, bets: Sequence[_Bet], now: datetime, job_id: str
) -> tuple[int, int]:
    """Open new bets and bring open ones up to date; answers how many of each."""
    rows = await connection.fetch(
        """insert into value_bet (match_id, selection_id, bookmaker_id, strategy_key, model_version_id, prediction_id,
               price, sequence, probability, edge, kelly, recommendation, status, found_at, updated_at, job_id)
           select $1, t.selection_id, t.bookmaker_id, strategy, version_id, prediction_id, t.price::numeric, t.sequence,
                  probability, edge, kelly, recommendation, 'OPEN', $12, $12, $13
           from unnest($2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::text[], $8::bigint[],
                       $9::float8[], $10::float8[], $11::float8[], $14::text[])
                as t(selection_id, bookmaker_id, strategy, version_id, prediction_id, price, sequence,
                     probability, edge, kelly, recommendation)
                join quote q on q.match_id = $1 and q.selection_id = t.selection_id
                             and q.bookmaker_id = t.bookmaker_id and q.sequence = t.sequence and q.is_available
           on conflict (match_id, selection_id, bookmaker_id, strategy_key) where status = 'OPEN' do update
           set model_version_id = excluded.model_version_id, prediction_id = excluded.prediction_id,
               price = excluded.price, sequence = excluded.sequence, probability = excluded.probability,
               edge = excluded.edge, kelly = excluded.kelly, recommendation = excluded.recommendation,
               updated_at = excluded.updated_at, job_id = excluded.job_id
           where (value_bet.sequence, value_bet.probability, value_bet.edge, value_bet.prediction_id)
                 is distinct from (excluded.sequence, excluded.probability, excluded.edge, excluded.prediction_id)
           returning xmax = 0 as is_new""",
        match_id,
        [bet.quote.selection_id for bet in bets],
        [bet.quote.bookmaker_id for bet in bets],
        [bet.strategy for bet in bets],
        [bet.version_id for bet in bets],
        [bet.prediction_id for bet in bets],
        [bet.quote.price for bet in bets],
        [bet.quote.sequence for bet in bets],
        [bet.assessment.probability for bet in bets],
        [bet.assessment.edge for bet in bets],
        [bet.assessment.kelly for bet in bets],
        now,
        job_id,
        [bet.assessment.recommendation for bet in bets],
    )
    opened = sum(row["is_new"] for row in rows)
    return opened, len(rows) - opened


async def _expire(
    connection: asyncpg.Connection,
    match_id: int,
    bets: Sequence[_Bet],
    views: Sequence[View],
    now: datetime,
    *,
    is_open: bool,
) -> int:
    """Expire the open bets that are no longer liked, whose price is gone, or whose match is on; and those of strategies
    that are not asked any more, unless they are in quarantine: their last good word stands.
    """
    rows = await connection.fetch(
        """update value_bet b set status = 'EXPIRED', expired_at = $2, updated_at = $2
           where b.match_id = $1 and b.status = 'OPEN' and (not $7::bool
             or (b.strategy_key = any($6::text[]) and not exists (
                   select 1 from unnest($3::bigint[], $4::bigint[], $5::text[]) as t(selection, bookmaker, strategy)
                   where t.selection = b.selection_id and t.bookmaker = b.bookmaker_id
                     and t.strategy = b.strategy_key))
             or exists (select 1 from model m join plugin p on p.key = m.plugin_key where m.key = b.strategy_key
                          and not (m.is_installed and p.status in ('ACTIVE', 'QUARANTINED')))
             or not exists (select 1 from quote q where q.match_id = b.match_id and q.selection_id = b.selection_id
                              and q.bookmaker_id = b.bookmaker_id and q.sequence = b.sequence and q.is_available))
           returning 1""",
        match_id,
        now,
        [bet.quote.selection_id for bet in bets],
        [bet.quote.bookmaker_id for bet in bets],
        [bet.strategy for bet in bets],
        [view.strategy.key for view in views if view.failure is None],
        is_open,
    )
    return len(rows)


async def _note_best(connection: asyncpg.Connection, match_id: int) -> float | None:
    """Keep the best edge that users see: not that of a strategy in shadow."""
    best: float | None = await connection.fetchval(
        f"""update match_outlook set best_edge = (
              select max(edge) from value_bet
              where match_id = $1 and status = 'OPEN' and strategy_key <> all({IN_SHADOW}))
            where match_id = $1 returning best_edge""",
        match_id,
    )
    return best
