"""Settings as typed fields: what they take, what they tell of themselves, and ours that operators may change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tests.plugins.histories import drawn
from touchline import OVER_25, SettingError, configured, setting, settings_of
from touchline.dixon_coles import GoalModel
from touchline.settings import settings_declared, settings_schema
from touchline_markets.value import SharpConsensus


@dataclass(frozen=True)
class Thing:
    """One setting of each type."""

    key: str = "acme.thing"
    prior: float = setting(4.0, low=0.0, high=10.0, help="Matches that the prior counts for.")
    rounds: int = setting(3, low=1)
    mood: str = setting("calm", choices=("calm", "wild"))
    is_bold: bool = setting(False)


def test_a_thing_is_configured_by_name_and_stays_what_it_was() -> None:
    thing = Thing()
    other = configured(thing, {"prior": 2, "is_bold": True})
    assert settings_of(other) == {"prior": 2.0, "rounds": 3, "mood": "calm", "is_bold": True}
    assert type(other.prior) is float
    assert thing == Thing()
    assert configured(thing, {}) is thing


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("prior", "2", "prior must be a number and is '2'"),
        ("prior", True, "prior must be a number and is True"),
        ("prior", -0.5, "prior must be at least 0 and is -0.5"),
        ("prior", 11, "prior must be at most 10 and is 11.0"),
        ("prior", float("nan"), "prior must be a finite number of at most 64 bits and is nan"),
        ("prior", float("inf"), "prior must be a finite number of at most 64 bits and is inf"),
        ("rounds", 2.0, "rounds must be a whole number and is 2.0"),
        ("rounds", 0, "rounds must be at least 1 and is 0"),
        ("rounds", 2**63, f"rounds must be a finite number of at most 64 bits and is {2**63}"),
        ("mood", "sour", "mood must be one of 'calm', 'wild' and is 'sour'"),
        ("is_bold", 1, r"is_bold must be a yes or no (true or false) and is 1"),
        ("key", "acme.other", "key is no setting; there are prior, rounds, mood, is_bold"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_the_remedy(name: str, value: Any, words: str) -> None:
    with pytest.raises(SettingError) as refused:
        configured(Thing(), {name: value})
    assert (str(refused.value), refused.value.name) == (words, name)


def test_settings_tell_of_themselves_in_json_schema() -> None:
    assert settings_schema(Thing()) == {
        "type": "object",
        "properties": {
            "prior": {
                "type": "number",
                "default": 4.0,
                "description": "Matches that the prior counts for.",
                "minimum": 0.0,
                "maximum": 10.0,
            },
            "rounds": {"type": "integer", "default": 3, "minimum": 1},
            "mood": {"type": "string", "default": "calm", "enum": ["calm", "wild"]},
            "is_bold": {"type": "boolean", "default": False},
        },
        "additionalProperties": False,
    }


def test_a_default_that_does_not_fit_is_the_authors_error() -> None:
    @dataclass(frozen=True)
    class Wrong:
        share: float = setting(2.0, high=1.0)

    with pytest.raises(SettingError, match="share must be at most 1"):
        settings_of(Wrong())


def test_ours_can_be_set_and_do_as_they_are_told() -> None:
    model = GoalModel("test.goals", (OVER_25,))
    assert [one.name for one in settings_declared(model)] == ["half_life_days"]
    history, _ = drawn(np.random.default_rng(1), clubs=6)
    short = configured(model, {"half_life_days": 30})
    assert short == GoalModel("test.goals", (OVER_25,), half_life_days=30.0)
    states = [each.fit(history, np.random.default_rng(0)).state() for each in (model, short)]
    assert any(not np.array_equal(states[0][name], states[1][name]) for name in states[0])
    assert configured(SharpConsensus(), {"model_weight": 1}).model_weight == 1.0
