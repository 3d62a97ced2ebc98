"""The contracts as pytest classes: inherit, name your thing, and each check is a test of its own.

    from acme_model import BaseRate
    from touchline.testing import ModelContract

    class TestBaseRate(ModelContract):
        entry = "acme_model"

        def model(self) -> BaseRate:
            return BaseRate()

`pytest -k TestBaseRate` names each check; one that fails says what was found, where, and what to do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from touchline.markets import Market
from touchline.testing.checks import Check, Limits, run_check
from touchline.testing.runner import Kind, case_for, checks_for
from touchline.types import Model, Provider, Strategy

C = TypeVar("C", bound="type[Contract]")


class Contract:
    """What the contracts have in common."""

    kind: ClassVar[Kind]
    entry: str = ""
    """The value of the plugin's entry point; without it nothing is tried in a fresh process."""
    origin: str = ""
    """For a provider: a folder or address that it can read."""
    limits: Limits = Limits()

    def thing(self) -> object:
        """What is under test."""
        raise NotImplementedError

    @classmethod
    def case(cls) -> Any:
        """What the checks of this class share, made once for the class."""
        if "_case" not in cls.__dict__:
            self = cls()
            cls._case = case_for(self.kind, self.thing(), entry=self.entry, origin=self.origin, limits=self.limits)
        return cls._case

    _case: ClassVar[Any]


def _one_test_a_check(contract: C) -> C:
    for check in checks_for(contract.kind):
        setattr(contract, f"test_{check.name}", _test_of(check))
    return contract


def _test_of(check: Check) -> Callable[[Contract], None]:
    def test(self: Contract) -> None:
        import pytest  # only a test run has it

        result = run_check(check, self.case())
        if result.status == "skipped":
            pytest.skip(result.reason)
        if result.status == "failed":
            pytest.fail(result.reason, pytrace=False)

    test.__name__ = test.__qualname__ = f"test_{check.name}"
    test.__doc__ = check.title
    return test


@_one_test_a_check
class ModelContract(Contract):
    """Tests of a model: give it from `model()`."""

    kind = "model"

    def model(self) -> Model:
        """The model under test."""
        raise NotImplementedError("give the model under test from model()")

    def thing(self) -> object:
        """The model."""
        return self.model()


@_one_test_a_check
class MarketContract(Contract):
    """Tests of a market: give it from `market()`."""

    kind = "market"

    def market(self) -> Market:
        """The market under test."""
        raise NotImplementedError("give the market under test from market()")

    def thing(self) -> object:
        """The market."""
        return self.market()


@_one_test_a_check
class StrategyContract(Contract):
    """Tests of a strategy: give it from `strategy()`."""

    kind = "strategy"

    def strategy(self) -> Strategy:
        """The strategy under test."""
        raise NotImplementedError("give the strategy under test from strategy()")

    def thing(self) -> object:
        """The strategy."""
        return self.strategy()


@_one_test_a_check
class ProviderContract(Contract):
    """Tests of a provider: give it from `provider()`, and an `origin` that it can read."""

    kind = "provider"

    def provider(self) -> Provider:
        """The provider under test."""
        raise NotImplementedError("give the provider under test from provider()")

    def thing(self) -> object:
        """The provider."""
        return self.provider()
