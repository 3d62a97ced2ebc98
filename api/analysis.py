"""Deeper analysis of a match: how the models compare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import numpy as np
import strawberry

from api.batch import batch
from api.market_keys import MarketKeyed, canonical_key, check_forecast
from api.predictions import Prediction, predictions_of
from api.rows import Rows, grouped
from api.scalars import MarketKind
from domain.forecasting import queries

if TYPE_CHECKING:
    from api.matches import Match

Compared = Annotated[
    MarketKind | None,
    strawberry.argument(description="Kind; of goals the line 2.5, of corners 9.5."),
]


@strawberry.type(description="Deeper analysis of a match.")
class MatchAnalysis:
    key: strawberry.Private[int]
    """The match."""

    @batch
    @staticmethod
    async def model_comparison(
        analyses: Sequence[MatchAnalysis],
        db: Rows,
        market: Compared = MarketKind.MATCH_RESULT,
        market_key: MarketKeyed = None,
    ) -> list[list[Prediction]]:
        """How all enabled models compare on a market, the shown one first. One whose last run failed is left out.
        Operators see those of plugins in shadow beside them."""
        return await _compared(db, analyses, market, market_key)

    @batch
    @staticmethod
    async def model_disagreement(
        analyses: Sequence[MatchAnalysis],
        db: Rows,
        market: Compared = MarketKind.MATCH_RESULT,
        market_key: MarketKeyed = None,
    ) -> list[float | None]:
        """How far the models of `modelComparison` disagree, largest spread of one outcome's probability, fraction; null
        where fewer than two models price the market."""
        return [_spread(each) for each in await _compared(db, analyses, market, market_key)]


def match_analysis(matches: Sequence[Match]) -> list[MatchAnalysis | None]:
    """Deeper analysis: how the models compare."""
    return [MatchAnalysis(key=match.key) for match in matches]


async def _compared(
    db: Rows, analyses: Sequence[MatchAnalysis], market: MarketKind | None, market_key: str | None
) -> list[list[Prediction]]:
    keys = [analysis.key for analysis in analyses]
    wanted = canonical_key(market or MarketKind.MATCH_RESULT, market_key)
    rows = await queries.compared(db, keys, wanted, sees_shadow=db.sees_shadow)
    if not rows:
        await check_forecast(db, market_key)
    return grouped(keys, predictions_of(rows), lambda row: row.match_id)


def _spread(predictions: Sequence[Prediction]) -> float | None:
    if len(predictions) < 2:
        return None
    return float(np.ptp([prediction.probabilities for prediction in predictions], axis=0).max())
