"""Applications, agreements and notes: states, signatures, limits, repetition."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from eth_account.messages import _hash_eip191_message, encode_typed_data
from people import Person, Shop, png

from channels_engine.core import types
from channels_engine.core.signing import LocalSigner, recover
from channels_engine.core.typed_data import digest, struct_hash
from marketplace.accounts.documents import add_document, remove_document
from marketplace.accounts.errors import AwayError, ConflictError, RefusedError
from marketplace.accounts.models import Document, Wallet
from marketplace.credit import decisions, services
from marketplace.credit.erasure import erase_participant
from marketplace.credit.issuing import agreement_to_sign, documents_commitment, domain_of, raw, terms_of
from marketplace.credit.keystores import merchant_signer
from marketplace.credit.models import Agreement, CreditApplication, CreditNote
from marketplace.credit.notes import NoteRequest, issue_note
from marketplace.credit.selectors import active_agreement, own_agreements

pytestmark = pytest.mark.django_db
Apply = Callable[[Person, Shop], CreditApplication]
Agree = Callable[[Person, Shop], Agreement]
HOLDER = b"\x09" * 20


def _start(person: Person, shop: Shop, **changes: Any) -> CreditApplication:
    wish = {"requested_limit": 150_000_000, "monthly_income": 10**9, "monthly_outgoings": 0, "consent": True}
    return services.start_application(user=person.user, merchant=shop.merchant, **(wish | changes))


def _receipt(
    agreement: Agreement, signer: LocalSigner, serial: bytes, amount: int, **changes: Any
) -> NoteRequest:
    receipt = types.NoteReceipt(raw(agreement.sid), serial, HOLDER, amount)
    signature = signer.sign(digest(changes.get("domain", domain_of(agreement)), receipt))
    return NoteRequest(serial, changes.get("holder", HOLDER), amount, signature)


def test_one_open_application_a_merchant(person: Person, shop: Shop) -> None:
    first = _start(person, shop)
    assert _start(person, shop, requested_limit=1).pk == first.pk
    services.withdraw_application(application=first)
    services.withdraw_application(application=first)
    assert _start(person, shop).pk != first.pk


@pytest.mark.parametrize(
    "amounts",
    [
        {"requested_limit": 0},
        {"requested_limit": -1},
        {"monthly_income": 10**15 + 1},
        {"monthly_outgoings": -1},
    ],
)
def test_amounts_out_of_range_are_refused(person: Person, shop: Shop, amounts: dict[str, int]) -> None:
    with pytest.raises(RefusedError) as refused:
        _start(person, shop, **amounts)
    assert set(refused.value.fields) == set(amounts)


def test_what_is_missing_is_named(make_person: Callable[..., Person], shop: Shop) -> None:
    person = make_person(complete=False)
    application = _start(person, shop, consent=False)
    with pytest.raises(ConflictError) as refused:
        services.submit_application(application=application)
    named = {
        "legal_name",
        "birth_date",
        "street",
        "postcode",
        "city",
        "country",
        "meter_number",
        "consent",
        "wallet",
        "documents",
    }
    assert set(refused.value.fields) == named
    application.refresh_from_db()
    assert application.state == "draft"


def test_submitting_runs_the_checks_and_freezes_the_documents(
    person: Person, shop: Shop, apply: Apply
) -> None:
    application = apply(person, shop)
    assert application.state == "submitted"
    assert application.checks.count() == 13
    assert application.score == sum(check.points for check in application.checks.all())
    with pytest.raises(ConflictError):
        remove_document(document=Document.objects.filter(user=person.user).first())
    with pytest.raises(ConflictError):
        services.change_application(application=application, changes={"requested_limit": 5})
    with pytest.raises(ConflictError):
        services.submit_application(application=application)


def test_more_information_comes_back_with_new_checks(person: Person, shop: Shop, apply: Apply) -> None:
    application = apply(person, shop)
    decisions.ask_for_more(application=application, operator=shop.operator, question="A payslip, please")
    add_document(user=person.user, kind="income", filename="pay.png", raw=png((9, 9, 9)))
    services.change_application(application=application, changes={"requested_limit": 100_000_000})
    again = services.submit_application(application=application)
    assert again.checks.get(code="income_documents").outcome == "pass"
    assert (again.requested_limit, again.question) == (100_000_000, "")


def test_only_operators_of_the_merchant_decide(
    person: Person,
    make_shop: Callable[[str], Shop],
    apply: Apply,
) -> None:
    one, two = make_shop("one"), make_shop("two")
    application = apply(person, one)
    for outsider in (two.operator, person.user):
        for verb, words in (
            (decisions.start_review, {}),
            (decisions.approve_application, {"limit": 1, "collateral": 0}),
            (decisions.ask_for_more, {"question": "x"}),
            (decisions.reject_application, {"reason": "x"}),
        ):
            with pytest.raises(PermissionDenied):
                verb(application=application, operator=outsider, **words)
    one.operator.is_staff = False
    one.operator.save()
    with pytest.raises(PermissionDenied):
        decisions.start_review(application=application, operator=one.operator)


def test_the_merchants_key_signs_what_was_approved(person: Person, shop: Shop, agree: Agree) -> None:
    agreement = agree(person, shop)
    terms = terms_of(agreement)
    assert agreement.sid == "0x" + struct_hash(terms).hex()
    signed = digest(domain_of(agreement), terms)
    assert recover(signed, raw(agreement.merchant_signature)) == shop.signer.address
    assert domain_of(agreement).verifying_contract == raw(shop.merchant.msc)
    assert terms.participant == person.signer.address
    commitment = documents_commitment(agreement.application, raw(agreement.documents_salt or ""))
    assert terms.documents_hash == commitment
    assert commitment != documents_commitment(agreement.application, b"\x00" * 32)
    assert active_agreement(person.user) == agreement


def test_typed_data_for_the_browser_has_the_same_digest(person: Person, shop: Shop, agree: Agree) -> None:
    agreement = agree(person, shop)
    signable = encode_typed_data(full_message=agreement_to_sign(agreement))
    assert bytes(_hash_eip191_message(signable)) == digest(domain_of(agreement), terms_of(agreement))


def test_a_merchant_without_key_or_contract_can_not_approve(person: Person, shop: Shop, apply: Apply) -> None:
    application = apply(person, shop)
    approval = {"application": application, "operator": shop.operator, "limit": 10, "collateral": 0}
    keystore, shop.merchant.keystore = shop.merchant.keystore, {}
    shop.merchant.save()
    with pytest.raises(AwayError, match="no operator key"):
        decisions.approve_application(**approval)
    shop.merchant.keystore, shop.merchant.msc = keystore, ""
    shop.merchant.save()
    with pytest.raises(AwayError, match="no contract"):
        decisions.approve_application(**approval)
    application.refresh_from_db()
    assert application.state == "submitted"


def test_a_wrong_passphrase_is_said(shop: Shop, settings: Any) -> None:
    assert merchant_signer(shop.merchant).address == shop.signer.address
    settings.KEYSTORE_PASSPHRASE = "another passphrase"
    with pytest.raises(AwayError, match="KEYSTORE_PASSPHRASE"):
        merchant_signer(shop.merchant)


def test_a_note_is_signed_against_the_receipt_once(person: Person, shop: Shop, agree: Agree) -> None:
    agreement = agree(person, shop)
    wanted = _receipt(agreement, person.signer, b"\x01" * 32, 100_000_000)
    note = issue_note(agreement=agreement, request=wanted)
    value = types.CreditNote(b"\x01" * 32, HOLDER, 100_000_000, note.valid_until)
    assert recover(digest(domain_of(agreement), value), raw(note.merchant_signature)) == shop.signer.address
    again = issue_note(agreement=agreement, request=wanted)
    assert (again.pk, again.merchant_signature) == (note.pk, note.merchant_signature)
    other = _receipt(agreement, person.signer, b"\x01" * 32, 5)
    with pytest.raises(ConflictError, match="another note"):
        issue_note(agreement=agreement, request=other)
    assert CreditNote.objects.count() == 1


def test_notes_stay_within_the_limit(person: Person, shop: Shop, agree: Agree) -> None:
    agreement = agree(person, shop)
    issue_note(agreement=agreement, request=_receipt(agreement, person.signer, b"\x01" * 32, 149_999_999))
    with pytest.raises(ConflictError, match="At most 1 micro"):
        issue_note(agreement=agreement, request=_receipt(agreement, person.signer, b"\x02" * 32, 2))
    issue_note(agreement=agreement, request=_receipt(agreement, person.signer, b"\x03" * 32, 1))
    assert own_agreements(person.user).get().outstanding == 150_000_000
    CreditNote.objects.filter(amount=149_999_999).update(valid_until=1)
    assert own_agreements(person.user).get().outstanding == 1


def test_receipts_of_others_contracts_and_amounts_are_refused(
    person: Person,
    make_person: Callable[..., Person],
    shop: Shop,
    agree: Agree,
) -> None:
    agreement, other = agree(person, shop), make_person()
    serial = b"\x01" * 32
    elsewhere = types.Domain(domain_of(agreement).chain_id + 1, raw(agreement.msc))
    for wrong in (
        _receipt(agreement, other.signer, serial, 5),
        _receipt(agreement, person.signer, serial, 5, domain=elsewhere),
        _receipt(agreement, person.signer, serial, 5, holder=b"\x08" * 20),
        replace(_receipt(agreement, person.signer, serial, 5), amount=6),
        NoteRequest(serial, HOLDER, 5, b"\x00" * 65),
        NoteRequest(serial, HOLDER, 0, b"\x00" * 65),
        NoteRequest(serial, bytes(20), 5, b"\x00" * 65),
    ):
        with pytest.raises(RefusedError):
            issue_note(agreement=agreement, request=wrong)
    assert not CreditNote.objects.exists()


def test_no_note_without_an_active_agreement(person: Person, shop: Shop, agree: Agree) -> None:
    agreement = agree(person, shop)
    wanted = _receipt(agreement, person.signer, b"\x01" * 32, 5)
    Agreement.objects.update(state="signed")
    with pytest.raises(ConflictError, match="not active"):
        issue_note(agreement=agreement, request=wanted)
    Agreement.objects.update(state="active", valid_until=1)
    with pytest.raises(ConflictError, match="not active"):
        issue_note(agreement=agreement, request=wanted)


def test_erasure_waits_for_the_agreement(person: Person, shop: Shop, agree: Agree) -> None:
    agree(person, shop)
    with pytest.raises(ConflictError, match="still runs"):
        erase_participant(user=person.user, actor=person.user)
    Agreement.objects.update(valid_until=1)
    erase_participant(user=person.user, actor=person.user)
    assert not Wallet.objects.filter(user=person.user).exists()
    application = CreditApplication.objects.get(user=person.user)
    assert application.monthly_income is None
