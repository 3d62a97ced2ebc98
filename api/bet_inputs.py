"""What clients write to place and change bets, and how the domain reads it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import strawberry

from api.bet_filters import BetKind
from api.nodes import key_of, read_global_id
from api.odds_selections import Selection
from api.scalars import MoneyInput, SelectionResult, given
from domain.bets.changing import BetChanges
from domain.bets.legs import LegWanted
from domain.bets.placing import PlaceBet
from domain.infra.errors import Invalid, NotFound


@strawberry.input(
    description="A leg of a new bet. Give `selectionId` or `quoteId`, or describe a market the platform does not hold."
)
class BetLegInput:
    selection_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="Selection.")
    description: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Text, for a market the platform does not hold; such a leg is settled by hand.",
    )
    decimal_odds: float = strawberry.field(
        description="Decimal odds seen or taken, above 1, at most 4 decimals. At a bookmaker of ours the bet is "
        "recorded at its standing price, which must not have fallen by more than `maxSlippage`."
    )
    quote_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description="Quote the user saw, for the slippage check; it names selection and bookmaker too.",
    )
    bookmaker_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Bookmaker; that of the quote, or of the bet, when omitted."
    )
    bookmaker_name: str | None = strawberry.field(
        default=strawberry.UNSET, description="Bookmaker, for one that the platform does not know."
    )

    def wanted(self, field: str, bookmaker_id: strawberry.ID | None) -> LegWanted:
        """The leg as the domain reads it; raises NotFound naming the id at fault. `bookmaker_id` is the bet's."""
        name, quote_id, own_id = given(self.bookmaker_name), given(self.quote_id), given(self.bookmaker_id)
        at = own_id if own_id or name is not None or quote_id else bookmaker_id
        match_id, selection_id = _selection_key(given(self.selection_id), f"{field}.selectionId")
        return LegWanted(
            price=price_read(self.decimal_odds),
            match_id=match_id,
            selection_id=selection_id,
            bookmaker_id=_key("Bookmaker", at, f"{field}.bookmakerId"),
            bookmaker_name=name,
            quote_sequence=_key("OddsQuote", quote_id, f"{field}.quoteId"),
            description=given(self.description),
        )


@strawberry.input(description="Input of `placeBet`.")
class PlaceBetInput:
    bankroll_id: strawberry.ID = strawberry.field(description="Bankroll.")
    kind: BetKind | None = strawberry.field(
        default=strawberry.UNSET, description="Kind; by the number of legs when omitted."
    )
    legs: list[BetLegInput] = strawberry.field(description="Legs, 1-20, of different matches.")
    stake: MoneyInput = strawberry.field(description="Stake, in the bankroll's currency.")
    bookmaker_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Bookmaker of the legs that name none."
    )
    value_bet_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="Value bet it follows.")
    max_slippage: float | None = strawberry.field(
        default=strawberry.UNSET,
        description="Largest accepted fall of the price since it was shown, fraction; 0 when omitted.",
    )
    placed_at: datetime | None = strawberry.field(
        default=strawberry.UNSET,
        description="Time, for bets recorded later, up to two years; their prices are taken as they are told.",
    )
    tags: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Labels, at most 10 of 30 characters."
    )
    notes: str | None = strawberry.field(default=strawberry.UNSET, description="Text, at most 2000 characters.")
    idempotency_key: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Same key, same bet; safe to repeat. At most 100 characters, new for every bet.",
    )

    def wanted(self) -> PlaceBet:
        """The bet as the domain reads it; raises NotFound or Invalid naming the field at fault."""
        if (kind := given(self.kind)) is not None and (kind == BetKind.SINGLE) != (len(self.legs) == 1):
            raise Invalid("input.kind", "a SINGLE has one leg, an ACCUMULATOR several: leave the kind out")
        bankroll_id = _key("Bankroll", self.bankroll_id, "input.bankrollId")
        assert bankroll_id is not None  # an id was given
        book = given(self.bookmaker_id)
        _key("Bookmaker", book, "input.bookmakerId")
        return PlaceBet(
            bankroll_id=bankroll_id,
            legs=tuple(leg.wanted(f"input.legs.{place}", book) for place, leg in enumerate(self.legs)),
            stake=self.stake.amount,
            currency=self.stake.currency_code,
            max_slippage=given(self.max_slippage) or 0.0,
            value_bet_id=_key("ValueBet", given(self.value_bet_id), "input.valueBetId"),
            placed_at=given(self.placed_at),
            tags=tuple(given(self.tags) or ()),
            notes=given(self.notes),
            idempotency_key=given(self.idempotency_key),
        )


@strawberry.input(description="Input of `updateBet`; what is left out stays.")
class UpdateBetInput:
    id: strawberry.ID = strawberry.field(description="Bet.")
    expected_version: int = strawberry.field(description="Version read.")
    stake: MoneyInput | None = strawberry.field(default=strawberry.UNSET, description="Stake.")
    decimal_odds: float | None = strawberry.field(
        default=strawberry.UNSET, description="Price taken, of a bet with one leg."
    )
    tags: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Labels, instead of those that it has; null takes them away."
    )
    notes: str | None = strawberry.field(
        default=strawberry.UNSET, description="Text, instead of what it has; null takes it away."
    )

    def changes(self) -> BetChanges:
        """The changes as the domain reads them."""
        stake, odds = given(self.stake), given(self.decimal_odds)
        return BetChanges(
            stake=stake.amount if stake else None,
            currency=stake.currency_code if stake else None,
            price=None if odds is None else price_read(odds),
            tags=None if self.tags is strawberry.UNSET else self.tags or (),
            notes=None if self.notes is strawberry.UNSET else self.notes or "",
        )


@strawberry.input(description="Input of `settleBet`.")
class SettleBetInput:
    id: strawberry.ID = strawberry.field(description="Bet.")
    expected_version: int = strawberry.field(description="Version read.")
    leg_results: list[SelectionResult] = strawberry.field(description="Result per leg, in order.")


@strawberry.input(description="Input of `deleteBet`.")
class DeleteBetInput:
    id: strawberry.ID = strawberry.field(description="Bet.")


def price_read(decimal_odds: float) -> Decimal:
    """The decimal that a client wrote: a float gives back the digits that it was made from."""
    return Decimal(repr(decimal_odds))


def bet_key(id: strawberry.ID) -> int:
    """The key of a bet's id; raises NotFound where it is none."""
    key = _key("Bet", id, "input.id")
    assert key is not None  # an id was given
    return key


_THINGS = {
    "Bankroll": "You have no such bankroll.",
    "Bet": "You have no such bet.",
    "Bookmaker": "There is no such bookmaker.",
    "OddsQuote": "There is no such price.",
    "ValueBet": "There is no such value bet.",
}


def _key(kind: str, id: strawberry.ID | None, field: str) -> int | None:
    """The key of an id that may be left out; raises NotFound for one that is no id of that type."""
    if id is None:
        return None
    key = key_of(kind, id)
    if key is None:
        raise NotFound(_THINGS[kind], field=field)
    return key


def _selection_key(id: strawberry.ID | None, field: str) -> tuple[int, int] | tuple[None, None]:
    if id is None:
        return None, None
    kind, key = read_global_id(id) or ("", "")
    found = Selection.read_key(key) if kind == "Selection" else None
    if not isinstance(found, tuple):
        raise NotFound("There is no such selection.", field=field)
    match_id, selection_id = found
    return match_id, selection_id
