"""Histories and fixtures turned round: some of their matches, other numbers for the same clubs, copies to edit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import numpy as np

from touchline.types import Fixtures, History, Ints

Columns = TypeVar("Columns", History, Fixtures)

STATISTICS: Final = (
    *("home_shots", "away_shots", "home_shots_on_target", "away_shots_on_target", "home_corners", "away_corners"),
    *("home_red_cards", "away_red_cards", "home_yellow_cards", "away_yellow_cards", "home_fouls", "away_fouls"),
    *("half_time_home_goals", "half_time_away_goals", "home_xg", "away_xg"),
)
PRICES: Final = ("closing_result", "closing_total")
LEAGUE: Final = "Testland Premier"
STRANGERS: Final = ("Strangers Rovers", "Strangers Town")


def arrays_of(columns: History | Fixtures) -> dict[str, Any]:
    """The columns by name, without the names of clubs and leagues."""
    found = {one.name: getattr(columns, one.name) for one in fields(columns)}
    return {name: value for name, value in found.items() if isinstance(value, np.ndarray)}


def copied(columns: Columns, *, writable: bool = True) -> Columns:
    """The same in arrays of its own."""
    copies: dict[str, Any] = {name: np.array(array) for name, array in arrays_of(columns).items()}
    for array in copies.values():
        array.setflags(write=writable)
    return replace(columns, **copies)


def taken(columns: Columns, rows: Ints) -> Columns:
    """Some matches, or all of them in another order."""
    return replace(columns, **{name: array[rows] for name, array in arrays_of(columns).items()})


def without(history: History, names: Sequence[str], rows: Ints | None = None) -> History:
    """A history in which these columns are not known, of any match or of some."""
    blind: dict[str, Any] = {name: np.array(getattr(history, name)) for name in names}
    for values in blind.values():
        values[slice(None) if rows is None else rows] = np.nan
    return replace(history, **blind)


def within(history: History, days: float) -> History:
    """What lies so many days back at most."""
    return history if (history.days_ago <= days).all() else taken(history, np.flatnonzero(history.days_ago <= days))


def later(history: History, days: float) -> History:
    """The same matches seen from a later day."""
    return replace(history, as_of=history.as_of + timedelta(days=days), days_ago=history.days_ago + days)


def renumbered(columns: Columns) -> Columns:
    """The same matches of the same clubs under other numbers: two strangers, then the clubs from last to first."""
    last = len(STRANGERS) + len(columns.clubs) - 1
    changed: dict[str, Any] = {
        "clubs": (*STRANGERS, *reversed(columns.clubs)),
        "leagues": ("Strange League", *reversed(columns.leagues)),
        "home": last - columns.home,
        "away": last - columns.away,
        "league": len(columns.leagues) - columns.league,
    }
    return replace(columns, **changed)


def pairings(like: History, pairs: Sequence[tuple[str, str]], league: str = "") -> Fixtures:
    """Matches in three days, of clubs by name; clubs and leagues that the history does not have come after its own."""
    clubs = tuple(dict.fromkeys((*like.clubs, *(name for pair in pairs for name in pair))))
    leagues = tuple(dict.fromkeys((*like.leagues, league or (*like.leagues, LEAGUE)[0])))
    count = len(pairs)
    return Fixtures(
        clubs=clubs,
        leagues=leagues,
        home=np.array([clubs.index(home) for home, _ in pairs], dtype=np.int64),
        away=np.array([clubs.index(away) for _, away in pairs], dtype=np.int64),
        league=np.full(count, leagues.index(league) if league else 0, dtype=np.int64),
        season=np.full(count, int(like.season.max(initial=2022)), dtype=np.int64),
        days_ahead=np.full(count, 3.0),
    )


def scored(clubs: Sequence[str], scores: Sequence[tuple[int, int, int, int]], as_of: datetime) -> History:
    """A history of scores alone, four days apart, oldest first: home club, away club, goals of both sides."""
    n = len(scores)
    home, away, home_goals, away_goals = np.array(scores, dtype=np.int64).reshape(n, 4).T
    unknown: dict[str, Any] = dict.fromkeys(STATISTICS, np.full(n, np.nan))
    return History(
        as_of=as_of,
        clubs=tuple(clubs),
        leagues=(LEAGUE,),
        home=np.ascontiguousarray(home),
        away=np.ascontiguousarray(away),
        league=np.zeros(n, dtype=np.int64),
        season=np.full(n, 2022, dtype=np.int64),
        days_ago=np.arange(4.0 * n, 0.0, -4.0),
        home_goals=home_goals.astype(np.float64),
        away_goals=away_goals.astype(np.float64),
        closing_result=np.full((n, 3), np.nan),
        closing_total=np.full((n, 2), np.nan),
        **unknown,
    )


def match_of(fixtures: Fixtures, row: int) -> str:
    """A fixture for a sentence."""
    home, away = (fixtures.clubs[club[row]] for club in (fixtures.home, fixtures.away))
    return f"{home.rpartition('/')[2]} - {away.rpartition('/')[2]}"
