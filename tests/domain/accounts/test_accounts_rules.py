"""What people may call themselves, and what a password must be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.accounts import rules
from domain.infra.errors import Invalid


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("ann@example.com", "ann@example.com"),
        ("  Ann.Lee+bets@EXAMPLE.com ", "ann.lee+bets@example.com"),
        ("ann@Bücher.example", "ann@xn--bcher-kva.example"),
    ],
)
def test_an_address_has_one_normal_form(written: str, normal: str) -> None:
    assert rules.normal_email(written) == normal
    assert rules.normal_email(normal) == normal


@pytest.mark.parametrize(
    "written",
    [
        "",
        "ann",
        "ann@",
        "@example.com",
        "ann@localhost",
        "ann@free.test",
        "a b@example.com",
        "Ann <ann@example.com>",
        "ann\x00@example.com",
        "ann\ud800@example.com",
        "ann@example.com\nBcc: bob@example.com",
        "a" * 250 + "@example.com",
    ],
)
def test_what_is_no_address_is_named(written: str) -> None:
    with pytest.raises(Invalid) as error:
        rules.normal_email(written)
    assert error.value.field == "input.email"
    assert error.value.message


@given(st.text())
def test_any_text_is_an_ascii_address_or_refused(text: str) -> None:
    try:
        normal = rules.normal_email(text)
    except Invalid:
        return
    assert normal.isascii()
    assert normal == rules.normal_email(normal) == normal.lower()


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("eleven-char", "at least 12 characters"),
        ("ann@example.com", "e-mail"),
        (" ANN@example.com ", "e-mail"),
        ("a" * 40, "one character"),
        ("é" * 513, "at most 1024 bytes"),
    ],
)
def test_a_refused_password_says_why(password: str, why: str) -> None:
    with pytest.raises(Invalid, match=why) as error:
        rules.new_password(password, "ann@example.com")
    assert error.value.field == "input.password"


@pytest.mark.parametrize("password", ["twelve chars", "ñandú ñandú ñandú", "x" * 1023 + "y"])
def test_a_long_password_of_any_kind_will_do(password: str) -> None:
    assert rules.new_password(password, "ann@example.com") == password


@pytest.mark.parametrize(
    ("tag", "normal"),
    [("en", "en"), ("ES-mx", "es-MX"), ("zh-hant-tw", "zh-Hant-TW"), ("es-419", "es-419"), ("DE-1996", "de-1996")],
)
def test_a_locale_is_written_as_its_standard_says(tag: str, normal: str) -> None:
    assert rules.locale(tag, "input.locale") == normal


@pytest.mark.parametrize("tag", ["", "e", "english!", "en_GB", "en-", "en-GB\n", "x" * 500])
def test_no_locale(tag: str) -> None:
    with pytest.raises(Invalid, match=r"BCP 47"):
        rules.locale(tag, "input.locale")


def test_time_zones_are_those_of_iana() -> None:
    assert rules.time_zone("Europe/Madrid", "input.timeZone") == "Europe/Madrid"
    for name in ("Europe", "Mars/Olympus", "../../etc/passwd", "", "europe/madrid"):
        with pytest.raises(Invalid, match="IANA"):
            rules.time_zone(name, "input.timeZone")


def test_currencies_are_those_of_iso_4217() -> None:
    assert rules.currency("jpy", "input.currencyCode") == "JPY"
    with pytest.raises(Invalid, match="ISO 4217"):
        rules.currency("BTC", "input.currencyCode")


@pytest.mark.parametrize("edge", [-0.01, 1.01, float("nan"), float("inf")])
def test_an_edge_is_a_fraction(edge: float) -> None:
    assert rules.min_edge(0.0, "input.minEdge") == 0.0
    with pytest.raises(Invalid, match="between 0 and 1"):
        rules.min_edge(edge, "input.minEdge")


@given(st.text())
def test_a_line_is_one_line_that_the_database_can_hold(text: str) -> None:
    try:
        line = rules.line(text, 50, "input.firstName")
    except Invalid:
        assert len(text) > 50 or not text.isprintable()
        return
    assert line is None or (line == line.strip() and "\x00" not in line and len(line.encode()) <= 200)


@given(st.text(), st.text())
def test_every_device_has_a_name(told: str, agent: str) -> None:
    name = rules.device_name(told, agent)
    assert 0 < len(name) <= rules.LONGEST_DEVICE_NAME
    assert "\x00" not in name
    name.encode()


def test_null_empties_only_what_may_be_empty() -> None:
    for column, (field, _) in rules.PROFILE.items():
        if column in rules.CLEARABLE:
            assert rules.profile_value(column, None) is None
        else:
            with pytest.raises(Invalid, match="cannot be null") as error:
                rules.profile_value(column, None)
            assert error.value.field == field
