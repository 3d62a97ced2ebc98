"""What a text must not say: the secrets of the settings, and what looks like somebody's token or code."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote, urlsplit

from domain.infra.settings import Settings

HIDDEN = "[hidden]"
LEAST = 4
"""Characters of a secret that is looked for; shorter ones stand in every other word."""
PATTERNS = (
    (re.compile(r"(?i)(bearer\s{1,8})[\w.~+/=-]{8,}"), rf"\1{HIDDEN}"),
    (re.compile(r"\beyJ[\w-]{8,2048}\.[\w-]{8,2048}\.[\w-]{0,2048}"), HIDDEN),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,31}://[^\s/:@]{0,255}):[^\s/@]{1,1024}@"), rf"\1:{HIDDEN}@"),
)
"""Tokens in headers, tokens anywhere, and passwords in addresses. Bounded: a stranger's long text costs no more than
its length."""


class Redactor:
    """Hides what a deployment's texts must not say."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = sorted({each for each in secrets if len(each) >= LEAST}, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, known))) if known else None

    @classmethod
    def of(cls, settings: Settings) -> Redactor:
        """One that knows the secrets of a deployment."""
        urls = [settings.database_url, settings.redis_url]
        plain = [settings.secret_key, settings.metrics_token, settings.sentry_dsn, settings.smtp_url]
        secrets = [each.get_secret_value() for each in plain if each is not None]
        passwords = [word for each in [*urls, *secrets] if "://" in each for word in _passwords(each)]
        return cls([*secrets, *passwords, *map(unquote, passwords)])

    def redact(self, text: str) -> str:
        """The text without them."""
        if self._secrets is not None:
            text = self._secrets.sub(HIDDEN, text)
        for pattern, instead in PATTERNS:
            text = pattern.sub(instead, text)
        return text


def _passwords(url: str) -> list[str]:
    """What an address says for nobody else: its password, in front of the host or among its parameters."""
    parts = urlsplit(url)
    return [parts.password or "", *(value for name, value in parse_qsl(parts.query) if "password" in name.lower())]
