"""The EIP-4361 message: exact form, this site, this chain, once."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from eth_account import Account
from eth_account.messages import encode_defunct
from hypothesis import given
from hypothesis import strategies as st
from people import Person

from channels_engine.core.signing import LocalSigner
from marketplace.accounts import services, siwe
from marketplace.accounts.errors import ConflictError, RefusedError
from marketplace.accounts.models import SignInNonce, User, Wallet

SITE = siwe.Site("wattnote.example", "https://wattnote.example/", 31337)
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MESSAGE = siwe.SignInMessage(
    domain=SITE.domain,
    address=bytes.fromhex("f39fd6e51aad88f6f4ce6ab8827279cfffb92266"),
    uri=SITE.uri,
    chain_id=31337,
    nonce="abcdef0123456789",
    issued_at=NOW,
    expires_at=NOW + timedelta(minutes=5),
)


def test_round_trip_and_digest_of_another_library() -> None:
    text = MESSAGE.text()
    assert siwe.parse(text) == MESSAGE
    signed = Account.sign_message(encode_defunct(text=text), b"\x01" * 32)
    assert bytes(signed.message_hash) == siwe.personal_digest(text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\nVersion: 1", "\nVersion: 2"),
        ("Chain ID: 31337", "Chain ID: 031337"),
        ("Chain ID: 31337", "Chain ID: -1"),
        ("Chain ID: 31337", "Chain ID: ３１３３７"),
        ("Nonce: abcdef0123456789", "Nonce: short"),
        ("Nonce: abcdef0123456789", "Nonce: with space here"),
        ("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"),
        ("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb9226"),
        ("2026-06-01T12:00:00Z", "2026-06-31T12:00:00Z"),
        ("2026-06-01T12:00:00Z", "2026-06-01T12:00:00+00:00"),
        ("\n\nURI", "\n\nExtra: 1\nURI"),
        ("wants you to sign in", "wants you to  sign in"),
        ("\n", "\r\n"),
    ],
)
def test_any_other_form_is_refused(old: str, new: str) -> None:
    text = MESSAGE.text()
    assert old in text
    with pytest.raises(RefusedError):
        siwe.parse(text.replace(old, new))


@pytest.mark.parametrize(
    "tail", ["\n", " ", "\nNot Before: 2026-06-01T12:00:00Z", "\nRequest ID: 1", "\nResources:\n- x"]
)
def test_optional_fields_and_trailing_text_are_refused(tail: str) -> None:
    with pytest.raises(RefusedError):
        siwe.parse(MESSAGE.text() + tail)


@given(st.text(max_size=400))
def test_rubbish_is_refused_without_a_crash(text: str) -> None:
    with pytest.raises(RefusedError):
        siwe.parse(text)


@pytest.mark.parametrize(
    "changes",
    [
        {"domain": "evil.example"},
        {"uri": "https://evil.example/"},
        {"chain_id": 1},
        {"statement": "Pay me"},
        {"issued_at": NOW + timedelta(minutes=1)},
        {"expires_at": NOW},
    ],
)
def test_other_sites_chains_texts_and_times_are_refused(changes: dict[str, Any]) -> None:
    siwe.check(MESSAGE, site=SITE, now=NOW)
    with pytest.raises(RefusedError):
        siwe.check(dataclasses.replace(MESSAGE, **changes), site=SITE, now=NOW)


def _proof(user: User, signer: LocalSigner) -> tuple[str, bytes]:
    challenge = services.issue_challenge(user=user, address=signer.address, site=SITE)
    return challenge.message, signer.sign(siwe.personal_digest(challenge.message))


@pytest.mark.django_db
def test_a_proof_counts_once_and_only_for_its_user(make_person: Callable[..., Person]) -> None:
    one, two = make_person(complete=False), make_person(complete=False)
    text, signature = _proof(one.user, one.signer)
    with pytest.raises(RefusedError, match="not yours"):
        services.prove_wallet(user=two.user, text=text, signature=signature, site=SITE)
    wallet = services.prove_wallet(user=one.user, text=text, signature=signature, site=SITE)
    assert wallet.address == "0x" + one.signer.address.hex()
    with pytest.raises(RefusedError, match="used before"):
        services.prove_wallet(user=one.user, text=text, signature=signature, site=SITE)


@pytest.mark.django_db
def test_a_wrong_signature_uses_the_nonce_up(make_person: Callable[..., Person]) -> None:
    person = make_person(complete=False)
    text, signature = _proof(person.user, person.signer)
    other = LocalSigner(b"\x77" * 32).sign(siwe.personal_digest(text))
    for wrong in (other, b"\x00" * 65, signature[:64] + b"\x05"):
        with pytest.raises(RefusedError):
            services.prove_wallet(user=person.user, text=text, signature=wrong, site=SITE)
    with pytest.raises(RefusedError, match="used before"):
        services.prove_wallet(user=person.user, text=text, signature=signature, site=SITE)
    assert not Wallet.objects.filter(user=person.user).exists()


@pytest.mark.django_db
def test_an_expired_nonce_is_refused(make_person: Callable[..., Person]) -> None:
    person = make_person(complete=False)
    text, signature = _proof(person.user, person.signer)
    SignInNonce.objects.update(expires_at=timezone.now())
    with pytest.raises(RefusedError, match="used before"):
        services.prove_wallet(user=person.user, text=text, signature=signature, site=SITE)


@pytest.mark.django_db
def test_one_wallet_belongs_to_one_account(make_person: Callable[..., Person]) -> None:
    one, two = make_person(complete=False), make_person(complete=False)
    services.prove_wallet(user=one.user, **_pair(*_proof(one.user, one.signer)), site=SITE)
    with pytest.raises(ConflictError, match="Another account"):
        services.prove_wallet(user=two.user, **_pair(*_proof(two.user, one.signer)), site=SITE)
    services.prove_wallet(user=one.user, **_pair(*_proof(one.user, two.signer)), site=SITE)
    assert Wallet.objects.get(user=one.user).address == "0x" + two.signer.address.hex()


def _pair(text: str, signature: bytes) -> dict[str, Any]:
    return {"text": text, "signature": signature}
