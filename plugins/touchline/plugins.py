"""Finding plugins: entry points of one group, loaded one at a time, each refused for a reason its author understands.

A plugin is a module (or any object) behind an entry point of the group `touchline` that defines at least one hook of
`touchline.hookspecs`. A refused plugin never stops another one.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import pluggy

from touchline import hookspecs
from touchline.markets import Lines, Market
from touchline.outputs import LONGEST_SENTENCE, one_line
from touchline.settings import SettingError, settings_of
from touchline.types import API, CUSTOM_KEY, Kind, MarketKey, Model, OddsUse, Provider, Reach, Strategy, reach_of

APPLICATION = ("api", "domain", "workers")
"""Packages of the application, which the bare wheel does not hold."""

GROUP = "touchline"
"""The entry point group."""

OURS = "touchline"
"""Our own distribution: its plugins load first, so that nobody else's can take their keys."""

HOOKS = ("models", "markets", "strategies", "providers")
"""Kinds of things that a plugin offers, by the names of the hooks."""
_LISTED = ", ".join(HOOKS[:-1]) + f" and {HOOKS[-1]}"

MOST_OFFERED = 100
"""Things that one hook may return, and markets that one model may price."""
MOST_DAYS = 36_525
"""Days that a model may want to look back: a hundred years."""
LONGEST_NAME = 100
"""Characters of a key, a version, a title or an outcome."""


class Named(Protocol):
    """What every thing of a plugin has."""

    @property
    def key(self) -> str: ...


class Refused(Exception):
    """A plugin cannot be used; the message is one sentence for its author."""

    def __init__(self, sentence: str) -> None:
        super().__init__(one_line(sentence, LONGEST_SENTENCE))


class Status(StrEnum):
    """What became of an entry point."""

    LOADED = "loaded"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Offered:
    """What one plugin's hooks returned."""

    models: tuple[Model, ...] = ()
    markets: tuple[Market, ...] = ()
    strategies: tuple[Strategy, ...] = ()
    providers: tuple[Provider, ...] = ()
    api: int = API
    """The number of the contract that the plugin says it was made for."""


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
    markets: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    api: int | None = None
    """The number of the contract that it was made for; None where it could not be loaded."""

    @property
    def is_ours(self) -> bool:
        """Whether it comes with Touchline; anybody else's code only ever runs in a child process of the server."""
        return self.distribution == OURS

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of things that it offers, by the names of the hooks."""
        return tuple(kind for kind in HOOKS if getattr(self, kind))


@dataclass(frozen=True, slots=True)
class Registry:
    """All entry points, refused ones too, and what the loaded ones offer, by key."""

    plugins: tuple[Plugin, ...] = ()
    models: Mapping[str, Model] = field(default_factory=dict)
    markets: Mapping[str, Market] = field(default_factory=dict)
    strategies: Mapping[str, Strategy] = field(default_factory=dict)
    providers: Mapping[str, Provider] = field(default_factory=dict)

    def plugin_of(self, model_key: str) -> Plugin:
        """The plugin that offers a model; its `entry` is what `touchline.sandbox` asks for. KeyError if none does."""
        for plugin in self.plugins:
            if model_key in plugin.models:
                return plugin
        raise KeyError(model_key)

    def plugin_of_market(self, market_key: str) -> Plugin:
        """The plugin that declares a market. KeyError if none does."""
        for plugin in self.plugins:
            if market_key in plugin.markets:
                return plugin
        raise KeyError(market_key)

    @property
    def outcomes(self) -> dict[str, int]:
        """How many outcomes each plugin's own market has, by its name."""
        return {key: len(market.outcomes) for key, market in self.markets.items()}

    @property
    def lines(self) -> dict[str, Lines]:
        """Where each plugin's own market is offered, by its name."""
        return {key: market.lines for key, market in self.markets.items()}

    @property
    def refused(self) -> tuple[Plugin, ...]:
        """Plugins that cannot be used, with their reasons."""
        return tuple(plugin for plugin in self.plugins if plugin.status is Status.REFUSED)


def load_plugins(group: str = GROUP, points: Iterable[EntryPoint] | None = None) -> Registry:
    """The registry of an entry point group, every plugin imported here: for authors' own tools, never for a server,
    which asks `touchline.discovery`. `points` replaces the installed entry points in tests.
    """
    return collect(installed(points, group), open_entry)


def installed(points: Iterable[EntryPoint] | None = None, group: str = GROUP) -> list[EntryPoint]:
    """The installed entry points, or those given: ours first, then by name."""
    return sorted(entry_points(group=group) if points is None else points, key=_order)


def is_ours(point: EntryPoint) -> bool:
    """Whether an entry point comes with Touchline."""
    return _distribution(point)[0] == OURS


def collect(points: Iterable[EntryPoint], look: Callable[[str], Offered]) -> Registry:
    """The registry of entry points in their order; `look` tells what is behind an entry point's value, or raises
    Refused.

    A market counts as declared only if its plugin is not refused, which may cost another plugin its model, and so on.
    """
    looked = [_look(point, look) for point in points]
    while True:
        registry = Registry()
        for plugin, offered in looked:
            registry = _with(registry, plugin, offered)
        strays = _strays(registry)
        if not strays:
            return registry
        for place, reason in strays.items():
            looked[place] = _refused(looked[place][0], reason), None


def open_entry(entry: str) -> Offered:
    """What a plugin offers, by its entry point's value; raises Refused. The sandbox's child calls it as well."""
    plugin = _imported(entry)
    made_for = getattr(plugin, "API", API)
    if made_for != API:
        older = isinstance(made_for, int) and made_for < API
        remedy = "update the plugin" if older else "update Touchline"
        raise Refused(
            f"It is made for version {made_for!r} of the plugin contract; this Touchline has version {API}: {remedy}."
        )
    return _offered(plugin)


def _order(point: EntryPoint) -> tuple[bool, str, str]:
    return _distribution(point)[0] != OURS, point.name, point.value


def _distribution(point: EntryPoint) -> tuple[str, str]:
    """Name and version of the distribution that declares an entry point, as far as known."""
    return (point.dist.name, point.dist.version) if point.dist is not None else ("", "")


def _look(point: EntryPoint, look: Callable[[str], Offered]) -> tuple[Plugin, Offered | None]:
    """An entry point and what it offers; None for one that is refused."""
    plugin = Plugin(point.name, point.value, *_distribution(point), Status.LOADED)
    try:
        offered = look(point.value)
    except Refused as refused:
        return _refused(plugin, str(refused)), None
    return replace(plugin, api=offered.api), offered


def _refused(plugin: Plugin, reason: str) -> Plugin:
    return replace(plugin, status=Status.REFUSED, reason=reason)


def _with(registry: Registry, plugin: Plugin, offered: Offered | None) -> Registry:
    """The registry with one more plugin, refused if what it offers cannot be told from what is there."""
    if offered is None:
        return replace(registry, plugins=(*registry.plugins, plugin))
    try:
        if any(plugin.key == other.key for other in registry.plugins):
            raise Refused(f"Another plugin is already called {plugin.key!r}; rename the entry point.")
        keys = {kind: _free_keys(kind, getattr(offered, kind), getattr(registry, kind)) for kind in HOOKS}
    except Refused as refused:
        return replace(registry, plugins=(*registry.plugins, _refused(plugin, str(refused))))
    things = {
        kind: MappingProxyType({**getattr(registry, kind), **{thing.key: thing for thing in getattr(offered, kind)}})
        for kind in HOOKS
    }
    return Registry((*registry.plugins, replace(plugin, **keys)), **things)  # type: ignore[arg-type]  # by hook


def _strays(registry: Registry) -> dict[int, str]:
    """Plugins with a model of a market that nobody declares, by place, and why they are refused."""
    found: dict[int, str] = {}
    for place, plugin in enumerate(registry.plugins):
        try:
            for key in plugin.models:
                _check_markets(registry.models[key], registry.markets)
        except Refused as refused:
            found[place] = str(refused)
    return found


def _check_markets(model: Model, declared: Mapping[str, Market]) -> None:
    """Raises Refused for a model of a market that nobody declares, or at a line that it does not have."""
    for key in model.markets:
        if key.kind is not Kind.CUSTOM:
            continue
        market = declared.get(key.name)
        if market is None:
            raise Refused(f"The model {model.key!r} prices {key}, a market that no installed plugin declares.")
        if not market.lines.has(key.line):
            raise Refused(f"The model {model.key!r} prices {key}, and that market's lines are {market.lines}.")


_SINGULAR = {"models": "model", "markets": "market", "strategies": "strategy", "providers": "provider"}


def _free_keys(kind: str, things: Sequence[Named], taken: Mapping[str, object]) -> tuple[str, ...]:
    """The keys of what a plugin offers; raises Refused when one is taken."""
    keys = tuple(thing.key for thing in things)
    for key in keys:
        if key in taken or keys.count(key) > 1:
            raise Refused(
                f"The key {key!r} of a {_SINGULAR[kind]} is already taken; keys are `author.name` and unique."
            )
    return keys


def _imported(entry: str) -> object:
    """The object behind `module` or `module:attribute`. Importing runs foreign code: any failure is a refusal."""
    module = entry.partition(":")[0]
    try:
        return EntryPoint("plugin", entry, GROUP).load()
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
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {_message(error)}{place}."


def _message(error: BaseException) -> str:
    try:
        told = one_line(str(error))
    except Exception:  # noqa: BLE001 - a stranger's error may not be able to tell itself
        told = ""
    if isinstance(error, MemoryError) and not told:
        return "it asked for more memory than it may have"
    return told or "no message"


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
        raise Refused(f"This Touchline knows no hook {unknown[0]!r}; the hooks are {_LISTED}.")
    if not callers:
        raise Refused(f"It defines no hook of {_LISTED}: mark one with touchline.hookimpl.")
    returned = {caller.name: _call(caller) for caller in callers}
    return Offered(
        tuple(_checked_model(model) for model in returned.get("models", ())),
        tuple(_checked_market(market) for market in returned.get("markets", ())),
        tuple(_checked_strategy(strategy) for strategy in returned.get("strategies", ())),
        tuple(
            _checked("provider", provider, ("files", "read"), ("key", "name"))
            for provider in returned.get("providers", ())
        ),
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
    if len(returned) > MOST_OFFERED:
        raise Refused(f"{caller.name}() may return {MOST_OFFERED} things at most and returned {len(returned)}.")
    return returned


def _checked_model(model: object) -> Model:
    """A model with everything that its contract asks for, as far as can be seen without fitting it."""
    checked: Model = _checked("model", model, ("fit", "restore"))
    name = f"The model {checked.key!r}"
    markets = _attribute(name, checked, "markets")
    if not isinstance(markets, tuple) or not markets or not all(isinstance(key, MarketKey) for key in markets):
        raise Refused(f"{name} must name its markets as a tuple of MarketKey, at least one.")
    if len(markets) > MOST_OFFERED:
        raise Refused(f"{name} may name {MOST_OFFERED} markets at most and names {len(markets)}.")
    for attribute, kind in {"reach": Reach, "odds_use": OddsUse}.items():
        if not isinstance(getattr(checked, attribute, None), kind | None):
            raise Refused(f"{name} must give its {attribute} as a touchline.{kind.__name__}, or leave it out.")
    if not 0 < reach_of(checked).days <= MOST_DAYS:
        raise Refused(f"{name} must have a reach of 1 to {MOST_DAYS} days.")
    _check_settings(name, checked)
    return checked


def _checked_strategy(strategy: object) -> Strategy:
    checked: Strategy = _checked("strategy", strategy, ("assess",))
    _check_settings(f"The strategy {checked.key!r}", checked)
    return checked


def _check_settings(name: str, thing: object) -> None:
    """Raises Refused for settings that are no plain values by name, or whose defaults break their own bounds."""
    if not isinstance(getattr(thing, "settings", {}), Mapping):
        raise Refused(f"{name} must give its settings as a mapping; without any, leave `settings` out.")
    try:
        settings = settings_of(thing)
    except SettingError as error:
        raise Refused(f"{name} has a default that its own setting refuses: {error}.") from error
    for setting, value in settings.items():
        if not _is_plain(setting, str) or not _is_plain(value, bool, int, float, str):
            raise Refused(f"{name} must give its settings as plain numbers, texts or booleans; {setting!r} is none.")


def _is_plain(value: object, *kinds: type) -> bool:
    """Whether a stranger's value is what its type promises."""
    return isinstance(value, kinds) and not (isinstance(value, float) and not math.isfinite(value))


def _is_name(value: str) -> bool:
    return len(value) <= LONGEST_NAME and value.isprintable()


def _checked_market(market: object) -> Market:
    """A market with everything that its contract asks for, as far as can be seen without settling a bet."""
    checked: Market = _checked("market", market, ("settle",), ("key", "title"))
    name = f"The market {checked.key!r}"
    if CUSTOM_KEY.fullmatch(checked.key) is None:
        raise Refused(f"{name} must be called `author.market`, in small letters, digits and `_`.")
    outcomes = _attribute(name, checked, "outcomes")
    if (
        not isinstance(outcomes, tuple)
        or not all(isinstance(outcome, str) and outcome and _is_name(outcome) for outcome in outcomes)
        or len(set(outcomes)) != len(outcomes)
        or len(outcomes) < 2
    ):
        raise Refused(f"{name} must name its outcomes as a tuple of two or more different strings.")
    lines = _attribute(name, checked, "lines")
    if not isinstance(lines, Lines):
        raise Refused(f"{name} must say its lines as one of touchline.Lines.")
    if ("{line}" in checked.title) != (lines is not Lines.NONE):
        raise Refused(f"{name} must have `{{line}}` in its title exactly where it has lines.")
    return checked


# The contract's Protocols say what the object is once these checks have passed; Any is the honest type until then.
def _checked(  # type: ignore[no-untyped-def]
    what: str, thing: object, methods: tuple[str, ...], attributes: tuple[str, ...] = ("key", "version")
):
    name = f"A {what} ({type(thing).__name__})"
    for attribute in attributes:
        value = _attribute(name, thing, attribute)
        if not isinstance(value, str) or not value:
            raise Refused(f"{name} must have a {attribute}: a string that is not empty.")
        if not _is_name(value):
            raise Refused(f"{name} must have a {attribute} of at most {LONGEST_NAME} printable characters.")
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
