"""Every job by the name under which it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from dramatiq.broker import Broker

from workers import accounts, bets, feeds, forecasts, grades, market_results, seasons, tasks, upkeep, value
from workers.boot import Boot
from workers.jobs import Job, register

JOBS: Mapping[str, Job] = MappingProxyType(
    {
        "tick_feed": feeds.tick_feed,
        "refresh_predictions": forecasts.refresh_predictions,
        "refresh_league": forecasts.refresh_league,
        "run_model": forecasts.run_model,
        "run_outside_model": forecasts.run_outside_model,
        "choose_models": forecasts.choose_models,
        "show_best": forecasts.show_best,
        "price_value": value.price_value,
        "price_outside_value": value.price_outside_value,
        "refresh_value": value.refresh_value,
        "expire_value": value.expire_value,
        "settle_bets": bets.settle_bets,
        "grade_matches": grades.grade_matches,
        "settle_markets": market_results.settle_markets,
        "settle_market": market_results.settle_market,
        "retention": upkeep.retention,
        "send_mail": accounts.send_mail,
        "purge_accounts": accounts.purge_accounts,
        "run_task": tasks.run_task,
        "simulate_table": seasons.simulate_table,
        "run_simulation": seasons.run_simulation,
        "nap": upkeep.nap,
    }
)

FIRST: Mapping[str, int] = MappingProxyType(
    {"tick_feed": 0}
    | dict.fromkeys(("expire_value", "settle_bets", "grade_matches", "settle_markets", "settle_market"), 1)
)
"""Priorities of those that go before the others; lower goes first."""


def register_jobs(broker: Broker, boot: Boot) -> None:
    """Make every job an actor of this broker."""
    register(broker, boot, JOBS, FIRST)
