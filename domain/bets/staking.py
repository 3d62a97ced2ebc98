"""The staking rules that an owner asks for, and the stakes they suggest for an edge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import orjson

from domain.bets import usage
from domain.bets.rules import KELLY_MULTIPLIER, MAX_STAKE_SHARE, Method, Staking, stake_of, suggested_stake
from domain.infra.database import Reader
from domain.infra.errors import Invalid


@dataclass(frozen=True, slots=True)
class StakingWanted:
    """Staking rules as somebody asks for them; what is None is the default of `Staking`."""

    method: str
    flat_stake: Decimal | None = None
    """Major units."""
    flat_currency: str | None = None
    percent: float | None = None
    kelly_multiplier: float | None = None
    max_stake_share: float | None = None

    def staking(self, currency: str) -> Staking:
        """The rules for a bankroll of a currency; raises Invalid with a path below `input.staking`."""
        if self.method not in list(Method):
            raise Invalid("input.staking.method", f"write one of {', '.join(Method)}")
        return Staking(
            Method(self.method),
            self._flat(currency),
            self.percent,
            KELLY_MULTIPLIER if self.kelly_multiplier is None else self.kelly_multiplier,
            MAX_STAKE_SHARE if self.max_stake_share is None else self.max_stake_share,
        ).checked()

    def _flat(self, currency: str) -> int | None:
        if self.flat_stake is None:
            return None
        return stake_of(self.flat_stake, self.flat_currency or currency, currency, field="input.staking.flatStake")


@dataclass(frozen=True, slots=True)
class Opportunity:
    """A price with an edge, as a strategy found it."""

    edge: float
    price: Decimal
    commission: Decimal


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A stake in minor units of a currency."""

    stake: int
    currency: str


async def suggestions(
    db: Reader,
    account_id: int,
    bankroll_id: int,
    opportunities: Sequence[Opportunity],
    *,
    kelly_multiplier: float | None = None,
    machine: datetime,
) -> list[Suggestion] | None:
    """The stake that a bankroll's rules make of each edge, each as if it were the only bet.

    None where the account has no such bankroll. At most four statements, however many edges. On real money
    the limits leave what they leave. Raises Invalid for a multiplier that is no share.
    """
    if kelly_multiplier is not None and not 0 < kelly_multiplier <= 1:
        raise Invalid("kellyMultiplier", "write a fraction above 0 and at most 1")
    row = await db.fetchrow(
        """select currency, is_paper, balance, staking::text as staking from bankroll
           where account_id = $1 and id = $2""",
        account_id,
        bankroll_id,
    )
    if row is None:
        return None
    room = None if row["is_paper"] else await usage.room(db, account_id, row["currency"], machine=machine)
    staking = Staking.from_json(orjson.loads(row["staking"]))
    return [
        Suggestion(
            suggested_stake(
                balance=row["balance"],
                edge=one.edge,
                price=one.price,
                commission=one.commission,
                staking=staking,
                kelly_multiplier=kelly_multiplier,
                room=room,
            ),
            row["currency"],
        )
        for one in opportunities
    ]
