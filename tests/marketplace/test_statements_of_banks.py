"""Bank statements: golden files of each form, and faults told with line and remedy."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.accounts.banking.figures import figures_of
from marketplace.accounts.banking.reading import read_statement
from marketplace.accounts.banking.records import BankStatement, Booking, Fault, StatementFaultError

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "documents"
FILES = sorted(path.name for path in FOLDER.iterdir() if path.suffix != ".md")
EURO = 1_000_000


def _raw(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def _changed(name: str, old: str, new: str) -> bytes:
    encoding = "cp1252" if name in ("csv-ing.csv", "csv-sparkasse.csv") else "utf-8"
    text = _raw(name).decode(encoding)
    assert old in text
    return text.replace(old, new, 1).encode(encoding)


def _fault(raw: bytes) -> Fault:
    with pytest.raises(StatementFaultError) as refused:
        read_statement(raw)
    return refused.value.faults[0]


@pytest.mark.parametrize("name", FILES)
def test_every_form_shows_the_same_months(name: str) -> None:
    statement = read_statement(_raw(name))
    assert statement.form == {"ca": "CAMT.053", "mt": "MT940", "cs": "CSV"}[name[:2]]
    assert statement.iban == "DE02120300000000202051"
    named = name not in ("mt940.sta", "csv-sparkasse.csv")
    assert statement.holder == ("Erika Musterfrau" if named else "")
    assert len(statement.bookings) == 15
    assert sum(booking.amount for booking in statement.bookings) == (683198 - 125000) * 10**4
    [figures] = figures_of([statement])
    assert (figures.income, figures.outgoings, figures.instalments) == (
        3100 * EURO,
        118490 * 10**4,
        210 * EURO,
    )
    assert figures.start == date(2026, 4, 1)
    assert figures.days == (89 if name == "csv-sparkasse.csv" else 91)
    assert {one.party for one in figures.regular} == {
        "Specimen Werke",
        "Specimen Wohnbau",
        "Specimen Stadtwerke",
        "Specimen Bank",
    }


@pytest.mark.parametrize(
    ("raw", "code", "line"),
    [
        (_changed("camt053-v2.xml", "</NtryDtls>", ""), "xml_broken", 31),
        (
            _changed("camt053-v2.xml", "<Document", '<!DOCTYPE x [<!ENTITY a "b">]>\n<Document'),
            "xml_active",
            2,
        ),
        (_changed("camt053-v2.xml", '<Amt Ccy="EUR">900.00', '<Amt Ccy="CHF">900.00'), "currency", 22),
        (_changed("camt053-v2.xml", ">900.00", ">nine hundred"), "amount", 22),
        (_changed("camt053-v2.xml", ">900.00", ">901.00"), "balance", 0),
        (_changed("camt053-v2.xml", "<BookgDt><Dt>2026-04-01", "<BookgDt><Dt>2026-04-31"), "date", 21),
        (_raw("camt053-v2.xml").replace(b"BkToCstmrStmt", b"BkToCstmrAcctRpt"), "xml_other", 3),
        (_changed("mt940.sta", ":28C:", "28C "), "mt940_line", 3),
        (_changed("mt940.sta", ":61:2604010401DR900,00", ":61:2604010401XR900,00"), "mt940_line", 5),
        (_changed("mt940.sta", "EUR1250,00", "USD1250,00"), "currency", 4),
        (_changed("mt940.sta", "900,00", "901,00"), "balance", 0),
        (_changed("csv-ing.csv", "-412,55", "-412.55,0"), "amount", 15),
        (_changed("csv-ing.csv", "Buchung;Wert", "Tag;Wert"), "columns", 0),
        (_changed("csv-dkb.csv", '"28.06.26";"28.06.26"', '"31.06.26";"28.06.26"'), "date", 7),
        (_changed("csv-sparkasse.csv", '"EUR"', '"USD"'), "currency", 2),
        (_changed("csv-ing.csv", '"Einkauf; Karte"', "Einkauf; Karte"), "fields", 25),
        (_changed("csv-sparkasse.csv", '"DE02120300000000202051"', '"DE02100100100006820101"'), "mixed", 0),
        (_raw("csv-ing.csv").splitlines()[0] + b"\n" + _raw("csv-ing.csv").splitlines()[11], "empty", 0),
        (b"Buchungstag;Betrag;x\n01.01.2026;1,00;\x00", "encoding", 0),
        (b"hello", "form", 0),
    ],
)
def test_faults_are_told_with_line_and_remedy(raw: bytes, code: str, line: int) -> None:
    fault = _fault(raw)
    assert (fault.code, fault.line) == (code, line)
    assert "{" not in fault.words


def test_all_wrong_lines_are_told_at_once() -> None:
    raw = _raw("csv-ing.csv").replace(b"EUR;-", b"EUR;minus ")
    with pytest.raises(StatementFaultError) as refused:
        read_statement(raw)
    assert len(refused.value.faults) == 11


def _month(month: int, *amounts: tuple[str, int], iban: str = "X") -> BankStatement:
    day = date(2026, month, 5)
    bookings = tuple(Booking(day, amount, party, "") for party, amount in amounts)
    return BankStatement("CSV", iban, "", day.replace(day=1), day.replace(day=28), bookings)


@pytest.mark.parametrize(
    ("second", "income"), [(126, 0), (125, 100), (100, 100), (81, 81), (80, 80), (79, 0)]
)
def test_regular_means_near_the_middle(second: int, income: int) -> None:
    months = [_month(1, ("Pay", 100)), _month(2, ("Pay", second))]
    assert figures_of(months)[0].income == income


def test_what_comes_once_or_in_too_few_months_does_not_count() -> None:
    assert figures_of([_month(1, ("Gift", 100))])[0].income == 0
    two_of_four = [_month(n, ("Pay", 100) if n < 3 else ("Other", n)) for n in (1, 2, 3, 4)]
    assert figures_of(two_of_four)[0].income == 0
    assert figures_of(two_of_four[:3])[0].income == 100


def test_overlapping_files_count_once_and_accounts_stay_apart() -> None:
    months = [_month(1, ("Pay", 100)), _month(2, ("Pay", 100))]
    [figures] = figures_of([*months, months[0], months[1]])
    assert (figures.income, figures.bookings, figures.days) == (100, 2, 56)
    assert len(figures_of([months[0], _month(1, ("Pay", 5), iban="Y")])) == 2


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(FILES), st.integers(0, 10**6), st.binary(min_size=1, max_size=6))
def test_damaged_files_are_faults_and_no_crash(name: str, position: int, noise: bytes) -> None:
    raw = _raw(name)
    position %= len(raw)
    told: tuple[Fault, ...] = ()
    try:
        figures_of([read_statement(raw[:position] + noise + raw[position + len(noise) :])])
    except StatementFaultError as error:
        told = error.faults
    assert all(fault.words for fault in told)
