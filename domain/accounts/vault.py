"""What the deployment's one secret signs: access tokens, refresh tokens, e-mailed codes and links to files.

Refresh tokens and codes are not stored anywhere, neither plainly nor as a digest: each is the HMAC-SHA256 of
its row's random id under the key. A stolen database opens nothing, a mail is worded when it is sent, and a
token that was lost on the way can be told again.

Access tokens are JWT (RFC 7519) signed with HS256, by PyJWT; RFC 8725 is followed: one algorithm, and
exp, iat, nbf, jti, sub, sid, aud and iss are required.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid4

import jwt

from domain.infra.errors import BadCredentials
from domain.infra.settings import Settings, secret_of

ISSUER = "touchline"
AUDIENCE = "touchline-api"
ALGORITHM = "HS256"
CLOCKS_APART = timedelta(seconds=10)
"""A token counts from this long before it was made: the machines of a deployment do not agree to the second."""
_REQUIRED = ["exp", "iat", "nbf", "jti", "sub", "sid", "aud", "iss"]


class Purpose(StrEnum):
    """What a signature is for; one made for a purpose is worth nothing for another."""

    ACCESS = "access"
    REFRESH = "refresh"
    EMAIL_CODE = "email-code"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What a valid access token says."""

    account_id: int
    session_id: int
    expires_at: datetime


class Vault:
    """Signs and checks. Opened once by a process from its settings; raises SettingsError without a key."""

    def __init__(self, settings: Settings) -> None:
        secret = secret_of(settings)
        self._keys = {purpose: hmac.digest(secret, b"touchline:" + purpose.encode(), "sha256") for purpose in Purpose}
        self._access_life = timedelta(minutes=settings.access_minutes)

    def access_token(self, account_id: int, session_id: int, machine: datetime) -> tuple[str, datetime]:
        """A token for the session, and when it ends; `machine` is machine time."""
        expires_at = machine + self._access_life
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(account_id),
            "sid": str(session_id),
            "jti": uuid4().hex,
            "iat": machine,
            "nbf": machine - CLOCKS_APART,
            "exp": expires_at,
        }
        return jwt.encode(claims, self._keys[Purpose.ACCESS], algorithm=ALGORITHM), expires_at.replace(microsecond=0)

    def read_access_token(self, token: str) -> AccessClaims:
        """Its claims; raises BadCredentials, with the reason, when it is not valid now."""
        try:
            claims = jwt.decode(
                token,
                self._keys[Purpose.ACCESS],
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": _REQUIRED, "verify_iat": False},  # nbf says from when it counts
            )
            return AccessClaims(
                int(claims["sub"]), int(claims["sid"]), datetime.fromtimestamp(float(claims["exp"]), UTC)
            )
        except jwt.ExpiredSignatureError:
            raise BadCredentials("The access token has ended; trade the refresh token for a new one.") from None
        except (jwt.InvalidTokenError, ValueError):
            raise BadCredentials("This is no access token of ours; sign in, or trade the refresh token.") from None

    def token(self, purpose: Purpose, name: UUID) -> str:
        """The token of a row: its id and the signature of that, in 64 URL-safe characters."""
        return urlsafe_b64encode(name.bytes + self._signature(purpose, name.bytes)).decode()

    def read_token(self, purpose: Purpose, token: str) -> UUID | None:
        """The id that a token names; None when this deployment never made it for that purpose."""
        try:
            name = UUID(bytes=urlsafe_b64decode(token)[:16])
        except (NotBase64, ValueError):
            return None
        # The text and not its bytes: Base64 has several spellings of them.
        return name if hmac.compare_digest(token.encode(), self.token(purpose, name).encode()) else None

    def signature(self, purpose: Purpose, text: str) -> str:
        """A URL-safe signature of a text, for links."""
        return urlsafe_b64encode(self._signature(purpose, text.encode())).decode().rstrip("=")

    def is_signed(self, purpose: Purpose, text: str, signature: str) -> bool:
        """Whether `signature` is that of the text; in constant time."""
        return hmac.compare_digest(self.signature(purpose, text), signature)

    def _signature(self, purpose: Purpose, message: bytes) -> bytes:
        return hmac.new(self._keys[purpose], message, hashlib.sha256).digest()
