"""Every filter of matches, with a match it lets in and one it keeps out; every order; every refusal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from api.filters import ConfidenceBand, TimeWindow, read_zone
from api.nodes import global_id
from tests.api.client import Client
from tests.factories import NOW, Bet, Factory, Fixture, hours
from touchline import OVER_25

QUERY = """query($filter: MatchFilter, $orderBy: MatchOrder) {
  matches(filter: $filter, orderBy: $orderBy, first: 100) { totalCount nodes { homeTeam { name } } } }"""


@dataclass
class World:
    """Matches named by their home team, and ids."""

    client: Client
    ids: dict[str, int]
    leagues: dict[str, int]

    async def shown(self, filter: dict[str, Any] | None, order_by: dict[str, Any] | None = None) -> list[str]:
        """Home teams of the matches of a filter, in order."""
        answer = (await self.client.data(QUERY, filter=filter, orderBy=order_by))["matches"]
        assert answer["totalCount"] == len(answer["nodes"])
        return [node["homeTeam"]["name"] for node in answer["nodes"]]


@pytest.fixture
async def world(client: Client, factory: Factory) -> World:
    big = await factory.league("england-premier-league", is_big=True, code="E0")
    small = await factory.league("spain-segunda", "Segunda", country="ES", code="SP2")
    fixtures = [
        Fixture(big, "Yesterday", "Gone", hours(-13), goals=(1, 0)),
        Fixture(big, "Morning", "Done", hours(-3), goals=(2, 2)),
        Fixture(big, "Playing", "Now", hours(-1), status="LIVE"),
        Fixture(big, "One", "Arsenal", hours(1)),
        Fixture(big, "Two", "Chelsea", hours(2)),
        Fixture(small, "Five", "Betis", hours(5.9)),
        Fixture(small, "Eleven", "Sevilla", hours(11.9)),
        Fixture(big, "Twenty", "Everton", hours(20)),
        Fixture(big, "Postponed", "Rain", hours(21), status="POSTPONED"),
        Fixture(big, "Fifty", "Fulham", hours(50)),
        Fixture(big, "Hundred", "Leeds", hours(100)),
        Fixture(big, "Later", "Spurs", hours(200)),
    ]
    ids = await factory.matches(fixtures)
    names = {fixture.home: match for fixture, match in zip(fixtures, ids, strict=True)}
    await factory.outlook(
        {
            names["One"]: (59, 2.49, None),
            names["Two"]: (60, 2.5, None),
            names["Five"]: (79, 3.4, None),
            names["Eleven"]: (80, 1.9, None),
        }
    )
    await factory.prices([names["One"]], markets=[OVER_25])
    await factory.prices([names["Two"], names["Five"]])
    await factory.value_bets(
        [Bet(names["Two"], 0.15), Bet(names["Five"], 0.09), Bet(names["One"], 0.3, status="EXPIRED")]
    )
    return World(client, names, {"big": big, "small": small})


DAY = ["One", "Two", "Five", "Eleven", "Twenty", "Postponed"]


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ("NEXT_2_HOURS", ["One"]),
        ("NEXT_6_HOURS", ["One", "Two", "Five"]),
        ("NEXT_12_HOURS", ["One", "Two", "Five", "Eleven"]),
        ("NEXT_24_HOURS", DAY),
        ("NEXT_3_DAYS", [*DAY, "Fifty"]),
        ("NEXT_7_DAYS", [*DAY, "Fifty", "Hundred"]),
        ("TODAY", ["Morning", "Playing", "One", "Two", "Five", "Eleven"]),
        ("TOMORROW", ["Twenty", "Postponed"]),
    ],
)
async def test_windows(world: World, window: str, expected: list[str]) -> None:
    assert await world.shown({"window": window}) == expected


async def test_nothing_given_is_the_next_24_hours(world: World) -> None:
    assert await world.shown(None) == DAY
    assert await world.shown({}) == DAY


async def test_any_filter_takes_the_default_window_away(world: World) -> None:
    assert "Later" in await world.shown({"isBigMatch": True})


async def test_today_is_the_day_of_the_time_zone(world: World) -> None:
    # Noon in London is 01:00 of the next day in Auckland, whose day began eleven hours earlier in UTC.
    assert await world.shown({"window": "TODAY", "timeZone": "Pacific/Auckland"}) == [
        "Playing",
        "One",
        "Two",
        "Five",
        "Eleven",
        "Twenty",
        "Postponed",
    ]


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({"kickoff": {"from": "2026-03-14T13:00:00Z", "to": "2026-03-14T14:00:00Z"}}, ["One"]),
        ({"kickoff": {"to": "2026-03-14T00:00:00+00:00"}}, ["Yesterday"]),
        ({"kickoff": {"from": "2026-03-20T00:00:00Z"}}, ["Later"]),
        ({"countryCodes": ["ES"]}, ["Five", "Eleven"]),
        ({"countryCodes": []}, []),
        ({"statuses": ["FINISHED"]}, ["Yesterday", "Morning"]),
        ({"statuses": ["POSTPONED", "LIVE"]}, ["Playing", "Postponed"]),
        ({"isLive": True}, ["Playing"]),
        ({"isLive": False, "window": "TODAY"}, ["Morning", "One", "Two", "Five", "Eleven"]),
        ({"isLive": True, "statuses": ["SCHEDULED"]}, []),
        ({"confidence": ["LOW"]}, ["One"]),
        ({"confidence": ["MEDIUM"]}, ["Two", "Five"]),
        ({"confidence": ["HIGH"]}, ["Eleven"]),
        ({"confidence": ["HIGH", "LOW"]}, ["One", "Eleven"]),
        ({"minConfidence": 79}, ["Five", "Eleven"]),
        ({"hasValueBets": True}, ["Two"]),
        ({"hasValueBets": True, "minEdge": 0.05}, ["Two", "Five"]),
        ({"minEdge": 0.12}, ["Two"]),
        ({"hasValueBets": False, "window": "NEXT_6_HOURS"}, ["One", "Five"]),
        ({"isHighScoring": True}, ["Two", "Five"]),
        ({"isHighScoring": False}, ["One", "Eleven"]),
        ({"minExpectedGoals": 3}, ["Five"]),
        ({"isBigMatch": False}, ["Five", "Eleven"]),
        ({"isBigMatch": True, "window": "NEXT_6_HOURS"}, ["One", "Two"]),
        ({"hasMarkets": ["TOTAL_GOALS"]}, ["One"]),
        ({"hasMarkets": ["TOTAL_GOALS", "MATCH_RESULT"]}, ["One", "Two", "Five"]),
        ({"hasMarkets": ["TOTAL_CORNERS"]}, []),
        ({"search": "betis"}, ["Five"]),
        ({"search": "segunda sevilla"}, ["Eleven"]),
        ({"search": "100%"}, []),
        ({"externalRefs": [{"provider": "football-data", "value": "SP2"}]}, ["Five", "Eleven"]),
        ({"externalRefs": [{"provider": "football-data", "value": "Chelsea"}]}, ["Two"]),
        ({"externalRefs": [{"provider": "elsewhere", "value": "Chelsea"}]}, []),
    ],
)
async def test_filters(world: World, filter: dict[str, Any], expected: list[str]) -> None:
    assert await world.shown(filter) == expected


async def test_leagues_and_teams_by_id(world: World) -> None:
    assert await world.shown({"leagueIds": [global_id("League", world.leagues["small"])]}) == ["Five", "Eleven"]
    match = await world.client.data(
        "query($id: ID!) { match(id: $id) { homeTeam { id } awayTeam { id } } }",
        id=global_id("Match", world.ids["Two"]),
    )
    for side in ("homeTeam", "awayTeam"):
        assert await world.shown({"teamIds": [match["match"][side]["id"]]}) == ["Two"]


@pytest.mark.parametrize(
    ("field", "direction", "expected"),
    [
        ("KICKOFF", "ASC", ["One", "Two", "Five", "Eleven", "Twenty", "Postponed"]),
        ("KICKOFF", "DESC", ["Postponed", "Twenty", "Eleven", "Five", "Two", "One"]),
        ("CONFIDENCE", "DESC", ["Eleven", "Five", "Two", "One", "Postponed", "Twenty"]),
        ("CONFIDENCE", "ASC", ["One", "Two", "Five", "Eleven", "Twenty", "Postponed"]),
        ("BEST_EDGE", "DESC", ["Two", "Five", "Postponed", "Twenty", "Eleven", "One"]),
        ("EXPECTED_GOALS", "DESC", ["Five", "Two", "One", "Eleven", "Postponed", "Twenty"]),
        ("UPDATED", "ASC", ["One", "Two", "Five", "Eleven", "Twenty", "Postponed"]),
    ],
)
async def test_orders(world: World, field: str, direction: str, expected: list[str]) -> None:
    assert await world.shown(None, {"field": field, "direction": direction}) == expected


@pytest.mark.parametrize(
    ("filter", "argument"),
    [
        ({"window": "TODAY", "kickoff": {"from": "2026-03-14T13:00:00Z"}}, "filter.kickoff"),
        ({"kickoff": {"from": "2026-03-15T00:00:00Z", "to": "2026-03-14T00:00:00Z"}}, "filter.kickoff"),
        ({"window": "TODAY", "timeZone": "Mars/Olympus"}, "filter.timeZone"),
        ({"timeZone": "../etc/passwd"}, "filter.timeZone"),
        ({"leagueIds": ["nonsense"]}, "filter.leagueIds"),
        ({"teamIds": [global_id("League", 1)]}, "filter.teamIds"),
        ({"minConfidence": 101}, "filter.minConfidence"),
        ({"isFollowed": True}, "filter.isFollowed"),
    ],
)
async def test_a_bad_filter_is_refused_by_name(client: Client, filter: dict[str, Any], argument: str) -> None:
    error = await client.error(QUERY, filter=filter)
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "argument": argument}
    assert argument in error["message"]


async def test_a_naive_instant_is_refused(client: Client) -> None:
    error = await client.error(QUERY, filter={"kickoff": {"from": "2026-03-14T13:00:00"}})
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "filter" in error["message"]


@pytest.mark.parametrize(
    ("score", "band"), [(0, "LOW"), (59, "LOW"), (59.99, "LOW"), (60, "MEDIUM"), (79.5, "MEDIUM"), (80, "HIGH")]
)
def test_bands_have_no_gap(score: float, band: str) -> None:
    assert ConfidenceBand.of(score) == band
    assert [each for each in ConfidenceBand if each.span[0] <= score < each.span[1]] == [band]


def test_the_day_of_a_clock_change_has_23_hours() -> None:
    start, end = TimeWindow.TODAY.bounds(NOW + timedelta(days=15), read_zone("Europe/Madrid"))
    assert (end - start) == timedelta(hours=24)  # by the wall
    assert end.timestamp() - start.timestamp() == 23 * 3600
