"""Mails without a mail server: the stack's terminal tells of each, and where it lies."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from domain.accounts.letters import Letter, MailKind
from domain.accounts.mails import Post
from domain.infra.settings import read_settings
from workers.mailer import deliver
from workers.stack.mailbox import FOLDER, Mailbox

URLS = {"database_url": "postgresql://a@b/c", "redis_url": "redis://127.0.0.1:1"}


async def put(folder: Path, subject: str) -> Path:
    """A mail as a worker puts it there."""
    before = set((folder / FOLDER).glob("*"))
    letter = Letter(subject, "Subject: not this\n\nthe code\n")
    now = datetime(2026, 3, 14, 12, tzinfo=UTC)
    post = Post(uuid4(), MailKind.VERIFY, "ann@example.com", letter, now)
    await deliver(read_settings(**URLS, data_dir=folder), post)
    [path] = set((folder / FOLDER).glob("*")) - before
    return path


async def test_each_mail_is_told_once_without_its_code(tmp_path: Path) -> None:
    told: list[str] = []
    await put(tmp_path, "An old one")
    mailbox = Mailbox(tmp_path, told.append)
    mailbox.look()
    assert told == []
    path = await put(tmp_path, "Confirm: now")
    for _ in range(2):
        mailbox.look()
    assert told == [f"E-mail to ann@example.com: Confirm: now -> {path}"]


async def test_a_folder_that_is_not_there_yet_is_no_mail(tmp_path: Path) -> None:
    told: list[str] = []
    mailbox = Mailbox(tmp_path, told.append)
    mailbox.look()
    await put(tmp_path, "The first")
    mailbox.look()
    assert len(told) == 1


def test_what_is_no_mail_of_ours_stops_nothing(tmp_path: Path) -> None:
    told: list[str] = []
    mailbox = Mailbox(tmp_path, told.append)
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "a.txt").write_bytes(b"\xff\xfe nonsense")
    (tmp_path / FOLDER / "b.txt").mkdir()
    (tmp_path / FOLDER / "c.new").write_text("To: ann@example.com\n")
    mailbox.look()
    assert len(told) == 2
    assert told[0].startswith("E-mail to somebody: no subject -> ")
    assert "cannot be read" in told[1]
