"""A merchant's business at a glance, from the ledger's events as the books hold them."""

from collections.abc import Callable

import pytest
from django.urls import reverse
from people import Person, Shop
from pytest_django import DjangoAssertNumQueries

from marketplace.credit.books import exposures_of
from marketplace.credit.models import Agreement, BookEvent, CreditNote
from marketplace.credit.overview import exposure_chart, overview_of, standings

pytestmark = pytest.mark.django_db
Agree = Callable[[Person, Shop], Agreement]
COIN = 1_000_000
START = 1_790_000_000
SERIAL = "0x" + "5e" * 32


def happened(agreement: Agreement, at: int, name: str, *, serial: str = "", **arguments: int) -> None:
    sid = "" if serial else agreement.sid
    named = {"serial": serial} if serial else {"sid": sid}
    number = BookEvent.objects.count() + 1
    BookEvent.objects.create(
        msc=agreement.msc,
        block_number=number,
        log_index=0,
        at=at,
        name=name,
        sid=sid,
        serial=serial,
        arguments={**named, **{key: str(value) for key, value in arguments.items()}},
        transaction_hash="0x",
    )


@pytest.fixture
def agreement(person: Person, shop: Shop, agree: Agree) -> Agreement:
    """Reserved 40 at 100, spent 30 of it at 200, paid 12 at 300; due since long."""
    made = agree(person, shop)
    Agreement.objects.filter(pk=made.pk).update(valid_until=START + 1000, payment_term=10)
    made.refresh_from_db()
    CreditNote.objects.create(
        serial=SERIAL,
        agreement=made,
        holder="0x" + "0b" * 20,
        amount=50 * COIN,
        valid_until=START + 250,
        merchant_signature="0x",
        receipt_signature="0x",
    )
    terms = {"participant": 0, "credit_limit": 0, "collateral": 0, "billing_period": 0}
    ends = {"payment_term": 0, "valid_until": 0, "documents_hash": 0}
    happened(made, START, "AgreementInitialised", **terms, **ends)
    happened(made, START + 100, "NoteReserved", serial=SERIAL, amount=40 * COIN)
    happened(
        made,
        START + 200,
        "NoteSettled",
        serial=SERIAL,
        released=40 * COIN,
        gain=-30 * COIN,
    )
    happened(made, START + 300, "DebtPaid", sender=0, amount=12 * COIN, paid=12 * COIN)
    return made


def test_exposure_follows_the_events(agreement: Agreement) -> None:
    moments = [START - 1, START + 50, START + 150, START + 250, START + 350]
    used = [(0, 0), (0, 15 * COIN), (40 * COIN, 15 * COIN), (30 * COIN, 15 * COIN), (18 * COIN, 15 * COIN)]
    assert exposures_of([agreement], moments) == used


def test_sums_and_what_needs_somebody(agreement: Agreement) -> None:
    total = overview_of(standings([agreement]))
    assert (total.used, total.collateral, total.at_risk) == (18 * COIN, 15 * COIN, 3 * COIN)
    assert (total.overdue, [one.agreement for one in total.debts], total.claims) == (
        18 * COIN,
        [agreement],
        [],
    )
    happened(agreement, START + 400, "ClaimStarted", due=18 * COIN, deadline=START + 500)
    (claim,) = overview_of(standings([agreement])).claims
    assert claim.can_execute
    assert claim.books.claim is not None
    assert claim.books.claim.deadline == START + 500


def test_the_chart_has_the_same_figures_as_its_table(agreement: Agreement) -> None:
    Agreement.objects.filter(pk=agreement.pk).update(activated_at=None)
    chart = exposure_chart([agreement], now=START + 400)
    assert chart is not None
    assert chart.rows[-1] == (START + 400, 18 * COIN, 15 * COIN)
    assert chart.used.startswith("M0 ")
    assert chart.top >= 18 * COIN
    assert exposure_chart([]) is None


def test_desk_and_agreements_cost_the_same_with_more_rows(
    agreement: Agreement,
    make_person: Callable[..., Person],
    shop: Shop,
    agree: Agree,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    pages = reverse("admin:index"), reverse("admin:credit_agreement_changelist")
    counts: dict[str, list[int]] = {page: [] for page in pages}
    for _round in range(2):
        for page in pages:
            with django_assert_max_num_queries(60) as captured:
                text = shop.client.get(page).content.decode()
            counts[page].append(len(captured))
            assert "18.00" in text
        for _more in range(3):
            agree(make_person(), shop)
    assert all(first == second for first, second in counts.values()), counts
