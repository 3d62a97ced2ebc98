"""Who really sent a request that a proxy of ours passed on."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_network

from starlette.types import ASGIApp, Receive, Scope, Send

from domain.infra.limiter import Address, read_address

SCHEMES = {"http": ("http", "ws"), "https": ("https", "wss"), "ws": ("http", "ws"), "wss": ("https", "wss")}
"""What a proxy may say that it was spoken to in → what a request, and a socket, were sent in."""


class Proxied:
    """Gives a request the address that its sender had, and the scheme, when a trusted proxy passed it on.

    Every proxy appends whom it heard from to `X-Forwarded-For`, so what stands right of the first address that is not
    trusted was written by proxies of ours, and what stands left of it by anybody: the right-most untrusted address is
    the sender's. Of a peer that is not trusted, nothing is believed.
    """

    def __init__(self, app: ASGIApp, trusted: Iterable[str]) -> None:
        self.app = app
        self.networks = [ip_network(each) for each in trusted]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan" and (client := scope.get("client")):
            scope = {**scope, **self._as_sent(scope, client)}
        await self.app(scope, receive, send)

    def _as_sent(self, scope: Scope, client: tuple[str, int]) -> Scope:
        """What a trusted proxy says of a request; nothing where it came from somebody else."""
        peer = read_address(client[0])
        if peer is None or not self._is_trusted(peer):
            return {}
        sender = self._sender(peer, _said(scope, b"x-forwarded-for"))
        known: Scope = {"client": (str(sender), client[1] if sender == peer else 0)}
        schemes = SCHEMES.get(_said(scope, b"x-forwarded-proto").rpartition(",")[2].strip().lower())
        if schemes is not None:
            known["scheme"] = schemes[scope["type"] == "websocket"]
        return known

    def _sender(self, peer: Address, forwarded: str) -> Address:
        """The right-most untrusted address; where there is none, the left-most one that could be read."""
        sender = peer
        for each in reversed(forwarded.split(",")):
            address = read_address(_without_port(each.strip()))
            if address is None:  # what stands left of garbage came through somebody who is not ours
                break
            sender = address
            if not self._is_trusted(address):
                break
        return sender

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self.networks)


def _said(scope: Scope, name: bytes) -> str:
    """All that a header holds, as one line."""
    return b",".join(value for each, value in scope["headers"] if each == name).decode("latin-1")


def _without_port(text: str) -> str:
    """The address of `1.2.3.4:80`, `[::1]:80` or `[::1]`; every other text as it is."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
