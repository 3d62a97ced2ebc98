"""What every request passes before it reaches an address."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from api.edge.compression import add_compression
from api.edge.headers import SecurityHeaders
from api.edge.origins import origin_pattern
from api.edge.proxies import Proxied
from domain.infra.settings import Settings

EXPOSED = ("etag", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "retry-after", "x-request-id")
"""Headers of an answer that a page of another origin may read."""
PREFLIGHT_SECONDS = 3600
"""How long a browser need not ask again whether it may."""


def add_middleware(app: FastAPI, settings: Settings) -> None:
    """Add it to an application; what is added last is passed first."""
    add_compression(app)
    if (pattern := origin_pattern(settings.allowed_origins)) is not None:
        app.add_middleware(
            CORSMiddleware,
            allow_origin_regex=pattern.pattern,
            allow_methods=["GET", "POST", "OPTIONS"],
            allow_headers=["*"],
            expose_headers=EXPOSED,
            max_age=PREFLIGHT_SECONDS,
        )
    app.add_middleware(SecurityHeaders)
    if settings.trusted_proxies:
        app.add_middleware(Proxied, trusted=settings.trusted_proxies)
