"""Jobs of people's accounts."""

from __future__ import annotations

from uuid import UUID

from domain.accounts import erasure, mails
from domain.accounts.vault import Vault
from domain.infra import jobs
from domain.infra.clock import machine_now
from domain.infra.database import connection_of
from workers.boot import Boot
from workers.mailer import deliver


async def send_mail(boot: Boot, job_id: str, *, mail_id: str) -> None:
    """Word a mail and send it; one that was sent is not sent again. Raises SettingsError without a signing key.

    A worker that dies between the server's yes and its own commit sends it twice, under one Message-ID.
    """
    vault, name = Vault(boot.settings), UUID(mail_id)
    async with boot.database.transaction() as session:
        connection = await connection_of(session)
        if not await jobs.finish(connection, job_id):
            return
        post = await mails.take(connection, vault, name, machine=machine_now(), public_url=boot.settings.public_url)
        if post is not None:
            await deliver(boot.settings, post)
            await mails.mark_sent(connection, name, machine=machine_now())


async def purge_accounts(boot: Boot, job_id: str) -> None:
    """Erase accounts whose deletion is due or that nobody confirmed, and forget what expired; machine time."""
    machine = machine_now()
    async with boot.database.transaction() as session:
        connection = await connection_of(session)
        if await jobs.finish(connection, job_id):
            erased = await erasure.purge_due(connection, machine)
            await erasure.forget_expired(connection, machine)
            await jobs.note_result(connection, job_id, {"erased": erased})
