"""Checks that no sequence of honest inputs reaches: they stand between a bug and the store."""

import pytest
from msgspec.structs import replace
from pair import DEPOSIT, KEYS, START, TERMS, open_pair, pair, settle_down, trade

from channels_engine.core import evidence, rules
from channels_engine.core.errors import InvariantError, LocalProtocolError, Violation
from channels_engine.core.state import CoSigned, Phase
from channels_engine.core.types import Side

PARTY, PEER = open_pair()
trade(PARTY, PEER)
ENDPOINT = PARTY.endpoint
STATE = PARTY.state


@pytest.mark.parametrize(
    "changes",
    [
        {"balance_a": STATE.balance_a + 1},
        {"balance_a": -1, "balance_b": STATE.balance_a + STATE.balance_b + 1},
        {"energy_to_a": -1},
        {"energy_to_b": 2**64},
        {"version": 2**64},
    ],
    ids=[
        "made money",
        "negative balance",
        "negative energy",
        "energy beyond uint64",
        "version beyond uint64",
    ],
)
def test_conservation_is_raised(changes: dict[str, int]) -> None:
    rules.check_conservation(rules.funded_total(ENDPOINT), STATE)
    with pytest.raises(InvariantError):
        rules.check_conservation(rules.funded_total(ENDPOINT), replace(STATE, **changes))


def test_a_funding_beyond_the_ledgers_integers_is_raised() -> None:
    with pytest.raises(InvariantError, match="integers"):
        rules.check_conservation(2**96, replace(STATE, balance_a=2**96 - 1, balance_b=1))


def current(**changes: int) -> CoSigned:
    return CoSigned(replace(STATE, **changes), bytes(65), bytes(65))


def test_steps_that_go_back_are_raised() -> None:
    rules.check_invariants(ENDPOINT, ENDPOINT)
    for broken in (
        replace(ENDPOINT, phase=Phase.STAGED),
        replace(ENDPOINT, highest_version=ENDPOINT.highest_version - 1),
        replace(ENDPOINT, current=current()),
        replace(ENDPOINT, current=current(version=9)),
        replace(ENDPOINT, current=current(version=9, balance_a=0), highest_version=9),
    ):
        with pytest.raises(InvariantError):
            rules.check_invariants(ENDPOINT, broken)


def test_what_is_staged_follows_from_the_current_state() -> None:
    a, b = open_pair()
    made = a.offer()
    settle_down(a, b)
    before = b.endpoint
    b.accept(made.id)
    staged = b.endpoint.staged
    assert staged is not None
    rules.check_invariants(before, b.endpoint)
    for broken in (
        replace(staged, state=replace(staged.state, base=1)),
        replace(staged, state=replace(staged.state, version=99)),
        replace(staged, state=replace(staged.state, balance_a=0)),
    ):
        with pytest.raises(InvariantError):
            rules.check_invariants(before, replace(b.endpoint, staged=broken))


def test_energy_counters_do_not_overflow() -> None:
    full = replace(STATE, energy_to_b=2**64 - 1000)
    brimming = replace(ENDPOINT, current=replace(ENDPOINT.current, state=full))
    offer = PARTY.offer_of(quantity_wh=1000)
    with pytest.raises(Violation) as refusal:
        rules.check_offer(brimming, offer, Side.A, START)
    assert refusal.value.code == "energy_overflow"


def test_nothing_is_current_before_the_ledger_says_so() -> None:
    a, _ = pair()
    a.request()
    with pytest.raises(Violation) as refusal:
        rules.current_of(a.endpoint)
    assert refusal.value.code == "not_open"
    with pytest.raises(InvariantError, match="before the channel is open"):
        evidence.ledger_ready(a.endpoint)
    with pytest.raises(InvariantError, match="named their funding"):
        evidence.ledger_ready_opening(a.endpoint)
    assert a.endpoint.fundings == (DEPOSIT, None)
    assert a.endpoint.terms.party(Side.B) == KEYS[1].address == TERMS.party_b


def test_an_offer_id_is_live_once() -> None:
    a, b = open_pair()
    made = a.offer()
    with pytest.raises(LocalProtocolError) as refusal:
        a.offer(id=made.id, quantity_wh=7)
    assert refusal.value.code == "offer_known"
    settle_down(a, b)
    b.offer(id=made.id)
