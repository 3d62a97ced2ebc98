"""`<data>/run.json`: what a running stack tells other commands about itself."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from domain.infra.errors import SettingsError
from workers.stack.locks import holder

NAME = "run.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A running stack; `pids` holds `supervisor` and the children by name."""

    database_url: str
    redis_url: str
    host: str
    port: int
    graphql: str
    live: str
    health: str
    started_at: str
    pids: Mapping[str, int]


def default_folder(stack: str = "demo") -> Path:
    """The data folder of a stack that names none.

    Root's lies under /var/lib: its servers run as `nobody`, who may not enter /root.
    """
    if os.name == "posix" and os.geteuid() == 0:
        return Path("/var/lib/touchline") / stack
    import platformdirs

    return Path(platformdirs.user_data_dir("touchline")) / stack


def started_now() -> str:
    """The time of this moment as run.json writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write_running(folder: Path, running: Running) -> None:
    """Tell other commands; readers see the old text or the new one, never half of it."""
    path = folder / NAME
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)  # it holds URLs
    with os.fdopen(descriptor, "w") as text:
        json.dump(asdict(running), text, indent=1)
    fresh.replace(path)


def forget_running(folder: Path) -> None:
    """Tell other commands that nothing runs here."""
    (folder / NAME).unlink(missing_ok=True)


def read_running(folder: Path) -> Running | None:
    """The stack that runs on a data folder now; None when there is none."""
    try:
        if holder(folder) is None:
            return None  # what a killed supervisor left behind says nothing
        return Running(**json.loads((folder / NAME).read_text()))
    except FileNotFoundError:
        return None
    except PermissionError:
        raise SettingsError(
            [f"{folder} belongs to another user of this machine; only that user can reach it."]
        ) from None


def find_urls(data_dir: Path) -> tuple[str, str]:
    """The database's and Redis's URL of the stack that runs on a data folder.

    Raises SettingsError with the remedy when nothing runs there.
    """
    running = read_running(data_dir)
    if running is None:
        raise SettingsError(
            [
                f"Nothing runs on {data_dir}, and DATABASE_URL and REDIS_URL are not both set. "
                "Set them, or start `touchline demo`, or name the folder of a running one with `--data-dir`."
            ]
        )
    return running.database_url, running.redis_url
