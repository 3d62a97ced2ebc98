"""Jobs that what happens to predictions makes necessary."""

from __future__ import annotations

from domain.infra.outbox import Request


def run_request(model_key: str, league_id: int, reason: str, *, is_ours: bool) -> Request:
    """Have a model forecast a league; requests that wait for the same are one.

    Models of others go through a queue of their own, so that none of them keeps ours waiting.
    """
    return Request(
        "run_model" if is_ours else "run_outside_model",
        {"model_key": model_key, "league_id": league_id, "reason": reason},
        dedupe_key=f"run_model:{model_key}:{league_id}",
    )


def price_request(match_id: int) -> Request:
    """Work out the value bets of a match; requests that wait for the same match are one."""
    return Request("price_value", {"match_id": match_id}, dedupe_key=f"price_value:{match_id}")


def outside_price_request(match_id: int) -> Request:
    """Have the strategies of others weigh the prices of a match; requests that wait for the same match are one."""
    return Request("price_outside_value", {"match_id": match_id}, dedupe_key=f"price_outside_value:{match_id}")
