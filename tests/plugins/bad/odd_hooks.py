"""Plugins whose hooks return something else, one object each."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from touchline import RESULT, Lines, MarketKey, Reach, hookimpl


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


class Declares(Returns):
    """A plugin that declares a market beside its models."""

    def __init__(self, key: str, *models: Any) -> None:
        super().__init__(list(models))
        self._key = key

    @hookimpl
    def markets(self) -> Any:
        """Cards, fouls or whatever they are called."""
        whole = {"title": "{line}", "outcomes": ("over", "under"), "lines": Lines.HALF, "settle": len}
        return [SimpleNamespace(key=self._key, **whole)]


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
endless_setting = Returns([model(settings={"x": float("inf")})])
odd_reach = Returns([model(reach=400)])
far_reach = Returns([model(reach=Reach(days=10**9))])
odd_use = Returns([model(odds_use="A")])
odd_key = Returns([model(key="odd.\x1b[31mmodel")])
many = Returns([model()] * 101)
many_markets = Returns([model(markets=(RESULT,) * 101)])


def _of(market: str, **changes: Any) -> SimpleNamespace:
    return model(markets=(MarketKey.parse(market),), **changes)


declares = Declares("acme.cards")
nobodys = Returns([_of("acme.cards:4.5")])
odd_line = Returns([_of("acme.cards:4.25")])
refused_declares = Declares("odd.fouls", _of("odd.fines:4.5", key="odd.fines"))
prices_fouls = Returns([_of("odd.fouls:4.5", key="odd.fouls")])
