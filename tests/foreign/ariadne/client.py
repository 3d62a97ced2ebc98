"""What ariadne-codegen's typed client does with the graph; run where that client was generated beside this file."""

import asyncio
import json
import sys
from contextlib import aclosing
from datetime import datetime
from decimal import Decimal

from touchline_client import Client, LoginInput
from touchline_client.exceptions import GraphQLClientGraphQLMultiError

PAGE = 8
EMAIL, PASSWORD = "free@demo.touchline.example", "a day at the match"


async def paged(client):
    """Ids of all matches, page by page, and how many there are."""
    ids, pages, after = [], 0, None
    while True:
        page = await client.all_matches(first=PAGE, after=after)
        assert all(isinstance(match.kickoff_at, datetime) for match in page.nodes)
        ids += [match.id for match in page.nodes]
        pages += 1
        if not page.page_info.has_next_page:
            assert len(ids) == len(set(ids)) == page.total_count
            return ids, pages
        after = page.page_info.end_cursor


async def refused(client):
    """Code of the error that a page of nothing gets."""
    try:
        await client.all_matches(first=0)
    except GraphQLClientGraphQLMultiError as problem:
        [error] = problem.errors
        return f"{error.extensions['code']} of {error.extensions['argument']}"


async def main(url):
    told = {}
    client = Client(url)
    ids, pages = await paged(client)
    told["pages"] = f"{len(ids)} matches in {pages} pages"
    match = await client.again(ids[0])
    assert (match.typename__, match.id) == ("Match", ids[0])
    told["node"] = match.typename__
    assert await client.again("TWF0Y2g6OTk5OTk5OTk") is None
    told["node of nothing"] = "None"
    told["refused argument"] = await refused(client)
    wrong = await client.sign_in(LoginInput(email=EMAIL, password="not this one"))
    assert wrong.tokens is None
    told["mutation refused"] = wrong.errors[0].code.value
    signed_in = await client.sign_in(LoginInput(email=EMAIL, password=PASSWORD))
    assert signed_in.errors == []
    assert isinstance(signed_in.tokens.access_token_expires_at, datetime)
    told["mutation"] = "signed in"
    headers = {"authorization": f"Bearer {signed_in.tokens.access_token}"}
    viewer = await Client(url, headers=headers).my_bankrolls()
    balance = viewer.bankrolls.nodes[0].balance
    assert isinstance(balance.amount, Decimal)
    told["Decimal"] = f"{balance.amount} {balance.currency_code}"
    leagues = [league.id for league in (await client.all_leagues()).nodes]
    sockets = Client(url, ws_url=url.replace("http", "ws", 1))
    async with asyncio.timeout(30), aclosing(sockets.live(leagues)) as updates:
        async for update in updates:
            assert isinstance(update.sent_at, datetime)
            if update.changes:
                told["subscription"] = f"change {update.changes[0].sequence}"
                break
    print(json.dumps(told))


asyncio.run(main(sys.argv[1]))
