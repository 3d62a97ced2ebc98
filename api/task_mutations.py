"""Asking for imports and exports, and stopping them."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated

import strawberry
from redis.asyncio import Redis

from api.bankroll_mutations import bankroll_key
from api.nodes import key_of
from api.outcomes import CommonError, mutation
from api.rows import Rows
from api.scalars import DateTimeRange, described, given
from api.tasks import NO_JOB, Job
from domain.accounts.people import Caller, Viewer
from domain.bets.exporting import Dataset, Format, ask_for_export
from domain.bets.importing.columns import NAMES
from domain.bets.importing.service import ask_for_import, checked_file
from domain.infra.database import Database, connection_of
from domain.infra.errors import NotFound
from domain.infra.news import task_topic, tell
from domain.tasks.service import cancel

ExportDataset = Dataset
described(
    "Data that can be exported.",
    name="ExportDataset",
    BETS="The viewer's bets, a line a leg. As CSV they can be imported again.",
    ACCOUNT="Everything about the viewer (data protection).",
)(Dataset)

ExportFormat = Format
described("File formats.", name="ExportFormat", CSV="CSV with a header.", JSONL="JSON Lines.")(Format)


@strawberry.input(description="Input of `importBets`.")
class ImportBetsInput:
    bankroll_id: strawberry.ID = strawberry.field(description="Bankroll.")
    csv: str = strawberry.field(
        description="CSV text with a header, at most 5 MiB; or the file's bytes as a `data:` URL in base64, where the "
        "encoding is not known."
    )
    mapping: strawberry.scalars.JSON | None = strawberry.field(
        default=strawberry.UNSET,
        description='Column names by what they hold, for example `{"odds": "Cuota", "stake": "Importe"}`, null for '
        "a column that is not to be read; guessed when omitted. Keys: "
        f"{NAMES}; `dateFormat` is in the signs of `strptime`, `decimalMark` a dot or a comma.",
    )
    is_dry_run: bool | None = strawberry.field(default=False, description="Only check: nothing is recorded.")


@strawberry.type(description="Result of `importBets`.")
class ImportBetsPayload:
    job: Job | None = strawberry.field(default=None, description="The job.")
    errors: list[CommonError] = strawberry.field(default_factory=list, description="What went wrong; empty on success.")


@strawberry.input(description="Input of `exportData`.")
class ExportDataInput:
    dataset: ExportDataset = strawberry.field(description="What.")
    format: ExportFormat = strawberry.field(description="Format; ACCOUNT is JSONL only.")
    during: DateTimeRange | None = strawberry.field(
        default=strawberry.UNSET, description="Span in which bets were placed; all when omitted."
    )


@strawberry.type(description="Result of `exportData`.")
class ExportDataPayload:
    job: Job | None = strawberry.field(default=None, description="The job.")
    errors: list[CommonError] = strawberry.field(default_factory=list, description="What went wrong; empty on success.")


@strawberry.input(description="Input of `cancelJob`.")
class CancelJobInput:
    id: strawberry.ID = strawberry.field(description="Job.")


@strawberry.type(description="Result of `cancelJob`.")
class CancelJobPayload:
    job: Job | None = strawberry.field(default=None, description="The job.")
    errors: list[CommonError] = strawberry.field(default_factory=list, description="What went wrong; empty on success.")


@mutation(ImportBetsPayload)
async def import_bets(
    db: Rows,
    database: Database,
    viewer: Viewer,
    caller: Caller,
    machine: datetime,
    input: Annotated[ImportBetsInput, strawberry.argument(description="Input.")],
) -> ImportBetsPayload:
    """Import bets from CSV; answers with a job that lists the lines that failed. The same file again adds nothing."""
    bankroll, mapping = bankroll_key(input.bankroll_id, "input.bankrollId"), given(input.mapping)
    mapping = {} if mapping is None else mapping
    body = await asyncio.to_thread(checked_file, input.csv, mapping)
    async with database.transaction() as session:
        key = await ask_for_import(
            await connection_of(session),
            viewer.account_id,
            bankroll,
            body,
            mapping,
            is_dry_run=bool(input.is_dry_run),
            machine=machine,
            caller=caller,
        )
    return ImportBetsPayload(job=(await db.pick(Job, [key]))[0])


@mutation(ExportDataPayload)
async def export_data(
    db: Rows,
    database: Database,
    viewer: Viewer,
    caller: Caller,
    machine: datetime,
    input: Annotated[ExportDataInput, strawberry.argument(description="Input.")],
) -> ExportDataPayload:
    """Export the viewer's bets, or everything about them; answers with a job whose `downloadUrl` is the file."""
    during = given(input.during)
    span = during.bounds("input.during") if during else (None, None)
    async with database.transaction() as session:
        connection = await connection_of(session)
        key = await ask_for_export(
            connection, viewer.account_id, input.dataset, input.format, span, machine=machine, caller=caller
        )
    return ExportDataPayload(job=(await db.pick(Job, [key]))[0])


@mutation(CancelJobPayload)
async def cancel_job(
    db: Rows,
    database: Database,
    redis: Redis,
    viewer: Viewer,
    machine: datetime,
    input: Annotated[CancelJobInput, strawberry.argument(description="Input.")],
) -> CancelJobPayload:
    """Stop a job; what it has done stays. Nothing more happens after the answer."""
    key = key_of("Job", input.id)
    if key is None:
        raise NotFound(NO_JOB, field="input.id")
    async with database.transaction() as session:
        await cancel(await connection_of(session), viewer.account_id, key, machine=machine)
    await tell(redis, [task_topic(key)])
    return CancelJobPayload(job=(await db.pick(Job, [key]))[0])
