"""The one frozen settings object, read once at start and handed down.

Every field can be set by an environment variable: `DATABASE_URL` and `REDIS_URL` as they are known
everywhere, all others with the prefix `TOUCHLINE_`. A malformed value stops the start and is named
together with its remedy.
"""

from __future__ import annotations

import json
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from domain.infra.errors import SettingsError

LEAST_SECRET_BYTES = 32
ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:(\d{1,5}|\*))?")
"""What a browser sends as `Origin`, in lower case; `*` stands for any port."""
ESCAPES = "Write `/`, `@`, `:` and `#` of a password as %2F, %40, %3A and %23"
"""How a password stands in a URL."""
MAKE_SECRET = """`python -c "import secrets; print(secrets.token_urlsafe(48))"`"""


def _listed(value: object) -> object:
    """The names of `a,b` or of a JSON list of texts."""
    if not isinstance(value, str):
        return value
    if not value.lstrip().startswith("["):
        return [name for each in value.split(",") if (name := each.strip())]
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError('is no list; separate values by commas, or write JSON: ["a", "b"]') from None


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
"""Several values in one variable."""


class Settings(BaseSettings):
    """Everything a process of this deployment may be told from outside."""

    model_config = SettingsConfigDict(env_prefix="TOUCHLINE_", frozen=True, extra="ignore", populate_by_name=True)

    database_url: str = Field(validation_alias="DATABASE_URL")
    """`postgresql://user:password@host:port/name`, or `postgresql://user@/name?host=/socket/folder`."""
    redis_url: str = Field(validation_alias="REDIS_URL")
    """`redis://host:port/0`, `rediss://…`, or `unix:///path/to/socket`."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    """Port of the API; 0 takes a free one."""
    data_dir: Path | None = None
    """Folder of the embedded servers; None when both URLs come from outside."""
    log_level: str = "info"
    log_format: str = "line"
    """`line`, or `json` for one object a line."""
    metrics_token: SecretStr | None = None
    """What a reader of `/metrics` must send as `Authorization: Bearer …`; without it anybody may read."""
    otlp_endpoint: str | None = None
    """Where traces go by OTLP over HTTP, for example `http://collector:4318`; needs the extra `telemetry`."""
    sentry_dsn: SecretStr | None = None
    """Where errors that nobody expected go; needs the extra `telemetry`."""

    database_pool: int = Field(default=8, ge=1, le=200)
    """Connections each process may hold."""
    worker_threads: int = Field(default=2, ge=1, le=64)
    fit_timeout_seconds: float = Field(default=120.0, gt=0)
    """Wall clock that one plugin may take for a fit or a batch of predictions."""
    refresh_minutes: float = Field(default=30.0, gt=0)
    """Match time between two runs of all predictions."""
    heartbeat_seconds: float = Field(default=15.0, gt=0)
    """Silence after which a subscription says that it is alive."""
    subscriber_buffer: int = Field(default=1000, ge=1)
    """Changed outcomes held for one slow subscriber before it is told of a gap."""
    odds_retention_hours: float = Field(default=24.0, gt=0)
    """How far back `oddsChanged(after:)` resumes without a snapshot."""
    max_edge: float = Field(default=0.5, gt=0)
    """Edges above this are held back as implausible."""
    allowed_origins: Names = ()
    """Other origins whose pages may open a WebSocket or read answers, for example `https://odds.example`; `*` for any
    page, and `http://localhost:*` for any port."""
    trusted_proxies: Names = ()
    """Addresses or networks of proxies whose `X-Forwarded-For` is believed, for example `10.0.0.0/8`."""
    max_cost: int = Field(default=1000, ge=1)
    """Points that one operation may cost."""
    address_points: int = Field(default=10_000, ge=0)
    """Points a minute of one network address while nobody is signed in there; 0 counts nothing."""
    viewer_points: int = Field(default=30_000, ge=0)
    """Points a minute of one account; 0 counts nothing."""
    viewer_subscriptions: int = Field(default=200, ge=1)
    """Subscriptions at once of one account, or of one network address while nobody is signed in there."""
    introspection: bool = True
    """Whether anybody may read the schema from the API."""
    suggestions: bool = True
    """Whether errors say which field or argument may have been meant."""
    graphiql: bool = True
    """Whether a browser finds GraphiQL at `/graphql`."""
    example_accounts: dict[str, str] | None = None
    """E-mail → password of accounts that GraphiQL signs anybody in to; a demo offers its visitors so."""
    trusted_documents: Path | None = None
    """JSON file of documents that clients send by their hash alone: SHA-256 in hexadecimal → document."""
    only_trusted_documents: bool = False
    """Whether every other document is refused."""

    secret_key: SecretStr | None = None
    """Signs access tokens, refresh tokens, e-mailed codes and file links: at least 32 bytes. The API and the worker
    need it; an embedded deployment makes its own in the data folder."""
    access_minutes: float = Field(default=30.0, gt=0, le=24 * 60)
    """Life of an access token."""
    refresh_days: float = Field(default=7.0, gt=0, le=365)
    """Life of a refresh token: how long a device stays signed in without being used."""
    refresh_grace_seconds: float = Field(default=10.0, ge=0, le=60)
    """How long a traded refresh token still gives the same successor, for a client that lost the answer."""
    password_threads: int = Field(default=2, ge=1, le=32)
    """Passwords hashed at once by one process; each takes 64 MiB and about a quarter of a second."""
    sign_in_attempts: int = Field(default=10, ge=1)
    """Failed sign-ins per e-mail address and quarter of an hour, before it must wait."""
    address_attempts: int = Field(default=100, ge=1)
    """Sign-ins, registrations and password resets per network address and quarter of an hour."""
    deletion_days: float = Field(default=14.0, ge=0, le=365)
    """How long a deleted account can be taken back by signing in; 0 deletes at once."""
    smtp_url: SecretStr | None = None
    """`smtp://user:password@host:587` (STARTTLS where offered) or `smtps://…`; without it e-mails are put
    into the data folder; where there is none they are shown on the worker's terminal, or fail."""
    mail_from: str = "Touchline <touchline@localhost>"
    public_url: str | None = None
    """Address of the frontend that links in e-mails lead to, without a slash at the end."""

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, value: str) -> str:
        if _scheme(value) not in {"postgresql", "postgres"}:
            raise ValueError("must begin with postgresql://; there is one SQL dialect, PostgreSQL 15 or newer")
        return value.replace("postgres://", "postgresql://", 1)

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: str) -> str:
        if _scheme(value) not in {"redis", "rediss", "unix"}:
            raise ValueError("must begin with redis://, rediss:// or unix://")
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            if each != "*" and not ORIGIN.fullmatch(each):
                raise ValueError(
                    f"{each!r} is no origin; write a scheme, a host and, where it has one, a port, without a slash "
                    "at the end: `https://odds.example`, `http://localhost:*`"
                )
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            try:
                network = ip_network(each)
            except ValueError as error:
                raise ValueError(f"{error}; write addresses like `10.0.0.7` and networks like `10.0.0.0/8`") from None
            if not network.prefixlen:
                raise ValueError(f"{each} is everybody, and everybody could claim any address; name your proxies")
        return value

    @field_validator("secret_key")
    @classmethod
    def _long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value().encode()) < LEAST_SECRET_BYTES:
            raise ValueError(f"must have at least {LEAST_SECRET_BYTES} bytes; {MAKE_SECRET} makes one")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _smtp(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and urlsplit(value.get_secret_value()).scheme not in {"smtp", "smtps"}:
            raise ValueError("must begin with smtp:// or smtps://")
        return value

    @field_validator("log_format")
    @classmethod
    def _format(cls, value: str) -> str:
        if value.lower() not in {"line", "json"}:
            raise ValueError("must be line or json")
        return value.lower()

    @field_validator("otlp_endpoint")
    @classmethod
    def _collector(cls, value: str | None) -> str | None:
        if value is not None and not _is_http(value):
            raise ValueError("must begin with http:// or https:// and name a host; spans go to its path /v1/traces")
        return value

    @field_validator("sentry_dsn")
    @classmethod
    def _dsn(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not (_is_http(dsn := value.get_secret_value()) and urlsplit(dsn).username):
            raise ValueError("must be a DSN as Sentry shows it, https://key@host/project")
        return value

    @field_validator("metrics_token")
    @classmethod
    def _token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().strip():
            raise ValueError("must not be empty; leave it out and anybody may read /metrics")
        return value

    @field_validator("log_level")
    @classmethod
    def _level(cls, value: str) -> str:
        if value.lower() not in {"debug", "info", "warning", "error"}:
            raise ValueError("must be one of debug, info, warning, error")
        return value.lower()


def _is_http(url: str) -> bool:
    return urlsplit(url).scheme in {"http", "https"} and bool(urlsplit(url).hostname)


def _scheme(url: str) -> str:
    """The scheme of a server's URL, whose parts must be told from each other; what is wrong is said without it."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # where a password with a slash in it begins is taken for a port
    except ValueError:
        raise ValueError(f"is malformed. {ESCAPES}") from None
    return parts.scheme


def secret_of(settings: Settings) -> bytes:
    """The signing key; raises SettingsError, with the remedy, where none is set."""
    if settings.secret_key is None:
        raise SettingsError(
            [
                f"TOUCHLINE_SECRET_KEY is not set. Set it to the same {LEAST_SECRET_BYTES} bytes or more on every "
                f"machine; {MAKE_SECRET} makes one."
            ]
        )
    return settings.secret_key.get_secret_value().encode()


def read_settings(**given: object) -> Settings:
    """The settings from the environment, with `given` fields taking precedence.

    Raises SettingsError with one sentence per problem, each naming the variable.
    """
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError([_sentence(problem["loc"], problem["msg"]) for problem in error.errors()]) from None


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    field = str(location[0]) if location else "settings"
    name = field if field.isupper() else f"TOUCHLINE_{field.upper()}"
    if name in {"TOUCHLINE_DATABASE_URL", "TOUCHLINE_REDIS_URL"}:
        name = name.removeprefix("TOUCHLINE_")
    if message == "Field required":
        return f"{name} is not set. Set it, or use `touchline demo`, which starts its own servers."
    return f"{name}: {message.removeprefix('Value error, ')}."
