"""`POST /oauth/token`: tokens for programs that speak OAuth 2.0 and no GraphQL (RFC 6749, sections 4.3 and 6).

The password and the refresh token grant, for public clients: a client is neither named nor has a secret, and
`scope` is not read. It is the same sign-in as `login` and `refreshTokens`, with the same limits.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from fastapi import APIRouter
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from api.auth import caller_of
from api.context import Doors
from api.edge.bodies import read_body
from api.edge.refusals import Refused as BodyRefused
from domain.accounts import service
from domain.accounts.people import Caller
from domain.accounts.sessions import SignedIn
from domain.infra.clock import machine_now
from domain.infra.errors import BadCredentials, Invalid

FORM = "application/x-www-form-urlencoded"
LARGEST_FORM = 16 * 1024
"""Bytes."""
NOT_KEPT = {"cache-control": "no-store", "pragma": "no-cache"}
"""Headers of every answer, section 5.1."""

router = APIRouter()


class Refused(Exception):
    """A request that gets no tokens; `error` is a code of section 5.2."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


@router.post("/oauth/token")
async def token(request: Request) -> Response:
    """Tokens for a password or a refresh token, or why there are none."""
    try:
        signed_in = await _signed_in(request.app.state.doors, await _form(request), caller_of(request))
    except Refused as refused:
        return _refusal(refused.error, refused.description)
    except BodyRefused as refused:
        return _refusal("invalid_request", str(refused), status=refused.status or 400, headers=refused.headers)
    except BadCredentials as error:
        return _refusal("invalid_grant", error.message, retry_after=error.retry_after)
    except Invalid as error:  # what is no e-mail address is nobody's
        return _refusal("invalid_grant", f"username: {error.message}")
    return _answer(200, _tokens(signed_in))


async def _form(request: Request) -> Mapping[str, str]:
    """The parameters of a request; one without a value counts as left out, and none may come twice (section 3.2)."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise Refused("invalid_request", f"the parameters must be sent as {FORM}")
    await read_body(request, LARGEST_FORM)
    form: FormData = await request.form()
    for name in form:
        if len(form.getlist(name)) > 1:
            raise Refused("invalid_request", f"{name}: must not be sent more than once")
    return {name: value for name, value in form.items() if isinstance(value, str) and value}


async def _signed_in(doors: Doors, form: Mapping[str, str], caller: Caller) -> SignedIn:
    match _needed(form, "grant_type"):
        case "password":
            email, password = _needed(form, "username"), _needed(form, "password")
            return await service.login(doors.desk, email, password, None, caller, machine=machine_now())
        case "refresh_token":
            return await service.refresh(doors.desk, _needed(form, "refresh_token"), caller, machine=machine_now())
        case _:
            raise Refused("unsupported_grant_type", "grant_type: must be password or refresh_token")


def _needed(form: Mapping[str, str], name: str) -> str:
    if name not in form:
        raise Refused("invalid_request", f"{name}: is missing")
    return form[name]


def _tokens(signed_in: SignedIn) -> Mapping[str, object]:
    return {
        "access_token": signed_in.access_token,
        "token_type": "Bearer",
        "expires_in": max(0, int((signed_in.access_expires_at - machine_now()).total_seconds())),
        "refresh_token": signed_in.refresh_token,
    }


def _refusal(
    error: str,
    description: str,
    *,
    status: int = 400,
    retry_after: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Why there are no tokens; `retry_after`, in seconds, where it was tried too often."""
    response = _answer(status, {"error": error, "error_description": _plain(description)})
    response.headers.update(headers or {})
    if retry_after is not None:
        response.headers["retry-after"] = str(retry_after)
    return response


def _plain(text: str) -> str:
    """The characters that an `error_description` may hold: printable ASCII without `"` and `\\`."""
    return "".join(each for each in text if " " <= each <= "~" and each not in '"\\')


def _answer(status: int, content: Mapping[str, object]) -> Response:
    return Response(orjson.dumps(content), status, NOT_KEPT, media_type="application/json")
