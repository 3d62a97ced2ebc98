"""The viewer's own part of the graph: profile, settings, followed things, devices, audit log; and nobody else's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from api.nodes import global_id
from domain.infra.database import Database
from tests.api.front import Front, front_desk
from tests.factories import Factory, Fixture, hours
from tests.people import PASSWORD, person, signed_in

ALL = """
{ viewer {
    id email isEmailVerified firstName lastName phone company taxId role tier createdAt lastLoginAt deletesAt
    settings {
        locale timeZone currencyCode oddsFormat bookmakers { key } minEdge isEmailEnabled isValueBetAlertEnabled
    }
    followedMatches { totalCount nodes { id isFollowed } }
    followedLeagues { totalCount nodes { slug isFollowed } }
    followedTeams { totalCount nodes { slug isFollowed } }
    sessions { totalCount nodes { id deviceName ipAddress isCurrent createdAt lastUsedAt expiresAt } }
    auditLog {
        totalCount nodes { id action actor { email } entityType entityId details ipAddress userAgent occurredAt }
    }
} }
"""
FOLLOWED = "isFollowing node { id ... on Match { isFollowed } ... on League { isFollowed } ... on Team { isFollowed } }"


@pytest.fixture
async def front(factory: Factory, database_url: str, redis_url: str) -> AsyncIterator[Front]:
    async with front_desk(factory.database, database_url, redis_url) as opened:
        yield opened


async def sign_in(front: Front, account_id: int) -> str:
    """An access token of a new session."""
    return (await signed_in(front.desk, account_id)).access_token


@pytest.fixture
async def ann(front: Front, database: Database) -> int:
    return await person(database, tier="PRO", first_name="Ann", bookmaker_ids=[])


@pytest.fixture
async def token(front: Front, ann: int) -> str:
    return await sign_in(front, ann)


@pytest.fixture
async def bobs(front: Front, database: Database) -> str:
    return await sign_in(front, await person(database, email="bob@example.com"))


async def things(factory: Factory) -> dict[str, list[str]]:
    """IDs of three matches, three leagues and six teams."""
    leagues = [await factory.league(slug) for slug in ("first", "second", "third")]
    sides = [("A", "B"), ("C", "D"), ("E", "F")]
    fixtures = [
        Fixture(league, home, away, hours(number))
        for number, (league, (home, away)) in enumerate(zip(leagues, sides, strict=True), 1)
    ]
    matches = await factory.matches(fixtures)
    teams = await factory.teams([side for pair in sides for side in pair])
    return {
        "Match": [global_id("Match", key) for key in matches],
        "League": [global_id("League", key) for key in leagues],
        "Team": [global_id("Team", key) for key in teams.values()],
    }


async def follow(front: Front, token: str, ids: list[str], is_following: bool = True) -> None:
    for each in ids:
        payload = await front.do("setFollowing", FOLLOWED, token=token, id=each, isFollowing=is_following)
        expected = {"isFollowing": is_following, "node": {"id": each, "isFollowed": is_following}, "errors": []}
        assert payload == expected


async def test_everything_about_the_viewer(front: Front, factory: Factory, ann: int, token: str) -> None:
    books = await factory.books()
    ids = [global_id("Bookmaker", books[key]) for key in ("village", "corner")]
    await front.do("updateProfile", "user { id }", token=token, bookmakerIds=ids, taxId=" ES-1 ")
    found = await things(factory)
    for kind in ("Match", "League", "Team"):
        await follow(front, token, found[kind][:2])
    viewer = (await front.ask(ALL, token=token))["viewer"]
    assert {name: viewer[name] for name in ("id", "email", "firstName", "lastName", "taxId", "role", "tier")} == {
        "id": global_id("User", ann),
        "email": "ann@example.com",
        "firstName": "Ann",
        "lastName": None,
        "taxId": "ES-1",
        "role": "USER",
        "tier": "PRO",
    }
    assert viewer["deletesAt"] is None
    assert {each["key"] for each in viewer["settings"]["bookmakers"]} == {"corner", "village"}
    newest_first = found["Match"][1::-1]
    assert viewer["followedMatches"] == {
        "totalCount": 2,
        "nodes": [{"id": each, "isFollowed": True} for each in newest_first],
    }
    assert [each["slug"] for each in viewer["followedLeagues"]["nodes"]] == ["second", "first"]
    assert [each["slug"] for each in viewer["followedTeams"]["nodes"]] == ["b", "a"]
    (session,) = viewer["sessions"]["nodes"]
    assert (session["deviceName"], session["isCurrent"]) == ("Test", True)
    newest, oldest = viewer["auditLog"]["nodes"]
    assert (newest["action"], newest["details"]) == ("profile.update", {"fields": ["bookmaker_ids", "tax_id"]})
    assert (newest["ipAddress"], newest["actor"]) == ("127.0.0.1", {"email": "ann@example.com"})
    assert (oldest["action"], oldest["entityType"], oldest["entityId"]) == ("session.begin", "Session", session["id"])


async def test_statements_do_not_grow_with_what_is_found(
    front: Front, factory: Factory, ann: int, token: str, bobs: str
) -> None:
    found = await things(factory)
    for kind in ("Match", "League", "Team"):
        await follow(front, token, found[kind][:1])
    few = int((await front.post(ALL, token=token)).headers["x-touchline-statements"])
    for kind in ("Match", "League", "Team"):
        await follow(front, token, found[kind])
    for _ in range(5):
        await sign_in(front, ann)
    response = await front.post(ALL, token=token)
    viewer = response.json()["data"]["viewer"]
    assert (len(viewer["followedTeams"]["nodes"]), viewer["sessions"]["totalCount"]) == (6, 6)
    # Who asks, the account; followed things three times what, the things, which are followed and the count; sessions
    # and audit log a page and the count.
    assert (few, int(response.headers["x-touchline-statements"])) == (2 + 3 * 4 + 2 * 2, few)
    nothing = int(
        (await front.post("{ viewer { email settings { locale } } }", token=bobs)).headers["x-touchline-statements"]
    )
    assert nothing == 2


async def test_what_is_followed_is_paged_and_private(front: Front, factory: Factory, token: str, bobs: str) -> None:
    found = await things(factory)
    await follow(front, token, found["Team"])
    page = """query($after: String) { viewer { followedTeams(first: 4, after: $after) {
        nodes { id } pageInfo { endCursor hasNextPage } } } }"""
    first = (await front.ask(page, token=token))["viewer"]["followedTeams"]
    second = (await front.ask(page, {"after": first["pageInfo"]["endCursor"]}, token=token))["viewer"]["followedTeams"]
    assert [each["id"] for each in (*first["nodes"], *second["nodes"])] == found["Team"][::-1]
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)
    await follow(front, token, found["Team"][:3], is_following=False)
    await follow(front, token, found["Team"][:3], is_following=False)
    query = "{ teams(first: 10) { nodes { id isFollowed } } }"
    for who, followed in ((token, found["Team"][3:]), (bobs, [])):
        teams = (await front.ask(query, token=who))["teams"]["nodes"]
        assert {each["id"] for each in teams if each["isFollowed"]} == set(followed)
        assert all(each["isFollowed"] is not None for each in teams)
    assert {each["isFollowed"] for each in (await front.ask(query))["teams"]["nodes"]} == {None}


async def test_only_matches_leagues_and_teams_that_exist_are_followed(
    front: Front, factory: Factory, token: str
) -> None:
    await things(factory)
    for wrong in (global_id("Match", 10**6), global_id("Country", 1), global_id("User", 1), "nonsense"):
        payload = await front.do("setFollowing", FOLLOWED, token=token, id=wrong, isFollowing=True)
        assert (payload["node"], payload["isFollowing"]) == (None, None)
        assert [(each["__typename"], each["path"]) for each in payload["errors"]] == [
            ("NotFoundError", ["input", "id"])
        ]
    response = await front.post(
        "mutation($id: ID!) { setFollowing(input: {id: $id, isFollowing: true}) { isFollowing } }",
        {"id": global_id("League", 1)},
    )
    assert response.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}
    assert await factory.db.fetchval("select count(*) from following") == 0


async def test_nodes_of_a_person_are_nobody_elses(front: Front, ann: int, token: str, bobs: str) -> None:
    await front.do("updateProfile", "user { id }", token=token, lastName="Lee")
    viewer = (await front.ask(ALL, token=token))["viewer"]
    ids = [viewer["id"], viewer["sessions"]["nodes"][0]["id"]]
    ids += [each["id"] for each in viewer["auditLog"]["nodes"]]
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
    own = (await front.ask(query, {"ids": ids}, token=token))["nodes"]
    assert [each["id"] for each in own] == ids
    assert [each["__typename"] for each in own] == ["User", "Session", "AuditLogEntry", "AuditLogEntry"]
    for who in (bobs, None):
        assert (await front.ask(query, {"ids": ids}, token=who))["nodes"] == [None] * len(ids)
        one = "query($id: ID!) { node(id: $id) { id } }"
        assert [(await front.ask(one, {"id": each}, token=who))["node"] for each in ids] == [None] * len(ids)


async def test_only_what_is_given_is_changed(front: Front, database: Database, token: str) -> None:
    shown = """user { firstName lastName phone company settings { locale timeZone currencyCode oddsFormat minEdge
        isEmailEnabled isValueBetAlertEnabled } }"""
    given: dict[str, Any] = {
        "lastName": " Lee ",
        "phone": "+34 600",
        "timeZone": "Europe/Madrid",
        "currencyCode": "usd",
        "oddsFormat": "AMERICAN",
        "minEdge": 0.2,
        "isEmailEnabled": False,
    }
    before = await front.ask("{ viewer { " + shown.removeprefix("user {")[:-1] + " } }", token=token)
    payload = await front.do("updateProfile", shown, token=token, **given)
    changed = dict(before["viewer"], lastName="Lee", phone="+34 600")
    changed["settings"] = dict(
        changed["settings"],
        timeZone="Europe/Madrid",
        currencyCode="USD",
        oddsFormat="AMERICAN",
        minEdge=0.2,
        isEmailEnabled=False,
    )
    assert payload == {"user": changed, "errors": []}
    payload = await front.do("updateProfile", shown, token=token, lastName=None, phone=None)
    assert payload["user"] == dict(changed, lastName=None, phone=None)
    assert (await front.do("updateProfile", shown, token=token))["user"] == payload["user"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"timeZone": "Mars/Olympus"}, "ValidationError"),
    ({"locale": "english"}, "ValidationError"),
    ({"currencyCode": "DOGE"}, "ValidationError"),
    ({"minEdge": 7}, "ValidationError"),
    ({"minEdge": None}, "ValidationError"),
    ({"bookmakerIds": None}, "ValidationError"),
    ({"bookmakerIds": ["nonsense"]}, "ValidationError"),
    ({"bookmakerIds": [global_id("Bookmaker", 999)]}, "NotFoundError"),
    ({"company": "x" * 1000}, "ValidationError"),
]
"""Changes that are wrong in one field, and what they are answered with."""


async def test_a_wrong_setting_is_named_and_changes_nothing(front: Front, token: str) -> None:
    before = await front.ask(ALL, token=token)
    for given, kind in WRONG:
        payload = await front.do("updateProfile", "user { id }", token=token, lastName="Lee", **given)
        assert payload["user"] is None
        assert [(each["__typename"], each["path"]) for each in payload["errors"]] == [(kind, ["input", *given])]
    assert await front.ask(ALL, token=token) == before


async def test_a_deleted_account_can_be_taken_back(front: Front, database: Database, token: str) -> None:
    payload = await front.do("deleteAccount", "deletesAt", token=token, password="a wrong password")
    assert (payload["deletesAt"], payload["errors"][0]["path"]) == (None, ["input", "password"])
    assert (await front.ask("{ viewer { deletesAt } }", token=token))["viewer"]["deletesAt"] is None
    payload = await front.do("deleteAccount", "deletesAt", token=token, password=PASSWORD)
    assert payload["errors"] == []
    assert payload["deletesAt"] > "2026"
    assert (await front.post("{ viewer { email } }", token=token)).status_code == 401
    shown = "user { email deletesAt auditLog(first: 3) { nodes { action } } }"
    back = await front.do("login", shown, email="ann@example.com", password=PASSWORD)
    assert back["user"]["deletesAt"] is None
    actions = [each["action"] for each in back["user"]["auditLog"]["nodes"]]
    assert actions == ["session.begin", "account.keep", "account.delete"]
