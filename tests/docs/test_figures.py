"""Figures that the documents tell in their sentences are those of the code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType

import pytest

from domain.accounts.codes import LIVES, CodeKind
from domain.accounts.erasure import UNCONFIRMED_KEPT
from domain.accounts.rules import SHORTEST_PASSWORD
from domain.accounts.throttle import WINDOW_SECONDS
from domain.bets.due import CORRECTED_WITHIN
from domain.bets.judging import MOVED_BY
from domain.bets.record.luck import DRAWS, MOST_SIMULATED, POWER
from domain.bets.rules import MAX_STAKE_SHARE, MOST_LEGS
from domain.care.rules import BREAK, COOLING, EXCLUSION_MONTHS
from domain.care.signs import DAYS, OFTEN
from domain.forecasting.history import HORIZON_DAYS
from domain.forecasting.plugin_states import FAILURES_IN_ROW
from domain.grades.choosing import LEAST_MATCHES
from domain.grades.scores import LEAST_FOR_VERDICT
from domain.infra.settings import MAKE_SECRET, Settings
from domain.markets.asking import LOOKED_BACK
from domain.seasons.rules import AT_ONCE
from domain.seasons.rules import KEPT as SIMULATED
from domain.tasks.service import KEPT
from tests.docs.documents import ROOT
from touchline import Reach, combos
from touchline.command.score import SCORED
from touchline.command.score import SIMULATED as SEASONS
from touchline.guard import MOST_PROCESSES
from workers.demo_people import PASSWORD
from workers.mailer import MOST_FILES

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven")


def _setting(name: str) -> str:
    return f"{Settings.model_fields[name].default:g}"


TOLD: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "README.md": (f'password: "{PASSWORD}"',),
        "api/README.md": (
            f"good once and for {LIVES[CodeKind.VERIFY] // HOUR} hours",
            f"ends after {_setting('access_minutes')} minutes",
            f"Only within {_setting('refresh_grace_seconds')} seconds",
            f"stays away for {_setting('refresh_days')} days",
            f"erases everything after {_setting('deletion_days')} days",
            f"a looser one or none after {COOLING // HOUR} hours",
            f"of 2 to {MOST_LEGS} different matches",
            f"It ends after {KEPT // HOUR} hours",
            f"prices {WORDS[combos.FEWEST]} to {WORDS[combos.MOST]} selections of one match",
            f"Up to {AT_ONCE:,} simulations are done at once",
        ),
        "domain/README.md": (
            f"JWT of {_setting('access_minutes')} minutes",
            f"At least {SHORTEST_PASSWORD} characters",
            f"The grace, {_setting('refresh_grace_seconds')} seconds",
            f"{LIVES[CodeKind.VERIFY] // HOUR} hours to confirm an address",
            f"{WORDS[LIVES[CodeKind.RESET] // HOUR]} hour for a new password",
            "windows of a quarter of an hour" if WINDOW_SECONDS == 900 else "…",
            f"about the person after {_setting('deletion_days')} days",
            f"nobody confirmed goes after {UNCONFIRMED_KEPT // DAY} days",
            f"at most {MAX_STAKE_SHARE:.0%}".replace("%", " %"),
            f"moved by more than {MOVED_BY // HOUR} hours",
            f"settles anew for {CORRECTED_WITHIN // DAY} days",
            f"Up to {MOST_SIMULATED} bets the chance is counted in {DRAWS:,} seeded simulations",
            f"a power of {POWER:.0%}".replace("%", " %"),
            f"or no limit, after {COOLING // HOUR} hours",
            f"A break of {BREAK[0] // DAY} day to {BREAK[1] // WEEK} weeks, or a self-exclusion of "
            f"{EXCLUSION_MONTHS[0]} months to {EXCLUSION_MONTHS[1] // 12} years",
            f"on {WORDS[OFTEN]} of the last {WORDS[DAYS]} days",
            f"The matches of the next {HORIZON_DAYS} days are forecast",
            f"A model gets {WORDS[Reach().days // 365]} years of its league's finished matches",
            f"A challenger takes over from {LEAST_MATCHES} matches on",
            f"given only from {LEAST_FOR_VERDICT} matches on",
            f"asked about again, within {LOOKED_BACK // DAY} days of kick-off",
        ),
        "plugins/README.md": (
            f"another past than {WORDS[Reach().days // 365]} years of its own league",
            f"it failed {WORDS[FAILURES_IN_ROW]} times in a row",
            f"{WORDS[SEASONS]} seasons, of which the last {WORDS[SCORED]} are forecast",
        ),
        "workers/README.md": (
            f"the {SIMULATED:,}-simulation table of a season",
            f"the newest {MOST_FILES}, with their codes",
            f"what {MAKE_SECRET} prints",
            f"After {WORDS[FAILURES_IN_ROW]} in a row it is in quarantine",
            f"one thread, {MOST_PROCESSES} processes at most",
        ),
    }
)


@pytest.mark.parametrize(
    ("document", "sentence"), [(document, sentence) for document, said in TOLD.items() for sentence in said]
)
def test_figure_is_that_of_the_code(document: str, sentence: str) -> None:
    assert sentence in " ".join((ROOT / document).read_text().split())
