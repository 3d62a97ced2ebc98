"""`python -m benchmarks.filters`: the compiled filter engine against the same filter in plain numpy.

Both go through five seasons of five leagues of twenty clubs each (drawn; three clubs change a season), one count
observation a match. `plain` is written from the formulas of `touchline.filters.engine`: a predict and update of the
whole matrix a match, one dictionary of clubs a league. Before anything is timed both must agree on the log means of
every match within 1e-9. Matches a second, and the ratio; the target is 100,000 a second.
"""

from __future__ import annotations

from datetime import UTC, datetime

import click
import numpy as np

from benchmarks.turns import ROUNDS, faster, in_turns, seconds_each
from touchline import Floats, History, Ints
from touchline.filters.engine import START_HOME, START_LEVEL, START_VARIANCE, FilterSettings, Observation, run
from touchline.filters.series import Series

TARGET = 100_000
CLOSE = 1e-9


def drawn_history(leagues: int, seasons: int, clubs: int = 20, changes: int = 3, seed: int = 7) -> History:
    """Double round-robins, a round a week from August on, with goals at random and clubs that come and go."""
    rng = np.random.default_rng(seed)
    parts = [_season(rng, league, season, clubs, changes) for league in range(leagues) for season in range(seasons)]
    league, season, day, home, away = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(day, kind="stable")
    n, unknown = len(order), np.full(len(order), np.nan)
    numbers = clubs + changes * (seasons - 1)
    return History(
        as_of=datetime.fromtimestamp(86_400 * (int(day.max()) + 2), UTC),
        clubs=tuple(f"Club {league}-{club}" for league in range(leagues) for club in range(numbers)),
        leagues=tuple(f"League {league}" for league in range(leagues)),
        home=(league * numbers + home)[order],
        away=(league * numbers + away)[order],
        league=league[order],
        season=season[order],
        days_ago=(int(day.max()) + 2.0 - day - 0.625)[order],
        home_goals=rng.poisson(1.5, n).astype(np.float64),
        away_goals=rng.poisson(1.2, n).astype(np.float64),
        **dict.fromkeys(_UNKNOWN, unknown),
        closing_result=np.full((n, 3), np.nan),
        closing_total=np.full((n, 2), np.nan),
    )


_UNKNOWN = tuple(
    f"{part}{side}_{what}"
    for side in ("home", "away")
    for part, what in (
        ("half_time_", "goals"),
        ("", "shots"),
        ("", "shots_on_target"),
        ("", "corners"),
        ("", "red_cards"),
    )
)


def _season(rng: np.random.Generator, league: int, season: int, clubs: int, changes: int) -> tuple[Ints, ...]:
    """League, season, day, home and away of one league's season: clubs are numbered in the order they came up."""
    members = rng.permutation(clubs) + changes * season
    fixed, rounds = members[0], members[1:]
    pairs = []
    for week in range(clubs - 1):
        ring = np.concatenate([[fixed], np.roll(rounds, week)])
        left, right = ring[: clubs // 2], ring[: clubs // 2 - 1 : -1]
        pairs += [(week, left, right), (week + clubs - 1, right, left)]
    begin = (datetime(2015 + season, 8, 8, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days
    day = np.concatenate([np.full(clubs // 2, begin + 7 * week) for week, _, _ in pairs])
    home, away = (np.concatenate([pair[at] for pair in pairs]) for at in (1, 2))
    n = len(day)
    return np.full(n, league), np.full(n, 2015 + season), day, home, away


def plain(series: Series, observation: Observation, settings: FilterSettings) -> Floats:
    """(n, 2) log means of a filter with one count observation, by numpy and whole matrices."""
    log_means = np.empty((len(series), 2))
    for rows in series.by_league:
        _plain_league(series, rows, observation, settings, log_means)
    return log_means


def _plain_league(
    series: Series, rows: Ints, observation: Observation, settings: FilterSettings, log_means: Floats
) -> None:
    x, P = np.array([START_LEVEL, START_HOME]), np.eye(2) * START_VARIANCE
    place: dict[int, int] = {}
    last: dict[int, int] = {}
    season, day, weeks = None, 0, 0.0
    for today in np.unique(series.day[rows]):
        matches = rows[series.day[rows] == today]
        now = int(series.season[matches].max()) if season is None else max(season, int(series.season[matches].max()))
        if season is not None:
            is_new = now > season
            passed = min(int(today) - day, 30) / 7
            weeks = passed + (0.0 if is_new else weeks)
            P = P + _moved(len(place), is_new, passed, weeks, settings)
        season, day = now, int(today)
        for m in matches:
            for side in (0, 1):
                club = int(series.sides[m, side])
                if last.get(club, now - 2) < now - 1 or club not in place:
                    came = int(series.entry[m, side])
                    x, P = _entered(x, P, place, club, came, settings)
                last[club] = now
        designs = [_design(len(x), *(place[int(club)] for club in series.sides[m])) for m in matches]
        for m, H in zip(matches, designs, strict=True):
            log_means[m] = H @ x
        for m, H in zip(matches, designs, strict=True):
            if np.isfinite(observation.values[m]).all():
                x, P = _learned(x, P, H, observation.values[m], float(observation.noise[m]), settings.most_surprising)


def _moved(clubs: int, is_new: bool, passed: float, weeks: float, settings: FilterSettings) -> Floats:
    """Covariance that time adds."""
    step = settings.walk * passed * (1 + settings.early * np.exp(-weeks / settings.early_weeks)) if passed else 0.0
    summer = settings.summer if is_new else 0.0
    each, both = step + summer, step * settings.walk_correlation + summer * settings.summer_correlation
    moved = np.zeros((2 + 2 * clubs, 2 + 2 * clubs))
    moved[2:, 2:] = np.kron(np.eye(clubs), np.array([[each, both], [both, each]]))
    moved[0, 0], moved[1, 1] = settings.level_walk * passed, settings.home_walk * passed
    return moved


def _entered(
    x: Floats, P: Floats, place: dict[int, int], club: int, came: int, settings: FilterSettings
) -> tuple[Floats, Floats]:
    """The state with a club that is new, or new again: its former numbers no longer say anything."""
    if club not in place:
        place[club] = len(place)
        x, P = np.append(x, [0.0, 0.0]), np.pad(P, (0, 2))
    a = 2 + 2 * place[club]
    x, P = x.copy(), P.copy()
    x[a : a + 2] = came * settings.new_attack, came * settings.new_defence
    P[a : a + 2], P[:, a : a + 2] = 0.0, 0.0
    shared = settings.new_variance * settings.new_correlation
    P[a : a + 2, a : a + 2] = [[settings.new_variance, shared], [shared, settings.new_variance]]
    return x, P


def _design(size: int, home: int, away: int) -> Floats:
    """(2, size) which parts of the state make both log means."""
    H = np.zeros((2, size))
    H[0, [0, 1, 2 + 2 * home]], H[0, 3 + 2 * away] = 1.0, -1.0
    H[1, [0, 2 + 2 * away]], H[1, 3 + 2 * home] = 1.0, -1.0
    return H


def _learned(x: Floats, P: Floats, H: Floats, y: Floats, noise: float, limit: float) -> tuple[Floats, Floats]:
    """The extended Kalman update by one match."""
    mean = np.exp(H @ x)
    slopes = mean[:, None] * H
    S = slopes @ P @ slopes.T + noise * np.diag(mean)
    most = limit * np.sqrt(np.diag(S))
    K = P @ slopes.T @ np.linalg.inv(S)
    return x + K @ np.clip(y - mean, -most, most), P - K @ slopes @ P


def observed_goals(history: History) -> Observation:
    """Goals as they are."""
    n = len(history)
    return Observation(
        np.stack([history.home_goals, history.away_goals], axis=1), np.ones(n), np.zeros(n, dtype=np.int64)
    )


@click.command()
@click.option("--rounds", default=ROUNDS, show_default=True, type=click.IntRange(1), help="Interleaved runs of each.")
@click.option("--leagues", default=5, show_default=True, type=click.IntRange(1), help="Leagues of twenty clubs.")
@click.option("--seasons", default=5, show_default=True, type=click.IntRange(1), help="Seasons of each.")
def main(rounds: int, leagues: int, seasons: int) -> None:
    """Check that both ways say the same, then time them."""
    history = drawn_history(leagues, seasons)
    series, observation, settings = Series.of(history), observed_goals(history), FilterSettings()
    gap = np.abs(run(series, [observation], settings).log_means - plain(series, observation, settings)).max()
    if gap > CLOSE:
        raise click.ClickException(f"the two filters differ by {gap:.2g} in a log mean: nothing was timed")
    seconds = in_turns(
        {
            "compiled": seconds_each(20, lambda: run(series, [observation], settings)),
            "plain": seconds_each(1, lambda: plain(series, observation, settings)),
        },
        rounds,
    )
    click.echo(f"{len(history):,} matches, {leagues} leagues; log means agree within {gap:.1g}")
    for name, each in seconds.items():
        click.echo(f"{name:>10} {len(history) / float(np.median(each)):>12,.0f} matches a second")
    click.echo(faster(seconds, "compiled", "plain"))
    click.echo(f"target: {TARGET:,} matches a second")


if __name__ == "__main__":
    main()
