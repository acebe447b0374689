"""Figures and times as people of each language read and type them, without a float in between."""

import json
from datetime import UTC, date, datetime
from itertools import product
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone, translation

from marketplace import formats
from marketplace.web.forms import EuroField
from marketplace.web.own_forms import CentField
from marketplace.web.templatetags import wattnote

VECTORS = json.loads(
    (Path(__file__).resolve().parents[2] / "fixtures" / "vectors" / "formats.json").read_text()
)
LANGUAGES = ("en", "de")


def _read(typed: str, decimals: int, language: str) -> str:
    try:
        return str(formats.parse(typed, decimals, language))
    except formats.NumberError as error:
        return error.code


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_sides_write_the_same(language: str) -> None:
    """The browser's modules are held to the same file by tests/web/js/format.test.mjs."""
    for row in VECTORS["figures"]:
        options = {name: row[name] for name in ("signed", "exact") if name in row}
        assert getattr(formats, row["kind"])(int(row["value"]), language, **options) == row[language]
    for row in VECTORS["plain"]:
        shown = formats.plain(int(row["value"]), row["decimals"], row["shown"], language)
        assert shown == row[language]
    for row in VECTORS["times"]:
        assert formats.when(row["seconds"], row["form"], language) == row[language]
    for row in VECTORS["durations"]:
        assert formats.duration(row["seconds"], language) == row[language]
    for row in VECTORS["typed"]:
        assert _read(row["typed"], row["decimals"], language) == row[language], row["typed"]


def test_filters_speak_the_active_language() -> None:
    with translation.override("de"):
        assert wattnote.money("1234560000") == "1.234,56\u00a0€"
        assert wattnote.money_exact(None) == wattnote.energy("") == "–"
        assert wattnote.price_input(82_000) == "8,20"
        assert "08.06.2016, 13:00\u00a0Uhr UTC+00:00" in wattnote.moment(1_465_390_800)
    assert wattnote.money(1_234_560_000) == "€1,234.56"
    assert wattnote.money_exact(19_960_193) == "€19.960193"


@pytest.mark.parametrize(
    ("typed", "micro"), [("250", 250_000_000), ("249,90", 249_900_000), ("1 200.5", 1_200_500_000)]
)
def test_euros_become_micro_units(typed: str, micro: int) -> None:
    assert EuroField().clean(typed) == micro


@pytest.mark.parametrize("typed", ["", "-1", "1e3", "NaN", "1.234", "١٢", "0x10", "9" * 12])
def test_what_is_no_amount_is_refused(typed: str) -> None:
    with pytest.raises(ValidationError):
        EuroField().clean(typed)


def test_money_is_never_misread() -> None:
    """A German's 1.234 is a thousand, a program's is one and a bit: nobody guesses."""
    with translation.override("de"):
        with pytest.raises(ValidationError) as refused:
            EuroField().clean("1.234")
        assert "1234" in refused.value.messages[0]
        assert "1,234" in refused.value.messages[0]
        assert EuroField().clean("1.234,50") == 1_234_500_000
        assert EuroField().prepare_value(1_234_500_000) == "1234,50"
        assert CentField().clean("8,2") == 82_000
        assert CentField().prepare_value(82_000) == "8,20"


def test_a_sentence_has_the_readers_clock_and_its_offset() -> None:
    """Also in the nights in which clocks change: no two quarter-hours read the same."""
    for row, language in product(VECTORS["told"], LANGUAGES):
        with timezone.override(row["zone"]), translation.override(language):
            assert formats.told(row["seconds"], row["form"]) == row[language]


def test_times_come_with_what_scripts_read() -> None:
    with timezone.override("Europe/Berlin"):
        html = str(wattnote.moment(datetime(2026, 6, 1, 12, 30, tzinfo=UTC)))
        assert 'datetime="2026-06-01T12:30:00+00:00"' in html
        assert ">1 Jun 2026, 14:30 UTC+02:00<" in html
        assert ">1 Jun 2026<" in wattnote.moment(datetime(2026, 5, 31, 22, 30, tzinfo=UTC), "date")


def test_dates_that_no_zone_moves() -> None:
    assert wattnote.civil_date("1985-06-01") == wattnote.civil_date(date(1985, 6, 1)) == "1 Jun 1985"
    assert wattnote.civil_date("some day") == "some day"
    assert wattnote.civil_date(None) == wattnote.told(None) == "–"
    with translation.override("de"):
        assert wattnote.civil_date("1985-06-01") == "01.06.1985"
        assert wattnote.told(1_465_390_800) == "08.06.2016, 13:00\u00a0Uhr UTC+00:00"


@pytest.mark.parametrize(
    ("name", "letters"), [("House 13", "13"), ("Blue house", "BH"), ("Mill", "M"), ("", "?")]
)
def test_monograms(name: str, letters: str) -> None:
    assert wattnote.monogram(name) == letters
