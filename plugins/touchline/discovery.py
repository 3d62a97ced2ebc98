"""Finding plugins without running anybody else's code here: a server looks at them through child processes.

Ours are loaded in this process. Every other entry point is looked at in a child of its own, which answers what the
plugin offers in plain JSON. What comes of it are cards: data that say what the contract asks for, while the code stays
where it was. A plugin that raises, hangs, dies or grows when it is imported is refused like any other that cannot be
used. Without plugins of others no child is started.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import EntryPoint

from touchline.cards import RemoteStrategy, cards_in
from touchline.outputs import Fault, PluginError
from touchline.plugins import Offered, Refused, Registry, collect, installed, is_ours, open_entry
from touchline.processes import OUTSIDE_NICE, Limits, ask_once

LOOK = Limits(seconds=30.0, nice=OUTSIDE_NICE)
"""What a plugin may use while it is looked at."""

AT_ONCE = 2
"""Plugins that are looked at at once."""


def discover_plugins(points: Iterable[EntryPoint] | None = None, *, limits: Limits = LOOK) -> Registry:
    """The registry of the installed entry points, or of `points`: ours loaded, cards of all others.

    It waits for as long as the slowest of them may take. `close_plugins` ends what its strategies keep running.
    """
    found = installed(points)
    ours = {point.value for point in found if is_ours(point)}
    others = list(dict.fromkeys(point.value for point in found if point.value not in ours))
    looked = dict(zip(others, _look_at_all(others, limits), strict=True))

    def look(entry: str) -> Offered:
        if entry in ours:
            return open_entry(entry)
        offered = looked[entry]
        if isinstance(offered, Refused):
            raise offered
        return offered

    return collect(found, look)


def close_plugins(registry: Registry) -> None:
    """End the processes that strategies of others keep; the next question starts them anew."""
    for strategy in registry.strategies.values():
        if isinstance(strategy, RemoteStrategy):
            strategy.process.close()


def _look_at_all(entries: Sequence[str], limits: Limits) -> list[Offered | Refused]:
    if not entries:
        return []
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="look") as threads:
        return list(threads.map(lambda entry: _look_at(entry, limits), entries))


def _look_at(entry: str, limits: Limits) -> Offered | Refused:
    """What a plugin offers, or why it is refused."""
    try:
        answer = ask_once({"ask": "look", "entry": entry}, {}, limits)[0]
        return cards_in(answer, entry)
    except PluginError as error:
        if error.kind is Fault.RAISED:
            return Refused(error.sentence)
        return Refused(f"While it was loaded: {error.sentence[:1].lower()}{error.sentence[1:]}")
    except ValueError as error:
        return Refused(f"What it offers cannot be read: {error}.")
