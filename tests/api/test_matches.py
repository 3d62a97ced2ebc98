"""A match and what surrounds it: teams, form, tables, earlier meetings."""

from __future__ import annotations

from typing import Any

import pytest

from api.nodes import global_id
from tests.api.client import Client
from tests.factories import Factory, Fixture, hours


@pytest.fixture
async def season(factory: Factory) -> list[int]:
    """A small season: four decided matches, one being played, one to come."""
    league = await factory.league("england-premier-league", "Premier League", is_big=True, code="E0")
    corners = {"home_corners": 7, "away_corners": 3, "home_shots": 12, "away_shots": 8}
    return await factory.matches(
        [
            Fixture(league, "Arsenal", "Chelsea", hours(-200), goals=(2, 0), counts=corners),
            Fixture(league, "Everton", "Arsenal", hours(-150), goals=(1, 1)),
            Fixture(league, "Chelsea", "Everton", hours(-100), goals=(3, 1)),
            Fixture(league, "Chelsea", "Arsenal", hours(-50), goals=(0, 1)),
            Fixture(
                league,
                "Everton",
                "Chelsea",
                hours(-1),
                goals=(1, 0),
                status="LIVE",
                counts={"minute": 58, "home_red_cards": 0, "away_red_cards": 1},
            ),
            Fixture(league, "Arsenal", "Everton", hours(5)),
        ]
    )


async def ask_match(client: Client, match: int, fields: str) -> Any:
    query = f"query($id: ID!) {{ match(id: $id) {{ {fields} }} }}"
    return (await client.data(query, id=global_id("Match", match)))["match"]


STATE = """status secondsToKickoff state { minute score { home away } redCards { home away } corners { home away }
    regularTimeScore { home away } } statistics { shots { home away } fouls { home } }"""


async def test_state_before_during_and_after(client: Client, season: list[int]) -> None:
    over = await ask_match(client, season[0], STATE)
    assert over["state"]["regularTimeScore"] == {"home": 2, "away": 0}
    assert over["state"]["corners"] == {"home": 7, "away": 3}
    assert over["state"]["redCards"] is None
    assert over["statistics"] == {"shots": {"home": 12, "away": 8}, "fouls": None}
    playing = await ask_match(client, season[4], STATE)
    assert playing["status"] == "LIVE"
    assert playing["state"]["minute"] == 58
    assert playing["state"]["score"] == {"home": 1, "away": 0}
    assert playing["state"]["redCards"] == {"home": 0, "away": 1}
    assert playing["state"]["regularTimeScore"] is None
    coming = await ask_match(client, season[5], STATE)
    assert coming == {"status": "SCHEDULED", "secondsToKickoff": 5 * 3600, "state": None, "statistics": None}


async def test_head_to_head_is_newest_first_and_before_the_match(client: Client, season: list[int]) -> None:
    shown = await ask_match(client, season[4], "headToHead { id }")
    assert shown["headToHead"] == [{"id": global_id("Match", season[2])}]
    shown = await ask_match(client, season[3], "headToHead(last: 1) { id headToHead { id } }")
    assert shown["headToHead"] == [{"id": global_id("Match", season[0]), "headToHead": []}]
    error = await client.error("{ matches { nodes { headToHead(last: 0) { id } } } }")
    assert error["extensions"]["argument"] == "last"


TABLE = """query($asOf: DateTime) { league(by: {slug: "england-premier-league"}) { currentSeason { name
  standings(asOf: $asOf) { rank team { name } played won drawn lost goalsFor goalsAgainst points form } } } }"""


async def test_standings_come_from_results(client: Client, season: list[int]) -> None:
    current = (await client.data(TABLE))["league"]["currentSeason"]
    assert current["name"] == "2025/26"
    rows = [tuple(row.values()) for row in current["standings"]]
    assert rows == [
        (1, {"name": "Arsenal"}, 3, 2, 1, 0, 4, 1, 7, "WDW"),
        (2, {"name": "Chelsea"}, 3, 1, 0, 2, 3, 4, 3, "LWL"),
        (3, {"name": "Everton"}, 2, 0, 1, 1, 2, 4, 1, "DL"),
    ]


async def test_standings_as_of_an_instant_know_nothing_later(client: Client, season: list[int]) -> None:
    kickoff = hours(-100).isoformat()
    rows = (await client.data(TABLE, asOf=kickoff))["league"]["currentSeason"]["standings"]
    assert [(row["team"]["name"], row["played"], row["points"], row["form"]) for row in rows] == [
        ("Arsenal", 2, 4, "WD"),
        ("Everton", 1, 1, "D"),
        ("Chelsea", 1, 0, "L"),
    ]


async def test_form_of_both_teams_and_by_venue(client: Client, season: list[int]) -> None:
    form = """homeTeam { form { matchCount results goalsForAverage goalsAgainstAverage cornersForAverage over25Rate
        bothTeamsScoredRate } away: form(venue: AWAY) { results } last: form(lastMatches: 1) { results } }"""
    shown = (await ask_match(client, season[5], form))["homeTeam"]
    assert shown["form"] == {
        "matchCount": 3,
        "results": "WDW",
        "goalsForAverage": pytest.approx(4 / 3),
        "goalsAgainstAverage": pytest.approx(1 / 3),
        "cornersForAverage": 7.0,
        "over25Rate": 0.0,
        "bothTeamsScoredRate": pytest.approx(1 / 3),
    }
    assert shown["away"]["results"] == "DW"
    assert shown["last"]["results"] == "W"
    error = await client.error("{ teams { nodes { form(lastMatches: 39) { results } } } }")
    assert error["extensions"]["argument"] == "lastMatches"


async def test_leagues_with_their_matches_and_seasons(client: Client, factory: Factory, season: list[int]) -> None:
    quiet = await factory.league("spain-la-liga", country="ES", code="SP1")
    query = """{ leagues { totalCount nodes { name isBig isSimulated upcomingMatchCount country { code }
      externalRefs { provider value } seasons { totalCount nodes { name } } coverage { hasCorners hasPreMatchOdds
      oddsHistorySince } predictability { band } matches(first: 2) { totalCount nodes { homeTeam { name } } } } } }"""
    shown = (await client.data(query))["leagues"]
    assert shown["totalCount"] == 2
    first, second = shown["nodes"]
    assert first == {
        "name": "Premier League",
        "isBig": True,
        "isSimulated": False,
        "upcomingMatchCount": 1,
        "country": {"code": "GB-ENG"},
        "externalRefs": [{"provider": "football-data", "value": "E0"}],
        "seasons": {"totalCount": 1, "nodes": [{"name": "2025/26"}]},
        "coverage": {"hasCorners": True, "hasPreMatchOdds": False, "oddsHistorySince": None},
        "predictability": None,
        "matches": {"totalCount": 6, "nodes": [{"homeTeam": {"name": "Arsenal"}}, {"homeTeam": {"name": "Everton"}}]},
    }
    assert second["matches"] == {"totalCount": 0, "nodes": []}
    assert second["upcomingMatchCount"] == 0
    await factory.prices([season[5]])
    covered = (await client.data(query))["leagues"]["nodes"][0]["coverage"]
    assert covered["hasPreMatchOdds"] is True
    assert covered["oddsHistorySince"] == "2026-03-14"
    assert quiet


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("isActive: true", ["Premier League"]),
        ("isActive: false", ["Spain La Liga"]),
        ('countryCodes: ["ES"]', ["Spain La Liga"]),
        ('search: "liga spa"', ["Spain La Liga"]),
        ("last: 1", ["Spain La Liga"]),
    ],
)
async def test_leagues_by_what_they_are(
    client: Client, factory: Factory, season: list[int], arguments: str, expected: list[str]
) -> None:
    await factory.league("spain-la-liga", country="ES")
    shown = await client.data(f"{{ leagues({arguments}) {{ nodes {{ name }} }} }}")
    assert [league["name"] for league in shown["leagues"]["nodes"]] == expected


async def test_one_league_and_one_team_by_every_name(client: Client, season: list[int]) -> None:
    query = """{ a: league(by: {slug: "england-premier-league"}) { id slug }
      b: league(by: {externalRef: {provider: "football-data", value: "E0"}}) { id }
      none: league(by: {slug: "nowhere"}) { id }
      t: team(by: {slug: "arsenal"}) { id externalRefs { value } country { code leagues { nodes { name } } } }
      u: team(by: {externalRef: {provider: "football-data", value: "Arsenal"}}) { id } }"""
    shown = await client.data(query)
    assert shown["a"]["id"] == shown["b"]["id"]
    assert shown["none"] is None
    assert shown["t"]["id"] == shown["u"]["id"]
    assert shown["t"]["externalRefs"] == [{"value": "Arsenal"}]
    assert shown["t"]["country"]["leagues"]["nodes"] == [{"name": "Premier League"}]
    again = await client.data(
        "query($l: ID!, $t: ID!) { league(by: {id: $l}) { slug } team(by: {id: $t}) { slug } }",
        l=shown["a"]["id"],
        t=shown["t"]["id"],
    )
    assert again == {"league": {"slug": "england-premier-league"}, "team": {"slug": "arsenal"}}
    error = await client.error('{ league(by: {slug: "a", id: "b"}) { id } }')
    assert error["extensions"]["code"] in {"GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT"}


async def test_teams_of_a_league_and_their_matches(client: Client, factory: Factory, season: list[int]) -> None:
    league = (await client.data('{ league(by: {slug: "england-premier-league"}) { id } }'))["league"]["id"]
    await factory.teams(["Barnsley"])
    query = """query($league: ID) { teams(leagueId: $league) { totalCount nodes { name
      matches(filter: {statuses: [FINISHED]}, orderBy: {field: KICKOFF, direction: DESC}, first: 1) {
        totalCount nodes { status } pageInfo { hasNextPage } } } } }"""
    shown = (await client.data(query, league=league))["teams"]
    assert [team["name"] for team in shown["nodes"]] == ["Arsenal", "Chelsea", "Everton"]
    assert [team["matches"]["totalCount"] for team in shown["nodes"]] == [3, 3, 2]
    assert all(team["matches"]["pageInfo"]["hasNextPage"] for team in shown["nodes"])
    assert (await client.data(query))["teams"]["totalCount"] == 4


async def test_lists_of_many_parents_cost_one_statement_each(client: Client, season: list[int]) -> None:
    query = """query($n: Int) { teams(first: $n) { nodes { form { results }
      matches(first: 2) { totalCount nodes { league { name } } } } } }"""
    one, all_of_them = await client.ask(query, {"n": 1}), await client.ask(query, {"n": 3})
    assert len(all_of_them.data["teams"]["nodes"]) == 3
    assert one.statements == all_of_them.statements == 5


async def test_countries_have_leagues(client: Client, factory: Factory, season: list[int]) -> None:
    await factory.country("FR", "France")
    assert (await client.data("{ countries { name code } }"))["countries"] == [{"name": "England", "code": "GB-ENG"}]


async def test_search_finds_by_words(client: Client, factory: Factory, season: list[int]) -> None:
    await factory.model("touchline.goals", [])
    query = """query($q: String!, $first: Int, $after: String) { search(query: $q, first: $first, after: $after) {
      totalCount pageInfo { endCursor hasNextPage } nodes { __typename ... on Match { status }
      ... on League { name } ... on Team { name } ... on Model { key } ... on Plugin { key } } } }"""
    shown = (await client.data(query, q="premier"))["search"]
    assert shown["nodes"][0] == {"__typename": "League", "name": "Premier League"}
    assert shown["totalCount"] == 7
    assert [node["__typename"] for node in shown["nodes"][1:]] == ["Match"] * 6
    assert shown["nodes"][1]["status"] == "SCHEDULED"
    page = (await client.data(query, q="premier", first=3))["search"]
    rest = (await client.data(query, q="premier", first=10, after=page["pageInfo"]["endCursor"]))["search"]
    assert page["nodes"] + rest["nodes"] == shown["nodes"]
    found = (await client.data(query, q="goals"))["search"]["nodes"]
    assert [node["__typename"] for node in found] == ["Model", "Plugin"]
    assert (await client.data(query, q="chelsea arsenal"))["search"]["totalCount"] == 2
    error = await client.error(query, q=" x ")
    assert error["extensions"]["argument"] == "query"
