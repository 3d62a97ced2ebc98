"""Settings of models and strategies: typed fields with defaults, bounds and a sentence for whoever changes them.

    @dataclass(frozen=True)
    class BaseRate:
        key = "acme.base_rate"
        version = "1"
        markets = (RESULT,)
        prior: float = setting(4.0, low=0.0, help="Matches that the prior counts for.")

An operator changes one without touching code; the values of a run are stored with it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, is_dataclass, replace
from typing import Any, TypeVar

Value = float | int | str | bool
Configured = TypeVar("Configured")
T = TypeVar("T", float, int, str, bool)

_MARK = "touchline.setting"


class SettingError(ValueError):
    """A value that a setting does not take; `name` is the setting, the message says what it takes."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name} {message}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Setting:
    """What a setting takes."""

    name: str
    default: Value
    help: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[Value, ...] = ()

    def checked(self, value: Any) -> Value:
        """The value, when the setting takes it; raises SettingError."""
        kind = type(self.default)
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise SettingError(self.name, f"must be a {_WORDS[kind]} and is {value!r}")
        if self.choices and value not in self.choices:
            raise SettingError(self.name, f"must be one of {', '.join(map(repr, self.choices))} and is {value!r}")
        if isinstance(value, int | float):
            self._check_bounds(value)
        checked: Value = value
        return checked

    def _check_bounds(self, value: int | float) -> None:
        if not (math.isfinite(value) if isinstance(value, float) else abs(value) < _MOST):
            raise SettingError(self.name, f"must be a finite number of at most 64 bits and is {value!r}")
        if self.low is not None and value < self.low:
            raise SettingError(self.name, f"must be at least {self.low:g} and is {value!r}")
        if self.high is not None and value > self.high:
            raise SettingError(self.name, f"must be at most {self.high:g} and is {value!r}")

    def schema(self) -> dict[str, Any]:
        """The setting as JSON Schema."""
        told: dict[str, Any] = {"type": _SCHEMA[type(self.default)], "default": self.default}
        extra = {"description": self.help or None, "minimum": self.low, "maximum": self.high}
        told |= {name: value for name, value in extra.items() if value is not None}
        return told | ({"enum": list(self.choices)} if self.choices else {})


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A model or strategy whose code is in another process: its settings are told and not read from its fields."""

    settings: Mapping[str, Value]
    """Values of this run, by name."""
    declared: tuple[Setting, ...]


_MOST = 2**63
_WORDS = {float: "number", int: "whole number", str: "text", bool: "yes or no (true or false)"}
_SCHEMA = {float: "number", int: "integer", str: "string", bool: "boolean"}


def setting(
    default: T, *, low: float | None = None, high: float | None = None, choices: Sequence[T] = (), help: str = ""
) -> T:
    """A field of a dataclass that an operator may change: a number, a text or yes or no."""
    told: T = field(default=default, metadata={_MARK: (low, high, tuple(choices), help)})
    return told


def settings_declared(thing: object) -> tuple[Setting, ...]:
    """The settings of a model or strategy; raises SettingError for one that its own default does not fit."""
    if isinstance(thing, Elsewhere):
        return thing.declared
    if not is_dataclass(thing):
        return ()
    return tuple(_declared(one) for one in fields(thing) if _MARK in one.metadata)


def settings_of(thing: object) -> dict[str, Value]:
    """The values of this run, by name: those of declared settings, and of a property `settings`."""
    own: Mapping[str, Value] = getattr(thing, "settings", {})
    if isinstance(thing, Elsewhere):
        return dict(own)
    return dict(own) | {one.name: getattr(thing, one.name) for one in settings_declared(thing)}


def configured(thing: Configured, values: Mapping[str, object]) -> Configured:
    """The same model or strategy with other settings; raises SettingError for one that it does not have or take."""
    if not values:
        return thing
    known = {one.name: one for one in settings_declared(thing)}
    for name in values:
        if name not in known:
            raise SettingError(name, f"is no setting; there are {', '.join(known) or 'none'}")
    checked = {name: known[name].checked(value) for name, value in values.items()}
    if isinstance(thing, Elsewhere):
        return replace(thing, settings={**thing.settings, **checked})
    return replace(thing, **checked)  # type: ignore[type-var]


def settings_schema(thing: object) -> dict[str, Any]:
    """The declared settings as one JSON Schema object; `properties` is empty for a thing without any."""
    return schema_of(settings_declared(thing))


def schema_of(declared: Sequence[Setting]) -> dict[str, Any]:
    """Settings as one JSON Schema object."""
    return {
        "type": "object",
        "properties": {one.name: one.schema() for one in declared},
        "additionalProperties": False,
    }


def _declared(one: Field[Any]) -> Setting:
    low, high, choices, help_ = one.metadata[_MARK]
    default: Any = one.default
    told = Setting(one.name, default, help_, low, high, choices)
    told.checked(default)
    return told
