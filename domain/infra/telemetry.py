"""Traces to a collector and errors to Sentry, where the settings name one.

The packages for both are the extra `telemetry`. Without a setting nothing of them is imported; with one and without
the packages a process does not start.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from domain.infra.errors import SettingsError
from domain.infra.settings import Settings

if TYPE_CHECKING:
    from domain.infra.redaction import Redactor
    from domain.infra.traces import Tracing

REMEDY = 'pip install "touchline[server,telemetry]"'
T = TypeVar("T")


def open_tracing(settings: Settings, process: str) -> Tracing | None:
    """The spans of a process, on their way to the collector; None without a setting. Raises SettingsError."""
    endpoint = settings.otlp_endpoint
    if endpoint is None:
        return None

    def open_it() -> Tracing:
        from domain.infra.traces import Tracing

        return Tracing.to(endpoint, process)

    return _with_packages("TOUCHLINE_OTLP_ENDPOINT", open_it)


def open_reports(settings: Settings, process: str, redactor: Redactor) -> logging.Handler | None:
    """What reports unexpected errors of a process; None without a setting. Raises SettingsError."""
    dsn = settings.sentry_dsn
    if dsn is None:
        return None

    def open_it() -> logging.Handler:
        from domain.infra.reports import Reports

        return Reports(dsn.get_secret_value(), process, redactor)

    return _with_packages("TOUCHLINE_SENTRY_DSN", open_it)


def _with_packages(variable: str, open_it: Callable[[], T]) -> T:
    try:
        return open_it()
    except ImportError as error:
        raise SettingsError([f"{variable} is set and {error.name} is not installed: {REMEDY}."]) from error
