"""One lock per data folder, inside the folder: two stacks never share one."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workers.stack.errors import FolderInUse, StackError

NAME = "lock"
_PATIENCE_SECONDS = 0.5  # a predecessor killed a moment ago, or a look at `holder`, frees the lock at once


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold the folder while the block runs; the kernel frees it even after `kill -9`."""
    descriptor = _open(folder)
    try:
        _acquire(descriptor, folder)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        # The file stays: removing it would let two processes lock two files of one name.
        os.close(descriptor)


def holder(folder: Path) -> int | None:
    """The process that holds the folder; None when it is free."""
    try:
        descriptor = os.open(folder / NAME, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _written_pid(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


def _open(folder: Path) -> int:
    try:
        return os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except PermissionError:
        raise StackError(
            f"{folder} belongs to another user of this machine. Name a folder of your own with `--data-dir`."
        ) from None


def _acquire(descriptor: int, folder: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise FolderInUse(
                    f"{folder} is in use by process {_written_pid(descriptor)}. "
                    "Stop that one, or name another folder with `--data-dir`."
                ) from None
            time.sleep(0.05)
        else:
            return


def _written_pid(descriptor: int) -> int:
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else 0
