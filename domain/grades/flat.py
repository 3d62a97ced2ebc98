"""What one unit on every price that a model found too low would have come to.

The price is the best that stood when the match kicked off, after the commission of an exchange, so that the bet could
have been placed; one bet for each outcome whose edge lies within bounds. Prices far above what is plausible are more
often wrong than generous, which the upper bound is for. With the closing probability p and the price d, the closing
line value is d · p - 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from domain.grades.tracks import IN_QUESTION, Question
from domain.infra.database import Reader

LEAST_EDGE: Final = 0.05

MARKET: Final = ""
"""Stands for the market in the place of a model's key."""


@dataclass(frozen=True, slots=True)
class FlatBets:
    """Bets of one unit each."""

    count: int = 0
    profit: float = 0.0
    """Units."""
    closed: int = 0
    """Those that have a closing price."""
    value: float = 0.0
    """Sum of the closing line values of these."""

    @property
    def roi(self) -> float | None:
        """Profit per unit staked; None without a bet."""
        return self.profit / self.count if self.count else None

    @property
    def closing_line_value(self) -> float | None:
        """The mean; None where no bet has a closing price."""
        return self.value / self.closed if self.closed else None

    def __add__(self, other: FlatBets) -> FlatBets:
        return FlatBets(
            self.count + other.count,
            self.profit + other.profit,
            self.closed + other.closed,
            self.value + other.value,
        )


async def flat_bets(
    reader: Reader,
    question: Question,
    *,
    most_edge: float,
    model_keys: Sequence[str] | None = None,
    match_ids: Sequence[int] | None = None,
) -> dict[tuple[str, str], FlatBets]:
    """The bets of these models, or of all and of the market, on these matches, or on all in question.

    By model and version of its code; the market has the key `MARKET` and no version. Those without a bet are missing.
    """
    rows = await reader.fetch(_BETS, *question.arguments, model_keys, match_ids, LEAST_EDGE, most_edge, MARKET)
    return {(row[0], row[1]): FlatBets(row[2], row[3], row[4], row[5]) for row in map(tuple, rows)}


_BETS: Final = f"""
with asked as (
  select g.* from current_grade g where {IN_QUESTION} and ($6::bigint[] is null or g.match_id = any($6))),
prices as (
  select s.market_id, s.position, b.match_id, 1 + (b.price::float8 - 1) * (1 - k.commission::float8) as price
  from best_quote b join selection s on s.id = b.selection_id join bookmaker k on k.id = b.bookmaker_id
  where s.market_id = (select id from market where key = $1)),
said as (
  select model_key, code_version, match_id, outcome, probabilities, closing_probabilities
  from asked where $5::text[] is null or model_key = any($5)
  union all
  select * from (select distinct on (match_id) $9, '', match_id, outcome, closing_probabilities, closing_probabilities
                 from asked where $5::text[] is null and closing_probabilities is not null order by match_id) market)
select said.model_key, said.code_version, count(*),
    sum(case when said.outcome = o.place - 1 then p.price - 1 else -1 end) as profit,
    count(said.closing_probabilities) as closed,
    coalesce(sum(p.price * said.closing_probabilities[o.place] - 1), 0) as value
from said cross join lateral unnest(said.probabilities) with ordinality as o(share, place)
join prices p on p.match_id = said.match_id and p.position = o.place - 1
where o.share * p.price - 1 between $7 and $8
group by 1, 2
"""
