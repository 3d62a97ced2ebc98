"""A record in a sentence or two: what it came to, and whether that is skill or luck. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from domain import money
from domain.bets.record.labels import Language
from domain.bets.record.luck import MOST_NEEDED, Judgement, Verdict
from domain.bets.record.metrics import Metrics


def sentence(metrics: Metrics, currency: str, locale: str) -> str:
    """What the bets came to beside the closing prices' promise, and how sure that is; in English or Spanish."""
    language = Language.of(locale)
    judgement = metrics.judgement
    if judgement is None:
        return _PHRASES[language]["none"]
    return f"{_came_to(metrics, currency, language)} {_verdict(metrics, judgement, language)}"


def _came_to(metrics: Metrics, currency: str, language: Language) -> str:
    luck = metrics.luck
    amount = metrics.net_profit if luck is None else luck
    basis = "profit" if luck is None else "some" if metrics.closing_count < metrics.settled_count else "closing"
    side = "above" if amount > 0 else "below" if amount < 0 else "even"
    return _PHRASES[language][f"{basis} {side}"].format(
        bets=_bets(metrics.settled_count, language),
        closing=language.number(f"{metrics.closing_count:,}"),
        amount=f"{language.number(f'{money.major(abs(amount), currency):,f}')} {currency}",
    )


def _verdict(metrics: Metrics, judgement: Judgement, language: Language) -> str:
    if judgement.verdict is not Verdict.UNDECIDED:
        lower, upper = (language.number(f"{100 * bound:.1f}") for bound in (judgement.lower, judgement.upper))
        return _PHRASES[language][judgement.verdict].format(lower=lower, upper=upper)
    if metrics.bets_needed is None:
        return _PHRASES[language]["far"].format(needed=language.number(f"{MOST_NEEDED:,}"))
    return _PHRASES[language]["undecided"].format(needed=language.number(f"{_rounded(metrics.bets_needed):,}"))


def _bets(count: int, language: Language) -> str:
    one, many = _BETS[language]
    return f"{language.number(f'{count:,}')} {one if count == 1 else many}"


def _rounded(count: int) -> int:
    """To two digits."""
    return int(round(count, 2 - len(str(count))))


_BETS = {Language.ENGLISH: ("bet", "bets"), Language.SPANISH: ("apuesta", "apuestas")}

_ENGLISH = {
    "none": "No settled bets yet.",
    "closing above": "{bets}, {amount} ahead of what the closing prices promised.",
    "closing below": "{bets}, {amount} behind what the closing prices promised.",
    "closing even": "{bets}, exactly what the closing prices promised.",
    "some above": "{bets}, {closing} of them with a closing price: {amount} ahead of what those prices promised.",
    "some below": "{bets}, {closing} of them with a closing price: {amount} behind what those prices promised.",
    "some even": "{bets}, {closing} of them with a closing price: exactly what those prices promised.",
    "profit above": "{bets}, {amount} won.",
    "profit below": "{bets}, {amount} lost.",
    "profit even": "{bets}, nothing won and nothing lost.",
    "SKILL": "More than luck explains: with 95 % confidence the yield lies between {lower} % and {upper} %.",
    "NO_EDGE": "Worse than bad luck explains: with 95 % confidence the yield lies between {lower} % and {upper} %.",
    "undecided": "Not enough bets to tell skill from luck: at this yield about {needed} would be needed.",
    "far": "Not enough bets to tell skill from luck: at this yield more than {needed} would be needed.",
}

_SPANISH = {
    "none": "Todavía no hay apuestas resueltas.",
    "closing above": "{bets}, {amount} por encima de lo que prometían los precios de cierre.",
    "closing below": "{bets}, {amount} por debajo de lo que prometían los precios de cierre.",
    "closing even": "{bets}, justo lo que prometían los precios de cierre.",
    "some above": "{bets}, {closing} con precio de cierre: {amount} por encima de lo que prometían esos precios.",
    "some below": "{bets}, {closing} con precio de cierre: {amount} por debajo de lo que prometían esos precios.",
    "some even": "{bets}, {closing} con precio de cierre: justo lo que prometían esos precios.",
    "profit above": "{bets}, {amount} de ganancia.",
    "profit below": "{bets}, {amount} de pérdida.",
    "profit even": "{bets}, sin ganancia ni pérdida.",
    "SKILL": "Más de lo que explica la suerte: con un 95 % de confianza, el rendimiento está entre {lower} % y "
    "{upper} %.",
    "NO_EDGE": "Peor de lo que explica la mala suerte: con un 95 % de confianza, el rendimiento está entre {lower} % y "
    "{upper} %.",
    "undecided": "No bastan para distinguir habilidad de suerte: con este rendimiento harían falta unas {needed}.",
    "far": "No bastan para distinguir habilidad de suerte: con este rendimiento harían falta más de {needed}.",
}

_PHRASES: Mapping[Language, Mapping[str, str]] = MappingProxyType(
    {Language.ENGLISH: _ENGLISH, Language.SPANISH: _SPANISH}
)
