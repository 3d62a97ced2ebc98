"""The loops of the filters, compiled by numba. `touchline.filters.series.kernel` imports it and says what is missing.

Compiled code is kept on disk where a folder is writable (beside this file, else numba's own cache folder); in a
read-only installation it is compiled anew in each process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from touchline.filters.series import LONGEST_REST, NEVER
from touchline.types import Floats, Ints

COUNT, LOG_RATE = 1, 2
"""Kinds of an observation; 0 is none."""

SEASON, FIRST_SEASON, DAY, HELD = 0, 1, 2, 3
"""Places in a league's `clock`: season of now and of the beginning, day of the last match, slots in use."""


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function in machine code. A product and a sum may be fused, nothing is reordered: equal input, equal bits."""
    compiled: Callable[..., Any]
    try:
        compiled = numba.njit(function, cache=True, nogil=True, fastmath={"contract"})
    except RuntimeError:  # numba finds no folder to write to
        compiled = numba.njit(function, nogil=True, fastmath={"contract"})
    return compiled


@_compiled
def trace_clubs(
    order: Ints,
    clubs: Ints,
    league: Ints,
    season: Ints,
    day: Ints,
    margin: Floats,
    entry: Ints,
    rest: Ints,
    games: Ints,
    pair_season: Ints,
    pair_entry: Ints,
    pair_matches: Ints,
    club_season: Ints,
    club_league: Ints,
    club_margin: Floats,
    club_day: Ints,
    club_games: Ints,
    league_season: Ints,
    league_first: Ints,
) -> None:
    """What was known of both clubs before each match: fills `entry`, `rest` and `games`, and the tables of the end."""
    for m in order:
        at = league[m]
        now = max(season[m], league_season[at])
        if league_first[at] == NEVER:
            league_first[at] = now
        league_season[at] = now
        for side in range(2):
            club = clubs[m, side]
            if pair_season[at, club] < now:
                came = 0
                if pair_season[at, club] < now - 1:
                    pair_matches[at, club] = 0
                    if now > league_first[at]:
                        elsewhere = club_season[club] >= now - 1 and club_league[club] != at
                        came = -1 if elsewhere and club_margin[club] < 0 else 1
                pair_entry[at, club] = came
            entry[m, side] = pair_entry[at, club]
            rest[m, side] = min(LONGEST_REST, day[m] - club_day[club])
            games[m, side] = club_games[club] if club_season[club] == now else 0
        for side in range(2):
            club = clubs[m, side]
            if club_season[club] != now:
                club_games[club] = 0
            if club_season[club] != now or club_league[club] != at:
                club_margin[club] = 0.0
            club_season[club] = now
            club_league[club] = at
            club_margin[club] += margin[m] if side == 0 else -margin[m]
            club_day[club] = day[m]
            club_games[club] += 1
            pair_season[at, club] = now
            pair_matches[at, club] += 1


@_compiled
def trace_table(
    rows: Ints,
    clubs: Ints,
    season: Ints,
    day: Ints,
    margin: Floats,
    ranks: Ints,
    points: Floats,
    left: Ints,
    lines: Floats,
    table_season: Ints,
    table_points: Floats,
    table_games: Ints,
) -> None:
    """A league's table before each of its days: fills what both clubs had (`points`, and `left` to play) and what
    stood at the `ranks`, and the table of the end. Without enough clubs for the ranks nothing is left to play."""
    every = np.empty(len(table_season))
    at_ranks = np.zeros(len(ranks))
    now = NEVER
    begin = 0
    while begin < len(rows):
        end = begin + 1
        while end < len(rows) and day[rows[end]] == day[rows[begin]]:
            end += 1
        for k in range(begin, end):
            now = max(now, season[rows[k]])
        held = 0
        for club in range(len(table_season)):
            if table_season[club] == now:
                every[held] = -table_points[club]
                held += 1
        if held >= len(ranks):
            order = np.sort(every[:held])
            for r in range(len(ranks)):
                at_ranks[r] = -order[ranks[r]]
            for k in range(begin, end):
                lines[rows[k]] = at_ranks
                for side in range(2):
                    club = clubs[rows[k], side]
                    if table_season[club] == now:
                        points[rows[k], side] = table_points[club]
                        left[rows[k], side] = 2 * (held - 1) - table_games[club]
        for k in range(begin, end):
            for side in range(2):
                club = clubs[rows[k], side]
                if table_season[club] != now:
                    table_season[club] = now
                    table_points[club] = 0.0
                    table_games[club] = 0
                won = margin[rows[k]] if side == 0 else -margin[rows[k]]
                table_games[club] += 1
                table_points[club] += 3.0 if won > 0 else 1.0 if won == 0 else 0.0
        begin = end


@_compiled
def trace_grounds(
    order: Ints, sides: Ints, day: Ints, residual: Floats, speed: float, known: Floats, mean: Floats
) -> None:
    """Running means of a residual by club, at home and away: `known` before each match's day, `mean` at the end."""
    begin = 0
    while begin < len(order):
        end = begin + 1
        while end < len(order) and day[order[end]] == day[order[begin]]:
            end += 1
        for k in range(begin, end):
            for side in range(2):
                known[order[k], side] = mean[sides[order[k], side], side]
        for k in range(begin, end):
            m = order[k]
            if np.isfinite(residual[m]):
                for side in range(2):
                    mean[sides[m, side], side] += speed * (residual[m] - mean[sides[m, side], side])
        begin = end


@_compiled
def running_ratio(
    order: Ints, league: Ints, day: Ints, top: Floats, bottom: Floats, start: Floats, keep: float
) -> Floats:
    """(n,) sum of `top` over sum of `bottom` of the league's earlier days, older matches weighing less."""
    n = len(league)
    ratio = np.empty(n)
    leagues = len(start)
    known_top, known_bottom = np.zeros(leagues), np.zeros(leagues)
    new_top, new_bottom = np.zeros(leagues), np.zeros(leagues)
    last = np.full(leagues, NEVER)
    for m in order:
        at = league[m]
        if day[m] != last[at]:
            known_top[at] += new_top[at]
            known_bottom[at] += new_bottom[at]
            new_top[at] = new_bottom[at] = 0.0
            last[at] = day[m]
        ratio[m] = (start[at, 0] + known_top[at]) / (start[at, 1] + known_bottom[at])
        if np.isfinite(top[m]) and np.isfinite(bottom[m]):
            known_top[at] *= keep
            known_bottom[at] *= keep
            new_top[at] += top[m]
            new_bottom[at] += bottom[m]
    return ratio


@_compiled
def _pass_time(days: int, new_season: bool, P: Floats, clock: Ints, weeks: Floats, settings: tuple[float, ...]) -> None:
    """Widen what is known by the weeks that passed and by a summer."""
    walk, walk_correlation, summer, summer_correlation, early, early_weeks, level_walk, home_walk = settings[:8]
    size = 2 + 2 * clock[HELD]
    both = 0.0
    each = 0.0
    if new_season:
        each += summer
        both += summer * summer_correlation
        weeks[0] = 0.0
    passed = min(days, 30) / 7.0
    if passed > 0:
        weeks[0] += passed
        step = walk * passed * (1.0 + early * np.exp(-weeks[0] / early_weeks))
        each += step
        both += step * walk_correlation
        P[0, 0] += level_walk * passed
        P[1, 1] += home_walk * passed
    for a in range(2, size, 2):
        P[a, a] += each
        P[a + 1, a + 1] += each
        P[a, a + 1] += both
        P[a + 1, a] += both


@_compiled
def _slot(
    club: int, came: int, x: Floats, P: Floats, held: Ints, last: Ints, clock: Ints, settings: tuple[float, ...]
) -> int:
    """The club's place in the state; a club that was not there this season or the last one enters with the prior."""
    now = clock[SEASON]
    free = -1
    for slot in range(clock[HELD]):
        is_stale = last[slot] < now - 1
        if held[slot] == club and not is_stale:
            last[slot] = now
            return slot
        if is_stale and free < 0:
            free = slot
    if free < 0:
        free = clock[HELD]
        clock[HELD] += 1
    variance, correlation, attack, defence = settings[8:12]
    size = 2 + 2 * clock[HELD]
    a = 2 + 2 * free
    for row in range(a, a + 2):
        for r in range(size):
            P[row, r] = 0.0
            P[r, row] = 0.0
        P[row, row] = variance
    P[a, a + 1] = P[a + 1, a] = variance * correlation
    x[a] = attack * came
    x[a + 1] = defence * came
    held[free] = club
    last[free] = now
    return free


@_compiled
def _learn(
    i: int,
    j: int,
    home_value: float,
    away_value: float,
    kind: int,
    noise: float,
    correlation: float,
    limit: float,
    size: int,
    x: Floats,
    P: Floats,
    k1: Floats,
    k2: Floats,
) -> None:
    """One observation of both sides: the joint update of the extended Kalman filter."""
    ai, di, aj, dj = 2 + 2 * i, 3 + 2 * i, 2 + 2 * j, 3 + 2 * j
    home_log = x[0] + x[1] + x[ai] - x[dj]
    away_log = x[0] + x[aj] - x[di]
    if kind == COUNT:
        h1, h2 = np.exp(home_log), np.exp(away_log)
        r1, r2 = noise * h1, noise * h2
        d1, d2 = home_value - h1, away_value - h2
    else:
        h1 = h2 = 1.0
        r1 = r2 = noise
        d1, d2 = home_value - home_log, away_value - away_log
    for r in range(size):
        k1[r] = h1 * (P[0, r] + P[1, r] + P[ai, r] - P[dj, r])
        k2[r] = h2 * (P[0, r] + P[aj, r] - P[di, r])
    s11 = r1 + h1 * (k1[0] + k1[1] + k1[ai] - k1[dj])
    s12 = correlation * np.sqrt(r1 * r2) + h1 * (k2[0] + k2[1] + k2[ai] - k2[dj])
    s22 = r2 + h2 * (k2[0] + k2[aj] - k2[di])
    most1, most2 = limit * np.sqrt(s11), limit * np.sqrt(s22)
    d1 = min(max(d1, -most1), most1)
    d2 = min(max(d2, -most2), most2)
    det = s11 * s22 - s12 * s12
    i11, i12, i22 = s22 / det, -s12 / det, s11 / det
    g1, g2 = i11 * d1 + i12 * d2, i12 * d1 + i22 * d2
    for r in range(size):
        x[r] += k1[r] * g1 + k2[r] * g2
    for row in range(size):
        a = k1[row] * i11 + k2[row] * i12
        b = k1[row] * i12 + k2[row] * i22
        for r in range(size):
            P[row, r] -= a * k1[r] + b * k2[r]


@_compiled
def walk_league(
    rows: Ints,
    clubs: Ints,
    season: Ints,
    day: Ints,
    entry: Ints,
    values: Floats,
    kinds: Ints,
    noises: Floats,
    correlations: Floats,
    settings: tuple[float, ...],
    x: Floats,
    P: Floats,
    held: Ints,
    last: Ints,
    clock: Ints,
    weeks: Floats,
    log_means: Floats,
) -> None:
    """Go through a league's matches by days: first every forecast of the day, then what the day taught."""
    k1, k2 = np.empty(len(x)), np.empty(len(x))
    slots = np.empty((len(rows), 2), np.int64)
    limit = settings[12]
    begin = 0
    while begin < len(rows):
        end = begin + 1
        while end < len(rows) and day[rows[end]] == day[rows[begin]]:
            end += 1
        now = clock[SEASON]
        for k in range(begin, end):
            now = max(now, season[rows[k]])
        is_first = clock[FIRST_SEASON] == NEVER
        passed = 0 if is_first else day[rows[begin]] - clock[DAY]
        _pass_time(passed, not is_first and now > clock[SEASON], P, clock, weeks, settings)
        if is_first:
            clock[FIRST_SEASON] = now
        clock[SEASON] = now
        clock[DAY] = day[rows[begin]]
        for k in range(begin, end):
            for side in range(2):
                m = rows[k]
                slots[k, side] = _slot(clubs[m, side], entry[m, side], x, P, held, last, clock, settings)
        for k in range(begin, end):
            i, j = 2 + 2 * slots[k, 0], 2 + 2 * slots[k, 1]
            log_means[rows[k], 0] = x[0] + x[1] + x[i] - x[j + 1]
            log_means[rows[k], 1] = x[0] + x[j] - x[i + 1]
        size = 2 + 2 * clock[HELD]
        for k in range(begin, end):
            m = rows[k]
            for o in range(len(kinds)):
                if kinds[o, m] != 0:
                    i, j = slots[k, 0], slots[k, 1]
                    _learn(
                        i,
                        j,
                        values[o, m, 0],
                        values[o, m, 1],
                        kinds[o, m],
                        noises[o, m],
                        correlations[o],
                        limit,
                        size,
                        x,
                        P,
                        k1,
                        k2,
                    )
        begin = end
