"""Options that several commands share, and how an expected failure is told.

A command that works on a deployment is written like this:

    @click.command()
    @deployment_options
    def queue(settings: Settings) -> None:
        ...
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from domain.infra.errors import SettingsError, TouchlineError

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

    from domain.infra.settings import Settings

T = TypeVar("T")

FOLDER = click.Path(path_type=Path, file_okay=False, resolve_path=True)
"""A folder that need not exist yet, made absolute."""


OPERATOR = "the command line"
"""Who changed something, where it was done by a command."""


class Refusal(click.ClickException):
    """An expected failure: its sentence on stderr, and exit code 1, or 2 when what was asked or set is wrong."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = code  # type: ignore[misc] # click reads it from the instance


@contextmanager
def told_errors() -> Iterator[None]:
    """Turn expected errors into their sentences and an exit code; everything else keeps its traceback."""
    try:
        yield
    except SettingsError as error:
        raise Refusal(str(error), 2) from None
    except TouchlineError as error:
        raise Refusal(str(error)) from None


def deployment_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `settings` of the deployment it works on, and the option `--data-dir`.

    Both URLs come from the environment, else from the stack that runs on `--data-dir`, by default
    the demo's folder. Expected errors of the command are told as sentences.
    """

    def with_settings(*args: Any, data_dir: Path | None, **options: Any) -> Any:
        from workers.stack.running import default_folder

        with told_errors():
            settings = resolve_settings(default_folder() if data_dir is None else data_dir)
            return command(*args, settings=settings, **options)

    option = click.option("--data-dir", type=FOLDER, help="Folder of a running demo; not needed with DATABASE_URL.")
    return option(update_wrapper(with_settings, command))


def resolve_settings(data_dir: Path | None) -> Settings:
    """The settings from the environment, or with the URLs of the stack that runs on `data_dir`.

    Raises SettingsError when neither knows both URLs: half a deployment is never guessed.
    """
    from domain.infra.settings import read_settings

    if data_dir is None or os.environ.get("DATABASE_URL") or os.environ.get("REDIS_URL"):
        return read_settings()
    from workers.stack.running import find_urls
    from workers.stack.secret import secret_key

    database_url, redis_url = find_urls(data_dir)
    return read_settings(
        database_url=database_url, redis_url=redis_url, data_dir=data_dir, secret_key=secret_key(data_dir)
    )


async def with_database(settings: Settings, work: Callable[[asyncpg.Connection, datetime], Awaitable[T]]) -> T:
    """What some work in a transaction of its own comes to; it gets the connection and match time."""
    from domain.infra.clock import match_now
    from domain.infra.database import Database, connection_of

    database = await Database.connect(settings.database_url, size=2)
    try:
        async with database.transaction() as session:
            connection = await connection_of(session)
            return await work(connection, await match_now(connection))
    finally:
        await database.close()
