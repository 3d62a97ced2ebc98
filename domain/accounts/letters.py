"""What e-mails to people say, in English and Spanish. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType


class MailKind(StrEnum):
    """The letters there are."""

    VERIFY = "VERIFY"
    ALREADY_REGISTERED = "ALREADY_REGISTERED"
    RESET = "RESET"
    PASSWORD_CHANGED = "PASSWORD_CHANGED"
    DELETION = "DELETION"


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail says."""

    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class _Words:
    """A letter of one language. In `text` stand `{code}`, `{recipient}` and `{until}`."""

    subject: str
    text: str
    link: str = ""
    """Path at the frontend that takes the code."""


_ENGLISH: Mapping[MailKind, _Words] = MappingProxyType(
    {
        MailKind.VERIFY: _Words(
            "Confirm your e-mail address",
            "Welcome to Touchline.\n\nThis code confirms {recipient} and signs you in. It works once, for 48 hours:\n\n"
            "{code}\n\nIf you did not just register, do nothing: without the code nobody gets in. If more of these "
            "come than you asked for, use that of your registration: each gives the account the password of its own.",
            "verify",
        ),
        MailKind.ALREADY_REGISTERED: _Words(
            "You already have an account",
            "Somebody has just tried to register with {recipient}, and you have an account with it.\n\n"
            "If it was you, sign in with your password, or ask for a new one. If it was not, do nothing.",
        ),
        MailKind.RESET: _Words(
            "Choose a new password",
            "With this code you choose a new password for {recipient}. It works once, for one hour:\n\n{code}\n\n"
            "If you did not ask for it, do nothing: your password stays as it is.",
            "reset",
        ),
        MailKind.PASSWORD_CHANGED: _Words(
            "Your password was changed",
            "The password of {recipient} was changed just now, and all devices were signed out.\n\n"
            "If it was not you, ask for a new password at once.",
        ),
        MailKind.DELETION: _Words(
            "Your account is deleted",
            "You asked to delete the account of {recipient}. {until}",
        ),
    }
)
_SPANISH: Mapping[MailKind, _Words] = MappingProxyType(
    {
        MailKind.VERIFY: _Words(
            "Confirma tu correo electrónico",
            "Te damos la bienvenida a Touchline.\n\nEste código confirma {recipient} e inicia tu sesión. Sirve una "
            "sola vez, durante 48 horas:\n\n{code}\n\nSi no acabas de registrarte, no hagas nada: sin el código no "
            "entra nadie. Si te llegan más de los que has pedido, usa el de tu registro: cada uno da a la cuenta la "
            "contraseña elegida con él.",
            "verify",
        ),
        MailKind.ALREADY_REGISTERED: _Words(
            "Ya tienes una cuenta",
            "Alguien acaba de intentar registrarse con {recipient}, y ya tienes una cuenta con esa dirección.\n\n"
            "Si has sido tú, inicia sesión con tu contraseña o pide una nueva. Si no, no hagas nada.",
        ),
        MailKind.RESET: _Words(
            "Elige una contraseña nueva",
            "Con este código eliges una contraseña nueva para {recipient}. Sirve una sola vez, durante una hora:\n\n"
            "{code}\n\nSi no lo has pedido, no hagas nada: tu contraseña sigue igual.",
            "reset",
        ),
        MailKind.PASSWORD_CHANGED: _Words(
            "Tu contraseña ha cambiado",
            "La contraseña de {recipient} acaba de cambiar y se ha cerrado la sesión en todos los dispositivos.\n\n"
            "Si no has sido tú, pide una contraseña nueva ahora mismo.",
        ),
        MailKind.DELETION: _Words(
            "Tu cuenta se elimina",
            "Has pedido eliminar la cuenta de {recipient}. {until}",
        ),
    }
)
_GONE = {
    "en": "It is gone now, with everything that was kept about you.",
    "es": "Ya no existe, ni nada de lo que se guardaba sobre ti.",
}
_UNTIL = {
    "en": "It goes on {day} (UTC), with everything that is kept about you. Sign in before then, and it stays.",
    "es": "Desaparecerá el {day} (UTC), con todo lo que se guarda sobre ti. Si inicias sesión antes, se conserva.",
}


def worded(
    kind: MailKind,
    locale: str,
    recipient: str,
    *,
    code: str = "",
    public_url: str | None = None,
    deletes_at: datetime | None = None,
) -> Letter:
    """The letter in Spanish for a Spanish locale, else in English.

    Where the frontend has an address, the code is also a link to it. `deletes_at` is when a deleted account goes;
    None when it is gone.
    """
    language = "es" if locale.lower().split("-")[0] == "es" else "en"
    words = {"en": _ENGLISH, "es": _SPANISH}[language][kind]
    until = _GONE[language] if deletes_at is None else _UNTIL[language].format(day=f"{deletes_at:%Y-%m-%d %H:%M}")
    if words.link and public_url:
        code = f"{code}\n\n{public_url}/{words.link}?code={code}"
    return Letter(words.subject, words.text.format(code=code, recipient=recipient, until=until) + "\n")
