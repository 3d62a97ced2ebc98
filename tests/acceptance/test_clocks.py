"""Processes whose clocks are hours wrong, on the two days on which London's change: kick-offs, days, prices, bets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from api.nodes import global_id
from domain.infra.clock import match_now, set_clock
from domain.infra.database import Database
from domain.infra.settings import Settings, read_settings
from domain.intake.replayed import ReplaySettings
from tests.acceptance.faults_world import until
from tests.acceptance.person import told
from tests.acceptance.wrong_clocks import AUTUMN, SPRING, Day, at, faketime_library, is_up, lying, parts
from tests.people import bearer, open_desk, person, signed_in
from touchline.discovery import discover_plugins
from workers.broker import NAMESPACE
from workers.seed_replay import seed_replay

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]

HOP = timedelta(hours=3)
"""By which match time is moved at once; in between it runs as in life."""
MATCHES = """query ($filter: MatchFilter) { matches(filter: $filter, first: 50) {
  nodes { id kickoffAt status homeTeam { name } } } }"""
PURSE = """mutation ($input: CreateBankrollInput!) { createBankroll(input: $input) {
  bankroll { id } errors { __typename } } }"""
PLACE = """mutation ($input: PlaceBetInput!) { placeBet(input: $input) {
  bet { id } errors { __typename ... on UserError { message path } } } }"""
BETS = """{ viewer { bets(first: 50) { nodes {
  id status payout: profit { amount } closingLineValue settledAt legs { match { id } } } } } }"""


@dataclass
class Odd:
    """A deployment in which somebody's clock is wrong."""

    day: Day
    settings: Settings
    database: Database
    client: httpx.AsyncClient
    url: str = ""

    async def ask(self, document: str, **variables: Any) -> Any:
        """The data of an answer without errors."""
        answer = (await self.client.post(self.url, json={"query": document, "variables": variables})).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def count(self, query: str, *arguments: Any) -> int:
        return int(await self.database.pool.fetchval(query, *arguments))

    async def hop_to(self, moment: datetime) -> None:
        """Move match time on, each time when everything up to it has been recorded."""
        while (now := await match_now(self.database.pool)) < moment:
            await set_clock(self.database.pool, match=min(now + HOP, moment), speed=1.0)
            await until(self._is_recorded, 60, "the feed has told everything up to now")

    async def _is_recorded(self) -> bool:
        due = "select count(*) from feed where next_at <= $1"
        return await self.count(due, await match_now(self.database.pool)) == 0

    async def listed(self, window: str) -> list[str]:
        """Home teams of a window of London's days."""
        found = await self.ask(MATCHES, filter={"window": window, "timeZone": "Europe/London"})
        return [node["homeTeam"]["name"] for node in found["matches"]["nodes"]]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return faketime_library(tmp_path_factory.mktemp("library"))


@pytest.fixture
async def odd(
    database: Database, database_url: str, redis_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Odd]:
    """A replay of the day's matches, before the first of them, and a person who is signed in."""
    day: Day = request.param
    settings = read_settings(database_url=database_url, redis_url=redis_url)
    season = int(day.date[:4]) - (day.date[5:7] < "07")
    replay = ReplaySettings(
        provider="football-data",
        origin=str(day.write(tmp_path / "files")),
        leagues=("E0",),
        season=season,
        start=day.matches[0].kickoff - timedelta(hours=6),
        steps=10,
        step_seconds=300.0,
    )
    with redis.Redis.from_url(redis_url) as client:
        for key in client.scan_iter(f"{NAMESPACE}:*"):  # the tests of a run share one Redis
            client.delete(key)
    await seed_replay(settings, discover_plugins().providers["football-data"], replay, speed=1.0)
    async with open_desk(database, redis_url) as desk:
        tokens = await signed_in(desk, await person(desk, time_zone="Europe/London"))
    async with httpx.AsyncClient(headers=bearer(tokens), timeout=30) as client:
        yield Odd(day, settings, database, client)


CASES = [
    (SPRING, "worker", "+2h"),
    (SPRING, "scheduler", "-2h"),
    (AUTUMN, "worker", "-2h"),
    (AUTUMN, "scheduler", "+2h"),
]


@pytest.mark.parametrize(
    ("odd", "part", "clock"), CASES, indirect=["odd"], ids=[f"{day.date} {part} {clock}" for day, part, clock in CASES]
)
async def test_the_time_of_the_database_counts(odd: Odd, part: str, clock: str, library: Path, tmp_path: Path) -> None:
    """The other process is started ten seconds before the clocks change."""
    other = "scheduler" if part == "worker" else "worker"
    change = at(f"{odd.day.date} 00:59:50")
    wrong = {f"workers.{part}": lying(library, clock), f"workers.{other}": lying(library, f"@{change:%F %T}")}
    with parts(odd.settings, tmp_path, wrong) as url:
        odd.url = url
        await until(lambda: is_up(url), 120, "the API is up")
        bets = await _before(odd)
        await _after(odd, bets)
    await _nothing_is_of_the_future(odd)
    told(f"{part} {clock}  ", day=odd.day.date, bets=len(bets), jobs=await odd.count("select count(*) from job"))


async def _before(odd: Odd) -> dict[str, str]:
    """Look at London's days before the first match, and bet on each home win; answers the bets by their match."""
    first, *others = odd.day.matches
    await odd.hop_to(first.kickoff - timedelta(hours=2))
    nodes = (await odd.ask(MATCHES, filter={"statuses": ["SCHEDULED"]}))["matches"]["nodes"]
    kickoffs = {node["homeTeam"]["name"]: datetime.fromisoformat(node["kickoffAt"]) for node in nodes}
    assert sorted(kickoffs.values()) == [match.kickoff for match in odd.day.matches]
    assert await odd.listed("TODAY") == _homes(odd, [first])
    assert await odd.listed("TOMORROW") == _homes(
        odd, [m for m in others if odd.day.begins <= m.kickoff < odd.day.ends]
    )
    start = {"amount": "1000.00", "currencyCode": "EUR"}
    made = await odd.ask(PURSE, input={"name": "Night", "startingBalance": start, "isPaper": True})
    purse = made["createBankroll"]["bankroll"]["id"]
    quotes = await odd.database.pool.fetch(
        """select q.match_id, q.selection_id, q.bookmaker_id, q.price
           from quote q join selection s on s.id = q.selection_id join market k on k.id = s.market_id
           where k.key = 'match_result::ft' and s.key = 'home'"""
    )
    bets: dict[str, str] = {}
    for quote in quotes:
        given = {
            "bankrollId": purse,
            "legs": [
                {
                    "selectionId": global_id("Selection", quote["match_id"], quote["selection_id"]),
                    "bookmakerId": global_id("Bookmaker", quote["bookmaker_id"]),
                    "decimalOdds": float(quote["price"]),
                }
            ],
            "stake": {"amount": "10.00", "currencyCode": "EUR"},
        }
        payload = (await odd.ask(PLACE, input=given))["placeBet"]
        assert payload["errors"] == []
        bets[global_id("Match", quote["match_id"])] = payload["bet"]["id"]
    assert len(bets) == len(odd.day.matches)
    return bets


def _homes(odd: Odd, matches: list[Any]) -> list[str]:
    return [match.home for match in matches]


async def _after(odd: Odd, bets: dict[str, str]) -> None:
    """Let the matches be played, and hold everything against the file."""
    await odd.hop_to(odd.day.matches[-1].kickoff + timedelta(hours=2))
    pending = "select count(*) from bet where status = 'PENDING' or closing_line_value is null"

    async def are_settled() -> bool:
        return await odd.count(pending) == 0

    await until(are_settled, 30, "every bet is settled and compared with its closing price")
    shown = {bet["legs"][0]["match"]["id"]: bet for bet in (await odd.ask(BETS))["viewer"]["bets"]["nodes"]}
    now = await match_now(odd.database.pool)
    for row in await odd.database.pool.fetch(CLOSING):
        match = next(each for each in odd.day.matches if each.kickoff == row["kickoff_at"])
        bet = shown[global_id("Match", row["id"])]
        is_won = match.goals[0] > match.goals[1]
        assert bet["status"] == ("WON" if is_won else "LOST")
        assert match.kickoff + timedelta(minutes=110) <= datetime.fromisoformat(bet["settledAt"]) <= now
        assert (row["home_goals"], row["away_goals"]) == match.goals
        assert row["closing"] == Decimal(str(match.closing)), "the last price before kick-off is the file's closing one"
        assert row["later"] == 0, "a price was taken after kick-off"
    today = await odd.listed("TODAY")
    day = (odd.day.begins, odd.day.ends) if now < odd.day.ends else (odd.day.ends, odd.day.ends + timedelta(days=1))
    assert today == _homes(odd, [match for match in odd.day.matches if day[0] <= match.kickoff < day[1]])


CLOSING = """
select m.id, m.kickoff_at, m.home_goals, m.away_goals,
  (select c.price from quote_change c join selection s on s.id = c.selection_id and s.key = 'home'
   join market k on k.id = s.market_id and k.key = 'match_result::ft'
   where c.match_id = m.id and c.observed_at <= m.kickoff_at order by c.observed_at desc, c.sequence desc limit 1
  ) as closing,
  (select count(*) from quote_change c where c.match_id = m.id and c.observed_at > m.kickoff_at) as later
from match m order by m.kickoff_at
"""
FUTURE = """
select 'change' as what, count(*) from quote_change where recorded_at > clock_timestamp() + interval '1 second'
union all select 'job', count(*) from job
  where greatest(queued_at, started_at, finished_at) > clock_timestamp() + interval '1 second'
union all select 'request', count(*) from outbox
  where greatest(created_at, sent_at) > clock_timestamp() + interval '1 second'
union all select 'past job', count(*) from job where queued_at < clock_timestamp() - interval '15 minutes'
union all select 'dead job', count(*) from job where status = 'DEAD'
union all select 'job begun twice', count(*) from job where attempts > 1
"""


async def _nothing_is_of_the_future(odd: Odd) -> None:
    """By PostgreSQL's clock every row was written within this test, and no job was taken for lost."""
    found = {row["what"]: row["count"] for row in await odd.database.pool.fetch(FUTURE)}
    assert not any(found.values()), found
    ahead = "select count(*) from quote where observed_at > $1"
    assert await odd.count(ahead, await match_now(odd.database.pool)) == 0
