"""All tables, imported once so that their metadata is complete."""

from sqlmodel import SQLModel

from domain.accounts import tables as accounts
from domain.bets import tables as bets
from domain.care import tables as care
from domain.forecasting import tables as forecasting
from domain.infra import tables as infra
from domain.intake import tables as intake
from domain.markets import tables as markets
from domain.matches import tables as matches
from domain.odds import tables as odds
from domain.tasks import tables as tasks
from domain.value import tables as value

METADATA = SQLModel.metadata

__all__ = [
    "METADATA",
    "accounts",
    "bets",
    "care",
    "forecasting",
    "infra",
    "intake",
    "markets",
    "matches",
    "odds",
    "tasks",
    "value",
]
