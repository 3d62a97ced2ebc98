"""Mutations of one's own account: profile, settings, and its end."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import strawberry

from api.accounts import OddsFormat, User
from api.nodes import keys_of
from api.outcomes import AuthError, CommonError, mutation
from api.rows import Rows
from domain.accounts import service
from domain.accounts.desk import Desk
from domain.accounts.people import Caller, Viewer
from domain.accounts.service import KEEP, Changes

_INPUT = strawberry.argument(description="Input.")


@strawberry.input(description="Input of `updateProfile`. What is left out stays as it is.")
class UpdateProfileInput:
    first_name: str | None = strawberry.field(default=strawberry.UNSET, description="First name; null removes it.")
    last_name: str | None = strawberry.field(default=strawberry.UNSET, description="Last name; null removes it.")
    phone: str | None = strawberry.field(default=strawberry.UNSET, description="Phone number; null removes it.")
    company: str | None = strawberry.field(default=strawberry.UNSET, description="Company; null removes it.")
    tax_id: str | None = strawberry.field(default=strawberry.UNSET, description="Tax number; null removes it.")
    locale: str | None = strawberry.field(default=strawberry.UNSET, description="BCP 47 language tag.")
    time_zone: str | None = strawberry.field(
        default=strawberry.UNSET, description="IANA time zone, in which days, weeks and months begin."
    )
    currency_code: str | None = strawberry.field(default=strawberry.UNSET, description="ISO 4217 code.")
    odds_format: OddsFormat | None = strawberry.field(default=strawberry.UNSET, description="Odds format.")
    bookmaker_ids: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET, description="Bookmakers used; empty means all."
    )
    min_edge: float | None = strawberry.field(
        default=strawberry.UNSET, description="Smallest edge of alerts, fraction."
    )
    is_email_enabled: bool | None = strawberry.field(default=strawberry.UNSET, description="Send e-mails.")
    is_value_bet_alert_enabled: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Send value-bet alerts."
    )


@strawberry.type(description="Result of `updateProfile`.")
class UpdateProfilePayload:
    user: User | None = strawberry.field(default=None, description="The user.")
    errors: list[CommonError] = strawberry.field(default_factory=list, description="What went wrong; empty on success.")


@mutation(UpdateProfilePayload)
async def update_profile(
    desk: Desk,
    db: Rows,
    viewer: Viewer,
    caller: Caller,
    machine: datetime,
    input: Annotated[UpdateProfileInput, _INPUT],
) -> UpdateProfilePayload:
    """Change name, settings and alert thresholds."""
    changes = Changes(
        first_name=_change(input.first_name),
        last_name=_change(input.last_name),
        phone=_change(input.phone),
        company=_change(input.company),
        tax_id=_change(input.tax_id),
        locale=_change(input.locale),
        time_zone=_change(input.time_zone),
        currency=_change(input.currency_code),
        odds_format=_change(input.odds_format),
        bookmaker_ids=_change(input.bookmaker_ids and keys_of("Bookmaker", input.bookmaker_ids, "input.bookmakerIds")),
        min_edge=_change(input.min_edge),
        is_email_enabled=_change(input.is_email_enabled),
        is_value_bet_alert_enabled=_change(input.is_value_bet_alert_enabled),
    )
    await service.update_profile(desk, viewer, changes, caller, machine=machine)
    return UpdateProfilePayload(user=(await db.find(User, [viewer.account_id]))[0])


def _change(value: Any) -> Any:
    return KEEP if value is strawberry.UNSET else value


@strawberry.input(description="Input of `deleteAccount`.")
class DeleteAccountInput:
    password: str = strawberry.field(description="Password again.")


@strawberry.type(description="Result of `deleteAccount`.")
class DeleteAccountPayload:
    deletes_at: datetime | None = strawberry.field(default=None, description="When it will be deleted.")
    errors: list[AuthError] = strawberry.field(default_factory=list, description="What went wrong; empty on success.")


@mutation(DeleteAccountPayload)
async def delete_account(
    desk: Desk,
    viewer: Viewer,
    caller: Caller,
    machine: datetime,
    input: Annotated[DeleteAccountInput, _INPUT],
) -> DeleteAccountPayload:
    """Delete the account and all data about its owner after 14 days, or as many as the deployment says. All sessions
    end at once; signing in before then takes it back."""
    deletes_at = await service.delete_account(desk, viewer, input.password, caller, machine=machine)
    return DeleteAccountPayload(deletes_at=deletes_at)
