"""The tables on bets: their errors, how they are settled, and what their record is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from graphql import GraphQLObjectType, build_schema

from api.export import schema_text
from api.outcomes import ErrorCode, failed
from api.schema import build_schema as build_api
from domain import money
from domain.bets.errors import InsufficientFunds, MarketClosed, StaleOdds
from domain.bets.record.metrics import Capital, Metrics
from domain.care.errors import LimitReached
from domain.infra.errors import BadCredentials, Conflict, Forbidden, Invalid, NotFound, SelfExcluded, TouchlineError
from tests.bettors import Wager, columns
from tests.docs.documents import table
from tests.factories import NOW
from tests.golden.settlement_table import cases, sources
from touchline import Facts, Kind, MarketKey, NotSettleable, settle
from touchline.types import OUTCOMES

FAILURES: tuple[TouchlineError, ...] = (
    Invalid("input.name", "…"),
    NotFound("…"),
    Forbidden("…"),
    BadCredentials("…"),
    Conflict("…"),
    StaleOdds("…", Decimal(2), None, field=""),
    MarketClosed("…", "CLOSED", field=""),
    LimitReached("…", 1),
    SelfExcluded("…", NOW),
    InsufficientFunds("…", 1, "EUR"),
)
"""One of each that a mutation tells as a value."""
OUR_OWN = "our own rule"


def test_errors_have_the_types_and_fields_told() -> None:
    types = build_schema(schema_text(build_api())).type_map
    told = {}
    for code, named, _ in table("api/README.md", "error"):
        name, _, shown = named.replace("`", "").partition(" ")
        error = types[name]
        assert isinstance(error, GraphQLObjectType)
        assert set(re.findall(r"\w+", shown)) == error.fields.keys() - {"code", "message", "path"}, code
        told[code] = name
    found = {error.code: type(error).__name__ for error in map(failed, FAILURES)}
    assert told == {code.value: name for code, name in found.items()} | {"TIER_REQUIRED": "TierRequiredError"}
    assert found.keys() | {ErrorCode.TIER_REQUIRED} == set(ErrorCode)


def _settled_kinds() -> Iterator[str]:
    """Kinds of market that facts settle."""
    for kind, outcomes in OUTCOMES.items():
        line = 2.5 if kind in (Kind.TOTAL_GOALS, Kind.TOTAL_CORNERS, Kind.ASIAN_HANDICAP) else None
        try:
            settle(MarketKey(kind, line), outcomes[0], Facts("FINISHED", 2, 1, 1, 0, 6, 4))
        except NotSettleable:
            continue
        yield str(kind.value)


def test_markets_are_those_that_are_settled_and_name_their_source() -> None:
    rows = table("domain/README.md", "kind of market")
    assert sorted(row[0] for row in rows) == sorted(_settled_kinds())
    for kind, _, source in rows:
        named = {sources()[case.source] for case in cases() if any(leg.market.kind == kind for leg in case.legs)}
        assert any(text.startswith(source) for text in named), f"no example of {kind} is by {source}"


@pytest.mark.parametrize("row", table("domain/README.md", "what happened"), ids=lambda row: row[0])
def test_odd_cases_are_lines_of_the_settlement_table(row: list[str]) -> None:
    _, status, example, source = row
    [case] = [case for case in cases() if case.name == example]
    assert case.status == status
    assert case.computed == case.expected
    assert case.source == "house" if source == OUR_OWN else sources()[case.source].startswith(source)


@cache
def _example() -> Metrics:
    """The figures of the example, by the code."""
    rows = table("domain/README.md", "example bet")
    bets = columns([_wager(*row[1:]) for row in rows])
    nothing = np.empty(0)
    return Metrics(bets, Capital(100_000, nothing.astype(np.int64), nothing), ZoneInfo("UTC"))


def _wager(stake: str, price: str, settled: str, status: str, closing: str) -> Wager:
    is_open = settled == "not yet"
    at = NOW if is_open else datetime.strptime(f"2026 {settled}", "%Y %d %B, %H:%M").replace(tzinfo=UTC)
    value = None if closing == "unknown" else float(closing)
    return Wager(status, money.minor(Decimal(stake), "EUR"), price, settled_at=at, closing_line_value=value)


OTHERWISE_CALLED = {
    "closingPriceCount": "closing_count",
    "pValue": "chance",
    "yieldInterval": "interval",
}
"""Figures that the domain calls otherwise than the graph."""


def _figure(metrics: Metrics, name: str) -> object:
    own = OTHERWISE_CALLED.get(name) or re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name)
    judgement = metrics.judgement
    assert judgement is not None
    shown = {"chance": judgement.chance, "interval": (judgement.lower, judgement.upper)}
    return shown[own] if own in shown else getattr(metrics, own)


def _money_figures() -> set[str]:
    return {name for name, kind in _graph_figures().items() if kind == "Money"}


@cache
def _graph_figures() -> dict[str, str]:
    """Figures of the graph with the names of their types."""
    metrics = build_schema(schema_text(build_api())).type_map["PerformanceMetrics"]
    assert isinstance(metrics, GraphQLObjectType)
    return {name: str(field.type).rstrip("!") for name, field in metrics.fields.items()}


def test_every_figure_of_the_record_is_defined() -> None:
    assert [row[0] for row in table("domain/README.md", "figure")] == [
        name for name in _graph_figures() if name not in ("currencyCode", "sentence")
    ]


@pytest.mark.parametrize("row", table("domain/README.md", "figure"), ids=lambda row: row[0])
def test_the_example_comes_to_what_is_told(row: list[str]) -> None:
    name, _, told = row
    found = _figure(_example(), name)
    if name in _money_figures():
        assert isinstance(found, int)
        assert str(money.major(found, "EUR")) == told
        return
    numbers = found if isinstance(found, tuple) else (found,)
    parts = told.split(" to ")
    assert len(parts) == len(numbers)
    for number, part in zip(numbers, parts, strict=True):
        if isinstance(number, str):
            assert number == part
        else:
            assert round(float(str(number)), len(part.partition(".")[2])) == float(part)
