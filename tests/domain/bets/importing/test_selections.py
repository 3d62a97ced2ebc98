"""Markets and selections as people write them; what could mean two things means none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.bets.importing.selections import Sides, plain_name, selection_of
from touchline import MarketKey

SIDES = Sides({"arsenal"}, {"chelsea", "chelsea london"})


def read(market: str, selection: str, line: str = "") -> str | None:
    found = selection_of(market, selection, line, SIDES)
    return None if found is None else f"{found[0]}/{found[1]}"


@pytest.mark.parametrize(
    ("market", "selection", "line", "expected"),
    [
        ("", "1", "", "match_result::ft/home"),
        ("1X2", "X", "", "match_result::ft/draw"),
        ("Match Odds", "2", "", "match_result::ft/away"),
        ("", "Home", "", "match_result::ft/home"),
        ("", "empate", "", "match_result::ft/draw"),
        ("Resultado", "Visitante", "", "match_result::ft/away"),
        ("", "Arsenal", "", "match_result::ft/home"),
        ("Match Result", "Chelsea F.C.", "", "match_result::ft/away"),
        ("Moneyline", "Arsenal to win", "", "match_result::ft/home"),
        ("", "gana Arsenal", "", "match_result::ft/home"),
        ("Single", "The Draw", "", "match_result::ft/draw"),
        ("", "Over 2.5", "", "total_goals:2.5:ft/over"),
        ("", "over 2,5 goals", "", "total_goals:2.5:ft/over"),
        ("", "U3.5", "", "total_goals:3.5:ft/under"),
        ("Over/Under", "Under", "2.75", "total_goals:2.75:ft/under"),
        ("Over/Under 2.5 goals", "Over", "", "total_goals:2.5:ft/over"),
        ("Over/Under 2.5", "Over 2.5", "2,5", "total_goals:2.5:ft/over"),
        ("Más/Menos goles", "Más de 2,5", "", "total_goals:2.5:ft/over"),
        ("Total de goles", "+2.5", "", "total_goals:2.5:ft/over"),
        ("Goles", "-2.5", "", "total_goals:2.5:ft/under"),
        ("", "Over 9.5 corners", "", "total_corners:9.5:ft/over"),
        ("Corners", "under 10", "", "total_corners:10:ft/under"),
        ("BTTS", "Yes", "", "both_teams_to_score::ft/yes"),
        ("Both Teams To Score", "no", "", "both_teams_to_score::ft/no"),
        ("", "BTTS", "", "both_teams_to_score::ft/yes"),
        ("", "BTTS - No", "", "both_teams_to_score::ft/no"),
        ("Ambos marcan", "Sí", "", "both_teams_to_score::ft/yes"),
        ("", "GG", "", "both_teams_to_score::ft/yes"),
        ("", "AH Arsenal -0.75", "", "asian_handicap:-0.75:ft/home"),
        ("Asian Handicap", "Chelsea +0.75", "", "asian_handicap:-0.75:ft/away"),
        ("Asian Handicap", "Chelsea", "+0.75", "asian_handicap:-0.75:ft/away"),
        ("Hándicap asiático", "1", "-1", "asian_handicap:-1:ft/home"),
        ("AH", "Arsenal (-0.5, -1.0)", "", "asian_handicap:-0.75:ft/home"),
        ("Asian Handicap -0.75", "Arsenal", "", "asian_handicap:-0.75:ft/home"),
        ("Asian Handicap -0.75", "Chelsea +0.75", "", "asian_handicap:-0.75:ft/away"),
        ("AH", "Chelsea 0", "", "asian_handicap:0:ft/away"),
        ("", "Arsenal -1.5", "", "asian_handicap:-1.5:ft/home"),
        ("total_goals:2.5:ft", "over", "", "total_goals:2.5:ft/over"),
        ("match_result::h1", "draw", "", "match_result::h1/draw"),
    ],
)
def test_what_says_one_thing_is_understood(market: str, selection: str, line: str, expected: str) -> None:
    assert read(market, selection, line) == expected


@pytest.mark.parametrize(
    ("market", "selection", "line"),
    [
        ("", "", ""),
        ("Draw no bet", "Arsenal", ""),
        ("1st half goals", "Over 0.5", ""),
        ("European handicap", "Arsenal -1", ""),
        ("", "Arsenal -1", ""),
        ("", "Liverpool", ""),
        ("1X2", "1X", ""),
        ("1X2", "Arsenal", "-0.5"),
        ("", "Over", ""),
        ("Over/Under 2.5", "Over 3.5", ""),
        ("Over/Under", "Over 2.5", "3.5"),
        ("", "Over 2.6", ""),
        ("", "Over 200", ""),
        ("", "+2.5", ""),
        ("BTTS", "Over 2.5", ""),
        ("Corners", "Over 2.5 goals", ""),
        ("", "yes", ""),
        ("BTTS", "maybe", ""),
        ("Asian Handicap -0.75", "Chelsea", ""),
        ("Asian Handicap", "Arsenal", ""),
        ("Asian Handicap", "Arsenal -0.6", ""),
        ("Asian Handicap", "Arsenal -0.5, -2", ""),
        ("Asian Handicap", "Arsenal -50", ""),
        ("Over/Under", "Over 2.5", "two"),
        ("total_goals:nan:ft", "over", ""),
        ("total_goals::ft", "over", ""),
        ("match_result:1:ft", "home", ""),
        ("correct_score::ft", "2-1", ""),
        ("no:such:market", "over", ""),
        ("", "Arsenal and BTTS", ""),
    ],
)
def test_what_is_unknown_or_says_two_things_is_left_as_words(market: str, selection: str, line: str) -> None:
    assert read(market, selection, line) is None


def test_a_name_of_both_teams_is_of_neither() -> None:
    assert selection_of("", "United", "", Sides({"united"}, {"united"})) is None


def test_names_are_compared_without_case_accents_and_club_words() -> None:
    assert plain_name("Atlético  Madrid") == plain_name("ATLETICO MADRID")
    assert plain_name("Nott'm Forest") == "nottm forest"
    assert plain_name("FC Bayern München") == "bayern munchen"
    assert plain_name("1. FC Köln") == "1 koln"
    assert plain_name("FC") == "fc"


@given(st.text(max_size=15), st.text(max_size=15), st.text(max_size=6))
def test_any_words_are_a_market_that_can_be_or_none(market: str, selection: str, line: str) -> None:
    found = selection_of(market, selection, line, SIDES)
    assert found is None or (found[1] in found[0].outcomes and MarketKey.parse(str(found[0])) == found[0])
