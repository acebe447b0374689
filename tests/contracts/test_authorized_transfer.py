"""Transfers that the owner of tokens signs and anybody sends (ERC-3009)."""

from dataclasses import replace

import pytest
from evm_chain import refused
from market import COIN, FAR, Market

from contracts.authorizations import AuthorizingToken
from contracts.consents import token_permit, transfer_authorization
from contracts.records import AuthorizedTransfer

RECEIVER = b"\xca" * 20


@pytest.fixture
def wanted(market: Market) -> AuthorizedTransfer:
    return AuthorizedTransfer(market.a.address, RECEIVER, 5 * COIN, FAR, b"\x07" * 32)


def token_of(market: Market) -> AuthorizingToken:
    return AuthorizingToken(market.token.address)


def signed(market: Market, transfer: AuthorizedTransfer) -> bytes:
    return market.a.sign(transfer_authorization(market.token.domain(market.chain.call), transfer))


def test_anybody_brings_exactly_what_was_signed_and_once(market: Market, wanted: AuthorizedTransfer) -> None:
    call = token_of(market).transfer(wanted, signed(market, wanted))
    before = market.balance(market.a.address)
    assert not token_of(market).is_used(market.chain.call, wanted.source, wanted.nonce)
    market.chain.execute(call, market.b.address)
    assert token_of(market).is_used(market.chain.call, wanted.source, wanted.nonce)
    assert market.balance(RECEIVER) == 5 * COIN
    assert market.balance(market.a.address) == before - 5 * COIN
    with refused("ERC3009UsedAuthorization"):
        market.chain.execute(call)


def test_a_relay_can_neither_divert_nor_change_it(market: Market, wanted: AuthorizedTransfer) -> None:
    signature = signed(market, wanted)
    for change in (
        {"to": market.b.address},
        {"source": market.b.address},
        {"amount": 6 * COIN},
        {"valid_before": FAR - 1},
        {"nonce": bytes(32)},
    ):
        changed = replace(wanted, **change)
        with refused("ERC3009InvalidSignature"):
            market.chain.execute(token_of(market).transfer(changed, signature))


def test_it_runs_out(market: Market, wanted: AuthorizedTransfer) -> None:
    late = replace(wanted, valid_before=market.chain.now)
    with refused("ERC3009InvalidAuthorizationTime"):
        market.chain.execute(token_of(market).transfer(late, signed(market, late)))


def test_a_permit_is_no_transfer(market: Market, wanted: AuthorizedTransfer) -> None:
    permit = token_permit(
        market.token.domain(market.chain.call),
        owner=wanted.source,
        spender=wanted.to,
        amount=wanted.amount,
        nonce=0,
        deadline=FAR,
    )
    with refused("ERC3009InvalidSignature"):
        market.chain.execute(token_of(market).transfer(wanted, market.a.sign(permit)))
