"""A stack on filters: a log-linear model of both sides' counts, one fit over all leagues.

    log l = (t + s) / 2            l: expected count of the home side
    log m = (t - s) / 2            m: expected count of the away side
    t = b · columns of the total,  s = c · columns of the supremacy            (`touchline.filters.heads.design`)

The columns are what each filter said before the match, rest days, how new a club is, what it still plays for, and the
time of the year. b and c are fitted together, as weights of a Poisson regression of the counts (`touchline.stack`) on
the seasons before the latest one; a match weighs half after `half_life` seasons, and a league's first season, in which
its filters know nothing yet, does not count. The prior is a few filters by fixed weights, so a stack without a past is
their sum.

Wolpert, "Stacked generalization", Neural Networks 5 (1992): the weights are learned from what each filter said before
it saw the match.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from touchline.filters.engine import Filtered, FilterSettings, Observation, Strengths, run
from touchline.filters.heads import Head, design
from touchline.filters.series import Places, Roster, Series, goes_on
from touchline.names import codes
from touchline.stack import fit_poisson
from touchline.types import Fixtures, Floats, History, State

FREE = 1e-3
"""Precision of the intercepts: as good as none."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One filter and what it is told of each match."""

    name: str
    observation: Observation
    settings: FilterSettings


@dataclass(frozen=True, slots=True)
class StackSettings:
    """Choices of a stack."""

    start: tuple[tuple[str, float], ...]
    """Prior weights by filter; of the others 0."""
    half_life: float
    """Seasons."""
    total_precision: float
    supremacy_precision: float
    has_calendar: bool = True
    """Whether anything but the filters counts: rest, newcomers, stakes and the time of the year."""
    level: float = 0.0
    """Prior mean of the intercept of t: 2 · log of what one unit of the filters is in counts."""


Watch = Callable[[History, Series], Sequence[Watched]]
Tail = Callable[[Floats, Floats, Floats], float]
"""What is fitted around the means, from (k, 2) means, (k, 2) counts and (k,) weights of the training matches."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What a fit leaves behind so that the next one only needs what came since. It is not saved."""

    history: History
    filtered: Mapping[str, Filtered]
    training: tuple[int, int]
    """Latest season, and matches of the seasons before it."""


@dataclass(frozen=True, slots=True)
class Stacked:
    """Filters' last means and their weights."""

    as_of: float
    """Seconds since 1970 that the days ahead of fixtures count from."""
    roster: Roster
    strengths: tuple[Strengths, ...]
    head: Head
    """b and c of the module's formulas."""
    tail: float
    trace: Trace | None = field(default=None, repr=False)

    def means(self, fixtures: Fixtures) -> tuple[Floats, Places]:
        """(m, 2) expected counts of both sides, and where the fixtures found their clubs."""
        places = self.roster.locate(fixtures, self.as_of)
        each = np.stack([one.log_means(places) for one in self.strengths])
        return np.exp(self.head.log_means(each, places)), places

    def ratings(self, clubs: Sequence[str]) -> dict[str, Floats]:
        """(c,) attack and defence, logs of counts beside the league's average; NaN for a club never seen."""
        pairs = self.roster.pairs_of(codes(clubs))
        attack, defence = (np.stack([np.append(getattr(one, name), np.nan)[pairs] for one in self.strengths])
                           for name in ("attack", "defence"))  # fmt: skip
        filters = slice(1, 1 + len(self.strengths))
        total, supremacy = self.head.total[filters], self.head.supremacy[filters]
        own, other = (total + supremacy) / 2, (total - supremacy) / 2
        return {"attack": own @ attack - other @ defence, "defence": own @ defence - other @ attack}

    def state(self) -> dict[str, Floats]:
        """Everything needed to restore it, as named arrays."""
        strengths = np.stack([one.packed() for one in self.strengths])
        head = {"total": self.head.total, "supremacy": self.head.supremacy, "tail": np.array([self.tail])}
        return self.roster.state() | {"strengths": strengths} | head

    @classmethod
    def restore(cls, history: History, state: State) -> Stacked:
        """The stack of a saved state. KeyError when the state is foreign."""
        roster = Roster.restore(state)
        strengths = tuple(Strengths.unpacked(one, len(roster.league_codes)) for one in state["strengths"])
        head = Head(state["supremacy"], state["total"])
        return cls(history.as_of.timestamp(), roster, strengths, head, float(state["tail"][0]))


def fit_stack(
    history: History, watch: Watch, counts: Floats, settings: StackSettings, tail: Tail, before: Stacked | None = None
) -> Stacked:
    """Filters over a history and their weights for its counts, (n, 2); a row that is not finite teaches no weight.

    `before` is the same stack fitted on the history's first matches: only what came since is new work, and the answer
    is the same bit for bit. Raises ModuleNotFoundError when numba is missing and `touchline.rates.FitError` when the
    weights have no maximum.
    """
    trace = None if before is None else before.trace
    if trace is not None and not goes_on(history, trace.history):
        trace = None
    series = Series.of(history)
    known = {} if trace is None else trace.filtered
    filtered = {
        one.name: run(series, [one.observation], one.settings, known.get(one.name)) for one in watch(history, series)
    }
    training = _training(history)
    if before is not None and trace is not None and trace.training == training and list(known) == list(filtered):
        head, last = before.head, before.tail
    else:
        head, last = _weights(series, filtered, counts, settings, tail)
    return Stacked(
        as_of=history.as_of.timestamp(),
        roster=series.roster,
        strengths=tuple(one.strengths for one in filtered.values()),
        head=head,
        tail=last,
        trace=Trace(history, filtered, training),
    )


def _training(history: History) -> tuple[int, int]:
    latest = int(history.season.max(initial=0))
    return latest, int((history.season < latest).sum())


def _weights(
    series: Series, filtered: Mapping[str, Filtered], counts: Floats, settings: StackSettings, tail: Tail
) -> tuple[Head, float]:
    """The head and what is fitted around its means. Columns that are not used keep the prior's 0."""
    age = series.season.max(initial=0) - 1 - series.season
    is_settled = series.season > series.roster.league_first[series.league]
    rows = (age >= 0) & is_settled & np.isfinite(counts).all(axis=1)
    columns = design(np.stack([one.log_means for one in filtered.values()]), series)
    used = slice(None) if settings.has_calendar else slice(0, 1 + len(filtered))
    supremacy, total = (one[rows, used] / 2 for one in columns)
    weight = 0.5 ** (age[rows] / settings.half_life)
    start = _start(settings, list(filtered))
    both = np.block([[supremacy, total], [-supremacy, total]])
    fitted = fit_poisson(
        both,
        counts[rows].T.ravel(),
        np.tile(weight, 2),
        np.concatenate(
            [_precision(supremacy, settings.supremacy_precision), _precision(total, settings.total_precision)]
        ),
        np.concatenate([start.supremacy[used], start.total[used]]),
    ).coefficients
    means = np.exp(both @ fitted).reshape(2, -1).T
    start.supremacy[used], start.total[used] = np.split(fitted, [supremacy.shape[1]])
    return start, tail(means, counts[rows], weight)


def _start(settings: StackSettings, names: Sequence[str]) -> Head:
    """The prior's means."""
    first = Head.prior(len(names))
    supremacy, total = np.zeros(len(first.supremacy)), np.zeros(len(first.total))
    total[0] = settings.level
    for name, weight in settings.start:
        supremacy[1 + names.index(name)] = total[1 + names.index(name)] = weight
    return Head(supremacy, total)


def _precision(columns: Floats, precision: float) -> Floats:
    precisions = np.full(columns.shape[1], precision)
    precisions[0] = FREE
    return precisions
