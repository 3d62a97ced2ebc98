"""How a field says where its values come from.

A field of a type is one of three:

- an attribute of the row;
- `@derived`: a plain method of the row, cheap, which may have arguments but never asks for `info`;
- `@batch`: all parents of a level in, as many values out, in the same order, one SQL statement:

      @batch
      @staticmethod
      async def league(matches: Sequence[Match], db: Rows) -> list[League]:
          "League."
          return await db.pick(League, [match.league_id for match in matches])

A field of Query is `@root`, one of Mutation `@mutation(Payload)`, one of Subscription `@live`; they have no
parents. What a mutation expects to go wrong comes back in the `errors` of its payload.

What a resolver may see is what its signature asks for by name (`GIVEN`): `db` reads what is public and what
is the viewer's own, `viewer` makes the value private to the person who must be signed in (`visitor` is None
for nobody), `now` (match time) and `machine` (machine time) make it time dependent, `database` can write,
`greet` lets the rest of the operation be that of who has just signed in. Everything else in the signature
is an argument of the field. The docstring is the description in the schema, arguments are described by
`Annotated[..., strawberry.argument(description=...)]`. The function itself is what a test calls:
`batch_function(Match, "league")([match], fake_db)`.

Today strawberry's own executor serves all this through one adapter: the parents of one field and one
set of arguments that are visited in one turn of the event loop become one call.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, get_args

import strawberry
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import Parameter, StrawberryResolver
from strawberry.utils.str_converters import to_camel_case

from api.edge import meters
from api.edge.allowance import counted_stream
from domain.infra.errors import SignInRequired, TouchlineError

if TYPE_CHECKING:
    from api.context import Context
    from domain.infra.traces import Tracing

GIVEN = (
    *("db", "database", "viewer", "visitor", "caller", "now", "machine", "clock", "settings", "hub", "redis", "about"),
    *("desk", "news", "greet"),
)
"""Names of parameters that the context gives; every other parameter is an argument of the field."""
PRIVATE = frozenset({"viewer", "visitor", "caller", "greet"})
"""Those that make a value a person's own."""


class Source:
    """A resolver's function and what it asks the context for."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.signature = inspect.signature(function)
        self.given = tuple(name for name in GIVEN if name in self.signature.parameters)

    @property
    def is_public(self) -> bool:
        """Whether the value is the same for every viewer."""
        return not PRIVATE & set(self.given)

    @property
    def is_timeless(self) -> bool:
        """Whether the value only changes when a row does."""
        return not {"now", "machine", "clock"} & set(self.given)

    async def call(self, context: Context, *parents: Sequence[Any], **arguments: Any) -> Any:
        """The function's answer; `parents` is one sequence for a batch and nothing for a root."""
        if (tracing := context.loads.tracing) is None:
            return await self._answer(context, parents, arguments)
        count = len(parents[0]) if parents else 0
        with tracing.span(f"resolve {self.function.__qualname__}", {"touchline.parents": count}):
            return await self._answer(context, parents, arguments)

    async def _answer(self, context: Context, parents: tuple[Sequence[Any], ...], arguments: dict[str, Any]) -> Any:
        given = {name: await context.give(name) for name in self.given}
        value = self.function(*parents, **given, **arguments)
        return await value if inspect.isawaitable(value) else value

    def arguments(self, skip: int) -> list[inspect.Parameter]:
        """The field's arguments; a default of None becomes "not given", so that the schema shows none."""
        parameters = list(self.signature.parameters.values())[skip:]
        return [
            parameter.replace(default=strawberry.UNSET) if parameter.default is None else parameter
            for parameter in parameters
            if parameter.name not in GIVEN
        ]


class Loads:
    """Calls of batch resolvers being collected, and running; `tracing` has a span for each."""

    def __init__(self, tracing: Tracing | None = None) -> None:
        self.tracing = tracing
        self._collecting: dict[object, _Load] = {}
        self._running: set[asyncio.Task[None]] = set()

    def add(self, source: Source, context: Context, arguments: dict[str, Any], parent: object) -> asyncio.Future[Any]:
        """The value of one parent, once the resolver was called for all of this turn.

        Parents are kept by reference and never by id(): ids are used again after a collection.
        """
        name = (source, repr(arguments)) if arguments else source
        load = self._collecting.get(name)
        loop = asyncio.get_running_loop()
        if load is None:
            load = self._collecting[name] = _Load()
            loop.call_soon(self._start, name, source, context, arguments)
        value: asyncio.Future[Any] = loop.create_future()
        load.parents.append(parent)
        load.values.append(value)
        return value

    def _start(self, name: object, source: Source, context: Context, arguments: dict[str, Any]) -> None:
        task = asyncio.ensure_future(self._collecting.pop(name).run(source, context, arguments))
        self._running.add(task)  # the event loop keeps only weak references
        task.add_done_callback(self._running.discard)


class _Load:
    """The parents of one call, and where their values go."""

    __slots__ = ("parents", "values")

    def __init__(self) -> None:
        self.parents: list[object] = []
        self.values: list[asyncio.Future[Any]] = []

    async def run(self, source: Source, context: Context, arguments: dict[str, Any]) -> None:
        try:
            answers: Sequence[Any] = await source.call(context, self.parents, **arguments)
            if len(answers) != len(self.parents):
                raise RuntimeError(f"{source.function.__qualname__}: {len(answers)} for {len(self.parents)} parents")
        except Exception as error:  # noqa: BLE001 - handed to every place that waits for it
            answers = [error] * len(self.parents)
        for value, answer in zip(self.values, answers, strict=True):
            if value.done():  # cancelled: a sibling failed
                continue
            if isinstance(answer, Exception):
                value.set_exception(answer)
                value.exception()  # seen: nobody may be waiting any more
            else:
                value.set_result(answer)


def batch(function: Callable[..., Any] | staticmethod[..., Any]) -> Any:
    """A field resolved for all parents of a level at once."""
    source = Source(_plain(function))

    def resolver(self: Any, info: strawberry.Info[Any], **arguments: Any) -> Any:
        context: Context = info.context
        return context.loads.add(source, context, arguments, self)

    return _field(resolver, source, [*_OWN, *source.arguments(skip=1)], _element(source.signature.return_annotation))


def root(function: Callable[..., Any] | staticmethod[..., Any]) -> Any:
    """A field of Query."""
    source = Source(_plain(function))

    async def resolver(self: Any, info: strawberry.Info[Any], **arguments: Any) -> Any:  # noqa: ARG001
        return await source.call(info.context, **arguments)

    return _field(resolver, source, [*_OWN, *source.arguments(skip=0)], source.signature.return_annotation)


def mutation(payload: type, failed: Callable[[TouchlineError], Any]) -> Callable[[Callable[..., Any]], Any]:
    """A field of Mutation; an expected failure becomes `payload(errors=[failed(error)])`.

    That nobody is signed in is no failure of the input: it stays an error of the request.
    """

    def declare(function: Callable[..., Any]) -> Any:
        source = Source(_plain(function))

        async def resolver(self: Any, info: strawberry.Info[Any], **arguments: Any) -> Any:  # noqa: ARG001
            info.context.db.forget()  # what the mutation before it changed is read anew
            try:
                return await source.call(info.context, **arguments)
            except SignInRequired:
                raise
            except TouchlineError as error:
                return payload(errors=[failed(error)])

        shaped = _shape(resolver, source, [*_OWN, *source.arguments(skip=0)], source.signature.return_annotation)
        return strawberry.mutation(
            resolver=shaped, description=description_of(source.function), metadata={Source: source}
        )

    return declare


def live(function: Callable[..., Any] | staticmethod[..., Any]) -> Any:
    """A field of Subscription: an async generator of events; each event is resolved with rows read anew."""
    source = Source(_plain(function))
    name = to_camel_case(source.function.__name__)
    subscribers, sent = meters.SUBSCRIBERS.labels(name), meters.EVENTS.labels(name)

    async def resolver(
        self: Any,  # noqa: ARG001
        info: strawberry.Info[Any],
        **arguments: Any,
    ) -> AsyncGenerator[Any, None]:
        context: Context = info.context
        given = {name: await context.give(name) for name in source.given}
        async with counted_stream(context), aclosing(source.function(**given, **arguments)) as events:
            with subscribers.track_inprogress():
                async for event in events:
                    context.renew()
                    sent.inc()
                    yield event

    annotation = source.signature.return_annotation
    shaped = _shape(resolver, source, [*_OWN, *source.arguments(skip=0)], annotation)
    return strawberry.subscription(
        resolver=shaped, description=description_of(source.function), metadata={Source: source}
    )


class _DerivedField(StrawberryField):
    """A field that strawberry serves as it serves an attribute: without Info and without arguments."""

    @property
    def is_basic_field(self) -> bool:
        return not self.extensions

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: Any) -> Any:  # noqa: ARG002
        assert self.base_resolver is not None
        return self.base_resolver.wrapped_func(source)  # type: ignore[operator]


def derived(method: Callable[..., Any]) -> Any:
    """A field computed from the row alone; without arguments it is as cheap as an attribute."""
    source = Source(method)
    arguments = source.arguments(skip=1)
    if source.given:
        raise TypeError(f"{method.__qualname__}: a derived field cannot ask for {source.given[0]}; use @batch")
    if not arguments:
        return _DerivedField(base_resolver=StrawberryResolver(method), description=description_of(method))

    def resolver(self: Any, **arguments: Any) -> Any:
        return method(self, **arguments)

    own = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    return _field(resolver, source, [*own, *arguments], source.signature.return_annotation)


def batch_function(kind: type, name: str) -> Callable[..., Any]:
    """The function behind a `@batch`, `@root` or `@live` field, for tests."""
    definition = kind.__strawberry_definition__  # type: ignore[attr-defined]
    field = next(field for field in definition.fields if field.python_name == name)
    source: Source = field.metadata[Source]
    return source.function


def description_of(function: Callable[..., Any]) -> str:
    """First paragraph of the docstring, on one line."""
    text = inspect.getdoc(function)
    if not text:
        raise TypeError(f"{function.__qualname__} needs a docstring: it is the field's description")
    return " ".join(text.split("\n\n")[0].split())


def _field(resolver: Callable[..., Any], source: Source, parameters: list[inspect.Parameter], returns: Any) -> Any:
    shaped = _shape(resolver, source, parameters, returns)
    return strawberry.field(resolver=shaped, description=description_of(source.function), metadata={Source: source})


def _shape(
    resolver: Callable[..., Any], source: Source, parameters: list[inspect.Parameter], returns: Any
) -> Callable[..., Any]:
    """Shows strawberry the arguments and the type of the field, without what the context gives."""
    # strawberry's own kind of parameter: it may have a default that cannot be hashed.
    own = [Parameter(each.name, each.kind, default=each.default, annotation=each.annotation) for each in parameters]
    resolver.__signature__ = inspect.Signature(own, return_annotation=returns)  # type: ignore[attr-defined]
    resolver.__name__, resolver.__doc__ = source.function.__name__, source.function.__doc__
    resolver.__module__ = source.function.__module__  # where strawberry looks up the names in annotations
    return resolver


_OWN = [
    inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD),
    inspect.Parameter("info", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=strawberry.Info),
]
"""What an adapter takes besides the field's arguments."""


def _plain(function: Callable[..., Any] | staticmethod[..., Any]) -> Callable[..., Any]:
    return function.__func__ if isinstance(function, staticmethod) else function


def _element(annotation: Any) -> Any:
    """`list[Team]`, one per parent, gives `Team`, the type of the field."""
    if not isinstance(annotation, str):
        return get_args(annotation)[0]
    subscript = ast.parse(annotation, mode="eval").body
    assert isinstance(subscript, ast.Subscript)
    return ast.unparse(subscript.slice)
