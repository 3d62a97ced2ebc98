"""Finding plugins: entry points of one group, loaded one at a time, each refused for a reason its author understands.

A plugin is a module (or any object) behind an entry point of the group `touchline` that defines at least one hook of
`touchline.hookspecs`. A refused plugin never stops another one.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType

import pluggy

from touchline import hookspecs
from touchline.types import API, MarketKey, Model, Provider, Strategy

APPLICATION = ("api", "domain", "workers")
"""Packages of the application, which the bare wheel does not hold."""

OURS = "touchline"
"""Our own distribution: its plugins load first, so that nobody else's can take their keys."""


class Refused(Exception):
    """A plugin cannot be used; the message is one sentence for its author."""


class Status(StrEnum):
    """What became of an entry point."""

    LOADED = "loaded"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Offered:
    """What one plugin's hooks returned."""

    models: tuple[Model, ...] = ()
    strategies: tuple[Strategy, ...] = ()
    providers: tuple[Provider, ...] = ()


@dataclass(frozen=True, slots=True)
class Plugin:
    """One entry point and what became of it."""

    key: str
    """The entry point's name."""
    entry: str
    """The entry point's value, `module` or `module:attribute`: what the sandbox imports."""
    distribution: str
    version: str
    """Version of the distribution; empty where it is unknown."""
    status: Status
    reason: str = ""
    """Why it was refused, one sentence; empty when it was loaded."""
    models: tuple[str, ...] = ()
    """Keys of its models."""
    strategies: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of things that it offers, by the names of the hooks."""
        return tuple(kind for kind in ("models", "strategies", "providers") if getattr(self, kind))


@dataclass(frozen=True, slots=True)
class Registry:
    """All entry points, refused ones too, and what the loaded ones offer, by key."""

    plugins: tuple[Plugin, ...] = ()
    models: Mapping[str, Model] = field(default_factory=dict)
    strategies: Mapping[str, Strategy] = field(default_factory=dict)
    providers: Mapping[str, Provider] = field(default_factory=dict)

    def plugin_of(self, model_key: str) -> Plugin:
        """The plugin that offers a model; its `entry` is what `touchline.sandbox` asks for. KeyError if none does."""
        for plugin in self.plugins:
            if model_key in plugin.models:
                return plugin
        raise KeyError(model_key)

    @property
    def refused(self) -> tuple[Plugin, ...]:
        """Plugins that cannot be used, with their reasons."""
        return tuple(plugin for plugin in self.plugins if plugin.status is Status.REFUSED)


def load_plugins(group: str = "touchline", points: Iterable[EntryPoint] | None = None) -> Registry:
    """The registry of an entry point group: ours first, then by name. `points` replaces the installed ones in tests."""
    found = entry_points(group=group) if points is None else points
    plugins: list[Plugin] = []
    models: dict[str, Model] = {}
    strategies: dict[str, Strategy] = {}
    providers: dict[str, Provider] = {}
    for point in sorted(found, key=_order):
        plugin, offered = _load(point, {plugin.key for plugin in plugins}, {*models}, {*strategies}, {*providers})
        plugins.append(plugin)
        models.update((model.key, model) for model in offered.models)
        strategies.update((strategy.key, strategy) for strategy in offered.strategies)
        providers.update((provider.key, provider) for provider in offered.providers)
    return Registry(tuple(plugins), MappingProxyType(models), MappingProxyType(strategies), MappingProxyType(providers))


def open_entry(entry: str) -> Offered:
    """What a plugin offers, by its entry point's value; raises Refused. The sandbox's child calls it as well."""
    plugin = _imported(entry)
    made_for = getattr(plugin, "API", API)
    if made_for != API:
        raise Refused(f"It is made for version {made_for!r} of the plugin contract; this Touchline has version {API}.")
    return _offered(plugin)


def _order(point: EntryPoint) -> tuple[bool, str, str]:
    return _distribution(point)[0] != OURS, point.name, point.value


def _distribution(point: EntryPoint) -> tuple[str, str]:
    """Name and version of the distribution that declares an entry point, as far as known."""
    return (point.dist.name, point.dist.version) if point.dist is not None else ("", "")


def _load(
    point: EntryPoint, names: set[str], models: set[str], strategies: set[str], providers: set[str]
) -> tuple[Plugin, Offered]:
    distribution, version = _distribution(point)
    try:
        if point.name in names:
            raise Refused(f"Another plugin is already called {point.name!r}; rename the entry point.")
        offered = open_entry(point.value)
        keys = (
            _free_keys("model", offered.models, models),
            _free_keys("strategy", offered.strategies, strategies),
            _free_keys("provider", offered.providers, providers),
        )
    except Refused as refused:
        return Plugin(point.name, point.value, distribution, version, Status.REFUSED, str(refused)), Offered()
    return Plugin(point.name, point.value, distribution, version, Status.LOADED, "", *keys), offered


def _free_keys(what: str, things: Sequence[Model | Strategy | Provider], taken: set[str]) -> tuple[str, ...]:
    keys = tuple(thing.key for thing in things)
    for key in keys:
        if key in taken or keys.count(key) > 1:
            raise Refused(f"The key {key!r} of a {what} is already taken; keys are `author.name` and unique.")
    return keys


def _imported(entry: str) -> object:
    """The object behind `module` or `module:attribute`. Importing runs foreign code: any failure is a refusal."""
    module = entry.partition(":")[0]
    try:
        return EntryPoint("plugin", entry, "touchline").load()
    except ModuleNotFoundError as error:
        raise Refused(_missing(module, error.name or str(error))) from error
    except (Exception, SystemExit) as error:  # recorded: the reason is shown beside the plugin
        raise Refused(f"Importing {module} failed: {describe(error)}") from error


def _missing(module: str, name: str) -> str:
    """Why a module that is not there matters to the reader."""
    if module.split(".")[0] in APPLICATION:
        return "It comes with the application: run Touchline from its checkout with the extra `server`."
    if name == module or module.startswith(f"{name}."):
        return f"The module {module} does not exist; check the entry point's value."
    if module.startswith("touchline_markets"):
        return f"It needs {name}, which is not installed: pip install 'touchline[models]'."
    return f"It needs {name}, which is not installed beside it."


def describe(error: BaseException) -> str:
    """An error in one sentence: type, message, and the place in foreign code where it was raised."""
    message = " ".join(str(error).split()) or "no message"
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {message[:300]}{place}."


def _offered(plugin: object) -> Offered:
    """Call the plugin's hooks, in a host of its own: no plugin's mistake reaches another's."""
    host = pluggy.PluginManager("touchline")
    host.add_hookspecs(hookspecs)
    try:
        host.register(plugin)
    except (pluggy.PluginValidationError, ValueError) as error:
        raise Refused(f"A hook is declared wrongly: {' '.join(str(error).split())}.") from error
    callers = host.get_hookcallers(plugin) or []
    unknown = [caller.name for caller in callers if not caller.has_spec()]
    if unknown:
        raise Refused(f"This Touchline knows no hook {unknown[0]!r}; the hooks are models, strategies and providers.")
    if not callers:
        raise Refused("It defines no hook: mark models(), strategies() or providers() with touchline.hookimpl.")
    returned = {caller.name: _call(caller) for caller in callers}
    return Offered(
        tuple(_checked_model(model) for model in returned.get("models", ())),
        tuple(_checked("strategy", strategy, ("assess",)) for strategy in returned.get("strategies", ())),
        tuple(_checked("provider", provider, ("files", "read")) for provider in returned.get("providers", ())),
    )


def _call(caller: pluggy.HookCaller) -> Sequence[object]:
    """What one hook of one plugin returns, checked to be a sequence."""
    try:
        returned = caller()[0]
    except IndexError:
        raise Refused(f"{caller.name}() returned nothing; it must return a list.") from None
    except (Exception, SystemExit) as error:  # recorded: the reason is shown beside the plugin
        raise Refused(f"{caller.name}() failed: {describe(error)}") from error
    if not isinstance(returned, list | tuple):
        raise Refused(f"{caller.name}() must return a list and returned {type(returned).__name__}.")
    return returned


def _checked_model(model: object) -> Model:
    """A model with everything that its contract asks for, as far as can be seen without fitting it."""
    checked: Model = _checked("model", model, ("fit", "restore"))
    name = f"The model {checked.key!r}"
    markets = _attribute(name, checked, "markets")
    if not isinstance(markets, tuple) or not markets or not all(isinstance(key, MarketKey) for key in markets):
        raise Refused(f"{name} must name its markets as a tuple of MarketKey, at least one.")
    settings = _attribute(name, checked, "settings")
    if not isinstance(settings, Mapping):
        raise Refused(f"{name} must give its settings as a mapping; an empty one is fine.")
    for setting, value in settings.items():
        if not isinstance(setting, str) or not isinstance(value, bool | int | float | str):
            raise Refused(f"{name} must give its settings as plain numbers, texts or booleans; {setting!r} is none.")
    return checked


# The contract's Protocols say what the object is once these checks have passed; Any is the honest type until then.
def _checked(what: str, thing: object, methods: tuple[str, ...]):  # type: ignore[no-untyped-def]
    name = f"A {what} ({type(thing).__name__})"
    for attribute in ("key", "version") if what != "provider" else ("key", "name"):
        value = _attribute(name, thing, attribute)
        if not isinstance(value, str) or not value:
            raise Refused(f"{name} must have a {attribute}: a string that is not empty.")
    for method in methods:
        if not callable(_attribute(name, thing, method)):
            raise Refused(f"{name} must have a method {method}().")
    return thing


def _attribute(name: str, thing: object, attribute: str) -> object:
    try:
        return getattr(thing, attribute)
    except AttributeError:
        raise Refused(f"{name} has no {attribute}.") from None
    except Exception as error:
        raise Refused(f"{name} cannot give its {attribute}: {describe(error)}") from error
