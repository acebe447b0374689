from collections.abc import Callable
from contextlib import suppress

import pytest
from eth_account import Account
from eth_keys import keys
from hypothesis import given
from hypothesis import strategies as st

from channels_engine.core import signing
from channels_engine.core.errors import SignatureError
from channels_engine.core.types import ChannelState, Delivery, Domain, MeterReading, Offer
from fixtures.vectors.make_vectors import DOMAINS, random_value, seeded

SECRET = bytes.fromhex("4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318")
KEY = signing.LocalSigner(SECRET)
DIGEST = bytes(range(32))


@given(secret=st.integers(1, signing.GROUP_ORDER - 1), digest=st.binary(min_size=32, max_size=32))
def test_signatures_equal_those_of_eth_account(secret: int, digest: bytes) -> None:
    raw = secret.to_bytes(32, "big")
    expected = Account.unsafe_sign_hash(digest, raw).signature
    signer = signing.LocalSigner(raw)
    assert signer.sign(digest) == signing.sign(digest, raw) == bytes(expected)
    assert signer.address == keys.PrivateKey(raw).public_key.to_canonical_address()
    assert signing.recover(digest, bytes(expected)) == signer.address


@given(
    secret=st.integers(1, 2**64),
    digests=st.lists(st.binary(min_size=32, max_size=32), min_size=2, max_size=4),
)
def test_a_known_key_judges_as_a_recovered_one(secret: int, digests: list[bytes]) -> None:
    signer = signing.LocalSigner(secret.to_bytes(32, "big"))
    for digest in digests:
        signature = signer.sign(digest)
        assert signing.is_signed_by(digest, signature, signer.address)
        assert not signing.is_signed_by(digest, signature, KEY.address)
        assert not signing.is_signed_by(bytes(32), signature, signer.address) or digest == bytes(32)


def high_s(signature: bytes) -> bytes:
    s = signing.GROUP_ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes((55 - signature[64],))


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize(
    ("code", "spoil"),
    [
        pytest.param("signature_length", lambda signature: signature[:64], id="short"),
        pytest.param("signature_length", lambda signature: signature + b"\0", id="long"),
        pytest.param("signature_length", lambda _: b"", id="empty"),
        pytest.param("signature_high_s", high_s, id="high s"),
        pytest.param(
            "signature_v", lambda signature: signature[:64] + bytes((signature[64] - 27,)), id="v of 0/1"
        ),
        pytest.param("signature_v", lambda signature: signature[:64] + b"\x1d", id="v of 29"),
    ],
)
def test_a_malformed_signature_is_refused(*, known: bool, code: str, spoil: Callable[[bytes], bytes]) -> None:
    signing._known_keys.clear()
    good = KEY.sign(DIGEST)
    if known:
        assert signing.is_signed_by(DIGEST, good, KEY.address)
    with pytest.raises(SignatureError) as refusal:
        signing.is_signed_by(DIGEST, spoil(good), KEY.address)
    assert refusal.value.code == code


@pytest.mark.parametrize("zeroed", [slice(0, 32), slice(32, 64), slice(0, 64)])
@pytest.mark.parametrize("known", [False, True])
def test_zero_r_or_s_never_verifies(*, known: bool, zeroed: slice) -> None:
    signing._known_keys.clear()
    good = KEY.sign(DIGEST)
    if known:
        assert signing.is_signed_by(DIGEST, good, KEY.address)
    bad = bytearray(good)
    bad[zeroed] = bytes(len(bad[zeroed]))
    with suppress(SignatureError):
        assert not signing.is_signed_by(DIGEST, bytes(bad), KEY.address)


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("beyond", [signing.GROUP_ORDER, signing.GROUP_ORDER + 1, 2**256 - 1])
def test_r_beyond_the_group_never_verifies(*, known: bool, beyond: int) -> None:
    signing._known_keys.clear()
    good = KEY.sign(DIGEST)
    if known:
        assert signing.is_signed_by(DIGEST, good, KEY.address)
    with suppress(SignatureError):
        assert not signing.is_signed_by(DIGEST, beyond.to_bytes(32, "big") + good[32:], KEY.address)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_what_is_no_digest_is_neither_signed_nor_checked(length: int) -> None:
    good = KEY.sign(DIGEST)
    assert signing.is_signed_by(DIGEST, good, KEY.address)
    with pytest.raises(ValueError, match="32 bytes"):
        KEY.sign(bytes(length))
    with pytest.raises(ValueError, match="32 bytes"):
        signing.is_signed_by(bytes(length), good, KEY.address)


def test_r_of_every_leading_byte_is_read() -> None:
    rng = seeded(5)
    for _ in range(600):
        digest = rng.randbytes(32)
        assert signing.is_signed_by(digest, KEY.sign(digest), KEY.address)


def test_canonical_repairs_a_wrong_v_and_only_that() -> None:
    good = KEY.sign(DIGEST)
    wrong_v = good[:64] + bytes((55 - good[64],))
    assert signing.canonical(DIGEST, wrong_v, KEY.address) == good
    assert signing.canonical(DIGEST, good, KEY.address) == good
    with pytest.raises(SignatureError):
        signing.canonical(DIGEST, good, bytes(20))


STRUCTURES = (Offer, ChannelState, Delivery, MeterReading)


def test_a_signature_verifies_for_its_value_and_domain_only() -> None:
    rng = seeded(6)
    for structure in STRUCTURES:
        value = random_value(structure, rng)
        proven = signing.sign_value(DOMAINS[0], value, KEY)
        assert signing.verify(DOMAINS[0], value, proven.signature, KEY.address) == proven
        elsewhere = [
            *((domain, value) for domain in DOMAINS[1:]),
            (Domain(DOMAINS[0].chain_id, bytes(20)), value),
            (Domain(1, DOMAINS[0].verifying_contract), value),
            *((DOMAINS[0], random_value(other, rng)) for other in STRUCTURES),
        ]
        for domain, wrong in elsewhere:
            with pytest.raises(SignatureError):
                signing.verify(domain, wrong, proven.signature, KEY.address)


def test_the_known_keys_are_bounded_and_the_used_ones_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "_KNOWN_KEYS_LIMIT", 3)
    learned: list[bytes] = []
    learn = signing._learn
    monkeypatch.setattr(signing, "_learn", lambda *said: bool(learned.append(said[2])) or learn(*said))
    regular = signing.LocalSigner(bytes(31) + b"\x77")
    for number in range(1, 12):
        for signer in (signing.LocalSigner(number.to_bytes(32, "big")), regular):
            assert signing.is_signed_by(DIGEST, signer.sign(DIGEST), signer.address)
        assert len(signing._known_keys) <= 3
        assert len(signing._older_keys) <= 3 or number == 1
    assert learned.count(regular.address) == 1


def test_a_session_key_out_of_range_is_derived_again_with_a_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = [b"%d" % number for number in range(20)]
    first = {label: signing.derive_session_key(SECRET, label) for label in labels}
    second = {label: signing.derive_session_key(SECRET, label + b"\0\0\0\1") for label in labels}
    middle = 2**255
    monkeypatch.setattr(signing, "GROUP_ORDER", middle)
    retried = [
        label
        for label in labels
        if int.from_bytes(first[label], "big") >= middle > int.from_bytes(second[label], "big")
    ]
    assert retried
    assert all(signing.derive_session_key(SECRET, label) == second[label] for label in retried)
