"""One person's life with the product, over HTTP and a socket alone, from registering to being forgotten.

    uv run python -m tests.acceptance.life http://127.0.0.1:8000/graphql

By hand it asks for the code of the e-mail, and expects a demo at a fast clock (`touchline demo --speed 600`) with
`TOUCHLINE_DELETION_DAYS=0`, which deletes at once. Each step prints its figures.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import secrets
import sys
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urljoin

import httpx

from tests.acceptance.person import Person, subscribed, told

PASSWORD = "a life with touchline"
START = Decimal(1000)
STAKE = Decimal(10)
MARKETS = ("MATCH_RESULT", "TOTAL_GOALS", "TOTAL_CORNERS", "BOTH_TEAMS_TO_SCORE")
OLD_BETS = 500
KICKOFF_WITHIN = (timedelta(hours=4), timedelta(hours=36))
"""Match time from now to the kick-off of the match that is bet on: long enough to place, short enough to wait."""

CodeOf = Callable[[str], Awaitable[str]]


async def live(url: str, code_of: CodeOf) -> None:
    """All of it; raises AssertionError where a step does not come out as it must."""
    async with httpx.AsyncClient(timeout=60) as http:
        person = Person(url, f"life-{secrets.token_hex(4)}@example.com", http)
        await register(person, code_of)
        match = await follow(person)
        await make_bankroll(person)
        await bet_and_be_settled(person, match)
        await look_at_the_record(person)
        await import_old_bets(person)
        await export_everything(person)
        await be_forgotten(person)


async def register(person: Person, code_of: CodeOf) -> None:
    """Register, and confirm the address with the code from the mail."""
    await person.done(
        "register", "", email=person.email, password=PASSWORD, isOfLegalAge=True, timeZone="Europe/Madrid"
    )
    code = await code_of(person.email)
    payload = await person.done("verifyEmail", "user { email tier isEmailVerified } tokens { accessToken }", code=code)
    assert payload["user"] == {"email": person.email, "tier": "FREE", "isEmailVerified": True}
    person.token = payload["tokens"]["accessToken"]
    told("registered", email=person.email, tier=payload["user"]["tier"])


PRICES = " ".join(f"{market}: bestOdds(market: {market}) {{ id price {{ decimal }} }}" for market in MARKETS)
COMING = f"""query ($from: DateTime!, $to: DateTime!) {{
  matches(filter: {{kickoff: {{from: $from, to: $to}}, statuses: [SCHEDULED]}}, first: 20) {{ nodes {{
    id kickoffAt homeTeam {{ name }} awayTeam {{ name }} league {{ id name }} {PRICES} }} }} }}"""
MATCH = f"query ($id: ID!) {{ match(id: $id) {{ {PRICES} }} }}"
NOW = "{ status { clock { now speed } } }"


async def follow(person: Person) -> Mapping[str, Any]:
    """Choose the next match that has a price in every market, and follow it and its league."""
    async with asyncio.timeout(180):
        while True:
            clock = (await person.ask(NOW))["status"]["clock"]
            span = [(datetime.fromisoformat(clock["now"]) + each).isoformat() for each in KICKOFF_WITHIN]
            nodes = (await person.ask(COMING, **{"from": span[0], "to": span[1]}))["matches"]["nodes"]
            full = [node for node in nodes if all(node[market] for market in MARKETS)]
            if full:
                break
            await asyncio.sleep(1)
    match: Mapping[str, Any] = full[0]
    for thing in (match, match["league"]):
        assert (await person.done("setFollowing", "isFollowing", id=thing["id"], isFollowing=True))["isFollowing"]
    lists = "{ viewer { followedMatches { nodes { id } } followedLeagues { nodes { id } } } }"
    followed = (await person.ask(lists))["viewer"]
    assert followed["followedMatches"]["nodes"] == [{"id": match["id"]}]
    assert followed["followedLeagues"]["nodes"] == [{"id": match["league"]["id"]}]
    told("follows", match=_name(match), kickoff=match["kickoffAt"], now=clock["now"], speed=clock["speed"])
    return match


def _name(match: Mapping[str, Any]) -> str:
    return f"{match['homeTeam']['name']} v {match['awayTeam']['name']}"


def _euros(amount: Decimal) -> dict[str, str]:
    return {"amount": f"{amount:.2f}", "currencyCode": "EUR"}


async def make_bankroll(person: Person) -> None:
    """Set money aside."""
    shown = "bankroll { id isPaper balance { amount currencyCode } }"
    payload = await person.done("createBankroll", shown, name="Mine", startingBalance=_euros(START), isPaper=False)
    assert payload["bankroll"]["balance"] == _euros(START)
    person.bankroll = payload["bankroll"]["id"]
    told("bankroll", balance=f"{START:.2f} EUR")


SETTLED = """subscription { betSettled { cursor
  settlement { status cause payout { amount } trace } bet { id status } bankroll { balance { amount } } } }"""
BETS = """{ viewer { bets(first: 100) { totalCount nodes { id status closingLineValue stake { amount }
  profit { amount } potentialReturn { amount } settlementTrace } } } }"""
BALANCE = "query ($id: ID!) { node(id: $id) { ... on Bankroll { balance { amount } } } }"


async def bet_and_be_settled(person: Person, match: Mapping[str, Any]) -> None:
    """Bet on the four markets of the match, and see the verdicts come while it is played."""
    async with subscribed(person, SETTLED) as events:
        bets = [await _place(person, match, market) for market in MARKETS]
        verdicts: dict[str, Mapping[str, Any]] = {}
        async with asyncio.timeout(400):
            async for data in events:
                update = data["betSettled"]
                assert update["bet"]["id"] not in verdicts, "a verdict came twice"
                verdicts[update["bet"]["id"]] = update
                trace = update["settlement"]["trace"]
                told("settled", bet=update["bet"]["status"], payout=update["settlement"]["payout"]["amount"], why=trace)
                if len(verdicts) == len(bets):
                    break
    assert set(verdicts) == set(bets)
    assert {update["settlement"]["cause"] for update in verdicts.values()} == {"RESULT"}
    payouts = sum(Decimal(update["settlement"]["payout"]["amount"]) for update in verdicts.values())
    balance = Decimal((await person.ask(BALANCE, id=person.bankroll))["node"]["balance"]["amount"])
    assert balance == START - person.stakes + payouts
    shown = (await person.ask(BETS))["viewer"]["bets"]["nodes"]
    assert {bet["id"]: bet["status"] for bet in shown} == {key: each["bet"]["status"] for key, each in verdicts.items()}
    assert all(bet["closingLineValue"] is not None for bet in shown)
    told("played", stakes=person.stakes, payouts=payouts, balance=balance)


async def _place(person: Person, match: Mapping[str, Any], market: str) -> str:
    """A bet at the best price of the market, placed twice under one key; answers the id of the one bet."""
    quote = (await person.ask(MATCH, id=match["id"]))["match"][market][0]
    given = {
        "bankrollId": person.bankroll,
        "legs": [{"quoteId": quote["id"], "decimalOdds": quote["price"]["decimal"]}],
        "stake": _euros(STAKE),
        "maxSlippage": 0.5,  # at this clock an hour passes while a request is on its way
        "idempotencyKey": secrets.token_hex(8),
    }
    shown = "bet { id status price { decimal } legs { description } } bankroll { balance { amount } }"
    placed = await person.done("placeBet", shown, **given)
    assert (await person.done("placeBet", "bet { id }", **given))["bet"]["id"] == placed["bet"]["id"]
    person.stakes += STAKE
    assert Decimal(placed["bankroll"]["balance"]["amount"]) == START - person.stakes
    bet = placed["bet"]
    assert bet["status"] == "PENDING"
    told("placed", on=bet["legs"][0]["description"], at=bet["price"]["decimal"], stake=STAKE)
    return str(bet["id"])


RECORD = """{ viewer { performance(currencyCode: "EUR") { settledCount turnover { amount } netProfit { amount } roi
  closingPriceCount averageClosingLineValue verdict sentence } } }"""


async def look_at_the_record(person: Person, settled: int = len(MARKETS), graded: int = len(MARKETS)) -> None:
    """The record counts what was settled, and compares it with the closing prices that are known."""
    async with asyncio.timeout(120):
        while True:
            record = (await person.ask(RECORD))["viewer"]["performance"]
            if record["closingPriceCount"] >= graded:
                break
            await asyncio.sleep(0.5)
    assert record["settledCount"] == settled
    told(
        "record",
        bets=record["settledCount"],
        turnover=record["turnover"]["amount"],
        profit=record["netProfit"]["amount"],
        roi=f"{record['roi']:.4f}",
        graded=record["closingPriceCount"],
        closing=f"{record['averageClosingLineValue']:.4f}",
        verdict=record["verdict"],
        sentence=record["sentence"],
    )


PLAYED = """query ($to: DateTime!, $after: String) {
  matches(filter: {kickoff: {to: $to}, statuses: [FINISHED]}, orderBy: {field: KICKOFF, direction: DESC}, first: 100,
          after: $after) {
    nodes { kickoffAt homeTeam { name } awayTeam { name } state { score { home away } } }
    pageInfo { endCursor } } }"""
OUTCOMES = ("1", "X", "2")


async def old_bets(person: Person) -> tuple[str, Decimal]:
    """A file of bets on matches of the past, as somebody would keep it in a spreadsheet, and their profit."""
    now = (await person.ask(NOW))["status"]["clock"]["now"]
    played: list[Mapping[str, Any]] = []
    cursor = None
    while len(played) < OLD_BETS:
        page = (await person.ask(PLAYED, to=now, after=cursor))["matches"]
        played += page["nodes"]
        cursor = page["pageInfo"]["endCursor"]
    file, profit = io.StringIO(), Decimal(0)
    writer = csv.writer(file)
    writer.writerow(["Date", "Kick-off", "Home", "Away", "Market", "Pick", "Odds", "Stake", "Result", "Bookmaker"])
    for place, match in enumerate(played[:OLD_BETS]):
        kickoff = datetime.fromisoformat(match["kickoffAt"])
        pick, odds, stake = place % 3, Decimal(200 + place % 150) / 100, Decimal(5 + place % 10)
        score = match["state"]["score"]
        is_won = pick == (0 if score["home"] > score["away"] else 2 if score["home"] < score["away"] else 1)
        profit += stake * (odds - 1) if is_won else -stake
        writer.writerow(
            [
                (kickoff - timedelta(hours=20)).isoformat(),
                kickoff.isoformat(),
                match["homeTeam"]["name"],
                match["awayTeam"]["name"],
                "1X2",
                OUTCOMES[pick],
                odds,
                stake,
                "Won" if is_won else "Lost",
                "Old Corner",
            ]
        )
    return file.getvalue(), profit


async def import_old_bets(person: Person) -> None:
    """Import them: first only to look, then for good, then once more in vain."""
    text, profit = await old_bets(person)
    before = Decimal((await person.ask(BALANCE, id=person.bankroll))["node"]["balance"]["amount"])
    for name, is_dry_run in (("dry run", True), ("imported", False), ("again", False)):
        given = {"bankrollId": person.bankroll, "csv": text, "isDryRun": is_dry_run}
        task = await finished(person, (await person.done("importBets", "job { id }", **given))["job"]["id"])
        count = (await person.ask(BETS))["viewer"]["bets"]["totalCount"]
        assert count == len(MARKETS) + (0 if is_dry_run else OLD_BETS)
        figures = {each: task["result"][f"{each}Count"] for each in ("recorded", "alreadyThere", "linked")}
        told(name, lines=task["completedCount"], failures=task["failureCount"], **figures, bets=count)
    after = Decimal((await person.ask(BALANCE, id=person.bankroll))["node"]["balance"]["amount"])
    assert abs(after - before - profit) <= Decimal("0.01") * OLD_BETS / 2, "each return is rounded to a cent"
    # Of finished matches the demo keeps the prices of the latest; bets on those are graded like any other.
    await look_at_the_record(person, len(MARKETS) + OLD_BETS, graded=len(MARKETS) + 100)


TASK = """query ($id: ID!) { node(id: $id) { ... on Job {
  kind status completedCount totalCount failureCount error failures { line message } result downloadUrl } } }"""


async def finished(person: Person, task: str) -> Any:
    """A task once it has ended well."""
    async with asyncio.timeout(120):
        while True:
            found = (await person.ask(TASK, id=task))["node"]
            if found["status"] not in ("QUEUED", "RUNNING"):
                break
            await asyncio.sleep(0.2)
    assert found["status"] == "SUCCEEDED", found
    return found


async def export_everything(person: Person) -> None:
    """Fetch the bets, and everything there is about the person."""
    for dataset, file_format in (("BETS", "CSV"), ("ACCOUNT", "JSONL")):
        payload = await person.done("exportData", "job { id }", dataset=dataset, format=file_format)
        task = await finished(person, payload["job"]["id"])
        answer = await person.http.get(urljoin(person.url, task["downloadUrl"]))
        assert answer.status_code == 200, answer.text
        lines = answer.text.splitlines()
        if dataset == "BETS":
            assert len(list(csv.reader(io.StringIO(answer.text)))) == 1 + len(MARKETS) + OLD_BETS
        else:
            assert person.email in answer.text
            assert all(json.loads(line) for line in lines)
        told("exported", dataset=dataset, lines=len(lines), bytes=len(answer.content))


async def be_forgotten(person: Person) -> None:
    """Delete the account; from then on nobody signs in to it."""
    await person.done("deleteAccount", "deletesAt", password=PASSWORD)
    person.token = ""
    refused = await person.do("login", "user { email }", email=person.email, password=PASSWORD)
    assert refused["user"] is None
    assert [error["code"] for error in refused["errors"]] == ["BAD_CREDENTIALS"]
    told("forgotten", login=refused["errors"][0]["message"])


async def code_by_hand(email: str) -> str:
    """The code that somebody reads in the mail and types."""
    return (await asyncio.to_thread(input, f"The code of the mail to {email}: ")).strip()


if __name__ == "__main__":
    asyncio.run(live(sys.argv[1], code_by_hand))
