"""A goal model on a panel of filters, fitted on every league at once: what the plugins on the filters have in common.

A fit makes a series of the history, runs the filters, trains the heads on the seasons before the latest one, and keeps
the filters' last means. A forecast is the head's log means of a match, turned into a grid of scores with the
low-score dependence rho (`touchline.grid`), so that all goal markets agree.

With `memory`, a second head stands on the past closing prices too, and on what they say of grounds (`grounds`). It
speaks for a league where half of the matches of the last year have prices; elsewhere the head without prices does, and
the forecast says so: `past_prices` is 0 and its basis is sparse at best.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from touchline.filters.engine import Strengths
from touchline.filters.grounds import as_filters, trace_grounds
from touchline.filters.heads import Head, fit_head
from touchline.filters.panel import EXPECTED, Member, Panel
from touchline.filters.series import Places, Roster, Series, goes_on
from touchline.filters.stretching import Stretch, stretched
from touchline.forecasting import SCORE_GRID
from touchline.grid import ScoreGrid, limit_rho
from touchline.implied import implied_rates
from touchline.margin import remove_margin
from touchline.names import codes
from touchline.types import (
    BTTS,
    OVER_25,
    RESULT,
    Basis,
    Fixtures,
    Floats,
    Forecasts,
    History,
    Kind,
    MarketKey,
    OddsUse,
    Reach,
    State,
)

MARKETS = (RESULT, OVER_25, MarketKey(Kind.TOTAL_GOALS, 1.5), MarketKey(Kind.TOTAL_GOALS, 3.5), BTTS)
"""What every forecast of these models holds; any other line follows from its parameters."""

YEAR = 365
"""Days back in which a league's prices are counted."""
ENOUGH_PRICED = 0.5

REACH = Reach(every_league=True, days=7300)
"""Twenty years of every league: what heads are trained on."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a model is made of."""

    members: tuple[Member, ...]
    """Filters that see no price; the first is the one that a head starts from."""
    memory: tuple[Member, ...] = ()
    """Filters on past closing prices; the first of them is what the second head starts from."""
    has_head: bool = True
    """Without heads the first filter speaks alone."""
    half_life: float = 3.0
    """Seasons after which a match weighs half in a head."""
    precision: float = 1.0
    """Of the heads' priors."""
    rho: float = -0.07
    stretch: Stretch = ()
    """How much wider the strengths of a filter that speaks alone are than its sources tell them."""
    bend: float = 0.0
    """How far a large log supremacy s that past prices told is taken back: to s / sqrt(1 + bend · s²)."""

    def settings(self) -> dict[str, float | str | bool]:
        """What is stored with every run; `recipe` changes with any setting of any filter."""
        return {
            "filters": " ".join(one.name for one in (*self.memory, *self.members)),
            "has_head": self.has_head,
            "half_life": self.half_life,
            "precision": self.precision,
            "rho": self.rho,
            "bend": self.bend,
            **{f"stretch_{source}": by for source, by in self.stretch},
            "recipe": hashlib.sha256(repr(self).encode()).hexdigest()[:12],
        }

    def filters(self, history: History) -> tuple[Member, ...]:
        """The filters for a history: those on prices first, those on expected goals only where some are known."""
        has_xg = bool(np.isfinite(history.home_xg).any())
        played = tuple(one for one in self.members if has_xg or one not in EXPECTED)
        return (*self.memory, *(played if self.has_head else played[:1]))


@dataclass(frozen=True, slots=True)
class Trace:
    """What a fit leaves behind so that the next one only needs what came since. It is not saved."""

    history: History
    panel: Panel
    prices: Floats | None
    training: tuple[int, int]
    """Latest season, and matches of the seasons before it."""
    heads: tuple[Head, ...]


@dataclass(frozen=True, slots=True)
class FittedFilters:
    """Filters' last means and heads, ready to forecast."""

    recipe: Recipe
    as_of: float
    """Seconds since 1970 that the days ahead of fixtures count from."""
    roster: Roster
    strengths: tuple[Strengths, ...]
    heads: tuple[Head, ...]
    """The one on the filters without prices and, where the model has a memory, the one on all of them."""
    priced: Floats
    """(leagues,) share of the last year's matches that have closing prices."""
    grounds: Floats
    """(c, 2) see `touchline.filters.grounds`; of the roster's clubs, 0 without a memory."""
    trace: Trace | None = field(default=None, repr=False)

    def predict(self, fixtures: Fixtures) -> Forecasts:
        """Forecasts of all fixtures, in their order; a club new to its league starts from the prior."""
        places = self.roster.locate(fixtures, self.as_of)
        log_means, is_priced = self._log_means(places)
        home_mean, away_mean = np.exp(np.where(is_priced[:, None], _bent(log_means, self.recipe.bend), log_means).T)
        rho = limit_rho(home_mean, away_mean, self.recipe.rho)
        parameters = {"home_mean": home_mean, "away_mean": away_mean, "rho": rho}
        if self.recipe.memory:
            parameters["past_prices"] = is_priced.astype(np.float64)
        return Forecasts(
            probabilities=ScoreGrid(home_mean, away_mean, rho).markets(MARKETS),
            basis=_basis(places, is_priced | (not self.recipe.memory)),
            family=SCORE_GRID,
            parameters=parameters,
        )

    def advance(self, history: History, rng: np.random.Generator) -> FittedFilters:  # noqa: ARG002 - the contract's
        """What a fit on the longer history gives, bit for bit; one that does not go on from ours is fitted anew."""
        return fit_filters(self.recipe, history, self.trace)

    def ratings(self, clubs: Sequence[str]) -> Mapping[str, Floats]:
        """(c,) attack and defence of the first filter, logs of goals beside the league's average; NaN if never seen."""
        pairs = self.roster.pairs_of(codes(clubs))
        return {name: np.append(getattr(self.strengths[0], name), np.nan)[pairs] for name in ("attack", "defence")}

    def state(self) -> dict[str, Floats]:
        """Everything needed to restore it, as named arrays."""
        arrays = self.roster.state() | {"priced": self.priced, "grounds": self.grounds}
        for name, head in zip(("played", "memory"), self.heads, strict=False):
            arrays |= {f"{name}_supremacy": head.supremacy, f"{name}_total": head.total}
        return arrays | {"strengths": np.stack([one.packed() for one in self.strengths])}

    def _log_means(self, places: Places) -> tuple[Floats, NDArray[np.bool_]]:
        """(m, 2) log means and (m,) whether past prices of the league speak in them."""
        each = np.stack([one.log_means(places) for one in self.strengths])
        played = self.heads[0].log_means(each[len(self.recipe.memory) :], places)
        if not self.recipe.memory:
            return played, np.zeros(len(played), dtype=np.bool_)
        is_priced = np.append(self.priced, 0.0)[places.league] >= ENOUGH_PRICED
        grounds = np.vstack([self.grounds, np.zeros(2)])[places.club, [0, 1]]
        memory = self.heads[1].log_means(np.concatenate([each, as_filters(grounds)]), places)
        return np.where(is_priced[:, None], memory, played), is_priced


def fit_filters(recipe: Recipe, history: History, trace: Trace | None = None) -> FittedFilters:
    """Fit a recipe on a history. With the trace of an earlier fit only what came since is new work.

    Raises ModuleNotFoundError when numba is missing and `touchline.rates.FitError` when a head has no maximum.
    """
    if trace is not None and not goes_on(history, trace.history):
        trace = None
    prices = implied_prices(history, None if trace is None else trace.prices) if recipe.has_head else None
    panel = Panel.run(history, recipe.filters(history), prices, None if trace is None else trace.panel)
    known, grounds = np.zeros((len(history), 2)), np.zeros((len(history.clubs), 2))
    if recipe.memory and prices is not None:
        known, grounds = trace_grounds(panel.series, prices, panel.filtered[0].log_means)
    heads = _heads(recipe, panel, history, prices, known, trace)
    return FittedFilters(
        recipe=recipe,
        as_of=history.as_of.timestamp(),
        roster=panel.series.roster,
        strengths=_strengths(recipe, panel, history),
        heads=heads,
        priced=_share_priced(panel.series, prices),
        grounds=grounds,
        trace=Trace(history, panel, prices, _training(history), heads),
    )


def _strengths(recipe: Recipe, panel: Panel, history: History) -> tuple[Strengths, ...]:
    """The filters' last means as forecasts are made of them; the filters themselves go on from what they learned."""
    learned = tuple(one.strengths for one in panel.filtered)
    if not recipe.stretch:
        return learned
    (alone,), (member,) = learned, panel.members
    return (stretched(alone, recipe.stretch, member.blend, history, panel.series.roster.pair_league),)


def restore_filters(recipe: Recipe, history: History, state: State) -> FittedFilters:
    """The fitted model of a saved state. KeyError when the state is foreign."""
    roster = Roster.restore(state)
    names = ("played", "memory") if recipe.memory else ("played",)
    return FittedFilters(
        recipe=recipe,
        as_of=history.as_of.timestamp(),
        roster=roster,
        strengths=tuple(Strengths.unpacked(one, len(roster.league_codes)) for one in state["strengths"]),
        heads=tuple(Head(state[f"{name}_supremacy"], state[f"{name}_total"]) for name in names),
        priced=state["priced"],
        grounds=state["grounds"],
    )


def implied_prices(history: History, known: Floats | None = None) -> Floats:
    """(n, 2) logs of the rates that closing prices imply, NaN where there are none; `known` are those of the first
    matches."""
    done = 0 if known is None else len(known)
    result = remove_margin(history.closing_result[done:]).probabilities
    total = remove_margin(history.closing_total[done:]).probabilities
    new = implied_rates(result, total[:, 0])
    return new if known is None else np.concatenate([known, new])


def _heads(
    recipe: Recipe, panel: Panel, history: History, prices: Floats | None, grounds: Floats, trace: Trace | None
) -> tuple[Head, ...]:
    """The head on the filters that see no price and, with a memory, the one on all."""
    if prices is None:
        return (Head.prior(len(panel.filtered)),)
    if trace is not None and trace.training == _training(history) and trace.panel.members == panel.members:
        return trace.heads
    weight = _weights(recipe, panel.series)
    goals = np.stack([history.home_goals, history.away_goals], axis=1)
    log_means = panel.log_means()
    inputs = [log_means[len(recipe.memory) :]]
    if recipe.memory:
        inputs.append(np.concatenate([log_means, as_filters(grounds)]))
    return tuple(fit_head(one, panel.series, prices, goals, weight, recipe.precision) for one in inputs)


def _training(history: History) -> tuple[int, int]:
    """Latest season, and how many matches are of the seasons before it: a head is trained on those."""
    latest = int(history.season.max(initial=0))
    return latest, int((history.season < latest).sum())


def _weights(recipe: Recipe, series: Series) -> Floats:
    """(n,) weight of each match in a head: none in the latest season and in its league's first one."""
    age = series.season.max(initial=0) - 1 - series.season
    counts = (age >= 0) & (series.season > series.roster.league_first[series.league])
    return np.where(counts, 0.5 ** (age / recipe.half_life), 0.0)


def _share_priced(series: Series, prices: Floats | None) -> Floats:
    """(leagues,) share of the matches of the league's last year that have closing prices."""
    leagues = len(series.leagues)
    if prices is None:
        return np.zeros(leagues)
    last = np.zeros(leagues, np.int64)
    np.maximum.at(last, series.league, series.day)
    is_recent = series.day > last[series.league] - YEAR
    counts = np.bincount(series.league, weights=is_recent, minlength=leagues)
    priced = np.bincount(series.league, weights=is_recent & np.isfinite(prices).all(axis=1), minlength=leagues)
    return np.asarray(priced / np.maximum(counts, 1), dtype=np.float64)


def _bent(log_means: Floats, bend: float) -> Floats:
    """(m, 2) log means with the same sum, whose difference is taken back the more the larger it is."""
    if bend == 0:
        return log_means
    total, supremacy = log_means.sum(axis=1), log_means[:, 0] - log_means[:, 1]
    supremacy = supremacy / np.sqrt(1 + bend * supremacy**2)
    return np.stack([total + supremacy, total - supremacy], axis=1) / 2


def _basis(places: Places, speaks: NDArray[np.bool_]) -> list[Basis]:
    """How each forecast comes about; without the prices that a model lives on it is sparse at best."""
    return [
        Basis.MODEL_SPARSE if basis is Basis.MODEL and not full else basis
        for basis, full in zip(places.basis(), speaks.tolist(), strict=True)
    ]


@dataclass(frozen=True, slots=True)
class FilterModel:
    """A market model by its recipe."""

    key: str
    recipe: Recipe
    odds_use: OddsUse
    reach: Reach = REACH
    version: str = "1"
    markets: tuple[MarketKey, ...] = MARKETS

    @property
    def settings(self) -> Mapping[str, float | str | bool]:
        """The chosen settings by name."""
        return self.recipe.settings()

    def fit(self, history: History, rng: np.random.Generator) -> FittedFilters:  # noqa: ARG002 - the contract's
        """Learn from the past. Nothing is random. Raises `touchline.rates.FitError`."""
        return fit_filters(self.recipe, history)

    def restore(self, history: History, state: State) -> FittedFilters:
        """The fitted model of a saved state."""
        return restore_filters(self.recipe, history, state)
