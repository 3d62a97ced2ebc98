"""Placing bets at two processes of one deployment: one bet for one key, and every refusal in words; see `pytest -s`."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest

from api.nodes import global_id
from tests.acceptance.product import TOUCHLINE, Product, clean_environment, running
from workers.demo_people import ADDRESSES, PASSWORD

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

LOGIN = """mutation($input: LoginInput!) { login(input: $input) { tokens { accessToken } errors { __typename } } }"""
CREATE = """mutation($input: CreateBankrollInput!) { createBankroll(input: $input) {
  bankroll { id balance { amount } } errors { __typename } } }"""
COMING = """{ matches(filter: {window: NEXT_3_DAYS, statuses: [SCHEDULED], hasMarkets: [MATCH_RESULT]}, first: 2) {
  nodes { homeTeam { name } awayTeam { name }
    bestOdds(market: MATCH_RESULT) { id price { decimal } bookmaker { id } selection { id key } } } } }"""
PLACE = """mutation($input: PlaceBetInput!) { placeBet(input: $input) {
  bet { id status price { decimal } stake { amount } version legs { description price { decimal } } }
  bankroll { id balance { amount } exposure { amount } }
  errors { __typename ... on UserError { code message path } } } }"""
BANKROLL = """query($id: ID!) { node(id: $id) { ... on Bankroll { balance { amount } bets { totalCount } } } }"""


@dataclass
class Deployment:
    """A demo, one more process of its API, and a visitor of the demo with a bankroll of 100.00."""

    demo: Product
    urls: tuple[str, str]
    http: httpx.AsyncClient
    bankroll: str
    quotes: list[dict[str, Any]]
    """The best price of each outcome of a match that is to come."""

    async def ask(self, document: str, *, at: int = 0, **variables: Any) -> dict[str, Any]:
        """The data of an answer of one of the two processes."""
        answer = await self.http.post(self.urls[at], json={"query": document, "variables": variables})
        body = answer.json()
        assert "errors" not in body, body["errors"]
        found: dict[str, Any] = body["data"]
        return found

    def bet(self, **more: Any) -> dict[str, Any]:
        """Input of `placeBet`: 10.00 on the first outcome, whatever became of its price meanwhile."""
        return {
            "bankrollId": self.bankroll,
            "legs": [self.leg()],
            "stake": {"amount": "10.00", "currencyCode": "EUR"},
            "maxSlippage": 0.9,
            **more,
        }

    def leg(self, outcome: int = 0, **more: Any) -> dict[str, Any]:
        quote = self.quotes[outcome]
        return {"quoteId": quote["id"], "decimalOdds": quote["price"]["decimal"], **more}

    async def begun(self) -> int:
        """How many inserts of a bet were ever begun, those that were rolled back included."""
        connection = await asyncpg.connect(self.demo.run_file()["database_url"])
        try:
            return int(await connection.fetchval("select last_value from bet_id_seq"))
        finally:
            await connection.close()


@contextmanager
def another_api(demo: Product) -> Iterator[str]:
    """`touchline api` beside a demo, on a port that it chooses itself."""
    process = subprocess.Popen(
        [str(TOUCHLINE), "api", "--data-dir", str(demo.data_dir)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=clean_environment(TOUCHLINE_PORT="0"),
    )
    assert process.stdout is not None
    try:
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line)
            if found := re.search(r"serving (http://\S+?)/\s", line):
                yield f"{found[1]}/graphql"
                break
        else:
            raise AssertionError("it did not start:\n" + "".join(lines))
    finally:
        process.terminate()
        process.wait(timeout=30)
        process.stdout.close()


@pytest.fixture(scope="module")
def demo() -> Iterator[Product]:
    with running(["demo", "--speed", "1"], seconds=180) as product:
        product.until(COMING, lambda data: data["matches"]["nodes"], seconds=120)
        yield product


@pytest.fixture
async def deployment(demo: Product) -> AsyncIterator[Deployment]:
    with another_api(demo) as other:
        given = {"email": ADDRESSES["FREE"], "password": PASSWORD}
        tokens = demo.query(LOGIN, {"input": given})["login"]["tokens"]
        headers = {"authorization": f"Bearer {tokens['accessToken']}"}
        async with httpx.AsyncClient(headers=headers, timeout=60) as http:
            quotes = demo.query(COMING)["matches"]["nodes"][0]["bestOdds"]
            opened = Deployment(demo, (demo.url, other), http, "", quotes)
            start = {"amount": "100.00", "currencyCode": "EUR"}
            made = await opened.ask(CREATE, input={"name": "Drill", "startingBalance": start, "isPaper": True})
            opened.bankroll = made["createBankroll"]["bankroll"]["id"]
            yield opened


async def test_fifty_requests_at_two_processes_are_one_bet(deployment: Deployment) -> None:
    before = await deployment.begun()
    input = deployment.bet(idempotencyKey="one tap")
    answers = await asyncio.gather(*(deployment.ask(PLACE, at=n % 2, input=input) for n in range(50)))
    begun = await deployment.begun() - before
    shown = Counter(repr(answer["placeBet"]) for answer in answers)
    for answer, count in shown.items():
        print(f"{count} times {answer}")
    print(f"{len(answers)} requests at {' and '.join(deployment.urls)}: {begun} INSERT INTO bet")
    assert answers[0]["placeBet"]["errors"] == []
    assert len(shown) == 1
    assert begun == 1
    held = (await deployment.ask(BANKROLL, id=deployment.bankroll))["node"]
    assert held == {"balance": {"amount": "90.00"}, "bets": {"totalCount": 1}}

    input["stake"] = {"amount": "10.01", "currencyCode": "EUR"}
    refused = (await deployment.ask(PLACE, at=1, input=input))["placeBet"]
    print("The same key with another stake:", refused["errors"])
    assert refused["bet"] is None
    assert [error["__typename"] for error in refused["errors"]] == ["ConflictError"]


async def test_every_bad_bet_is_refused_in_words(deployment: Deployment) -> None:
    leg, typed = deployment.leg(), {"description": "Rain", "decimalOdds": 2.0}
    known = {"decimalOdds": 2.0, "bookmakerId": deployment.quotes[0]["bookmaker"]["id"]}
    bad: list[tuple[str, dict[str, Any]]] = [
        ("no leg", {"legs": []}),
        ("21 legs", {"legs": [{**typed, "description": f"Rain on day {n}"} for n in range(21)]}),
        ("the same leg twice", {"legs": [leg, leg]}),
        ("two outcomes of one match", {"legs": [leg, deployment.leg(1)]}),
        ("odds of 1", {"legs": [{**typed, "decimalOdds": 1.0}]}),
        ("odds below 0", {"legs": [{**typed, "decimalOdds": -3.0}]}),
        ("odds of 1001", {"legs": [{**typed, "decimalOdds": 1001.0}]}),
        ("odds with 5 decimals", {"legs": [{**typed, "decimalOdds": 2.12345}]}),
        ("a leg of nothing", {"legs": [{"decimalOdds": 2.0}]}),
        ("an empty description", {"legs": [{**typed, "description": " "}]}),
        ("an unknown match", {"legs": [{**known, "selectionId": global_id("Selection", 10**6, 1)}]}),
        ("an id of another type", {"legs": [{**known, "selectionId": deployment.bankroll}]}),
        ("an unknown quote", {"legs": [{**leg, "quoteId": global_id("OddsQuote", 10**12)}]}),
        ("a selection and no bookmaker", {"legs": [{"selectionId": _selection(deployment), "decimalOdds": 2.0}]}),
        ("an unknown bookmaker", {"legs": [{**typed, "bookmakerId": global_id("Bookmaker", 10**6)}]}),
        ("a kind that does not fit", {"kind": "ACCUMULATOR"}),
        ("an unknown bankroll", {"bankrollId": global_id("Bankroll", 10**9)}),
        ("no stake", {"stake": {"amount": "0", "currencyCode": "EUR"}}),
        ("a stake below 0", {"stake": {"amount": "-5", "currencyCode": "EUR"}}),
        ("a tenth of a cent", {"stake": {"amount": "0.001", "currencyCode": "EUR"}}),
        ("another currency", {"stake": {"amount": "5", "currencyCode": "USD"}}),
        ("more than there is", {"stake": {"amount": "100.01", "currencyCode": "EUR"}}),
        ("a price that fell", {"legs": [{**leg, "decimalOdds": 900.0}], "maxSlippage": 0.0}),
        ("slippage above 1", {"maxSlippage": 1.5}),
        ("an unknown value bet", {"valueBetId": global_id("ValueBet", 10**12)}),
        ("tomorrow", {"placedAt": "2099-01-01T00:00:00Z"}),
        ("long ago", {"placedAt": "2001-01-01T00:00:00Z"}),
        ("11 labels", {"tags": [str(n) for n in range(11)]}),
        ("a long label", {"tags": ["x" * 31]}),
        ("long notes", {"notes": "x" * 2001}),
        ("an empty key", {"idempotencyKey": ""}),
    ]
    before = await deployment.begun()
    for place, (what, wrong) in enumerate(bad):
        payload = (await deployment.ask(PLACE, at=place % 2, input=deployment.bet(**wrong)))["placeBet"]
        assert payload["bet"] is None, what
        (error,) = payload["errors"]
        print(f"{what:<30} {error['__typename']:<23} {'.'.join(error['path']):<31} {error['message']}")
        assert error["path"][0] == "input", what
        assert error["message"], what
    assert await deployment.begun() == before
    held = (await deployment.ask(BANKROLL, id=deployment.bankroll))["node"]
    assert held == {"balance": {"amount": "100.00"}, "bets": {"totalCount": 0}}


async def test_what_is_no_bet_at_all_is_refused_by_the_schema(deployment: Deployment) -> None:
    for wrong in (
        {"stake": {"amount": 10, "currencyCode": "EUR"}},
        {"stake": {"amount": "ten", "currencyCode": "EUR"}},
        {"legs": [{"decimalOdds": "2.0", "description": "Rain"}]},
        {"placedAt": "yesterday"},
        {"kind": "LAY"},
    ):
        body = {"query": PLACE, "variables": {"input": deployment.bet(**wrong)}}
        (error,) = (await deployment.http.post(deployment.urls[1], json=body)).json()["errors"]
        print(error["message"])
        assert error["extensions"]["code"] == "BAD_USER_INPUT"


def _selection(deployment: Deployment) -> str:
    id: str = deployment.quotes[0]["selection"]["id"]
    return id
