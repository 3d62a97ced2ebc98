"""What a plugin sees and what it gives back: the whole typed contract on one page.

A model is fitted on a `History` (columns of past matches, strictly before `as_of`) and asked for
`Forecasts` of a batch of `Fixtures`. Arrays are read-only; `n` is the number of matches, `m` the
number of fixtures, `c` the number of clubs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
State = Mapping[str, Floats]
"""A fitted model as named arrays: saved and restored without pickle."""

API = 1
"""The contract's number. A plugin made for another number is refused when it is loaded."""


class Kind(StrEnum):
    """Kinds of market that the graph knows by name; a plugin's own market is CUSTOM and has a name of its own."""

    MATCH_RESULT = "match_result"
    TOTAL_GOALS = "total_goals"
    BOTH_TEAMS_TO_SCORE = "both_teams_to_score"
    TOTAL_CORNERS = "total_corners"
    ASIAN_HANDICAP = "asian_handicap"
    TEAM_TOTAL_GOALS = "team_total_goals"
    CORRECT_SCORE = "correct_score"
    CUSTOM = "custom"


OUTCOMES: Mapping[Kind, tuple[str, ...]] = {
    Kind.MATCH_RESULT: ("home", "draw", "away"),
    Kind.TOTAL_GOALS: ("over", "under"),
    Kind.BOTH_TEAMS_TO_SCORE: ("yes", "no"),
    Kind.TOTAL_CORNERS: ("over", "under"),
    Kind.ASIAN_HANDICAP: ("home", "away"),
}
"""Outcomes of the kinds with a fixed list, in their customary order."""


CUSTOM_KEY = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
"""What the key of a plugin's own market looks like: `author.market`."""


@dataclass(frozen=True, slots=True, order=True)
class MarketKey:
    """One market by its canonical key: `match_result::ft`, `total_goals:2.5:ft`, `acme.total_cards:4.5:ft`.

    `line` is in goals, corners or goals of handicap given to the home side; None where there is none.
    """

    kind: Kind
    line: float | None = None
    period: str = "ft"
    name: str = ""
    """Of a CUSTOM market: the key of the plugin's market, `author.market`; empty for every other kind."""

    def __str__(self) -> str:
        line = "" if self.line is None else f"{self.line:g}"
        return f"{self.kind_key}:{line}:{self.period}"

    @classmethod
    def parse(cls, key: str) -> MarketKey:
        """The market of a canonical key; raises ValueError when it is not one. What follows the kind may be left out:
        `MarketKey.parse("acme.total_cards:4.5")`.
        """
        kind, _, rest = key.partition(":")
        line, _, period = rest.partition(":")
        is_own = CUSTOM_KEY.fullmatch(kind) is not None
        known = Kind.CUSTOM if is_own else Kind(kind)
        return cls(known, float(line) if line else None, period or "ft", kind if is_own else "")

    @property
    def kind_key(self) -> str:
        """What lines of one market share: the kind, or the name of a plugin's own market."""
        return self.name or str(self.kind)

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Outcome keys in their customary order; raises KeyError for a market whose plugin says them."""
        return OUTCOMES[self.kind]


RESULT = MarketKey(Kind.MATCH_RESULT)
OVER_25 = MarketKey(Kind.TOTAL_GOALS, 2.5)
BTTS = MarketKey(Kind.BOTH_TEAMS_TO_SCORE)
CORNERS_95 = MarketKey(Kind.TOTAL_CORNERS, 9.5)


class Basis(StrEnum):
    """How a forecast came about; a fallback is always visible."""

    MODEL = "model"
    """Fitted on data of both clubs."""
    MODEL_SPARSE = "model_sparse"
    """Fitted, but a club has fewer than six matches, or what the model mostly reads, such as past prices, is not
    known."""
    LEAGUE_PRIOR = "league_prior"
    """No match of one of the clubs: the league's averages."""


SPARSE_BELOW = 6
"""Matches of a club below which a forecast says that it is sparse."""


def _not_given() -> Floats:
    return np.empty(0)


_LATER_COLUMNS = ("home_xg", "away_xg", "home_yellow_cards", "away_yellow_cards", "home_fouls", "away_fouls")
"""Columns that came after the first release: NaN where whoever makes a history does not give them."""


@dataclass(frozen=True, slots=True)
class History:
    """Finished matches as columns, oldest first, all strictly before `as_of`.

    Index columns point into `clubs` and `leagues`. Where a source has no number the entry is NaN.
    An awarded match is left out: its score was never played.
    """

    as_of: datetime
    clubs: tuple[str, ...]
    leagues: tuple[str, ...]
    home: Ints
    """(n,) index of the home club."""
    away: Ints
    """(n,) index of the away club."""
    league: Ints
    """(n,) index of the league."""
    season: Ints
    """(n,) year in which the season starts."""
    days_ago: Floats
    """(n,) days from kick-off to `as_of`, above 0."""
    home_goals: Floats
    away_goals: Floats
    half_time_home_goals: Floats
    half_time_away_goals: Floats
    home_shots: Floats
    away_shots: Floats
    home_shots_on_target: Floats
    away_shots_on_target: Floats
    home_corners: Floats
    away_corners: Floats
    home_red_cards: Floats
    away_red_cards: Floats
    closing_result: Floats
    """(n, 3) closing decimal prices home, draw, away of the sharpest book known."""
    closing_total: Floats
    """(n, 2) closing decimal prices over, under 2.5 goals."""
    home_xg: Floats = field(default_factory=_not_given)
    """(n,) expected goals of the home side by a source that measures them; NaN where none does."""
    away_xg: Floats = field(default_factory=_not_given)
    home_yellow_cards: Floats = field(default_factory=_not_given)
    away_yellow_cards: Floats = field(default_factory=_not_given)
    home_fouls: Floats = field(default_factory=_not_given)
    away_fouls: Floats = field(default_factory=_not_given)

    def __post_init__(self) -> None:
        for name in _LATER_COLUMNS:
            if len(getattr(self, name)) != len(self.home):
                object.__setattr__(self, name, np.broadcast_to(np.nan, len(self.home)))

    def __len__(self) -> int:
        return len(self.home)

    def kickoff_seconds(self) -> Ints:
        """(n,) kick-off in whole seconds since 1970: the same number whatever `as_of` the days count from."""
        return np.int64(round(self.as_of.timestamp())) - np.rint(self.days_ago * 86400.0).astype(np.int64)

    def matches_of(self) -> Ints:
        """(c,) matches of each club."""
        c = len(self.clubs)
        return np.bincount(self.home, minlength=c) + np.bincount(self.away, minlength=c)


@dataclass(frozen=True, slots=True)
class Fixtures:
    """Coming matches as columns.

    Index columns point into this object's own `clubs` and `leagues`. A model that is restored into a
    longer history meets other tuples, so compare clubs by name.
    """

    clubs: tuple[str, ...]
    leagues: tuple[str, ...]
    home: Ints
    """(m,) index of the home club; a club without a past match is normal."""
    away: Ints
    league: Ints
    season: Ints
    days_ahead: Floats
    """(m,) days from `as_of` to kick-off."""

    def __len__(self) -> int:
        return len(self.home)


@dataclass(frozen=True, slots=True)
class Forecasts:
    """Forecasts of a batch of fixtures.

    `probabilities[market]` is `(m, outcomes)`, rows sum to 1 within 1e-9. `parameters` are the numbers
    from which `family` computes any other line, `(m,)` each: for `score_grid` `home_mean`, `away_mean`,
    `rho`; for `negative_binomial` `mean`, `dispersion`. A model that gives only fixed lines leaves both
    empty, and every other line is then absent, never interpolated.
    """

    probabilities: Mapping[MarketKey, Floats]
    basis: Sequence[Basis]
    family: str = ""
    parameters: Mapping[str, Floats] = field(default_factory=dict)


class Fitted(Protocol):
    """A model after fitting."""

    def predict(self, fixtures: Fixtures) -> Forecasts:
        """Forecasts of all fixtures, in their order."""
        ...

    def state(self) -> dict[str, Floats]:
        """Everything needed to restore it, as named arrays."""
        ...


@runtime_checkable
class Advancing(Protocol):
    """A fitted model that can learn what came since, in the same process, faster than a new fit.

    `advance(history, rng)` gives, bit for bit, what `fit(history, rng)` of its model gives. `history` begins with the
    matches that this one was fitted on and goes on from there. A walk forward uses it; nothing else has to.
    """

    def advance(self, history: History, rng: np.random.Generator) -> Fitted: ...


@runtime_checkable
class Rated(Protocol):
    """A fitted model that can say how strong clubs are."""

    def ratings(self, clubs: Sequence[str]) -> Mapping[str, Floats]:
        """`(c,)` ratings of the clubs named, by system (`attack`, `defence`); NaN for a club never seen."""
        ...


class OddsUse(StrEnum):
    """What a model knows of prices; a figure without its class says little."""

    NONE = "A"
    """No odds anywhere."""
    TRAINING = "B"
    """Closing prices of past matches as a training target, never as an input."""
    PAST = "C"
    """Prices of past matches as an input."""
    SAME_MATCH = "D"
    """Prices of the match itself."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Which past a model wants to see: of its league alone or of every league, and how many days back."""

    every_league: bool = False
    days: int = 1460


def reach_of(model: Model) -> Reach:
    """The model's `reach`, or four years of its own league for a model that does not say."""
    reach: Reach = getattr(model, "reach", Reach())
    return reach


def odds_use_of(model: Model) -> OddsUse | None:
    """The model's `odds_use`; None for a model that does not say."""
    use: OddsUse | None = getattr(model, "odds_use", None)
    return use


class Model(Protocol):
    """A market model: what a plugin's `models()` hook returns.

    It may also have `reach` (a `Reach`), `odds_use` (an `OddsUse`) and settings: fields made by `touchline.setting`, or
    a property `settings` with plain values by name.
    """

    @property
    def key(self) -> str:
        """Stable name, `author.model`."""
        ...

    @property
    def version(self) -> str:
        """Version of the code; stored with every prediction."""
        ...

    @property
    def markets(self) -> tuple[MarketKey, ...]:
        """Markets whose probabilities every forecast holds."""
        ...

    def fit(self, history: History, rng: np.random.Generator) -> Fitted:
        """Learn from the past; an empty history gives the prior."""
        ...

    def restore(self, history: History, state: State) -> Fitted:
        """The fitted model of a saved state; `history` is the one that it was fitted on or a later one."""
        ...


@dataclass(frozen=True, slots=True)
class Offer:
    """A bookmaker's prices of one market: what a strategy weighs. `commission` is a share of winnings."""

    bookmaker: str
    outcome: str
    price: float
    commission: float
    is_sharp: bool
    age_seconds: float


@dataclass(frozen=True, slots=True)
class Assessment:
    """A strategy's judgement of one offer."""

    offer: Offer
    probability: float
    """Probability that the strategy believes in, margin-free."""
    edge: float
    """Expected profit of one unit staked, net of commission."""
    kelly: float
    """Full Kelly share of the bankroll, 0 or more."""
    recommendation: str
    """`STRONG`, `MODERATE`, `SLIGHT` or `NONE`."""


class Strategy(Protocol):
    """Weighs probabilities against prices: what a plugin's `strategies()` hook returns. Settings as for a model."""

    @property
    def key(self) -> str: ...

    @property
    def version(self) -> str: ...

    def assess(
        self, market: MarketKey, probabilities: Mapping[str, float], offers: Sequence[Offer]
    ) -> Sequence[Assessment]:
        """One assessment per offer worth telling of; `probabilities` is the model's, by outcome."""
        ...


@dataclass(frozen=True, slots=True)
class PricedOutcome:
    """One price of a source. `bookmaker` is the source's name of the book, or of the aggregate (`Max`, `Avg`)."""

    bookmaker: str
    market: MarketKey
    outcome: str
    price: float
    observed_at: datetime
    is_closing: bool
    is_aggregate: bool = False
    is_estimated: bool = False
    """Whether the instant is by convention and not by the source's own clock."""


@dataclass(frozen=True, slots=True)
class SourceMatch:
    """One match as a source tells it, with names as the source spells them.

    `kickoff` is aware UTC; where `is_kickoff_time_known` is false it is 00:00 UTC of the local day and
    nothing later than that counts as before it. Goals are None before the result.
    """

    league: str
    """The source's code of the league, for example `E0`."""
    season: int
    """Year in which the season starts."""
    home: str
    away: str
    kickoff: datetime
    is_kickoff_time_known: bool = True
    leg: int = 1
    """1 for the first meeting of the pair at this ground in this season, 2 for the second."""
    home_goals: int | None = None
    away_goals: int | None = None
    half_time_home_goals: int | None = None
    half_time_away_goals: int | None = None
    home_shots: int | None = None
    away_shots: int | None = None
    home_shots_on_target: int | None = None
    away_shots_on_target: int | None = None
    home_corners: int | None = None
    away_corners: int | None = None
    home_fouls: int | None = None
    away_fouls: int | None = None
    home_yellow_cards: int | None = None
    away_yellow_cards: int | None = None
    home_red_cards: int | None = None
    away_red_cards: int | None = None
    is_awarded: bool = False
    referee: str | None = None
    prices: tuple[PricedOutcome, ...] = ()
    origin: str = ""
    """File and line, for messages."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row, or a part of one, that a source gave and that could not be used."""

    origin: str
    """File and line."""
    reason: str
    is_whole_row: bool = True


class Provider(Protocol):
    """A source of matches, results and prices: what a plugin's `providers()` hook returns."""

    @property
    def key(self) -> str:
        """Stable name, for example `football-data`."""
        ...

    @property
    def name(self) -> str: ...

    def files(self, origin: str, leagues: Sequence[str], seasons: Sequence[int]) -> Sequence[str]:
        """Names of what can be read from a folder or base URL, narrowed to leagues and seasons (empty = all)."""
        ...

    def read(self, origin: str, file: str) -> tuple[Sequence[SourceMatch], Sequence[Rejected]]:
        """Matches of one file and what had to be left out; raises OSError when it cannot be fetched."""
        ...
