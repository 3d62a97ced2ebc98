"""The worker process: `python -m workers.worker`. Runs jobs until SIGTERM, then finishes what is in hand.

Groups of threads share one event loop. Threads only wait for their job's coroutine, so they cost
nothing; their number bounds what runs at once. Slow model runs have threads of their own, so that
prices never wait for a fit, and e-mails have one, so that nothing waits for a mail server. What runs the
code of others has one for models and one for strategies: however it hangs, ours goes on.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from dramatiq.asyncio import EventLoopThread
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import CurrentMessage, ShutdownNotifications, TimeLimit
from dramatiq.worker import Worker

from domain.infra.errors import SettingsError
from domain.infra.jobs import Queue
from domain.infra.lifeline import watch_lifeline
from domain.infra.logs import configure
from domain.infra.outages import is_outage
from domain.infra.settings import Settings, read_settings
from domain.infra.telemetry import open_tracing
from touchline.discovery import discover_plugins
from touchline.plugins import Registry
from touchline.processes import LONGEST
from workers.actors import register_jobs
from workers.boot import Boot, close_boot, open_boot
from workers.broker import open_broker
from workers.jobs import JobLog, OneLoop, retries

if TYPE_CHECKING:
    from domain.infra.traces import Tracing

QUICK_THREADS = 4
"""Jobs other than model runs and e-mails that run at once."""
MAIL_THREADS = 1
OUTSIDE_THREADS = 1
"""Children of others' models that run at once; strategies have as many threads beside them."""
POLL_MILLISECONDS = 100
"""Longest pause between two looks into an empty queue."""
DRAIN_MILLISECONDS = 10_000
OUTAGE_PAUSE = 1.0
"""Seconds between two tries to reach the servers at the start."""
TIME_LIMIT_MARGIN = 60.0
"""Seconds that a job may take on top of the longest that a plugin may."""

logger = logging.getLogger("touchline.worker")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until asked to stop; answers the exit code."""
    parser = argparse.ArgumentParser(prog="touchline worker", description=__doc__)
    parser.add_argument("--data-dir", help="only shown in the list of processes")
    parser.parse_args(arguments)
    watch_lifeline()
    try:
        settings = read_settings()
        configure(settings, "worker")
        tracing = open_tracing(settings, "worker")
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the process's last words
        return 2
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run_worker(settings, stop, tracing=tracing)
    if tracing is not None:
        tracing.close()
    return 0


def run_worker(
    settings: Settings,
    stop: threading.Event,
    load: Callable[[], Registry] = discover_plugins,
    tracing: Tracing | None = None,
) -> None:
    """Run jobs until `stop` is set, then drain."""
    loop = EventLoopThread(logger)
    loop.daemon = True  # an error at the start must end the process
    loop.start(timeout=5.0)
    boot = _opened(loop, stop, partial(open_boot, settings, load, tracing))
    if boot is None:
        return
    broker = open_broker(
        settings.redis_url,
        [
            OneLoop(loop),
            CurrentMessage(),
            ShutdownNotifications(),
            TimeLimit(time_limit=(settings.fit_timeout_seconds * LONGEST + TIME_LIMIT_MARGIN) * 1000),
            JobLog(boot),
            retries(),
        ],
    )
    register_jobs(broker, boot)
    broker.emit_after("process_boot")
    workers = _start(broker, settings)
    logger.info("working with %d models, %d strategies", len(boot.registry.models), len(boot.registry.strategies))
    stop.wait()
    is_drained = _drain(workers)
    if is_drained:
        loop.run_coroutine(close_boot(boot))
    logger.info("stopped")


def _opened(
    loop: EventLoopThread, stop: threading.Event, open_it: Callable[[], Coroutine[Any, Any, Boot]]
) -> Boot | None:
    """What jobs need; a server that is away is waited for. None when asked to stop meanwhile."""
    while not stop.is_set():
        try:
            boot: Boot = loop.run_coroutine(open_it())
        except Exception as error:
            if not is_outage(error):
                raise
            logger.warning("a server is away, trying again: %s", error)
            stop.wait(OUTAGE_PAUSE)
        else:
            return boot
    return None


def thread_groups(settings: Settings) -> list[tuple[set[Queue], int]]:
    """Queues that share threads, and how many those are: no group waits for another one."""
    return [
        ({Queue.FEEDS, Queue.DEFAULT}, QUICK_THREADS),
        ({Queue.MODELS}, settings.worker_threads),
        ({Queue.MAIL}, MAIL_THREADS),
        ({Queue.OUTSIDE}, OUTSIDE_THREADS),
        ({Queue.OUTSIDE_VALUE}, OUTSIDE_THREADS),
    ]


def _start(broker: RedisBroker, settings: Settings) -> list[Worker]:
    warnings = logging.getLogger("dramatiq.broker.RedisBroker")
    warnings.setLevel(logging.ERROR)  # it warns of a second worker's middleware of the same type; each has its queues
    workers = [
        Worker(broker, queues=set(map(str, queues)), worker_threads=threads, worker_timeout=POLL_MILLISECONDS)
        for queues, threads in thread_groups(settings)
    ]
    for worker in workers:
        worker.start()
    warnings.setLevel(logging.WARNING)
    return workers


def _drain(workers: Sequence[Worker]) -> bool:
    """Let running jobs end, at most so long; what is left goes back to its queue or is recovered later."""
    stoppers = [threading.Thread(target=worker.stop, args=(DRAIN_MILLISECONDS,), daemon=True) for worker in workers]
    for stopper in stoppers:
        stopper.start()
    for stopper in stoppers:
        stopper.join(DRAIN_MILLISECONDS / 1000 + 2)
    return not any(stopper.is_alive() for stopper in stoppers)


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)  # no thread of a job that hangs keeps the process
