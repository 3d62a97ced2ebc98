"""What e-mails say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from domain.accounts.letters import MailKind, worded

CODE = "c0de" * 16
WITH_CODE = {MailKind.VERIFY: "verify", MailKind.RESET: "reset"}
UNTIL = datetime(2026, 3, 28, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize("kind", MailKind)
@pytest.mark.parametrize("locale", ["en", "en-GB", "es", "es-MX", "fr", "est"])
def test_every_letter_has_all_it_needs_in_its_language(kind: MailKind, locale: str) -> None:
    letter = worded(kind, locale, "ann@example.com", code=CODE, deletes_at=UNTIL)
    assert letter.subject
    assert "\n" not in letter.subject
    assert "ann@example.com" in letter.text
    assert "{" not in letter.subject + letter.text
    assert (CODE in letter.text) is (kind in WITH_CODE)
    english = worded(kind, "en", "ann@example.com", code=CODE, deletes_at=UNTIL)
    assert (letter == english) is (locale not in {"es", "es-MX"})


@pytest.mark.parametrize("kind", MailKind)
def test_where_the_frontend_has_an_address_the_code_is_a_link(kind: MailKind) -> None:
    letter = worded(kind, "en", "ann@example.com", code=CODE, public_url="https://odds.example")
    if kind in WITH_CODE:
        assert f"\nhttps://odds.example/{WITH_CODE[kind]}?code={CODE}\n" in letter.text
        assert f"\n{CODE}\n" in letter.text
    else:
        assert "https://" not in letter.text


def test_a_deletion_says_until_when_it_can_be_taken_back() -> None:
    assert "2026-03-28 12:30 (UTC)" in worded(MailKind.DELETION, "en", "ann@example.com", deletes_at=UNTIL).text
    assert "2026-03-28 12:30 (UTC)" in worded(MailKind.DELETION, "es", "ann@example.com", deletes_at=UNTIL).text
    assert "It is gone now" in worded(MailKind.DELETION, "en", "ann@example.com").text
    assert "Ya no existe" in worded(MailKind.DELETION, "es", "ann@example.com").text


def test_an_address_with_braces_is_only_an_address() -> None:
    assert "{code}@example.com" in worded(MailKind.VERIFY, "en", "{code}@example.com", code=CODE).text
