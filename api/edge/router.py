"""The address of the graph, as GraphQL over HTTP wants it: strawberry's router with a door in front of it.

What a request must pass, in this order: a form of answer that we have, a method and a content type that are no other
page's doing, who asks and whether they may, the body, the document. Strawberry's schema executes what is left, and its
router serves the WebSockets. What is known of a request is handed on as a value: strawberry would keep the answer of a
request on the router, where another one that comes meanwhile finds it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import orjson
from graphql import OperationType
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from strawberry.exceptions import ConnectionRejectionError
from strawberry.fastapi import GraphQLRouter
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types.unset import UnsetType

from api.auth import admit, caller_of, sent_on_socket, visitor_of
from api.context import Context
from api.edge import asked as asking
from api.edge import bodies, meters
from api.edge.allowance import paid
from api.edge.answers import answered, formatted, unexpected, was_refused
from api.edge.asked import Asked
from api.edge.documents import Documents, Operation, open_documents
from api.edge.etags import tagged
from api.edge.negotiation import JSON, answer_type, stream_type
from api.edge.origins import origin_pattern
from api.edge.refusals import METHOD_NOT_ALLOWED, NOT_ACCEPTABLE, Refused
from api.edge.sockets import MOST_OPERATIONS, Guest, Wire
from api.edge.streams import Results, Stream
from api.errors import BAD_USER_INPUT
from domain.infra.errors import BadCredentials
from domain.infra.settings import Settings

GREETING_WITHIN = timedelta(seconds=10)
"""How long a WebSocket may take to say `connection_init`."""
OTHER_METHODS = ["HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
NEEDS_A_STREAM = (
    "A subscription needs a stream: accept `text/event-stream` or `multipart/mixed;subscriptionSpec=1.0`, or open a "
    "WebSocket at this address with the protocol graphql-transport-ws."
)


class Router(GraphQLRouter[Context, None]):
    """Strawberry's router with a door in front of it."""

    graphql_transport_ws_handler_class = Guest
    websocket_adapter_class = Wire
    documents: Documents
    origins: re.Pattern[str] | None
    """Other origins whose pages may open a socket."""

    async def run(self, request: Any, context: Any = None, root_value: Any = None) -> Any:
        """Answer a request, or serve a socket."""
        if self.is_websocket_request(request):
            return await super().run(request=request, context=context, root_value=root_value)
        accepted = request.headers.get("accept")
        media_type, stream = answer_type(accepted), stream_type(accepted)
        try:
            if media_type is None and stream is None:
                raise Refused(406, f"Answers here are JSON: accept `{JSON}`.", NOT_ACCEPTABLE)
            return await self._answer(request, context, media_type, stream)
        except Refused as refused:
            return refused.answer(media_type or JSON)
        except Exception as error:  # noqa: BLE001 - nothing that is not JSON leaves this address
            return answered(unexpected(error), media_type or JSON, context)

    async def _answer(self, request: Request, context: Context, media_type: str | None, stream: str | None) -> Response:
        """The answer as `media_type`, or in a stream where that is None or a subscription is asked for."""
        asking.check_sender(request, self.origins)
        await admit(context, request.headers.get("authorization"))
        try:
            asked = await _asked(request, context)
            operation = await self.documents.operation(asked, context.doors.redis)
        except Refused as error:
            refused = await paid(context, error)
            if media_type is None and stream is not None and refused.status is None:
                meters.REFUSALS.labels(refused.code).inc()
                return Stream(_told(refused), stream, context)  # the client reads errors there, and no status
            raise refused from None
        if request.method == "GET" and operation.kind is OperationType.MUTATION:
            raise Refused(405, "Mutations are sent by POST.", METHOD_NOT_ALLOWED, headers={"allow": "POST"})
        if stream is not None and (media_type is None or operation.kind is OperationType.SUBSCRIPTION):
            return Stream(self._results(asked, operation, context), stream, context)
        if operation.kind is OperationType.SUBSCRIPTION:
            raise Refused(None, NEEDS_A_STREAM, BAD_USER_INPUT)
        return await self._executed(request, asked, operation, context, media_type or JSON)

    async def _executed(
        self, request: Request, asked: Asked, operation: Operation, context: Context, media_type: str
    ) -> Response:
        result = await self.schema.execute(operation.text, **_given(asked, context))
        answer = answered(result, media_type, context)
        if request.method == "GET" and not was_refused(result):
            return tagged(request, answer, is_private=context.visitor is not None)
        return answer

    async def _results(self, asked: Asked, operation: Operation, context: Context) -> Results:
        source: AsyncGenerator[Any, None] = await self.schema.stream(operation.text, **_given(asked, context))
        async with aclosing(source):
            async for result in source:
                yield formatted(result)

    async def on_ws_connect(self, context: Context) -> UnsetType | dict[str, object] | None:
        """Greet a socket, signed in if it sent a token; one that is worth nothing closes it with 4403."""
        try:
            if (authorization := sent_on_socket(context)) is not None:
                context.visitor = await visitor_of(context.doors.desk.vault, context.doors.reader, authorization)
        except BadCredentials:
            raise ConnectionRejectionError from None
        return await super().on_ws_connect(context)

    def is_websocket_origin_allowed(self, request: Any, origin: str) -> bool:  # noqa: ARG002
        return self.origins is not None and self.origins.fullmatch(origin) is not None

    def encode_json(self, data: object) -> str:
        return orjson.dumps(data).decode()  # text: a WebSocket would send bytes as a binary frame

    def decode_json(self, data: str | bytes) -> Any:
        return orjson.loads(data)


async def _asked(request: Request, context: Context) -> Asked:
    if request.method == "GET":
        return asking.read_address(request.query_params)
    most = bodies.ANONYMOUS_BYTES if context.visitor is None else bodies.SIGNED_IN_BYTES
    return asking.read_body(await bodies.read_body(request, most))


def _given(asked: Asked, context: Context) -> dict[str, Any]:
    return {
        "variable_values": asked.variables,
        "context_value": context,
        "operation_name": asked.operation_name,
        "operation_extensions": asked.extensions,
    }


async def _told(refused: Refused) -> Results:
    yield {"errors": [refused.formatted]}


async def _other_method(request: Request) -> Response:
    message = f"{request.method} is not for this address: ask by POST, or a query by GET."
    return Refused(405, message, METHOD_NOT_ALLOWED, headers={"allow": "GET, POST"}).answer(
        answer_type(request.headers.get("accept")) or JSON
    )


def graph_router(schema: Any, settings: Settings) -> Router:
    """The router of a deployment; raises SettingsError for trusted documents that cannot be used."""

    async def context(connection: HTTPConnection) -> Context:
        return Context(connection.app.state.doors, caller_of(connection))

    router = Router(
        schema,
        context_getter=context,
        graphql_ide=None,
        subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
        max_subscriptions_per_connection=MOST_OPERATIONS,
        connection_init_wait_timeout=GREETING_WITHIN,
    )
    router.origins = origin_pattern(settings.allowed_origins)
    router.documents = open_documents(settings)
    router.add_api_route("", _other_method, methods=OTHER_METHODS, include_in_schema=False)
    return router
