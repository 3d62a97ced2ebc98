"""How a mutation says what went wrong: values of a union in its payload, each with a code, a path and a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import auto
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from api import batch
from api.nodes import global_id
from api.odds_prices import MarketStatus, Price
from api.rows import Rows
from api.scalars import Money, Words, described
from api.tiers import Tier
from domain import money
from domain.bets.errors import InsufficientFunds, MarketClosed, StaleOdds
from domain.care.errors import LimitReached
from domain.infra.errors import BadCredentials, Conflict, Forbidden, Invalid, NotFound, SelfExcluded, TouchlineError

if TYPE_CHECKING:
    from api.care import GamblingLimit


@described(
    "Stable machine codes of user errors.",
    INVALID="A value is malformed or out of range.",
    NOT_FOUND="The referenced object does not exist or is not visible to the viewer.",
    FORBIDDEN="The viewer may not do this.",
    BAD_CREDENTIALS="E-mail, password, code or token is wrong or expired.",
    CONFLICT="The object changed, or the same idempotency key was used with another input.",
    STALE_ODDS="The price moved more than the accepted slippage.",
    MARKET_CLOSED="The market does not accept bets now.",
    LIMIT_EXCEEDED="A limit the user set on themselves forbids this.",
    SELF_EXCLUDED="The user excluded themselves from betting features.",
    INSUFFICIENT_FUNDS="The bankroll is too small.",
    TIER_REQUIRED="The viewer's plan is too low.",
)
class ErrorCode(Words):
    INVALID = auto()
    NOT_FOUND = auto()
    FORBIDDEN = auto()
    BAD_CREDENTIALS = auto()
    CONFLICT = auto()
    STALE_ODDS = auto()
    MARKET_CLOSED = auto()
    LIMIT_EXCEEDED = auto()
    SELF_EXCLUDED = auto()
    INSUFFICIENT_FUNDS = auto()
    TIER_REQUIRED = auto()


@strawberry.interface(
    description="A problem the user or the client can act on, returned inside a mutation payload. New kinds may join "
    "a union: read `... on UserError { code message path }` for those that a client does not know."
)
class UserError:
    message: str = strawberry.field(description="Sentence for people.")
    code: ErrorCode = strawberry.field(description="Stable machine code.")
    path: list[str] = strawberry.field(
        description='Path to the input field at fault, for example `["input", "stake"]`; empty when none.'
    )


@strawberry.type(description="A value is malformed, missing or out of range.")
class ValidationError(UserError):
    pass


@strawberry.type(description="The referenced object does not exist or is not visible.")
class NotFoundError(UserError):
    pass


@strawberry.type(description="The viewer is not allowed to do this.")
class ForbiddenError(UserError):
    requires: str | None = strawberry.field(description="Scope, role or statement that is needed.")


@strawberry.type(description="E-mail, password, code or token is wrong or expired.")
class CredentialsError(UserError):
    retry_after_seconds: int | None = strawberry.field(
        description="Seconds to wait before another try, when throttled."
    )


@strawberry.type(description="The object changed since it was read, or a unique value is taken.")
class ConflictError(UserError):
    current_version: int | None = strawberry.field(description="Current version of the object, for a retry.")


@strawberry.type(description="The viewer's plan is too low. No plan limits anything today, so nothing answers with it.")
class TierRequiredError(UserError):
    required_tier: Tier = strawberry.field(description="Lowest tier that allows it.")
    current_tier: Tier = strawberry.field(description="The viewer's tier.")
    upgrade_url: str = strawberry.field(description="Page where the viewer can upgrade.")


@strawberry.type(description="The price moved more than the client accepted.")
class StaleOddsError(UserError):
    requested_price: Price = strawberry.field(description="Price the client sent.")
    current_price: Price | None = strawberry.field(description="Price now; null when it is no longer offered.")


@strawberry.type(description="The market does not accept bets now.")
class MarketClosedError(UserError):
    market_status: MarketStatus = strawberry.field(description="Status of the market.")


@strawberry.type(description="A responsible-gambling limit forbids this.")
class LimitExceededError(UserError):
    limit_id: strawberry.Private[int]

    @batch.batch
    @staticmethod
    async def limit(
        errors: Sequence[LimitExceededError], db: Rows
    ) -> list[Annotated[GamblingLimit, strawberry.lazy("api.care")]]:
        """The limit that was hit."""
        from api.care import GamblingLimit

        return await db.pick(GamblingLimit, [error.limit_id for error in errors])


@strawberry.type(description="The bankroll is too small for the stake.")
class InsufficientFundsError(UserError):
    available: Money = strawberry.field(description="What is left to stake.")


CommonError = Annotated[
    ValidationError | NotFoundError | ForbiddenError | ConflictError,
    strawberry.union(
        "CommonError",
        description="Errors shared by most mutations. `... on UserError { code message path }` reads any member.",
    ),
]
AuthError = Annotated[
    ValidationError | CredentialsError | ConflictError | ForbiddenError,
    strawberry.union("AuthError", description="Errors of sign-up, sign-in and password mutations."),
]
BetError = Annotated[
    ValidationError
    | NotFoundError
    | ForbiddenError
    | ConflictError
    | TierRequiredError
    | StaleOddsError
    | MarketClosedError
    | LimitExceededError
    | InsufficientFundsError,
    strawberry.union("BetError", description="Errors of recording, changing and settling bets."),
]


def failed(error: TouchlineError) -> UserError:
    """The value that tells of an expected failure; raises the error again where the graph has no word for it."""
    told: dict[str, Any] = {"message": error.message, "path": error.field.split(".") if error.field else []}
    match error:
        case StaleOdds():
            requested, current = _price(error.requested), error.current and _price(error.current)
            return StaleOddsError(
                **told, code=ErrorCode.STALE_ODDS, requested_price=requested, current_price=current or None
            )
        case MarketClosed():
            status = MarketStatus(error.status)
            return MarketClosedError(**told, code=ErrorCode.MARKET_CLOSED, market_status=status)
        case LimitReached():
            return LimitExceededError(**told, code=ErrorCode.LIMIT_EXCEEDED, limit_id=error.limit_id)
        case InsufficientFunds():
            left = Money(amount=money.major(error.available, error.currency), currency_code=error.currency)
            return InsufficientFundsError(**told, code=ErrorCode.INSUFFICIENT_FUNDS, available=left)
        case SelfExcluded():
            return ForbiddenError(**told, code=ErrorCode.SELF_EXCLUDED, requires=None)
        case Forbidden():
            return ForbiddenError(**told, code=ErrorCode.FORBIDDEN, requires=error.requires)
        case BadCredentials():
            return CredentialsError(**told, code=ErrorCode.BAD_CREDENTIALS, retry_after_seconds=error.retry_after)
        case Conflict():
            return ConflictError(**told, code=ErrorCode.CONFLICT, current_version=error.current_version)
        case NotFound():
            return NotFoundError(**told, code=ErrorCode.NOT_FOUND)
        case Invalid():
            return ValidationError(**told, code=ErrorCode.INVALID)
        case _:
            raise error


mutation = partial(batch.mutation, failed=failed)
"""`@mutation(Payload)` above a resolver of Mutation; `Payload` has `errors`, and a default for all else."""


def own_id(kind: str, key: int | None) -> strawberry.ID | None:
    """The id of an object that is gone, for payloads of deletions."""
    return None if key is None else global_id(kind, key)


def _price(decimal: Decimal) -> Price:
    return Price(decimal=float(decimal))
