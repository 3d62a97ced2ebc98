"""Sending e-mails: by SMTP, or where there is no server into files or onto the worker's own terminal. Where it
has none, that would be a log, and no log ever holds a letter.

What cannot be sent stays a job that is tried again; its error never holds the address or the letter.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from datetime import UTC
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from pathlib import Path
from types import MappingProxyType
from urllib.parse import SplitResult, unquote, urlsplit

from aiosmtplib import SMTP, SMTPException, SMTPRecipientsRefused, SMTPResponseException

from domain.accounts.mails import Post
from domain.infra.settings import Settings
from workers.stack.mailbox import FOLDER

MOST_FILES = 200
"""The newest that stay there."""
TIMEOUT_SECONDS = 20.0
PORTS: Mapping[str, int] = MappingProxyType({"smtp": 587, "smtps": 465})
"""Where the URL names none: submission (RFC 6409) and submission over TLS (RFC 8314)."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class MailNotTaken(Exception):
    """The mail server refuses this mail, or to talk to us as it is set up; or there is none."""


class MailServerBusy(ConnectionError):
    """The mail server wants it later; as patient a failure as a server that is away."""


async def deliver(settings: Settings, post: Post) -> None:
    """Send a mail, or show it where no server is set.

    Raises MailServerBusy or another OSError when it may be taken later, and MailNotTaken when it was refused.
    """
    if settings.smtp_url is not None:
        await _send(urlsplit(settings.smtp_url.get_secret_value()), post, settings.mail_from)
    elif settings.data_dir is not None:
        _put_into(settings.data_dir / FOLDER, post, settings.mail_from)
    elif not sys.stdout.isatty():
        raise MailNotTaken(
            "there is no mail server, no data folder and no terminal to show it on; set TOUCHLINE_SMTP_URL, and send "
            "it again with `touchline queue requeue`"
        )
    else:
        frame = "-" * 72
        print(f"{frame}\n{_plain(post, settings.mail_from)}{frame}", file=sys.stdout, flush=True)  # noqa: T201


async def _send(url: SplitResult, post: Post, sender: str) -> None:
    client = SMTP(
        hostname=url.hostname,
        port=url.port or PORTS[url.scheme],
        use_tls=url.scheme == "smtps",
        timeout=TIMEOUT_SECONDS,
    )
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS), client:
            if url.username:
                await _sign_in(client, url)
            await client.send_message(_message(post, sender))
    except SMTPRecipientsRefused as error:
        raise _refusal(error.recipients[0], post) from None
    except SMTPResponseException as error:
        raise _refusal(error, post) from None
    except SMTPException as error:
        if isinstance(error, OSError):
            raise
        raise MailNotTaken(f"the mail server cannot do what is needed: {type(error).__name__}") from None


def _refusal(error: SMTPResponseException, post: Post) -> Exception:
    kind = MailServerBusy if 400 <= error.code < 500 else MailNotTaken
    return kind(f"the mail server answered {error.code}: {error.message.replace(post.recipient, 'the recipient')}")


async def _sign_in(client: SMTP, url: SplitResult) -> None:
    if client.get_transport_info("sslcontext") is None and url.hostname not in LOOPBACK:
        raise MailNotTaken(
            f"{url.hostname} offers no STARTTLS, and the password of TOUCHLINE_SMTP_URL is not sent in the clear; "
            "write smtps:// or a port with TLS"
        )
    await client.login(unquote(url.username or ""), unquote(url.password or ""))


def _message(post: Post, sender: str) -> EmailMessage:
    """The mail as it goes on the wire. Sent twice it has one Message-ID, so that it is shown once."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = post.recipient
    message["Subject"] = post.letter.subject
    message["Date"] = format_datetime(post.created_at.astimezone(UTC))
    message["Message-ID"] = f"<{post.mail_id}@{parseaddr(sender)[1].rpartition('@')[2] or 'localhost'}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(post.letter.text)
    return message


def _plain(post: Post, sender: str) -> str:
    """The mail for a reader's eyes."""
    return f"From: {sender}\nTo: {post.recipient}\nSubject: {post.letter.subject}\n\n{post.letter.text}"


def _put_into(folder: Path, post: Post, sender: str) -> None:
    """A file of its own, named by its time; complete from the moment at which it is there. The oldest go."""
    folder.mkdir(mode=0o700, exist_ok=True)
    name = f"{post.created_at.astimezone(UTC):%Y%m%dT%H%M%S}-{post.kind.lower()}-{post.mail_id.hex[:8]}"
    draft = folder / f"{name}.new"
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(_plain(post, sender))
    draft.rename(draft.with_suffix(".txt"))
    for old in sorted(folder.glob("*.txt"))[:-MOST_FILES]:
        old.unlink(missing_ok=True)
