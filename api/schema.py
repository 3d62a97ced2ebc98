"""The schema: every slice's fields of Query, Mutation and Subscription, and what runs around an operation."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import strawberry
from graphql import GraphQLError, GraphQLInputObjectType, GraphQLSchema
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig

from api.accounts import viewer
from api.bankroll_mutations import create_bankroll, record_transaction, update_bankroll
from api.batch import root
from api.bet_mutations import delete_bet, place_bet, settle_bet, update_bet
from api.care import self_exclude, set_gambling_limit
from api.combos import combo_price
from api.confidence import confidence_analysis
from api.context import Context
from api.edge.costs import Costs
from api.edge.guard import QueryGuard
from api.edge.introspected import Introspected
from api.edge.observed import Observed
from api.errors import ShownErrors, masked
from api.execution import Execution
from api.following import set_following
from api.leaderboard import leaderboard
from api.leagues import countries, leagues
from api.lookups import NODES, league, node, nodes, team
from api.matches import match, matches
from api.model_mutations import promote_model_version, release_model_version
from api.models import models
from api.odds_bookmakers import bookmakers
from api.odds_markets import market
from api.odds_prices import ODDS_SCALARS
from api.plugin_mutations import configure_plugin
from api.plugins import plugin, plugins
from api.prices import convert_odds
from api.profile import delete_account, update_profile
from api.rate_limit import rate_limit
from api.scalars import SCALARS
from api.search import search
from api.sign_in import (
    login,
    logout,
    refresh_tokens,
    register,
    request_password_reset,
    reset_password,
    verify_email,
)
from api.status import status
from api.subscriptions import Subscription
from api.table_forecasts import request_table_forecast
from api.task_mutations import cancel_job, export_data, import_bets
from api.tasks import job
from api.teams import teams
from api.value import value_bets


@strawberry.type(description="Reading.")
class Query:
    node = root(node)
    nodes = root(nodes)
    viewer = root(viewer)
    rate_limit = rate_limit
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
    combo_price = root(combo_price)
    plugins = root(plugins)
    plugin = root(plugin)
    models = root(models)
    leaderboard = root(leaderboard)
    confidence_analysis = root(confidence_analysis)
    convert_odds = root(convert_odds)
    job = root(job)


@strawberry.type(description="Writing. Every payload has `errors`; when it is empty the other fields are set.")
class Mutation:
    register = register
    verify_email = verify_email
    login = login
    refresh_tokens = refresh_tokens
    logout = logout
    request_password_reset = request_password_reset
    reset_password = reset_password
    update_profile = update_profile
    delete_account = delete_account
    set_following = set_following
    create_bankroll = create_bankroll
    update_bankroll = update_bankroll
    record_transaction = record_transaction
    place_bet = place_bet
    update_bet = update_bet
    settle_bet = settle_bet
    delete_bet = delete_bet
    set_gambling_limit = set_gambling_limit
    self_exclude = self_exclude
    import_bets = import_bets
    export_data = export_data
    cancel_job = cancel_job
    request_table_forecast = request_table_forecast
    promote_model_version = promote_model_version
    release_model_version = release_model_version
    configure_plugin = configure_plugin


class Renewed(SchemaExtension):
    """Gives every operation a context of its own, with nothing read before: a WebSocket has many, also at once."""

    def on_operation(self) -> Iterator[None]:
        connection: Context = self.execution_context.context
        context = self.execution_context.context = connection.operation()
        yield
        if context.doors.settings.log_level == "debug" and context.response is not None:
            statements = connection.db.statements + context.db.statements  # who asks, and what
            context.response.headers["x-touchline-statements"] = str(statements)


class TouchlineSchema(strawberry.Schema):
    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:  # noqa: ARG002
        """Mask what nobody expected, also where a hook raised it: `ShownErrors`, which codes the rest, is over then."""
        errors[:] = map(masked, errors)


@cache
def build_schema() -> strawberry.Schema:
    """The schema of the API, built once in a process."""
    schema = TouchlineSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[*NODES.values()],
        config=StrawberryConfig(scalar_map={**SCALARS, **ODDS_SCALARS}),
        execution_context_class=Execution,
        extensions=[
            Observed,
            Renewed,
            ShownErrors,
            lambda: QueryGuard(costs),
            Introspected,
        ],
    )
    _mark_one_ofs(schema._schema)
    costs = Costs(schema._schema)
    return schema


def _mark_one_ofs(schema: GraphQLSchema) -> None:
    """Tell graphql-core of every input with exactly one field. Strawberry keeps that to a rule of its own, which breaks
    where a fragment that uses a variable stands before its operation."""
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLInputObjectType):
            kind.is_one_of = kind.extensions["strawberry-definition"].is_one_of
