"""What every request passes before it reaches an address."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from domain.infra.settings import Settings


def add_middleware(app: FastAPI, settings: Settings) -> None:
    """Add it to an application; what is added last is passed first."""
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=settings.allowed_origins, allow_methods=["POST"], allow_headers=["*"]
        )
