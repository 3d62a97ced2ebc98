"""The schema: every slice's fields of Query and Subscription, and what runs around an operation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.extensions import MaxTokensLimiter, ParserCache, SchemaExtension, ValidationCache
from strawberry.schema.config import StrawberryConfig

from api.batch import root
from api.context import Context
from api.errors import ShownErrors
from api.leagues import countries, leagues
from api.lookups import NODES, league, node, nodes, team
from api.matches import match, matches
from api.models import models
from api.odds_bookmakers import bookmakers
from api.odds_markets import market
from api.odds_prices import ODDS_SCALARS
from api.plugins import plugin, plugins
from api.prices import convert_odds
from api.scalars import SCALARS
from api.search import search
from api.status import status
from api.subscriptions import Subscription
from api.teams import teams
from api.value import value_bets

MOST_TOKENS = 1500
"""Words and signs in a document; enough for the largest screen, too few for a nested attack."""
CACHED_DOCUMENTS = 256


@strawberry.type(description="Reading.")
class Query:
    node = root(node)
    nodes = root(nodes)
    status = root(status)
    matches = root(matches)
    match = root(match)
    leagues = root(leagues)
    league = root(league)
    teams = root(teams)
    team = root(team)
    countries = root(countries)
    search = root(search)
    bookmakers = bookmakers
    market = market
    value_bets = root(value_bets)
    plugins = root(plugins)
    plugin = root(plugin)
    models = root(models)
    convert_odds = root(convert_odds)


class Renewed(SchemaExtension):
    """Begins every operation with nothing read before: a WebSocket has one context for many."""

    def on_operation(self) -> Iterator[None]:
        context: Context = self.execution_context.context
        context.renew()
        yield
        if context.doors.settings.log_level == "debug" and context.response is not None:
            context.response.headers["x-touchline-statements"] = str(context.db.statements)


class Parsed(ParserCache):
    """The parser's cache; a document that cannot be parsed is left to strawberry, which says so as it should."""

    def on_parse(self) -> Iterator[None]:
        with suppress(GraphQLError):
            context = self.execution_context
            context.graphql_document = self.cached_parse_document(context.query, **context.parse_options)
        yield


class TouchlineSchema(strawberry.Schema):
    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:
        """Nothing: `ShownErrors` logs what nobody expected, and the rest is the client's."""


def build_schema() -> strawberry.Schema:
    """The schema of the API."""
    return TouchlineSchema(
        query=Query,
        subscription=Subscription,
        types=[*NODES.values()],
        config=StrawberryConfig(scalar_map={**SCALARS, **ODDS_SCALARS}),
        extensions=[
            Renewed,
            ShownErrors,
            lambda: MaxTokensLimiter(max_token_count=MOST_TOKENS),
            lambda: Parsed(maxsize=CACHED_DOCUMENTS),
            lambda: ValidationCache(maxsize=CACHED_DOCUMENTS),
        ],
    )
