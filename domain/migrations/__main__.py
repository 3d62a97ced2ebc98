"""`python -m domain.migrations`: bring the database at DATABASE_URL to the newest revision."""

from __future__ import annotations

import sys

from domain.migrations.runner import check, downgrade, upgrade


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
    main(sys.argv[1:])
