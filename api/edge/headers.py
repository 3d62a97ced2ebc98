"""Headers that every answer has, so that a browser makes nothing of it but what it is."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
"""Of an answer that does not say otherwise: a page says what it may load, see `api.edge.ide`."""
OVER_HTTPS = {"strict-transport-security": "max-age=31536000"}
"""A year of never again without encryption; said only where it was used, or a proxy of ours says that it was."""


class SecurityHeaders:
    """Adds them to every HTTP answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        added = _SECURE if scope.get("scheme") == "https" else _PLAIN

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = message.get("headers", ())
                names = {name.lower() for name, _ in given}
                message["headers"] = [*given, *(each for each in added if each[0] not in names)]
            await send(message)

        await self.app(scope, receive, answer)


def _raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


_PLAIN = _raw(ALWAYS)
_SECURE = _raw(ALWAYS | OVER_HTTPS)
