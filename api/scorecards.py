"""How good models have been: their scorecards, against the closing prices.

Only what was said before kick-off counts, the last word of a model for each match, graded by the result.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

import numpy as np
import strawberry

from api.batch import batch, derived
from api.market_keys import MarketKeyed, check_forecast, read_market_key
from api.nodes import keys_of
from api.rows import Rows
from api.scalars import DateTimeRange, Interval, MarketKind, described, given
from domain.grades.flat import FlatBets, flat_bets
from domain.grades.scores import AgainstClosing, Score, Verdict, scored
from domain.grades.tracks import Question, Track, read_tracks
from domain.infra.errors import Invalid
from domain.infra.settings import Settings
from touchline import BTTS, CORNERS_95, OVER_25, RESULT, MarketKey

if TYPE_CHECKING:
    from api.models import Model, ModelVersion

LOOKED_BACK: Final = timedelta(days=365)
"""Match time up to now that is judged where a client names no span."""

JUDGED: Final = {MarketKind.of(key.kind): key for key in (RESULT, OVER_25, BTTS, CORNERS_95)}
"""The market of each kind that models are judged by, at its main line."""

JudgedMarket = Annotated[
    MarketKind | None,
    strawberry.argument(description="Market; those with a line are judged at 2.5 goals or 9.5 corners."),
]
OfLeagues = Annotated[list[strawberry.ID] | None, strawberry.argument(description="Only these leagues.")]
During = Annotated[
    DateTimeRange | None, strawberry.argument(description="Span of kick-offs; the last 365 days when omitted.")
]

SkillVerdict = Verdict
described(
    "What the evidence says about a model against the market, with 95 % confidence.",
    name="SkillVerdict",
    BEATS_MARKET="Better than closing prices.",
    TRAILS_MARKET="Worse than closing prices.",
    UNDECIDED="Not enough matches to say.",
)(Verdict)

INFINITE = f"An infinite loss is told as {sys.float_info.max!r}."


def told(figure: float) -> float:
    """A figure as JSON can hold it: what is infinite becomes the largest number there is."""
    return float(np.nan_to_num(figure, nan=np.nan))


def told_interval(bounds: tuple[float, float] | None) -> Interval | None:
    """An interval for the graph."""
    return None if bounds is None else Interval(lower=bounds[0], upper=bounds[1])


class FlatSource:
    """The flat bets of all scorecards that one field answered, read with one statement when the first is asked for."""

    def __init__(
        self, question: Question, model_keys: Sequence[str] | None, match_ids: Sequence[int] | None = None
    ) -> None:
        self._question = question
        self._model_keys = model_keys
        self._match_ids = match_ids
        self._reading: asyncio.Task[dict[tuple[str, str], FlatBets]] | None = None

    async def read(self, db: Rows, most_edge: float) -> Mapping[tuple[str, str], FlatBets]:
        """By model and version of its code, see `flat_bets`."""
        if self._reading is None:
            reading = flat_bets(
                db, self._question, most_edge=most_edge, model_keys=self._model_keys, match_ids=self._match_ids
            )
            self._reading = asyncio.ensure_future(reading)
        return await asyncio.shield(self._reading)


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose bets belong to a scorecard."""

    source: FlatSource
    model_key: str
    """`flat.MARKET` for the market."""
    code_version: str | None = None
    """None for all versions."""


@strawberry.type(
    description="Measured quality on settled matches, always predicted before kick-off: of a model's last prediction "
    "for each match. " + INFINITE
)
class Scorecard:
    score: strawberry.Private[Score]
    asked: strawberry.Private[Asked]

    @derived
    def sample_size(self) -> int:
        """Predictions graded, one a match, count."""
        return self.score.count

    @derived
    def log_loss(self) -> float:
        """Mean log loss, natural logarithm, lower is better."""
        return told(self.score.log_loss)

    @derived
    def brier(self) -> float:
        """Mean Brier score, lower is better, 0-2; of a market with two outcomes 0-1."""
        return self.score.brier

    @derived
    def ranked_probability_score(self) -> float | None:
        """Mean ranked probability score, lower is better; ordered markets only."""
        return self.score.ranked

    @derived
    def calibration_error(self) -> float:
        """Expected calibration error over 20 bins of equal width, fraction, lower is better."""
        return self.score.calibration_error

    @derived
    def hit_rate(self) -> float:
        """Share of top outcomes that happened, fraction."""
        return self.score.hit_rate

    @derived
    def closing_sample_size(self) -> int:
        """Matches among them that have a closing price, count: the base of every comparison with it."""
        return self.closing.count if self.closing else 0

    @derived
    def closing_log_loss(self) -> float | None:
        """Log loss of de-vigged closing prices on the matches that have some."""
        return told(self.closing.log_loss) if self.closing else None

    @derived
    def log_loss_difference(self) -> float | None:
        """Mean log loss minus that of closing prices on the same matches; below 0 the model is better."""
        return told(self.closing.difference) if self.closing else None

    @derived
    def log_loss_difference_interval(self) -> Interval | None:
        """95 % interval of `logLossDifference`, from the differences match by match; null under 30 matches."""
        return told_interval(self.closing.interval if self.closing else None)

    @derived
    def skill_vs_closing(self) -> float | None:
        """Improvement of log loss over closing prices, fraction; most honest models are below 0."""
        return told(self.closing.skill) if self.closing else None

    @derived
    def skill_interval(self) -> Interval | None:
        """95 % interval of `skillVsClosing`; null under 30 matches."""
        return told_interval(self.closing.skill_interval if self.closing else None)

    @derived
    def verdict(self) -> SkillVerdict:
        """Whether the interval excludes 0, which way, or neither."""
        return self.score.verdict

    @batch
    @staticmethod
    async def flat_stake_roi(cards: Sequence[Scorecard], db: Rows, settings: Settings) -> list[float | None]:
        """Profit per unit staked when betting 1 unit on every edge of at least 5 % (and at most what is believed, 50 %
        unless the deployment says otherwise) at the best price that stood at kick-off, fraction; null without a bet."""
        return [bets.roi for bets in await bets_of(cards, db, settings)]

    @batch
    @staticmethod
    async def average_closing_line_value(
        cards: Sequence[Scorecard], db: Rows, settings: Settings
    ) -> list[float | None]:
        """Mean closing line value of those bets, fraction: the best price at kick-off against the closing price."""
        return [bets.closing_line_value for bets in await bets_of(cards, db, settings)]

    @batch
    @staticmethod
    async def bet_count(cards: Sequence[Scorecard], db: Rows, settings: Settings) -> list[int | None]:
        """Those bets, count."""
        return [bets.count for bets in await bets_of(cards, db, settings)]

    @batch
    @staticmethod
    async def is_shadow(cards: Sequence[Scorecard], db: Rows) -> list[bool]:
        """Whether it is of a model whose plugin is in shadow: what it says is shown to nobody but operators."""
        return await are_shadows(db, [card.asked.model_key for card in cards])

    @property
    def closing(self) -> AgainstClosing | None:
        """The comparison with closing prices."""
        return self.score.closing


async def are_shadows(db: Rows, model_keys: Sequence[str]) -> list[bool]:
    """Whether each is a model whose plugin is in shadow; the market is not."""
    from api.models import Model  # a model has scorecards, and they name theirs

    models = await db.find(Model, [key or None for key in model_keys])
    return [model is not None and model.is_shadow for model in models]


async def bets_of(cards: Sequence[Scorecard], db: Rows, settings: Settings) -> list[FlatBets]:
    """The flat bets of each scorecard."""
    return [_bets(card.asked, await card.asked.source.read(db, settings.max_edge)) for card in cards]


def _bets(asked: Asked, found: Mapping[tuple[str, str], FlatBets]) -> FlatBets:
    own = (
        bets
        for (model, version), bets in found.items()
        if model == asked.model_key and asked.code_version in (None, version)
    )
    return sum(own, start=FlatBets())


def question_of(
    market: MarketKind | None,
    league_ids: Iterable[str] | None,
    during: DateTimeRange | None,
    now: datetime,
    market_key: str | None = None,
) -> Question:
    """What a client asks about; raises Invalid naming the argument at fault."""
    judged = _judged(market) if market_key is None else read_market_key(market_key)
    span = given(during)
    start, end = span.bounds("during") if span else (now - LOOKED_BACK, now)
    leagues = keys_of("League", given(league_ids), "leagueIds")
    return Question(judged, start, end, None if leagues is None else tuple(leagues))


def _judged(market: MarketKind | None) -> MarketKey:
    """The main line of a kind of market."""
    judged = JUDGED.get(given(market) or MarketKind.MATCH_RESULT)
    if judged is None:
        known = ", ".join(JUDGED)
        raise Invalid("market", f"is none that models are judged by; these are {known}. Name others with `marketKey`")
    return judged


async def model_scorecards(
    models: Sequence[Model],
    db: Rows,
    now: datetime,
    market: JudgedMarket = MarketKind.MATCH_RESULT,
    league_ids: OfLeagues = None,
    during: During = None,
    market_key: MarketKeyed = None,
) -> list[Scorecard | None]:
    """How good it is, over all its versions. Null until something that it predicted is graded."""
    question = question_of(market, league_ids, during, now, market_key)
    keys = [model.key for model in models]
    tracks = await tracks_of_models(db, question, keys)
    if not tracks:
        await check_forecast(db, market_key)
    source = FlatSource(question, keys)
    return await asyncio.to_thread(
        _scorecards, question, [Asked(source, key) for key in keys], [tracks.get(key) for key in keys]
    )


async def version_scorecards(
    versions: Sequence[ModelVersion],
    db: Rows,
    now: datetime,
    market: JudgedMarket = MarketKind.MATCH_RESULT,
    league_ids: OfLeagues = None,
    during: During = None,
    market_key: MarketKeyed = None,
) -> list[Scorecard | None]:
    """How good it is: the record of its model under the same version of its code, since a fit lasts no longer than a
    round of matches. Null until something that was predicted so is graded."""
    question = question_of(market, league_ids, during, now, market_key)
    keys = [(version.model_key, version.code_version) for version in versions]
    tracks = await read_tracks(db, question, [model for model, _ in keys])
    if not tracks:
        await check_forecast(db, market_key)
    source = FlatSource(question, sorted({model for model, _ in keys}))
    return await asyncio.to_thread(
        _scorecards, question, [Asked(source, *key) for key in keys], [tracks.get(key) for key in keys]
    )


async def tracks_of_models(
    db: Rows, question: Question, model_keys: Sequence[str] | None, *, with_shadow: bool = True
) -> dict[str, Track]:
    """The track of each model over all versions of its code."""
    parts: dict[str, list[Track]] = {}
    for (key, _), track in (await read_tracks(db, question, model_keys, with_shadow=with_shadow)).items():
        parts.setdefault(key, []).append(track)
    return {key: Track.joined(each) for key, each in parts.items()}


def _scorecards(question: Question, asked: Sequence[Asked], tracks: Sequence[Track | None]) -> list[Scorecard | None]:
    cards: list[Scorecard | None] = []
    for each, track in zip(asked, tracks, strict=True):
        score = None if track is None else scored(question.market.kind, track)
        cards.append(None if score is None else Scorecard(score=score, asked=each))
    return cards
