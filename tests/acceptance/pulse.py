"""Somebody who asks `/healthz` all the time, in a process of their own, and prints what each answer took.

    python -m tests.acceptance.pulse PORT PID

Ends when its input does. What they or the API's process PID waited for a free processor is this machine's doing, and
taken off.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

EVERY = 0.01


def ran_and_waited(*processes: int) -> tuple[float, float]:
    """Seconds that the first threads of processes ran, and that they waited for a processor."""
    read = [Path(f"/proc/{each}/schedstat").read_text().split() for each in processes]
    return sum(int(each[0]) for each in read) / 1e9, sum(int(each[1]) for each in read) / 1e9


def main(port: int, pid: int) -> None:
    """Ask until the input ends, then print the seconds as JSON."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    waits = []
    while not select.select([sys.stdin], [], [], EVERY)[0]:
        began = time.perf_counter()
        _, before = ran_and_waited(pid, os.getpid())
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b"alive\n"
        _, waited = ran_and_waited(pid, os.getpid())
        waits.append(max(0.0, time.perf_counter() - began - (waited - before)))
    connection.close()
    print(json.dumps(waits))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
