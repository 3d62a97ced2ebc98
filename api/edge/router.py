"""The address of the graph: strawberry's router that knows who asks, with a faster JSON."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
from starlette.requests import HTTPConnection
from starlette.responses import Response
from strawberry.exceptions import ConnectionRejectionError
from strawberry.fastapi import GraphQLRouter
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types.unset import UnsetType

from api.auth import Guest, admit, caller_of, sent_on_socket, visitor_of
from api.context import Context
from domain.infra.errors import BadCredentials
from domain.infra.settings import Settings

MOST_SUBSCRIPTIONS = 50
"""Per WebSocket."""
GREETING_WITHIN = timedelta(seconds=10)
"""How long a WebSocket may take to say `connection_init`."""


class Router(GraphQLRouter[Context, None]):
    """Strawberry's router that knows who asks, with a faster JSON."""

    graphql_transport_ws_handler_class = Guest
    temporal_response: Response

    async def run(self, request: Any, context: Any = None, root_value: Any = None) -> Any:
        """Answer a request, or serve a socket; a request whose token is worth nothing runs nothing."""
        if not self.is_websocket_request(request):
            answer = self.temporal_response  # strawberry keeps it on the router: another request may come meanwhile
            refusal = await admit(context, request.headers.get("authorization"))
            if refusal is not None:
                return refusal
            self.temporal_response = answer
        return await super().run(request=request, context=context, root_value=root_value)

    async def on_ws_connect(self, context: Context) -> UnsetType | dict[str, object] | None:
        """Greet a socket, signed in if it sent a token; one that is worth nothing closes it with 4403."""
        try:
            if (authorization := sent_on_socket(context)) is not None:
                context.visitor = await visitor_of(context.doors.desk.vault, context.doors.reader, authorization)
        except BadCredentials:
            raise ConnectionRejectionError from None
        return await super().on_ws_connect(context)

    def encode_json(self, data: object) -> str:
        return orjson.dumps(data).decode()  # text: a WebSocket would send bytes as a binary frame

    def decode_json(self, data: str | bytes) -> Any:
        return orjson.loads(data)


def graph_router(schema: Any, settings: Settings) -> Router:
    """The router of a deployment."""

    async def context(connection: HTTPConnection) -> Context:
        return Context(connection.app.state.doors, caller_of(connection))

    return Router(
        schema,
        context_getter=context,
        graphql_ide=None,
        allow_queries_via_get=False,
        subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
        max_subscriptions_per_connection=MOST_SUBSCRIPTIONS,
        connection_init_wait_timeout=GREETING_WITHIN,
        allowed_origins=settings.allowed_origins,
    )
