"""What a crash leaves behind: servers that outlived their supervisor, and files that block the next one."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from pathlib import Path

import psutil


def clear_the_way(pid_file: Path, leftovers: list[Path], folder: Path) -> None:
    """Stop a server that outlived its supervisor, and remove files that would make the next one refuse.

    Only called under the folder's lock. The pid file of a dead server stays: PostgreSQL checks by it
    that no old session is still at work. It goes when its number now belongs to another program, or
    to a zombie nobody collects, because then PostgreSQL would refuse for ever.
    """
    owner = _written_owner(pid_file)
    if owner is not None and _is_ours(owner, folder):
        _stop_orphan(owner)
    elif owner is not None:
        pid_file.unlink(missing_ok=True)
    for path in leftovers:
        path.unlink(missing_ok=True)


def _written_owner(pid_file: Path) -> psutil.Process | None:
    with suppress(FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
        return psutil.Process(int(pid_file.read_text().split()[0]))
    return None


def _is_ours(owner: psutil.Process, folder: Path) -> bool:
    try:
        return owner.status() != psutil.STATUS_ZOMBIE and any(str(folder) in word for word in owner.cmdline())
    except psutil.Error:
        return False


def _stop_orphan(owner: psutil.Process) -> None:
    for number, seconds in ((signal.SIGINT, 5.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
        with suppress(psutil.NoSuchProcess):
            owner.send_signal(number)
            deadline = time.monotonic() + seconds
            while owner.is_running() and owner.status() != psutil.STATUS_ZOMBIE:
                if time.monotonic() > deadline:
                    break
                time.sleep(0.05)
            else:
                return
