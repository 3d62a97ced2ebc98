"""Models that break one promise each, by the name of the check that must find it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from tests.plugins.bad_models.steady import MARKETS, OVER_15, OVER_35, Steady, SteadyFitted
from touchline import RESULT, Basis, Fixtures, Floats, Forecasts, History, MarketKey, State, setting
from touchline.names import codes

Change = Callable[[Forecasts, Fixtures], Any]


@dataclass(frozen=True)
class Fitted:
    """A steady model that says something else, keeps something else, or moves on otherwise."""

    inner: SteadyFitted
    change: Change = lambda told, _: told
    kept: Callable[[dict[str, Floats]], Any] = lambda state: state

    def predict(self, fixtures: Fixtures) -> Any:
        return self.change(self.inner.predict(fixtures), fixtures)

    def state(self) -> Any:
        return self.kept(self.inner.state())


@dataclass(frozen=True)
class Bad(Steady):
    """A steady model with a change of what it says, and one of what it keeps."""

    key: str = "bad.model"
    change: Change = lambda told, _: told
    kept: Callable[[dict[str, Floats]], Any] = lambda state: state

    def fit(self, history: History, rng: np.random.Generator) -> Any:
        return Fitted(super().fit(self.looked_at(history), rng), self.change, self.kept)

    def restore(self, history: History, state: State) -> Any:
        return Fitted(super().restore(history, state), self.change, self.kept)

    def looked_at(self, history: History) -> History:
        """The history that it is fitted on."""
        return history


def result(told: Forecasts, rows: Any) -> Forecasts:
    """Forecasts with another table for the match result, and no family that it should follow from."""
    return replace(told, probabilities={**told.probabilities, RESULT: rows}, family="", parameters={})


def nudged(told: Forecasts, share: Floats) -> Forecasts:
    """Forecasts in which a share (m,) of the home side's chance goes to the away side."""
    rows = told.probabilities[RESULT].copy()
    moved = rows[:, 0] * share
    rows[:, 0] -= moved
    rows[:, 2] += moved
    return result(told, rows)


def without_result(told: Forecasts, _: Fixtures) -> Forecasts:
    return replace(told, probabilities={key: rows for key, rows in told.probabilities.items() if key != RESULT})


def two_columns(told: Forecasts, _: Fixtures) -> Forecasts:
    return result(told, np.full((len(told.basis), 2), 0.5))


def lists(told: Forecasts, _: Fixtures) -> Forecasts:
    return result(told, told.probabilities[RESULT].tolist())


def divided_by_0(told: Forecasts, _: Fixtures) -> Forecasts:
    rows = told.probabilities[RESULT].copy()
    rows[3:4] = np.nan
    return result(told, rows)


def above_1(told: Forecasts, _: Fixtures) -> Forecasts:
    rows = told.probabilities[RESULT].copy()
    rows[2:3] = [1.1, -0.1, 0.0]
    return result(told, rows)


def rounded(told: Forecasts, _: Fixtures) -> Forecasts:
    rows = told.probabilities[RESULT].copy()
    rows[5:6] = [0.333, 0.333, 0.333]
    return result(told, rows)


def one_basis_for_all(told: Forecasts, _: Fixtures) -> Forecasts:
    return replace(told, basis=[Basis.MODEL])


def a_mean_of_0(told: Forecasts, _: Fixtures) -> Forecasts:
    return replace(told, parameters={**told.parameters, "home_mean": np.zeros(len(told.basis))})


def always_sure(told: Forecasts, _: Fixtures) -> Forecasts:
    return replace(told, basis=[Basis.MODEL] * len(told.basis))


def lines_swapped(told: Forecasts, _: Fixtures) -> Forecasts:
    swapped = {OVER_15: told.probabilities[OVER_35], OVER_35: told.probabilities[OVER_15]}
    return replace(told, probabilities={**told.probabilities, **swapped}, family="", parameters={})


def another_result(told: Forecasts, _: Fixtures) -> Forecasts:
    return replace(nudged(told, np.full(len(told.basis), 0.1)), family=told.family, parameters=told.parameters)


def squeezed(told: Forecasts, _: Fixtures) -> Forecasts:
    return result(told, told.probabilities[RESULT][0]) if len(told.basis) == 1 else told


def nothing_at_all(told: Forecasts, _: Fixtures) -> Forecasts:
    return told if len(told.basis) else Forecasts({}, [])


def sorted_by_home_club(told: Forecasts, fixtures: Fixtures) -> Forecasts:
    order = sorted(range(len(fixtures)), key=lambda row: fixtures.clubs[fixtures.home[row]])
    return result(told, told.probabilities[RESULT][order])


def levelled_within_the_batch(told: Forecasts, _: Fixtures) -> Forecasts:
    rows = told.probabilities[RESULT]
    return result(told, (rows + rows.mean(axis=0)) / 2) if len(rows) else told


def by_number(told: Forecasts, fixtures: Fixtures) -> Forecasts:
    return nudged(told, np.asarray(0.01 * (fixtures.home % 5), dtype=np.float64))


@dataclass(frozen=True)
class Unnamed(Bad):
    key: str = "My Model"


@dataclass(frozen=True)
class NamesAMarketTwice(Bad):
    markets: tuple[MarketKey, ...] = (*MARKETS, RESULT)


@dataclass(frozen=True)
class SeesFourYears(Bad):
    reach: Any = 4


@dataclass(frozen=True)
class SettingsOfLists(Bad):
    @property
    def settings(self) -> Mapping[str, Any]:
        return {"weights": [1.0, 2.0]}


@dataclass(frozen=True)
class Raises(Bad):
    """Raises on histories of a kind."""

    at: Callable[[History], bool] = lambda _: True

    def looked_at(self, history: History) -> History:
        if self.at(history):
            raise ValueError("I did not think of this")
        return history


@dataclass(frozen=True)
class KnowsItsLeague(Bad):
    """Looks clubs or leagues up among those of the past."""

    what: str = "clubs"

    def fit(self, history: History, rng: np.random.Generator) -> Any:
        known = getattr(history, self.what)
        return replace(super().fit(history, rng), change=self._only(known) if len(history) else self.change)

    def _only(self, known: tuple[str, ...]) -> Change:
        def told(forecasts: Forecasts, fixtures: Fixtures) -> Forecasts:
            place = {name: at for at, name in enumerate(known)}
            names = getattr(fixtures, self.what)
            for column in (fixtures.home, fixtures.away) if self.what == "clubs" else (fixtures.league,):
                _ = [place[names[index]] for index in column]
            return forecasts

        return told


@dataclass(frozen=True)
class ReadsOn(Bad):
    """Looks behind the arrays that it is given, where the rest of the season lies."""

    def fit(self, history: History, rng: np.random.Generator) -> Any:
        behind = history.home_goals.base
        extra = 0.0 if behind is None else float(np.sum(behind))
        return replace(super().fit(history, rng), change=lambda told, _: nudged(told, share_of(len(told.basis), extra)))


def share_of(matches: int, number: float) -> Floats:
    return np.full(matches, 0.01 * (number % 7))


@dataclass(frozen=True)
class ReadsPricesUnsaid(Bad):
    def fit(self, history: History, rng: np.random.Generator) -> Any:
        known = float(np.nan_to_num(history.closing_result).sum())
        return replace(super().fit(history, rng), change=lambda told, _: nudged(told, share_of(len(told.basis), known)))


@dataclass(frozen=True)
class Draws(Bad):
    """Moves its level by chance."""

    chance: Callable[[], float] = lambda: float(np.random.default_rng().normal())

    def fit(self, history: History, rng: np.random.Generator) -> Any:
        drawn = self.chance()
        fitted = super().fit(history, rng)
        return replace(fitted, inner=replace(fitted.inner, level=fitted.inner.level + 0.01 * drawn))


@dataclass
class Tires:
    """A fitted model that says less each time that it is asked."""

    inner: SteadyFitted
    asked: int = 0

    def predict(self, fixtures: Fixtures) -> Forecasts:
        self.asked += 1
        return nudged(self.inner.predict(fixtures), share_of(len(fixtures), self.asked))

    def state(self) -> dict[str, Floats]:
        return self.inner.state()


@dataclass(frozen=True)
class GetsTired(Bad):
    def fit(self, history: History, rng: np.random.Generator) -> Any:
        return Tires(super().fit(history, rng).inner)


@dataclass(frozen=True)
class EditsGoals(Bad):
    def looked_at(self, history: History) -> History:
        np.minimum(history.home_goals, 3.0, out=history.home_goals)
        return history


def with_text(state: dict[str, Floats]) -> dict[str, Any]:
    return {**state, "note": np.array(["fitted on Sunday"])}


@dataclass(frozen=True)
class ForgetsItsLevel(Bad):
    def restore(self, history: History, state: State) -> Any:
        return super().restore(history, {**state, "level": np.zeros(2)})


@dataclass(frozen=True)
class KeepsPlaces(Bad):
    """Its state does not say which club is which."""

    def restore(self, history: History, state: State) -> Any:
        first = codes(history.clubs)[: len(state["club"])]
        return super().restore(history, {**state, "club": first})


@dataclass(frozen=True)
class WantsTheSameHistory(Bad):
    def fit(self, history: History, rng: np.random.Generator) -> Any:
        return replace(super().fit(history, rng), kept=lambda state: {**state, "n": np.array([len(history) * 1.0])})

    def restore(self, history: History, state: State) -> Any:
        if len(history) != state["n"][0]:
            raise ValueError("this is another history")
        return super().restore(history, state)


@dataclass(frozen=True)
class AdvancesAnyhow(Steady):
    def fit(self, history: History, rng: np.random.Generator) -> SteadyFitted:
        return OffByALittle(**vars(super().fit(history, rng)))


@dataclass(frozen=True)
class OffByALittle(SteadyFitted):
    def advance(self, history: History, rng: np.random.Generator) -> SteadyFitted:
        fitted = super().advance(history, rng)
        return replace(fitted, level=fitted.level + 1e-6)


@dataclass(frozen=True)
class RemembersTheLongest(Bad):
    """Its class keeps how long the longest history was."""

    longest: ClassVar[list[int]] = []

    def fit(self, history: History, rng: np.random.Generator) -> Any:
        self.longest[:] = [max([len(history), *self.longest])]
        fitted = super().fit(history, rng)
        return replace(fitted, inner=replace(fitted.inner, level=fitted.inner.level - 1e-5 * self.longest[0]))


@dataclass(frozen=True)
class RatesEverybody(Steady):
    def fit(self, history: History, rng: np.random.Generator) -> SteadyFitted:
        return Generous(**vars(super().fit(history, rng)))


@dataclass(frozen=True)
class Generous(SteadyFitted):
    def ratings(self, clubs: Any) -> Mapping[str, Floats]:
        return {name: np.nan_to_num(values) for name, values in super().ratings(clubs).items()}


@dataclass(frozen=True)
class BreaksAt0(Bad):
    share: float = setting(0.5, low=0.0, high=1.0)

    def looked_at(self, history: History) -> History:
        assert 1 / self.share
        return history


@dataclass(frozen=True)
class DividesBy0(Bad):
    def looked_at(self, history: History) -> History:
        np.log(history.home_goals.sum() - 1.0 if len(history) == 1 else 1.0)
        return history


@dataclass(frozen=True)
class Slow(Bad):
    def looked_at(self, history: History) -> History:
        burn(0.04 if len(history) > 1000 else 0.0)
        return history


def slow_in_bulk(told: Forecasts, fixtures: Fixtures) -> Forecasts:
    burn(0.04 if len(fixtures) > 100 else 0.0)
    return told


def burn(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


@dataclass(frozen=True)
class Greedy(Bad):
    def looked_at(self, history: History) -> History:
        assert np.zeros(48 * 2**17 if len(history) > 1000 else 1).size
        return history


@dataclass(frozen=True)
class Hoards(Bad):
    kept_back: ClassVar[list[Floats]] = []

    def looked_at(self, history: History) -> History:
        self.kept_back.append(np.zeros(2**17))
        return history


def _no_shots(history: History) -> bool:
    return len(history) > 20 and bool(np.isnan(history.home_shots).all())


def _mostly_unknown(history: History) -> bool:
    return len(history) > 0 and not history.home_goals.any() and not history.away_goals.any()


@dataclass(frozen=True)
class BadModel:
    """One of them, the sentence that its author must read, and what else cannot but fail with it."""

    model: Steady
    sentence: str
    also: tuple[str, ...] = ()
    limits: Mapping[str, float] = field(default_factory=dict)


BAD: Mapping[str, BadModel] = {
    "names_itself": BadModel(Unnamed(), r"^The key 'My Model' must be `author\.name`"),
    "names_its_markets": BadModel(NamesAMarketTwice(), r"names match_result::ft twice\.$"),
    "says_what_it_sees": BadModel(SeesFourYears(), r"^`reach` is 4: give a touchline\.Reach\.$"),
    "settings_are_plain": BadModel(SettingsOfLists(), r"^The setting 'weights' is \[1\.0, 2\.0\]"),
    "fits_and_forecasts": BadModel(
        Raises(),
        r"^On three and a half seasons .* fit\(\) raised ValueError: I did not think of this \(models\.py, line",
    ),
    "promised_markets": BadModel(Bad(change=without_result), r"^match_result::ft is promised and missing .* add it"),
    "shape": BadModel(
        Bad(change=two_columns),
        r"^match_result::ft has the shape \(20, 2\): give \(20, 3\), in the order home, draw, away",
    ),
    "dtype": BadModel(Bad(change=lists), r"^match_result::ft is a list: give a numpy array of float64"),
    "finite": BadModel(
        Bad(change=divided_by_0), r"^match_result::ft, row 3 \(\w.* - .*\): nan, nan, nan are no finite"
    ),
    "from_0_to_1": BadModel(Bad(change=above_1), r"row 2 \(.*\): 1\.1, -0\.1, 0 lie outside 0 to 1"),
    "rows_sum_to_1": BadModel(Bad(change=rounded), r"row 5 \(.*\): .* sum to 0\.999: divide each row by its sum"),
    "basis_of_each_fixture": BadModel(Bad(change=one_basis_for_all), r"^The basis must be a list of 20"),
    "parameters_of_the_family": BadModel(
        Bad(change=a_mean_of_0), r"^The parameter 'home_mean', row 0, must be above 0"
    ),
    "monotone_in_the_line": BadModel(
        Bad(change=lines_swapped), r"^Row 0 \(.*\): total_goals:2\.5:ft has .* and total_goals:3\.5:ft has|1\.5:ft has"
    ),
    "agrees_with_its_parameters": BadModel(
        Bad(change=another_result), r"^match_result::ft, row 0 \(.*\): it says .* and from its parameters follows"
    ),
    "empty_history": BadModel(
        Raises(at=lambda past: not len(past)), r"^Without any match: fit\(\) raised .* An empty history gives the prior"
    ),
    "one_match": BadModel(
        Raises(at=lambda past: len(past) == 1), r"^After a single match: fit\(\) raised .* lean on a"
    ),
    "club_never_seen": BadModel(
        KnowsItsLeague(), r"^Newcomers United never played: predict\(\) raised KeyError: 'Newcomers United'"
    ),
    "says_when_it_falls_back": BadModel(
        Bad(change=always_sure), r"^The forecast of Newcomers United - .* says Basis\.MODEL, and .* never played"
    ),
    "league_never_seen": BadModel(
        KnowsItsLeague(what="leagues"), r"^In a league without a past: predict\(\) raised KeyError: 'Newland First"
    ),
    "one_fixture": BadModel(Bad(change=squeezed), r"^Asked for one fixture: .* must have the shape \(1, 3\)"),
    "no_fixtures": BadModel(Bad(change=nothing_at_all), r"^Asked for no fixture: The market match_result::ft"),
    "missing_statistics": BadModel(
        Raises(at=_no_shots), r"^Without statistics and prices: fit\(\) raised .* gives NaN"
    ),
    "several_leagues": BadModel(
        Raises(at=lambda past: len(set(past.league.tolist())) > 1), r"^With two leagues in one history: fit\(\) raised"
    ),
    "extreme_scores": BadModel(
        Raises(at=_mostly_unknown), r"^After a league in which every match ended 0-0: fit\(\) raised"
    ),
    "long_break": BadModel(
        Raises(at=lambda past: len(past) > 1 and past.days_ago.min() > 100),
        r"^After half a year without a match: fit\(\)",
    ),
    "nothing_at_or_after_as_of": BadModel(
        ReadsOn(), r"^\d+ forecasts of match_result::ft change when only matches at or after `as_of` do"
    ),
    "uses_no_price_unsaid": BadModel(
        ReadsPricesUnsaid(), r"^With and without closing prices it differs: .* says that it uses none: set `odds_use`"
    ),
    "same_seed_same_forecasts": BadModel(
        Draws(), r"^Two fits with the same seed differ at match_result::ft, row 0 .* rng"
    ),
    "no_global_randomness": BadModel(
        Draws(chance=random.random), r"^It draws from Python's `random`.*rng given to fit"
    ),
    "predicts_the_same_twice": BadModel(GetsTired(), r"^Asked twice it answers differently: .* neither learn nor draw"),
    "row_order": BadModel(
        Bad(change=sorted_by_home_club), r"^In another order .* Row i of the answer is fixture i", ("one_by_one",)
    ),
    "one_by_one": BadModel(Bad(change=levelled_within_the_batch), r"^Among others and alone it differs at .* batch"),
    "reads_names_of_fixtures": BadModel(
        Bad(change=by_number), r"^With other numbers for the same clubs .*fixtures\.clubs"
    ),
    "input_is_not_edited": BadModel(EditsGoals(), r"^It edits `home_goals` of the history that it is given: copy"),
    "state_is_plain_arrays": BadModel(
        Bad(kept=with_text), r"^The state's array 'note' must hold numbers and holds <U16"
    ),
    "restores_from_its_state": BadModel(
        ForgetsItsLevel(), r"^Restored from its state it says something else at .* state\(\)"
    ),
    "restores_by_name": BadModel(
        KeepsPlaces(), r"numbers its clubs otherwise it says something else at .*names\.codes"
    ),
    "restores_on_a_longer_history": BadModel(
        WantsTheSameHistory(), r"^Restored four weeks later: restore\(\) raised ValueError: this is another history"
    ),
    "advances_like_a_fit": BadModel(
        AdvancesAnyhow(), r"^advance\(\) and fit\(\) of the same history differ at match_result"
    ),
    "remembers_no_other_fit": BadModel(
        RemembersTheLongest(), r"^After a fit of another history .* Keep nothing on the"
    ),
    "rates_clubs_by_name": BadModel(
        RatesEverybody(), r"^It rates Newcomers United, who never played, 0 in 'attack': say NaN"
    ),
    "settings_at_their_bounds": BadModel(BreaksAt0(), r"^With share = 0\.0: fit\(\) raised ZeroDivisionError"),
    "computes_without_warnings": BadModel(
        DividesBy0(), r"^On one match it warns of RuntimeWarning: divide by zero .* \(models\.py, line \d+\)"
    ),
    "fits_in_time": BadModel(
        Slow(), r"^A fit of 1,330 matches took .* 0\.02 are allowed here", limits={"fit_seconds": 0.02}
    ),
    "predicts_in_time": BadModel(
        Bad(change=slow_in_bulk), r"^Forecasting a season of 380 matches took", limits={"predict_seconds": 0.02}
    ),
    "fits_in_memory": BadModel(Greedy(), r"^A fit of 1,330 matches held \d+ MiB", limits={"fit_megabytes": 32.0}),
    "leaves_no_memory_behind": BadModel(
        Hoards(), r"^5 fits and forecasts left 5\.\d MiB behind; 2 are", limits={"growth_megabytes": 2.0}
    ),
}
"""Without those that are one thing here and another in a fresh process: `forgetful.py`."""
