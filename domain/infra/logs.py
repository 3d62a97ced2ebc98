"""What a process says of itself: one line an event to standard error, for people or as JSON, and never a secret.

Whatever is logged while a request is answered or a job runs carries its id: `bound(request=…)` holds for everything
that is begun inside it, tasks and threads of `asyncio.to_thread` included. A job carries also the id of the request
that made it necessary, and so do the jobs that it asks for: see `cause`.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum
from types import TracebackType
from typing import Any

from domain.infra.redaction import Redactor
from domain.infra.settings import Settings
from domain.infra.telemetry import open_reports

log = logging.getLogger("touchline.process")

TALKATIVE = ("uvicorn.error", "websockets", "httpcore", "redis")
"""Loggers of others that tell what goes over the wire where they are asked for everything: frames with somebody's
password, headers with a token. They are never asked for more than `info`."""


class Format(StrEnum):
    """How lines look."""

    LINE = "line"
    JSON = "json"


_request: ContextVar[str | None] = ContextVar("touchline request", default=None)
_job: ContextVar[str | None] = ContextVar("touchline job", default=None)
_traceparent: ContextVar[str | None] = ContextVar("touchline traceparent", default=None)


@contextmanager
def bound(*, request: str | None = None, job: str | None = None, traceparent: str | None = None) -> Iterator[None]:
    """Let everything that is logged inside carry the ids that are given, and the jobs that are asked for know them."""
    given = ((_request, request), (_job, job), (_traceparent, traceparent))
    tokens = [(each, each.set(name)) for each, name in given if name is not None]
    try:
        yield
    finally:
        for each, token in reversed(tokens):
            each.reset(token)


def bind_job(name: str | None, cause: Mapping[str, str] | None = None) -> None:
    """Let what this thread logs from now on carry a job's id and its request's, or none: where no block encloses it."""
    _job.set(name)
    _request.set((cause or {}).get("request"))


def cause() -> dict[str, str] | None:
    """What makes a job necessary that is asked for here: `request`, and where traces are kept `traceparent`, the span
    as W3C Trace Context writes it. None where neither is known."""
    ids = {"request": _request.get(), "traceparent": _traceparent.get()}
    return {name: value for name, value in ids.items() if value is not None} or None


def identity() -> dict[str, str]:
    """The ids that hold here: `request`, `job`, both or none."""
    ids = {"request": _request.get(), "job": _job.get()}
    return {name: value for name, value in ids.items() if value is not None}


class LineFormatter(logging.Formatter):
    """Time, level, logger, ids and message; what takes more lines, as a traceback does, is indented, so that nobody's
    text can look like an event of its own."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        ids = "".join(f"{name}={value} " for name, value in identity().items())
        text = f"{self.formatTime(record)} {record.levelname} {record.name} {ids}{record.getMessage()}"
        lines = "\n".join(part for part in (text, _exception(self, record)) if part).splitlines()
        return self._redactor.redact("\n  ".join(lines))


class JsonFormatter(logging.Formatter):
    """One object a line: `time` (UTC), `level`, `logger`, `process`, `message`, and where there is one `request`,
    `job` and `exception`."""

    def __init__(self, redactor: Redactor, process: str) -> None:
        super().__init__()
        self._redactor = redactor
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": self._process,
            **identity(),
            "message": self._redactor.redact(record.getMessage()),
        }
        if trace := _exception(self, record):
            told["exception"] = self._redactor.redact(trace)
        return json.dumps(told)


def _exception(formatter: logging.Formatter, record: logging.LogRecord) -> str | None:
    """The traceback as text; never kept on the record, where other handlers would find it unredacted."""
    return formatter.formatException(record.exc_info) if record.exc_info else None


def configure(settings: Settings, process: str) -> None:
    """Set the logging of this process up: everything to standard error, warnings and fatal errors included.

    `process` is its name, for example `worker`. Raises SettingsError where errors are to be reported and the packages
    for it are missing.
    """
    redactor = Redactor.of(settings)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter_of(settings, process, redactor))
    reports = open_reports(settings, process, redactor)
    logging.basicConfig(
        level=settings.log_level.upper(), handlers=[handler, *([reports] if reports else [])], force=True
    )
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.INFO, logging.getLogger().level))
    logging.captureWarnings(True)
    sys.excepthook = _fatal
    threading.excepthook = _fatal_in_thread
    sys.unraisablehook = _in_vain


def formatter_of(settings: Settings, process: str, redactor: Redactor) -> logging.Formatter:
    """The formatter that the settings ask for."""
    return JsonFormatter(redactor, process) if settings.log_format == Format.JSON else LineFormatter(redactor)


def _fatal(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What ends a process is logged as everything else is."""
    if issubclass(kind, Exception):
        log.critical("the process ends by an error that nobody expected", exc_info=(kind, error, trace))
    else:
        sys.__excepthook__(kind, error, trace)


def _fatal_in_thread(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_value is not None and not isinstance(failed.exc_value, SystemExit):
        log.critical("a thread ends by an error that nobody expected", exc_info=failed.exc_value)


def _in_vain(raised: sys.UnraisableHookArgs) -> None:
    """An error where nobody can catch it, as in `__del__`."""
    log.error("%s: %r", raised.err_msg or "an error that nobody can catch", raised.object, exc_info=raised.exc_value)
