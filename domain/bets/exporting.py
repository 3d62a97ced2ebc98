"""Exports of an account's bets: one line a leg, as CSV that `domain.bets.importing` reads again, or as JSON Lines.

A market is written by its canonical key and instants in UTC with all their digits, so that a bankroll which imports
the file has the same record. What somebody typed is guarded against spreadsheets that would calculate it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self

import orjson
from asyncpg import Connection, Record
from asyncpg.pool import PoolConnectionProxy

from domain import money
from domain.accounts.audit import note
from domain.accounts.people import NOWHERE, Caller
from domain.bets import dossier
from domain.bets.importing.columns import Column
from domain.bets.importing.values import guarded, written_labels
from domain.infra.errors import Invalid
from domain.tasks.service import FileName, Kind, Running, create

ROWS = 1000
"""Rows of one part of a file."""


class Dataset(StrEnum):
    """What can be exported."""

    BETS = "BETS"
    ACCOUNT = "ACCOUNT"


class Format(StrEnum):
    """How."""

    CSV = "CSV"
    JSONL = "JSONL"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of an export as bytes of its file."""

    rows: int
    body: bytes


async def ask_for_export(
    connection: Connection,
    account_id: int,
    dataset: Dataset,
    format_: Format,
    during: tuple[datetime | None, datetime | None] = (None, None),
    *,
    machine: datetime,
    caller: Caller = NOWHERE,
) -> int:
    """A task that exports; answers its id. `during` is from ≤ placed < to, match time.

    Raises Invalid for everything about an account as CSV or of a span, and where it has too many tasks.
    """
    if dataset is Dataset.ACCOUNT and format_ is not Format.JSONL:
        raise Invalid("input.format", "everything about an account is of many shapes: choose JSONL")
    if dataset is Dataset.ACCOUNT and during != (None, None):
        raise Invalid("input.during", "everything about an account is exported as a whole: leave out the span")
    since, until = (None if instant is None else instant.isoformat() for instant in during)
    arguments = {"dataset": dataset, "format": format_, "since": since, "until": until}
    details = {"dataset": dataset, "format": format_}
    await note(connection, account_id, "account.export", machine=machine, caller=caller, details=details)
    return await create(connection, account_id, Kind.EXPORT, arguments, machine=machine)


@dataclass(frozen=True, slots=True)
class Export:
    """One export, read from one snapshot: `connection` is in a repeatable-read transaction throughout."""

    connection: PoolConnectionProxy
    account_id: int
    dataset: Dataset
    format: Format
    since: datetime | None
    until: datetime | None
    file: FileName

    @classmethod
    def of(cls, connection: PoolConnectionProxy, task: Running) -> Self:
        """The export that a task asks for; its file is named after the day on which it was asked for."""
        dataset, format_ = Dataset(task.arguments["dataset"]), Format(task.arguments["format"])
        since, until = (
            None if text is None else datetime.fromisoformat(text)
            for text in (task.arguments["since"], task.arguments["until"])
        )
        name = f"touchline-{dataset.lower()}-{task.created_at:%Y-%m-%d}.{format_.lower()}"
        return cls(connection, task.account_id, dataset, format_, since, until, FileName(name, _MEDIA_TYPES[format_]))

    async def count(self) -> int:
        """How many rows the file will have."""
        if self.dataset is Dataset.ACCOUNT:
            return await dossier.count(self.connection, self.account_id)
        count: int = await self.connection.fetchval(f"select count(*) from {_LEGS}", *self._arguments)
        return count

    async def chunks(self) -> AsyncGenerator[Chunk, None]:
        """The file in parts; the first has the header and is there without rows too."""
        lines, header = _WRITERS[self.format]
        rows: list[Mapping[str, Any]] = []
        is_first = True
        async for row in self._rows():
            rows.append(row)
            if len(rows) == ROWS:
                yield Chunk(len(rows), (header if is_first else b"") + lines(rows))
                rows, is_first = [], False
        if rows or is_first:
            yield Chunk(len(rows), (header if is_first else b"") + lines(rows))

    async def _rows(self) -> AsyncIterator[Mapping[str, Any]]:
        if self.dataset is Dataset.ACCOUNT:
            async for row in dossier.rows(self.connection, self.account_id):
                yield row
            return
        async for record in self.connection.cursor(_BETS, *self._arguments, prefetch=ROWS):
            yield _row(record)

    @property
    def _arguments(self) -> tuple[Any, ...]:
        return self.account_id, self.since, self.until


_MEDIA_TYPES = {Format.CSV: "text/csv; charset=utf-8", Format.JSONL: "application/x-ndjson"}

_LEGS = """bet b join bet_leg l on l.bet_id = b.id
  where b.account_id = $1 and b.deleted_at is null
    and ($2::timestamptz is null or b.placed_at >= $2) and ($3::timestamptz is null or b.placed_at < $3)"""

_BETS = """
select b.id as bet_id, b.placed_at, b.settled_at, b.stake, b.payout, b.tags, b.notes, b.closing_line_value,
    r.name as bankroll, r.currency, l.position, l.description, l.price,
    coalesce(l.result, case when b.kind = 'SINGLE' then nullif(b.status, 'PENDING') end) as result,
    coalesce(k.name, l.bookmaker_name) as bookmaker, x.kickoff_at, concat_ws(', ', g.name, c.name) as league,
    h.name as home, a.name as away, m.key as market, s.key as selection
from bet b join bankroll r on r.id = b.bankroll_id join bet_leg l on l.bet_id = b.id
left join bookmaker k on k.id = l.bookmaker_id left join match x on x.id = l.match_id
left join league g on g.id = x.league_id left join country c on c.id = g.country_id
left join team h on h.id = x.home_team_id left join team a on a.id = x.away_team_id
left join market m on m.id = l.market_id left join selection s on s.id = l.selection_id
where b.account_id = $1 and b.deleted_at is null
  and ($2::timestamptz is null or b.placed_at >= $2) and ($3::timestamptz is null or b.placed_at < $3)
order by b.placed_at, b.id, l.position
"""

HEADER = {
    Column.BET: "Bet ID",
    "bankroll": "Bankroll",
    Column.PLACED: "Placed",
    Column.SETTLED: "Settled",
    Column.KICKOFF: "Kickoff",
    Column.LEAGUE: "League",
    Column.HOME: "Home",
    Column.AWAY: "Away",
    Column.DESCRIPTION: "Description",
    Column.MARKET: "Market",
    Column.SELECTION: "Selection",
    Column.ODDS: "Odds",
    Column.STAKE: "Stake",
    Column.CURRENCY: "Currency",
    Column.RESULT: "Result",
    Column.PAYOUT: "Payout",
    Column.BOOKMAKER: "Bookmaker",
    Column.TAGS: "Tags",
    Column.NOTES: "Notes",
    "closingLineValue": "Closing Line Value",
}
"""Columns of the CSV; the importer guesses all but the bankroll and what it works out itself."""


def _row(record: Record) -> dict[str, Any]:
    """One leg. What belongs to the whole bet stands at its first leg."""
    is_first, currency = record["position"] == 0, record["currency"]
    return {
        Column.BET: record["bet_id"],
        "bankroll": record["bankroll"],
        Column.PLACED: _instant(record["placed_at"]),
        Column.SETTLED: _instant(record["settled_at"]),
        Column.KICKOFF: _instant(record["kickoff_at"]),
        Column.LEAGUE: record["league"],
        Column.HOME: record["home"],
        Column.AWAY: record["away"],
        Column.DESCRIPTION: record["description"],
        Column.MARKET: record["market"],
        Column.SELECTION: record["selection"],
        Column.ODDS: f"{record['price']:f}",
        Column.STAKE: str(money.major(record["stake"], currency)) if is_first else None,
        Column.CURRENCY: currency,
        Column.RESULT: record["result"],
        Column.PAYOUT: _payout(record) if is_first else None,
        Column.BOOKMAKER: record["bookmaker"],
        Column.TAGS: list(record["tags"]) if is_first else [],
        Column.NOTES: record["notes"] if is_first else None,
        "closingLineValue": record["closing_line_value"] if is_first else None,
    }


def _payout(record: Record) -> str | None:
    return None if record["payout"] is None else str(money.major(record["payout"], record["currency"]))


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


_TYPED = ("bankroll", Column.LEAGUE, Column.HOME, Column.AWAY, Column.DESCRIPTION, Column.BOOKMAKER, Column.NOTES)
"""Words of people and sources."""


def _csv_lines(rows: Sequence[Mapping[str, Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    for row in rows:
        cells = {name: row[name] for name in HEADER}
        cells |= {name: guarded(row[name] or "") for name in _TYPED}
        cells[Column.TAGS] = guarded(written_labels(row[Column.TAGS]))
        writer.writerow(cells.values())
    return text.getvalue().encode()


def _json_lines(rows: Sequence[Mapping[str, Any]]) -> bytes:
    return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS) for row in rows)


_WRITERS: Mapping[Format, tuple[Callable[[Sequence[Mapping[str, Any]]], bytes], bytes]] = {
    Format.CSV: (_csv_lines, (",".join(HEADER.values()) + "\r\n").encode()),
    Format.JSONL: (_json_lines, b""),
}
