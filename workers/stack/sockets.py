"""Where the sockets are: `<data>/run`, which only the servers' account (and root) may enter."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

from workers.stack.accounts import Account, first_barrier, own_folder, server_account

_SOCKET_FOLDER_BYTES = 90  # a socket's whole path may have 107 bytes on Linux, 103 on macOS
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")  # PostgreSQL takes a list of folders, with quoting rules of its own


def socket_folder(folder: Path) -> Path:
    """A folder for the sockets that only the servers' account (and root) may enter.

    `<data>/run`, or a short temporary folder that `<data>/run` links to. Call it under the folder's
    lock: leftovers of a predecessor are removed.
    """
    remove_socket_folder(folder)
    account = server_account()
    path = folder / "run"
    if len(os.fsencode(path)) <= _SOCKET_FOLDER_BYTES and _PLAIN_PATH.fullmatch(str(path)):
        return own_folder(path, account)
    short = Path(tempfile.mkdtemp(prefix="touchline-", dir=short_base(account)))
    path.symlink_to(short)
    return own_folder(short, account)


def remove_socket_folder(folder: Path) -> None:
    """Remove `<data>/run` and, when it is a link, the temporary folder behind it."""
    path = folder / "run"
    if path.is_symlink():
        short = path.readlink()
        if short.name.startswith("touchline-") and not short.is_symlink():
            shutil.rmtree(short, ignore_errors=True)  # another user's folder of that name stays
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def short_base(account: Account | None) -> Path:
    """A temporary folder with a short path that `account` may reach."""
    candidates = [os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir()]
    for candidate in candidates:
        if candidate is None or not _PLAIN_PATH.fullmatch(candidate) or len(candidate) > _SOCKET_FOLDER_BYTES - 20:
            continue
        if os.access(candidate, os.W_OK) and first_barrier(Path(candidate, "x"), account) is None:
            return Path(candidate)
    return Path("/tmp")
