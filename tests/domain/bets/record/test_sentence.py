"""The verdict in words."""

from __future__ import annotations

import pytest

from domain.bets.record.metrics import Metrics
from domain.bets.record.sentence import sentence
from tests.bettors import Wager, columns
from tests.domain.bets.record.test_metrics import capital, metrics


def even(won: int, lost: int, closing: float | None = None) -> Metrics:
    """Bets of 10.00 at even odds."""
    return metrics(
        [Wager("WON", closing_line_value=closing)] * won + [Wager("LOST", closing_line_value=closing)] * lost
    )


def test_ahead_of_the_closing_prices_but_undecided() -> None:
    # 110 won and 102 lost: 80.00 up on 2,120.00. Promised 0.029 · 10.00 · 212 = 61.48.
    # Needed (2.8016 · 2120 / 80)² = 5,512.
    found = even(110, 102, closing=0.029)
    assert found.luck == 8000 - 6148
    assert sentence(found, "EUR", "en") == (
        "212 bets, 18.52 EUR ahead of what the closing prices promised. "
        "Not enough bets to tell skill from luck: at this yield about 5,500 would be needed."
    )
    assert sentence(found, "EUR", "es-CL") == (
        "212 apuestas, 18,52 EUR por encima de lo que prometían los precios de cierre. "
        "No bastan para distinguir habilidad de suerte: con este rendimiento harían falta unas 5.500."
    )


@pytest.mark.parametrize(
    ("found", "english", "spanish"),
    [
        (even(0, 0), "No settled bets yet.", "Todavía no hay apuestas resueltas."),
        (even(1, 0), "1 bet, 10.00 EUR won.", "1 apuesta, 10,00 EUR de ganancia."),
        (even(150, 300), "450 bets, 1,500.00 EUR lost. Worse than bad luck", "1.500,00 EUR de pérdida. Peor de lo que"),
        (even(300, 150), "More than luck explains: with 95 % confidence the yield", "Más de lo que explica la suerte:"),
        (even(5, 5), "10 bets, nothing won and nothing lost.", "10 apuestas, sin ganancia ni pérdida."),
        (even(501, 500), "at this yield more than 100,000 would be needed.", "harían falta más de 100.000."),
        (even(5, 5, closing=0.5), "50.00 EUR behind what the closing", "50,00 EUR por debajo de lo que"),
        (even(5, 5, closing=0.0), "10 bets, exactly what the closing", "10 apuestas, justo lo que prometían"),
        (
            metrics([Wager(closing_line_value=0.5), Wager("LOST")]),
            "2 bets, 1 of them with a closing price: 5.00 EUR ahead of what those",
            "2 apuestas, 1 con precio de cierre: 5,00 EUR por encima de lo que",
        ),
    ],
)
def test_every_case_has_its_words(found: Metrics, english: str, spanish: str) -> None:
    assert english in sentence(found, "EUR", "en")
    assert spanish in sentence(found, "EUR", "es")


def test_the_interval_is_told_with_the_verdict() -> None:
    # statsmodels: proportion_confint(300, 450, method="wilson") is 0.6219 to 0.7085; a yield is twice that less 1.
    assert "between 24.4 % and 41.7 %." in sentence(even(300, 150), "EUR", "en")
    assert "entre 24,4 % y 41,7 %." in sentence(even(300, 150), "EUR", "es")


def test_a_currency_has_its_own_decimals() -> None:
    yen = Metrics(columns([Wager("WON", stake=1500)]), capital(), even(0, 0)._zone)
    assert sentence(yen, "JPY", "en").startswith("1 bet, 1,500 JPY won.")
