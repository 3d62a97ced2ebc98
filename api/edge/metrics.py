"""`GET /metrics`: what this process counts, and how the deployment is, for Prometheus.

What a process counts is its own: with several API processes each has its own page, and they are added up by whoever
reads them. What is said of the deployment comes from PostgreSQL and Redis and is the same on every page; it is read
when somebody asks, with six statements and at most once a second. A server that is away is `touchline_up` 0, what
it would have told is left out, and the page answers all the same.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from api.context import Doors
from api.edge.meters import OWN
from api.errors import UNREACHABLE
from domain.infra import queries
from domain.infra.clock import machine_now, read_clock
from domain.infra.health import feed_health, queue_health
from domain.infra.settings import Settings

log = logging.getLogger("touchline.metrics")

KEPT_SECONDS = 1.0
"""How long what was read of the deployment is told again."""
ANSWER_WITHIN = 2.0
"""Seconds that a server has for an answer, before it counts as away."""

DEPLOYMENT: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        "touchline_up": ("Whether a server of the deployment answers.", ("server",)),
        "touchline_database_connections": ("Connections of this process to PostgreSQL, by state.", ("state",)),
        "touchline_match_timestamp_seconds": ("Match time.", ()),
        "touchline_provider_lag_seconds": ("How long a feed's next event is overdue, match time.", ("feed",)),
        "touchline_queue_waiting": ("Jobs that wait, those that the outbox still holds included.", ("queue",)),
        "touchline_queue_oldest_seconds": ("How long the oldest of them has waited; 0 without one.", ("queue",)),
        "touchline_queue_running": ("Jobs that run.", ("queue",)),
        "touchline_queue_done_last_hour": ("Jobs that were done in the last hour.", ("queue",)),
        "touchline_queue_dead": ("Jobs that were given up and not sent again.", ("queue",)),
        "touchline_outbox_waiting": ("Rows of the outbox that were not sent yet.", ()),
        "touchline_odds_position": ("Sequence of the newest price change.", ()),
        "touchline_graded_timestamp_seconds": ("Match time of the newest grade; 0 before the first.", ()),
        "touchline_plugin_calls_total": ("Calls of a plugin.", ("plugin",)),
        "touchline_plugin_failures_total": ("Calls of a plugin that failed.", ("plugin",)),
        "touchline_plugin_busy_seconds": ("Seconds of its calls in the last hour of match time.", ("plugin",)),
        "touchline_model_fits_total": ("Fits of a model, in all leagues.", ("model",)),
        "touchline_model_fit_seconds_total": ("Seconds that its fits took.", ("model",)),
        "touchline_redis_memory_bytes": ("Memory that Redis uses.", ()),
        "touchline_redis_connections": ("Connections to Redis, of all processes.", ()),
    }
)
"""What is said of the deployment: name → text and labels. Only settings and installed code give a label its values."""


class Deployment(Collector):
    """How the deployment is, as it was read last."""

    def __init__(self) -> None:
        self._metrics: Sequence[Metric] = ()
        self._read_at = -KEPT_SECONDS
        self._reading = asyncio.Lock()

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics

    async def read(self, doors: Doors) -> None:
        """Read it anew, if that was long enough ago; however many ask at once."""
        async with self._reading:
            if time.monotonic() - self._read_at >= KEPT_SECONDS:
                self._metrics = await _read(doors)
                self._read_at = time.monotonic()


def add_metrics(app: FastAPI, settings: Settings) -> None:
    """Add the page to an application whose state has `doors`."""
    deployment, both = Deployment(), CollectorRegistry()
    both.register(OWN)
    both.register(deployment)
    token = None if settings.metrics_token is None else f"Bearer {settings.metrics_token.get_secret_value()}".encode()

    @app.get("/metrics")
    @app.head("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        """All metrics, in the text format of Prometheus."""
        sent = request.headers.get("authorization", "").encode()
        if token is not None and not hmac.compare_digest(sent, token):
            told = "Send `Authorization: Bearer …` with the token of TOUCHLINE_METRICS_TOKEN.\n"
            return PlainTextResponse(told, 401, {"www-authenticate": "Bearer"})
        await deployment.read(app.state.doors)
        return Response(generate_latest(both), media_type=CONTENT_TYPE_LATEST, headers={"cache-control": "no-store"})


async def _read(doors: Doors) -> list[Metric]:
    """Everything that is said of the deployment, and which of its servers answer."""
    told = Told()
    idle = doors.database.pool.get_idle_size()
    told.say("touchline_database_connections", idle, "idle")
    told.say("touchline_database_connections", doors.database.pool.get_size() - idle, "busy")
    for server, read, away in (
        ("postgresql", _of_postgresql, UNREACHABLE),
        ("redis", _of_redis, (OSError, RedisError, TimeoutError)),
    ):
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                await read(doors, told)
            told.say("touchline_up", 1, server)
        except away as error:
            log.warning("%s does not answer: %s", server, type(error).__name__)
            told.say("touchline_up", 0, server)
    return [*told.metrics.values()]


class Told:
    """Metrics of the deployment, by their names."""

    def __init__(self) -> None:
        self.metrics: dict[str, Metric] = {}
        for name, (text, labels) in DEPLOYMENT.items():
            family = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            self.metrics[name] = family(name.removesuffix("_total"), text, labels=labels)

    def say(self, name: str, value: float, *labels: str) -> None:
        """Set one value; `labels` in the order of `DEPLOYMENT`."""
        family = self.metrics[name]
        assert isinstance(family, CounterMetricFamily | GaugeMetricFamily)
        family.add_metric(labels, value)


async def _of_postgresql(doors: Doors, told: Told) -> None:
    db = doors.reader
    clock = await read_clock(db)
    machine = machine_now()
    now = clock.at(machine)
    told.say("touchline_match_timestamp_seconds", now.timestamp())
    for feed in await queries.feeds(db):
        told.say("touchline_provider_lag_seconds", feed_health(feed, clock, now).lag_seconds, feed["name"])
    for queue in queue_health(await queries.job_counts(db, machine), machine):
        told.say("touchline_queue_waiting", queue.depth, queue.name)
        told.say("touchline_queue_oldest_seconds", queue.oldest_seconds or 0.0, queue.name)
        told.say("touchline_queue_running", queue.running_count, queue.name)
        told.say("touchline_queue_done_last_hour", queue.done_last_hour, queue.name)
        told.say("touchline_queue_dead", queue.dead_count, queue.name)
    progress = await queries.progress(db)
    told.say("touchline_outbox_waiting", progress["outbox"])
    told.say("touchline_odds_position", progress["odds_position"])
    told.say("touchline_graded_timestamp_seconds", progress["graded_at"].timestamp() if progress["graded_at"] else 0)
    for plugin in await queries.plugin_calls(db, now):
        told.say("touchline_plugin_calls_total", plugin["call_count"], plugin["key"])
        told.say("touchline_plugin_failures_total", plugin["failure_count"], plugin["key"])
        told.say("touchline_plugin_busy_seconds", plugin["seconds"], plugin["key"])
    for model in await queries.fits(db):
        told.say("touchline_model_fits_total", model["fits"], model["model_key"])
        told.say("touchline_model_fit_seconds_total", model["seconds"], model["model_key"])


async def _of_redis(doors: Doors, told: Told) -> None:
    known = await doors.redis.info()
    told.say("touchline_redis_memory_bytes", known["used_memory"])
    told.say("touchline_redis_connections", known["connected_clients"])
