"""The signing key of an embedded deployment: made once, kept in its data folder, readable by its owner alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

FILE = "secret.key"


def secret_key(data_dir: Path) -> str:
    """The key of a data folder, made when there is none; `TOUCHLINE_SECRET_KEY` goes before it."""
    given = os.environ.get("TOUCHLINE_SECRET_KEY")
    if given is not None:
        return given
    path = data_dir / FILE
    if not path.exists():
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    return path.read_text()
