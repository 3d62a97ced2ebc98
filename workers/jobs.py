"""How a job runs: begun and ended in the job table around a plain async function.

A job is `async def price_value(boot, job_id, *, match_id)`: it can be called without a queue. Its
effect commits together with `domain.infra.jobs.finish`; one without an effect of its own is marked
done when it returns.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import dramatiq
from dramatiq.asyncio import EventLoopThread, get_event_loop_thread, set_event_loop_thread
from dramatiq.broker import Broker, MessageProxy
from dramatiq.middleware import AsyncIO, CurrentMessage, Middleware, Retries
from dramatiq.worker import Worker

from domain.infra import jobs
from domain.infra.clock import machine_now
from domain.infra.jobs import Message, queue_of
from domain.infra.logs import bind_job
from domain.infra.outages import is_outage
from workers.boot import Boot

log = logging.getLogger("touchline.jobs")

MOST_RETRIES = 5
"""After the first run; with pauses of 0.5, 1, 2, 4 and 8 s, each up to doubled."""
MOST_RETRIES_IN_OUTAGE = 60
FIRST_PAUSE_MILLISECONDS = 500
LONGEST_PAUSE_MILLISECONDS = 10_000


Job = Callable[..., Awaitable[None]]
"""A job's function: `(boot, job_id, **arguments)`, the arguments small JSON values."""


def register(broker: Broker, boot: Boot, known: Mapping[str, Job], priorities: Mapping[str, int]) -> None:
    """Make each job an actor of this broker; a lower priority number goes first."""
    for name, job in known.items():
        dramatiq.actor(actor_name=name, queue_name=queue_of(name), priority=priorities.get(name, 10), broker=broker)(
            _recorded(name, job, boot)
        )


def _recorded(name: str, job: Job, boot: Boot) -> Any:
    async def run(**arguments: Any) -> None:
        message = CurrentMessage.get_current_message()
        if message is None:
            raise RuntimeError("an actor runs only by a message")
        with _span(boot, name, message):
            begun = Message(message.message_id, name, arguments)
            if await jobs.begin(boot.database.pool, begun, failures=message.options.get("retries", 0)):
                await job(boot, message.message_id, **arguments)
                await jobs.finish(boot.database.pool, message.message_id)

    return run


def _span(boot: Boot, name: str, message: dramatiq.Message[Any]) -> AbstractContextManager[Any]:
    if boot.tracing is None:
        return nullcontext()
    return boot.tracing.job(name, _described(message), (message.options.get("cause") or {}).get("traceparent"))


def _described(message: dramatiq.Message[Any]) -> dict[str, str | int | float]:
    """What a span says of a job: never its arguments."""
    due = max(message.message_timestamp, message.options.get("eta", 0)) / 1000
    return {
        "touchline.job": message.message_id,
        "touchline.queue": message.queue_name,
        "touchline.attempt": message.options.get("retries", 0) + 1,
        "touchline.queue_wait_seconds": max(0.0, machine_now().timestamp() - due),
    }


def retries() -> Retries:
    """Bounded retries; an outage of a server is waited for longer than a fault of the job."""
    return Retries(
        retry_when=worth_another,
        min_backoff=FIRST_PAUSE_MILLISECONDS,
        max_backoff=LONGEST_PAUSE_MILLISECONDS,
    )


def worth_another(done: int, error: BaseException) -> bool:
    """Whether a job that was retried `done` times and failed with `error` is tried again."""
    return done < (MOST_RETRIES_IN_OUTAGE if is_outage(error) else MOST_RETRIES)


class OneLoop(AsyncIO):
    """The event loop of all workers of a process, which the process itself starts: their servers live in it."""

    def __init__(self, loop: EventLoopThread) -> None:
        super().__init__()
        self._loop = loop

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:  # noqa: ARG002 - Dramatiq's signature
        set_event_loop_thread(self._loop)

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """The process still closes its servers in the loop."""


class JobLog(Middleware):
    """Writes failures to the job table: RETRYING, or DEAD after the last retry. What is logged meanwhile carries the
    job's id and that of the request that made it necessary.

    It stands before `Retries`, so that it hears of a failure after that has decided.
    """

    def __init__(self, boot: Boot) -> None:
        self._boot = boot

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:  # noqa: ARG002
        bind_job(message.message_id, message.options.get("cause"))

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:  # noqa: ARG002
        bind_job(None)

    def after_process_message(
        self,
        broker: Broker,  # noqa: ARG002 - Dramatiq's signature
        message: MessageProxy,
        *,
        result: Any | None = None,  # noqa: ARG002
        exception: BaseException | None = None,
    ) -> None:
        if exception is not None:
            if message.failed:
                log.error("%s was given up", message.actor_name, exc_info=exception)
            self._note(message, f"{type(exception).__name__}: {exception}")
        bind_job(None)

    def before_nack(self, broker: Broker, message: MessageProxy) -> None:
        """A message for a job that no worker knows comes here unprocessed."""
        if message.actor_name not in broker.actors:
            self._note(message, f"no job is called {message.actor_name}")

    def _note(self, message: MessageProxy, error: str) -> None:
        loop = get_event_loop_thread()
        if loop is not None:
            note = jobs.note_failure(self._boot.database.pool, message.message_id, error, dead=message.failed)
            loop.run_coroutine(asyncio.wait_for(note, 10))
