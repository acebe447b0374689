"""Checks of rules and signatures, each by itself and at its boundary; see test_guards.py."""

from typing import Any

import pytest
from msgspec.structs import replace
from pair import DOMAIN, FUNDING, KEYS, SLOT, START, STRANGER, open_pair, settle_down, trade

from channels_engine.core import rules, signing, timers
from channels_engine.core.errors import InvariantError, SignatureError, Violation
from channels_engine.core.inputs import TimerElapsed
from channels_engine.core.state import CoSigned, Endpoint, Phase
from channels_engine.core.typed_data import digest
from channels_engine.core.types import ChannelState, Side

A, B = open_pair()
trade(A, B)
ENDPOINT = A.endpoint
STATE = A.state
VERSION = STATE.version
MESSAGE = digest(DOMAIN, STATE)


def refused(code: str) -> Any:
    """What is within raises a `Violation` with this code."""
    return pytest.raises(Violation, check=lambda violation: violation.code == code)


def having(state: ChannelState) -> Endpoint:
    assert ENDPOINT.current is not None
    return replace(ENDPOINT, current=replace(ENDPOINT.current, state=state))


# Versions.


def test_our_next_version_is_above_all_that_are_known() -> None:
    far = having(replace(STATE, version=20))
    assert rules.own_version(replace(far, highest_version=2)) == 21
    assert rules.own_version(replace(ENDPOINT, highest_version=30)) == 31
    assert rules.own_version(ENDPOINT, above=40) == 41
    assert rules.own_version(replace(ENDPOINT, me=Side.B), above=40) == 42


def test_versions_leap_so_far_and_no_farther() -> None:
    far = ENDPOINT.highest_version + rules.MAX_VERSION_LEAP
    rules.require_no_leap(ENDPOINT, far)
    with refused("version_leap"):
        rules.require_no_leap(ENDPOINT, far + 1)


# After a final state.


@pytest.mark.parametrize("part", ["balance_a", "balance_b", "energy_to_a", "energy_to_b"])
def test_payouts_are_the_same_in_all_four_parts(part: str) -> None:
    assert rules.same_payout(STATE, replace(STATE, version=9))
    assert not rules.same_payout(STATE, replace(STATE, **{part: getattr(STATE, part) + 1}))


def test_after_a_final_state_only_the_same_final_state_passes() -> None:
    final = replace(STATE, is_final=True)
    endpoint = replace(ENDPOINT, farewell=final)
    rules.require_before_farewell(endpoint, replace(final, version=9))
    rules.require_before_farewell(ENDPOINT)
    for other in (None, STATE, replace(final, balance_a=0)):
        with refused("closing_down"):
            rules.require_before_farewell(endpoint, other)


# A dispute of ours that is on its way.


@pytest.mark.parametrize(
    ("version", "until", "outstanding"),
    [
        (VERSION, None, True),
        (VERSION - 1, None, False),
        (VERSION, START + 1, True),
        (VERSION, START, False),
    ],
)
def test_a_dispute_is_outstanding_while_the_ledger_would_take_it(
    version: int, until: int | None, *, outstanding: bool
) -> None:
    endpoint = replace(ENDPOINT, ledger_version=VERSION, outstanding=((version, until),))
    assert rules.is_outstanding(endpoint, START) is outstanding
    if not outstanding:
        rules.require_free(endpoint, START)
        return
    for check in (rules.require_free, rules.require_nothing_outstanding):
        with refused("dispute_outstanding"):
            check(endpoint, START)


# Offers.


def test_an_offer_ends_with_its_channel() -> None:
    short = replace(ENDPOINT, opening=replace(ENDPOINT.opening, expiry=START + 100))
    offer = A.offer_of(valid_until=START + 300)
    rules.check_still_valid(short, offer, START + 99)
    with refused("offer_expired"):
        rules.check_still_valid(short, offer, START + 100)
    rules.check_still_valid(ENDPOINT, offer, START + 299)
    with refused("offer_expired"):
        rules.check_still_valid(ENDPOINT, offer, START + 300)


@pytest.mark.parametrize(
    ("start", "end"), [(SLOT + 1, SLOT + 900), (SLOT, SLOT + 899), (SLOT, SLOT), (SLOT, SLOT - 900)]
)
def test_a_slot_is_whole_and_goes_forward(start: int, end: int) -> None:
    with refused("bad_slot"):
        rules.check_offer(ENDPOINT, A.offer_of(slot_start=start, slot_end=end), Side.A, START)


def test_a_trade_may_take_all_that_the_buyer_has() -> None:
    price = 1_000_000
    enough = STATE.balance_b * 1000 // price
    rules.check_offer(ENDPOINT, A.offer_of(quantity_wh=enough, price_per_kwh=price), Side.A, START)
    with refused("insufficient_balance"):
        rules.check_offer(ENDPOINT, A.offer_of(quantity_wh=enough + 1, price_per_kwh=price), Side.A, START)
    with refused("no_quantity"):
        rules.check_offer(ENDPOINT, A.offer_of(quantity_wh=0), Side.A, START)


@pytest.mark.parametrize("seller", list(Side))
def test_energy_is_counted_up_to_the_ledgers_limit(seller: Side) -> None:
    party = (A, B)[seller]
    bought = {"energy_to_b" if seller is Side.A else "energy_to_a": 2**64 - 1 - 10}
    brimming = having(replace(STATE, **bought))
    rules.check_offer(brimming, party.offer_of(quantity_wh=10), seller, START)
    with refused("energy_overflow"):
        rules.check_offer(brimming, party.offer_of(quantity_wh=11), seller, START)


# Invariants.


@pytest.mark.parametrize(
    "broken",
    [
        {"balance_a": -1, "balance_b": 2 * FUNDING + 1},
        {"balance_a": 2 * FUNDING + 1, "balance_b": -1},
        {"energy_to_a": -1},
        {"energy_to_b": -1},
        {"energy_to_a": 2**64},
        {"energy_to_b": 2**64},
        {"version": 2**64},
    ],
)
def test_no_number_of_a_state_leaves_its_limits(broken: dict[str, int]) -> None:
    with pytest.raises(InvariantError):
        rules.check_conservation(2 * FUNDING, replace(STATE, **broken))


def test_a_state_may_reach_the_ledgers_limits() -> None:
    most = 2**64 - 1
    rules.check_conservation(2 * FUNDING, replace(STATE, energy_to_a=most, energy_to_b=most, version=most))
    rules.check_conservation(2**96 - 1, replace(STATE, balance_a=2**96 - 1, balance_b=0))
    with pytest.raises(InvariantError):
        rules.check_conservation(2**96, replace(STATE, balance_a=2**96, balance_b=0))


def test_a_change_of_the_funding_belongs_to_its_phases() -> None:
    a, b = open_pair()
    trade(a, b)
    a.change(a.state.balance_a + 1, a.state.balance_b)
    waiting = a.endpoint
    for phase in (Phase.CHANGING, Phase.DISPUTED, Phase.CLOSING):
        rules.check_invariants(None, replace(waiting, phase=phase))
    for broken in (replace(waiting, phase=Phase.OPEN), replace(waiting, pledge=None)):
        with pytest.raises(InvariantError, match="change of the funding"):
            rules.check_invariants(None, broken)
    with pytest.raises(InvariantError):
        rules.check_invariants(None, replace(waiting, phase=Phase.CLOSED))


def test_nothing_is_staged_on_top_of_nothing() -> None:
    a, b = open_pair()
    made = a.offer()
    settle_down(a, b)
    before = b.endpoint
    b.accept(made.id)
    with pytest.raises(InvariantError, match="must follow"):
        rules.check_invariants(replace(before, current=None), replace(b.endpoint, current=None))


def test_a_state_follows_only_a_lower_version() -> None:
    after = replace(ENDPOINT, current=CoSigned(replace(STATE, energy_to_a=7), b"", b""))
    with pytest.raises(InvariantError, match="does not follow"):
        rules.check_invariants(ENDPOINT, after)


# The clock.


def test_the_clock_rings_at_the_very_second() -> None:
    due = ENDPOINT.opening.expiry + ENDPOINT.policy.expiry_grace_s
    assert rules.earliest_due(ENDPOINT) == due
    assert timers.elapsed(ENDPOINT, TimerElapsed(), due - 1) == (ENDPOINT, ())
    assert timers.elapsed(ENDPOINT, TimerElapsed(), due)[0].phase is Phase.DISPUTED
    raised = replace(ENDPOINT, dispute_due=START + 30)
    assert rules.earliest_due(raised) == START + 30
    assert timers.elapsed(raised, TimerElapsed(), START + 30)[0].phase is Phase.DISPUTED


# Signatures.

SIGNATURE = KEYS[0].sign(MESSAGE)


def unusable(code: str) -> Any:
    """What is within raises a `SignatureError` with this code."""
    return pytest.raises(SignatureError, check=lambda error: error.code == code)


def high_s(signature: bytes) -> bytes:
    s = signing.GROUP_ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes((55 - signature[64],))


def test_s_may_be_half_of_the_order_and_not_more() -> None:
    half = (signing.GROUP_ORDER // 2).to_bytes(32, "big")
    signing.check_form(SIGNATURE[:32] + half + b"\x1b")
    above = (signing.GROUP_ORDER // 2 + 1).to_bytes(32, "big")
    with unusable("signature_high_s"):
        signing.check_form(SIGNATURE[:32] + above + b"\x1b")


@pytest.mark.parametrize("v", [0, 1, 26, 29])
def test_v_is_27_or_28(v: int) -> None:
    with unusable("signature_v"):
        signing.check_form(SIGNATURE[:64] + bytes((v,)))


def test_nobody_recovers_from_or_turns_a_malleable_signature() -> None:
    with unusable("signature_high_s"):
        signing.recover(MESSAGE, high_s(SIGNATURE))
    with unusable("signature_high_s"):
        signing.canonical(MESSAGE, high_s(SIGNATURE), KEYS[0].address)
    with unusable("signature_length"):
        signing.canonical(MESSAGE, SIGNATURE[:64], KEYS[0].address)


def test_a_key_that_was_never_seen_is_judged_too() -> None:
    """The first signature teaches the key: it must not teach whatever comes."""
    fresh = signing.LocalSigner(b"seen by no other test" + bytes(11))
    for signature in (SIGNATURE, STRANGER.sign(MESSAGE)):
        assert not signing.is_signed_by(MESSAGE, signature, fresh.address)
    assert fresh.address not in signing._known_keys
    assert signing.is_signed_by(MESSAGE, fresh.sign(MESSAGE), fresh.address)
    assert not signing.is_signed_by(MESSAGE, SIGNATURE, fresh.address)


def test_a_failing_signature_library_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(signing, "_sign_recoverable", lambda *_: 0)
        with unusable("signing"):
            KEYS[0].sign(MESSAGE)

    def serialize(_: Any, __: Any, recovery: Any, ___: Any) -> None:
        recovery[0] = 2

    monkeypatch.setattr(signing, "_serialize", serialize)
    with unusable("recovery_id"):
        KEYS[0].sign(MESSAGE)


def test_only_a_digest_is_signed_or_judged() -> None:
    signing.is_signed_by(MESSAGE, SIGNATURE, KEYS[0].address)
    for wrong in (MESSAGE[:31], MESSAGE + b"\0"):
        with pytest.raises(ValueError, match="32 bytes"):
            KEYS[0].sign(wrong)
        with pytest.raises(ValueError, match="32 bytes"):
            signing.is_signed_by(wrong, SIGNATURE, KEYS[0].address)


def test_a_derived_key_is_a_number_of_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    good = (7).to_bytes(32, "big")
    outputs = iter([b"prk", bytes(32), signing.GROUP_ORDER.to_bytes(32, "big"), good])
    infos = []

    def scripted(_: bytes, message: bytes, __: str) -> bytes:
        infos.append(message)
        return next(outputs)

    monkeypatch.setattr(signing.hmac, "digest", scripted)
    assert signing.derive_session_key(b"\x01" * 32, b"label") == good
    assert infos[1:] == [b"label\x01", b"label\0\0\0\x01\x01", b"label\0\0\0\x02\x01"]
