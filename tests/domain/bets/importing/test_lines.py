"""From lines to bets: what a line says, legs put together, results and payouts compared, bets named."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.bets.importing.grouping import Group, Slip, groups_of
from domain.bets.importing.lines import plan_of
from domain.bets.importing.reading import read_sheet
from domain.infra.errors import Invalid
from domain.money import times

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
HEADER = "Date,Match,Selection,Odds,Stake,Result"


def groups(text: str, zone: str = "UTC", currency: str = "EUR", **mapping: Any) -> list[Group]:
    sheet = read_sheet(text.encode())
    return list(groups_of(sheet, plan_of(sheet, mapping, currency=currency, zone=ZoneInfo(zone), now=NOW)))


def slips(*lines: str, header: str = HEADER) -> list[Slip]:
    found = groups("\n".join([header, *lines]))
    assert not [refused for group in found for refused in group.refused]
    return [group.slip for group in found if group.slip is not None]


def reasons(*lines: str, header: str = HEADER) -> list[tuple[int, str]]:
    found = groups("\n".join([header, *lines]))
    assert sum(group.line_count for group in found) == len(lines)
    return [(refused.number, refused.reason) for group in found for refused in group.refused]


def test_a_line_is_a_bet() -> None:
    header = f"{HEADER},Settled,League,Bookmaker,Tags,Notes"
    line = '2026-03-01 15:00,Arsenal v Chelsea,Over 2.5,2.10,10.00,Won,2026-03-01 17:00,EPL,Bet 365,"a, b","it\nwas"'
    [slip] = slips(line, header=header)
    [leg] = slip.legs
    assert (slip.stake, slip.status, slip.payout) == (1000, "WON", 2100)
    assert leg.placed.instant == datetime(2026, 3, 1, 15, tzinfo=UTC)
    assert leg.settled == datetime(2026, 3, 1, 17, tzinfo=UTC)
    assert (leg.words, leg.league, leg.bookmaker) == ("Arsenal v Chelsea: Over 2.5", "EPL", "Bet 365")
    assert (leg.tags, leg.notes) == (["a", "b"], "it\nwas")


@pytest.mark.parametrize(
    ("result", "status", "payout"),
    [
        ("won", "WON", 2500),
        ("lost", "LOST", 0),
        ("push", "PUSH", 1000),
        ("void", "VOID", 1000),
        ("half won", "HALF_WON", 1750),
        ("half lost", "HALF_LOST", 500),
        ("open", None, None),
    ],
)
def test_a_result_says_what_came_back(result: str, status: str | None, payout: int | None) -> None:
    [slip] = slips(f"2026-03-01,A v B,1,2.50,10,{result}")
    assert (slip.status, slip.payout, slip.legs[0].result) == (status, payout, status)


@pytest.mark.parametrize(
    ("column", "cell", "status"),
    [
        ("Payout", "25.00", "WON"),
        ("Payout", "0", "LOST"),
        ("Payout", "10", "PUSH"),
        ("Payout", "17.50", "HALF_WON"),
        ("Payout", "5", "HALF_LOST"),
        ("Profit", "15", "WON"),
        ("Profit", "-10", "LOST"),
        ("Profit", "(5.00)", "HALF_LOST"),
        ("Profit", "", None),
    ],
)
def test_what_came_back_says_the_result_where_no_column_does(column: str, cell: str, status: str | None) -> None:
    [slip] = slips(f"2026-03-01,A v B,1,2.50,10,{cell}", header=f"Date,Match,Selection,Odds,Stake,{column}")
    assert (slip.status, slip.legs[0].result) == (status, status)


def test_rounded_odds_explain_a_payout_and_it_is_kept() -> None:
    header = f"{HEADER},Payout"
    [slip] = slips("2026-03-01,A v B,1,1.91,100,Won,190.91", header=header)
    assert slip.payout == 19091
    [slip] = slips("2026-03-01,A v B,1,-110,100,Won,190.91", header=header)
    assert slip.payout == 19091
    [(_, reason)] = reasons("2026-03-01,A v B,1,-110,100,Won,191.50", header=header)
    assert "pays 190.91 EUR" in reason
    assert "says 191.50 EUR" in reason


@given(
    st.decimals("1.01", "50", places=4),
    st.integers(1, 10**7),
    st.sampled_from(["WON", "HALF_WON", "PUSH", "HALF_LOST", "LOST"]),
)
def test_odds_shown_with_two_decimals_never_refuse_a_true_payout(odds: Decimal, stake: int, result: str) -> None:
    one, nothing = Decimal(1), Decimal(0)
    shares = {"WON": odds, "HALF_WON": (odds + 1) / 2, "PUSH": one, "HALF_LOST": one / 2, "LOST": nothing}
    paid = times(stake, shares[result])
    line = f"2026-03-01,A v B,1,{odds:.2f},{Decimal(stake) / 100},{result},{Decimal(paid) / 100}"
    if round(odds, 2) > 1:
        [slip] = slips(line, header=f"{HEADER},Payout")
        assert (slip.status, slip.payout) == (result, paid)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (",A v B,1,2.1,10,won", "has no date"),
        ("2026-03-15,A v B,1,2.1,10,won", "which is still to come"),
        ("soon,A v B,1,2.1,10,won", "'soon' is not a date"),
        ("2026-03-01,,,2.1,10,won", "names no match and no selection"),
        ("2026-03-01,A v B,1,,10,won", "has no odds"),
        ("2026-03-01,A v B,1,1.0,10,won", "is not a price"),
        ("2026-03-01,A v B,1,2.1,,won", "has no stake"),
        ("2026-03-01,A v B,1,2.1,0,won", "must be above 0"),
        ("2026-03-01,A v B,1,2.1,-5,won", "must be above 0"),
        ("2026-03-01,A v B,1,2.1,5 GBP,won", "not in EUR"),
        ("2026-03-01,A v B,1,2.1,5,cashed out", "'cashed out' is not known"),
        ("2026-03-01,A v B,1,2.1,5,won,more", "has 7 cells and the header 6"),
        ("2026-03-01,A v B,1,2.1", "has no stake"),
        ("bad,A v B,1,none,ten,maybe", "'bad' is not a date; this file's are written %d/%m/%Y; 'none' is not a price"),
    ],
)
def test_a_line_that_is_no_bet_says_everything_that_is_wrong(line: str, said: str) -> None:
    [(number, reason)] = reasons(line)
    assert number == 2
    assert said in reason


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("Currency", "USD", "is in USD, and the bankroll in EUR"),
        ("Settled", "2026-02-01", None),
        ("Settled", "2026-02-01 10:00", "settled before it was placed"),
        ("Settled", "2027-01-01", "later than now"),
        ("Tags", ",".join(f"t{n}" for n in range(11)), "tags: write at most 10 labels"),
        ("Notes", "x" * 2001, "notes: write at most 2000 characters"),
        ("Bookmaker", "x" * 61, "bookmaker: write at most 60 characters"),
        ("Description", "x" * 201, "description: write at most 200 characters"),
        ("Payout", "19.80", "its result WON pays 21.00 EUR"),
        ("Profit", "9.80", "says 19.80 EUR"),
    ],
)
def test_further_columns_are_checked(column: str, cell: str, said: str | None) -> None:
    line = f'2026-02-01 12:00,A v B,1,2.100,10,won,"{cell}"'
    found = groups(f"{HEADER},{column}\n{line}")[0].refused
    assert (said is None) == (not found)
    assert said is None or said in found[0].reason


def test_payout_and_profit_must_agree() -> None:
    header = f"{HEADER},Payout,Profit"
    assert slips("2026-02-01,A v B,1,2.10,10,won,21,11", header=header)[0].payout == 2100
    [(_, reason)] = reasons("2026-02-01,A v B,1,2.10,10,won,21,10", header=header)
    assert "20.00 EUR and 21.00 EUR" in reason


@pytest.mark.parametrize(
    ("result", "told", "is_net"),
    [
        ("won", "21.00", False),
        ("won", "20.99", False),  # rounding
        ("won", "20.78", True),  # 2 % of the 11.00 won
        ("won", "19.90", True),  # 10 %
        ("half won", "15.23", True),  # 5 % of the 5.50 won
        ("", "20.78", True),
        ("", "15.23", True),
    ],
)
def test_a_won_payout_may_lack_a_commission_and_is_kept_as_told(result: str, told: str, is_net: bool) -> None:
    [slip] = slips(f"2026-02-01,A v B,1,2.100,10,{result},{told}", header=f"{HEADER},Payout")
    assert slip.status == ("HALF_WON" if told.startswith("15") else "WON")
    assert (slip.payout, slip.is_net) == (int(told.replace(".", "")), is_net)


@pytest.mark.parametrize(
    ("result", "told", "said"),
    [
        ("won", "19.80", "WON pays 21.00 EUR"),
        ("won", "21.20", "WON pays 21.00 EUR"),
        ("half won", "14.90", "HALF_WON pays 15.50 EUR"),
        ("void", "9.50", "VOID pays 10.00 EUR"),
        ("half lost", "4.80", "HALF_LOST pays 5.00 EUR"),
    ],
)
def test_what_no_commission_explains_is_refused_with_both_numbers(result: str, told: str, said: str) -> None:
    [(_, reason)] = reasons(f"2026-02-01,A v B,1,2.100,10,{result},{told}", header=f"{HEADER},Payout")
    assert said in reason
    assert f"says {told} EUR" in reason


def test_a_payout_that_fits_no_result_says_what_won_pays() -> None:
    [(_, reason)] = reasons("2026-02-01,A v B,1,2.10,10,14", header="Date,Match,Selection,Odds,Stake,Payout")
    assert "14.00 EUR fits no result: won pays 21.00 EUR" in reason


def test_what_a_pending_bet_may_bring_is_not_read() -> None:
    [slip] = slips("2026-02-01,A v B,1,2.10,10,open,21", header=f"{HEADER},Payout")
    assert (slip.status, slip.payout) == (None, None)


def test_an_empty_result_is_that_of_what_came_back_or_none_yet() -> None:
    header = f"{HEADER},Profit"
    cells = ("11", "-10", "0", "")
    found = slips(*[f"2026-02-01,A v B,{n},2.10,10,,{cell}" for n, cell in enumerate(cells)], header=header)
    assert [slip.status for slip in found] == ["WON", "LOST", None, None]


def test_a_page_in_a_cell_is_told_in_short() -> None:
    page = "x" * 50_000
    [(_, reason)] = reasons(f"{page},A v B,{page},{page},{page},{page}")
    assert len(reason) < 1000
    refused = reasons(f"{page},2026-02-01,A v B,1,2,10,won,99", header=ACCUMULATOR)
    assert len(refused[0][1]) < 1000
    with pytest.raises(Invalid) as ambiguous:
        groups(f"{HEADER}\n01/02/2026 {page},A v B,1,2,10,won")
    assert len(ambiguous.value.message) < 300


ACCUMULATOR = "Bet ID,Date,Match,Selection,Odds,Stake,Result,Payout"


def test_neighbours_with_one_bet_id_are_one_accumulator() -> None:
    double, single = slips(
        "7,2026-02-01,A v B,1,2.00,10,won,30",
        "7,2026-02-02,C v D,X,1.50,,won,",
        "8,2026-02-01,E v F,2,2.00,10,lost,0",
        header=ACCUMULATOR,
    )
    assert [leg.words for leg in double.legs] == ["A v B: 1", "C v D: X"]
    assert (double.stake, double.status, double.payout) == (1000, "WON", 3000)
    assert (len(single.legs), single.status, single.payout) == (1, "LOST", 0)


def test_one_lost_leg_loses_an_accumulator_and_an_open_one_keeps_it_open() -> None:
    lost, pending = slips(
        "7,2026-02-01,A v B,1,2.00,10,lost,",
        "7,2026-02-01,C v D,X,1.50,10,open,",
        "8,2026-02-01,A v B,1,2.00,10,won,",
        "8,2026-02-01,C v D,X,1.50,10,open,",
        header=ACCUMULATOR,
    )
    assert (lost.status, lost.payout, [leg.result for leg in lost.legs]) == ("LOST", 0, ["LOST", None])
    assert (pending.status, pending.payout, [leg.result for leg in pending.legs]) == (None, None, ["WON", None])


@pytest.mark.parametrize(
    ("second", "number", "said"),
    [
        ("7,2026-02-01,C v D,X,none,,won,", 3, "is not a price"),
        ("7,2026-02-01,C v D,X,1.50,20,won,", 2, "have different stakes"),
        ("7,2026-02-01,C v D,X,1.50,,half won,30", 2, "its result HALF_WON pays 25.00 EUR"),
    ],
)
def test_a_bad_leg_refuses_all_lines_of_its_bet(second: str, number: int, said: str) -> None:
    refused = reasons("7,2026-02-01,A v B,1,2.00,10,won,", second, header=ACCUMULATOR)
    assert [line for line, _ in refused] == [2, 3]
    told = dict(refused)
    assert said in told.pop(number)
    assert list(told.values()) == [f"belongs to the bet of line {number}"]


def test_a_payout_without_all_results_is_refused() -> None:
    lines = ("7,2026-02-01,A v B,1,2.00,10,30", "7,2026-02-01,C v D,X,1.50,,")
    refused = reasons(*lines, header="Bet ID,Date,Match,Selection,Odds,Stake,Payout")
    assert "not every line has a result" in refused[0][1]


def test_too_many_legs_and_too_long_odds_are_refused() -> None:
    many = reasons(*[f"7,2026-02-01,A{n} v B,1,1.10,10,won," for n in range(25)], header=ACCUMULATOR)
    assert len(many) == 25
    assert "more than 20 lines" in many[0][1]
    long = [f"7,2026-02-01,A{n} v B,1,900.0,10,lost," for n in range(3)]
    assert "above 1,000,000" in reasons(*long, header=ACCUMULATOR)[0][1]
    rich = [f"7,2026-02-01,A{n} v B,1,900.0,9000000000,lost," for n in range(2)]
    assert "stake less" in reasons(*rich, header=ACCUMULATOR)[0][1]


def test_a_digest_names_what_does_not_change() -> None:
    [open_] = slips("2026-02-01,A v B,1,2.10,10,open")
    [settled] = slips("1 Feb 2026,a V b,1,2.100,10.00,won")
    assert open_.digest == settled.digest
    others = [
        "2026-02-02,A v B,1,2.10,10,open",
        "2026-02-01,A v C,1,2.10,10,open",
        "2026-02-01,A v B,2,2.10,10,open",
        "2026-02-01,A v B,1,2.11,10,open",
        "2026-02-01,A v B,1,2.10,11,open",
    ]
    digests = [slip.digest for line in others for slip in slips(line)]
    assert len({open_.digest, *digests}) == 6


def test_equal_lines_of_one_file_are_several_bets_the_same_each_time() -> None:
    twice = slips(*["2026-02-01,A v B,1,2.10,10,won"] * 2)
    thrice = slips(*["2026-02-01,A v B,1,2.10,10,won"] * 3)
    assert len({slip.digest for slip in thrice}) == 3
    assert [slip.digest for slip in twice] == [slip.digest for slip in thrice[:2]]


def test_unsigned_odds_are_american_where_the_file_says_so() -> None:
    found = slips("2026-02-01,A v B,1,150,10,won", "2026-02-01,A v B,1,-120,10,won")
    assert [slip.payout for slip in found] == [2500, 1833]
    assert slips("2026-02-01,A v B,1,150,10,won", "2026-02-01,A v B,1,2.0,10,won")[0].payout == 150000
    assert slips("2026-02-01,A v B,1,150,10,won", "2026-02-01,A v B,1,200,10,won")[1].payout == 3000


def test_times_are_of_the_persons_zone_and_dates_its_midnight() -> None:
    text = f"{HEADER}\n2026-02-01,A v B,1,2,10,won\n2026-02-01 20:00,A v B,1,2,10,won"
    first, second = (group.slip for group in groups(text, zone="America/Santiago"))
    assert first is not None
    assert second is not None
    assert first.first.placed.instant == datetime(2026, 2, 1, 3, tzinfo=UTC)
    assert second.first.placed.instant == datetime(2026, 2, 1, 23, tzinfo=UTC)


def test_a_match_date_stands_in_for_the_bets() -> None:
    [slip] = slips("2026-02-01,A v B,1,2,10,won", header="Match Date,Match,Selection,Odds,Stake,Result")
    assert slip.first.placed == slip.first.kickoff


def test_a_told_format_and_mark_are_followed() -> None:
    text = "Fecha;Partido;Cuota;Importe\n02/01/2026;A - B;2,5;1.500\n"
    with pytest.raises(Invalid, match="dateFormat"):
        groups(text)
    [group] = groups(text, dateFormat="%m/%d/%Y", decimalMark=".")
    assert group.refused[0].reason == "'2,5' is not a price; write for example 2.10, 11/10 or +110"
    [group] = groups(text, dateFormat="%m/%d/%Y", decimalMark=",")
    assert group.slip is not None
    assert group.slip.stake == 150000
    assert group.slip.first.placed.instant == datetime(2026, 2, 1, tzinfo=UTC)


def test_a_header_alone_is_refused() -> None:
    with pytest.raises(Invalid, match="no line below its header"):
        groups(HEADER)


CELLS = st.sampled_from(["", "2026-03-01", "1/2/2026", "A v B", "1", "2.10", "10", "won", "-5", "=1+1", "'", "é", "7"])


@given(st.lists(st.lists(CELLS, min_size=8, max_size=9), min_size=1, max_size=6))
def test_every_line_is_in_one_bet_or_is_refused_once(rows: Sequence[Sequence[str]]) -> None:
    text = "\n".join([ACCUMULATOR, *(",".join(row) for row in rows)])
    try:
        found = groups(text)
    except Invalid:
        return
    lines = [leg.number for group in found if group.slip for leg in group.slip.legs]
    lines += [refused.number for group in found for refused in group.refused]
    assert sorted(lines) == [n for n, row in enumerate(rows, start=2) if any(row)]
