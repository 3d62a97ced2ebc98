"""Plugins whose hooks return something else, one object each."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from touchline import RESULT, hookimpl


class Returns:
    """A plugin whose `models()` returns what it was given."""

    def __init__(self, returned: Any) -> None:
        self._returned = returned

    @hookimpl
    def models(self) -> Any:
        """What it was given, or an error."""
        if isinstance(self._returned, Exception):
            raise self._returned
        return self._returned


class WrongArguments:
    """A plugin whose hook asks for what the contract does not give."""

    @hookimpl
    def models(self, history: object) -> list[object]:
        """Nothing."""
        return []


def model(**changes: Any) -> SimpleNamespace:
    """Something like a model."""
    whole = {"key": "odd.model", "version": "1", "markets": (RESULT,), "settings": {}, "fit": len, "restore": len}
    return SimpleNamespace(**{name: value for name, value in (whole | changes).items() if value is not None})


fine = Returns([model()])
nothing = Returns(None)
no_list = Returns(model())
raises = Returns(KeyError("models"))
no_key = Returns([model(key=None)])
empty_key = Returns([model(key="")])
no_markets = Returns([model(markets=())])
no_settings = Returns([model(settings=1)])
odd_setting = Returns([model(settings={"weights": [1, 2]})])
no_fit = Returns([model(fit="fit")])
twice = Returns([model(), model()])
wrong_arguments = WrongArguments()
