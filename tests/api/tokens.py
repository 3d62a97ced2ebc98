"""Access tokens as an attacker would make them, each wrong in one way."""

from __future__ import annotations

import hmac
import os
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson

from domain.accounts.sessions import SignedIn

CLAIMS = ("exp", "iat", "nbf", "jti", "sub", "sid", "aud", "iss")
"""What a token must hold."""


def signing_key() -> bytes:
    """The key of the tests' access tokens, made from `TOUCHLINE_SECRET_KEY` as `domain.accounts.vault` does."""
    return hmac.digest(os.environ["TOUCHLINE_SECRET_KEY"].encode(), b"touchline:access", "sha256")


def claims_of(signed_in: SignedIn) -> dict[str, Any]:
    """The claims of a right token of a session."""
    now = datetime.now(UTC)
    return {
        "iss": "touchline",
        "aud": "touchline-api",
        "sub": str(signed_in.account_id),
        "sid": str(signed_in.session_id),
        "jti": uuid4().hex,
        "iat": now,
        "nbf": now,
        "exp": now + timedelta(minutes=5),
    }


def token(claims: Mapping[str, Any], *, key: bytes | None = None, algorithm: str = "HS256") -> str:
    """The claims signed (RFC 7515), by default with the right key; `none` has no signature."""
    plain = {name: int(value.timestamp()) if isinstance(value, datetime) else value for name, value in claims.items()}
    message = f"{_part({'alg': algorithm, 'typ': 'JWT'})}.{_part(plain)}"
    digest = {"HS256": "sha256", "HS512": "sha512", "none": None}[algorithm]
    signature = hmac.digest(key or signing_key(), message.encode(), digest) if digest else b""
    return f"{message}.{_text(signature)}"


def _part(content: Mapping[str, Any]) -> str:
    return _text(orjson.dumps(content))


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def wrong_tokens(signed_in: SignedIn) -> dict[str, str]:
    """Tokens that must all be refused, by what is wrong with them."""
    right, now = claims_of(signed_in), datetime.now(UTC)
    head, body, signature = token(right).split(".")
    wrong = {
        "alg none": token(right, algorithm="none"),
        "alg none, with a signature": token(right, algorithm="none") + signature,
        "another algorithm": token(right, algorithm="HS512"),
        "wrong aud": token({**right, "aud": "another-api"}),
        "wrong iss": token({**right, "iss": "another-issuer"}),
        "expired": token({**right, "exp": now - timedelta(seconds=1)}),
        "future nbf": token({**right, "nbf": now + timedelta(minutes=5)}),
        "wrong key": token(right, key=b"a key of somebody else, long enough"),
        "no signature": f"{head}.{body}.",
        "changed body": f"{head}.{token({**right, 'sub': '1000'}).split('.')[1]}.{signature}",
        "another person's session": token({**right, "sub": str(signed_in.account_id + 1)}),
        "a session that is none": token({**right, "sid": "999999999"}),
        "a subject that is no number": token({**right, "sub": "ann"}),
        "a refresh token": signed_in.refresh_token,
        "no token at all": "swordfish",
    }
    return wrong | {
        f"without {missing}": token({name: value for name, value in right.items() if name != missing})
        for missing in CLAIMS
    }
