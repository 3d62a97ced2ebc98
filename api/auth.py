"""Who asks: the person of an access token, over HTTP and on a WebSocket.

A token that is sent and is not valid is never ignored: HTTP answers 401 and runs nothing, a WebSocket is closed
with 4403. A signed-in socket is closed with 4401 when its token ends, and within seconds when its session does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import GraphQLError
from starlette.requests import HTTPConnection

from api.context import Context
from api.edge.allowance import enter
from api.edge.refusals import Refused
from api.errors import INTERNAL, UNAUTHENTICATED, UNREACHABLE, shown
from domain.accounts.people import Caller, Viewer
from domain.accounts.sessions import viewer_of
from domain.accounts.vault import Vault
from domain.infra.database import Reader
from domain.infra.errors import BadCredentials


def caller_of(connection: HTTPConnection) -> Caller:
    """Where a request came from. The address is the connection's own, or what a proxy of ours says, see
    `api.edge.proxies`: other headers that claim one are not believed."""
    return Caller(connection.client.host if connection.client else None, connection.headers.get("user-agent"))


async def visitor_of(vault: Vault, reader: Reader, authorization: str) -> Viewer:
    """The person of an `Authorization` header, with one statement; raises BadCredentials when it names nobody."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise BadCredentials("Send `Authorization: Bearer …` with the access token of `login`, or leave it out.")
    viewer = await viewer_of(reader, vault.read_access_token(token.strip()))
    if viewer is None:
        raise BadCredentials("The session of this access token has ended; sign in again.")
    return viewer


async def admit(context: Context, authorization: str | None) -> None:
    """Let the sender of a request be its visitor, or let nobody's request through the door of their address.

    Raises Refused: 401 for a token that is worth nothing, 429 where the address has asked too much, 503 while the
    database is away.
    """
    if authorization is None:
        await enter(context)
        return
    try:
        visitor = context.visitor = await visitor_of(context.doors.desk.vault, context.db, authorization)
        await context.doors.guests.note(visitor, context.machine)
    except BadCredentials as error:
        await enter(context)  # whoever guesses tokens is counted as well
        headers = {"www-authenticate": 'Bearer error="invalid_token"'}
        raise Refused(401, str(error), UNAUTHENTICATED, headers=headers) from None
    except UNREACHABLE as error:
        masked = shown(GraphQLError(str(error), original_error=error), INTERNAL)
        raise Refused(503, masked.message, INTERNAL, extensions=masked.extensions) from None


def sent_on_socket(context: Context) -> str | None:
    """What `connection_init` holds as `authorization`, else the header of the handshake; raises BadCredentials for
    what is no text."""
    parameters: Mapping[str, Any] = context.connection_params or {}
    sent = parameters.get("authorization", parameters.get("Authorization"))
    if sent is None and context.request is not None:
        return context.request.headers.get("authorization")
    if sent is not None and not isinstance(sent, str):
        raise BadCredentials("`authorization` in `connection_init` must be text.")
    return sent
