"""What strategies weigh: the served forecasts of a match and the prices that stand against them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from domain.infra.database import Reader
from domain.markets.service import Dictionary, read_dictionary
from touchline import MarketKey, Offer


@dataclass(frozen=True, slots=True)
class PricedAt:
    """What a bet rests on."""

    selection_id: int
    bookmaker_id: int
    price: str
    """The exact decimal."""
    sequence: int


@dataclass(frozen=True, slots=True)
class MarketOffers:
    """A market of the match as strategies see it."""

    key: MarketKey
    prediction_id: int
    probabilities: dict[str, float]
    offers: dict[Offer, PricedAt]


async def priced_markets(reader: Reader, match_id: int, now: datetime) -> list[MarketOffers]:
    """Every market of the match that has a served forecast, with its available prices."""
    known = await read_dictionary(reader)
    forecasts = await reader.fetch(
        """select c.market_id, p.id, p.probabilities from current_prediction c
           join prediction p on p.id = c.prediction_id where c.match_id = $1 and c.is_served order by c.market_id""",
        match_id,
    )
    offers = await _offers(reader, match_id, known, now)
    return [
        MarketOffers(
            key=known.market(row["market_id"]),
            prediction_id=row["id"],
            probabilities=dict(zip(known.outcomes(known.market(row["market_id"])), row["probabilities"], strict=True)),
            offers=offers.get(known.market(row["market_id"]), {}),
        )
        for row in forecasts
    ]


async def _offers(
    reader: Reader, match_id: int, known: Dictionary, now: datetime
) -> Mapping[MarketKey, dict[Offer, PricedAt]]:
    """The available prices of a match by market."""
    rows = await reader.fetch(
        """select q.selection_id, q.bookmaker_id, q.price::text as price, q.sequence, q.confirmed_at,
                  b.key, b.kind, b.commission::float8 as commission
           from quote q join bookmaker b on b.id = q.bookmaker_id
           where q.match_id = $1 and q.is_available order by b.key, q.selection_id""",
        match_id,
    )
    offers: dict[MarketKey, dict[Offer, PricedAt]] = {}
    for row in rows:
        market, outcome = known.selection(row["selection_id"])
        age = max(0.0, (now - row["confirmed_at"]).total_seconds())
        offer = Offer(row["key"], outcome, float(row["price"]), row["commission"], row["kind"] == "SHARP", age)
        quote = PricedAt(row["selection_id"], row["bookmaker_id"], row["price"], row["sequence"])
        offers.setdefault(market, {})[offer] = quote
    return offers
