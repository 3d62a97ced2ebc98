"""The child process that runs one plugin: `python -m touchline.child once|kept PARENT FOLDER`.

It holds one plugin's code and nothing else: no secrets in its environment, one thread, limits, and it ends with its
parent. That keeps faults away from the worker; it is not a wall against a plugin that means harm.

`once` reads one message of `touchline.wire` from stdin and writes one to stdout. `kept` opens a plugin with its first
message and answers until there are no more; messages are JSON after their length in eight bytes.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from touchline import guard, wire
from touchline.outputs import Fault, PluginError
from touchline.plugins import describe
from touchline.questions import Opened, answer_of, open_plugin


def main(mode: str, parent: int, folder: str) -> None:
    """Answer. What the plugin prints is dropped: the answer's own descriptor is kept aside."""
    _limit("RLIMIT_CORE", 0)
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    guard.divide(parent, folder, lambda sentence: _tell(answers, sentence) if mode == "once" else None)
    runner = os.getpid()
    questions = os.fdopen(os.dup(0), "rb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nothing, descriptor)
    if mode == "once":
        reply = _once(questions.read())
        _end_copies(runner)
        _write(answers, reply)
    else:
        _keep_answering(questions, answers, runner)
    sys.stderr.flush()
    os._exit(0)  # a plugin's threads and exit hooks do not keep the worker waiting


def _tell(answers: BinaryIO, sentence: str) -> None:
    """Put the guard's sentence in place of an answer."""
    answers.seek(0)
    answers.truncate()
    _write(answers, wire.pack({"error": Fault.DIED, "sentence": sentence}, {}))


def _write(answers: BinaryIO, reply: bytes) -> None:
    rest = memoryview(reply)
    while rest:
        rest = rest[answers.write(rest) :]


def _end_copies(runner: int) -> None:
    """A process that a plugin forked off comes here as well; only the runner answers."""
    if os.getpid() != runner:
        os._exit(0)


def _once(message: bytes) -> bytes:
    body, arrays = wire.unpack(message)
    limits = body["limits"]

    def reply() -> bytes:
        packed = wire.pack(*answer_of(body, arrays))
        if len(packed) > limits["file_mb"] * 2**20:
            raise PluginError(Fault.INVALID_OUTPUT, f"Its answer has more than {limits['file_mb']} MiB.")
        return packed

    _take_limits(limits)
    return _guarded(reply, lambda error: wire.pack(error, {}))


def _keep_answering(questions: BinaryIO, answers: BinaryIO, runner: int) -> None:
    """Open the plugin of the first message, then answer every other one."""
    plugin: Opened | None = None

    def reply(body: Mapping[str, Any]) -> bytes:
        nonlocal plugin
        if plugin is None:
            _take_limits(body["limits"])
            plugin = open_plugin(body["entry"])
            return b"{}"
        return json.dumps(plugin.answer_of(body)).encode()

    while head := questions.read(8):
        body = json.loads(questions.read(int.from_bytes(head, "big")))
        message = _guarded(lambda body=body: reply(body), lambda error: json.dumps(error).encode())  # type: ignore[misc]
        _end_copies(runner)
        _write(answers, len(message).to_bytes(8, "big") + message)


def _guarded(reply: Callable[[], bytes], told: Callable[[dict[str, str]], bytes]) -> bytes:
    """The reply, or what went wrong: foreign code may raise anything, also what is no Exception."""
    try:
        return reply()
    except PluginError as error:
        return told({"error": error.kind, "sentence": error.sentence})
    except BaseException as error:  # noqa: BLE001 - told to whoever asked
        return told({"error": Fault.RAISED, "sentence": f"It raised {describe(error)}"})


def _take_limits(limits: Mapping[str, Any]) -> None:
    """Bound what this process and all that it starts may use.

    A greedy plugin gets a MemoryError instead of the machine's memory, and an error instead of a full disk. When
    memory is short all the same, the kernel takes this process first.
    """
    _limit("RLIMIT_AS", limits["memory_mb"] * 2**20)
    _limit("RLIMIT_FSIZE", limits["file_mb"] * 2**20)
    if sys.platform == "win32":
        return
    if limits["nice"]:
        os.nice(limits["nice"])
        _note("/proc/self/autogroup", limits["nice"])  # where sessions share processors, niceness is theirs
    _note("/proc/self/oom_score_adj", 500)


def _limit(name: str, wanted: int) -> None:
    if sys.platform == "win32":
        return
    import resource  # POSIX only

    kind = getattr(resource, name)
    hard = resource.getrlimit(kind)[1]
    bound = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(kind, (bound, bound))


def _note(path: str, value: int) -> None:
    """Tell the kernel a number, where it asks for it. Some it takes ten times a second at most."""
    for _ in range(3):
        try:
            Path(path).write_text(str(value))
        except BlockingIOError:
            time.sleep(0.12)
        except OSError:  # not this kernel's, or not for us
            return
        else:
            return


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
