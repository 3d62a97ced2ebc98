"""E-mails on their way: through a real SMTP server, into files, and onto the worker's output."""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from dramatiq.brokers.redis import RedisBroker
from pydantic import SecretStr

from domain.accounts import mails, service
from domain.accounts.desk import Desk
from domain.accounts.letters import Letter, MailKind
from domain.accounts.mails import Post
from domain.accounts.people import NOWHERE
from domain.accounts.service import Registration
from domain.infra.clock import machine_now
from domain.infra.database import connection_of
from domain.infra.errors import SettingsError
from domain.infra.jobs import Message, begin
from domain.infra.settings import Settings
from tests.people import PASSWORD, code_of, open_desk, person, signed_in, viewer_for
from tests.workers.conftest import Starter, until
from touchline.plugins import Registry
from workers.accounts import purge_accounts, send_mail
from workers.boot import Boot, booted
from workers.jobs import MOST_RETRIES, worth_another
from workers.mailer import MOST_FILES, MailNotTaken, MailServerBusy, deliver
from workers.relay import send_new
from workers.stack.mailbox import FOLDER
from workers.worker import QUICK_THREADS

CERTIFICATES = Path(__file__).parent / "certificates"
ANN = Registration("ann@example.com", PASSWORD, is_of_legal_age=True)
NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)


@dataclass
class Inbox:
    """A mail server's side of things: what it took, and how."""

    answers: dict[str, str] = field(default_factory=dict)
    """By command, in place of a yes."""
    port: int = 0
    taken: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    """Who tried to sign in."""
    was_encrypted: list[bool] = field(default_factory=list)

    async def handle_RCPT(
        self, server: SMTP, session: Any, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self.answers.get("RCPT", "250 fine")

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Envelope) -> str:
        if "DATA" in self.answers:
            return self.answers["DATA"]
        content = envelope.content
        assert isinstance(content, bytes)
        self.taken.append(message_from_bytes(content, policy=policy.default))
        self.recipients += envelope.rcpt_tos
        self.was_encrypted.append(session.ssl is not None)
        return "250 taken"

    def sign_in(self, server: SMTP, session: Any, envelope: Any, mechanism: str, data: LoginPassword) -> AuthResult:
        self.names.append(data.login.decode())
        return AuthResult(success=data == LoginPassword(b"touch@line", b"pass word"), handled=False)

    def text(self) -> str:
        """What the newest mail says."""
        content: str = self.taken[-1].get_content()
        return content.replace("\r\n", "\n")


@asynccontextmanager
async def mail_server(
    *, starttls: bool = False, tls: bool = False, auth: bool = False, answers: dict[str, str] | None = None
) -> AsyncIterator[Inbox]:
    """A real SMTP server on a port of loopback."""
    inbox = Inbox(answers or {})
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATES / "server.pem")
    make = partial(
        SMTP,
        inbox,
        hostname="localhost",
        tls_context=context if starttls else None,
        authenticator=inbox.sign_in,
        auth_required=auth,
        auth_require_tls=starttls,
    )
    loop = asyncio.get_running_loop()
    server = await loop.create_server(make, "127.0.0.1", 0, ssl=context if tls else None)
    inbox.port = server.sockets[0].getsockname()[1]
    try:
        yield inbox
    finally:
        server.close()


@pytest.fixture
async def boot(settings: Settings) -> AsyncIterator[Boot]:
    async with booted(settings, Registry) as opened:
        yield opened


@pytest.fixture
async def desk(boot: Boot, redis_url: str) -> AsyncIterator[Desk]:
    async with open_desk(boot.database, redis_url) as opened:
        yield opened


def with_settings(boot: Boot, **changes: Any) -> Boot:
    return replace(boot, settings=boot.settings.model_copy(update=changes))


def sending_to(boot: Boot, inbox: Inbox, scheme: str = "smtp", user: str = "") -> Boot:
    """The worker with a mail server."""
    return with_settings(boot, smtp_url=SecretStr(f"{scheme}://{user}127.0.0.1:{inbox.port}"))


async def asked(boot: Boot) -> list[str]:
    """The mails that were asked for, oldest first."""
    rows = await boot.database.pool.fetch("select arguments from outbox where job = 'send_mail' order by id")
    return [row["arguments"]["mail_id"] for row in rows]


async def send_all(boot: Boot) -> None:
    for place, mail_id in enumerate(await asked(boot)):
        await send_mail(boot, f"job-{place}", mail_id=mail_id)


def post(kind: MailKind = MailKind.VERIFY, at: datetime = NOW) -> Post:
    return Post(uuid4(), kind, "ann@example.com", Letter("A subject: ñ", "Línea\n\ncode\n"), at)


async def test_a_registration_is_confirmed_by_the_mail_that_arrives(boot: Boot, desk: Desk) -> None:
    async with mail_server() as inbox:
        boot = with_settings(sending_to(boot, inbox), mail_from="Odds <odds@mail.example>")
        await service.register(desk, replace(ANN, locale="es"), NOWHERE, machine=machine_now())
        await send_all(boot)
        [message] = inbox.taken
        [mail_id] = await asked(boot)
    assert inbox.recipients == ["ann@example.com"]
    assert (message["From"], message["To"]) == ("Odds <odds@mail.example>", "ann@example.com")
    assert message["Subject"] == "Confirma tu correo electrónico"
    assert message["Message-ID"] == f"<{mail_id}@mail.example>"
    created = await boot.database.pool.fetchval("select created_at from mail")
    assert message["Date"].datetime == created.replace(microsecond=0)
    assert message["Auto-Submitted"] == "auto-generated"
    [code] = [line for line in inbox.text().splitlines() if len(line) == 64]
    signed = await service.verify_email(desk, code, NOWHERE, machine=machine_now())
    assert signed.account_id == await boot.database.pool.fetchval("select id from account where is_email_verified")


async def test_the_code_is_in_the_mail_and_nowhere_else(
    boot: Boot, desk: Desk, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    async with mail_server() as inbox:
        await service.register(desk, ANN, NOWHERE, machine=machine_now())
        code = await code_of(desk, "ann@example.com")
        boot = with_settings(sending_to(boot, inbox), public_url="https://odds.example")
        await send_all(boot)
        assert f"https://odds.example/verify?code={code}\n" in inbox.text()
    for table in ("mail", "email_code", "outbox", "job", "account", "audit_entry"):
        rows = await boot.database.pool.fetch(f"select to_jsonb(t)::text as text from {table} t")
        assert rows
        assert not [row for row in rows if code in row["text"]]
    told = capsys.readouterr()
    logged = [record.getMessage() for record in caplog.records if record.name != "mail.log"]  # the server's own
    assert caplog.records
    assert code not in "".join([told.out, told.err, *logged])


async def test_a_mail_is_sent_once_however_often_it_is_asked_for(boot: Boot, desk: Desk) -> None:
    async with mail_server() as inbox:
        boot = sending_to(boot, inbox)
        await service.register(desk, ANN, NOWHERE, machine=machine_now())
        [mail_id] = await asked(boot)
        await asyncio.gather(*(send_mail(boot, f"job-{place}", mail_id=mail_id) for place in range(4)))
        await send_mail(boot, "job-0", mail_id=mail_id)
        assert len(inbox.taken) == 1
    assert await boot.database.pool.fetchval("select sent_at is not null from mail")
    assert await boot.database.pool.fetchval("select count(*) from job where status = 'DONE'") == 4


async def test_a_mail_that_was_not_taken_stays_to_be_sent_under_the_same_name(boot: Boot, desk: Desk) -> None:
    await service.register(desk, ANN, NOWHERE, machine=machine_now())
    async with mail_server(answers={"DATA": "451 4.3.0 later, says ann@example.com's server"}) as busy:
        with pytest.raises(MailServerBusy, match="451") as error:
            await send_all(sending_to(boot, busy))
        assert "ann@" not in str(error.value)
    assert await boot.database.pool.fetchval("select sent_at from mail") is None
    assert await boot.database.pool.fetchval("select count(*) from job") == 0
    names = set()
    for _ in range(2):
        async with mail_server() as inbox:
            await send_all(sending_to(boot, inbox))
            names.add(inbox.taken[0]["Message-ID"])
        await boot.database.pool.execute("update mail set sent_at = null")  # as if the worker had died before
        await boot.database.pool.execute("delete from job")
    assert len(names) == 1


async def test_a_server_that_is_away_or_busy_is_waited_for_and_a_no_is_not(boot: Boot) -> None:
    async with mail_server() as gone:
        nowhere = sending_to(boot, gone).settings
    with pytest.raises(OSError) as away:
        await deliver(nowhere, post())
    assert worth_another(MOST_RETRIES + 1, away.value)
    for answers, kind, waited in (
        ({"RCPT": "450 4.2.1 <ann@example.com> is busy"}, MailServerBusy, True),
        ({"RCPT": "550 5.1.1 <ann@example.com> is unknown"}, MailNotTaken, False),
        ({"DATA": "554 5.7.1 no"}, MailNotTaken, False),
    ):
        async with mail_server(answers=answers) as inbox:
            with pytest.raises(kind) as error:
                await deliver(sending_to(boot, inbox).settings, post())
        assert "ann@example.com" not in str(error.value)
        assert worth_another(MOST_RETRIES + 1, error.value) is waited


async def test_starttls_is_used_where_it_is_offered(boot: Boot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATES / "authority.pem"))
    async with mail_server(starttls=True, auth=True) as inbox:
        await deliver(sending_to(boot, inbox, user="touch%40line:pass%20word@").settings, post())
    assert inbox.was_encrypted == [True]
    assert inbox.names == ["touch@line"]


async def test_tls_from_the_first_byte(boot: Boot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATES / "authority.pem"))
    async with mail_server(tls=True) as inbox:
        await deliver(sending_to(boot, inbox, "smtps").settings, post())
    assert len(inbox.taken) == 1


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_server_that_cannot_prove_who_it_is_gets_nothing(boot: Boot, scheme: str) -> None:
    async with mail_server(starttls=scheme == "smtp", tls=scheme == "smtps") as inbox:
        with pytest.raises(OSError, match="certificate"):
            await deliver(sending_to(boot, inbox, scheme, user="touch%40line:pass%20word@").settings, post())
    assert inbox.taken == []
    assert inbox.names == []


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
async def test_without_starttls_a_mail_goes_plain_and_a_password_only_to_this_machine(boot: Boot) -> None:
    async with mail_server(auth=True) as inbox:
        await deliver(sending_to(boot, inbox, user="touch%40line:pass%20word@").settings, post())
        assert inbox.was_encrypted == [False]
        with pytest.raises(MailNotTaken, match="535"):
            await deliver(sending_to(boot, inbox, user="touch%40line:wrong@").settings, post())
        inbox.names.clear()
        # The short form of 127.0.0.1 reaches this server, and is none of the names that stand for this machine.
        elsewhere = SecretStr(f"smtp://touch%40line:pass%20word@127.1:{inbox.port}")
        with pytest.raises(MailNotTaken, match="not sent in the clear"):
            await deliver(with_settings(boot, smtp_url=elsewhere).settings, post())
    assert inbox.names == []
    assert len(inbox.taken) == 1


async def test_a_mail_without_a_purpose_is_not_sent(boot: Boot, desk: Desk) -> None:
    """To nobody; with a code that another one replaced, that was used, that expired; of a deletion taken back."""
    now = machine_now()
    await service.request_password_reset(desk, "nobody@example.com", NOWHERE, machine=now)
    await person(desk, "twice@example.com")
    for minute in (2, 1):
        then = now - timedelta(minutes=minute)
        await service.request_password_reset(desk, "twice@example.com", NOWHERE, machine=then)
    await person(desk, "used@example.com")
    await service.request_password_reset(desk, "used@example.com", NOWHERE, machine=now)
    code = await code_of(desk, "used@example.com", "RESET")
    await service.reset_password(desk, code, "a brand new password", NOWHERE, machine=now)
    await person(desk, "late@example.com")
    await service.request_password_reset(desk, "late@example.com", NOWHERE, machine=now - timedelta(hours=1))
    staying = await viewer_for(desk, await person(desk, "stays@example.com"))
    await service.delete_account(desk, staying, PASSWORD, NOWHERE, machine=now)
    await service.login(desk, "stays@example.com", PASSWORD, None, NOWHERE, machine=now)
    async with mail_server() as inbox:
        await send_all(sending_to(boot, inbox))
    told = sorted((message["To"], message["Subject"]) for message in inbox.taken)
    assert told == [
        ("twice@example.com", "Choose a new password"),
        ("used@example.com", "Your password was changed"),
    ]
    kept = await boot.database.pool.fetch("select recipient from mail where sent_at is not null order by recipient")
    assert [row["recipient"] for row in kept] == ["twice@example.com", "used@example.com"]
    assert await boot.database.pool.fetchval("select count(*) from mail") == 2


@pytest.mark.parametrize("days", [0, 14])
async def test_a_goodbye_is_sent_and_leaves_nothing_of_who_is_gone(boot: Boot, redis_url: str, days: float) -> None:
    async with open_desk(boot.database, redis_url, deletion_days=days) as desk:
        viewer = await viewer_for(desk, await person(desk))
        due = await service.delete_account(desk, viewer, PASSWORD, NOWHERE, machine=machine_now())
    async with mail_server() as inbox:
        await send_all(sending_to(boot, inbox))
    assert inbox.taken[0]["Subject"] == "Your account is deleted"
    assert (f"{due:%Y-%m-%d %H:%M}" in inbox.text()) is bool(days)
    assert ("It is gone now" in inbox.text()) is not bool(days)
    assert await boot.database.pool.fetchval("select count(*) from mail") == (1 if days else 0)


async def test_without_a_server_a_mail_is_a_file_that_only_its_owner_reads(boot: Boot, tmp_path: Path) -> None:
    settings = with_settings(boot, data_dir=tmp_path).settings
    mail = post(at=datetime(2026, 3, 14, 12, 30, 1, tzinfo=UTC))
    await deliver(settings, mail)
    await deliver(settings, mail)
    [path] = (tmp_path / FOLDER).iterdir()
    assert path.name == f"20260314T123001-verify-{mail.mail_id.hex[:8]}.txt"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.read_text(encoding="utf-8") == (
        "From: Touchline <touchline@localhost>\nTo: ann@example.com\nSubject: A subject: ñ\n\nLínea\n\ncode\n"
    )


async def test_only_the_newest_files_stay(boot: Boot, tmp_path: Path) -> None:
    settings = with_settings(boot, data_dir=tmp_path).settings
    for minute in range(MOST_FILES + 3):
        await deliver(settings, post(at=NOW + timedelta(minutes=minute)))
    names = sorted(path.name for path in (tmp_path / FOLDER).iterdir())
    assert len(names) == MOST_FILES
    assert names[0].startswith("20260314T120300-")


async def test_without_a_server_and_a_folder_a_mail_is_shown_on_a_terminal(
    boot: Boot, monkeypatch: pytest.MonkeyPatch
) -> None:
    watching, shown = os.openpty()
    with os.fdopen(shown, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        await deliver(with_settings(boot, data_dir=None).settings, post())
        written = b""
        while not written.endswith(b"-\r\n") or written.count(b"-\r\n") < 2:
            written += os.read(watching, 4096)
    os.close(watching)
    told = written.decode().replace("\r\n", "\n")
    frame = "-" * 72
    assert told.startswith(f"{frame}\nFrom: Touchline <touchline@localhost>\nTo: ann@example.com\n")
    assert told.endswith(f"\ncode\n{frame}\n")


async def test_where_nobody_watches_a_mail_waits_for_a_server(
    boot: Boot, desk: Desk, broker: RedisBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a container prints is its log."""
    boot = with_settings(boot, data_dir=None)
    await service.register(desk, ANN, NOWHERE, machine=machine_now())
    with pytest.raises(MailNotTaken, match="set TOUCHLINE_SMTP_URL") as error:
        await send_all(boot)
    assert not worth_another(MOST_RETRIES, error.value)
    assert capsys.readouterr().out == ""
    assert await boot.database.pool.fetchval("select sent_at from mail") is None
    async with mail_server() as inbox:
        await send_all(sending_to(boot, inbox))
        assert inbox.taken[0]["To"] == "ann@example.com"


async def test_without_a_key_no_mail_is_worded(boot: Boot, desk: Desk) -> None:
    await service.register(desk, ANN, NOWHERE, machine=machine_now())
    [mail_id] = await asked(boot)
    with pytest.raises(SettingsError, match="TOUCHLINE_SECRET_KEY"):
        await send_mail(with_settings(boot, secret_key=None), "job", mail_id=mail_id)
    assert await boot.database.pool.fetchval("select sent_at from mail") is None


async def test_the_hourly_job_erases_who_is_due_and_forgets_what_expired(boot: Boot, desk: Desk) -> None:
    now = machine_now()
    await person(desk, "due@example.com", deletes_at=now - timedelta(seconds=1))
    staying = await person(desk, "later@example.com", deletes_at=now + timedelta(hours=1))
    await signed_in(desk, staying, machine=now - timedelta(days=8))
    await begin(boot.database.pool, Message("purge", "purge_accounts"))
    await purge_accounts(boot, "purge")
    await purge_accounts(boot, "purge")
    assert await boot.database.pool.fetchval("select array_agg(id) from account") == [staying]
    assert await boot.database.pool.fetchval("select count(*) from refresh_token") == 0
    assert await boot.database.pool.fetchval("select result from job where id = 'purge'") == {"erased": 1}


async def test_a_worker_sends_what_registering_asked_for(boot: Boot, desk: Desk, start: Starter) -> None:
    """Account, outbox, relay, queue, worker, SMTP: the whole way."""
    async with mail_server() as inbox:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TOUCHLINE_SMTP_URL", f"smtp://127.0.0.1:{inbox.port}")
            start("scheduler")
            start("worker")
        await service.register(desk, ANN, NOWHERE, machine=machine_now())
        await until(lambda: is_sent(boot), seconds=30)
        assert inbox.taken[0]["To"] == "ann@example.com"


@asynccontextmanager
async def silent_server() -> AsyncIterator[tuple[int, set[asyncio.StreamWriter]]]:
    """A server that takes connections and never says a word; its port, and the connections that it has."""
    held: set[asyncio.StreamWriter] = set()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.add(writer)
        await reader.read()
        held.discard(writer)
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], held
    finally:
        server.close()


async def test_a_mail_server_that_hangs_holds_up_mails_alone(
    boot: Boot, desk: Desk, broker: RedisBroker, start: Starter
) -> None:
    for place in range(QUICK_THREADS + 1):
        await service.register(desk, replace(ANN, email=f"p{place}@example.com"), NOWHERE, machine=machine_now())
    async with silent_server() as (port, held):
        for mail_id in await asked(boot):
            await send_new(boot.database, broker, Message(f"mail-{mail_id}", "send_mail", {"mail_id": mail_id}))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TOUCHLINE_SMTP_URL", f"smtp://127.0.0.1:{port}")
            start("worker")

        async def is_held() -> bool:
            return bool(held)

        async def is_done() -> bool:
            return bool(await boot.database.pool.fetchval("select status = 'DONE' from job where id = 'nap'"))

        await until(is_held)
        await send_new(boot.database, broker, Message("nap", "nap", {"seconds": 0}))
        await until(is_done)
        assert len(held) == 1
        assert await boot.database.pool.fetchval("select count(*) from mail where sent_at is null") == QUICK_THREADS + 1


async def is_sent(boot: Boot) -> bool:
    return bool(await boot.database.pool.fetchval("select count(sent_at) from mail"))


async def test_mails_to_many_are_locked_one_by_one(boot: Boot, desk: Desk) -> None:
    """A mail in hand holds up neither another mail nor another registration."""
    await service.register(desk, ANN, NOWHERE, machine=machine_now())
    await service.register(desk, replace(ANN, email="bob@example.com"), NOWHERE, machine=machine_now())
    first, second = map(UUID, await asked(boot))
    async with boot.database.transaction() as one, boot.database.transaction() as two:
        held = await mails.take(await connection_of(one), desk.vault, first, machine=machine_now(), public_url=None)
        other = await mails.take(await connection_of(two), desk.vault, second, machine=machine_now(), public_url=None)
        assert held is not None
        assert other is not None
        await service.register(desk, replace(ANN, email="eve@example.com"), NOWHERE, machine=machine_now())
