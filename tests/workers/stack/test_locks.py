from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from workers.stack.errors import FolderInUse
from workers.stack.locks import folder_lock, holder

HOLD = """
import sys, time
from pathlib import Path
from workers.stack.locks import folder_lock
with folder_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_held_folder_is_refused_with_the_holder_and_the_remedy(tmp_path: Path) -> None:
    with (
        folder_lock(tmp_path),
        pytest.raises(FolderInUse, match=rf"in use by process {os.getpid()}\. Stop .*`--data-dir`"),
        folder_lock(tmp_path),
    ):
        pass


def test_the_holder_is_known_while_it_holds(tmp_path: Path) -> None:
    assert holder(tmp_path) is None
    with folder_lock(tmp_path):
        assert holder(tmp_path) == os.getpid()
    assert holder(tmp_path) is None


def test_a_killed_holder_frees_the_folder(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert holder(tmp_path) == process.pid
        process.send_signal(signal.SIGKILL)
    with folder_lock(tmp_path):
        assert holder(tmp_path) == os.getpid()


def test_a_look_at_the_holder_does_not_keep_others_out(tmp_path: Path) -> None:
    with folder_lock(tmp_path):
        pass
    for _ in range(3):
        assert holder(tmp_path) is None
    with folder_lock(tmp_path):
        pass
