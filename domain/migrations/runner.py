"""Bring a database to the newest revision, one process at a time."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory


def configuration(url: str | None = None) -> Config:
    """Alembic's configuration of this folder; `url` goes before DATABASE_URL."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    if url is not None:
        config.attributes["url"] = url
    return config


def upgrade(url: str | None = None, revision: str = "head") -> None:
    """Run every migration up to `revision`."""
    command.upgrade(configuration(url), revision)


def downgrade(url: str | None = None, revision: str = "base") -> None:
    """Undo every migration down to `revision`."""
    command.downgrade(configuration(url), revision)


def check(url: str | None = None) -> None:
    """Raise when the tables in the code and in the database differ."""
    command.check(configuration(url))


@cache
def head() -> str:
    """The newest revision that this code knows."""
    found = _scripts().get_current_head()
    assert found is not None
    return found


def knows(revision: str) -> bool:
    """Whether this code has a revision, so that it can bring a database from there to the newest one."""
    return any(script.revision == revision for script in _scripts().walk_revisions())


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(configuration())
