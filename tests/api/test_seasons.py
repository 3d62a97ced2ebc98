"""Tables, simulated tables and ratings through the graph."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from api.nodes import global_id, key_of
from domain.infra.clock import set_clock
from domain.infra.database import Database
from domain.infra.settings import read_settings
from tests.api.betting import Bettor, betting
from tests.api.client import Client
from tests.factories import NOW, Factory, Fixture, hours
from tests.season_world import ANNOUNCED, KEY, SeasonWorld, make_season, pairs, speak
from touchline.plugins import load_plugins
from workers.boot import Boot, booted
from workers.seasons import run_simulation, simulate_table

ROWS = """rows { team { name } currentPoints expectedPoints pointsInterval { lower upper } placeProbabilities
    titleProbability topFourProbability relegationProbability relegationPlayoffProbability }"""
TABLE = f"""query($simulations: Int, $asOf: DateTime, $whatIf: [AssumedResultInput!], $version: ID) {{
    league(by: {{slug: "england-premier-league"}}) {{ currentSeason {{ id
      tableForecast(simulations: $simulations, asOf: $asOf, whatIf: $whatIf, modelVersionId: $version) {{
        simulations seconds simulatedAt asOf matchesLeft unannouncedMatches relegationPlaces relegationPlayoffPlaces
        modelVersion {{ id model {{ key }} }} {ROWS} }} }} }} }}"""
ASK = """mutation($input: RequestTableForecastInput!) { requestTableForecast(input: $input) {
    job { id kind status progress stage totalCount completedCount error result }
    errors { ... on UserError { code path message } } } }"""
JOB = "query($id: ID!) { job(id: $id) { status progress stage completedCount totalCount error result } }"


@pytest.fixture
async def world(factory: Factory) -> SeasonWorld:
    return await make_season(factory)


@pytest.fixture
async def ann(client: Client) -> AsyncIterator[Bettor]:
    async with betting(client.app) as bettor:
        yield bettor


@pytest.fixture
async def boot(database_url: str, redis_url: str, client: Client) -> AsyncIterator[Boot]:
    settings = read_settings(database_url=database_url, redis_url=redis_url)
    registry = load_plugins()
    async with booted(settings, lambda: registry) as opened:
        yield opened


async def table(client: Client, **asked: Any) -> Any:
    return (await client.data(TABLE, **asked))["league"]["currentSeason"]["tableForecast"]


def result(match: int, home: int, away: int) -> dict[str, Any]:
    return {"matchId": global_id("Match", match), "homeGoals": home, "awayGoals": away}


async def test_a_table_is_simulated_at_once(client: Client, factory: Factory, world: SeasonWorld) -> None:
    version = await speak(factory, world)
    shown = await table(client, simulations=1000)
    assert (shown["simulations"], shown["matchesLeft"], shown["unannouncedMatches"]) == (1000, 15, 9)
    assert shown["modelVersion"] == {"id": global_id("ModelVersion", version), "model": {"key": KEY}}
    assert (shown["relegationPlaces"], shown["relegationPlayoffPlaces"]) == (3, 0)
    assert shown["asOf"] == shown["simulatedAt"] == "2026-03-14T12:00:00Z"
    rows = shown["rows"]
    assert [row["expectedPoints"] for row in rows] == sorted((row["expectedPoints"] for row in rows), reverse=True)
    for row in rows:
        assert sum(row["placeProbabilities"]) == pytest.approx(1, abs=1e-9)
        assert row["titleProbability"] == row["placeProbabilities"][0]
        assert row["topFourProbability"] == pytest.approx(sum(row["placeProbabilities"][:4]))
        assert row["relegationProbability"] == pytest.approx(sum(row["placeProbabilities"][3:]))
        assert row["relegationPlayoffProbability"] == 0
        assert row["currentPoints"] <= row["pointsInterval"]["lower"] <= row["expectedPoints"]
    assert [sum(row["placeProbabilities"][place] for row in rows) for place in range(6)] == pytest.approx([1] * 6)
    standings = (
        '{ league(by: {slug: "england-premier-league"}) { currentSeason { standings { team { name } points } } } }'
    )
    told = (await client.data(standings))["league"]["currentSeason"]["standings"]
    assert {row["team"]["name"]: row["points"] for row in told} == {
        row["team"]["name"]: row["currentPoints"] for row in rows
    }


async def test_the_same_question_gets_the_same_answer_with_few_statements(
    client: Client, factory: Factory, world: SeasonWorld
) -> None:
    await speak(factory, world)
    first = await client.ask(TABLE, {"simulations": 500})
    again = await client.ask(TABLE, {"simulations": 500})
    tables = [each.data["league"]["currentSeason"]["tableForecast"] for each in (first, again)]
    assert tables[0]["rows"] == tables[1]["rows"]
    # League, season; two for the ranking of models, matches, outlook, format; version, model, teams.
    assert first.statements == 10


async def test_assumed_results_count_as_played(client: Client, factory: Factory, world: SeasonWorld) -> None:
    await speak(factory, world)
    plain = await table(client, simulations=1000)
    thrashed = [result(match, 0, 9) for match in world.coming]
    shown = await table(client, simulations=1000, whatIf=thrashed)
    assert shown["matchesLeft"] == plain["matchesLeft"] - ANNOUNCED
    homes = {
        row["home_team_id"]
        for row in await world.database.pool.fetch(
            "select home_team_id from match where id = any($1::bigint[])", list(world.coming)
        )
    }
    names = {name for name, team in world.clubs.items() if team in homes}
    before, after = ({row["team"]["name"]: row["expectedPoints"] for row in each["rows"]} for each in (plain, shown))
    assert sum(after[name] - before[name] for name in names) < 0
    assert {row["team"]["name"]: row["currentPoints"] for row in shown["rows"]} == {
        row["team"]["name"]: row["currentPoints"] for row in plain["rows"]
    }


async def test_what_cannot_be_assumed_is_named(client: Client, factory: Factory, world: SeasonWorld) -> None:
    await speak(factory, world)
    other = await factory.league("spain-la-liga", country="ES", code="SP1")
    del other
    good = result(world.coming[0], 1, 0)
    wrong: list[tuple[list[dict[str, Any]], str]] = [
        ([good, result(999_999, 1, 0)], "whatIf.1.matchId"),
        ([{**good, "matchId": global_id("Team", 1)}], "whatIf.0.matchId"),
        ([result(world.played[0], 1, 0)], "whatIf.0.matchId"),
        ([good, good], "whatIf.1.matchId"),
        ([{**good, "awayGoals": -1}], "whatIf.0.awayGoals"),
        ([{**good, "homeGoals": 31}], "whatIf.0.homeGoals"),
        ([good] * 41, "whatIf"),
    ]
    for simulations in (1000, 20000):
        for what_if, field in wrong:
            error = await client.error(TABLE, simulations=simulations, whatIf=what_if)
            assert error["extensions"] == {"code": "BAD_USER_INPUT", "argument": field}
    for simulations in (99, 50_001):
        error = await client.error(TABLE, simulations=simulations)
        assert error["extensions"]["argument"] == "simulations"
    error = await client.error(TABLE, simulations=1000, asOf=hours(1).isoformat())
    assert error["extensions"]["argument"] == "asOf"
    error = await client.error(TABLE, simulations=1000, version=global_id("Match", 1))
    assert error["extensions"]["argument"] == "modelVersionId"


async def test_without_a_forecast_the_answer_says_what_to_do(client: Client, world: SeasonWorld) -> None:
    for simulations in (1000, 20000):
        error = await client.error(TABLE, simulations=simulations)
        assert error["extensions"] == {"code": "BAD_USER_INPUT", "argument": "simulations"}
        assert "requestTableForecast" in error["message"]


async def test_a_version_of_another_instant_and_model_can_be_chosen(
    client: Client, factory: Factory, world: SeasonWorld
) -> None:
    first = await speak(factory, world)
    later = NOW + timedelta(days=1, hours=2)
    await world.end(world.coming[0], 3, 0, later)
    await set_clock(world.database.pool, match=later, speed=0)
    second = await speak(factory, world, now=later, job="job-later")
    assert second != first
    shown = await table(client, simulations=200)
    assert (shown["modelVersion"]["id"], shown["matchesLeft"]) == (global_id("ModelVersion", second), 14)
    shown = await table(client, simulations=200, version=global_id("ModelVersion", first))
    assert (shown["modelVersion"]["id"], shown["matchesLeft"]) == (global_id("ModelVersion", first), 14)
    shown = await table(client, simulations=200, asOf=NOW.isoformat())
    assert (shown["modelVersion"]["id"], shown["matchesLeft"]) == (global_id("ModelVersion", first), 15)


async def test_a_season_with_nothing_left_has_no_table(client: Client, factory: Factory, world: SeasonWorld) -> None:
    await speak(factory, world)
    await factory.matches(
        [Fixture(world.league, home, away, NOW - timedelta(hours=5), goals=(1, 1)) for home, away in pairs()[-9:]]
    )
    for match in world.coming:
        await world.end(match, 1, 1, NOW)
    for simulations in (1000, 20000):
        assert await table(client, simulations=simulations) is None


async def test_a_season_that_is_over_stays_without_a_table(
    client: Client, factory: Factory, world: SeasonWorld
) -> None:
    await speak(factory, world)
    end = NOW + timedelta(days=10)
    await factory.matches([Fixture(world.league, home, away, end, goals=(1, 1)) for home, away in pairs()[-9:]])
    for match in world.coming:
        await world.end(match, 1, 1, end + timedelta(hours=2))
    # The models' last word is older than what was played after it, and none of them will speak again.
    await set_clock(world.database.pool, match=end + timedelta(days=30), speed=0)
    for simulations in (1000, 20000):
        assert await table(client, simulations=simulations) is None
    error = await client.error(TABLE, simulations=1000, asOf=(NOW - timedelta(days=3)).isoformat())
    assert "requestTableForecast" in error["message"]


async def test_an_instant_at_the_edge_of_the_calendar_is_no_crash(
    client: Client, ann: Bettor, factory: Factory, world: SeasonWorld
) -> None:
    await speak(factory, world)
    error = await client.error(TABLE, simulations=1000, asOf="0001-01-01T00:00:00Z")
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "argument": "simulations"}
    for instant in ("0001-01-01T00:00:00+05:00", "9999-12-31T23:00:00-05:00"):
        answer = await client.ask(TABLE, {"simulations": 1000, "asOf": instant})
        assert "outside the years 1 to 9999" in answer.errors[0]["message"]
    asked = {"seasonId": global_id("Season", world.season), "asOf": "0001-01-01T00:00:00Z"}
    payload = (await ann.data(ASK, input=asked))["requestTableForecast"]
    assert [(each["path"], each["message"]) for each in payload["errors"]] == [
        (["input", "asOf"], "lies before the season was announced: the first day is 2025-08-01")
    ]


async def test_the_kept_table_answers_large_questions(
    client: Client, factory: Factory, world: SeasonWorld, boot: Boot
) -> None:
    await speak(factory, world)
    asked = await world.database.pool.fetch("select arguments from outbox where job = 'simulate_table'")
    assert [row["arguments"] for row in asked] == [{"season_id": world.season}]
    for _ in range(2):  # a message may come twice
        await simulate_table(boot, "job-1", season_id=world.season)
    assert await world.database.pool.fetchval("select count(*) from simulated_table") == 1
    answer = await client.ask(TABLE, {"simulations": 20000})
    assert answer.errors == []
    shown = answer.data["league"]["currentSeason"]["tableForecast"]
    assert (shown["simulations"], shown["matchesLeft"]) == (20000, 15)
    assert answer.statements == 11
    assert (await table(client))["rows"] == shown["rows"]
    error = await client.error(TABLE, simulations=20001)
    assert "requestTableForecast" in error["message"]
    few = await table(client, simulations=1000)
    for one, other in zip(
        sorted(few["rows"], key=lambda row: row["team"]["name"]),
        sorted(shown["rows"], key=lambda row: row["team"]["name"]),
        strict=True,
    ):
        assert one["placeProbabilities"] == pytest.approx(other["placeProbabilities"], abs=0.07)


async def _run(boot: Boot, job: str) -> None:
    key = key_of("Job", job)
    assert key is not None
    await run_simulation(boot, f"job-{key}", task_id=key)


async def test_a_larger_table_is_asked_for_followed_and_served(
    client: Client, ann: Bettor, factory: Factory, world: SeasonWorld, boot: Boot
) -> None:
    await speak(factory, world)
    what_if = [result(world.coming[0], 4, 0)]
    asked = {"seasonId": global_id("Season", world.season), "simulations": 12_000, "whatIf": what_if}
    payload = (await ann.data(ASK, input=asked))["requestTableForecast"]
    assert payload["errors"] == []
    assert (payload["job"]["kind"], payload["job"]["status"]) == ("SIMULATION", "QUEUED")
    assert await world.database.pool.fetchval("select job from outbox where job like 'run%'") == "run_simulation"
    error = await client.error(TABLE, simulations=12_000, whatIf=what_if)
    assert "requestTableForecast" in error["message"]
    await _run(boot, payload["job"]["id"])
    done = (await ann.data(JOB, id=payload["job"]["id"]))["job"]
    assert done == {
        "status": "SUCCEEDED",
        "progress": 1.0,
        "stage": None,
        "completedCount": 12_000,
        "totalCount": 12_000,
        "error": None,
        "result": {"simulations": 12_000},
    }
    shown = await table(client, simulations=12_000, whatIf=what_if)
    assert (shown["simulations"], shown["matchesLeft"]) == (12_000, 14)


async def test_a_table_of_a_chosen_version_answers_only_who_chooses_it(
    client: Client, ann: Bettor, factory: Factory, world: SeasonWorld, boot: Boot
) -> None:
    old = await speak(factory, world)
    later = NOW + timedelta(days=1, hours=2)
    await world.end(world.coming[0], 3, 0, later)
    await set_clock(world.database.pool, match=later, speed=0)
    new = await speak(factory, world, now=later, job="job-later")
    await simulate_table(boot, "job-1", season_id=world.season)
    chosen = global_id("ModelVersion", old)
    asked = {"seasonId": global_id("Season", world.season), "simulations": 20_000, "modelVersionId": chosen}
    await _run(boot, (await ann.data(ASK, input=asked))["requestTableForecast"]["job"]["id"])
    shown = await table(client, simulations=20_000)
    assert shown["modelVersion"]["id"] == global_id("ModelVersion", new)
    shown = await table(client, simulations=20_000, version=chosen)
    assert shown["modelVersion"]["id"] == chosen


async def test_an_instant_before_any_forecast_is_fitted_for(
    client: Client, ann: Bettor, world: SeasonWorld, boot: Boot
) -> None:
    as_of = NOW - timedelta(days=5)
    asked = {"seasonId": global_id("Season", world.season), "simulations": 2000, "asOf": as_of.isoformat()}
    # The model that is shown is asked, in a child process.
    payload = (await ann.data(ASK, input=asked))["requestTableForecast"]
    await _run(boot, payload["job"]["id"])
    done = (await ann.data(JOB, id=payload["job"]["id"]))["job"]
    assert (done["status"], done["error"]) == ("SUCCEEDED", None)
    shown = await table(client, simulations=2000, asOf=as_of.isoformat())
    assert (shown["simulations"], shown["matchesLeft"], shown["asOf"]) == (2000, 19, "2026-03-09T12:00:00Z")
    assert sum(row["currentPoints"] for row in shown["rows"]) < sum(
        row["pointsInterval"]["upper"] for row in shown["rows"]
    )
    version = await world.database.pool.fetchrow(
        "select is_retrospective, data_cutoff_at, model_key from model_version"
    )
    assert version is not None
    assert (version["is_retrospective"], version["data_cutoff_at"]) == (True, as_of)
    # From now on smaller questions about that instant, with any results assumed, are answered at once.
    shown = await table(client, simulations=500, asOf=as_of.isoformat(), whatIf=[result(world.coming[0], 1, 1)])
    assert (shown["simulations"], shown["matchesLeft"]) == (500, 18)
    models = (await client.data("{ models { nodes { key currentVersions { id } } } }"))["models"]["nodes"]
    assert [each["currentVersions"] for each in models if each["key"] == version["model_key"]] == [[]]


async def test_asking_is_refused_where_it_cannot_be_done(
    client: Client, ann: Bettor, factory: Factory, world: SeasonWorld, database: Database
) -> None:
    error = await client.error(ASK, input={"seasonId": global_id("Season", world.season)})
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    season = global_id("Season", world.season)
    for wrong, path in (
        ({"seasonId": global_id("Season", 999)}, "input.seasonId"),
        ({"seasonId": "nonsense"}, "input.seasonId"),
        ({"seasonId": season, "simulations": 50_001}, "input.simulations"),
        ({"seasonId": season, "asOf": hours(1).isoformat()}, "input.asOf"),
        ({"seasonId": season, "whatIf": [result(world.played[0], 0, 0)]}, "input.whatIf.0.matchId"),
        ({"seasonId": season, "modelVersionId": "nonsense"}, "input.modelVersionId"),
    ):
        payload = (await ann.data(ASK, input=wrong))["requestTableForecast"]
        assert payload["job"] is None
        assert [each["path"] for each in payload["errors"]] == [path.split(".")], payload
    assert await database.pool.fetchval("select count(*) from task") == 0


RATINGS = """query($asOf: DateTime, $during: DateTimeRange) { teams(first: 100) { nodes { name
    ratings(systems: ["touchline.match_result.attack"], asOf: $asOf) { system value change30Days asOf }
    ratingHistory(system: "touchline.match_result.attack", during: $during) { value asOf } } } }"""


async def test_ratings_of_teams_over_time(client: Client, factory: Factory, world: SeasonWorld) -> None:
    await speak(factory, world)
    answer = await client.ask(RATINGS)
    assert answer.errors == []
    assert answer.statements == 3  # of all teams at once: the list, their ratings, their history
    teams = answer.data["teams"]["nodes"]
    assert len(teams) == 6
    for team in teams:
        [rating] = team["ratings"]
        assert (rating["system"], rating["change30Days"]) == (f"{KEY}.attack", None)
        assert rating["asOf"] == "2026-03-14T12:00:00Z"
        assert team["ratingHistory"] == [{"value": rating["value"], "asOf": rating["asOf"]}]
    assert len({team["ratings"][0]["value"] for team in teams}) == 6
    before = await client.data(RATINGS, asOf=hours(-1).isoformat(), during={"to": NOW.isoformat()})
    assert all(team["ratings"] == team["ratingHistory"] == [] for team in before["teams"]["nodes"])
