"""The shapes of a forecast's parts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import auto

import strawberry
from strawberry.utils.str_converters import to_camel_case

from api.batch import batch, derived
from api.confidence import past_bands
from api.filters import ConfidenceBand
from api.odds_prices import Price
from api.rows import Rows
from api.scalars import Interval, Words, described, given
from api.scorecards import told_interval
from domain.infra.errors import Invalid
from touchline.in_play import BadMoment, Moment


@described(
    "How a forecast came about. Fallbacks are always visible.",
    MODEL="Fitted model with data of both teams.",
    MODEL_SPARSE="Fitted model, but a team has fewer than 6 matches, or what the model mostly reads, such as past "
    "prices, is not known.",
    MARKET_IMPLIED="Read from market prices because the model could not run.",
    LEAGUE_PRIOR="League averages only.",
    IN_PLAY="Repriced in play from the score and the clock.",
    SCENARIO="Repriced from a score the client assumed.",
)
class ForecastBasis(Words):
    MODEL = auto()
    MODEL_SPARSE = auto()
    MARKET_IMPLIED = auto()
    LEAGUE_PRIOR = auto()
    IN_PLAY = auto()
    SCENARIO = auto()

    @classmethod
    def of(cls, stored: str) -> ForecastBasis:
        """The basis of a row of `prediction`, which has the SDK's lower-case words."""
        return cls(stored.upper())


@strawberry.type(
    description="How sure the models are, 0-100 points. A ranking aid, not a probability: use probabilities to bet."
)
class Confidence:
    score: float = strawberry.field(description="Overall, points 0-100: that of 1X2.")
    match_result: float | None = strawberry.field(description="1X2, points 0-100.")
    goals: float | None = strawberry.field(description="Goals, points 0-100.")
    corners: float | None = strawberry.field(description="Corners, points 0-100.")
    both_teams_to_score: float | None = strawberry.field(description="Both teams to score, points 0-100.")

    @derived
    def band(self) -> ConfidenceBand:
        """Band of the overall score."""
        return ConfidenceBand.of(self.score)

    @batch
    @staticmethod
    async def historical_hit_rate(scores: Sequence[Confidence], db: Rows, now: datetime) -> list[float | None]:
        """Share of past predictions in this band whose top outcome happened, fraction, so that the score can be
        checked: of what was shown of 1X2 in the last 365 days. Null until one is graded."""
        return [past.hit_rate for past in await past_bands(db, [score.band() for score in scores], now)]

    @batch
    @staticmethod
    async def historical_hit_rate_interval(
        scores: Sequence[Confidence], db: Rows, now: datetime
    ) -> list[Interval | None]:
        """95 % interval of `historicalHitRate` (Wilson)."""
        return [told_interval(past.interval) for past in await past_bands(db, [score.band() for score in scores], now)]

    @batch
    @staticmethod
    async def historical_sample_size(scores: Sequence[Confidence], db: Rows, now: datetime) -> list[int]:
        """Graded matches behind `historicalHitRate`, count."""
        return [past.count for past in await past_bands(db, [score.band() for score in scores], now)]


@strawberry.type(description="1X2 probabilities; they sum to 1.")
class ResultForecast:
    home: float = strawberry.field(description="Home win, fraction.")
    draw: float = strawberry.field(description="Draw, fraction.")
    away: float = strawberry.field(description="Away win, fraction.")


@strawberry.type(description="Over and under a line.")
class LineForecast:
    line: float = strawberry.field(description="Line.")
    over: float = strawberry.field(description="Probability of more, fraction.")
    push: float = strawberry.field(description="Probability of exactly the line (whole lines only), fraction.")
    under: float = strawberry.field(description="Probability of fewer, fraction.")
    expected_total: float | None = strawberry.field(
        description="Expected count: both teams, or the team asked for; null where the model tells only the line."
    )
    expected_home: float | None = strawberry.field(description="Expected count of the home team.")
    expected_away: float | None = strawberry.field(description="Expected count of the away team.")


@strawberry.type(description="Yes and no.")
class YesNoForecast:
    yes: float = strawberry.field(description="Yes, fraction.")
    no: float = strawberry.field(description="No, fraction.")


@strawberry.type(description="Asian handicap, quarter lines included.")
class HandicapForecast:
    line: float = strawberry.field(description="Home line.")
    home_price: Price = strawberry.field(description="Fair home price.")
    away_price: Price = strawberry.field(description="Fair away price.")


@strawberry.type(description="Probability of one score.")
class ScoreProbability:
    home: int = strawberry.field(description="Home goals.")
    away: int = strawberry.field(description="Away goals.")
    probability: float = strawberry.field(description="Probability, fraction.")


@strawberry.type(description="Joint distribution of both teams' goals.")
class ScoreGrid:
    max_goals: int = strawberry.field(
        description="Largest goals per team; the last row and column hold everything above."
    )
    probabilities: list[list[float]] = strawberry.field(
        description="Rows: home goals from 0; columns: away goals from 0; fractions that sum to 1."
    )


@strawberry.input(description="An assumed state to reprice a match from.")
class ScenarioInput:
    minute: int = strawberry.field(
        description="Minute on the clock, 0-120: 45 is half time, 90 the beginning of the last added time, more is "
        "extra time."
    )
    home_goals: int = strawberry.field(description="Home goals, count, 0-20.")
    away_goals: int = strawberry.field(description="Away goals, count, 0-20.")
    home_red_cards: int | None = strawberry.field(default=0, description="Home red cards, count, 0-4.")
    away_red_cards: int | None = strawberry.field(default=0, description="Away red cards, count, 0-4.")
    home_corners: int | None = strawberry.field(
        default=strawberry.UNSET, description="Home corners so far, count, 0-40; give both or neither."
    )
    away_corners: int | None = strawberry.field(
        default=strawberry.UNSET, description="Away corners so far, count, 0-40; give both or neither."
    )

    def to_moment(self) -> Moment:
        """The state as the SDK knows it; raises Invalid naming the field."""
        try:
            return Moment(
                minute=self.minute,
                home_goals=self.home_goals,
                away_goals=self.away_goals,
                home_red_cards=self.home_red_cards or 0,
                away_red_cards=self.away_red_cards or 0,
                home_corners=given(self.home_corners),
                away_corners=given(self.away_corners),
            )
        except BadMoment as error:
            raise Invalid(f"scenario.{to_camel_case(error.field)}", error.sentence) from error
