"""Secrets are planted in every setting that holds some, and everything is broken: no answer and no line says them."""

from __future__ import annotations

import io
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from api.errors import INTERNAL
from domain.infra.logs import Format, formatter_of
from domain.infra.redaction import Redactor
from domain.infra.settings import Settings
from tests.api.client import Client, serving

PLANTED = ("swordfish-of-postgres", "swordfish-of-redis", "swordfish-of-mail", "swordfish-of-metrics")
KEY = "swordfish-of-tokens, long enough for everybody"
BREAKING = (
    "{ countries { name } }",
    "{ viewer { email } }",
    '{ search(query: "arsenal") { nodes { __typename } } }',
    'mutation { login(input: {email: "ann@example.com", password: "x"}) { errors { __typename } } }',
)


@pytest.fixture
def settings(database_url: str, redis_url: str) -> Settings:
    """A deployment whose Redis has no password, and so refuses ours: everything that needs it fails."""
    postgres, redis, mail, metrics = PLANTED
    return Settings(
        database_url=database_url.replace("@", f":{postgres}@", 1),
        redis_url=redis_url.replace("unix://", f"unix://:{redis}@", 1),
        smtp_url=SecretStr(f"smtp://touchline:{mail}@127.0.0.1:1"),
        metrics_token=SecretStr(metrics),
        secret_key=SecretStr(KEY),
        log_level="debug",
        log_format=Format.LINE,
    )


@pytest.fixture(params=[Format.LINE, Format.JSON])
def lines(settings: Settings, request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """What the process would have written."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    given = settings.model_copy(update={"log_format": request.param})
    handler.setFormatter(formatter_of(given, "api", Redactor.of(given)))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.setLevel(before)
    root.removeHandler(handler)


@pytest.fixture
async def broken(settings: Settings, migrated: str) -> AsyncIterator[Client]:
    """An API whose database has gone while it ran."""
    async with serving(settings) as client:
        await client.ask("{ countries { name } }")
        name = settings.database_url.partition("?")[0].rpartition("/")[2]
        admin = await asyncpg.connect(
            migrated.replace(f"/{migrated.partition('?')[0].rpartition('/')[2]}?", "/postgres?")
        )
        await admin.execute(f'drop database "{name}" with (force)')
        await admin.execute(f'create database "{name}"')  # the fixture drops it
        await admin.close()
        yield client


async def test_nothing_that_breaks_says_a_secret(
    lines: io.StringIO, broken: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def bug(*_: Any) -> None:
        raise RuntimeError(f"{settings.database_url} {settings.redis_url} {settings} {KEY} {PLANTED}")

    answers = [await broken.http.get(address) for address in ("/readyz", "/metrics")]
    answers += [await broken.http.post("/graphql", json={"query": query}) for query in BREAKING]
    token = {"authorization": "Bearer swordfish-of-a-stranger-12345678"}
    answers.append(await broken.http.post("/graphql", json={"query": BREAKING[0]}, headers=token))
    answers.append(await broken.http.post("/oauth/token", data={"grant_type": "refresh_token", "refresh_token": "x"}))
    monkeypatch.setattr("domain.matches.leagues.countries_with_leagues", bug)
    answers.append(await broken.http.post("/graphql", json={"query": BREAKING[0]}))
    assert answers[0].status_code == 503
    (error,) = answers[-1].json()["errors"]
    assert error["extensions"]["code"] == INTERNAL
    log = lines.getvalue()
    assert error["extensions"]["id"] in log
    assert "[hidden]" in log
    for text in (log, *(f"{answer.text} {answer.headers}" for answer in answers)):
        assert "swordfish" not in text, text[max(0, text.index("swordfish") - 200) :][:400]


async def test_outsiders_learn_which_server_is_silent_and_no_more(broken: Client) -> None:
    answer = await broken.http.get("/readyz")
    assert answer.status_code == 503
    assert len(answer.text) < 200
    assert "/" not in answer.text.replace("migrations", "")
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://u:swordfish@h/d", "swordfish"),
        ("postgresql://u@/d?host=/run&password=swordfish", "swordfish"),
        ("postgresql://u:sword%2Ffish@h/d", "sword/fish"),
    ],
)
def test_a_password_is_known_however_it_is_written(url: str, says: str) -> None:
    redactor = Redactor.of(Settings(database_url=url, redis_url="redis://h/0"))
    for text in (says, f"asyncpg: cannot connect to {url}", f"{{'password': '{says}'}}"):
        assert says not in redactor.redact(text)


def test_a_stranger_cannot_make_a_line_expensive(settings: Settings) -> None:
    redactor = Redactor.of(settings)
    for text in (
        "a." * 100_000,
        "a://" * 50_000,
        "-eyJaaaaaaaa" * 20_000,
        "bearer " * 50_000,
        "bearer" + " " * 200_000,
    ):
        assert redactor.redact(text)
