"""A market that a plugin declares: its names, its dictionary, what is asked of it, grades and bets by its answers."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from domain.bets.importing.selections import Sides, selection_of
from domain.bets.legs import LegWanted
from domain.bets.past import PastBet, PastLeg, record_past
from domain.bets.placing import PlaceBet, place
from domain.bets.record.groups import Dimension
from domain.bets.record.labels import label
from domain.bets.settlement import Settled, settle_by_hand, settle_due
from domain.forecasting.predictions import Answer as PredictionAnswer
from domain.forecasting.predictions import store_predictions
from domain.forecasting.rules import ImpossibleForecast
from domain.grades.rules import NotGraded, happened
from domain.grades.service import Graded, grade_due, grade_repriced
from domain.infra.clock import machine_now
from domain.infra.database import Database, connection_of
from domain.infra.errors import Invalid
from domain.markets.asking import kinds_to_ask, questions_of
from domain.markets.queries import own_kinds
from domain.markets.rules import OwnKind, kind_name, market_name, market_order, outcome_name
from domain.markets.service import dictionary, read_dictionary
from domain.markets.verdicts import OUTDATED, UNASKED, OwnMarket, market_verdict, results_of
from domain.odds.closing import closing_lines
from domain.odds.priced import main_lines, priced_markets
from domain.value.offers import priced_markets as offered
from tests.bettors import make_bankroll
from tests.cards import ALL_CARDS, CARDS_5, CARDS_45, CARDS_525, KIND, PLUGIN, Cards, TotalCards, declared, registry
from tests.domain.grades.world import Said, close, predict
from tests.factories import NOW, Factory, Fixture, hours
from tests.people import person
from touchline import BTTS, OVER_25, RESULT, Basis, BetResult, Facts, Forecasts, Kind, Lines, MarketKey, NotSettleable

TITLE = "Over/Under {line} cards"
OWN = OwnKind(KIND, TITLE, ("over", "under"), Lines.QUARTER)
FIRST_HALF = replace(CARDS_45, period="h1")
PLAYED = Facts("FINISHED", 2, 1, home_yellow_cards=3, away_yellow_cards=2, home_red_cards=1, away_red_cards=0)
SAID = OwnMarket(
    TITLE,
    Lines.QUARTER,
    ("over", "under"),
    (BetResult.WON, BetResult.LOST),
    ("Six cards: won.", "Six cards: lost."),
    told_at=NOW,
    is_fresh=True,
)


@pytest.fixture
async def cards(database: Database) -> Cards:
    factory = Factory(database)
    await factory.clock()
    return await declared(factory)


async def played(cards: Cards, *yellow: int | None) -> list[int]:
    """Matches that ended an hour ago, with so many yellow cards, all of the home side, or unknown ones."""
    league = await cards.factory.league("england-premier-league")
    matches = await cards.factory.matches(
        [Fixture(league, f"Home {n}", f"Away {n}", hours(-3), (2, 1)) for n in range(len(yellow))]
    )
    for match, count in zip(matches, yellow, strict=True):
        await cards.count(match, count)
    return matches


# Names.


@pytest.mark.parametrize(
    ("market", "title", "name"),
    [
        (CARDS_45, TITLE, "Over/Under 4.5 cards"),
        (CARDS_5, TITLE, "Over/Under 5 cards"),
        (FIRST_HALF, TITLE, "Over/Under 4.5 cards, 1st half"),
        (MarketKey.parse("acme.first_card"), "First card", "First card"),
        (MarketKey.parse("acme.odd"), "Odd {0.__class__} title", "Odd {0.__class__} title"),
        (CARDS_45, None, KIND),
    ],
)
def test_a_market_is_called_by_its_title(market: MarketKey, title: str | None, name: str) -> None:
    assert market_name(market, title) == name


def test_outcomes_kinds_and_order() -> None:
    assert outcome_name(CARDS_45, "over") == "Over 4.5"
    assert outcome_name(MarketKey.parse("acme.first_card"), "home", home="Arsenal") == "Arsenal"
    assert kind_name(TITLE) == "Over/Under cards"
    other = MarketKey.parse("acme.first_card")
    handicap = MarketKey(Kind.ASIAN_HANDICAP, 0.5)
    mixed = [CARDS_5, other, FIRST_HALF, handicap, CARDS_45, RESULT]
    assert sorted(mixed, key=market_order) == [RESULT, handicap, other, CARDS_45, CARDS_5, FIRST_HALF]


def test_groups_of_a_record_are_called_by_the_title() -> None:
    assert label(Dimension.MARKET, KIND, "en", {KIND: TITLE}) == "Over/Under cards"
    assert label(Dimension.MARKET, "total_goals", "es", {KIND: TITLE}) == "Total de goles"
    assert label(Dimension.MARKET, "gone.market", "en") == "gone.market"


@pytest.mark.parametrize(
    ("market", "has"),
    [
        (CARDS_45, True),
        (CARDS_525, True),
        (FIRST_HALF, True),
        (replace(CARDS_45, line=None), False),
        (replace(CARDS_45, line=4.3), False),
        (replace(CARDS_45, line=math.nan), False),
        (replace(CARDS_45, line=math.inf), False),
        (replace(CARDS_45, line=-0.0), False),
        (replace(CARDS_45, line=123456.25), False),  # its key would read 123456
        (replace(CARDS_45, period="et"), False),
        (replace(CARDS_45, name="acme.other"), False),
        (OVER_25, False),
    ],
)
def test_which_lines_a_market_has(market: MarketKey, has: bool) -> None:
    assert OWN.has(market) is has


def test_a_file_names_it_by_its_key() -> None:
    sides = Sides(frozenset({"arsenal"}), frozenset({"chelsea"}))

    def read(market: str, selection: str, own: dict[str, OwnKind]) -> str | None:
        found = selection_of(market, selection, "", sides, own)
        return None if found is None else f"{found[0]}/{found[1]}"

    assert read(str(CARDS_45), "over", {KIND: OWN}) == f"{CARDS_45}/over"
    assert read(f"{KIND}:4.5", "under", {KIND: OWN}) == f"{CARDS_45}/under"
    for market, selection in ((f"{KIND}:4.3:ft", "over"), (f"{KIND}:nan:ft", "over"), (str(CARDS_45), "yes")):
        assert read(market, selection, {KIND: OWN}) is None
    assert read(str(CARDS_45), "over", {}) is None


# The dictionary.


async def test_the_dictionary_knows_it_by_what_its_plugin_declares(cards: Cards) -> None:
    known = await read_dictionary(cards.factory.db)
    assert known.outcomes(CARDS_45) == ("over", "under")
    assert known.titles == dict.fromkeys(ALL_CARDS, TITLE)
    rows = await cards.factory.db.fetch("select distinct kind from market")
    assert [row["kind"] for row in rows] == [KIND]
    assert (await own_kinds(cards.factory.db))[KIND] == OWN


@pytest.mark.parametrize(
    ("market", "reason"),
    [
        ("other.market:4.5:ft", r"no installed plugin declares other\.market:4\.5:ft"),
        (f"{KIND}:4.3:ft", r"acme\.total_cards:4\.3:ft is none of acme\.total_cards, whose lines are quarter"),
        (f"{KIND}::ft", "whose lines are quarter"),
    ],
)
async def test_the_dictionary_refuses_what_nobody_declares(cards: Cards, market: str, reason: str) -> None:
    async with cards.factory.db.acquire() as connection:
        with pytest.raises(Invalid, match=reason):
            await dictionary(connection, [RESULT, MarketKey.parse(market)])
    assert RESULT not in (await read_dictionary(cards.factory.db)).market_ids


async def test_what_is_declared_again_changes_its_words(cards: Cards) -> None:
    renamed = replace(TotalCards(), title="{line} cards", lines=Lines.HALF)
    assert await cards.note(registry(renamed, plugin="renamed")) == {}
    rows = await cards.factory.db.fetch("select * from market_kind")
    assert [tuple(row) for row in rows] == [(KIND, "renamed", "{line} cards", ["over", "under"], "half")]
    assert (await read_dictionary(cards.factory.db)).titles[CARDS_45] == "{line} cards"
    assert await cards.note(registry(TotalCards(key="acme.new"))) == {}
    assert set(await own_kinds(cards.factory.db)) == {KIND, "acme.new"}  # what went stays: markets name it


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"outcomes": ("under", "over")}, "is used with the outcomes over, under, which stay as they are"),
        ({"lines": Lines.NONE, "title": "Cards"}, "is used with lines, and that stays as it is"),
        ({"title": "Cards\n{line}"}, "must be one line"),
        ({"title": "{line}" * 40}, "must be one line"),
        ({"outcomes": ("over", "under\x00")}, "must be words"),
    ],
)
async def test_a_plugin_is_refused_that_changes_what_is_used(
    cards: Cards, changed: dict[str, Any], reason: str
) -> None:
    refused = await cards.note(registry(replace(TotalCards(), **changed)))
    assert reason in refused[PLUGIN]
    row = await cards.factory.db.fetchrow("select status, reason from plugin where key = $1", PLUGIN)
    assert row is not None
    assert tuple(row) == ("REFUSED", refused[PLUGIN])
    assert (await own_kinds(cards.factory.db))[KIND] == OWN


async def test_what_nobody_uses_may_change(database: Database) -> None:
    cards = Cards(Factory(database))
    for outcomes in (("over", "under"), ("under", "over", "none")):
        assert await cards.note(registry(replace(TotalCards(), outcomes=outcomes))) == {}
    assert (await own_kinds(database.pool))[KIND].outcomes == ("under", "over", "none")


# Prices.


async def test_prices_stand_and_close_like_any(cards: Cards) -> None:
    league = await cards.factory.league("england-premier-league")
    (match,) = await cards.factory.matches([Fixture(league, "Arsenal", "Chelsea", hours(2))])
    await cards.factory.prices([match], markets=(CARDS_45, CARDS_5, RESULT))
    db = cards.factory.db
    found = await priced_markets(db, [match], kinds=["custom"])
    assert {each.market: each.title for each in found} == {CARDS_45: TITLE, CARDS_5: TITLE}
    assert {each.market for each in await priced_markets(db, [match], kinds=["match_result"])} == {RESULT}
    assert set(main_lines(await priced_markets(db, [match]))) == {(match, KIND, "ft"), (match, "match_result", "ft")}
    lines = await closing_lines(db, [match], [str(CARDS_45)])
    assert lines[match, str(CARDS_45)].prices == [2.6, 2.61]


async def test_strategies_see_its_forecasts_and_prices(cards: Cards) -> None:
    league = await cards.factory.league("england-premier-league")
    (match,) = await cards.factory.matches([Fixture(league, "Arsenal", "Chelsea", hours(2))])
    await cards.factory.prices([match], markets=(CARDS_45,))
    await predict(cards.factory, Said("acme.cards", CARDS_45, {match: (0.6, 0.4)}, is_served=True))
    (market,) = await offered(cards.factory.db, match, NOW)
    assert (market.key, market.probabilities) == (CARDS_45, {"over": 0.6, "under": 0.4})
    assert {(offer.bookmaker, offer.outcome) for offer in market.offers} >= {("corner", "over"), ("corner", "under")}


@pytest.mark.parametrize("row", [(0.6, 0.3, 0.1), (1.0,)])
async def test_a_forecast_of_other_outcomes_is_none(cards: Cards, row: tuple[float, ...]) -> None:
    forecasts = Forecasts({CARDS_45: np.array([row])}, [Basis.MODEL])
    answer = PredictionAnswer("acme.cards", "1", 1, forecasts, (1,), NOW, NOW, 1.0, "digest", "job")
    async with cards.factory.database.transaction() as session:
        connection = await connection_of(session)
        with pytest.raises(ImpossibleForecast, match=r"acme\.total_cards:4\.5:ft has the outcomes over, under, not"):
            await store_predictions(connection, answer, [1])


# What became of it, pure.


def test_a_verdict_is_what_the_plugin_said() -> None:
    assert market_verdict(CARDS_45, "over", PLAYED, SAID).words == "Six cards: won."
    assert market_verdict(CARDS_45, "under", PLAYED, SAID).result == BetResult.LOST
    assert market_verdict(OVER_25, "over", PLAYED, None).result == BetResult.WON
    for status, words in (("ABANDONED", "abandoned"), ("AWARDED", "awarded"), ("CANCELLED", "cancelled")):
        void = market_verdict(CARDS_45, "over", replace(PLAYED, status=status), replace(SAID, results=None))
        assert void.result == BetResult.VOID
        assert void.words.startswith("Over/Under 4.5 cards: Over 4.5: ")
        assert words in void.words


@pytest.mark.parametrize(
    ("facts", "own", "outcome", "reason"),
    [
        (PLAYED, replace(SAID, told_at=None, results=None, is_fresh=False), "over", UNASKED),
        (PLAYED, replace(SAID, is_fresh=False), "over", OUTDATED),
        (
            PLAYED,
            replace(SAID, results=None, sentences=None, reason="cards are not known yet"),
            "over",
            "not known yet",
        ),
        (replace(PLAYED, status="LIVE"), SAID, "over", "the match is not over"),
        (PLAYED, SAID, "yes", "has no outcome yes"),
    ],
)
def test_why_there_is_no_verdict(facts: Facts, own: OwnMarket, outcome: str, reason: str) -> None:
    with pytest.raises(NotSettleable, match=reason):
        market_verdict(CARDS_45, outcome, facts, own)


def test_what_happened_is_what_the_plugin_said() -> None:
    found = happened(CARDS_45, PLAYED, SAID)
    assert (found.place, found.outcome, found.facts) == (0, "over", "Six cards: won.")
    assert happened(CARDS_45, PLAYED, replace(SAID, is_fresh=False)) == found  # until it speaks again
    returned = replace(SAID, results=(BetResult.PUSH, BetResult.PUSH))
    for own, reason in ((returned, "fell on the line"), (replace(SAID, results=None, sentences=None), UNASKED)):
        with pytest.raises(NotGraded, match=reason):
            happened(CARDS_45, PLAYED, own)
    with pytest.raises(NotGraded, match="abandoned"):
        happened(CARDS_45, replace(PLAYED, status="ABANDONED"), SAID)


def test_what_a_bet_can_come_to_follows_from_the_line() -> None:
    half = {BetResult.HALF_WON, BetResult.HALF_LOST}
    assert not results_of(CARDS_45, SAID) & {BetResult.PUSH, *half}
    assert results_of(CARDS_5, SAID) & {BetResult.PUSH, *half} == {BetResult.PUSH}
    assert results_of(CARDS_525, SAID) >= half
    assert results_of(BTTS, None) == {BetResult.WON, BetResult.LOST, BetResult.VOID}


# What a plugin is asked.


async def test_it_is_asked_what_somebody_has_a_use_for(cards: Cards) -> None:
    predicted, priced, unused = await played(cards, 5, 5, 5)
    db = cards.factory.db
    assert await kinds_to_ask(db, now=NOW) == []
    await predict(cards.factory, Said("acme.cards", CARDS_45, {predicted: (0.6, 0.4)}))
    await close(cards.factory, {priced: (2.0, 1.9)}, market=CARDS_5)
    assert await kinds_to_ask(db, now=NOW) == [KIND]
    asked = await questions_of(db, KIND, now=NOW)
    assert {(each.match_id, each.market) for each in asked} == {(predicted, CARDS_45), (priced, CARDS_5)}
    assert {each.facts.home_yellow_cards for each in asked} == {5}
    assert unused not in {each.match_id for each in asked}
    assert [each.match_id for each in await questions_of(db, KIND, now=NOW, match_ids=[priced])] == [priced]
    later = NOW + timedelta(days=91)
    assert await questions_of(db, KIND, now=later) == []
    assert len(await questions_of(db, KIND, now=later, match_ids=[priced, predicted])) == 2
    assert await cards.answer() == [predicted, priced]
    assert await kinds_to_ask(db, now=NOW) == []


@pytest.mark.parametrize("status", ["QUARANTINED", "DISABLED", "REFUSED"])
async def test_a_plugin_that_does_not_run_is_not_asked(cards: Cards, status: str) -> None:
    (match,) = await played(cards, 5)
    await predict(cards.factory, Said("acme.cards", CARDS_45, {match: (0.6, 0.4)}))
    await cards.factory.db.execute("update plugin set status = $1", status)
    assert await kinds_to_ask(cards.factory.db, now=NOW) == []
    await cards.factory.db.execute("update plugin set status = 'SHADOW'")
    assert await kinds_to_ask(cards.factory.db, now=NOW) == [KIND]


async def test_answers_add_revisions(cards: Cards) -> None:
    (match,) = await played(cards, None)
    await predict(cards.factory, Said("acme.cards", CARDS_45, {match: (0.6, 0.4)}))
    assert await cards.answer() == [match]
    assert await cards.answer() == []
    assert await cards.answer(version="2") == []  # the row of the plugin says version 1
    await cards.factory.db.execute("update plugin set version = '2'")
    assert await cards.answer(version="2") == [match]  # what was not known may be known to another version
    await cards.count(match, 6)
    assert await cards.answer(version="2") == [match]
    await cards.factory.db.execute("update plugin set version = '3'")
    assert await cards.answer(version="3") == []
    found = await cards.results()
    assert [(row["revision"], row["results"], row["plugin_version"]) for row in found] == [
        (1, None, "1"),
        (2, None, "2"),
        (3, ["WON", "LOST"], "2"),
    ]
    assert found[0]["reason"] == "yellow cards are not known yet"
    assert found[2]["sentences"][0] == "Over 4.5 cards: there were 6 cards: won."
    assert sorted({row["settled_at"] for row in found}) == [row["settled_at"] for row in found]  # also on a still clock


# Grades.


async def grade(cards: Cards, *, again: list[int] | None = None) -> Graded:
    async with cards.factory.database.transaction() as session:
        connection = await connection_of(session)
        if again is not None:
            return await grade_repriced(connection, now=NOW, job_id="job", match_ids=again)
        return await grade_due(connection, now=NOW, job_id="job")


async def grades(cards: Cards) -> list[tuple[Any, ...]]:
    rows = await cards.factory.db.fetch("select revision, outcome_key, is_hit, facts from grade order by id")
    return [tuple(row) for row in rows]


async def test_predictions_are_graded_when_the_plugin_has_spoken(cards: Cards) -> None:
    (match,) = await played(cards, 6)
    await predict(cards.factory, Said("acme.cards", CARDS_45, {match: (0.3, 0.7)}))
    await predict(cards.factory, Said("touchline.result", RESULT, {match: (0.5, 0.3, 0.2)}))
    await close(cards.factory, {match: (1.8, 2.2)}, market=CARDS_45)
    assert (await grade(cards)).count == 1
    assert (await grade(cards)).matches == 0  # nothing turns round while the plugin is silent
    await cards.answer()
    assert (await grade(cards, again=[match])).count == 1
    assert await grades(cards) == [
        (1, "home", True, "2-1"),
        (1, "over", False, "Over 4.5 cards: there were 6 cards: won."),
    ]
    row = await cards.factory.db.fetchrow("select * from current_grade where model_key = 'acme.cards'")
    assert row is not None
    assert row["outcome"] == 0
    assert row["log_loss"] == pytest.approx(-math.log(0.3))
    assert row["closing_log_loss"] < row["log_loss"]


async def test_corrected_facts_lead_to_another_grade(cards: Cards) -> None:
    (match,) = await played(cards, 6)
    await predict(cards.factory, Said("acme.cards", CARDS_45, {match: (0.3, 0.7)}))
    await cards.answer()
    await grade(cards)
    await cards.count(match, 3)
    assert (await grade(cards)).count == 0
    assert await cards.factory.db.fetchval("select count(*) from current_grade") == 1  # the last word counts until then
    await cards.answer()
    assert (await grade(cards, again=[match])).count == 1
    assert [each[:3] for each in await grades(cards)] == [(1, "over", False), (2, "under", True)]
    await cards.factory.db.execute("update match set status = 'AWARDED', updated_at = updated_at + interval '1 s'")
    assert (await grade(cards)).count == 0
    assert await cards.factory.db.fetchval("select count(*) from current_grade") == 0


async def test_a_count_on_the_line_is_not_graded(cards: Cards) -> None:
    (match,) = await played(cards, 5)
    await predict(cards.factory, Said("acme.cards", CARDS_5, {match: (0.5, 0.5)}))
    await cards.answer()
    assert ((await grade(cards)).count, await grades(cards)) == (0, [])


# Bets.


async def bettor(cards: Cards) -> tuple[int, int]:
    account = await person(cards.factory.database)
    return account, await make_bankroll(cards.factory.db, account)


async def bet(cards: Cards, owner: tuple[int, int], match: int, market: MarketKey, outcome: str, *more: PastLeg) -> int:
    """A bet of 10.00 at 2.00 that was placed before the match."""
    selection = (await read_dictionary(cards.factory.db)).selection_id(market, outcome)
    leg = PastLeg(Decimal(2), match_id=match, selection_id=selection)
    async with cards.factory.database.transaction() as session:
        connection = await connection_of(session)
        told = [PastBet(hours(-5), 1000, [leg, *more])]
        (bet_id,) = await record_past(connection, *owner, told, now=hours(-5), machine=machine_now(), source="MANUAL")
    return bet_id


async def settle(cards: Cards) -> Settled:
    async with cards.factory.database.transaction() as session:
        connection = await connection_of(session)
        return await settle_due(connection, now=NOW, machine=machine_now(), job_id="job")


async def state(cards: Cards, bet_id: int) -> tuple[str, int | None]:
    row = await cards.factory.db.fetchrow("select status, payout from bet where id = $1", bet_id)
    assert row is not None
    return row["status"], row["payout"]


async def trace(cards: Cards, bet_id: int) -> list[str]:
    """The words of the newest verdict."""
    found: list[str] = await cards.factory.db.fetchval(
        "select trace from settlement where bet_id = $1 order by id desc limit 1", bet_id
    )
    return found


@pytest.mark.parametrize(
    ("market", "outcome", "yellow", "status", "payout"),
    [
        (CARDS_45, "over", 5, "WON", 2000),
        (CARDS_45, "under", 5, "LOST", 0),
        (CARDS_5, "over", 5, "PUSH", 1000),
        (CARDS_525, "over", 5, "HALF_LOST", 500),
        (CARDS_525, "under", 5, "HALF_WON", 1500),
    ],
)
async def test_bets_are_settled_by_what_the_plugin_said(
    cards: Cards, market: MarketKey, outcome: str, yellow: int, status: str, payout: int
) -> None:
    (match,) = await played(cards, yellow)
    bet_id = await bet(cards, await bettor(cards), match, market, outcome)
    assert (await settle(cards)).count == 0
    assert await cards.answer() == [match]
    assert (await settle(cards)).count == 1
    assert await state(cards, bet_id) == (status, payout)
    assert (await settle(cards)).count == 0
    said = (await cards.results())[0]["sentences"][("over", "under").index(outcome)]
    assert (await trace(cards, bet_id))[0] == f"Home 0 v Away 0: {said}"
    description = await cards.factory.db.fetchval("select description from bet_leg")
    assert description == f"Home 0 v Away 0: Over/Under {market.line:g} cards: {outcome.capitalize()} {market.line:g}"


async def test_a_bet_is_placed_at_its_price(cards: Cards) -> None:
    league = await cards.factory.league("england-premier-league")
    (match,) = await cards.factory.matches([Fixture(league, "Arsenal", "Chelsea", hours(2))])
    await cards.factory.prices([match], markets=(CARDS_45,))
    account, bankroll = await bettor(cards)
    selection = (await read_dictionary(cards.factory.db)).selection_id(CARDS_45, "over")
    leg = LegWanted(Decimal("2.50"), match, selection, (await cards.factory.books())["corner"])
    async with cards.factory.database.transaction() as session:
        wanted = PlaceBet(bankroll, [leg], Decimal("10.00"), "EUR")
        bet_id = await place(await connection_of(session), account, wanted, now=NOW, machine=machine_now())
    row = await cards.factory.db.fetchrow("select price, description from bet_leg where bet_id = $1", bet_id)
    assert row is not None
    assert tuple(row) == (Decimal("2.5000"), "Arsenal v Chelsea: Over/Under 4.5 cards: Over 4.5")


async def test_a_silent_plugin_keeps_nobody_waiting_but_its_bets(cards: Cards) -> None:
    (match,) = await played(cards, None)
    owner = await bettor(cards)
    waiting = [await bet(cards, owner, match, CARDS_45, "over") for _ in range(3)]
    ours = await bet(cards, owner, match, await _held(cards, OVER_25), "over")
    for expected in (1, 0):
        settled = await settle(cards)
        assert (settled.count, settled.has_more) == (expected, False)
    assert await state(cards, ours) == ("WON", 2000)
    await cards.answer()
    assert ((await settle(cards)).count, await state(cards, waiting[0])) == (0, ("PENDING", None))
    await cards.count(match, 2)
    assert (await settle(cards)).count == 0
    await cards.answer()
    assert (await settle(cards)).count == 3
    assert {await state(cards, each) for each in waiting} == {("LOST", 0)}


async def _held(cards: Cards, market: MarketKey) -> MarketKey:
    await cards.factory.markets(market)
    return market


async def test_corrected_facts_settle_anew_when_the_plugin_has_spoken_again(cards: Cards) -> None:
    (match,) = await played(cards, 6)
    owner = await bettor(cards)
    bet_id = await bet(cards, owner, match, CARDS_45, "over")
    await cards.answer()
    await settle(cards)
    for yellow, verdict in ((3, ("LOST", 0)), (7, ("WON", 2000)), (8, ("WON", 2000))):
        before = await state(cards, bet_id)
        await cards.count(match, yellow)
        assert (await settle(cards)).count == 0
        assert await state(cards, bet_id) == before  # it keeps its verdict meanwhile
        await cards.answer()
        await settle(cards)
        assert await state(cards, bet_id) == verdict
    causes = await cards.factory.db.fetch("select cause from settlement order by id")
    assert [row["cause"] for row in causes] == ["RESULT", "CORRECTED_RESULT", "CORRECTED_RESULT"]
    assert "The result was corrected." in await trace(cards, bet_id)
    assert await cards.factory.db.fetchval("select balance from bankroll where id = $1", owner[1]) == 101_000


async def test_a_correction_that_was_long_on_its_way_settles_anew(cards: Cards) -> None:
    """It bears the instant at which its import began, which is before the answer that it makes outdated."""
    (match,) = await played(cards, 6)
    bet_id = await bet(cards, await bettor(cards), match, CARDS_45, "over")
    await cards.answer()
    await settle(cards)
    await cards.factory.db.execute(
        "update match set home_yellow_cards = 1, updated_at = $2 where id = $1", match, hours(-1)
    )
    await cards.answer()
    assert ((await settle(cards)).count, await state(cards, bet_id)) == (1, ("LOST", 0))


async def test_a_void_or_moved_match_needs_no_plugin(cards: Cards) -> None:
    void, moved = await played(cards, None, None)
    owner = await bettor(cards)
    first = await bet(cards, owner, void, CARDS_45, "over")
    second = await bet(cards, owner, moved, CARDS_45, "over")
    db = cards.factory.db
    await db.execute("update match set status = 'ABANDONED', updated_at = now() where id = $1", void)
    await db.execute("update match set kickoff_at = kickoff_at + interval '49 hours' where id = $1", moved)
    assert (await settle(cards)).count == 2
    assert await state(cards, first) == await state(cards, second) == ("VOID", 1000)
    assert "Over/Under 4.5 cards: Over 4.5: the match was abandoned: void" in (await trace(cards, first))[0]


async def test_an_accumulator_waits_for_the_plugin(cards: Cards) -> None:
    first, second = await played(cards, 6, 6)
    await cards.factory.markets(RESULT)
    home = (await read_dictionary(cards.factory.db)).selection_id(RESULT, "home")
    other = PastLeg(Decimal(3), match_id=second, selection_id=home)
    bet_id = await bet(cards, await bettor(cards), first, CARDS_45, "over", other)
    assert (await settle(cards)).count == 0
    assert [row["result"] for row in await cards.factory.db.fetch("select result from bet_leg order by position")] == [
        None,
        "WON",
    ]
    await cards.answer()
    assert ((await settle(cards)).count, await state(cards, bet_id)) == (1, ("WON", 6000))


async def test_its_owner_may_settle_it_as_the_line_allows(cards: Cards) -> None:
    (match,) = await played(cards, None)
    account, bankroll = await bettor(cards)
    bet_id = await bet(cards, (account, bankroll), match, CARDS_45, "over")

    async def by_hand(result: str) -> None:
        async with cards.factory.database.transaction() as session:
            connection = await connection_of(session)
            await settle_by_hand(connection, account, bet_id, 1, [result], now=NOW, machine=machine_now())

    with pytest.raises(Invalid, match="can be WON, LOST, VOID"):
        await by_hand("PUSH")
    await by_hand("WON")
    await cards.count(match, 1)
    await cards.answer()
    assert (await settle(cards)).count == 1  # written beside, and not paid
    assert await state(cards, bet_id) == ("WON", 2000)
    assert not await cards.factory.db.fetchval("select is_effective from settlement order by id desc limit 1")
