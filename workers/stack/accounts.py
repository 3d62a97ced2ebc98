"""Who runs the embedded servers, and what that account can reach.

PostgreSQL refuses to run as root, so root's servers run as `nobody`. Everyone else's run as
themselves.
"""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from workers.stack.errors import StackError


@dataclass(frozen=True, slots=True)
class Account:
    """A user and group of this machine that processes are started as."""

    uid: int
    gid: int


def server_account() -> Account | None:
    """`nobody` when root asks, None (meaning: yourself) otherwise."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def own_folder(path: Path, account: Account | None) -> Path:
    """The folder, made if missing, readable by `account` (or yourself) and by nobody else."""
    owner = os.geteuid() if account is None else account.uid
    path.mkdir(mode=0o700, exist_ok=True)
    if account is not None and path.lstat().st_uid == os.geteuid():
        os.chown(path, account.uid, account.gid, follow_symlinks=False)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner:
        raise StackError(
            f"{path} belongs to another user of this machine. Name a folder of your own with `--data-dir`."
        )
    path.chmod(0o700)
    return path


def first_barrier(path: Path, account: Account | None) -> Path | None:
    """The outermost folder on the way to `path` that `account` may not pass; None when the way is free."""
    if account is None:
        return None
    for folder in reversed(path.absolute().parents):
        if folder.exists() and not _allows(folder.stat(), account, stat.S_IXUSR):
            return folder
    return None


def can_execute(path: Path, account: Account | None) -> bool:
    """Whether `account` (or yourself) reaches the file and may run it."""
    if account is None:
        return os.access(path, os.X_OK)
    return first_barrier(path, account) is None and _allows(path.stat(), account, stat.S_IRUSR | stat.S_IXUSR)


def _allows(found: os.stat_result, account: Account, wanted: int) -> bool:
    """Whether the owner's bits `wanted` are given to `account` (access lists are not looked at)."""
    if found.st_uid == account.uid:
        return found.st_mode & wanted == wanted
    shift = 3 if found.st_gid == account.gid else 6
    return (found.st_mode << shift) & wanted == wanted
