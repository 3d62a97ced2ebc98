"""All tables, imported once so that their metadata is complete."""

from sqlmodel import SQLModel

from domain.accounts import tables as accounts
from domain.bets import tables as bets
from domain.care import tables as care
from domain.forecasting import tables as forecasting
from domain.grades import tables as grades
from domain.infra import tables as infra
from domain.intake import tables as intake
from domain.markets import tables as markets
from domain.matches import tables as matches
from domain.odds import tables as odds
from domain.seasons import tables as seasons
from domain.tasks import tables as tasks
from domain.value import tables as value

METADATA = SQLModel.metadata

__all__ = [
    "METADATA",
    "accounts",
    "bets",
    "care",
    "forecasting",
    "grades",
    "infra",
    "intake",
    "markets",
    "matches",
    "odds",
    "seasons",
    "tasks",
    "value",
]
