"""A league of fictional clubs from known strengths, and the prices of a dozen fictional bookmakers.

    world = demo_world(seed=1, now=datetime.now(UTC))
    world.finished(before=now)          # a history with statistics and prices
    world.ticks(now, now + timedelta(hours=1))

Nothing here is real, and whoever stores it marks it simulated.
"""

from touchline.simulator.bookmakers import BOOKMAKERS, MARKETS, BookmakerKind, SimulatedBookmaker
from touchline.simulator.league import LiveScore, SimulatedClub, SimulatedLeague, SimulatedMatch
from touchline.simulator.play import Means, Played
from touchline.simulator.prices import PricePath
from touchline.simulator.world import World, demo_world
from touchline.ticks import PriceTick

__all__ = [
    "BOOKMAKERS",
    "MARKETS",
    "BookmakerKind",
    "LiveScore",
    "Means",
    "Played",
    "PricePath",
    "PriceTick",
    "SimulatedBookmaker",
    "SimulatedClub",
    "SimulatedLeague",
    "SimulatedMatch",
    "World",
    "demo_world",
]
