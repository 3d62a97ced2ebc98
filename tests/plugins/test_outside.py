"""The market of strangers through the sandbox: found by its entry point, checked like ours, not imported here."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from touchline import BetResult, Facts, MarketKey
from touchline.discovery import discover_plugins
from touchline.sandbox import PluginError, run_fit, run_fit_and_predict, run_predict, run_settle
from touchline.testing import simulated

ENTRY = "acme_cards"
MARKET = "acme.total_cards"
OUTCOMES = {MARKET: 2}


@pytest.fixture(autouse=True)
def _on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it were installed beside us."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "outside" / ENTRY))


def test_it_is_found_without_being_imported() -> None:
    sys.modules.pop(ENTRY, None)
    found = discover_plugins([EntryPoint(ENTRY, ENTRY, "touchline")])
    assert [(plugin.key, plugin.models, plugin.markets) for plugin in found.plugins] == [
        (ENTRY, ("acme.cards",), (MARKET,))
    ]
    assert found.markets[MARKET].outcomes == ("over", "under")
    assert [key.line for key in found.models["acme.cards"].markets] == [3.5, 4.5, 5.5]
    assert ENTRY not in sys.modules


def test_its_model_speaks_of_its_own_market_with_what_an_operator_set() -> None:
    world = simulated(seed=1, seasons=2)
    markets = tuple(MarketKey.parse(f"{MARKET}:{line}") for line in (3.5, 4.5, 5.5))
    asked = (ENTRY, "acme.cards", world.history)
    fit, told = run_fit_and_predict(*asked, world.fixtures, markets=markets, outcomes=OUTCOMES)
    assert fit.settings == {"prior": 60.0, "dispersion": 40.0}
    over = np.array([told.forecasts.probabilities[market][:, 0] for market in markets])
    assert (np.diff(over, axis=0) < 0).all()

    again = run_predict(*asked, fit.state, world.fixtures, markets=markets, outcomes=OUTCOMES)
    assert np.array_equal(again.forecasts.probabilities[markets[0]], told.forecasts.probabilities[markets[0]])
    other = run_fit(*asked, settings={"prior": 5})
    assert other.settings["prior"] == 5.0
    assert other.digest != fit.digest
    with pytest.raises(PluginError, match="prior must be at least 1"):
        run_fit(*asked, settings={"prior": 0.0})


@pytest.mark.parametrize(
    ("line", "results"),
    [
        ("3.5", (BetResult.WON, BetResult.LOST)),
        ("3.75", (BetResult.HALF_WON, BetResult.HALF_LOST)),
        ("4", (BetResult.PUSH, BetResult.PUSH)),
        ("4.25", (BetResult.HALF_LOST, BetResult.HALF_WON)),
    ],
)
def test_its_market_is_settled_at_every_kind_of_line(line: str, results: tuple[BetResult, ...]) -> None:
    key, score = MarketKey.parse(f"{MARKET}:{line}"), Facts("FINISHED", 1, 1)
    four = replace(score, home_yellow_cards=2, away_yellow_cards=1, home_red_cards=0, away_red_cards=1)
    known, unknown = run_settle(ENTRY, MARKET, [(key, four), (key, score)])
    assert known.results == results
    assert "there were 4 cards" in known.sentences[0]
    assert (unknown.results, unknown.reason) == (None, "yellow cards are not known yet")
