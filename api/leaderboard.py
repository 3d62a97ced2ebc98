"""The public ranking: every model on the same matches, with the market as one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import auto
from functools import partial
from typing import Annotated

import strawberry

from api.batch import batch
from api.market_keys import MarketKeyed, check_forecast
from api.models import Model, ModelVersion, versions_in_force
from api.paging import After, Before, Connection, Counts, First, Last, Order, Page, read_page
from api.rows import Rows
from api.scalars import MarketKind, Words, described
from api.scorecards import (
    Asked,
    During,
    FlatSource,
    JudgedMarket,
    OfLeagues,
    Scorecard,
    are_shadows,
    bets_of,
    question_of,
    tracks_of_models,
)
from domain.grades.flat import MARKET, FlatBets
from domain.grades.scores import Field, Score, field_of, scored
from domain.grades.tracks import Question, Track
from domain.infra.errors import Invalid
from domain.infra.settings import Settings
from touchline import Kind


@described(
    "Measures the leaderboard can be sorted by.",
    LOG_LOSS="Log loss, lower first.",
    RANKED_PROBABILITY_SCORE="Ranked probability score, lower first.",
    CALIBRATION_ERROR="Calibration error, lower first.",
    SKILL_VS_CLOSING="Skill against closing prices, higher first.",
    CLOSING_LINE_VALUE="Mean closing line value, higher first.",
    FLAT_STAKE_ROI="Flat-stake ROI, higher first.",
)
class LeaderboardMetric(Words):
    LOG_LOSS = auto()
    RANKED_PROBABILITY_SCORE = auto()
    CALIBRATION_ERROR = auto()
    SKILL_VS_CLOSING = auto()
    CLOSING_LINE_VALUE = auto()
    FLAT_STAKE_ROI = auto()


_BY_SCORE: Mapping[str, Callable[[Score], float | None]] = {
    "LOG_LOSS": lambda score: score.log_loss,
    "RANKED_PROBABILITY_SCORE": lambda score: score.ranked,
    "CALIBRATION_ERROR": lambda score: score.calibration_error,
    "SKILL_VS_CLOSING": lambda score: -score.closing.skill if score.closing else None,
}
_BY_BETS: Mapping[str, Callable[[FlatBets], float | None]] = {
    "CLOSING_LINE_VALUE": lambda bets: None if bets.closing_line_value is None else -bets.closing_line_value,
    "FLAT_STAKE_ROI": lambda bets: None if bets.roi is None else -bets.roi,
}
"""Figures of which the lowest comes first; those without one come last."""

MARKET_NAME = "Market (closing prices without their margin)"


@strawberry.type(description="A row of the public model leaderboard.")
class LeaderboardEntry:
    key: strawberry.Private[str]
    rank: int = strawberry.field(description="Place, from 1.")
    name: str = strawberry.field(description="Key of the model, or what the market's row is called.")
    is_market: bool = strawberry.field(description="Whether it is the row of the closing prices.")
    scorecard: Scorecard = strawberry.field(description="Quality, on the matches that all rows share.")

    @batch
    @staticmethod
    async def model(entries: Sequence[LeaderboardEntry], db: Rows) -> list[Model | None]:
        """Model; null for the market."""
        return await _models(entries, db)

    @batch
    @staticmethod
    async def model_version(entries: Sequence[LeaderboardEntry], db: Rows) -> list[ModelVersion | None]:
        """Version that speaks for the model now; null for the market. The row is of all its versions."""
        models = [model for model in await _models(entries, db) if model is not None]
        speaking = await versions_in_force(db, models)
        newest = {model.key: each[0] for model, each in zip(models, speaking, strict=True) if each}
        return [newest.get(entry.key) for entry in entries]

    @batch
    @staticmethod
    async def is_shadow(entries: Sequence[LeaderboardEntry], db: Rows) -> list[bool]:
        """Whether the model's plugin is in shadow: it is ranked, and what it says is shown to nobody but operators."""
        return await are_shadows(db, [entry.key for entry in entries])


async def _models(entries: Sequence[LeaderboardEntry], db: Rows) -> list[Model | None]:
    return await db.find(Model, [None if entry.is_market else entry.key for entry in entries])


@strawberry.type(description="A model that is not in the ranking.")
class LeftOutModel:
    key: str = strawberry.field(description="Key of the model.")
    sample_size: int = strawberry.field(description="Its graded predictions in question, count.")

    @batch
    @staticmethod
    async def is_shadow(models: Sequence[LeftOutModel], db: Rows) -> list[bool]:
        """Whether the model's plugin is in shadow."""
        return await are_shadows(db, [model.key for model in models])


@strawberry.type(description="A page of leaderboard rows.")
class LeaderboardEntryConnection(Connection[LeaderboardEntry]):
    match_count: int = strawberry.field(description="Matches that every row is measured on, count.")
    left_out_match_count: int = strawberry.field(
        description="Matches graded for some of the models that are not measured on, count: another model, or the "
        "closing price, is missing there."
    )
    left_out_models: list[LeftOutModel] = strawberry.field(
        description="Models with too few graded matches, or too few that the others have too."
    )


async def leaderboard(
    db: Rows,
    now: datetime,
    settings: Settings,
    market: JudgedMarket = MarketKind.MATCH_RESULT,
    league_ids: OfLeagues = None,
    during: During = None,
    metric: Annotated[
        LeaderboardMetric | None, strawberry.argument(description="Measure.")
    ] = LeaderboardMetric.LOG_LOSS,
    min_sample_size: Annotated[
        int | None,
        strawberry.argument(
            description="Leave out models with fewer graded matches, and those without which the others share as many."
        ),
    ] = 200,
    market_key: MarketKeyed = None,
    include_shadow: Annotated[
        bool | None,
        strawberry.argument(
            description="Whether models of plugins in shadow are ranked too; like every model they narrow the matches "
            "that all rows share."
        ),
    ] = True,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> LeaderboardEntryConnection:
    """Public ranking of models on the same matches, the market among them. A row is of all versions of its model. In a
    plugin's own market that nobody has priced, models are ranked without it."""
    by = metric or LeaderboardMetric.LOG_LOSS
    page = read_page(Order(f"leaderboard.{by}", "rank", "key", read=int), first, after, last, before)
    least = 200 if min_sample_size is None else min_sample_size
    if least < 1:
        raise Invalid("minSampleSize", "must be at least 1")
    question = question_of(market, league_ids, during, now, market_key)
    tracks = await tracks_of_models(db, question, None, with_shadow=include_shadow is not False)
    if not tracks:
        await check_forecast(db, market_key)
    field, cards = await asyncio.to_thread(_cards, question, tracks, least)
    ranked = await _ranked(cards, by, db, settings)
    return _connection(page, field, ranked)


def _cards(question: Question, tracks: Mapping[str, Track], least: int) -> tuple[Field, list[Scorecard]]:
    """Models and market on the matches that they share, and their figures."""
    is_priced = question.market.kind is not Kind.CUSTOM or any(len(track.closed) for track in tracks.values())
    field = field_of(tracks, least, with_closing=is_priced)
    source = FlatSource(question, None, field.matches.tolist())
    rows = dict(field.tracks) | ({} if field.market is None else {MARKET: field.market})
    return field, [
        Scorecard(score=score, asked=Asked(source, key))
        for key, track in rows.items()
        if (score := scored(question.market.kind, track)) is not None
    ]


async def _ranked(
    cards: Sequence[Scorecard], by: LeaderboardMetric, db: Rows, settings: Settings
) -> list[LeaderboardEntry]:
    """The rows, best first; of equals the market, then by key."""
    if by in _BY_SCORE:
        figures = [_BY_SCORE[by](card.score) for card in cards]
    else:
        figures = [_BY_BETS[by](bets) for bets in await bets_of(cards, db, settings)]
    order = sorted(range(len(cards)), key=lambda n: (figures[n] is None, figures[n] or 0.0, cards[n].asked.model_key))
    return [_entry(rank, cards[n]) for rank, n in enumerate(order, 1)]


def _entry(rank: int, card: Scorecard) -> LeaderboardEntry:
    key = card.asked.model_key
    return LeaderboardEntry(key=key, rank=rank, name=key or MARKET_NAME, is_market=key == MARKET, scorecard=card)


def _connection(page: Page, field: Field, rows: Sequence[LeaderboardEntry]) -> LeaderboardEntryConnection:
    """The page, cut from all rows: there are never more than there are models."""
    start = page.after[0] if page.after else 0
    stop = page.before[0] if page.before else len(rows) + 1
    wanted = [row for row in rows if start < row.rank < stop]
    shown = wanted[-page.size :] if page.is_backward else wanted[: page.size]
    return LeaderboardEntryConnection(
        items=shown,
        positions=[(row.rank, row.key) for row in shown],
        page=page,
        has_more=len(wanted) > len(shown),
        counts=Counts.of(partial(_count, len(rows))),
        owner=0,
        match_count=len(field.matches),
        left_out_match_count=field.left_out_matches,
        left_out_models=[LeftOutModel(key=key, sample_size=count) for key, count in field.left_out.items()],
    )


async def _count(count: int, db: Rows) -> int:
    del db  # the rows are already there
    return count
