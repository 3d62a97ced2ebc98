"""One script takes a new person from registering to being forgotten, with a real mail server; see `pytest -s`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope

from tests.acceptance.life import live
from tests.acceptance.product import running
from tests.odds_world import until

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(900)]

CODE = re.compile(r"^[\w-]{20,}\r?$", re.MULTILINE)
"""A line that is nothing but the code."""


class Inbox:
    """A mail server's side: what it took, by whom it is for."""

    def __init__(self) -> None:
        self.mails: dict[str, list[EmailMessage]] = {}

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        for recipient in envelope.rcpt_tos:
            mail = message_from_bytes(envelope.content, policy=policy.default)
            self.mails.setdefault(recipient, []).append(mail)
        return "250 taken"

    def has(self, subject: str) -> bool:
        """Whether somebody got a mail about something."""
        return any(mail["subject"] == subject for mails in self.mails.values() for mail in mails)

    async def code_of(self, email: str) -> str:
        """The code in the newest mail to somebody, once there is one."""
        await until(lambda: email in self.mails, seconds=60)
        found = CODE.search(self.mails[email][-1].get_content())
        assert found is not None, self.mails[email][-1]
        return found[0].strip()


@asynccontextmanager
async def mail_server(inbox: Inbox) -> AsyncIterator[str]:
    """A server on a free port of this machine; gives its URL."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(inbox), "127.0.0.1", 0)
    async with server:
        yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_from_registering_to_being_forgotten() -> None:
    inbox = Inbox()
    async with mail_server(inbox) as smtp_url:
        settings = {"TOUCHLINE_SMTP_URL": smtp_url, "TOUCHLINE_DELETION_DAYS": "0"}
        with running(["demo", "--speed", "600"], seconds=180, **settings) as product:
            await live(product.url, inbox.code_of)
            await until(lambda: inbox.has("Your account is deleted"), seconds=60)
