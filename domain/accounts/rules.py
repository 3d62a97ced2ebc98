"""What an e-mail address, a password, a name and the settings of a person must look like. Pure.

Each rule answers the value's normal form, or raises Invalid with the path of the input field and the remedy.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from math import isfinite
from types import MappingProxyType
from typing import Any
from zoneinfo import available_timezones

from email_validator import EmailNotValidError, validate_email

from domain.infra.errors import Invalid
from domain.money import MoneyError, exponent

SHORTEST_PASSWORD = 12
"""Characters, as NIST SP 800-63B advises a length and no mixture of kinds."""
LONGEST_PASSWORD = 1024
"""Bytes; more is no password."""
LONGEST_NAME = 100
LONGEST_PHONE = 40
LONGEST_COMPANY = 200
LONGEST_TAX_ID = 50
LONGEST_DEVICE_NAME = 100
LONGEST_USER_AGENT = 400
MOST_BOOKMAKERS = 200
UNPRINTABLE = frozenset({"Cc", "Cs"})
"""Unicode categories of control characters and halves of characters; PostgreSQL holds neither NUL nor halves."""
ODDS_FORMATS = ("DECIMAL", "AMERICAN", "FRACTIONAL")

_LOCALE = re.compile(
    r"(?P<language>[a-z]{2,3})(-(?P<script>[a-z]{4}))?(-(?P<region>[a-z]{2}|[0-9]{3}))?"
    r"(?P<rest>(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*)",
    re.IGNORECASE,
)
"""Language, script, region and variants of a BCP 47 tag (RFC 5646, section 2.1)."""


def normal_email(email: str, field: str = "input.email") -> str:
    """The address in lower case and ASCII: nobody has two accounts by writing `Ann@` and `ann@`."""
    try:
        found = validate_email(email.strip(), check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise Invalid(field, str(error)) from None
    assert found.ascii_email is not None, "an address without SMTPUTF8 is ASCII"
    return found.ascii_email.lower()


def new_password(password: str, email: str, field: str = "input.password") -> str:
    """The password, when it may be chosen for the account of a normal e-mail."""
    if len(password) < SHORTEST_PASSWORD:
        raise Invalid(field, f"must have at least {SHORTEST_PASSWORD} characters; a few words make a good one")
    if len(password.encode("utf-8", "surrogatepass")) > LONGEST_PASSWORD:
        raise Invalid(field, f"must have at most {LONGEST_PASSWORD} bytes")
    if password.strip().lower() == email:
        raise Invalid(field, "must not be the e-mail address; others know that")
    if len(set(password)) == 1:
        raise Invalid(field, "must not be one character again and again; it is guessed first")
    return password


def legal_age(is_of_legal_age: bool, field: str = "input.isOfLegalAge") -> None:
    """Raise Invalid unless the person states to be of legal age."""
    if not is_of_legal_age:
        raise Invalid(field, "must be true: only people of legal age for betting may have an account")


def line(text: str | None, most: int, field: str) -> str | None:
    """One line of text without space around it; None for nothing."""
    if text is None or not text.strip():
        return None
    text = text.strip()
    if len(text) > most:
        raise Invalid(field, f"must have at most {most} characters")
    if any(unicodedata.category(character) in UNPRINTABLE for character in text):
        raise Invalid(field, "must be one line without control characters")
    return text


def locale(tag: str, field: str) -> str:
    """A BCP 47 language tag as RFC 5646 writes it: `es-MX`, `zh-Hant-TW`."""
    found = _LOCALE.fullmatch(tag)
    if found is None:
        raise Invalid(field, "must be a language tag of BCP 47, for example en or es-MX")
    script, region = found["script"], found["region"]
    parts = [found["language"].lower(), script and script.title(), region and region.upper()]
    return "-".join(part for part in parts if part) + found["rest"].lower()


def time_zone(name: str, field: str) -> str:
    """The name of a zone of the IANA time zone database."""
    if name not in _zones():
        raise Invalid(field, "must be a time zone of IANA, for example Europe/Madrid or UTC")
    return name


def currency(code: str, field: str) -> str:
    """An ISO 4217 code in upper case."""
    try:
        exponent(code.upper())
    except MoneyError as error:
        raise Invalid(field, str(error)) from None
    return code.upper()


def odds_format(name: str, field: str) -> str:
    """How odds are written for a person."""
    if name not in ODDS_FORMATS:
        raise Invalid(field, f"must be one of {', '.join(ODDS_FORMATS)}")
    return name


def min_edge(edge: float, field: str) -> float:
    """The smallest edge of an alert, fraction."""
    if not isfinite(edge) or not 0 <= edge <= 1:
        raise Invalid(field, "must be between 0 and 1, for example 0.10 for ten percent")
    return edge


def bookmaker_ids(ids: list[int], field: str) -> list[int]:
    """Bookmakers, each once, in ascending order."""
    if len(set(ids)) > MOST_BOOKMAKERS:
        raise Invalid(field, f"must name at most {MOST_BOOKMAKERS}; leave it empty for all")
    return sorted(set(ids))


def flag(value: bool, field: str) -> bool:
    """A switch: whatever its type says."""
    del field
    return value


def line_of(most: int) -> Callable[[str | None, str], str | None]:
    """The rule of a line of at most so many characters."""
    return lambda text, field: line(text, most, field)


PROFILE: Mapping[str, tuple[str, Callable[[Any, str], Any]]] = MappingProxyType(
    {
        "first_name": ("input.firstName", line_of(LONGEST_NAME)),
        "last_name": ("input.lastName", line_of(LONGEST_NAME)),
        "phone": ("input.phone", line_of(LONGEST_PHONE)),
        "company": ("input.company", line_of(LONGEST_COMPANY)),
        "tax_id": ("input.taxId", line_of(LONGEST_TAX_ID)),
        "locale": ("input.locale", locale),
        "time_zone": ("input.timeZone", time_zone),
        "currency": ("input.currencyCode", currency),
        "odds_format": ("input.oddsFormat", odds_format),
        "bookmaker_ids": ("input.bookmakerIds", bookmaker_ids),
        "min_edge": ("input.minEdge", min_edge),
        "is_email_enabled": ("input.isEmailEnabled", flag),
        "is_value_bet_alert_enabled": ("input.isValueBetAlertEnabled", flag),
    }
)
"""Of each column of an account that its owner may change: the input field, and the rule."""
CLEARABLE = frozenset({"first_name", "last_name", "phone", "company", "tax_id"})
"""Columns of `PROFILE` that may be empty."""


def profile_value(column: str, value: Any) -> Any:
    """What a column of `PROFILE` is to hold, checked."""
    field, rule = PROFILE[column]
    if value is None and column not in CLEARABLE:
        raise Invalid(field, "cannot be null; leave it out to keep it")
    return rule(value, field)


def device_name(told: str | None, user_agent: str | None) -> str:
    """What a session is called in its list; cut, not refused: signing in must not fail for it."""
    return _cut(told, LONGEST_DEVICE_NAME) or _cut(user_agent, LONGEST_DEVICE_NAME) or "Unknown device"


def user_agent(told: str | None) -> str | None:
    """A program's word about itself, as it is kept."""
    return _cut(told, LONGEST_USER_AGENT) or None


def _cut(text: str | None, most: int) -> str:
    return "".join(each for each in text or "" if unicodedata.category(each) not in UNPRINTABLE).strip()[:most]


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
