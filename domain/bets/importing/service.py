"""Importing a file of bets: asked for, understood as a whole, then recorded in batches of lines.

A line is named by a digest of what it says, which a bankroll holds once: the same file again adds nothing, and a
worker that dies in the middle of one is followed by another that goes on behind its last batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from zoneinfo import ZoneInfo

import asyncpg

from domain.accounts.audit import note
from domain.accounts.people import NOWHERE, Caller
from domain.bets.importing.columns import MAPPING, columns_of
from domain.bets.importing.grouping import MOST_COMMISSION, Group, Slip, groups_of
from domain.bets.importing.lines import Plan, plan_of
from domain.bets.importing.matching import Found, Names, matches_of, selection_ids
from domain.bets.importing.reading import DELIMITERS, FIELD, Sheet, body_of, read_sheet
from domain.bets.importing.tally import Tally
from domain.bets.ledger import lock_own
from domain.bets.past import PastBet, PastLeg, record_past
from domain.infra.database import Reader
from domain.infra.errors import Invalid, NotFound
from domain.tasks.service import Failure, Kind, Running, Step, create, read_input

LINES = 500
"""Lines of one batch, which is one transaction."""
LOST_LETTERS = "some letters were lost before the file came here (�): send its bytes as a data URL in base64"


def checked_file(csv_text: str, mapping: object) -> bytes:
    """The bytes of a file whose header can be read; raises Invalid where it is no table of bets."""
    if not isinstance(mapping, Mapping):
        raise Invalid(MAPPING, 'write an object, for example {"odds": "Cuota"}')
    body = body_of(csv_text)
    columns_of(read_sheet(body).header, mapping)
    return body


async def ask_for_import(
    connection: asyncpg.Connection,
    account_id: int,
    bankroll_id: int,
    body: bytes,
    mapping: Mapping[str, Any],
    *,
    is_dry_run: bool,
    machine: datetime,
    caller: Caller = NOWHERE,
) -> int:
    """A task that imports the bytes of `checked_file`; answers its id.

    Raises NotFound where the bankroll is not the account's, Invalid where it has too many tasks.
    """
    owner = await connection.fetchval("select account_id from bankroll where id = $1", bankroll_id)
    if owner != account_id:
        raise NotFound("there is no such bankroll among yours", field="input.bankrollId")
    arguments = {"bankroll_id": bankroll_id, "mapping": dict(mapping), "is_dry_run": is_dry_run}
    task_id = await create(connection, account_id, Kind.IMPORT, arguments, body, machine=machine)
    if not is_dry_run:
        entity = ("Bankroll", bankroll_id)
        await note(connection, account_id, "bankroll.import", machine=machine, caller=caller, entity=entity)
    return task_id


@dataclass(slots=True)
class Import:
    """One import. `batches` gives its lines in order, `take` has the effect of one in the caller's transaction.

    The file is read as a whole and its lines as they come, so what is held is the file and one batch.
    """

    account_id: int
    bankroll_id: int
    is_dry_run: bool
    sheet: Sheet
    plan: Plan
    names: Names
    tally: Tally
    done: int
    """Lines that an earlier run has dealt with."""

    @classmethod
    async def open(cls, reader: Reader, task: Running, *, now: datetime) -> Self:
        """Read the file of a task as a whole; raises Invalid where it is not clear how, NotFound without it."""
        body = await read_input(reader, task.id)
        owner = await reader.fetchrow(
            """select r.currency, a.time_zone from bankroll r join account a on a.id = r.account_id
               where r.id = $1 and a.id = $2""",
            task.arguments["bankroll_id"],
            task.account_id,
        )
        if body is None or owner is None:
            raise NotFound(f"the {'file' if body is None else 'bankroll'} is gone: please import again")
        currency, zone = owner["currency"], ZoneInfo(owner["time_zone"])
        sheet = await asyncio.to_thread(read_sheet, body)
        plan = await asyncio.to_thread(plan_of, sheet, task.arguments["mapping"], currency=currency, zone=zone, now=now)
        return cls(
            account_id=task.account_id,
            bankroll_id=task.arguments["bankroll_id"],
            is_dry_run=task.arguments["is_dry_run"],
            sheet=sheet,
            plan=plan,
            names=await Names.read(reader),
            tally=Tally() if task.result is None else Tally.told(task.result, currency),
            done=task.completed_count,
        )

    @property
    def line_count(self) -> int:
        """Lines of the file that are to be dealt with."""
        return self.plan.line_count

    def batches(self) -> Iterator[list[Group]]:
        """Bets and what is none, some hundred lines at a time, from behind what is done."""
        batch: list[Group] = []
        lines = passed = 0
        for group in groups_of(self.sheet, self.plan):
            passed += group.line_count
            if passed <= self.done:
                continue
            batch.append(group)
            lines += group.line_count
            if lines >= LINES:
                yield batch
                batch, lines = [], 0
        if batch:
            yield batch

    async def take(self, connection: asyncpg.Connection, batch: Sequence[Group], *, machine: datetime) -> Step:
        """Record a batch, or on a dry run only look, in the open transaction."""
        if not self.is_dry_run:
            await lock_own(connection, self.account_id, self.bankroll_id, field="input.bankrollId")
        slips = [group.slip for group in batch if group.slip is not None]
        new = await self._new(connection, slips)
        found = iter(await matches_of(connection, self.names, [leg for slip in new for leg in slip.legs]))
        matched = [(slip, [next(found) for _ in slip.legs]) for slip in new]
        recorded = len(new) if self.is_dry_run else await self._record(connection, matched, machine)
        self.tally.count(matched, recorded, len(slips), self.plan.currency)
        failures = [Failure(each.number, each.reason) for group in batch for each in group.refused]
        self.tally.rejected_lines += len(failures)
        self.done += sum(group.line_count for group in batch)
        return Step(self.done, failures, self.result())

    async def _new(self, connection: asyncpg.Connection, slips: Sequence[Slip]) -> list[Slip]:
        """Bets that the bankroll does not hold yet."""
        rows = await connection.fetch(
            """select import_digest from bet
               where bankroll_id = $1 and import_digest = any($2::text[]) and deleted_at is null""",
            self.bankroll_id,
            [slip.digest for slip in slips],
        )
        there = {row["import_digest"] for row in rows}
        return [slip for slip in slips if slip.digest not in there]

    async def _record(
        self,
        connection: asyncpg.Connection,
        matched: Sequence[tuple[Slip, Sequence[Found | None]]],
        machine: datetime,
    ) -> int:
        selections = iter(await selection_ids(connection, [each for _, found in matched for each in found]))
        bets = [_past_bet(slip, found, [next(selections) for _ in found], self.names) for slip, found in matched]
        ids = await record_past(
            connection, self.account_id, self.bankroll_id, bets, now=self.plan.now, machine=machine, source="IMPORT"
        )
        return len(ids)

    def finish(self) -> dict[str, Any]:
        """The result of the whole; raises Invalid where not one line is a bet."""
        if self.tally.recorded + self.tally.already_there == 0:
            raise Invalid(FIELD, f"not one of its {self.line_count:,} lines is a bet; see the failures")
        return self.result()

    def result(self) -> dict[str, Any]:
        """What it has come to so far, for its owner."""
        plan, sheet = self.plan, self.sheet
        return {
            "isDryRun": self.is_dry_run,
            "encoding": sheet.encoding,
            "delimiter": DELIMITERS[sheet.delimiter],
            "dateFormat": plan.dates.format,
            "decimalMark": plan.mark,
            "mapping": plan.columns.mapping,
            "columnsLeftOut": plan.columns.left_out,
            "remarks": self._remarks(),
            "lineCount": plan.line_count,
            **self.tally.tell(plan.currency),
        }

    def _remarks(self) -> list[str]:
        """What its owner should know of how the file was understood."""
        remarks = [LOST_LETTERS] if "�" in self.sheet.text else []
        if count := self.tally.net_of_commission:
            remarks.append(
                f"{count:,} won {'bet' if count == 1 else 'bets'} came back with up to {MOST_COMMISSION:.0%} of the "
                "winnings less than the odds make: taken as the commission of an exchange, and recorded as told"
            )
        return remarks


def _past_bet(slip: Slip, found: Sequence[Found | None], selections: Sequence[int | None], names: Names) -> PastBet:
    legs = []
    for leg, match, selection_id in zip(slip.legs, found, selections, strict=True):
        bookmaker_id = names.bookmaker(leg.bookmaker) if leg.bookmaker else None
        legs.append(
            PastLeg(
                leg.odds.price,
                leg.words,
                match_id=None if match is None else match.match_id,
                selection_id=selection_id,
                bookmaker_id=bookmaker_id,
                bookmaker_name=None if bookmaker_id is not None else leg.bookmaker or None,
                result=leg.result,
            )
        )
    return PastBet(
        slip.first.placed.instant,
        slip.stake,
        legs,
        result=slip.status,
        payout=slip.payout,
        settled_at=slip.first.settled if slip.payout is not None else None,
        tags=slip.first.tags,
        notes=slip.first.notes,
        import_digest=slip.digest,
    )
