"""A bettor's record over HTTP: figures, groups and curves, and how few statements they take."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from graphql import build_schema, parse, validate

from api.export import schema_text
from api.nodes import global_id
from tests.api.betting import Bettor, betting
from tests.api.client import Client, operation
from tests.bettors import Leg, Wager, make_bankroll, make_bets, move_money
from tests.factories import NOW, Factory, Fixture, hours
from touchline import OVER_25, RESULT

FIGURES = """fragment Figures on PerformanceMetrics {
  currencyCode settledCount pendingCount wonCount lostCount winRate turnover { amount currencyCode }
  grossProfit { amount } grossLoss { amount } netProfit { amount } roi returnOnBankroll averageProfit { amount }
  averageOdds longestWinningRun longestLosingRun maxDrawdown sharpeRatio profitFactor closingPriceCount
  averageClosingLineValue closingLineValueInterval { lower upper } closingBeatRate expectedProfit { amount }
  luck { amount } luckDeviation { amount } pValue yieldInterval { lower upper } verdict betsNeeded sentence }"""
MINE = f"""query($isPaper: Boolean, $currency: String, $during: DateTimeRange) {{ viewer {{
  performance(isPaper: $isPaper, currencyCode: $currency, during: $during) {{ ...Figures }} }} }} {FIGURES}"""
BY = """query($id: ID!, $by: PerformanceDimension!, $during: DateTimeRange) { node(id: $id) { ... on Bankroll {
  performanceBy(dimension: $by, during: $during) { key label metrics { settledCount } } } } }"""
CURVE = """query($id: ID!, $step: PeriodType, $during: DateTimeRange) { node(id: $id) { ... on Bankroll {
  equityCurve(step: $step, during: $during) {
    at balance { amount currencyCode } expectedBalance { amount } drawdown } } } }"""


@pytest.fixture
async def ann(client: Client, factory: Factory) -> AsyncIterator[Bettor]:
    async with betting(client.app) as bettor:
        yield bettor


def at(day: int, hour: int = 12) -> datetime:
    """An instant of March 2026."""
    return datetime(2026, 3, day, hour, tzinfo=UTC)


async def mine(bettor: Bettor, **variables: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await bettor.data(MINE, **variables))["viewer"]["performance"]
    return found


async def by(bettor: Bettor, bankroll: int, dimension: str, **variables: Any) -> list[tuple[str, str, int]]:
    """Key, label and settled count of each group."""
    answer = await bettor.data(BY, id=global_id("Bankroll", bankroll), by=dimension, **variables)
    return [(each["key"], each["label"], each["metrics"]["settledCount"]) for each in answer["node"]["performanceBy"]]


def test_the_operation_is_the_one_that_frontends_write() -> None:
    assert validate(build_schema(schema_text()), parse(operation("Record"))) == []


async def test_figures_of_a_record(ann: Bettor, factory: Factory) -> None:
    bankroll = await make_bankroll(factory.db, ann.account)
    await make_bets(
        factory.db,
        bankroll,
        [
            Wager("WON", 1000, "2.00", settled_at=at(2), closing_line_value=0.05),
            Wager("LOST", 2000, "1.50", settled_at=at(3), closing_line_value=0.02),
            Wager("VOID", 9000, "8.00", settled_at=at(3)),
            Wager("PENDING", 500),
        ],
    )
    found = await mine(ann)
    interval, beyond = found.pop("yieldInterval"), found.pop("closingLineValueInterval")
    assert found == {
        "currencyCode": "EUR",
        "settledCount": 2,
        "pendingCount": 1,
        "wonCount": 1,
        "lostCount": 1,
        "winRate": 0.5,
        "turnover": {"amount": "30.00", "currencyCode": "EUR"},
        "grossProfit": {"amount": "10.00"},
        "grossLoss": {"amount": "20.00"},
        "netProfit": {"amount": "-10.00"},
        "roi": pytest.approx(-1 / 3),
        "returnOnBankroll": pytest.approx(-0.01),
        "averageProfit": {"amount": "-5.00"},
        "averageOdds": 1.75,
        "longestWinningRun": 1,
        "longestLosingRun": 1,
        "maxDrawdown": pytest.approx(20 / 1010),
        "sharpeRatio": pytest.approx(-4.443, abs=1e-3),  # of 10 / 1000 and -20 / 1010: -0.0049 / 0.0211 · √365
        "profitFactor": 0.5,
        "closingPriceCount": 2,
        "averageClosingLineValue": pytest.approx(0.035),
        "closingBeatRate": 1.0,
        "expectedProfit": {"amount": "0.90"},
        "luck": {"amount": "-10.90"},
        "luckDeviation": {"amount": "17.19"},  # √(100 · 4 · 0.525 · 0.475 + 400 · 2.25 · 0.68 · 0.32)
        "pValue": pytest.approx(5 / 6, abs=0.02),  # all but two losses, 1/2 · 1/3
        "verdict": "UNDECIDED",
        "betsNeeded": 48,  # (2.8016 / (1/3))² · 2 · (100 · 1 + 400 · 0.5) / 30²
        "sentence": "2 bets, 10.90 EUR behind what the closing prices promised. "
        "Not enough bets to tell skill from luck: at this yield about 48 would be needed.",
    }
    assert interval["lower"] < -1 / 3 < 0 < interval["upper"]
    assert beyond["lower"] < 0.035 < beyond["upper"]


async def test_nobody_without_bets_gets_an_error(ann: Bettor) -> None:
    found = await mine(ann)
    assert (found["settledCount"], found["netProfit"], found["roi"]) == (0, {"amount": "0.00"}, None)
    assert (found["verdict"], found["sentence"]) == ("UNDECIDED", "No settled bets yet.")
    assert (await ann.data("{ viewer { performanceByCurrency { currencyCode } } }"))["viewer"] == {
        "performanceByCurrency": []
    }


async def test_the_sentence_is_in_the_language_asked_for(ann: Bettor, factory: Factory) -> None:
    await make_bets(factory.db, await make_bankroll(factory.db, ann.account), [Wager()])
    query = """{ viewer { performance { mine: sentence es: sentence(locale: "es-CL") en: sentence(locale: "en") } } }"""
    found = (await ann.data(query))["viewer"]["performance"]
    assert found["mine"] == found["en"]
    assert found["es"].startswith("1 apuesta, 10,00 EUR de ganancia.")
    await factory.db.execute("update account set locale = 'es' where id = $1", ann.account)
    assert (await ann.data(query))["viewer"]["performance"]["mine"] == found["es"]


async def test_currencies_and_paper_are_never_added_up(ann: Bettor, factory: Factory) -> None:
    for currency, is_paper, count in (
        ("USD", False, 1),
        ("USD", False, 2),
        ("JPY", False, 1),
        ("EUR", True, 4),
        ("EUR", True, 1),
    ):
        bankroll = await make_bankroll(factory.db, ann.account, currency=currency, is_paper=is_paper)
        await make_bets(factory.db, bankroll, [Wager()] * count)
    assert (await mine(ann))["turnover"] == {"amount": "30.00", "currencyCode": "USD"}  # none in euros: most bets
    assert (await mine(ann, isPaper=True))["turnover"] == {"amount": "50.00", "currencyCode": "EUR"}
    assert (await mine(ann, currency="JPY"))["turnover"] == {"amount": "1000", "currencyCode": "JPY"}
    assert (await mine(ann, currency="CHF"))["settledCount"] == 0
    await factory.db.execute("update account set currency = 'JPY' where id = $1", ann.account)
    assert (await mine(ann))["currencyCode"] == "JPY"
    query = """query($isPaper: Boolean) { viewer {
      performanceByCurrency(isPaper: $isPaper) { currencyCode settledCount } } }"""
    assert (await ann.data(query))["viewer"]["performanceByCurrency"] == [
        {"currencyCode": "USD", "settledCount": 3},
        {"currencyCode": "JPY", "settledCount": 1},
    ]
    paper = (await ann.data(query, isPaper=True))["viewer"]["performanceByCurrency"]
    assert paper == [{"currencyCode": "EUR", "settledCount": 5}]


async def test_a_code_of_no_currency_is_refused(ann: Bettor) -> None:
    error = await ann.error(MINE, currency="XYZ")
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "argument": "currencyCode"}
    assert "EUR" in error["message"]


async def test_an_empty_span_is_refused(ann: Bettor) -> None:
    error = await ann.error(MINE, during={"from": "2026-03-03T00:00:00Z", "to": "2026-03-02T00:00:00Z"})
    assert error["extensions"]["argument"] == "during"


async def test_a_span_and_a_filter_narrow(ann: Bettor, factory: Factory) -> None:
    bankroll = await make_bankroll(factory.db, ann.account)
    await make_bets(
        factory.db,
        bankroll,
        [Wager(settled_at=at(1)), Wager(settled_at=at(3), tags=("live",)), Wager("LOST", settled_at=at(3))],
    )
    during = {"from": "2026-03-02T00:00:00Z", "to": "2026-03-04T00:00:00Z"}
    found = await mine(ann, during=during)
    assert (found["settledCount"], found["returnOnBankroll"]) == (2, 0.0)
    query = """query($id: ID!, $filter: BetFilter, $during: DateTimeRange) { node(id: $id) { ... on Bankroll {
      performance(filter: $filter, during: $during) { settledCount wonCount } } } }"""
    own = {"id": global_id("Bankroll", bankroll)}
    whole = await ann.data(query, **own)
    assert whole["node"]["performance"] == {"settledCount": 3, "wonCount": 2}
    live = await ann.data(query, **own, filter={"tags": ["live"]}, during=during)
    assert live["node"]["performance"] == {"settledCount": 1, "wonCount": 1}
    none = await ann.data(query, **own, filter={"tags": ["derby"]})
    assert none["node"]["performance"] == {"settledCount": 0, "wonCount": 0}


async def test_groups_have_keys_and_labels(ann: Bettor, factory: Factory) -> None:
    league = await factory.league("england-premier-league")
    [match] = await factory.matches([Fixture(league, "Arsenal", "Chelsea", hours(-4), goals=(1, 0))])
    words, books = await factory.markets(RESULT, OVER_25), await factory.books()
    await factory.forecasts([match], at=hours(-24))
    prediction = await factory.db.fetchval("select id from prediction where model_key = 'touchline.match_result'")
    home = Leg(match, words.selection_id(RESULT, "home"), books["corner"], None, prediction)
    over = Leg(match, words.selection_id(OVER_25, "over"), None, "Uncle Joe")
    bankroll = await make_bankroll(factory.db, ann.account)
    await make_bets(
        factory.db,
        bankroll,
        [
            Wager(legs=(home,), edge=0.12, price="2.10", settled_at=at(7), tags=("live", "derby")),
            Wager(legs=(home,), settled_at=at(8)),
            Wager(legs=(over,), settled_at=at(8)),
            Wager("LOST", legs=(home, over), price="4.20", settled_at=at(9)),
            Wager("PENDING", legs=(over,)),
        ],
    )
    await factory.db.execute("update account set locale = 'es' where id = $1", ann.account)
    premier = ("england-premier-league", "England Premier League", 4)
    assert await by(ann, bankroll, "LEAGUE") == [premier]
    assert await by(ann, bankroll, "MARKET") == [
        ("MATCH_RESULT", "Resultado del partido", 2),
        ("TOTAL_GOALS", "Total de goles", 1),
        ("MULTIPLE", "Varios", 1),
    ]
    assert await by(ann, bankroll, "BOOKMAKER") == [
        ("corner", "Corner Shop", 2),
        ("=Uncle Joe", "Uncle Joe", 1),
        ("MULTIPLE", "Varios", 1),
    ]
    assert await by(ann, bankroll, "MODEL") == [
        ("UNKNOWN", "Desconocido", 1),
        ("touchline.match_result", "Match result", 2),
        ("MULTIPLE", "Varios", 1),
    ]
    assert await by(ann, bankroll, "TAG") == [
        ("UNTAGGED", "Sin etiqueta", 3),
        ("derby", "derby", 1),
        ("live", "live", 1),
    ]
    assert await by(ann, bankroll, "WEEKDAY") == [
        ("MONDAY", "lunes", 1),
        ("SATURDAY", "sábado", 1),
        ("SUNDAY", "domingo", 2),
    ]
    assert await by(ann, bankroll, "WEEK") == [
        ("2026-W10", "Semana 10 de 2026", 3),
        ("2026-W11", "Semana 11 de 2026", 1),
    ]
    assert await by(ann, bankroll, "DAY", during={"from": "2026-03-08T00:00:00Z"}) == [
        ("2026-03-08", "2026-03-08", 2),
        ("2026-03-09", "2026-03-09", 1),
    ]
    assert await by(ann, bankroll, "MONTH") == [("2026-03", "marzo de 2026", 4)]
    assert await by(ann, bankroll, "ODDS_BAND") == [("2.00-2.50", "2,00 a 2,50", 3), ("3.50-5.00", "3,50 a 5,00", 1)]
    assert await by(ann, bankroll, "EDGE_BAND") == [("0.10-0.20", "10 % a 20 %", 1), ("UNKNOWN", "Desconocido", 3)]


async def test_the_curve_goes_to_the_balance_of_now(ann: Bettor, factory: Factory) -> None:
    bankroll = await make_bankroll(factory.db, ann.account, at=at(1))
    await move_money(factory.db, bankroll, 50_000, at=at(4))
    won = Wager(placed_at=at(9), settled_at=at(10), closing_line_value=0.05)
    await make_bets(factory.db, bankroll, [won, Wager("LOST", placed_at=NOW, settled_at=NOW)])
    query = CURVE.replace("... on Bankroll {", "... on Bankroll { balance { amount } ")
    found = (await ann.data(query, id=global_id("Bankroll", bankroll), step="WEEK"))["node"]
    assert found["equityCurve"] == [
        {"at": "2026-03-02T00:00:00Z", "balance": euros("1000.00"), "expectedBalance": None, "drawdown": 0.0},
        {"at": "2026-03-09T00:00:00Z", "balance": euros("1500.00"), "expectedBalance": None, "drawdown": 0.0},
        {
            "at": "2026-03-14T12:00:00Z",
            "balance": euros("1500.00"),
            "expectedBalance": {"amount": "1490.50"},
            "drawdown": pytest.approx(10 / 1510),
        },
    ]
    assert found["balance"] == {"amount": "1500.00"}
    by_day = (await ann.data(CURVE, id=global_id("Bankroll", bankroll)))["node"]["equityCurve"]
    assert [point["at"][:10] for point in by_day] == [
        "2026-03-02",
        "2026-03-05",
        "2026-03-10",
        "2026-03-11",
        "2026-03-14",
    ]


def euros(amount: str) -> dict[str, str]:
    return {"amount": amount, "currencyCode": "EUR"}


async def test_a_record_is_its_owners_alone(client: Client, ann: Bettor, factory: Factory) -> None:
    bankroll = await make_bankroll(factory.db, ann.account)
    await make_bets(factory.db, bankroll, [Wager()])
    async with betting(client.app, "bob@example.com") as bob:
        assert (await mine(bob))["settledCount"] == 0
        hidden = await bob.data(CURVE, id=global_id("Bankroll", bankroll))
        assert hidden["node"] is None
    assert (await client.data(MINE))["viewer"] is None


@pytest.mark.parametrize("count", [10, 1_000])
async def test_statements_do_not_grow_with_the_bets(ann: Bettor, factory: Factory, count: int) -> None:
    leagues = [await factory.league(slug) for slug in ("england-premier-league", "england-championship")]
    matches = await factory.matches(
        [Fixture(leagues[n % 2], f"Home {n}", f"Away {n}", hours(-5 - n), goals=(1, 0)) for n in range(4)]
    )
    words, books = await factory.markets(RESULT), await factory.books()
    legs = [Leg(match, words.selection_id(RESULT, "home"), books["corner"]) for match in matches]
    for name in ("One", "Two", "Three"):
        bankroll = await make_bankroll(factory.db, ann.account, name=name)
        await make_bets(
            factory.db,
            bankroll,
            [
                Wager(
                    ("WON", "LOST")[n % 2],
                    placed_at=NOW - timedelta(hours=3 + n),
                    settled_at=NOW - timedelta(hours=n),
                    closing_line_value=0.01 * (n % 5),
                    legs=(legs[n % 4],),
                )
                for n in range(count)
            ],
        )
    answer = await ann.ask(operation("Record"))
    assert answer.errors == []
    assert answer.statements == 6  # who asks, the user, their bankrolls, the ledger, the entries, the leagues' names
    viewer = answer.data["viewer"]
    assert viewer["performance"]["settledCount"] == 3 * count
    assert viewer["performance"]["pValue"] > 0
    assert len(viewer["bankrolls"]["nodes"]) == 3
    for bankroll in viewer["bankrolls"]["nodes"]:
        assert sum(group["metrics"]["settledCount"] for group in bankroll["performanceBy"]) == count
        assert {group["label"] for group in bankroll["performanceBy"]} == {
            "England Premier League",
            "England Championship",
        }
        assert bankroll["equityCurve"][-1]["balance"]["amount"] == "1000.00"
