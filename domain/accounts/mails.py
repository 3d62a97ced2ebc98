"""E-mails to people: asked for in a transaction, worded only when they are sent.

A row of `mail` says which letter goes to whom. The code in it is made from its row at the last moment, so no
queue, no table and no log ever holds one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import asyncpg

from domain.accounts.letters import Letter, MailKind, worded
from domain.accounts.vault import Purpose, Vault
from domain.infra.outbox import Request, ask


@dataclass(frozen=True, slots=True)
class Post:
    """A worded mail on its way."""

    mail_id: UUID
    kind: MailKind
    recipient: str
    letter: Letter
    created_at: datetime
    """Machine time of what caused it: the same however often it is tried."""


async def write(
    connection: asyncpg.Connection,
    kind: MailKind,
    recipient: str,
    locale: str,
    *,
    machine: datetime,
    account_id: int | None,
    code_id: UUID | None = None,
) -> UUID:
    """Ask, in the open transaction, for a letter to be sent; answers the mail's id."""
    mail_id = uuid4()
    await connection.execute(
        """insert into mail (id, account_id, recipient, kind, locale, code_id, created_at)
           values ($1, $2, $3, $4, $5, $6, $7)""",
        mail_id,
        account_id,
        recipient,
        kind,
        locale,
        code_id,
        machine,
    )
    await ask(connection, [Request("send_mail", {"mail_id": str(mail_id)})], now=machine)
    return mail_id


async def take(
    connection: asyncpg.Connection, vault: Vault, mail_id: UUID, *, machine: datetime, public_url: str | None
) -> Post | None:
    """The mail to send, locked and worded, in the open transaction; None when there is nothing to send.

    It was sent, or it has no purpose any more and is deleted: its code was used, replaced or expired, or never was
    anybody's; or a deletion was taken back.
    """
    row = await connection.fetchrow(
        """select m.kind, m.recipient, m.locale, m.code_id, m.created_at, a.deletes_at,
               m.code_id is null or exists (select 1 from email_code c
                   where c.id = m.code_id and c.used_at is null and c.expires_at > $2) as is_code_good,
               m.account_id is null or a.deletes_at is not null as is_leaving
           from mail m left join account a on a.id = m.account_id where m.id = $1 and m.sent_at is null
           for update of m""",
        mail_id,
        machine,
    )
    if row is None:
        return None
    kind = MailKind(row["kind"])
    if not row["is_code_good"] or (kind is MailKind.DELETION and not row["is_leaving"]):
        await connection.execute("delete from mail where id = $1", mail_id)
        return None
    letter = worded(
        kind,
        row["locale"],
        row["recipient"],
        code="" if row["code_id"] is None else vault.token(Purpose.EMAIL_CODE, row["code_id"]),
        public_url=public_url,
        deletes_at=row["deletes_at"],
    )
    return Post(mail_id, kind, row["recipient"], letter, row["created_at"])


async def mark_sent(connection: asyncpg.Connection, mail_id: UUID, *, machine: datetime) -> None:
    """Note, in the open transaction, that a mail was sent; one to an account that is gone leaves no trace."""
    await connection.execute("update mail set sent_at = $2 where id = $1 and account_id is not null", mail_id, machine)
    await connection.execute("delete from mail where id = $1 and account_id is null", mail_id)
