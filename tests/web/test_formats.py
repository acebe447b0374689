"""Numbers as people read and type them, without a float in between."""

from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError

from marketplace.web.forms import EuroField
from marketplace.web.templatetags import wattnote


@pytest.mark.parametrize(
    ("filter_", "value", "shown"),
    [
        (wattnote.money, 1_234_567_890_123, "1\u202f234\u202f567.89\u00a0€"),
        (wattnote.money, -5_999, "\u22120.0059\u00a0€"),
        (wattnote.money, 1_005_999, "1.00\u00a0€"),
        (wattnote.money_exact, 19_960_193, "19.960193\u00a0€"),
        (wattnote.money_exact, -500_000, "\u22120.50\u00a0€"),
        (wattnote.money_exact, None, "–"),
        (wattnote.money, "420000", "0.42\u00a0€"),
        (wattnote.money, None, "–"),
        (wattnote.price, 234_300, "23.43\u00a0ct/kWh"),
        (wattnote.energy, 48, "0.048\u00a0kWh"),
        (wattnote.energy, "", "–"),
    ],
)
def test_numbers(filter_: object, value: object, shown: str) -> None:
    assert filter_(value) == shown  # type: ignore[operator]  # each is a template filter


@pytest.mark.parametrize(
    ("seconds", "shown"), [(59, "59 s"), (60, "1 min"), (3600, "1 h"), (2_592_000, "30 days")]
)
def test_durations(seconds: int, shown: str) -> None:
    assert wattnote.duration(seconds) == shown


@pytest.mark.parametrize(
    ("typed", "micro"), [("250", 250_000_000), ("249,90", 249_900_000), ("1 200.5", 1_200_500_000)]
)
def test_euros_become_micro_units(typed: str, micro: int) -> None:
    assert EuroField().clean(typed) == micro


@pytest.mark.parametrize("typed", ["", "-1", "1e3", "NaN", "1.234", "١٢", "0x10", "9" * 12])
def test_what_is_no_amount_is_refused(typed: str) -> None:
    with pytest.raises(ValidationError):
        EuroField().clean(typed)


def test_times_name_their_zone() -> None:
    html = str(wattnote.moment(datetime(2026, 6, 1, 12, 30, tzinfo=UTC)))
    assert 'datetime="2026-06-01T12:30:00+00:00"' in html
    assert "12:30 UTC" in html


@pytest.mark.parametrize(
    ("name", "letters"), [("House 13", "13"), ("Blue house", "BH"), ("Mill", "M"), ("", "?")]
)
def test_monograms(name: str, letters: str) -> None:
    assert wattnote.monogram(name) == letters
