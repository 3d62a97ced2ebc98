"""How a server looks at plugins: through child processes, and what stands for them here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from tests.plugins import whole_plugin
from tests.plugins.histories import empty
from touchline import RESULT, Lines, MarketKey, Offer, Strategy, configured, settings_of
from touchline.cards import MarketCard, ModelCard, RemoteProvider, RemoteStrategy
from touchline.discovery import close_plugins, discover_plugins
from touchline.outputs import Fault, PluginError
from touchline.plugins import Registry, Status, load_plugins
from touchline.processes import Limits, Warm
from touchline.settings import settings_declared, settings_schema

BAD = Path(__file__).parent / "bad"
WHOLE = "tests.plugins.whole_plugin"
OFFERS = [
    Offer("corner", "home", 2.4, 0.0, False, 3.0),
    Offer("corner", "draw", 3.2, 0.0, False, 3.0),
    Offer("exchange", "away", 6.5, 0.05, True, 0.5),
]
SHARES = {"home": 0.5, "draw": 0.3, "away": 0.2}


@pytest.fixture(autouse=True)
def _bad_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BAD))


def discover(*points: tuple[str, str], seconds: float = 20.0) -> Registry:
    return discover_plugins(
        [EntryPoint(name, value, "touchline") for name, value in points], limits=Limits(seconds=seconds)
    )


@pytest.fixture(scope="module")
def whole() -> Iterator[Registry]:
    registry = discover(("whole", WHOLE))
    yield registry
    close_plugins(registry)


@pytest.fixture
def strategy(whole: Registry) -> Strategy:
    return whole.strategies["whole.believing"]


def test_our_own_plugins_need_no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.Popen", None)  # there is nothing to start
    found, loaded = discover_plugins(), load_plugins()
    assert found.plugins == loaded.plugins
    assert found.models == loaded.models
    assert not found.refused


def test_a_plugin_of_others_is_told_as_data(whole: Registry) -> None:
    (plugin,) = whole.plugins
    assert (plugin.status, plugin.api, plugin.is_ours) == (Status.LOADED, 1, False)
    assert plugin.kinds == ("models", "markets", "strategies", "providers")
    model, card = whole_plugin.Shares(), whole.models["whole.shares"]
    assert isinstance(card, ModelCard)
    assert (card.key, card.version, card.markets) == (model.key, model.version, model.markets)
    assert (card.reach, card.odds_use) == (model.reach, model.odds_use)
    assert settings_of(card) == settings_of(model)
    assert settings_declared(card) == settings_declared(model)
    assert settings_schema(card) == settings_schema(model)
    assert settings_of(configured(card, {"prior": 9})) == settings_of(configured(model, {"prior": 9}))
    assert whole.markets == {
        whole_plugin.CARDS: MarketCard("whole.total_cards", "Over/Under {line} cards", ("over", "under"), Lines.QUARTER)
    }
    assert (whole.outcomes, whole.lines) == ({whole_plugin.CARDS: 2}, {whole_plugin.CARDS: Lines.QUARTER})
    assert whole.plugin_of_market(whole_plugin.CARDS) is plugin


def test_a_card_runs_nothing(whole: Registry) -> None:
    with pytest.raises(RuntimeError, match=r"ask touchline\.sandbox"):
        whole.models["whole.shares"].fit(empty(), np.random.default_rng(0))


AT_IMPORT = {
    "raises": ("raise KeyError('nope')", "Importing raises failed: KeyError: 'nope' (raises.py, line 1)."),
    "is_no_exception": (
        "class Odd(BaseException): pass\nraise Odd('really\\x1b[31m odd')",
        "It raised Odd: really [31m odd (is_no_exception.py, line 2).",
    ),
    "hangs": ("import time\ntime.sleep(60)", "While it was loaded: it was stopped after 1 seconds."),
    "dies": (
        "import os\nos._exit(0)",
        "While it was loaded: its process ended with status 0 without an answer.",
    ),
    "crashes": (
        "import ctypes\nctypes.string_at(0)",
        "While it was loaded: its process ended by SIGSEGV without an answer.",
    ),
    "says_why": (
        "import os\nprint('chatter')\nos.write(2, b'fine\\nno licence\\x07\\n')\nos.abort()",
        "While it was loaded: its process ended by SIGABRT without an answer. It last said: no licence",
    ),
    "grows": (
        "memory = bytearray(10 * 2**30)",
        "Importing grows failed: MemoryError: it asked for more memory than it may have (grows.py, line 1).",
    ),
    "multiplies": (
        "import os, time\nfor _ in range(100):\n    os.fork() or time.sleep(60)\n    time.sleep(0.005)",
        "While it was loaded: it had more than 32 processes at once.",
    ),
}
"""By name: what a plugin does when it is imported, and why it is refused."""


@pytest.mark.parametrize("name", AT_IMPORT)
def test_what_misbehaves_at_import_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    source, sentence = AT_IMPORT[name]
    (tmp_path / f"{name}.py").write_text(source)
    (plugin,) = discover((name, name), seconds=1.0 if name == "hangs" else 20.0).plugins
    assert (plugin.status, plugin.reason) == (Status.REFUSED, sentence)
    assert name not in sys.modules


FINE = """
from types import SimpleNamespace
from touchline import RESULT, hookimpl

@hookimpl
def models():
    return [SimpleNamespace(key="fine.model", version="1", markets=(RESULT,), settings={}, fit=len, restore=len)]
"""


DISTURBING = {
    "prints": "import os\nprint('hello')\nos.write(1, b'bytes on the answer')\nos.close(1)\n",
    "reads": "import sys\nsys.stdout.close()\nassert sys.stdin.read() == ''\n",
    "forks": "import os\nos.fork()\n",
}


def test_what_only_disturbs_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, before in DISTURBING.items():
        (tmp_path / f"{name}.py").write_text(before + FINE.replace("fine.model", f"fine.{name}"))
    registry = discover(*((name, name) for name in DISTURBING))
    assert [plugin.reason for plugin in registry.plugins] == [""] * 3
    assert set(registry.models) == {f"fine.{name}" for name in DISTURBING}


@pytest.mark.parametrize("value", ["odd_hooks:no_fit", "other_api", "odd_hooks:raises"])
def test_a_bad_plugin_is_refused_in_the_same_words(value: str) -> None:
    point = EntryPoint("one", value, "touchline")
    assert discover_plugins([point]).plugins == load_plugins(points=[point]).plugins


def test_a_bad_one_costs_only_itself() -> None:
    registry = discover(("a", "broken_import"), ("b", WHOLE), ("c", "no_hooks"))
    assert [plugin.status for plugin in registry.plugins] == [Status.REFUSED, Status.LOADED, Status.REFUSED]
    assert set(registry.models) == {"whole.shares"}


def test_a_strategy_elsewhere_thinks_as_here(strategy: Strategy) -> None:
    here = whole_plugin.Believing()
    assert isinstance(strategy, RemoteStrategy)
    told = strategy.assess(RESULT, SHARES, OFFERS)
    assert len(told) == 2
    assert told == here.assess(RESULT, SHARES, OFFERS)
    values = {"least": 0.3}
    assert configured(strategy, values).assess(RESULT, SHARES, OFFERS) == []
    assert list(strategy.assess(RESULT, SHARES, OFFERS)) == told


@pytest.fixture(scope="module")
def moody() -> Iterator[RemoteStrategy]:
    process = Warm("temperamental", Limits(seconds=1.0), opening_seconds=20.0)
    yield RemoteStrategy({}, (), "bad.temperamental", "1", process)
    process.close()


def ask(strategy: RemoteStrategy, mood: str) -> float:
    """The number of the process that answered."""
    (told,) = strategy.assess(MarketKey.parse("acme.moods"), {mood: 1.0}, [Offer("corner", mood, 2.0, 0.0, True, 0.0)])
    return told.edge


@pytest.mark.parametrize(
    ("mood", "kind", "sentence", "is_ended"),
    [
        ("hangs", Fault.TIMED_OUT, "It was stopped after 1 seconds.", True),
        ("dies", Fault.DIED, "Its process ended with status 3 without an answer.", True),
        ("raises", Fault.RAISED, "assess() raised RuntimeError: not today (temperamental.py, line ", False),
        ("invents", Fault.INVALID_OUTPUT, "assess() returned an assessment of an offer that was not asked", False),
        ("mumbles", Fault.INVALID_OUTPUT, "assess() returned what cannot be read: assessment must be a finite", False),
    ],
)
def test_a_strategy_that_fails_is_asked_again(
    moody: RemoteStrategy, mood: str, kind: Fault, sentence: str, is_ended: bool
) -> None:
    process = ask(moody, "well")
    assert ask(moody, "forks") == process
    with pytest.raises(PluginError) as caught:
        ask(moody, mood)
    assert caught.value.kind == kind
    assert caught.value.sentence.startswith(sentence)
    assert (ask(moody, "well") != process) is is_ended


def test_a_strategy_that_cannot_be_opened_says_why() -> None:
    strategy = RemoteStrategy({}, (), "bad.any", "1", Warm("broken_import", Limits(), opening_seconds=20.0))
    for _ in range(2):
        with pytest.raises(PluginError, match="Importing broken_import failed: RuntimeError"):
            ask(strategy, "well")
    strategy.process.close()


def test_a_provider_elsewhere_reads_as_here(whole: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_text("Arsenal,Chelsea,2,1\nLeeds,Everton,x,0\nLeeds,Arsenal,0,0\n")
    provider, here = whole.providers["whole-folder"], whole_plugin.Folder()
    assert isinstance(provider, RemoteProvider)
    monkeypatch.chdir(tmp_path.parent)  # an origin is meant from here, not from the child's folder
    assert provider.files(tmp_path.name, ["E0"], [2024]) == here.files(str(tmp_path), ["E0"], [2024]) == ["a.csv"]
    matches, rejected = provider.read(str(tmp_path), "a.csv")
    assert (matches, rejected) == here.read(str(tmp_path), "a.csv")
    assert (len(matches), len(rejected)) == (2, 1)
    with pytest.raises(ValueError, match="name a league"):
        provider.files(str(tmp_path), [], [])
    with pytest.raises(OSError, match="No such file"):
        provider.read(str(tmp_path), "b.csv")


def test_a_provider_that_fails_cannot_be_read() -> None:
    provider = RemoteProvider("nowhere", "Nowhere", "broken_import")
    with pytest.raises(OSError, match="The provider nowhere failed: Importing broken_import failed"):
        provider.read("here", "a.csv")
