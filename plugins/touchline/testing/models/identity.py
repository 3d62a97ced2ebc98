"""What a model says of itself: name, markets, settings, what it makes of prices, how strong clubs are."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from touchline.outputs import PluginError, check_ratings
from touchline.plugins import describe
from touchline.settings import Setting, SettingError, Value, configured, settings_declared, settings_of
from touchline.testing.checks import Failed, Skipped, guarded, is_a, needs
from touchline.testing.columns import PRICES, without
from touchline.testing.models.case import ModelCase, difference
from touchline.testing.models.forecasts import NEVER_SEEN
from touchline.types import MarketKey, OddsUse, Rated, Reach

KEY: Final = re.compile(r"[a-z][a-z0-9_-]*\.[a-z][a-z0-9_.-]*")
"""What the key of a model or a strategy looks like: `author.name`."""


def names_itself(case: ModelCase) -> None:
    """It has a key `author.model` and a version, the same each time."""
    check_names(case.model)


def check_names(thing: object) -> None:
    """Raises Failed for a model or a strategy without a good key and version."""
    key, version = _twice(thing, "key"), _twice(thing, "version")
    if not isinstance(key, str) or KEY.fullmatch(key) is None:
        raise Failed(f"The key {key!r} must be `author.name`, in small letters, digits, `_` and `-`.")
    if not isinstance(version, str) or not version.strip():
        raise Failed(f"The version is {version!r}: give a text that changes with the code, such as '1'.")


def names_its_markets(case: ModelCase) -> None:
    """It names the markets that it forecasts, each once, by keys that others can read."""
    markets = _twice(case.model, "markets")
    if not isinstance(markets, tuple) or not markets or not all(isinstance(key, MarketKey) for key in markets):
        raise Failed(f"`markets` is {markets!r}: give a tuple of MarketKey, at least one.")
    for key in markets:
        if markets.count(key) > 1:
            raise Failed(f"`markets` names {key} twice.")
        try:
            is_read = MarketKey.parse(str(key)) == key
        except ValueError:
            is_read = False
        if not is_read:
            raise Failed(f"The market {key} cannot be read back from its key: give kind, line and period in order.")


def says_what_it_sees(case: ModelCase) -> None:
    """Where it says its reach and what it makes of prices, it says so in the contract's words."""
    reach, use = getattr(case.model, "reach", Reach()), getattr(case.model, "odds_use", None)
    if not isinstance(reach, Reach):
        raise Failed(f"`reach` is {reach!r}: give a touchline.Reach.")
    if reach.days <= 0:
        raise Failed(f"`reach` goes {reach.days} days back, so that it would see no match: give days above 0.")
    if use is not None and not isinstance(use, OddsUse):
        raise Failed(f"`odds_use` is {use!r}: give a touchline.OddsUse.")


def uses_no_price_unsaid(case: ModelCase) -> None:
    """A model that does not say that it uses prices forecasts the same without them."""
    use = getattr(case.model, "odds_use", None)
    if use not in (None, OddsUse.NONE):
        raise Skipped("It says that it uses prices.")
    past, coming = case.worlds.small.history, case.small[1]
    needs(case.repeatable)
    told, blind = (
        case.expect(situation, history, coming, "Closing prices may be known or not.")
        for situation, history in (("With closing prices", past), ("Without closing prices", without(past, PRICES)))
    )
    found = difference(told, blind, coming)
    if found:
        says = "does not say what it makes of prices" if use is None else "says that it uses none"
        raise Failed(f"With and without closing prices it differs: {found}. It {says}: set `odds_use`.")


def settings_are_plain(case: ModelCase) -> None:
    """Its settings are plain numbers, texts or yes and no, by name, and its defaults keep their own bounds."""
    check_settings(case.model)


def check_settings(thing: object) -> None:
    """Raises Failed for settings that cannot be stored with a run."""
    try:
        settings = settings_of(thing)
    except SettingError as error:
        raise Failed(f"A default breaks its own setting: {error}.") from None
    for name, value in settings.items():
        if not is_a(name, str) or not is_a(value, bool | int | float | str):
            raise Failed(f"The setting {name!r} is {value!r}: settings are plain numbers, texts or booleans by name.")
        if isinstance(value, float) and not math.isfinite(value):
            raise Failed(f"The setting {name!r} is {value!r}, which cannot be stored: give a finite number.")


def settings_at_their_bounds(case: ModelCase) -> None:
    """With each setting at each of its bounds and choices it still forecasts."""
    declared = settings_declared(case.model)
    if not declared:
        raise Skipped("It declares no settings.")
    past, coming = case.small
    for one in declared:
        for value in extremes(one):
            situation = f"With {one.name} = {value!r}"
            model = guarded(situation, configured, case.model, {one.name: value})
            case.expect(situation, past, coming, "Take the value, or set closer bounds.", model)


def extremes(one: Setting) -> Iterator[Value]:
    """The values of a setting at which things break, where it has any."""
    if one.choices or isinstance(one.default, bool):
        yield from one.choices or (True, False)
    elif isinstance(one.default, int):
        yield from (
            value for value in (_inside(one.low, math.ceil), _inside(one.high, math.floor)) if value is not None
        )
    elif isinstance(one.default, float):
        yield from (float(value) for value in (one.low, one.high) if value is not None)


def rates_clubs_by_name(case: ModelCase) -> None:
    """Its ratings are numbers of the clubs asked for, in their order, and NaN for a club never seen."""
    fitted = case.fitted
    if not isinstance(fitted, Rated):
        raise Skipped("It does not rate clubs.")
    first, second = case.fixtures.clubs[case.fixtures.home[0]], case.fixtures.clubs[case.fixtures.away[0]]
    names = [first, NEVER_SEEN[0], second]
    try:
        told = check_ratings(fitted.ratings(names), 3)
        turned = check_ratings(fitted.ratings(names[::-1]), 3)
    except PluginError as error:
        raise Failed(error.sentence) from None
    except (Exception, SystemExit) as error:
        raise Failed(f"ratings() raised {describe(error)} A club never seen is NaN.") from error
    for system, values in told.items():
        if not np.isnan(values[1]):
            raise Failed(f"It rates {names[1]}, who never played, {values[1]:g} in {system!r}: say NaN.")
        if np.isnan(values[[0, 2]]).any():
            raise Failed(f"Its rating {system!r} of {first} or {second} is NaN, and both have played.")
        if not np.array_equal(turned[system][::-1], values, equal_nan=True):
            raise Failed(f"Its ratings {system!r} depend on the order of the clubs asked for: find them by name.")


def _inside(bound: float | None, whole: Callable[[float], int]) -> int | None:
    return None if bound is None else whole(bound)


def _twice(thing: object, name: str) -> object:
    """An attribute that is there and the same each time; raises Failed."""
    one, other = (guarded(f"Asking for `{name}`", getattr, thing, name) for _ in range(2))
    if one != other:
        raise Failed(f"`{name}` was {one!r} and then {other!r}: it must not change while it runs.")
    return one
