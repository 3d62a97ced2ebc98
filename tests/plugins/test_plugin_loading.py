"""Discovery: ours are found through the same door as anyone's, and a bad plugin costs only itself."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from touchline.plugins import Registry, Status, load_plugins

BAD = Path(__file__).parent / "bad"


@pytest.fixture(autouse=True)
def _bad_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BAD))


def load(*points: tuple[str, str]) -> Registry:
    return load_plugins(points=[EntryPoint(name, value, "touchline") for name, value in points])


def reason(value: str) -> str:
    registry = load(("one", value))
    (plugin,) = registry.plugins
    assert plugin.status is Status.REFUSED
    assert not registry.models
    assert plugin.kinds == ()
    assert plugin.reason.endswith(".")
    return plugin.reason


def test_our_own_plugins_are_found() -> None:
    registry = load_plugins()
    assert {
        "touchline.match_result",
        "touchline.goals",
        "touchline.both_teams_to_score",
        "touchline.corners",
    } <= registry.models.keys()
    assert "touchline.value" in registry.strategies
    ours = {plugin.key: plugin for plugin in registry.plugins}
    assert ours["goals"].kinds == ("models",)
    assert ours["value"].kinds == ("strategies",)
    assert (ours["goals"].distribution, ours["goals"].status) == ("touchline", Status.LOADED)
    assert registry.plugin_of("touchline.goals").entry == "touchline_markets.goals"
    with pytest.raises(KeyError):
        registry.plugin_of("nobody.knows")


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (
            "broken_import",
            "Importing broken_import failed: RuntimeError: cannot even be imported (broken_import.py, line 3).",
        ),
        ("needs_something", "It needs a_package_that_is_not_there, which is not installed beside it."),
        ("no_such_module", "The module no_such_module does not exist; check the entry point's value."),
        (
            "workers.no_such.provider",
            "It comes with the application: run Touchline from its checkout with the extra `server`.",
        ),
        (
            "other_api",
            "It is made for version 99 of the plugin contract; this Touchline has version 1: update Touchline.",
        ),
        (
            "no_hooks",
            "It defines no hook of models, markets, strategies and providers: mark one with touchline.hookimpl.",
        ),
        (
            "unknown_hook",
            "This Touchline knows no hook 'modles'; the hooks are models, markets, strategies and providers.",
        ),
        ("odd_hooks:nothing", "models() returned nothing; it must return a list."),
        ("odd_hooks:no_list", "models() must return a list and returned SimpleNamespace."),
        ("odd_hooks:no_key", "A model (SimpleNamespace) has no key."),
        ("odd_hooks:empty_key", "A model (SimpleNamespace) must have a key: a string that is not empty."),
        ("odd_hooks:no_markets", "The model 'odd.model' must name its markets as a tuple of MarketKey, at least one."),
        (
            "odd_hooks:no_settings",
            "The model 'odd.model' must give its settings as a mapping; without any, leave `settings` out.",
        ),
        (
            "odd_hooks:odd_setting",
            "The model 'odd.model' must give its settings as plain numbers, texts or booleans; 'weights' is none.",
        ),
        (
            "odd_hooks:endless_setting",
            "The model 'odd.model' must give its settings as plain numbers, texts or booleans; 'x' is none.",
        ),
        ("odd_hooks:odd_reach", "The model 'odd.model' must give its reach as a touchline.Reach, or leave it out."),
        ("odd_hooks:far_reach", "The model 'odd.model' must have a reach of 1 to 36525 days."),
        ("odd_hooks:odd_use", "The model 'odd.model' must give its odds_use as a touchline.OddsUse, or leave it out."),
        ("odd_hooks:odd_key", "A model (SimpleNamespace) must have a key of at most 100 printable characters."),
        ("odd_hooks:many", "models() may return 100 things at most and returned 101."),
        ("odd_hooks:many_markets", "The model 'odd.model' may name 100 markets at most and names 101."),
        (
            "odd_hooks:nobodys",
            "The model 'odd.model' prices acme.cards:4.5:ft, a market that no installed plugin declares.",
        ),
        ("odd_hooks:no_fit", "A model (SimpleNamespace) must have a method fit()."),
        ("odd_hooks:twice", "The key 'odd.model' of a model is already taken; keys are `author.name` and unique."),
    ],
)
def test_a_bad_plugin_is_refused_with_a_sentence(value: str, sentence: str) -> None:
    assert reason(value) == sentence


@pytest.mark.parametrize(
    ("value", "start"),
    [
        ("leaves_on_import", "Importing leaves_on_import failed: SystemExit: 1"),
        ("odd_hooks:raises", "models() failed: KeyError: 'models' (odd_hooks.py, line"),
        ("odd_hooks:wrong_arguments", "A hook is declared wrongly: "),
        ("odd_hooks:missing", "Importing odd_hooks failed: AttributeError"),
    ],
)
def test_a_failing_plugin_is_refused_with_its_error(value: str, start: str) -> None:
    assert reason(value).startswith(start)


def test_the_rest_go_on() -> None:
    registry = load(("a", "broken_import"), ("b", "touchline_markets.corners"), ("c", "no_hooks"))
    assert [plugin.status for plugin in registry.plugins] == [Status.REFUSED, Status.LOADED, Status.REFUSED]
    assert set(registry.models) == {"touchline.corners"}
    assert [plugin.key for plugin in registry.refused] == ["a", "c"]


def test_a_key_belongs_to_the_first_who_has_it() -> None:
    registry = load(("a", "odd_hooks:fine"), ("b", "odd_hooks:fine"))
    assert [plugin.status for plugin in registry.plugins] == [Status.LOADED, Status.REFUSED]
    assert registry.plugins[1].reason.startswith("The key 'odd.model' of a model is already taken")


def test_a_name_belongs_to_the_first_who_has_it() -> None:
    registry = load(("a", "odd_hooks:fine"), ("a", "touchline_markets.corners"))
    assert registry.plugins[1].reason == "Another plugin is already called 'a'; rename the entry point."


def test_a_market_of_a_refused_plugin_is_nobodys() -> None:
    points = {
        "a": "odd_hooks:declares",
        "b": "odd_hooks:nobodys",
        "c": "odd_hooks:refused_declares",
        "d": "odd_hooks:prices_fouls",
    }
    registry = load(*points.items())
    assert {plugin.key: plugin.reason for plugin in registry.plugins} == {
        "a": "",
        "b": "",
        "c": "The model 'odd.fines' prices odd.fines:4.5:ft, a market that no installed plugin declares.",
        "d": "The model 'odd.fouls' prices odd.fouls:4.5:ft, a market that no installed plugin declares.",
    }
    assert (set(registry.markets), set(registry.models)) == ({"acme.cards"}, {"odd.model"})


def test_a_line_that_a_market_does_not_have_is_told() -> None:
    registry = load(("a", "odd_hooks:declares"), ("b", "odd_hooks:odd_line"))
    assert [plugin.reason for plugin in registry.plugins] == [
        "",
        "The model 'odd.model' prices acme.cards:4.25:ft, and that market's lines are half.",
    ]


def test_the_registry_cannot_be_changed() -> None:
    registry = load(("a", "odd_hooks:fine"))
    with pytest.raises(TypeError):
        registry.models["other"] = registry.models["odd.model"]  # type: ignore[index]
