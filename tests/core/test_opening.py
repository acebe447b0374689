import pytest
from msgspec.structs import replace
from pair import DEPOSIT, DOMAIN, FUNDING, KEYS, START, TERMS, open_pair, opening_of, pair, settle_down

from channels_engine.core import effects as fx
from channels_engine.core import inputs, signing
from channels_engine.core.errors import LedgerProtocolError, LocalProtocolError, RemoteProtocolError
from channels_engine.core.messages import DepositFunding, NoteFunding
from channels_engine.core.state import Phase, Policy
from channels_engine.core.transition import TABLE, apply
from channels_engine.core.types import ZERO_HASH, CreditNote, Domain, Side


def test_who_completes_the_signatures_brings_the_opening_to_the_ledger() -> None:
    a, b = pair()
    a.request()
    assert a.phase is Phase.REQUESTED
    b.receive()
    b.confirm_open()
    settle_down(a, b)
    assert a.phase is b.phase is Phase.FUNDING
    assert a.wanted(fx.LedgerOpenChannel) == []
    (effect,) = b.wanted(fx.LedgerOpenChannel)
    assert effect.fundings == (DEPOSIT, DEPOSIT)
    for party in (a, b):
        party.feed(inputs.LedgerOpened())
        assert party.phase is Phase.OPEN
        assert (party.state.version, party.state.balance_a, party.state.balance_b) == (0, FUNDING, FUNDING)
        before = party.endpoint
        party.feed(inputs.LedgerOpened())
        assert party.endpoint is before
    assert a.endpoint.current == b.endpoint.current


def test_an_opening_that_nobody_brings_to_the_ledger_ends_and_can_still_be_revived() -> None:
    a, b = pair()
    a.request()
    b.receive()
    b.confirm_open()
    settle_down(a, b)
    assert a.endpoint.wake_at == START + 720
    a.ring(START + 720)
    assert a.phase is Phase.ABORTED
    assert a.endpoint.wake_at is None
    a.feed(inputs.LedgerOpened())
    assert a.phase is Phase.OPEN


def test_an_aborted_opening_is_aborted_on_both_sides() -> None:
    a, b = pair()
    a.request()
    b.receive()
    b.feed(inputs.ActionAbortOpen("not with you"))
    settle_down(a, b)
    assert a.phase is b.phase is Phase.ABORTED
    with pytest.raises(LocalProtocolError):
        b.confirm_open()


def test_a_requester_that_never_saw_the_confirmation_can_use_the_opened_channel() -> None:
    a, b = pair()
    a.request()
    b.receive()
    b.confirm_open()
    a.inbox.clear()
    a.feed(inputs.LedgerOpened())
    b.feed(inputs.LedgerOpened())
    made = a.offer()
    settle_down(a, b)
    b.accept(made.id)
    settle_down(a, b)
    a.confirm()
    settle_down(a, b)
    assert a.endpoint.current == b.endpoint.current


BAD_OPENINGS = {
    "wrong_terms": {"scid": bytes(32)},
    "bad_times": {"open_by": START},
    "bad_funding": {"funding_a": 2**96 - 1, "funding_b": 1},
}


@pytest.mark.parametrize("code", BAD_OPENINGS)
def test_a_senseless_opening_is_refused(code: str) -> None:
    opening = opening_of(**BAD_OPENINGS[code])
    proof = signing.sign_value(DOMAIN, opening, KEYS[0])
    with pytest.raises(LocalProtocolError) as local:
        apply(None, inputs.ActionRequestOpen(DOMAIN, TERMS, Side.A, proof, DEPOSIT), START)
    with pytest.raises(RemoteProtocolError) as remote:
        apply(None, inputs.ReceiveOpenRequest(DOMAIN, TERMS, Side.B, proof, DEPOSIT), START)
    assert local.value.code == remote.value.code == code


def test_the_requester_must_sign_itself() -> None:
    proof = signing.sign_value(DOMAIN, opening_of(), KEYS[1])
    with pytest.raises(LocalProtocolError, match="not party A's key"):
        apply(None, inputs.ActionRequestOpen(DOMAIN, TERMS, Side.A, proof, DEPOSIT), START)


NOTE = CreditNote(b"\x51" * 32, KEYS[0].address, FUNDING, START + 10**6)
SOURCE = b"\x5e" * 20


@pytest.mark.parametrize(
    "spoilt",
    [
        replace(NOTE, holder=KEYS[1].address),
        replace(NOTE, amount=FUNDING - 1),
        replace(NOTE, serial=bytes(32)),
    ],
    ids=["holder", "amount", "serial"],
)
def test_a_note_must_fit_the_opening(spoilt: CreditNote) -> None:
    opening = opening_of(source_a=SOURCE, note_a=NOTE.serial)
    proof = signing.sign_value(DOMAIN, opening, KEYS[0])
    good = inputs.ActionRequestOpen(DOMAIN, TERMS, Side.A, proof, NoteFunding(NOTE, bytes(65)))
    assert apply(None, good, START)[0].phase is Phase.REQUESTED
    for funding in (NoteFunding(spoilt, bytes(65)), DepositFunding(0, bytes(65))):
        with pytest.raises(LocalProtocolError) as refusal:
            apply(None, replace(good, funding=funding), START)
        assert refusal.value.code == "bad_funding"


def test_a_note_without_its_merchant_is_refused() -> None:
    proof = signing.sign_value(DOMAIN, opening_of(note_a=NOTE.serial), KEYS[0])
    asked = inputs.ActionRequestOpen(DOMAIN, TERMS, Side.A, proof, NoteFunding(NOTE, bytes(65)))
    with pytest.raises(LocalProtocolError):
        apply(None, asked, START)
    assert opening_of().note_a == ZERO_HASH


def test_a_confirmation_needs_the_same_opening_in_time_and_once() -> None:
    a, b = pair()
    a.request()
    b.receive()
    other = signing.sign_value(DOMAIN, opening_of(index=1), b.key)
    with pytest.raises(LocalProtocolError, match="very opening"):
        b.feed(inputs.ActionConfirmOpen(other, DEPOSIT))
    with pytest.raises(LocalProtocolError, match="openBy has passed"):
        b.confirm_open(START + 600)
    with pytest.raises(LocalProtocolError, match="has signed"):
        a.confirm_open()


def test_a_repeated_request_changes_nothing_and_another_one_is_refused() -> None:
    a, b = open_pair()
    proof = signing.sign_value(DOMAIN, a.opening, a.key)
    again = inputs.ReceiveOpenRequest(DOMAIN, TERMS, Side.B, proof, DEPOSIT, Policy())
    before = b.endpoint
    assert b.feed(again) == ()
    assert b.endpoint is before
    other = signing.sign_value(DOMAIN, opening_of(index=1), a.key)
    with pytest.raises(RemoteProtocolError, match="requested with other terms"):
        b.feed(replace(again, opening=other))


def test_every_refusal_names_who_erred() -> None:
    a, _ = pair()
    for change, error in (
        (inputs.ActionWithdraw(bytes(32)), LocalProtocolError),
        (inputs.ReceiveWithdraw(bytes(32)), RemoteProtocolError),
        (inputs.LedgerResolved(1), LedgerProtocolError),
        (inputs.TimerElapsed(), LocalProtocolError),
    ):
        with pytest.raises(error) as refusal:
            a.feed(change)
        assert refusal.value.code == "not_now"


def test_the_table_names_every_phase_and_only_inputs() -> None:
    assert set(TABLE) == {None, *Phase}
    kinds = set(inputs.Input.__args__)
    used = {kind for row in TABLE.values() for kind in row}
    assert used == kinds


def test_signatures_of_another_domain_open_nothing() -> None:
    a, _ = pair()
    elsewhere = Domain(1, DOMAIN.verifying_contract)
    proof = signing.sign_value(elsewhere, a.opening, a.key)
    with pytest.raises(signing.SignatureError):
        signing.verify(DOMAIN, a.opening, proof.signature, a.key.address)
