"""Which plugin a command is about: the one whose folder this is, installed or not, or an installed one by its key."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click

from touchline.markets import Market
from touchline.plugins import Offered, Plugin, Status, collect, open_entry

GROUP: Final = "touchline"
TABLE: Final = "project.entry-points.touchline"


@dataclass(frozen=True, slots=True)
class Target:
    """An entry point and where its code comes from."""

    point: EntryPoint
    origin: str
    """In words."""

    @property
    def sentence(self) -> str:
        """What is about to be looked at."""
        return f"{self.point.name}: {self.point.value}, {self.origin}"


def targets(what: str | None) -> list[Target]:
    """The plugins of a folder, of the current one without a name, or installed ones by a key.

    A key is that of a plugin, its distribution, or a thing that it offers. What lies in a folder comes before what is
    installed: its code is put first on `sys.path`. Raises UsageError with the remedy.
    """
    if what is None or Path(what).is_dir():
        return _in_folder(Path(what or "."))
    installed = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    found = [point for point in installed if what in (point.name, _distribution(point))] or _offering(what)
    if not found:
        names = ", ".join(point.name for point in installed) or "none"
        raise click.UsageError(f"{what!r} is no folder, and no installed plugin: there are {names}.")
    return [Target(point, f"installed{_place(point.module)}") for point in found]


def opened(target: Target) -> tuple[Plugin, Offered, Sequence[Market]]:
    """The plugin and what it offers, imported in this process, and the markets of others that its models price.

    A refused one offers nothing.
    """
    mine: dict[str, Offered] = {}

    def look(entry: str) -> Offered:
        mine[entry] = open_entry(entry)
        return mine[entry]

    plugin = collect([target.point], look).plugins[0]
    others: Sequence[Market] = ()
    if plugin.status is Status.REFUSED and mine and _foreign(mine[target.point.value]):
        plugin, others = _beside_others(target.point, mine[target.point.value])
    return plugin, mine[target.point.value] if plugin.status is Status.LOADED else Offered(), others


def _in_folder(folder: Path) -> list[Target]:
    file = folder / "pyproject.toml"
    try:
        told = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise click.UsageError(
            f"{file} is not there: go to a plugin's folder, name one, or make one with `touchline plugin new NAME`."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{file} cannot be read: {error}.") from None
    points = told.get("project", {}).get("entry-points", {}).get(GROUP, {})
    if not points:
        raise click.UsageError(f'{file} names no plugin: it needs a table [{TABLE}] with a line `name = "module"`.')
    return [_target(folder, EntryPoint(name, value, GROUP)) for name, value in points.items()]


def _target(folder: Path, point: EntryPoint) -> Target:
    """An entry point of a folder; its code is looked for in `src`, in the folder, and where it is installed."""
    top = point.module.partition(".")[0]
    before = _place(point.module)
    for place in (folder / "src", folder):
        if (place / top).is_dir() or (place / f"{top}.py").is_file():
            _put_first(place.resolve())
            is_same = before == _place(point.module)
            other = ", not installed" if not before else ", installed" if is_same else f"; not the one{before}"
            return Target(point, f"from {place.as_posix()}{other}")
    if not before:
        raise click.UsageError(
            f"The module {point.module} of the entry point {point.name} is not in {folder / 'src'}, not in {folder}, "
            "and not installed."
        )
    return Target(point, f"installed{before}")


def _put_first(place: Path) -> None:
    if str(place) not in sys.path[:1]:
        sys.path.insert(0, str(place))


def _place(module: str) -> str:
    """Where a module's top package would be imported from, in words; empty where it is not found."""
    top = module.partition(".")[0]
    spec = find_spec(top)
    places: Sequence[str] = [] if spec is None else [*(spec.submodule_search_locations or [spec.origin or ""])]
    return f" in {Path(places[0]).parent.as_posix()}" if places else ""


def _offering(key: str) -> list[EntryPoint]:
    """The installed plugin that offers a thing by its key."""
    from touchline.discovery import discover_plugins

    for plugin in discover_plugins().plugins:
        if key in (*plugin.models, *plugin.markets, *plugin.strategies, *plugin.providers):
            return [EntryPoint(plugin.key, plugin.entry, GROUP)]
    return []


def _foreign(offered: Offered) -> set[str]:
    """Markets of others that a plugin's models price."""
    own = {market.key for market in offered.markets}
    return {key.name for model in offered.models for key in model.markets if key.name} - own


def _beside_others(point: EntryPoint, offered: Offered) -> tuple[Plugin, Sequence[Market]]:
    """The plugin again, beside the installed ones that declare the markets of others that it prices."""
    from touchline.discovery import discover_plugins

    wanted = _foreign(offered)
    entries = [plugin.entry for plugin in discover_plugins().plugins if wanted & set(plugin.markets)]
    others = tuple(market for entry in entries for market in open_entry(entry).markets)
    points = [EntryPoint("", "", GROUP), point]
    found = collect(points, lambda entry: offered if entry == point.value else Offered(markets=others))
    return found.plugins[1], others


def _distribution(point: EntryPoint) -> str:
    return "" if point.dist is None else point.dist.name
