"""The one frozen settings object, read once at start and handed down.

Every field can be set by an environment variable: `DATABASE_URL` and `REDIS_URL` as they are known
everywhere, all others with the prefix `TOUCHLINE_`. A malformed value stops the start and is named
together with its remedy.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.infra.errors import SettingsError


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
    allowed_origins: tuple[str, ...] = ()
    """Other origins whose pages may open a WebSocket or read answers, for example `https://odds.example`."""

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, value: str) -> str:
        if urlsplit(value).scheme not in {"postgresql", "postgres"}:
            raise ValueError("must begin with postgresql://; there is one SQL dialect, PostgreSQL 15 or newer")
        return value.replace("postgres://", "postgresql://", 1)

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: str) -> str:
        if urlsplit(value).scheme not in {"redis", "rediss", "unix"}:
            raise ValueError("must begin with redis://, rediss:// or unix://")
        return value

    @field_validator("log_level")
    @classmethod
    def _level(cls, value: str) -> str:
        if value.lower() not in {"debug", "info", "warning", "error"}:
            raise ValueError("must be one of debug, info, warning, error")
        return value.lower()


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
