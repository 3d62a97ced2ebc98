"""Score, clock, counts and events of a match."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import auto

import strawberry

from api.rows import Rows, in_order, rows_of
from api.scalars import Words, described
from api.teams import Team
from domain.matches import queries
from domain.matches.rules import Status

NEVER_BEGUN = frozenset({Status.SCHEDULED, Status.POSTPONED, Status.CANCELLED})


@strawberry.type(description="A pair of counts.")
class Score:
    home: int = strawberry.field(description="Home team, count.")
    away: int = strawberry.field(description="Away team, count.")


def score_of(home: int | None, away: int | None) -> Score | None:
    """A pair of counts where both are known."""
    return None if home is None or away is None else Score(home=home, away=away)


@strawberry.type(description="Score and clock.")
class MatchState:
    minute: int | None = strawberry.field(description="Minute on the clock, 0-130.")
    stoppage_minutes: int | None = strawberry.field(description="Added minutes announced.")
    score: Score = strawberry.field(description="Goals in normal and extra time.")
    half_time_score: Score | None = strawberry.field(description="Score at half-time.")
    regular_time_score: Score | None = strawberry.field(
        description="Score after 90 minutes and stoppage time; most bets settle on it."
    )
    penalty_score: Score | None = strawberry.field(description="Penalty shoot-out score.")
    red_cards: Score | None = strawberry.field(description="Red cards; null without data.")
    corners: Score | None = strawberry.field(description="Corners.")
    observed_at: datetime = strawberry.field(description="When our newest information is from.")


@strawberry.type(description="Counts per team.")
class MatchStatistics:
    shots: Score | None = strawberry.field(description="Shots.")
    shots_on_target: Score | None = strawberry.field(description="Shots on goal.")
    corners: Score | None = strawberry.field(description="Corners.")
    fouls: Score | None = strawberry.field(description="Fouls.")
    yellow_cards: Score | None = strawberry.field(description="Yellow cards.")
    home_expected_goals: float | None = strawberry.field(default=None, description="Expected goals of the home team.")
    away_expected_goals: float | None = strawberry.field(default=None, description="Expected goals of the away team.")
    home_possession: float | None = strawberry.field(
        default=None, description="Ball possession of the home team, fraction."
    )


NO_STATISTICS = MatchStatistics(shots=None, shots_on_target=None, corners=None, fouls=None, yellow_cards=None)


class MatchFacts:
    """Score, clock and counts of a match: read only where a query asks for them."""

    key: int
    status: str
    minute: int | None
    home_goals: int | None
    away_goals: int | None
    updated_at: datetime

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[int]) -> list[MatchFacts | None]:
        return in_order(keys, rows_of(cls, await queries.match_facts(db, keys)), lambda facts: facts.key)

    def pair(self, name: str) -> Score | None:
        """Counts of both teams from the columns `home_…` and `away_…`."""
        return score_of(getattr(self, f"home_{name}"), getattr(self, f"away_{name}"))

    def state(self) -> MatchState | None:
        score = self.pair("goals")
        if self.status in NEVER_BEGUN or score is None:
            return None
        return MatchState(
            minute=self.minute,
            stoppage_minutes=None,
            score=score,
            half_time_score=score_of(*(getattr(self, f"half_time_{side}_goals") for side in ("home", "away"))),
            regular_time_score=score if self.status == Status.FINISHED else None,
            penalty_score=None,
            red_cards=self.pair("red_cards"),
            corners=self.pair("corners"),
            observed_at=self.updated_at,
        )

    def statistics(self) -> MatchStatistics | None:
        statistics = MatchStatistics(
            shots=self.pair("shots"),
            shots_on_target=self.pair("shots_on_target"),
            corners=self.pair("corners"),
            fouls=self.pair("fouls"),
            yellow_cards=self.pair("yellow_cards"),
        )
        return None if statistics == NO_STATISTICS else statistics


@described(
    "Types of match event.",
    GOAL="Goal.",
    OWN_GOAL="Own goal.",
    PENALTY_GOAL="Penalty scored.",
    PENALTY_MISSED="Penalty missed.",
    YELLOW_CARD="Yellow card.",
    RED_CARD="Red card.",
    SUBSTITUTION="Substitution.",
    CORNER="Corner.",
    VIDEO_REVIEW="Decision changed by video review.",
)
class MatchEventType(Words):
    GOAL = auto()
    OWN_GOAL = auto()
    PENALTY_GOAL = auto()
    PENALTY_MISSED = auto()
    YELLOW_CARD = auto()
    RED_CARD = auto()
    SUBSTITUTION = auto()
    CORNER = auto()
    VIDEO_REVIEW = auto()


@strawberry.type(description="Something that happened in a match.")
class MatchEvent:
    type: MatchEventType = strawberry.field(description="Type.")
    minute: int = strawberry.field(description="Minute.")
    team: Team | None = strawberry.field(description="Team; null for match-wide events.")
    player_name: str | None = strawberry.field(description="Player name.")
    detail: str | None = strawberry.field(description="Free detail of the provider.")
