"""What is signed with the deployment's key, and what is not taken for it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.accounts.vault import Purpose, Vault
from domain.infra.clock import machine_now
from domain.infra.errors import BadCredentials, SettingsError
from domain.infra.settings import read_settings

URLS = {"database_url": "postgresql://a@b/c", "redis_url": "redis://127.0.0.1:1"}
VAULT = Vault(read_settings(**URLS))


def test_a_token_names_its_row_for_its_purpose_alone() -> None:
    name = uuid4()
    token = VAULT.token(Purpose.REFRESH, name)
    assert len(token) == 64
    assert VAULT.read_token(Purpose.REFRESH, token) == name
    assert VAULT.read_token(Purpose.EMAIL_CODE, token) is None
    another = Vault(read_settings(**URLS, secret_key="another key of the tests, long enough"))
    assert another.read_token(Purpose.REFRESH, token) is None


@given(st.integers(0, 63), st.characters(codec="ascii"))
def test_a_changed_token_is_none(place: int, character: str) -> None:
    token = VAULT.token(Purpose.REFRESH, uuid4())
    changed = token[:place] + character + token[place + 1 :]
    assert changed == token or VAULT.read_token(Purpose.REFRESH, changed) is None


def test_another_spelling_of_a_token_is_none() -> None:
    tokens = [VAULT.token(Purpose.REFRESH, UUID(int=number)) for number in range(64)]
    spelled = [token.replace("-", "+").replace("_", "/") for token in tokens]
    others = [other for token, other in zip(tokens, spelled, strict=True) if other != token]
    assert others
    for other in (*others, tokens[0] + "=", tokens[0] + "\n"):
        assert VAULT.read_token(Purpose.REFRESH, other) is None


@given(st.text())
def test_no_text_is_a_token(text: str) -> None:
    assert VAULT.read_token(Purpose.REFRESH, text) is None


def test_an_access_token_ends_by_itself() -> None:
    now = machine_now()
    token, ends = VAULT.access_token(7, 8, now)
    claims = VAULT.read_access_token(token)
    assert (claims.account_id, claims.session_id, claims.expires_at) == (7, 8, ends)
    assert ends == (now + timedelta(minutes=30)).replace(microsecond=0)
    with pytest.raises(BadCredentials, match="has ended"):
        VAULT.read_access_token(VAULT.access_token(7, 8, now - timedelta(minutes=31))[0])


def test_a_file_link_is_signed_for_its_text() -> None:
    signature = VAULT.signature(Purpose.FILE, "task:7")
    assert VAULT.is_signed(Purpose.FILE, "task:7", signature)
    assert not VAULT.is_signed(Purpose.FILE, "task:8", signature)


def test_without_a_key_nothing_is_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOUCHLINE_SECRET_KEY")
    with pytest.raises(SettingsError, match="TOUCHLINE_SECRET_KEY is not set"):
        Vault(read_settings(**URLS))
