"""Stored predictions: one of a model version for one market, never changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from api.batch import batch, derived
from api.explanations import Explanation, Locale
from api.filters import ConfidenceBand
from api.forecast_parts import ForecastBasis
from api.grades import GradeOf, PredictionGrade
from api.market_keys import MarketKeyed, canonical_key, check_forecast
from api.models import ModelVersion
from api.nodes import Node
from api.odds_markets import Market
from api.odds_prices import OutcomeProbability
from api.odds_quotes import OddsQuote
from api.paging import After, Before, Connection, Counts, First, Last, Order, connect_each, read_page
from api.rows import Columns, Rows, grouped, in_order, rows_of
from api.scalars import MarketKind
from domain.forecasting import queries
from domain.markets.queries import Outcome, outcomes
from touchline import value

if TYPE_CHECKING:
    from api.matches import Match

HISTORY_ORDER = Order("predictions", queries.HISTORY_ORDER.sql, "p.id", read=datetime.fromisoformat)


@strawberry.type(description="Value of one outcome at one price.")
class OutcomeEdge:
    outcome: OutcomeProbability = strawberry.field(description="Outcome.")
    quote: OddsQuote = strawberry.field(description="Quote.")
    edge: float = strawberry.field(description="Probability times decimal odds minus 1, fraction.")
    kelly_fraction: float = strawberry.field(description="Full Kelly share of the bankroll, fraction.")


@strawberry.type(
    description="A stored prediction of one model version for one market. It never changes: a new run makes a new one, "
    "and the result scores it."
)
class Prediction(Node):
    key: strawberry.Private[int]
    match_id: strawberry.Private[int]
    market_id: strawberry.Private[int]
    market_key: strawberry.Private[str]
    model_version_id: strawberry.Private[int]
    probabilities: strawberry.Private[list[float]]
    expected_value: float | None = strawberry.field(description="Expected count for line markets (goals, corners).")
    confidence: float = strawberry.field(description="Confidence of this market, points 0-100.")
    basis: ForecastBasis = strawberry.field(description="How it came about.")
    predicted_at: datetime = strawberry.field(description="When it was made.")
    data_cutoff_at: datetime = strawberry.field(description="Newest data used; nothing later may leak in.")
    compute_milliseconds: float = strawberry.field(description="Time the plugin took, milliseconds.")
    inputs_digest: str = strawberry.field(description="Hash of inputs and parameters, so that anyone can reproduce it.")
    family: str = strawberry.field(
        description="Family of distributions from which any other line is computed, for example `score_grid`; empty "
        "for a model of fixed lines."
    )
    parameters: strawberry.scalars.JSON = strawberry.field(description="Parameters of the family, by name.")
    job_id: str = strawberry.field(description="Job of a worker that made it.")
    confirmed_at: datetime = strawberry.field(description="When a run last gave the same answer.")
    is_stale: bool = strawberry.field(description="Whether its model failed since, so that this is its last good word.")
    is_served: bool = strawberry.field(description="Whether its model is the one shown for this market of the match.")

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[int]) -> list[Prediction | None]:
        rows = await queries.predictions(db, keys, sees_shadow=db.sees_shadow)
        return in_order(keys, predictions_of(rows), lambda row: row.key)

    @batch
    @staticmethod
    async def match(
        predictions: Sequence[Prediction], db: Rows
    ) -> list[Annotated[Match, strawberry.lazy("api.matches")]]:
        """Match."""
        from api.matches import Match

        return await db.pick(Match, [prediction.match_id for prediction in predictions])

    @batch
    @staticmethod
    async def market(predictions: Sequence[Prediction], db: Rows) -> list[Market]:
        """Market."""
        return await db.pick(Market, [(prediction.match_id, prediction.market_id) for prediction in predictions])

    @batch
    @staticmethod
    async def model_version(predictions: Sequence[Prediction], db: Rows) -> list[ModelVersion]:
        """Model version that made it."""
        return await db.pick(ModelVersion, [prediction.model_version_id for prediction in predictions])

    @batch
    @staticmethod
    async def outcomes(predictions: Sequence[Prediction], db: Rows) -> list[list[OutcomeProbability]]:
        """Probability per outcome; sums to 1."""
        known = await outcomes(db, [prediction.market_id for prediction in predictions])
        return [prediction.shown(known[prediction.market_id]) for prediction in predictions]

    @batch
    @staticmethod
    async def top_outcome(predictions: Sequence[Prediction], db: Rows) -> list[OutcomeProbability]:
        """Outcome with the highest probability."""
        known = await outcomes(db, [prediction.market_id for prediction in predictions])
        shown = [prediction.shown(known[prediction.market_id]) for prediction in predictions]
        return [max(each, key=lambda outcome: outcome.probability) for each in shown]

    @derived
    def confidence_band(self) -> ConfidenceBand:
        """Band of the confidence."""
        return ConfidenceBand.of(self.confidence)

    @derived
    def is_in_play(self) -> bool:
        """Whether it was made in play."""
        return self.basis == ForecastBasis.IN_PLAY

    @derived
    def minute(self) -> int | None:
        """Minute on the clock when made in play."""
        return None

    @batch
    @staticmethod
    async def superseded_by(predictions: Sequence[Prediction], db: Rows) -> list[Prediction | None]:
        """The prediction that replaced it."""
        rows = await queries.successors(db, [prediction.key for prediction in predictions])
        following = {row["owner"]: row["key"] for row in rows}
        return await db.find(Prediction, [following.get(prediction.key) for prediction in predictions])

    @derived
    def explanation(self, locale: Locale = None) -> Explanation | None:
        """Why. Null until explanations are written."""
        del locale
        return None

    @batch
    @staticmethod
    async def edges(
        predictions: Sequence[Prediction],
        db: Rows,
        min_edge: Annotated[float | None, strawberry.argument(description="Smallest edge, fraction.")] = None,
    ) -> list[list[OutcomeEdge] | None]:
        """Edge of each outcome against the best price, best first; before commission."""
        known = await outcomes(db, [prediction.market_id for prediction in predictions])
        shown = [prediction.shown(known[prediction.market_id]) for prediction in predictions]
        best = await best_quotes(db, [outcome.pair for each in shown for outcome in each if outcome.pair])
        edges = [[edge_of(outcome, best) for outcome in each] for each in shown]
        return [
            sorted(
                (edge for edge in each if edge is not None and (min_edge is None or edge.edge >= min_edge)),
                key=lambda edge: -edge.edge,
            )
            for each in edges
        ]

    @batch
    @staticmethod
    async def grade(predictions: Sequence[Prediction], db: Rows) -> list[PredictionGrade | None]:
        """How good it was; null until the market is settled and graded. A corrected result gives another one."""
        found = await db.pick(GradeOf, [prediction.key for prediction in predictions])
        return [each.grade for each in found]

    @batch
    @staticmethod
    async def ungraded_because(predictions: Sequence[Prediction], db: Rows) -> list[str | None]:
        """Why it has no grade, for example that the match is not over or was not played to its end; null where it has
        one."""
        found = await db.pick(GradeOf, [prediction.key for prediction in predictions])
        return [each.reason for each in found]

    def shown(self, known: Sequence[Outcome]) -> list[OutcomeProbability]:
        """The probabilities with the outcomes of the market."""
        return [
            OutcomeProbability(pair=(self.match_id, outcome.selection_id), outcome=outcome.key, probability=probability)
            for outcome, probability in zip(known, self.probabilities, strict=True)
        ]


@strawberry.type(description="A page of predictions.")
class PredictionConnection(Connection[Prediction]):
    pass


def predictions_of(records: Sequence[Columns]) -> list[Prediction]:
    """Rows of the graph from rows of the table, whose bases are the SDK's words."""
    rows = rows_of(Prediction, records)
    for row in rows:
        row.basis = ForecastBasis.of(row.basis)
        row.confidence = float(row.confidence)
    return rows


async def match_predictions(
    matches: Sequence[Match],
    db: Rows,
    markets: Annotated[list[MarketKind] | None, strawberry.argument(description="Only these market kinds.")] = None,
    model_keys: Annotated[list[str] | None, strawberry.argument(description="Only these models, by key.")] = None,
    as_of: Annotated[datetime | None, strawberry.argument(description="The newest at or before this instant.")] = None,
    include_shadow: Annotated[
        bool | None,
        strawberry.argument(
            description="Include models that are not shown for the market; those of plugins in shadow only for "
            "operators."
        ),
    ] = False,
) -> list[list[Prediction]]:
    """Stored predictions, one per market and model; the newest unless `asOf` is given."""
    keys = [match.key for match in matches]
    rows = await queries.newest_predictions(
        db,
        keys,
        kinds=None if markets is None else [kind.stored for kind in markets],
        model_keys=model_keys,
        as_of=as_of,
        include_shadow=bool(include_shadow),
        sees_shadow=db.sees_shadow,
    )
    return grouped(keys, predictions_of(rows), lambda row: row.match_id)


async def match_prediction_history(
    matches: Sequence[Match],
    db: Rows,
    market: Annotated[MarketKind, strawberry.argument(description="Market.")],
    line: Annotated[
        float | None,
        strawberry.argument(description="Line, for line markets; 2.5 goals or 9.5 corners when omitted."),
    ] = None,
    model_key: Annotated[str | None, strawberry.argument(description="Model key; champion when omitted.")] = None,
    market_key: MarketKeyed = None,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> list[PredictionConnection | None]:
    """How a prediction moved over time, oldest first, for a chart. Of a model whose plugin is in shadow it has only
    what was shown before."""
    page = read_page(HISTORY_ORDER, first, after, last, before)
    keys = [match.key for match in matches]
    asked: dict[str, Any] = {
        "match_ids": keys,
        "market_key": canonical_key(market, market_key, line),
        "model_key": model_key,
        "sees_shadow": db.sees_shadow,
    }
    rows = predictions_of(await queries.history_page(db, window=page, **asked))
    if not rows:
        await check_forecast(db, market_key)
    return [*connect_each(PredictionConnection, page, keys, rows, Counts(partial(queries.history_counts, **asked)))]


async def best_quotes(db: Rows, pairs: Sequence[tuple[int, int]]) -> dict[tuple[int, int], OddsQuote]:
    """The best standing quote of each match and selection that has one."""
    rows = await db.fetch(
        """select k.match_id, k.selection_id, b.sequence
           from unnest($1::bigint[], $2::bigint[]) as k(match_id, selection_id)
           join best_quote b using (match_id, selection_id)""",
        [match for match, _ in pairs],
        [selection for _, selection in pairs],
    )
    quotes = await db.pick(OddsQuote, [row["sequence"] for row in rows])
    return {(row["match_id"], row["selection_id"]): quote for row, quote in zip(rows, quotes, strict=True)}


def edge_of(outcome: OutcomeProbability, best: Mapping[tuple[int, int], OddsQuote]) -> OutcomeEdge | None:
    """The value of an outcome at its best price; None where nobody prices it."""
    quote = best.get(outcome.pair) if outcome.pair else None
    if quote is None:
        return None
    price = quote.row.price
    return OutcomeEdge(
        outcome=outcome,
        quote=quote,
        edge=value.edge(outcome.probability, price),
        kelly_fraction=value.kelly(outcome.probability, price),
    )
