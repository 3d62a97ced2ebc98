"""Settings are refused at start by name, with the remedy."""

from __future__ import annotations

import pytest

from domain.infra.errors import SettingsError
from domain.infra.settings import read_settings

GOOD = {"DATABASE_URL": "postgresql://u@localhost/d", "REDIS_URL": "redis://localhost:6379/0"}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "TOUCHLINE_PORT", "TOUCHLINE_LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)


def _with(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in {**GOOD, **values}.items():
        monkeypatch.setenv(name, value)


def test_both_urls_are_read_from_their_well_known_names(monkeypatch: pytest.MonkeyPatch) -> None:
    _with(monkeypatch)
    settings = read_settings()
    assert settings.database_url == GOOD["DATABASE_URL"]
    assert settings.redis_url == GOOD["REDIS_URL"]


def test_missing_urls_are_named_with_the_remedy() -> None:
    with pytest.raises(SettingsError) as error:
        read_settings()
    assert [problem.partition(" ")[0] for problem in error.value.problems] == ["DATABASE_URL", "REDIS_URL"]
    assert all("touchline demo" in problem for problem in error.value.problems)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("DATABASE_URL", "mysql://localhost/x", "must begin with postgresql://"),
        ("DATABASE_URL", "postgresql://ann:hush/hush@host/x", "is malformed. Write `/`, `@`"),
        ("REDIS_URL", "redis://:hush/hush@host/0", "is malformed. Write `/`, `@`"),
        ("REDIS_URL", "http://localhost", "must begin with redis://"),
        ("TOUCHLINE_PORT", "eighty", "valid integer"),
        ("TOUCHLINE_PORT", "70000", "65535"),
        ("TOUCHLINE_LOG_LEVEL", "loud", "must be one of"),
        ("TOUCHLINE_TRUSTED_PROXIES", "10.0.0.1/8", "has host bits set"),
        ("TOUCHLINE_TRUSTED_PROXIES", "proxy.example", "10.0.0.0/8"),
        ("TOUCHLINE_TRUSTED_PROXIES", "::/0", "everybody"),
        ("TOUCHLINE_TRUSTED_PROXIES", '["10.0.0.1', "is no list"),
        ("TOUCHLINE_ALLOWED_ORIGINS", "https://odds.example/", "without a slash"),
        ("TOUCHLINE_ALLOWED_ORIGINS", "odds.example", "is no origin"),
        ("TOUCHLINE_REFRESH_MINUTES", "0", "greater than 0"),
    ],
)
def test_malformed_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str) -> None:
    _with(monkeypatch, **{name: value})
    with pytest.raises(SettingsError) as error:
        read_settings()
    [problem] = error.value.problems
    assert problem.startswith(f"{name}: ")
    assert says in problem


def test_settings_are_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    _with(monkeypatch)
    settings = read_settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("https://a.example, http://localhost:*", ("https://a.example", "http://localhost:*")),
        ('["https://a.example"]', ("https://a.example",)),
        ("*", ("*",)),
        ("", ()),
    ],
)
def test_several_values_are_separated_by_commas_or_a_list(
    monkeypatch: pytest.MonkeyPatch, value: str, read: tuple[str, ...]
) -> None:
    _with(monkeypatch, TOUCHLINE_ALLOWED_ORIGINS=value)
    assert read_settings().allowed_origins == read
