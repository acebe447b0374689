"""The scorecard at its edges."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.credit.money import micro_units, plain, shown
from marketplace.credit.scoring import (
    UNIT,
    Check,
    Facts,
    Outcome,
    check_affordability,
    check_age,
    check_all,
    check_name,
    collateral_for,
    propose,
    years_between,
)

GOOD = Facts(
    today=date(2026, 6, 15),
    legal_name="Zoë Müller-Lüdenscheidt",
    birth_date="1990-01-01",
    address=("Street 1", "10115", "Berlin", "DE"),
    wallet_proven=True,
    document_kinds={"identity", "statement", "income"},
    document_texts=["Kontoauszug\nFrau ZOE MULLER LUDENSCHEIDT"],
    monthly_income=3_000 * UNIT,
    monthly_outgoings=1_000 * UNIT,
    requested_limit=500 * UNIT,
    max_limit=5_000 * UNIT,
    billing_period=30 * 24 * 3600,
)


def _by_code(facts: Facts) -> dict[str, Check]:
    return {check.code: check for check in check_all(facts)}


def test_a_good_application_gets_all_points_and_its_wish() -> None:
    proposal = propose(GOOD, check_all(GOOD))
    assert (proposal.score, proposal.limit, proposal.collateral) == (100, 500 * UNIT, 50 * UNIT)
    assert all(check.reason for check in check_all(GOOD))
    assert sum(check.max_points for check in check_all(GOOD)) == 100


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
    [(500, 40), (501, 25), (1_000, 25), (1_001, 10), (2_000, 10), (2_001, 0)],
)
def test_affordability_steps(limit: int, points: int) -> None:
    assert check_affordability(replace(GOOD, requested_limit=limit * UNIT)).points == points


def test_affordability_follows_the_billing_period() -> None:
    assert check_affordability(replace(GOOD, billing_period=15 * 24 * 3600)).points == 25
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
    assert check_name(replace(GOOD, document_texts=texts)).outcome is outcome


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
        "0.00",
        "0.000001",
        "0.25",
        "150.00",
        "1,234,567.000001",
    ]
    assert shown(None) == "–"
