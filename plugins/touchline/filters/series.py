"""The matches of a history in the shape that filters read, and what each club's calendar said before each match.

    entry   +1 for a club that was not in this league last season (it came up), -1 for one that came from another
            league of the history with more goals against it than for it (it came down), else 0; the whole season
    rest    days since the club's last match in any league, 14 at most
    games   matches of the club in the season so far
    need, idle      how much it still plays for at the end of a season, and whether for nothing (`stakes`)

All of it is known before the match. Where a league begins in the history, nobody is new.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from touchline.filters.stakes import RANKS, stakes
from touchline.names import codes, positions, translated
from touchline.types import SPARSE_BELOW, Basis, Fixtures, Floats, History, Ints, State

DAY = 86_400
"""Seconds."""
NEVER = -1_000_000
"""A season, or a day, before all others."""
LONGEST_REST = 14
"""Days; a longer rest is told as this."""


def kernel() -> Any:
    """The compiled loops. Raises ModuleNotFoundError that names the remedy when numba is not installed."""
    try:
        from touchline.filters import kernel as compiled
    except ModuleNotFoundError as error:
        if error.name != "numba":
            raise
        message = 'the filters need numba, which is not installed: pip install "touchline[models]"'
        raise ModuleNotFoundError(message, name="numba") from None
    return compiled


@dataclass(frozen=True, slots=True)
class Roster:
    """Who plays where at the end of a series: what a forecast has to know beside the filters' numbers.

    A pair is a club in a league, one for each league that the club has played in.
    """

    club_codes: Floats
    """(c,) see `touchline.names`."""
    league_codes: Floats
    pair_league: Ints
    """(p,) index of the pair's league."""
    pair_club: Ints
    """(p,) index of its club."""
    pair_season: Ints
    """(p,) season of its last match."""
    pair_entry: Ints
    """(p,) how the club entered in that season."""
    pair_matches: Ints
    """(p,) matches since the club entered."""
    pair_points: Floats
    """(p,) points in that season's table."""
    pair_games: Ints
    """(p,) matches in it."""
    club_season: Ints
    """(c,) season of the club's last match, and so on."""
    club_league: Ints
    club_margin: Floats
    """(c,) goals for less goals against in that season and league."""
    club_day: Ints
    club_games: Ints
    league_season: Ints
    """(leagues,) the last season and the first one."""
    league_first: Ints

    def state(self) -> dict[str, Floats]:
        """Named arrays."""
        return {name: np.asarray(getattr(self, name), dtype=np.float64) for name in self.__slots__}

    @classmethod
    def restore(cls, state: State) -> Roster:
        """The roster of a saved state. KeyError when the state is foreign."""
        decimal = {"club_codes", "league_codes", "club_margin", "pair_points"}
        tables: dict[str, Any] = {
            name: state[name] if name in decimal else state[name].astype(np.int64) for name in cls.__slots__
        }
        return cls(**tables)

    def locate(self, fixtures: Fixtures, as_of: float) -> Places:
        """Where coming matches find their clubs. `as_of`, seconds since 1970, is what their days ahead count from.

        Raises ValueError for an index outside the names.
        """
        club = positions(codes(fixtures.clubs), self.club_codes)
        sides = club[_inside(np.stack([fixtures.home, fixtures.away], axis=1), len(fixtures.clubs))]
        league = positions(codes(fixtures.leagues), self.league_codes)
        league = league[_inside(fixtures.league, len(fixtures.leagues))]
        day = np.floor((as_of + fixtures.days_ahead * DAY) / DAY).astype(np.int64)
        return self._places(sides, league, fixtures.season, day)

    def pairs_of(self, clubs: Floats) -> Ints:
        """(k,) the pair of each club, given by code, in the league of its last match; -1 for one never seen."""
        club = positions(clubs, self.club_codes)
        table = self.pair_table()
        found = np.where(club >= 0, table[self.club_league[club], club], -1) if len(self.club_codes) else club
        return np.asarray(found, dtype=np.int64)

    def _places(self, sides: Ints, league: Ints, season: Ints, day: Ints) -> Places:
        table = np.pad(self.pair_table(), ((0, 1), (0, 1)), constant_values=-1)
        pair = table[league[:, None], sides]
        now = np.maximum(season, np.append(self.league_season, NEVER)[league])[:, None]
        is_here = (pair >= 0) & (np.append(self.pair_season, NEVER)[pair] >= now - 1)
        club_season = np.append(self.club_season, NEVER)[sides]
        came_down = (club_season >= now - 1) & (np.append(self.club_margin, 0.0)[sides] < 0)
        first = np.append(self.league_first, NEVER)[league][:, None]
        new = np.where((first == NEVER) | (now <= first), 0, np.where(came_down, -1, 1))
        is_same_season = np.append(self.pair_season, NEVER)[pair] == now
        stayed = np.where(is_same_season, np.append(self.pair_entry, 0)[pair], 0)
        rest = day[:, None] - np.append(self.club_day, NEVER)[sides]
        lines, clubs = self._lines()
        left = 2 * (clubs[league, None] - 1) - np.append(self.pair_games, 0)[pair]
        left = np.where(is_same_season & (clubs[league, None] >= len(RANKS)), left, 0)
        need, idle = stakes(np.append(self.pair_points, 0.0)[pair], left, lines[league])
        return Places(
            day=day,
            need=need,
            idle=idle,
            league=league,
            club=sides,
            pair=np.where(is_here, pair, -1),
            entry=np.where(is_here, stayed, new),
            rest=np.minimum(rest, LONGEST_REST),
            games=np.where(club_season == now, np.append(self.club_games, 0)[sides], 0),
            matches=np.where(is_here, np.append(self.pair_matches, 0)[pair], 0),
        )

    def _lines(self) -> tuple[Floats, Ints]:
        """(leagues + 1, 8) points at the ranks of each league's table, and how many clubs are in it; last a league that
        was never seen."""
        lines, clubs = (
            np.zeros((len(self.league_codes) + 1, len(RANKS))),
            np.zeros(len(self.league_codes) + 1, np.int64),
        )
        for league, season in enumerate(self.league_season.tolist()):
            table = np.sort(self.pair_points[(self.pair_league == league) & (self.pair_season == season)])[::-1]
            clubs[league] = len(table)
            if len(table) >= len(RANKS):
                lines[league] = table[RANKS]
        return lines, clubs

    def pair_table(self) -> Ints:
        """(leagues, c) the pair of each league and club, -1 where there is none."""
        table = np.full((len(self.league_codes), len(self.club_codes)), -1)
        table[self.pair_league, self.pair_club] = np.arange(len(self.pair_club))
        return table


@dataclass(frozen=True, slots=True)
class Places:
    """Where `m` coming matches find their clubs, and what the calendar says of them; (m, 2) is home and away."""

    league: Ints
    """(m,) index of the league, -1 for one never seen."""
    club: Ints
    """(m, 2) index of the club in the roster, -1 for one never seen."""
    pair: Ints
    """(m, 2) the roster's pair, -1 for a club that is new to its league."""
    entry: Ints
    rest: Ints
    games: Ints
    matches: Ints
    """(m, 2) matches of the club since it entered the league."""
    need: Floats
    idle: Floats
    day: Ints
    """(m,) whole days since 1970, UTC."""

    def basis(self) -> list[Basis]:
        """How each forecast comes about, by the club that was seen less."""
        seen = self.matches.min(axis=1, initial=SPARSE_BELOW)
        return [Basis.LEAGUE_PRIOR if n == 0 else Basis.MODEL_SPARSE if n < SPARSE_BELOW else Basis.MODEL for n in seen]


@dataclass(frozen=True, slots=True)
class Series:
    """The `n` matches of a history as filters read them, in the history's order."""

    clubs: tuple[str, ...]
    leagues: tuple[str, ...]
    sides: Ints
    """(n, 2) index of the home and of the away club."""
    league: Ints
    season: Ints
    day: Ints
    """(n,) whole days since 1970, UTC: matches of one day are forecast from the days before."""
    order: Ints
    """(n,) the matches by day."""
    by_league: tuple[Ints, ...]
    """The matches of each league by day."""
    slots: tuple[int, ...]
    """Clubs that each league holds at once at most: those of a season and of the one before."""
    entry: Ints
    """(n, 2) and so on: see the module."""
    rest: Ints
    games: Ints
    need: Floats
    idle: Floats
    roster: Roster

    def __len__(self) -> int:
        return len(self.league)

    @classmethod
    def of(cls, history: History) -> Series:
        """The series of a history. Matches without a score count for the calendar too."""
        sides = np.stack([history.home, history.away], axis=1)
        league, season = _fixed(history.league), _fixed(history.season)
        day = history.kickoff_seconds() // DAY
        order = np.argsort(day, kind="stable")
        by_league = tuple(order[league[order] == at] for at in range(len(history.leagues)))
        margin = history.home_goals - history.away_goals
        entry, rest, games, left = (np.zeros((len(history), 2), np.int64) for _ in range(4))
        tables = _Tables.empty(len(history.leagues), len(history.clubs))
        kernel().trace_clubs(
            order, sides, league, season, day, np.nan_to_num(margin), entry, rest, games, tables.pair_season,
            tables.pair_entry, tables.pair_matches, tables.club_season, tables.club_league, tables.club_margin,
            tables.club_day, tables.club_games, tables.league_season, tables.league_first,
        )  # fmt: skip
        points, lines = np.zeros((len(history), 2)), np.zeros((len(history), len(RANKS)))
        for at, rows in enumerate(by_league):
            table_season = np.full(len(history.clubs), NEVER)
            kernel().trace_table(
                rows, sides, season, day, margin, RANKS, points, left, lines, table_season, tables.pair_points[at],
                tables.pair_games[at],
            )  # fmt: skip
        need, idle = stakes(points, left, lines)
        return cls(
            clubs=history.clubs,
            leagues=history.leagues,
            sides=sides,
            league=league,
            season=season,
            day=day,
            order=order,
            by_league=by_league,
            slots=tuple(_slots(season[rows], sides[rows], len(history.clubs)) for rows in by_league),
            entry=entry,
            rest=rest,
            games=games,
            need=need,
            idle=idle,
            roster=tables.roster(history),
        )


@dataclass(frozen=True, slots=True)
class _Tables:
    """What a pass over a history fills: of pairs (leagues, c), of clubs (c,) and of leagues."""

    pair_season: Ints
    pair_entry: Ints
    pair_matches: Ints
    pair_points: Floats
    pair_games: Ints
    club_season: Ints
    club_league: Ints
    club_margin: Floats
    club_day: Ints
    club_games: Ints
    league_season: Ints
    league_first: Ints

    @classmethod
    def empty(cls, leagues: int, clubs: int) -> _Tables:
        shape = {"pair": (leagues, clubs), "club": (clubs,), "league": (leagues,)}
        never = {"pair_season", "club_season", "club_day", "league_season", "league_first"}
        decimal = {"pair_points", "club_margin"}
        tables: dict[str, Any] = {}
        for name in cls.__slots__:
            kind = np.float64 if name in decimal else np.int64
            tables[name] = np.full(shape[name.partition("_")[0]], NEVER if name in never else 0, kind)
        return cls(**tables)

    def roster(self, history: History) -> Roster:
        league, club = np.nonzero(self.pair_season > NEVER)
        tables = {name: getattr(self, name) for name in self.__slots__}
        pairs = {name: table[league, club] for name, table in tables.items() if name.startswith("pair")}
        others = {name: table for name, table in tables.items() if not name.startswith("pair")}
        return Roster(codes(history.clubs), codes(history.leagues), league, club, **pairs, **others)


def goes_on(later: History, earlier: History) -> bool:
    """Whether a history begins with the matches of another one, every number the same."""
    n = len(earlier)
    if len(later) < n or not (later.kickoff_seconds()[:n] == earlier.kickoff_seconds()).all():
        return False
    for name in ("home", "away"):
        if not _same_names(later.clubs, getattr(later, name)[:n], earlier.clubs, getattr(earlier, name)):
            return False
    if not _same_names(later.leagues, later.league[:n], earlier.leagues, earlier.league):
        return False
    return (later.season[:n] == earlier.season).all() and all(
        np.array_equal(getattr(later, name)[:n], getattr(earlier, name), equal_nan=True) for name in _FIGURES
    )


_FIGURES = (
    "home_goals", "away_goals", "home_shots", "away_shots", "home_shots_on_target", "away_shots_on_target",
    "home_corners", "away_corners", "home_red_cards", "away_red_cards", "home_xg", "away_xg", "closing_result",
    "closing_total",
)  # fmt: skip
"""Columns that the filters' models learn from."""


def _same_names(names: tuple[str, ...], index: Ints, others: tuple[str, ...], other: Ints) -> bool:
    if names == others:
        return bool((index == other).all())
    return bool((index == translated(others, names)[other]).all())


def _slots(season: Ints, sides: Ints, clubs: int) -> int:
    """The most clubs that are in a season or in the one before."""
    year = np.maximum.accumulate(season)
    seen = np.unique(np.concatenate([year * clubs + sides[:, 0], year * clubs + sides[:, 1]]))
    held = np.unique(np.concatenate([seen, seen + clubs]))
    return int(np.bincount(held // clubs - held[0] // clubs).max()) if len(held) else 0


def _fixed(values: Ints) -> Ints:
    return np.ascontiguousarray(values, dtype=np.int64)


def _inside(index: Ints, names: int) -> Ints:
    if index.size and not (index.min() >= 0 and index.max() < names):
        raise ValueError(f"an index lies outside the {names} names of the fixtures")
    return index
