"""Mutations that let somebody in or out.

None of them tells whether an e-mail address has an account: `register` and `requestPasswordReset` answer the same
for one that has and one that has not, and `login` fails in the same words.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import strawberry

from api.accounts import User
from api.context import Greet
from api.nodes import global_id, key_of
from api.outcomes import AuthError, CommonError, mutation
from api.scalars import given
from api.sessions import AuthTokens, tokens_of
from domain.accounts import service
from domain.accounts.desk import Desk
from domain.accounts.people import Caller, Viewer
from domain.accounts.sessions import SignedIn
from domain.infra.errors import NotFound

_INPUT = strawberry.argument(description="Input.")


def _errors() -> Any:
    return strawberry.field(default_factory=list, description="What went wrong; empty on success.")


@strawberry.input(description="Input of `register`.")
class RegisterInput:
    email: str = strawberry.field(description="E-mail.")
    password: str = strawberry.field(description="At least 12 characters.")
    is_of_legal_age: bool = strawberry.field(description="The user states to be of legal age.")
    first_name: str | None = strawberry.field(default=strawberry.UNSET, description="First name.")
    last_name: str | None = strawberry.field(default=strawberry.UNSET, description="Last name.")
    locale: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="BCP 47 language tag; English when omitted. E-mails are in English or Spanish.",
    )
    time_zone: str | None = strawberry.field(default=strawberry.UNSET, description="IANA time zone; UTC when omitted.")
    currency_code: str | None = strawberry.field(
        default=strawberry.UNSET, description="ISO 4217 code; EUR when omitted."
    )


@strawberry.type(description="Result of `register`.")
class RegisterPayload:
    is_accepted: bool | None = strawberry.field(
        default=None,
        description="True, whether or not the address has an account already; an e-mail says what comes next.",
    )
    errors: list[AuthError] = _errors()


@mutation(RegisterPayload)
async def register(
    desk: Desk, caller: Caller, machine: datetime, input: Annotated[RegisterInput, _INPUT]
) -> RegisterPayload:
    """Make an account with a FREE plan and send a confirmation e-mail. The tokens come with `verifyEmail`, for this
    answers the same for an address that has an account already: whoever reads that address learns it there."""
    wanted = service.Registration(
        email=input.email,
        password=input.password,
        is_of_legal_age=input.is_of_legal_age,
        first_name=given(input.first_name),
        last_name=given(input.last_name),
        locale=given(input.locale),
        time_zone=given(input.time_zone),
        currency=given(input.currency_code),
    )
    await service.register(desk, wanted, caller, machine=machine)
    return RegisterPayload(is_accepted=True)


@strawberry.input(description="Input of `verifyEmail`.")
class VerifyEmailInput:
    code: str = strawberry.field(description="Code from the e-mail.")


@strawberry.type(description="Result of `verifyEmail`.")
class VerifyEmailPayload:
    user: User | None = strawberry.field(default=None, description="The user.")
    tokens: AuthTokens | None = strawberry.field(default=None, description="Tokens, already signed in.")
    errors: list[AuthError] = _errors()


@mutation(VerifyEmailPayload)
async def verify_email(
    desk: Desk, caller: Caller, greet: Greet, machine: datetime, input: Annotated[VerifyEmailInput, _INPUT]
) -> VerifyEmailPayload:
    """Confirm an e-mail address, and sign in. A code works once, for 48 hours; only the newest one does."""
    signed_in = await service.verify_email(desk, input.code, caller, machine=machine)
    return VerifyEmailPayload(user=await _user(signed_in, greet), tokens=tokens_of(signed_in))


@strawberry.input(description="Input of `login`.")
class LoginInput:
    email: str = strawberry.field(description="E-mail.")
    password: str = strawberry.field(description="Password.")
    device_name: str | None = strawberry.field(default=strawberry.UNSET, description="Name for the session list.")


@strawberry.type(description="Result of `login`.")
class LoginPayload:
    user: User | None = strawberry.field(default=None, description="The user.")
    tokens: AuthTokens | None = strawberry.field(default=None, description="Tokens.")
    errors: list[AuthError] = _errors()


@mutation(LoginPayload)
async def login(
    desk: Desk, caller: Caller, greet: Greet, machine: datetime, input: Annotated[LoginInput, _INPUT]
) -> LoginPayload:
    """Sign in. After too many failures also the right password is refused until `retryAfterSeconds` have passed.
    Signing in takes back a deletion of the account that is still to come."""
    signed_in = await service.login(
        desk, input.email, input.password, given(input.device_name), caller, machine=machine
    )
    return LoginPayload(user=await _user(signed_in, greet), tokens=tokens_of(signed_in))


async def _user(signed_in: SignedIn, greet: Greet) -> User | None:
    db = await greet(signed_in)
    return (await db.find(User, [signed_in.account_id]))[0]


@strawberry.input(description="Input of `refreshTokens`.")
class RefreshTokensInput:
    refresh_token: str = strawberry.field(description="One-time token.")


@strawberry.type(description="Result of `refreshTokens`.")
class RefreshTokensPayload:
    tokens: AuthTokens | None = strawberry.field(default=None, description="New tokens.")
    errors: list[AuthError] = _errors()


@mutation(RefreshTokensPayload)
async def refresh_tokens(
    desk: Desk, caller: Caller, machine: datetime, input: Annotated[RefreshTokensInput, _INPUT]
) -> RefreshTokensPayload:
    """Trade a refresh token for new tokens. A reused token ends the whole session; only for a few seconds, and while
    its successor was not used, it gives the same one again, for a client that lost the answer. Send it without an
    `Authorization` header: one with a token that has ended is refused."""
    return RefreshTokensPayload(
        tokens=tokens_of(await service.refresh(desk, input.refresh_token, caller, machine=machine))
    )


@strawberry.input(description="Input of `logout`.")
class LogoutInput:
    session_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Session; the current one when omitted."
    )
    is_everywhere: bool | None = strawberry.field(default=strawberry.UNSET, description="End all sessions.")


@strawberry.type(description="Result of `logout`.")
class LogoutPayload:
    ended_session_ids: list[strawberry.ID] | None = strawberry.field(default=None, description="Sessions ended.")
    errors: list[CommonError] = strawberry.field(default_factory=list, description="What went wrong; empty on success.")


@mutation(LogoutPayload)
async def logout(
    desk: Desk, viewer: Viewer, caller: Caller, machine: datetime, input: Annotated[LogoutInput, _INPUT]
) -> LogoutPayload:
    """End this or another session. Its tokens are worth nothing from then on, and its sockets are closed within
    seconds."""
    wanted = given(input.session_id)
    key = None if wanted is None else key_of("Session", wanted)
    if wanted is not None and key is None:
        raise NotFound("You have no session with this id.", field="input.sessionId")
    is_everywhere = bool(given(input.is_everywhere))
    ended = await service.end_sessions(desk, viewer, key, is_everywhere, caller, machine=machine)
    return LogoutPayload(ended_session_ids=[global_id("Session", each) for each in ended])


@strawberry.input(description="Input of `requestPasswordReset`.")
class RequestPasswordResetInput:
    email: str = strawberry.field(description="E-mail.")


@strawberry.type(description="Result of `requestPasswordReset`.")
class RequestPasswordResetPayload:
    is_accepted: bool | None = strawberry.field(
        default=None, description="True, whether or not the address has an account."
    )
    errors: list[AuthError] = _errors()


@mutation(RequestPasswordResetPayload)
async def request_password_reset(
    desk: Desk, caller: Caller, machine: datetime, input: Annotated[RequestPasswordResetInput, _INPUT]
) -> RequestPasswordResetPayload:
    """Send a code to choose a new password with, to an address that has an account. Answers the same for one that has
    none, so that nobody learns who has an account."""
    await service.request_password_reset(desk, input.email, caller, machine=machine)
    return RequestPasswordResetPayload(is_accepted=True)


@strawberry.input(description="Input of `resetPassword`.")
class ResetPasswordInput:
    code: str = strawberry.field(description="Code from the e-mail.")
    password: str = strawberry.field(description="New password, at least 12 characters.")


@strawberry.type(description="Result of `resetPassword`.")
class ResetPasswordPayload:
    tokens: AuthTokens | None = strawberry.field(default=None, description="Tokens of a new session.")
    errors: list[AuthError] = _errors()


@mutation(ResetPasswordPayload)
async def reset_password(
    desk: Desk, caller: Caller, machine: datetime, input: Annotated[ResetPasswordInput, _INPUT]
) -> ResetPasswordPayload:
    """Choose a new password with the code from the e-mail; ends all sessions. A code works once, for one hour."""
    signed_in = await service.reset_password(desk, input.code, input.password, caller, machine=machine)
    return ResetPasswordPayload(tokens=tokens_of(signed_in))
