"""Child processes as a worker starts and ends them: what they may use, how they are asked, and that they end.

A message goes in and out by files without a name, so there is no pipe to fill, and what a child may write is bounded. A
child that is kept (`Warm`) is asked over a socket instead, one short message after the other.

The child sees none of the worker's environment but what locates programs and languages. On Linux it dies with the
thread that asked for it, so ask from a thread that waits for the answer.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from touchline import wire
from touchline.outputs import Fault, PluginError, one_line

TIMEOUT = 120.0
"""Seconds that a child may take, start-up included, unless it is told otherwise."""

MEMORY_MB = 4096
"""Address space of a child, in MiB."""

FILE_MB = 256
"""Longest file that a child may write, in MiB: its answer, what it says, and anything else."""

OUTSIDE_NICE = 19
"""How far the children of others stand back when processors are short."""

LONGEST = 4.0
"""So many times its seconds a child may take at most: while no processor is free for it, its clock stands."""

_GRACE = 2.0
"""Seconds that a child's guard has to end everything before it is killed itself."""

_KEPT = (
    *("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT"),
    "NUMBA_CACHE_DIR",
)
"""The only variables of the worker that a child sees; the last one says where compiled code is kept for the next."""

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


_Folder = tempfile.TemporaryDirectory[str]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may use."""

    seconds: float = TIMEOUT
    """Wall clock, start-up included and at most `LONGEST` times as long where processors are short; of a child that is
    kept, for each question and by the wall clock alone."""
    memory_mb: int = MEMORY_MB
    """Address space in MiB."""
    file_mb: int = FILE_MB
    """Length of any one file that it writes, in MiB, its answer included."""
    nice: int = 0
    """How far it stands back when processors are short: 0 not at all, 19 most."""


def ask_once(body: Mapping[str, Any], arrays: wire.Arrays, limits: Limits) -> tuple[dict[str, Any], wire.Arrays]:
    """The answer of a child of its own to one question; raises PluginError."""
    with tempfile.TemporaryFile() as request, tempfile.TemporaryFile() as reply, tempfile.TemporaryFile() as notes:
        request.write(wire.pack({**body, "limits": asdict(limits)}, arrays))
        request.seek(0)
        with _folder() as folder:
            status = _run(request, reply, notes, folder, limits.seconds)
        size = reply.seek(0, os.SEEK_END)
        if status != 0 or not size:
            raise PluginError(Fault.DIED, f"Its process ended {_ending(status)} without an answer.{_last_line(notes)}")
        if size > limits.file_mb * 2**20:
            raise PluginError(Fault.INVALID_OUTPUT, f"Its answer has more than {limits.file_mb} MiB.")
        reply.seek(0)
        return _answer(reply.read())


def _folder() -> _Folder:
    """Where a child works: what it leaves behind goes with it."""
    return tempfile.TemporaryDirectory(prefix="touchline-", ignore_cleanup_errors=True)


def _answer(message: bytes) -> tuple[dict[str, Any], wire.Arrays]:
    try:
        answer, tables = wire.unpack(message)
    except ValueError as error:
        raise PluginError(Fault.INVALID_OUTPUT, f"The answer cannot be read: {error}.") from error
    _raise_error(answer)
    return answer, tables


def _raise_error(answer: Mapping[str, Any]) -> None:
    """Raise what the child says went wrong."""
    if "error" in answer:
        fault = answer["error"] if answer["error"] in tuple(Fault) else Fault.INVALID_OUTPUT
        raise PluginError(Fault(fault), str(answer.get("sentence", "")))


def _run(request: IO[bytes], reply: IO[bytes], notes: IO[bytes], folder: str, seconds: float) -> int:
    """Run a child to its end or to the end of its time; everything that it started ends with it."""
    process = _start(folder, "once", stdin=request, stdout=reply, stderr=notes)
    try:
        if not _ends_in_time(process, seconds):
            raise PluginError(Fault.TIMED_OUT, f"It was stopped after {seconds:g} seconds.")
    finally:
        _end(process)
    return process.returncode


def _ends_in_time(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether the child ends in so many seconds, not counting those for which no processor was free for it.

    So it may stand back behind everything else and is not stopped for a load that is not its own.
    """
    began = time.monotonic()
    while True:
        left = min(seconds + _starved(process.pid), LONGEST * seconds) - (time.monotonic() - began)
        if left <= 0:
            return False
        if _ends_within(process, max(left, 0.05)):
            return True


def _starved(guard: int) -> float:
    """Seconds for which a guard's runner was ready and no processor was free; 0 where the kernel does not tell."""
    try:
        runner = Path(f"/proc/{guard}/task/{guard}/children").read_text().split()[0]
        return int(Path(f"/proc/{runner}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def _start(folder: str, mode: str, **streams: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "touchline.child", mode, str(os.getpid()), folder],
        env=_environment() | {"TMPDIR": folder},
        cwd=folder,
        start_new_session=True,
        **streams,
    )


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    path = os.pathsep.join(os.path.abspath(place) for place in sys.path)
    return kept | dict.fromkeys(_ONE_THREAD, "1") | {"PYTHONPATH": path, "PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}


def _ends_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether the child ends in time. A pid descriptor tells at once, where `wait` would look every 50 ms."""
    if sys.platform == "linux":
        try:
            descriptor = os.pidfd_open(process.pid)
        except OSError:  # an old kernel, or a sandbox of its own
            pass
        else:
            try:
                poll = select.poll()
                poll.register(descriptor, select.POLLIN)
                return bool(poll.poll(seconds * 1000))
            finally:
                os.close(descriptor)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the child and all that is left of it, then reap it: until then its number belongs to nobody else.

    Its guard is asked first, since only it knows what escaped.
    """
    if sys.platform == "win32":
        process.kill()
    elif process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):  # nobody left
            os.kill(process.pid, signal.SIGTERM)
            _ends_within(process, _GRACE)
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _ending(status: int) -> str:
    if status >= 0:
        return f"with status {status}"
    try:
        return f"by {signal.Signals(-status).name}"
    except ValueError:
        return f"by signal {-status}"


def _last_line(notes: IO[bytes]) -> str:
    """The last thing that the child said on its standard error, for the author."""
    size = notes.seek(0, os.SEEK_END)
    notes.seek(max(0, size - 2000))
    lines = notes.read().decode(errors="replace").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    return f" It last said: {one_line(said[-1])}" if said else ""


class Warm:
    """A child of one plugin that is kept between questions, started with the first and anew after a failure.

    One question at a time; whoever asks meanwhile waits.
    """

    def __init__(self, entry: str, limits: Limits, opening_seconds: float) -> None:
        self._opening: dict[str, Any] = {"entry": entry, "limits": asdict(limits)}
        self._limits = limits
        self._opening_seconds = opening_seconds
        self._lock = threading.Lock()
        self._child: _Child | None = None

    def ask(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The plugin's answer; raises PluginError."""
        with self._lock:
            if self._child is None or not self._child.is_there:
                self._open()
            answer = self._exchange(body, self._limits.seconds)
            _raise_error(answer)
            return answer

    def close(self) -> None:
        """End the child."""
        with self._lock:
            self._forget()

    def _open(self) -> None:
        self._forget()
        self._child = _Child()
        try:
            _raise_error(self._exchange(self._opening, self._opening_seconds))
        except PluginError:
            self._forget()
            raise

    def _exchange(self, body: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """What the child says; one that does not answer as it should is ended."""
        if self._child is None:
            raise RuntimeError("there is no child to ask")
        try:
            return self._child.exchange(body, seconds, self._limits.file_mb * 2**20)
        except PluginError:
            self._forget()
            raise

    def _forget(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None


class _Child:
    """A running child with the socket to it."""

    def __init__(self) -> None:
        folder = _folder()
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = _start(folder.name, "kept", stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL)
        self.close = weakref.finalize(self, _close, self._process, self._socket, folder)

    @property
    def is_there(self) -> bool:
        """Whether it can be asked: it may have ended with the thread that started it."""
        return self._process.poll() is None

    def exchange(self, body: Mapping[str, Any], seconds: float, most: int) -> dict[str, Any]:
        """Its answer to a message; after any PluginError of this it is of no use any more."""
        deadline = time.monotonic() + seconds
        message = json.dumps(body).encode()
        try:
            self._socket.settimeout(seconds)
            self._socket.sendall(len(message).to_bytes(8, "big") + message)
            size = int.from_bytes(self._receive(8, deadline), "big")
            if size > most:
                raise PluginError(Fault.INVALID_OUTPUT, f"Its answer has more than {most // 2**20} MiB.")
            answer = json.loads(self._receive(size, deadline))
        except TimeoutError:
            raise PluginError(Fault.TIMED_OUT, f"It was stopped after {seconds:g} seconds.") from None
        except OSError:
            _ends_within(self._process, _GRACE)
            ending = _ending(self._process.poll() or 0)
            raise PluginError(Fault.DIED, f"Its process ended {ending} without an answer.") from None
        except ValueError as error:
            raise PluginError(Fault.INVALID_OUTPUT, f"The answer cannot be read: {error}.") from error
        if not isinstance(answer, dict):
            raise PluginError(Fault.INVALID_OUTPUT, "The answer cannot be read: it is no object.")
        return answer

    def _receive(self, size: int, deadline: float) -> bytes:
        """So many bytes; raises TimeoutError, and OSError when the child is gone."""
        received = bytearray()
        while len(received) < size:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
            part = self._socket.recv(min(size - len(received), 2**16))
            if not part:
                raise ConnectionError
            received += part
        return bytes(received)


def _close(
    process: subprocess.Popen[bytes], connection: socket.socket, folder: tempfile.TemporaryDirectory[str]
) -> None:
    connection.close()
    _end(process)
    folder.cleanup()
