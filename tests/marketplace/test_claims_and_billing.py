"""The whole credit cycle on a real ledger: spent, billed, claimed or paid; and the site's side of it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.urls import reverse
from eth_account.messages import _hash_eip191_message, encode_typed_data
from lending import (
    COIN,
    COLLATERAL,
    LIMIT,
    TERM,
    Funds,
    Pair,
    agreed,
    as_lender,
    noted,
    session_key,
)
from people import Person, Shop
from pytest_django import Settings

from contracts.bindings import MerchantContract
from marketplace.accounts.errors import AwayError, ConflictError, RefusedError
from marketplace.credit import claims, ledger
from marketplace.credit.books import bring_up_to_date, fresh_statement_of
from marketplace.credit.erasure import erase_participant
from marketplace.credit.issuing import raw
from marketplace.credit.models import Agreement, BookBlock, BookEvent, CreditApplication, Ledger
from tests.fixtures_ledger import RunningNode, devnode  # noqa: F401  pytest finds the fixture by its name

pytestmark = pytest.mark.django_db
Apply = Callable[[Person, Shop], CreditApplication]


@pytest.fixture
def deployed(devnode: RunningNode, settings: Settings) -> Ledger:  # noqa: F811  the fixture imported above
    settings.LEDGER_URL = devnode.url
    settings.TEST_MONEY = True
    return ledger.deploy_ledger(metering=b"\x44" * 20)


@pytest.fixture
def agreement(person: Person, shop: Shop, apply: Apply, deployed: Ledger) -> Agreement:
    as_lender(shop)
    return agreed(person, shop, apply(person, shop))


def url(agreement: Agreement, what: str = "statement") -> str:
    return f"/api/v1/agreements/{agreement.pk}/{what}/"


def sign(person: Person, data: dict[str, Any]) -> str:
    return "0x" + person.signer.sign(bytes(_hash_eip191_message(encode_typed_data(full_message=data)))).hex()


def pay_in(person: Person, agreement: Agreement, amount: int, what: str = "pay") -> Any:
    asked = person.client.get(url(agreement, what), {"amount": str(amount)}).json()
    body = {
        "amount": str(amount),
        "signature": sign(person, asked["consent"]),
        "permit_signature": sign(person, asked["permit"]),
        "permit_deadline": asked["permit_deadline"],
    }
    return person.client.post(url(agreement, what), body)


def on_ledger(agreement: Agreement) -> Any:
    return ledger.read(MerchantContract(raw(agreement.msc)).agreement_of, raw(agreement.sid))


def test_the_statement_is_what_the_ledger_says(person: Person, shop: Shop, agreement: Agreement) -> None:
    pair = Pair()
    spent, earned = noted(person, agreement, 60 * COIN, pair.a), noted(person, agreement, 10 * COIN, pair.b)
    channel = pair.open(Funds(40 * COIN, spent), Funds(0, earned))
    shown = person.client.get(url(agreement)).json()
    assert shown["notes"][0]["reserved"] == str(40 * COIN)
    pair.close(channel, 15 * COIN)
    shown = person.client.get(url(agreement)).json()
    assert (shown["debt"], shown["due"], shown["earnings"]) == (str(25 * COIN), "0", str(25 * COIN))
    assert (shown["limit"], shown["available"]) == (str(LIMIT), str(30 * COIN))
    assert [(p["spent"], p["earned"]) for p in shown["periods"]] == [(str(25 * COIN), str(25 * COIN))]
    assert shown["claim"] is None
    books = fresh_statement_of(agreement)
    contract = MerchantContract(raw(agreement.msc))
    for standing in books.notes:
        there = ledger.read(contract.note_of, standing.note.serial, standing.note.holder)
        assert (there.available, there.reserved) == (standing.available, standing.reserved)
        assert (there.position, there.last_settled) == (standing.position, standing.last_settled)


def test_who_owes_is_not_erased(person: Person, agreement: Agreement) -> None:
    note = noted(person, agreement, 60 * COIN, (pair := Pair()).a)
    pair.spend(note, 12 * COIN)
    Agreement.objects.filter(pk=agreement.pk).update(valid_until=1)
    with pytest.raises(ConflictError, match="still open"):
        erase_participant(user=person.user, actor=person.user)


def test_from_a_debt_to_its_claim(
    person: Person, shop: Shop, agreement: Agreement, wait_until: Callable[[float], None]
) -> None:
    note = noted(person, agreement, 60 * COIN, (pair := Pair()).a)
    pair.spend(note, 12 * COIN)
    with pytest.raises(ConflictError, match="Nothing is due"):
        claims.start_claim(agreement=agreement, operator=shop.operator)
    with pytest.raises(ConflictError, match="No claim"):
        claims.cancel_claim(agreement=agreement, operator=shop.operator)
    wait_until(note.valid_until + TERM)
    claims.start_claim(agreement=agreement, operator=shop.operator)
    claims.cancel_claim(agreement=agreement, operator=shop.operator)
    assert fresh_statement_of(agreement).claim is None
    page = reverse("admin:credit_agreement_change", args=[agreement.pk])
    assert "Claim what is due" in shop.client.get(page).content.decode()
    assert shop.client.post(page, {"action": "claim"}).status_code == 302
    claim = person.client.get(url(agreement)).json()["claim"]
    assert (claim["due"], claim["to_pay"]) == (str(12 * COIN), str(12 * COIN))
    assert "Window ends" in shop.client.get(page).content.decode()
    with pytest.raises(ConflictError, match="already"):
        claims.start_claim(agreement=agreement, operator=shop.operator)
    with pytest.raises(ConflictError, match="ClaimWindowOpen"):
        claims.execute_claim(agreement=agreement, operator=shop.operator)
    wait_until(claim["deadline"])
    assert shop.client.post(page, {"action": "execute"}).status_code == 302
    shown = person.client.get(url(agreement)).json()
    assert (shown["claim"], shown["debt"], shown["collateral"]) == (None, "0", str(8 * COIN))
    assert shown["periods"][0]["claimed"] == str(12 * COIN)
    assert on_ledger(agreement).collateral == 8 * COIN


def test_who_pays_in_time_keeps_the_collateral(
    person: Person, shop: Shop, agreement: Agreement, wait_until: Callable[[float], None]
) -> None:
    note = noted(person, agreement, 60 * COIN, (pair := Pair()).a)
    pair.spend(note, 12 * COIN)
    wait_until(note.valid_until + TERM)
    shown = person.client.get(url(agreement)).json()
    assert shown["payable"] == str(12 * COIN)
    claims.start_claim(agreement=agreement, operator=shop.operator)
    assert pay_in(person, agreement, 12 * COIN).json()["claim"]["to_pay"] == "0"
    wait_until(fresh_statement_of(agreement).claim.deadline)
    claims.execute_claim(agreement=agreement, operator=shop.operator)
    shown = person.client.get(url(agreement)).json()
    assert (shown["debt"], shown["paid"], shown["payable"]) == ("0", "0", "0")
    assert (shown["collateral"], shown["periods"][0]["paid"]) == (str(COLLATERAL), str(12 * COIN))


def test_limit_and_collateral_change_while_a_channel_trades_on(
    person: Person, shop: Shop, agreement: Agreement
) -> None:
    pair = Pair()
    note = noted(person, agreement, 60 * COIN, pair.a)
    channel = pair.open(Funds(40 * COIN, note), Funds())
    claims.change_limit(agreement=agreement, operator=shop.operator, limit=70 * COIN)
    assert pay_in(person, agreement, 5 * COIN, "top-up").json()["collateral"] == str(COLLATERAL + 5 * COIN)
    with pytest.raises(ConflictError, match="left of the limit"):
        noted(person, agreement, 11 * COIN, session_key())
    noted(person, agreement, 10 * COIN, session_key())
    second = pair.open(Funds(20 * COIN, note), Funds())
    pair.close(channel, 10 * COIN)
    pair.close(second, 20 * COIN)
    shown = person.client.get(url(agreement)).json()
    assert (shown["limit"], shown["debt"], shown["available"]) == (str(70 * COIN), str(30 * COIN), "0")
    assert on_ledger(agreement).credit_limit == 70 * COIN
    with pytest.raises(RefusedError, match="out of range"):
        claims.change_limit(agreement=agreement, operator=shop.operator, limit=10**16)
    page = reverse("admin:credit_agreement_change", args=[agreement.pk])
    assert shop.client.post(page, {"action": "limit", "limit-limit": "80"}).status_code == 302
    assert fresh_statement_of(agreement).limit == 80 * COIN


def test_one_note_funds_several_channels_is_used_up_released_and_used_again(
    person: Person, agreement: Agreement
) -> None:
    note = noted(person, agreement, 50 * COIN, (pair := Pair()).a)
    first, second = pair.open(Funds(20 * COIN, note), Funds()), pair.open(Funds(30 * COIN, note), Funds())
    with pytest.raises(ConflictError, match="NoteExhausted"):
        pair.open(Funds(1, note), Funds())
    pair.close(first, 20 * COIN)
    third = pair.open(Funds(20 * COIN, note), Funds())
    pair.close(second, 0)
    with pytest.raises(ConflictError, match="NoteExhausted"):
        pair.open(Funds(1, note), Funds())
    pair.close(third, 20 * COIN)
    (standing,) = fresh_statement_of(agreement).notes
    assert (standing.debt, standing.reserved, standing.available) == (30 * COIN, 0, 20 * COIN)


def test_the_next_periods_note_counts_what_is_still_owed(
    person: Person, agreement: Agreement, wait_until: Callable[[float], None]
) -> None:
    note = noted(person, agreement, LIMIT, (pair := Pair()).a)
    pair.spend(note, 30 * COIN)
    still_open = pair.open(Funds(10 * COIN, note), Funds())
    wait_until(note.valid_until)
    with pytest.raises(ConflictError, match=f"At most {60 * COIN} micro-units"):
        noted(person, agreement, 61 * COIN, session_key())
    assert pay_in(person, agreement, 30 * COIN).status_code == 200
    pair.close(still_open, 10 * COIN)
    noted(person, agreement, LIMIT, session_key())


def test_without_the_ledger_no_note_follows_on_one_that_ended(
    person: Person, agreement: Agreement, settings: Settings, wait_until: Callable[[float], None]
) -> None:
    note = noted(person, agreement, COIN, session_key())
    wait_until(note.valid_until)
    settings.LEDGER_URL = "http://127.0.0.1:1"
    with pytest.raises(AwayError):
        noted(person, agreement, COIN, session_key())
    assert person.client.get(url(agreement)).json()["code"] == "ledger_away"


def test_an_ended_note_funds_no_more(person: Person, shop: Shop, agreement: Agreement) -> None:
    note = noted(person, agreement, 60 * COIN, (pair := Pair()).a)
    channel = pair.open(Funds(10 * COIN, note), Funds())
    changes = reverse("admin:credit_creditnote_changelist")
    body = {"action": "end_now", "_selected_action": [note.serial]}
    assert "is ended" in shop.client.post(changes, body, follow=True).content.decode()
    with pytest.raises(ConflictError, match="NoteExpired"):
        pair.open(Funds(COIN, note), Funds())
    pair.close(channel, 0)
    assert fresh_statement_of(agreement).debt == 10 * COIN


def test_collateral_is_held_while_an_ended_agreements_notes_are_open(
    person: Person, shop: Shop, apply: Apply, deployed: Ledger, wait_until: Callable[[float], None]
) -> None:
    as_lender(shop, life=40)
    agreement = agreed(person, shop, apply(person, shop))
    note = noted(person, agreement, 60 * COIN, (pair := Pair()).a)
    channel = pair.open(Funds(10 * COIN, note), Funds())
    wait_until(agreement.valid_until)
    claims.hold_collateral(agreement=agreement, operator=shop.operator)
    wait_until(agreement.valid_until + 2 * TERM - 1)
    assert "still locked" in person.client.post(url(agreement, "withdraw-collateral")).json()["detail"]
    pair.close(channel, 0)
    claims.start_claim(agreement=agreement, operator=shop.operator)
    wait_until(fresh_statement_of(agreement).claim.deadline)
    claims.execute_claim(agreement=agreement, operator=shop.operator)
    claims.release_collateral(agreement=agreement, operator=shop.operator)
    shown = person.client.post(url(agreement, "withdraw-collateral")).json()
    assert (shown["collateral"], shown["released"], shown["locked_until"]) == ("0", True, 0)
    assert "nothing" in person.client.post(url(agreement, "withdraw-collateral")).json()["detail"]


def test_strangers_and_other_merchants_claim_nothing(
    person: Person, make_person: Callable[..., Person], make_shop: Callable[[str], Shop], agreement: Agreement
) -> None:
    stranger, rival = make_person(), make_shop("rival")
    for verb in (claims.start_claim, claims.execute_claim, claims.cancel_claim, claims.hold_collateral):
        for actor in (stranger.user, rival.operator, person.user):
            with pytest.raises(PermissionDenied):
                verb(agreement=agreement, operator=actor)
    page = reverse("admin:credit_agreement_change", args=[agreement.pk])
    assert rival.client.post(page, {"action": "claim"}).status_code in {302, 404}
    for what in ("statement", "pay", "top-up"):
        assert stranger.client.get(url(agreement, what), {"amount": "1"}).status_code == 404
        assert rival.client.get(url(agreement, what), {"amount": "1"}).status_code in {403, 404}
    assert stranger.client.post(url(agreement, "withdraw-collateral")).status_code == 404
    for what in ("pay", "top-up"):
        body = {"amount": "1", "signature": "0x" + "11" * 65, "permit_deadline": 1}
        body["permit_signature"] = body["signature"]
        assert stranger.client.post(url(agreement, what), body).status_code == 404


def test_payments_need_the_participants_own_signature(person: Person, agreement: Agreement) -> None:
    asked = person.client.get(url(agreement, "pay"), {"amount": "5"}).json()
    body = {
        "amount": "6",
        "signature": sign(person, asked["consent"]),
        "permit_signature": sign(person, asked["permit"]),
        "permit_deadline": asked["permit_deadline"],
    }
    assert person.client.post(url(agreement, "pay"), body).json()["code"] == "wrong_signer"
    assert person.client.get(url(agreement, "pay"), {"amount": "0"}).status_code == 400
    assert person.client.post(url(agreement, "pay"), body | {"amount": "5"}).status_code == 200
    assert person.client.post(url(agreement, "pay"), body | {"amount": "5"}).status_code == 400
    assert on_ledger(agreement).paid == 5


def test_the_books_roll_back_with_the_chain(person: Person, agreement: Agreement) -> None:
    note = noted(person, agreement, 60 * COIN, (pair := Pair()).a)
    pair.spend(note, 12 * COIN)
    assert fresh_statement_of(agreement).debt == 12 * COIN
    known = BookEvent.objects.count()
    bring_up_to_date(agreement.msc)
    assert BookEvent.objects.count() == known
    # As after a reorganisation: the newest block that we know is not the chain's.
    newest = BookBlock.objects.filter(msc=agreement.msc).order_by("-number").first()
    BookBlock.objects.filter(pk=newest.pk).update(hash="0x" + "77" * 32)
    BookEvent.objects.filter(msc=agreement.msc, block_number=newest.number).update(arguments={})
    assert fresh_statement_of(agreement).debt == 12 * COIN
    assert BookEvent.objects.count() == known
