"""The same question gets the same answer: by seed, by order, in a batch or alone, from a state, after other fits."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final

import numpy as np

from touchline.evaluation.dataset import DAY
from touchline.outputs import PluginError, check_state
from touchline.sandbox import run_fit_and_predict, run_predict
from touchline.testing.checks import Failed, Skipped, guarded, needs
from touchline.testing.columns import arrays_of, copied, renumbered, taken
from touchline.testing.models.case import SEED, ModelCase, difference, fixed_chance
from touchline.types import Advancing, Fixtures, Floats, Forecasts, History
from touchline.wire import pack_state, unpack_state

ALONE: Final = 5
"""Fixtures that are also forecast by themselves."""
ELSEWHERE: Final = 1e-6
"""How far a fit in another process, with one thread, may be off."""


def same_seed_same_forecasts(case: ModelCase) -> None:
    """Two fits with the same seed give the same forecasts and the same state, to the last bit."""
    fitted = case.fitted
    again = case.attempt(case.history, case.fixtures)
    if again.error or again.fitted is None:
        raise Failed(f"The second of two equal fits failed: {again.error}")
    found = difference(case.forecasts, again.told, case.fixtures, 0.0)
    if found:
        raise Failed(f"Two fits with the same seed differ at {found}. Take all chance from the rng given to fit().")
    one, other = (guarded("state()", made.state) for made in (fitted, again.fitted))
    for name, value in one.items():
        if not _is_same(value, other.get(name)):
            raise Failed(f"The array {name!r} of the state differs between two fits with the same seed.")


def no_global_randomness(case: ModelCase) -> None:
    """Neither `random` nor `np.random` outside the rng given to fit() changes a forecast, and neither is moved."""
    needs(case.repeatable)
    past, coming = case.small
    one, other = (_by_chance(case, past, coming, seed) for seed in (1, 2))
    found = difference(one, other, coming, 0.0)
    if found:
        raise Failed(f"Forecasts follow the global random numbers: {found}. Draw from the rng given to fit().")


def predicts_the_same_twice(case: ModelCase) -> None:
    """Asked twice, a fitted model answers the same, to the last bit."""
    told = case.forecasts
    again = case.ask("Asked for the second time", case.fitted, case.fixtures, "predict() must not use anything up.")
    found = difference(told, again, case.fixtures, 0.0)
    if found:
        raise Failed(f"Asked twice it answers differently: {found}. predict() must neither learn nor draw.")


def one_by_one(case: ModelCase) -> None:
    """A fixture alone is forecast as it is among others."""
    fitted = case.steady
    for row in range(min(ALONE, len(case.fixtures))):
        rows = np.array([row])
        alone = taken(case.fixtures, rows)
        try:
            told = case.ask("Alone", fitted, alone, "")
        except Failed as failed:
            raise Skipped(f"It needs a forecast of one fixture: see one_fixture. {failed}") from None
        found = difference(_rows(case.forecasts, rows), told, alone)
        if found:
            raise Failed(f"Among others and alone it differs at {found}. A forecast may not depend on the batch.")


def row_order(case: ModelCase) -> None:
    """Fixtures in another order get the same forecasts in that order."""
    rows = np.random.default_rng(SEED).permutation(len(case.fixtures))
    turned = taken(case.fixtures, rows)
    told = case.ask("Fixtures in another order", case.steady, turned, "They come in any order.")
    found = difference(_rows(case.forecasts, rows), told, turned)
    if found:
        raise Failed(f"In another order it says something else at {found}. Row i of the answer is fixture i.")


def reads_names_of_fixtures(case: ModelCase) -> None:
    """Fixtures number their clubs in their own way; the same match is forecast the same."""
    told = case.ask("Clubs under other numbers", case.steady, renumbered(case.fixtures), "Compare clubs by name.")
    found = difference(case.forecasts, told, case.fixtures)
    if found:
        raise Failed(
            f"With other numbers for the same clubs it says something else at {found}. "
            "An index of `fixtures` points into `fixtures.clubs`, not into those of the history."
        )


def state_is_plain_arrays(case: ModelCase) -> None:
    """Its state is arrays of finite numbers by name, which survive being stored without pickle."""
    told = guarded("state()", case.fitted.state)
    try:
        arrays = check_state(told)
        kept = unpack_state(pack_state(arrays))
    except (PluginError, ValueError, TypeError) as error:
        raise Failed(error.sentence if isinstance(error, PluginError) else f"state(): {error}.") from None
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise Failed(f"The array {name!r} of the state holds what is no finite number: leave it out, or mark it.")
        if not np.array_equal(np.asarray(told[name]), kept[name]):
            raise Failed(f"The array {name!r} of the state does not survive as float64: keep whole numbers below 2^53.")


def restores_from_its_state(case: ModelCase) -> None:
    """Restored from its state it forecasts the same."""
    needs(case.steady)
    situation, remedy = "Restored from its state", "Everything that predict() needs belongs in state()."
    told = case.ask(situation, case.restore(situation, case.history, remedy), case.fixtures, remedy)
    found = difference(case.forecasts, told, case.fixtures)
    if found:
        raise Failed(f"{situation} it says something else at {found}. {remedy}")


def restores_in_a_fresh_process(case: ModelCase) -> None:
    """Restored from its state in a process of its own it forecasts the same."""
    entry, here, state = case.known_entry, case.restored, case.state
    key, settings = case.model.key, case.settings
    try:
        told = run_predict(entry, key, case.history, state, case.fixtures, settings=settings).forecasts
    except PluginError as error:
        raise Failed(f"In a fresh process: {error.sentence}") from None
    found = difference(here, told, case.fixtures)
    if found:
        raise Failed(
            f"Restored in a fresh process it says something else at {found}. "
            "What is not in state() is lost: nothing else of this process is there."
        )


def fits_the_same_in_a_fresh_process(case: ModelCase) -> None:
    """Fitted in a process of its own, with the same seed, it forecasts the same."""
    entry, wanted = case.known_entry, case.repeatable
    needs(case.state)
    key, settings = case.model.key, case.settings
    past, coming = case.small
    try:
        _, told = run_fit_and_predict(entry, key, past, coming, seed=SEED, settings=settings)
    except PluginError as error:
        raise Failed(f"In a fresh process: {error.sentence}") from None
    found = difference(wanted, told.forecasts, coming, ELSEWHERE)
    if found:
        raise Failed(
            f"Fitted in a fresh process it says something else at {found}. A fit may follow from the history and the "
            "seed alone: not from variables, process numbers or the order of a set (PYTHONHASHSEED)."
        )


def restores_by_name(case: ModelCase) -> None:
    """Restored beside clubs in another order and strangers among them, it finds its clubs by name."""
    here = case.restored
    situation = "Restored on a history that numbers its clubs otherwise"
    remedy = "Keep in the state which club is which (touchline.names.codes), not its place in the history."
    told = case.ask(situation, case.restore(situation, renumbered(case.history), remedy), case.fixtures, remedy)
    found = difference(here, told, case.fixtures)
    if found:
        raise Failed(f"{situation} it says something else at {found}. {remedy}")


def restores_on_a_longer_history(case: ModelCase) -> None:
    """Restored weeks later, when the history has grown and has other clubs, it still forecasts."""
    needs(case.restored)
    world = case.worlds.league
    instant = world.instant + 28 * DAY
    longer = renumbered(case.given(world.history_before(instant)))
    coming = world.dataset.fixtures(world.coming + 2 * len(world.coming), instant)
    situation, remedy = "Restored four weeks later", "The history may have grown since the fit."
    case.ask(situation, case.restore(situation, longer, remedy), coming, remedy)


def advances_like_a_fit(case: ModelCase) -> None:
    """Taken on from a shorter history it is, to the last bit, what a fit of the whole gives."""
    if not isinstance(case.fitted, Advancing):
        raise Skipped("It does not advance; every fit is a fit anew.")
    wanted = case.repeatable
    past, coming = case.small
    early = case.attempt(taken(past, np.arange(len(past) - 9)), coming)
    begun: object = early.fitted
    if not isinstance(begun, Advancing):
        raise Failed(f"On a shorter history it cannot be advanced. {early.error}")
    with fixed_chance():
        moved = guarded("advance()", begun.advance, copied(past), np.random.default_rng(SEED))
    told = case.ask("Advanced", moved, coming, "It must be what fit() of the longer history gives.")
    found = difference(wanted, told, coming, 0.0)
    if found:
        raise Failed(f"advance() and fit() of the same history differ at {found}.")


def remembers_no_other_fit(case: ModelCase) -> None:
    """A fit does not depend on what was fitted before it."""
    needs(case.repeatable)
    past, coming = case.small
    remedy = "A model may be fitted on any history."
    before = case.expect("A short history", past, coming, remedy)
    other = case.worlds.league
    whole = case.given(other.history_before(round(other.dataset.history.as_of.timestamp())))
    case.expect("A longer history of other clubs", whole, other.fixtures, remedy)
    after = case.expect("The short history again", past, coming, remedy)
    found = difference(before, after, coming, 0.0)
    if found:
        raise Failed(
            f"After a fit of another history the same one gives something else at {found}. "
            "Keep nothing on the model, its class or its module: what is learnt belongs to what fit() returns."
        )


def input_is_not_edited(case: ModelCase) -> None:
    """The history and the fixtures that it is given are as before; they are read-only where it runs."""
    needs(case.forecasts)
    past, coming = case.small
    own, asked = copied(past), copied(coming)
    attempt = case.attempt(own, asked, copies=False)
    if attempt.error:
        raise Failed(f"On a short history: {attempt.error}")
    _check_unchanged("history", past, own)
    _check_unchanged("fixtures", coming, asked)
    attempt = case.attempt(copied(past, writable=False), copied(coming, writable=False), copies=False)
    if attempt.error:
        raise Failed(f"On read-only arrays, as they are where it runs: {attempt.error} Copy what you change.")


def _check_unchanged(what: str, before: History | Fixtures, after: History | Fixtures) -> None:
    for name, array in arrays_of(before).items():
        if not _is_same(array, getattr(after, name)):
            raise Failed(f"It edits `{name}` of the {what} that it is given: copy what you change.")
    if (before.clubs, before.leagues) != (after.clubs, after.leagues):
        raise Failed(f"It edits the names of the {what} that it is given.")


def _by_chance(case: ModelCase, past: History, coming: Fixtures, seed: int) -> Forecasts:
    """Forecasts while the global random numbers stand at a seed; raises Failed when they were moved."""
    with fixed_chance(seed):
        begun = random.getstate(), _numpy_state()
        fitted = guarded("fit()", case.model.fit, copied(past), np.random.default_rng(SEED))
        told = guarded("predict()", fitted.predict, copied(coming))
        if random.getstate() != begun[0]:
            raise Failed("It draws from Python's `random`, which is everybody's: draw from the rng given to fit().")
        if _numpy_state() != begun[1]:
            raise Failed("It draws from or seeds `np.random`, which is everybody's: draw from the rng given to fit().")
    return case.sound("On a short history", told, coming, "")


def _numpy_state() -> tuple[object, ...]:
    name, keys, *rest = np.random.get_state()
    return name, np.asarray(keys).tobytes(), *rest


def _rows(forecasts: Forecasts, rows: np.ndarray) -> Forecasts:
    """Some rows of forecasts, probabilities and basis."""
    tables: Mapping[object, Floats] = {key: table[rows] for key, table in forecasts.probabilities.items()}
    return Forecasts(tables, [forecasts.basis[row] for row in rows.tolist()])  # type: ignore[arg-type]


def _is_same(one: object, other: object) -> bool:
    """Whether two arrays are equal; what is no number in both is."""
    here, there = np.asarray(one), np.asarray(other)
    return np.array_equal(here, there, equal_nan=here.dtype.kind == there.dtype.kind == "f")
