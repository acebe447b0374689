"""The scorecard at its edges."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.accounts.connections import Connection, Kind, Wrong, check_digit, read_connection
from marketplace.credit.money import micro_units, plain, shown
from marketplace.credit.reasons import TITLES, WORDS
from marketplace.credit.scoring import names
from marketplace.credit.scoring.card import check_all, propose
from marketplace.credit.scoring.checks import check_age, check_name, years_between
from marketplace.credit.scoring.facts import UNIT, Account, Check, Facts, Outcome, Record
from marketplace.credit.scoring.money import check_affordability, collateral_for, disposable_per_period
from marketplace.credit.scoring.reasons import REASONS

TODAY = date(2026, 6, 15)
ACCOUNT = Account(
    iban="DE02120300000000202051",
    holder="MUELLER-LUEDENSCHEIDT, ZOE",
    first_day=TODAY - timedelta(days=95),
    last_day=TODAY - timedelta(days=5),
    days=91,
    income=3_000 * UNIT,
    outgoings=1_000 * UNIT,
    instalments=200 * UNIT,
)
GOOD = Facts(
    today=TODAY,
    legal_name="Zoë Müller-Lüdenscheidt",
    birth_date="1990-01-01",
    address=("Street 1", "10115", "Berlin", "DE"),
    wallet_proven=True,
    document_kinds={"identity", "statement", "income"},
    document_texts=[],
    monthly_income=3_000 * UNIT,
    monthly_outgoings=1_000 * UNIT,
    requested_limit=500 * UNIT,
    max_limit=5_000 * UNIT,
    billing_period=30 * 24 * 3600,
    accounts=[ACCOUNT],
    record=Record(notes_settled=1),
)
UNREAD = replace(GOOD, accounts=[], document_texts=["Kontoauszug\nFrau ZOE MULLER LUDENSCHEIDT"])


def _by_code(facts: Facts) -> dict[str, Check]:
    return {check.code: check for check in check_all(facts)}


def _with(**changes: object) -> Facts:
    return replace(GOOD, accounts=[replace(ACCOUNT, **changes)])


def test_a_good_application_gets_all_points_and_its_wish() -> None:
    proposal = propose(GOOD, check_all(GOOD))
    assert (proposal.score, proposal.limit, proposal.collateral) == (100, 500 * UNIT, 50 * UNIT)
    assert sum(check.max_points for check in check_all(GOOD)) == 100


def test_papers_that_no_machine_reads_cost_points_and_no_gate() -> None:
    proposal = propose(UNREAD, check_all(UNREAD))
    assert (proposal.score, proposal.limit, proposal.collateral) == (87, 500 * UNIT, 50 * UNIT)


@pytest.mark.parametrize(
    ("facts", "code", "reason", "points"),
    [
        (_with(days=80), "period", "period.ok", 10),
        (_with(days=79), "period", "period.short", 5),
        (_with(days=81), "period", "period.ok", 10),
        (_with(last_day=TODAY - timedelta(days=44)), "period", "period.ok", 10),
        (_with(last_day=TODAY - timedelta(days=45)), "period", "period.ok", 10),
        (_with(last_day=TODAY - timedelta(days=46)), "period", "period.old", 0),
        (_with(last_day=TODAY), "period", "period.ok", 10),
        (_with(last_day=TODAY + timedelta(days=1)), "period", "period.future", 0),
        (UNREAD, "period", "period.unread", 5),
        (_with(iban="DE02120300000000202052"), "iban", "iban.wrong", 0),
        (_with(iban=""), "iban", "iban.unread", 2),
        (GOOD, "iban", "iban.ok", 5),
        (replace(GOOD, monthly_income=3_300 * UNIT), "declared", "declared.ok", 10),
        (replace(GOOD, monthly_income=3_300 * UNIT + 1), "declared", "declared.income", 0),
        (replace(GOOD, monthly_income=3_300 * UNIT - 1), "declared", "declared.ok", 10),
        (replace(GOOD, monthly_outgoings=800 * UNIT), "declared", "declared.ok", 10),
        (replace(GOOD, monthly_outgoings=800 * UNIT - 1), "declared", "declared.outgoings", 5),
        (replace(GOOD, monthly_outgoings=800 * UNIT + 1), "declared", "declared.ok", 10),
        (_with(income=0), "declared", "declared.unread", 5),
        (replace(GOOD, record=Record(disputes=3)), "disputes", "disputes.some", 5),
        (replace(GOOD, record=Record(disputes=3, stale=1)), "disputes", "disputes.stale", 0),
        (replace(GOOD, record=Record()), "history", "history.new", 3),
        (replace(GOOD, record=Record(notes_settled=9, overdue=1)), "history", "history.overdue", 0),
        (replace(GOOD, record=Record(notes_settled=9, defaulted=1)), "history", "history.default", 0),
        (
            replace(UNREAD, document_kinds={"identity", "statement"}),
            "income_documents",
            "papers.statement",
            5,
        ),
        (replace(UNREAD, document_kinds={"identity", "income"}), "income_documents", "papers.income", 5),
        (replace(UNREAD, document_kinds={"identity"}), "income_documents", "papers.none", 0),
        (UNREAD, "income_documents", "papers.both", 10),
        (replace(GOOD, address=("", "1", "B", "DE")), "address", "address.part", 0),
    ],
)
def test_each_threshold(facts: Facts, code: str, reason: str, points: int) -> None:
    check = _by_code(facts)[code]
    assert (check.reason, check.points) == (reason, points)
    assert REASONS[reason].format(**check.params)


def test_every_reason_has_words_of_the_site() -> None:
    assert {code: str(words) for code, words in WORDS.items()} == dict(REASONS)
    assert set(TITLES) == set(_by_code(GOOD))


def test_statements_bound_what_was_declared() -> None:
    assert disposable_per_period(_with(income=2_000 * UNIT)) == 1_000 * UNIT
    assert disposable_per_period(_with(income=9_000 * UNIT)) == 2_000 * UNIT
    assert disposable_per_period(_with(outgoings=1_500 * UNIT)) == 1_500 * UNIT
    assert disposable_per_period(_with(outgoings=1)) == 2_000 * UNIT


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("41373559241", Connection(Kind.MARKET, "41373559241")),
        ("4137 3559 241", Connection(Kind.MARKET, "41373559241")),
        ("41373559242", Wrong.CHECK_DIGIT),
        (
            "de 000562 66802 AO6G56M11SN51G21M24S",
            Connection(Kind.METERING, "DE00056266802AO6G56M11SN51G21M24S"),
        ),
        ("DE00056266802AO6G56M11SN51G21M24", Wrong.METERING),
        ("1 ESY 11 6001 2345", Connection(Kind.METER, "1ESY1160012345")),
        ("1234", Connection(Kind.METER, "1234")),
        ("123", Wrong.LENGTH),
        ("1" * 21, Wrong.LENGTH),
        ("1" * 20, Connection(Kind.METER, "1" * 20)),
        ("meter", Wrong.LETTERS),
        ("12ä4", Wrong.LETTERS),
        ("", Wrong.LENGTH),
    ],
)
def test_numbers_of_connections(text: str, found: Connection | Wrong) -> None:
    assert read_connection(text) == found


@given(st.integers(10**9, 10**10 - 1), st.integers(0, 9), st.integers(1, 9))
def test_a_wrong_digit_of_a_market_location_is_noticed(digits: int, place: int, by: int) -> None:
    """Odd places catch every digit; even ones, counted twice, all but a difference of five."""
    right = str(digits)
    wrong = right[:place] + str((int(right[place]) + by) % 10) + right[place + 1 :]
    if place % 2 == 0 or by != 5:
        assert check_digit(right) != check_digit(wrong)


@pytest.mark.parametrize(
    ("mine", "theirs", "same"),
    [
        ("Jürgen Groß", "JUERGEN GROSS", True),
        ("Jürgen Groß", "Gross, Jurgen", True),
        ("Dr. Jürgen Groß", "Herr Jürgen Groß", True),
        ("Erika Mustermann", "Erika und Max Mustermann", True),
        ("Erika Maria Mustermann", "Erika Mustermann", True),
        ("Erika Mustermann", "Mustermann", False),
        ("Erika Mustermann", "E. Mustermann", False),
        ("Erika Mustermann", "Max Mustermann", False),
        ("Łukasz Żółć", "LUKASZ ZOLC", True),
        ("Øystein Åse", "Oystein Ase", False),
        ("Øystein Åse", "OEYSTEIN AASE", True),
        ("", "", False),
    ],
)
def test_same_names(mine: str, theirs: str, *, same: bool) -> None:
    assert names.same(mine, theirs) is same


@pytest.mark.parametrize(
    ("born", "today", "years"),
    [
        (date(2008, 6, 15), date(2026, 6, 15), 18),
        (date(2008, 6, 16), date(2026, 6, 15), 17),
        (date(2008, 2, 29), date(2026, 2, 28), 17),
        (date(2008, 2, 29), date(2026, 3, 1), 18),
        (date(2027, 1, 1), date(2026, 6, 15), -1),
    ],
)
def test_birthdays(born: date, today: date, years: int) -> None:
    assert years_between(born, today) == years


@pytest.mark.parametrize(
    ("birth_date", "outcome"),
    [
        ("2008-06-15", Outcome.PASS),
        ("2008-06-16", Outcome.FAIL),
        ("1906-06-15", Outcome.PASS),
        ("1905-06-15", Outcome.FAIL),
        ("2030-01-01", Outcome.FAIL),
        ("15.06.1990", Outcome.FAIL),
        ("", Outcome.FAIL),
    ],
)
def test_age(birth_date: str, outcome: Outcome) -> None:
    assert check_age(replace(GOOD, birth_date=birth_date)).outcome is outcome


@pytest.mark.parametrize(
    ("limit", "points"),
    [(499, 25), (500, 25), (501, 16), (1_000, 16), (1_001, 6), (2_000, 6), (2_001, 0)],
)
def test_affordability_steps(limit: int, points: int) -> None:
    assert check_affordability(replace(GOOD, requested_limit=limit * UNIT)).points == points


def test_affordability_follows_the_billing_period() -> None:
    assert check_affordability(replace(GOOD, billing_period=15 * 24 * 3600)).points == 16
    assert check_affordability(replace(GOOD, monthly_outgoings=3_000 * UNIT)).outcome is Outcome.FAIL
    assert check_affordability(replace(GOOD, monthly_outgoings=9_000 * UNIT)).points == 0


@pytest.mark.parametrize(
    ("texts", "outcome"),
    [
        (["zoe muller ludenscheidt"], Outcome.PASS),
        (["Müller-Lüdenscheidt, Zoë"], Outcome.PASS),
        (["Zoë Müller"], Outcome.FAIL),
        (["Zoëlein Müller-Lüdenscheidt"], Outcome.FAIL),
        ([], Outcome.WARN),
        (["  \n"], Outcome.WARN),
    ],
)
def test_names(texts: list[str], outcome: Outcome) -> None:
    assert check_name(replace(UNREAD, document_texts=texts)).outcome is outcome


@pytest.mark.parametrize(
    "fault",
    [
        {"birth_date": "2020-01-01"},
        {"wallet_proven": False},
        {"shade": "black"},
        {"document_kinds": {"statement"}},
    ],
)
def test_a_failed_gate_proposes_nothing(fault: dict[str, object]) -> None:
    facts = replace(GOOD, **fault)
    assert propose(facts, check_all(facts)).limit == 0


def test_grey_costs_collateral_and_no_gate() -> None:
    facts = replace(GOOD, shade="grey")
    assert _by_code(facts)["lists"].outcome is Outcome.WARN
    assert propose(facts, check_all(facts)).collateral == 175 * UNIT


@pytest.mark.parametrize(
    ("score", "percent"),
    [(100, 10), (80, 10), (79, 25), (60, 25), (59, 50), (40, 50), (39, 100), (0, 100)],
)
def test_collateral_steps(score: int, percent: int) -> None:
    assert collateral_for(1_000 * UNIT, score) == 10 * percent * UNIT


@given(
    st.integers(1, 10**15),
    st.integers(0, 10**15),
    st.integers(0, 10**15),
    st.integers(1, 10**8),
    st.sampled_from(["", "grey", "black"]),
)
def test_a_proposal_stays_within_bounds(
    limit: int, income: int, outgoings: int, period: int, shade: str
) -> None:
    facts = replace(
        GOOD,
        requested_limit=limit,
        monthly_income=income,
        monthly_outgoings=outgoings,
        billing_period=period,
        shade=shade,
    )
    proposal = propose(facts, check_all(facts))
    assert 0 <= proposal.collateral <= proposal.limit <= min(limit, facts.max_limit)
    assert proposal.limit % UNIT == 0
    assert 0 <= proposal.score <= 100


@given(st.integers(-(10**18), 10**18))
def test_amounts_are_shown_exactly(amount: int) -> None:
    assert micro_units(Decimal(plain(amount))) == amount


def test_amounts_in_words() -> None:
    assert [shown(n) for n in (0, 1, 250_000, 150_000_000, 1_234_567_000_001)] == [
        "€0.00",
        "€0.000001",
        "€0.25",
        "€150.00",
        "€1,234,567.000001",
    ]
    assert shown(None) == "–"
