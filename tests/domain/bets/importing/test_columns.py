"""Headers: what is guessed in two languages, what a person says instead, what is missing."""

from __future__ import annotations

from typing import Any

import pytest

from domain.bets.importing.columns import _SAID, Column, columns_of
from domain.infra.errors import Invalid

ENGLISH = "Bet ID,Date,Time,League,Home Team,Away Team,Market,Pick,Line,Odds (decimal),Stake [EUR],Result,Profit/Loss"
SPANISH = "Fecha,Partido,Competición,Mercado,PRONÓSTICO,Cuota,Importe,Moneda,Estado,Ganancia,Casa de apuestas,Etiquetas"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            ENGLISH,
            "bet placed time league home away market selection line odds stake result profit",
        ),
        (
            SPANISH,
            "placed event league market selection odds stake currency result profit bookmaker tags",
        ),
        ("Date Placed,Event Date,Fixture,Bet,Price,Amount", "placed kickoff event selection odds stake"),
        ("Date,Kickoff,Match,Odds,Stake", "placed kickoff event odds stake"),
        ("Placed,Date,Match,Odds,Stake", "placed kickoff event odds stake"),
        ("fecha_apuesta , CUOTA,Monto Apostado,selección", "placed odds stake selection"),
    ],
)
def test_headers_are_understood(header: str, expected: str) -> None:
    names = header.split(",")
    columns = columns_of([name.strip() for name in names], {})
    found = {place: column for column, place in columns.index.items()}
    assert [found.get(place) for place in range(len(names))] == expected.split()


def test_no_header_means_two_things_at_once() -> None:
    shared = {"date", "fecha"}
    told = [name for names in _SAID.values() for name in names.split() if name not in shared]
    assert len(told) == len(set(told))


def test_every_column_is_found_by_its_own_name() -> None:
    header = [column.value for column in Column if column is not Column.BET]  # which may be the selection as well
    assert columns_of(header, {}).mapping == {name: name for name in header}


def test_a_person_corrects_the_guess() -> None:
    header = ["Date", "Match", "Odds", "Closing", "Stake", "Comment"]
    columns = columns_of(header, {"odds": "closing", "notes": None})
    assert columns.mapping == {"placed": "Date", "event": "Match", "odds": "Closing", "stake": "Stake"}
    assert columns.left_out == ["Odds", "Comment"]


@pytest.mark.parametrize(
    ("mapping", "field", "said"),
    [
        ({"odd": "Odds"}, "input.mapping.odd", "may have bet, placed"),
        ({"odds": "Price"}, "input.mapping.odds", "'Date', 'Match', 'Odds', 'Stake'"),
        ({"odds": 3}, "input.mapping.odds", "no column"),
        ({"odds": ""}, "input.mapping.odds", "no column"),
        ({"odds": None}, "input.mapping.odds", "no column for the odds"),
        ({"placed": None, "kickoff": None}, "input.mapping.placed", "the date"),
        ({"event": None}, "input.mapping.event", "the match"),
        ({"stake": None}, "input.mapping.stake", '{"stake": "…"}'),
    ],
)
def test_a_wrong_mapping_is_refused_where_it_is_wrong(mapping: dict[str, Any], field: str, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        columns_of(["Date", "Match", "Odds", "Stake"], mapping)
    assert refused.value.field == field
    assert said in refused.value.message


def test_a_file_without_a_header_is_told_so() -> None:
    with pytest.raises(Invalid, match="first line must name the columns") as refused:
        columns_of(["2025-01-02", "Arsenal v Chelsea", "2.10"], {})
    assert refused.value.field == "input.csv"
    assert "'Arsenal v Chelsea'" in refused.value.message
