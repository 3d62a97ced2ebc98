"""Reports of unexpected errors to Sentry. Imported only where the settings name it, see `domain.infra.telemetry`.

Reported is what our own loggers log as an error with its exception: what the graph masks with an id, what the edge
does, jobs that were given up, and what ends a process. A report holds the traceback without the values of variables,
the ids of request and job, and nothing of the request itself.
"""

from __future__ import annotations

import logging
import re
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, cast

from sentry_sdk.client import Client
from sentry_sdk.scope import Scope
from sentry_sdk.utils import event_from_exception

from domain.infra.logs import identity
from domain.infra.redaction import Redactor

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

OURS = "touchline"
"""How the names of our loggers begin."""
SEND_WITHIN = 3.0
"""Seconds that reports have at the end of a process."""
ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
"""An e-mail address: PostgreSQL names the value that was there already."""
HIDDEN = "[hidden]"


class Reports(logging.Handler):
    """Sends errors away in a thread of its own."""

    def __init__(self, dsn: str, process: str, redactor: Redactor) -> None:
        super().__init__(logging.ERROR)
        self._process = process
        self._redactor = redactor
        self._client = Client(
            dsn=dsn,
            release=f"touchline@{version('touchline')}",
            default_integrations=False,
            auto_enabling_integrations=False,
            include_local_variables=False,
            max_request_body_size="never",
            max_breadcrumbs=0,
            send_client_reports=False,
            auto_session_tracking=False,
            before_send=self._redacted,
        )

    def emit(self, record: logging.LogRecord) -> None:
        if not record.exc_info or not record.name.startswith(OURS):
            return
        try:
            self._send(record)
        except Exception:  # noqa: BLE001 - the boundary: what a handler raises would end what has only logged
            self.handleError(record)

    def _send(self, record: logging.LogRecord) -> None:
        assert record.exc_info is not None
        event, hint = event_from_exception(record.exc_info, client_options=self._client.options)
        event["logger"] = record.name
        event["logentry"] = {"message": record.getMessage(), "params": []}
        event["tags"] = {"process": self._process, **identity()}
        self._client.capture_event(event, hint, Scope())

    def _redacted(self, event: Event, hint: Hint) -> Event:  # noqa: ARG002 - its signature
        return cast("Event", self._hidden(event))

    def _hidden(self, value: Any) -> Any:
        """The same without secrets and e-mail addresses, however deep."""
        if isinstance(value, str):
            return ADDRESS.sub(HIDDEN, self._redactor.redact(value))
        if isinstance(value, dict):
            return {name: self._hidden(each) for name, each in value.items()}
        return [self._hidden(each) for each in value] if isinstance(value, list | tuple) else value

    def close(self) -> None:
        self._client.close(timeout=SEND_WITHIN)
        super().close()
