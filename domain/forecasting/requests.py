"""Jobs that what happens to predictions makes necessary."""

from __future__ import annotations

from domain.infra.outbox import Request


def run_request(model_key: str, league_id: int, reason: str) -> Request:
    """Have a model forecast a league; requests that wait for the same are one."""
    return Request(
        "run_model",
        {"model_key": model_key, "league_id": league_id, "reason": reason},
        dedupe_key=f"run_model:{model_key}:{league_id}",
    )


def price_request(match_id: int) -> Request:
    """Work out the value bets of a match; requests that wait for the same match are one."""
    return Request("price_value", {"match_id": match_id}, dedupe_key=f"price_value:{match_id}")
