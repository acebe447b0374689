"""Nobody's address can stop a close: a push that the token refuses becomes a claim."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from evm_chain import Chain, refused
from funded_life import FIRST, SECOND, Life
from market import COIN, Key, Market, Side, make_market

from channels_engine.core.types import ChannelOpen
from contracts.bindings import MerchantContract
from contracts.calls import Call
from contracts.consents import payout_claim
from contracts.encoding import FundingProof, calldata
from contracts.events import PayoutClaimed, PayoutHeld

FUNDING = 50 * COIN
BLOCKING = Path(__file__).parents[2] / "contracts/test/artifacts/BlockingStablecoin.json"


@pytest.fixture(scope="module")
def _blocking_market() -> Market:
    chain, owner = Chain(), Key(1)
    code = bytes.fromhex(json.loads(BLOCKING.read_text())["bytecode"][2:])
    receipt = chain.execute(Call(to=b"", data=code + owner.address.rjust(32, b"\0")))
    return make_market(chain, token=receipt.contract_address)


@pytest.fixture
def market(_blocking_market: Market) -> Iterator[Market]:
    snapshot = _blocking_market.chain.tester.take_snapshot()
    yield _blocking_market
    _blocking_market.chain.tester.revert_to_snapshot(snapshot)


def block(market: Market, account: bytes, *, blocked: bool = True) -> None:
    data = calldata("setBlocked", ["address", "bool"], [account, blocked])
    market.chain.execute(Call(to=market.deployment.token, data=data), market.owner.address)


def open_between(
    market: Market, a: Side, b: Side, proof_a: FundingProof = None, proof_b: FundingProof = None
) -> ChannelOpen:
    registry = market.registry.address
    proof_a = proof_a or market.permit(market.a, registry, a.funding)
    proof_b = proof_b or market.permit(market.b, registry, b.funding)
    opening = market.opening(a, b)
    market.open(opening, proof_a, proof_b)
    return opening


def test_a_blocked_depositor_stops_nobody_and_claims_elsewhere(market: Market) -> None:
    opening = open_between(market, Side(FUNDING), Side(FUNDING))
    block(market, market.b.address)
    before = market.balance(market.a.address)
    events = market.chain.events(market.registry.finalise(market.final(opening, 3, 20 * COIN)))
    assert PayoutHeld(market.b.address, 80 * COIN) in events
    assert market.balance(market.a.address) == before + 20 * COIN
    assert market.registry.held_payout(market.chain.call, market.b.address) == 80 * COIN

    refuge = Key(50).address
    claim = market.b.sign(payout_claim(market.domain, owner=market.b.address, to=refuge, nonce=0))
    call = market.registry.claim_payout(market.b.address, refuge, claim)
    assert PayoutClaimed(market.b.address, refuge, 80 * COIN) in market.chain.events(call)
    assert market.balance(refuge) == 80 * COIN
    assert market.balance(market.registry.address) == 0
    with refused("NothingHeld"):
        market.chain.execute(call)


def test_a_used_claim_cannot_take_a_later_payout(market: Market) -> None:
    claim = market.b.sign(payout_claim(market.domain, owner=market.b.address, to=market.b.address, nonce=0))
    call = market.registry.claim_payout(market.b.address, market.b.address, claim)
    for number in range(2):
        block(market, market.b.address)
        opening = open_between(market, Side(FUNDING), Side(0))
        market.chain.execute(market.registry.finalise(market.final(opening, 3, 20 * COIN)))
        block(market, market.b.address, blocked=False)
        if number == 0:
            market.chain.execute(call)
    with refused("WrongSigner"):
        market.chain.execute(call)
    market.chain.execute(market.registry.claim_payout(market.b.address, market.a.address), market.b.address)


def test_only_the_owner_says_where_a_held_payout_goes(market: Market) -> None:
    opening = open_between(market, Side(FUNDING), Side(0))
    block(market, market.b.address)
    market.chain.execute(market.registry.finalise(market.final(opening, 3, 20 * COIN)))
    claim = market.a.sign(payout_claim(market.domain, owner=market.b.address, to=market.a.address, nonce=0))
    with refused("WrongSigner"):
        market.chain.execute(market.registry.claim_payout(market.b.address, market.a.address, claim))
    with refused("WrongSignatureLength", length=0):
        market.chain.execute(
            market.registry.claim_payout(market.b.address, market.a.address), market.a.address
        )


def test_a_blocked_merchant_stops_no_close_and_its_holder_still_gets_the_money(market: Market) -> None:
    """B earns into its note, but the token refuses B's merchant: B's session key has the claim instead."""
    note = market.note(market.b, 100 * COIN)
    opening = open_between(market, Side(FUNDING), market.note_side(note, FUNDING), proof_b=note)
    block(market, market.merchant().address)
    events = market.chain.events(market.registry.finalise(market.final(opening, 3, 20 * COIN)))
    assert PayoutHeld(market.b.address, 30 * COIN) in events
    account = market.merchant().note_of(market.chain.call, note.note.serial, market.b.address)
    assert (account.position, account.reserved) == (0, 0)
    market.require_solvent()


@pytest.mark.parametrize("blocked_merchant", [0, 1])
def test_between_merchants_the_payers_contract_holds_what_the_token_refuses(
    market: Market, blocked_merchant: int
) -> None:
    note_a, note_b = market.note(market.a, 100 * COIN, 0), market.note(market.b, 100 * COIN, 1)
    sides = market.note_side(note_a, FUNDING, 0), market.note_side(note_b, FUNDING, 1)
    opening = open_between(market, *sides, note_a, note_b)
    block(market, market.merchant(blocked_merchant).address)
    market.chain.execute(market.registry.finalise(market.final(opening, 3, 20 * COIN)))
    payer: MerchantContract = market.merchant(0)
    assert payer.held_payout(market.chain.call, market.b.address) == 30 * COIN
    assert payer.treasury(market.chain.call).earnings == 30 * COIN
    for number in (0, 1):
        market.require_solvent(number)

    block(market, market.merchant(blocked_merchant).address, blocked=False)
    before = market.balance(market.b.address)
    market.chain.execute(payer.claim_payout(market.b.address, market.b.address), market.b.address)
    assert market.balance(market.b.address) == before + 30 * COIN
    market.require_solvent()


def test_a_change_of_funding_that_the_token_refuses_leaves_the_channel_as_it_was(market: Market) -> None:
    life = Life(market, (FIRST, SECOND))
    block(market, market.merchant(1).address)
    with refused("ChangeNotSettled", channel=life.channel):
        life.send(life.change(4, 30 * COIN, (30 * COIN, 70 * COIN)))
    assert market.registry.channel_of(market.chain.call, life.channel).funding_a == FUNDING
    market.chain.execute(market.registry.finalise(life.signed(9, COIN, 2 * FUNDING, is_final=True)))
    market.require_solvent(0)
