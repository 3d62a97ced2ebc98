"""A league of fictional clubs as a history, with the true probabilities of every match: what no real league tells.

    world = simulated(seed=1, seasons=4)
    fitted = model.fit(world.history, rng)
    told = fitted.predict(world.fixtures).probabilities[RESULT]
    best = world.true_probabilities(RESULT)              # no model can score better than this in the long run

Matches are those of `touchline.simulator`, on a calendar as most leagues have it: a season from August to May, a round
a week, three of twenty clubs replaced each summer. Prices are the closing ones of the sharpest simulated bookmaker.
Expected goals are the true means with noise, as a source would measure them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import numpy as np

from touchline.evaluation.dataset import DAY, Dataset, Quote
from touchline.simulator.bookmakers import BOOKMAKERS
from touchline.simulator.league import SimulatedLeague, SimulatedMatch, finished_match
from touchline.simulator.names import club_names
from touchline.simulator.play import Means, score_table, true_probabilities
from touchline.simulator.prices import PricePath
from touchline.simulator.schedule import PERIOD
from touchline.types import Fixtures, Floats, History, Ints, Kind, MarketKey, SourceMatch

LEAGUES: Final = ("Testland Premier", "Testland Championship")
"""Names of the leagues that there can be."""
COUNTRY: Final = "Testland"
"""Stands before a club's name, as in every dataset."""
FIRST_SEASON: Final = 2020
WEEK: Final = timedelta(days=7)
SHARPEST: Final = BOOKMAKERS[:1]
XG_SHAPE: Final = 6.0
"""Shape of the gamma distribution of expected goals around the true means."""
_NOISE: Final = 5
"""Stream of the noise in expected goals; the simulator's own streams have the numbers below."""

_FIGURES: Final = (
    *("home_goals", "away_goals", "half_time_home_goals", "half_time_away_goals"),
    *("home_shots", "away_shots", "home_shots_on_target", "away_shots_on_target", "home_corners", "away_corners"),
    *("home_red_cards", "away_red_cards", "home_yellow_cards", "away_yellow_cards", "home_fouls", "away_fouls"),
)
"""Columns that a finished match has under the same name."""


@dataclass(frozen=True, slots=True)
class World:
    """Simulated leagues: all their matches, an instant in the middle of the last season, and the truth."""

    dataset: Dataset
    """Every match of every season, also those after the instant: what a walk forward goes through."""
    instant: int
    """Seconds since 1970 that `history` ends before."""
    means: Floats
    """(n, 2) true expected goals of both sides of each match of the dataset."""

    @property
    def history(self) -> History:
        """What was played before the instant."""
        return self.history_before(self.instant)

    def history_before(self, instant: int, league: str | None = None, days: int | None = None) -> History:
        """What was played before another instant, of one league or of all, so many days back at most."""
        return self.dataset.before(instant, league, days)

    @property
    def coming(self) -> Ints:
        """(m,) rows of the dataset: the matches of the two weeks after the instant."""
        kickoff = self.dataset.kickoff
        return np.flatnonzero((kickoff >= self.instant) & (kickoff < self.instant + 14 * DAY))

    @property
    def fixtures(self) -> Fixtures:
        """Those matches as a model is asked about them."""
        return self.dataset.fixtures(self.coming, self.instant)

    def true_probabilities(self, market: MarketKey, rows: Ints | None = None) -> Floats:
        """(m, outcomes) of the coming matches, or of any rows of the dataset.

        Raises KeyError for a market whose truth is not known: it knows the match result, both teams to score, goals at
        any half line and corners at 9.5.
        """
        chosen = self.means[self.coming if rows is None else rows]
        rows_of_market = [_truth(Means(float(home), float(away)), market) for home, away in chosen]
        return np.array(rows_of_market, dtype=np.float64).reshape(len(chosen), len(market.outcomes))


def simulated(seed: int, seasons: int, *, clubs: int = 20, leagues: int = 1) -> World:
    """So many seasons of leagues that are always the same for a seed; the last one is half played at `World.instant`.

    Raises ValueError for an odd number of clubs, for fewer than four, and for more than two leagues.
    """
    if not 1 <= leagues <= len(LEAGUES):
        raise ValueError(f"{leagues} leagues: 1 or {len(LEAGUES)}")
    played = [
        _Played(match, league)
        for name in LEAGUES[:leagues]
        for season in range(seasons)
        for match, league in _season(seed, name, season, seasons, clubs)
    ]
    played.sort(key=lambda one: (one.match.kickoff, one.match.league, one.match.place))
    half = _opening(seasons - 1) + (clubs - 1) * WEEK
    means = np.array([[one.means.home, one.means.away] for one in played])
    return World(_dataset(seed, played, means), int(half.timestamp()), means)


class _Played:
    """One match and how it went."""

    def __init__(self, match: SimulatedMatch, league: SimulatedLeague) -> None:
        self.match = match
        self.means = league.means(match)
        self.told: SourceMatch = finished_match(match, league.play(match))
        self.prices: Sequence[float] = PricePath.of(league, match, SHARPEST).standing(match.kickoff)[0].tolist()


def _season(
    seed: int, name: str, season: int, seasons: int, clubs: int
) -> Iterator[tuple[SimulatedMatch, SimulatedLeague]]:
    """The matches of one season with its clubs: some leave each summer, and as many come up."""
    changes = max(1, 3 * clubs // 20)
    plain = SimulatedLeague(seed, name, clubs)
    nth = LEAGUES.index(name)
    pool = clubs + changes * (seasons - 1)
    names = club_names(pool * len(LEAGUES), np.random.default_rng(seed))[nth * pool : (nth + 1) * pool]
    members = plain.with_strengths(names)[season * changes : season * changes + clubs]
    league = SimulatedLeague(seed, name, clubs, clubs=members)
    for match in league.edition(season):
        began = datetime.combine(league.edition_starts(season), time(), UTC) + match.round * PERIOD
        kickoff = _opening(season) + match.round * WEEK + (match.kickoff - began)
        yield replace(match, kickoff=kickoff, season=FIRST_SEASON + season, leg=1), league


def _opening(season: int) -> datetime:
    """00:00 UTC of the first Saturday of August."""
    first = date(FIRST_SEASON + season, 8, 1)
    return datetime.combine(first + timedelta(days=(5 - first.weekday()) % 7), time(), UTC)


def _dataset(seed: int, played: Sequence[_Played], means: Floats) -> Dataset:
    """The matches as columns; clubs and leagues are numbered by name."""
    told = [one.told for one in played]
    kickoff = np.array([int(match.kickoff.timestamp()) for match in told], dtype=np.int64)
    end = (int(kickoff.max(initial=0)) // DAY + 1) * DAY
    clubs, club = np.unique(
        [[f"{COUNTRY}/{name}" for name in (match.home, match.away)] for match in told], return_inverse=True
    )
    leagues, league = np.unique([match.league for match in told], return_inverse=True)
    club = club.reshape(-1, 2)
    prices = np.array([one.prices for one in played])
    expected = np.random.default_rng([seed, _NOISE]).gamma(XG_SHAPE, means / XG_SHAPE)
    past = History(
        as_of=datetime.fromtimestamp(end, UTC),
        clubs=tuple(clubs.tolist()),
        leagues=tuple(leagues.tolist()),
        home=np.ascontiguousarray(club[:, 0]),
        away=np.ascontiguousarray(club[:, 1]),
        league=league,
        season=np.array([match.season for match in told], dtype=np.int64),
        days_ago=(end - kickoff) / DAY,
        closing_result=prices[:, :3],
        closing_total=prices[:, 3:5],
        home_xg=expected[:, 0],
        away_xg=expected[:, 1],
        **{name: np.array([getattr(match, name) for match in told], dtype=np.float64) for name in _FIGURES},
    )
    day = np.array([match.kickoff.date().toordinal() for match in told], dtype=np.int64)
    quote = np.full(len(told), int(Quote.PINNACLE_CLOSING))
    return Dataset(past, kickoff, day, np.ones(len(told), dtype=np.int64), quote, quote.copy())


def _truth(means: Means, market: MarketKey) -> Floats:
    """(outcomes,) true probabilities of one market of one match; raises KeyError."""
    known: Mapping[MarketKey, Floats] = true_probabilities(means)
    if market in known:
        return known[market]
    if market.kind is not Kind.TOTAL_GOALS or market.line is None or market.line % 1 != 0.5 or market.period != "ft":
        raise KeyError(str(market))
    scores = score_table(means)
    home, away = np.indices(scores.shape)
    over = float(scores[home + away > market.line].sum())
    return np.array([over, 1 - over])
