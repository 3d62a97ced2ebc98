"""What a match card needs: one forecast of a match from the served prediction of each market.

A page's forecasts are evaluated together. The rows of `match_forecast` share one `Sheet`; the first
that is asked for goals over 2.5 has the SDK compute them for all, and the others only look theirs up.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import strawberry

from api.batch import batch, derived
from api.explanations import Explanation, Locale
from api.forecast_parts import (
    Confidence,
    ForecastBasis,
    HandicapForecast,
    LineForecast,
    ResultForecast,
    ScenarioInput,
    ScoreGrid,
    ScoreProbability,
    YesNoForecast,
)
from api.forecast_sheets import Served, Sheet
from api.nodes import key_of
from api.odds_prices import Price
from api.rows import Columns, Rows
from api.teams import Venue
from domain.forecasting import queries
from domain.infra.errors import Invalid
from touchline import forecasting as sdk
from touchline.in_play import Moment
from touchline.types import BTTS, RESULT, Kind

if TYPE_CHECKING:
    from api.matches import Match
    from api.models import ModelVersion

_WEAKEST_FIRST = (ForecastBasis.LEAGUE_PRIOR, ForecastBasis.MARKET_IMPLIED, ForecastBasis.MODEL_SPARSE)

MAIN_KINDS = (Kind.MATCH_RESULT, Kind.TOTAL_GOALS, Kind.TOTAL_CORNERS, Kind.BOTH_TEAMS_TO_SCORE)
MAIN_KEYS = (str(RESULT), "total_goals:2.5:ft", "total_corners:9.5:ft", str(BTTS))


@strawberry.type(description="What half time will be like: the same score grid with its share of the goals.")
class HalfForecast:
    sheet: strawberry.Private[Sheet]
    at: strawberry.Private[int]
    """Place of the match on the sheet."""

    @derived
    def result(self) -> ResultForecast | None:
        """1X2 at half time."""
        answer = self.sheet.ask(Kind.TOTAL_GOALS, sdk.results)[self.at]
        return answer and ResultForecast(**answer._asdict())

    @derived
    def goals(
        self, line: Annotated[float | None, strawberry.argument(description="Line.")] = 0.5
    ) -> LineForecast | None:
        """Goals of the first half over and under a line."""
        at = 0.5 if line is None else line
        return _line(at, self.sheet.ask(Kind.TOTAL_GOALS, sdk.total_goals_all, at)[self.at])

    @derived
    def both_teams_to_score(self) -> YesNoForecast | None:
        """Both teams to score before half time."""
        answer = self.sheet.ask(Kind.TOTAL_GOALS, sdk.both_teams_to_score_all)[self.at]
        return answer and YesNoForecast(**answer._asdict())


@strawberry.type(description="What a match card needs, from the champion model of each market.")
class MatchForecast:
    sheet: strawberry.Private[Sheet]
    at: strawberry.Private[int]
    """Place of the match on the sheet."""
    served: strawberry.Private[Served]
    moment: strawberry.Private[Moment | None] = None
    """What a scenario assumes."""

    @derived
    def result(self) -> ResultForecast | None:
        """1X2."""
        answer = self.sheet.ask(Kind.MATCH_RESULT, sdk.results)[self.at]
        return answer and ResultForecast(**answer._asdict())

    @derived
    def goals(
        self,
        line: Annotated[float | None, strawberry.argument(description="Line.")] = 2.5,
        team: Annotated[Venue | None, strawberry.argument(description="Home or away team only.")] = None,
    ) -> LineForecast | None:
        """Goals over and under a line; call it with aliases for several lines. In a scenario, of the final score."""
        at = 2.5 if line is None else line
        side = team.lower() if team else None
        return _line(at, self.sheet.ask(Kind.TOTAL_GOALS, sdk.total_goals_all, at, side)[self.at], side)

    @derived
    def corners(
        self,
        line: Annotated[float | None, strawberry.argument(description="Line.")] = 9.5,
        team: Annotated[Venue | None, strawberry.argument(description="Home or away team only.")] = None,
    ) -> LineForecast | None:
        """Corners over and under a line. Null for one team where the model tells only the total, and in a scenario
        that does not say how many there were."""
        at = 9.5 if line is None else line
        side = team.lower() if team else None
        return _line(at, self.sheet.ask(Kind.TOTAL_CORNERS, sdk.corners_all, at, side)[self.at], side)

    @derived
    def both_teams_to_score(self) -> YesNoForecast | None:
        """Both teams to score."""
        answer = self.sheet.ask(Kind.BOTH_TEAMS_TO_SCORE, sdk.both_teams_to_score_all)[self.at]
        return answer and YesNoForecast(**answer._asdict())

    @derived
    def asian_handicap(
        self,
        line: Annotated[float | None, strawberry.argument(description="Home line.")] = -0.5,
    ) -> HandicapForecast | None:
        """Asian handicap. Null for a line that one side cannot lose."""
        at = -0.5 if line is None else line
        answer = self.sheet.ask(Kind.TOTAL_GOALS, sdk.asian_handicap_all, at)[self.at]
        if answer is None or answer.fair_home is None or answer.fair_away is None:
            return None
        return HandicapForecast(
            line=at, home_price=Price(decimal=answer.fair_home), away_price=Price(decimal=answer.fair_away)
        )

    @derived
    def top_scores(
        self, first: Annotated[int | None, strawberry.argument(description="How many, 1-20.")] = 5
    ) -> list[ScoreProbability]:
        """Most likely scores, most likely first. Empty where no model tells scores."""
        count = 5 if first is None else first
        if not 1 <= count <= 20:
            raise Invalid("first", "must be between 1 and 20")
        answer = self.sheet.ask(Kind.TOTAL_GOALS, sdk.top_scores_all, count)[self.at]
        return [ScoreProbability(**score._asdict()) for score in answer or ()]

    @derived
    def score_grid(
        self, max_goals: Annotated[int | None, strawberry.argument(description="Largest goals per team, 3-12.")] = 8
    ) -> ScoreGrid | None:
        """Joint distribution of the score; every goal market above is read from it, so they agree."""
        largest = 8 if max_goals is None else max_goals
        if not 3 <= largest <= 12:
            raise Invalid("maxGoals", "must be between 3 and 12")
        cells = self.sheet.ask(Kind.TOTAL_GOALS, sdk.score_grids, sdk.MOST_GOALS)[self.at]
        return None if cells is None else ScoreGrid(max_goals=largest, probabilities=_folded(cells, largest))

    @derived
    def first_half(self) -> HalfForecast | None:
        """Half time, from the same score grid. Null where no model tells scores, and in a scenario."""
        halves = self.sheet.first_half
        is_told = self.moment is None and halves.ask(Kind.TOTAL_GOALS, sdk.results)[self.at] is not None
        return HalfForecast(sheet=halves, at=self.at) if is_told else None

    @derived
    def confidence(self) -> Confidence | None:
        """Confidence; null without a prediction of 1X2, and in a scenario."""
        if self.moment is not None:
            return None
        points = {row["market_key"]: float(row["confidence"]) for rows in self.served.values() for row in rows}
        result, goals, corners, both = (points.get(key) for key in MAIN_KEYS)
        if result is None:
            return None
        return Confidence(score=result, match_result=result, goals=goals, corners=corners, both_teams_to_score=both)

    @derived
    def basis(self) -> ForecastBasis:
        """How the numbers came about: the weakest of the markets', or SCENARIO."""
        if self.moment is not None:
            return ForecastBasis.SCENARIO
        bases = {ForecastBasis.of(row["basis"]) for row in self._rows()}
        return next((basis for basis in _WEAKEST_FIRST if basis in bases), ForecastBasis.MODEL)

    @derived
    def explanation(self, locale: Locale = None) -> Explanation | None:
        """Why, in words and factors. Null until explanations are written."""
        del locale
        return None

    @derived
    def predicted_at(self) -> datetime:
        """When it was computed: the newest of its markets."""
        instant: datetime = max(row["predicted_at"] for row in self._rows())
        return instant

    @derived
    def data_cutoff_at(self) -> datetime:
        """Newest data used."""
        instant: datetime = max(row["data_cutoff_at"] for row in self._rows())
        return instant

    @derived
    def confirmed_at(self) -> datetime:
        """When a run last gave the same answer: the oldest of its markets."""
        instant: datetime = min(row["confirmed_at"] for row in self._rows())
        return instant

    @derived
    def is_stale(self) -> bool:
        """Whether a model failed since, so that its part is its last good word."""
        return any(row["is_stale"] for row in self._rows())

    @batch
    @staticmethod
    async def model_versions(
        forecasts: Sequence[MatchForecast], db: Rows
    ) -> list[list[Annotated[ModelVersion, strawberry.lazy("api.models")]]]:
        """Model versions used."""
        from api.models import ModelVersion

        keys = [list(dict.fromkeys(row["model_version_id"] for row in each._rows())) for each in forecasts]
        found = iter(await db.pick(ModelVersion, [key for each in keys for key in each]))
        return [[next(found) for _ in each] for each in keys]

    def _rows(self) -> list[Columns]:
        return [row for rows in self.served.values() for row in rows]


def _line(at: float, answer: sdk.Line | None, side: str | None = None) -> LineForecast | None:
    if answer is None:
        return None
    line = LineForecast(line=at, **answer._asdict())
    if side is not None:
        line.expected_total = line.expected_home if side == "home" else line.expected_away
    return line


def _folded(cells: np.ndarray[Any, np.dtype[np.float64]], largest: int) -> list[list[float]]:
    """A grid whose last row and column hold everything above."""
    rows = np.vstack([cells[:largest], cells[largest:].sum(axis=0)])
    folded = np.hstack([rows[:, :largest], rows[:, largest:].sum(axis=1, keepdims=True)])
    table: list[list[float]] = (folded / folded.sum()).tolist()
    return table


async def match_forecast(
    matches: Sequence[Match],
    db: Rows,
    model_version_id: Annotated[
        strawberry.ID | None,
        strawberry.argument(description="Model version; the champion of each market when omitted."),
    ] = None,
    as_of: Annotated[
        datetime | None,
        strawberry.argument(description="Only use what was known at this instant (time travel)."),
    ] = None,
    scenario: Annotated[
        ScenarioInput | None, strawberry.argument(description="Reprice from an assumed score and minute.")
    ] = None,
) -> list[MatchForecast | None]:
    """Everything a match card needs from the champion models in one object. Null when no model can price the match,
    never a made-up default. With a `scenario`, the final score from there, of models that tell scores."""
    moment = scenario.to_moment() if scenario else None
    keys = [match.key for match in matches]
    if model_version_id is not None:
        version = key_of("ModelVersion", model_version_id)
        sees_shadow = db.sees_shadow
        rows = [] if version is None else await queries.of_version(db, keys, version, as_of, sees_shadow=sees_shadow)
    else:
        rows = await (queries.served(db, keys) if as_of is None else queries.served_at(db, keys, as_of))
    return forecasts_of(keys, rows, moment)


def forecasts_of(
    keys: Sequence[int], rows: Sequence[Columns], moment: Moment | None = None
) -> list[MatchForecast | None]:
    """The forecast of each match from prediction rows of all of them; None without a row of a main market."""
    served: dict[int, dict[str, list[Columns]]] = {key: {} for key in keys}
    for row in rows:
        if row["market_kind"] in MAIN_KINDS and row["market_key"].endswith(":ft"):
            served[row["match_id"]].setdefault(row["market_kind"], []).append(row)
    priced = [key for key in served if served[key]]
    change = partial(sdk.from_moment, moment=moment) if moment else None
    sheet = Sheet([served[key] for key in priced], change)
    made = {key: MatchForecast(sheet=sheet, at=at, served=served[key], moment=moment) for at, key in enumerate(priced)}
    return [made.get(key) for key in keys]
