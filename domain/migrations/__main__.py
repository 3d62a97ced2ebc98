"""`python -m domain.migrations`: bring the database at DATABASE_URL to the newest revision."""

from __future__ import annotations

import logging
import os
import sys

from sqlalchemy.exc import DBAPIError

from domain.infra.errors import SettingsError
from domain.infra.logs import configure
from domain.infra.settings import read_settings
from domain.migrations.runner import check, downgrade, upgrade

log = logging.getLogger("touchline.migrate")


def process(arguments: list[str]) -> int:
    """`main` as a process of its own, which logs as all others do; answers the exit code."""
    try:
        configure(read_settings(redis_url=os.environ.get("REDIS_URL") or "redis://unused"), "migrate")
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    try:
        main(arguments)
    except (OSError, DBAPIError) as error:
        if isinstance(error, DBAPIError) and error.statement is not None:
            raise  # it answers, and does not take a migration
        cause = error.orig.__cause__ if isinstance(error, DBAPIError) and error.orig is not None else error
        words = str(cause).partition("\n")[0].rstrip(".") or type(cause).__name__
        log.error("The database gives no answer: %s. Start it, or correct DATABASE_URL.", words)
        return 1
    return 0


def main(arguments: list[str]) -> None:
    """`upgrade` (default), `downgrade [REVISION]` or `check`; other words, such as --data-dir, are for ps."""
    verbs = [word for word in arguments if word in {"upgrade", "downgrade", "check"}]
    verb = verbs[0] if verbs else "upgrade"
    if verb == "check":
        check()
    elif verb == "downgrade":
        after = arguments[arguments.index(verb) + 1 :]
        downgrade(revision=after[0] if after else "base")
    else:
        upgrade()


if __name__ == "__main__":
    sys.exit(process(sys.argv[1:]))
