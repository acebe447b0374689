"""A signature counts for one contract, chain, type, channel and version, in one form."""

from typing import Any

import pytest
from evm_chain import refused
from market import COIN, Market, Side

from channels_engine.core.typed_data import digest
from channels_engine.core.types import ChannelOpen, Domain
from contracts.bindings import EntityContracts, SignedState
from contracts.calls import Call
from contracts.consents import (
    collateral_release,
    dispute_request,
    earnings_withdrawal,
    payout_claim,
    token_permit,
)
from contracts.deploy import deploy
from contracts.encoding import NoteProof, compact

FUNDING = 50 * COIN
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.fixture
def opening(market: Market) -> ChannelOpen:
    permit = market.permit(market.a, market.registry.address, FUNDING)
    opening = market.opening(Side(FUNDING), Side(0))
    market.open(opening, permit)
    return opening


def foreign_domains(market: Market) -> list[Domain]:
    here = market.domain
    return [
        Domain(here.chain_id + 1, here.verifying_contract),
        Domain(here.chain_id, market.merchant().address),
        Domain(here.chain_id, bytes(20)),
    ]


def test_a_state_signed_for_another_chain_or_contract_closes_nothing(
    market: Market, opening: ChannelOpen
) -> None:
    state = market.state(opening, 3, COIN, is_final=True)
    good = market.sign(market.a, state)
    for domain in foreign_domains(market):
        bad = market.sign(market.b, state, domain)
        with refused("WrongSigner"):
            market.chain.execute(
                market.registry.finalise(SignedState(market.terms, opening, state, good, bad))
            )


def test_a_state_of_another_channel_version_or_amount_closes_nothing(
    market: Market, opening: ChannelOpen
) -> None:
    state = market.state(opening, 3, COIN, is_final=True)
    twin = market.opening(Side(FUNDING), Side(0))
    permit = market.permit(market.a, market.registry.address, FUNDING)
    market.open(twin, permit)
    signatures = market.sign(market.a, state), market.sign(market.b, state)
    changes = (
        {"version": 4},
        {"base": 0},
        {"balance_a": 2 * COIN, "balance_b": 48 * COIN},
        {"energy_to_a": 1},
        {"energy_to_b": 1},
        {"trades_root": bytes(32)},
    )
    for change in changes:
        changed = market.replace(state, **change)
        with refused("WrongSigner"):
            market.chain.execute(
                market.registry.finalise(SignedState(market.terms, opening, changed, *signatures))
            )
    with refused("WrongSigner"):
        market.chain.execute(market.registry.finalise(SignedState(market.terms, twin, state, *signatures)))


def test_both_parties_must_have_signed_in_their_places(market: Market, opening: ChannelOpen) -> None:
    state = market.state(opening, 3, COIN, is_final=True)
    a, b = market.sign(market.a, state), market.sign(market.b, state)
    for signatures in ((b, a), (a, a), (b, b)):
        with refused("WrongSigner"):
            closing = SignedState(market.terms, opening, state, *signatures)
            market.chain.execute(market.registry.finalise(closing))


def test_no_other_type_is_a_state(market: Market, opening: ChannelOpen) -> None:
    """Every other thing that party B may sign, offered as its signature under a final state."""
    state = market.state(opening, 3, COIN, is_final=True)
    good = market.sign(market.a, state)
    note = market.note(market.b, COIN).note
    agreement = market.agreement(market.b, COIN)
    values = [market.terms, opening, note, agreement]
    messages = [digest(market.domain, value) for value in values]
    messages += [
        dispute_request(market.domain, channel=state.channel, version=state.version),
        payout_claim(market.domain, owner=market.b.address, to=market.b.address, nonce=0),
        earnings_withdrawal(market.domain, serial=note.serial, holder=note.holder, to=note.holder, nonce=0),
        collateral_release(market.domain, sid=state.channel),
        token_permit(
            market.token.domain(market.chain.call),
            owner=market.b.address,
            spender=market.registry.address,
            amount=COIN,
            nonce=0,
            deadline=1,
        ),
    ]
    for message in messages:
        closing = SignedState(market.terms, opening, state, good, market.b.sign(message))
        with refused("WrongSigner"):
            market.chain.execute(market.registry.finalise(closing))


def test_an_opening_signed_for_another_chain_or_contract_opens_nothing(market: Market) -> None:
    opening = market.opening(Side(FUNDING), Side(0))
    permit = market.permit(market.a, market.registry.address, FUNDING)
    for domain in foreign_domains(market):
        signatures = market.sign(market.a, opening, domain), market.sign(market.b, opening)
        with refused("WrongSigner"):
            market.chain.execute(
                market.registry.open_channel(market.terms, opening, *signatures, funding_a=permit)
            )


def test_a_note_of_another_merchant_or_chain_is_worthless(market: Market) -> None:
    note = market.note(market.a, 100 * COIN).note
    side = Side(FUNDING, market.merchant(0).address, note.serial)
    domain = market.merchant_domain(0)
    for signer, foreign in (
        (0, market.merchant_domain(1)),
        (1, domain),
        (0, Domain(domain.chain_id + 1, domain.verifying_contract)),
        (0, market.domain),
    ):
        proof = NoteProof(note, market.sign(market.merchants[signer], note, foreign))
        with refused("WrongSigner"):
            market.open(market.opening(side, Side(0)), proof)


def test_a_note_cannot_be_changed_in_transit(market: Market) -> None:
    proof = market.note(market.a, 100 * COIN)
    side = market.note_side(proof, FUNDING)
    for change in ({"amount": 101 * COIN}, {"valid_until": proof.note.valid_until + 1}):
        forged = NoteProof(market.replace(proof.note, **change), proof.signature)
        with refused("WrongSigner"):
            market.open(market.opening(side, Side(0)), forged)


def test_terms_need_both_signatures_for_this_registry(market: Market) -> None:
    terms = market.replace(market.terms, nonce=b"\x33" * 32)
    for domain in foreign_domains(market):
        signatures = market.sign(market.a, terms), market.sign(market.b, terms, domain)
        with refused("WrongSigner"):
            market.chain.execute(market.registry.create(terms, *signatures))


@pytest.mark.parametrize(
    "change", [{"challenge_period": 0}, {"dispute_limit": 0}, {"party_b": None}], ids=lambda c: next(iter(c))
)
def test_unfit_terms_are_refused(market: Market, change: dict[str, Any]) -> None:
    change = {name: market.a.address if value is None else value for name, value in change.items()}
    terms = market.replace(market.terms, **change)
    key_b = market.a if "party_b" in change else market.b
    with refused("UnfitTerms"):
        market.chain.execute(
            market.registry.create(terms, market.sign(market.a, terms), market.sign(key_b, terms))
        )


def _raw(market: Market, opening: ChannelOpen, signature_b: tuple[bytes, bytes]) -> Call:
    """A close whose second signature did not pass through our own encoder."""
    state = market.state(opening, 3, COIN, is_final=True)
    call = market.registry.finalise(market.co_sign(opening, state))
    good = b"".join(compact(market.sign(market.b, state)))
    assert call.data.endswith(good)
    return call.__class__(to=call.to, data=call.data[: -len(good)] + b"".join(signature_b))


def test_a_high_s_is_refused(market: Market, opening: ChannelOpen) -> None:
    """The compact form has room for a few values above half the order; the contract refuses these as well."""
    r, _ = compact(market.sign(market.b, market.state(opening, 3, COIN, is_final=True)))
    with refused("ECDSAInvalidSignatureS"):
        market.chain.execute(_raw(market, opening, (r, (ORDER // 2 + 1).to_bytes(32, "big"))))


def test_an_unreadable_signature_is_an_error_not_the_zero_address(
    market: Market, opening: ChannelOpen
) -> None:
    with refused("ECDSAInvalidSignature"):
        market.chain.execute(_raw(market, opening, (bytes(32), bytes(32))))


def test_our_encoder_refuses_what_is_no_canonical_signature(market: Market) -> None:
    signature = market.a.sign(b"\x01" * 32)
    high = signature[:32] + (ORDER - int.from_bytes(signature[32:64], "big")).to_bytes(32, "big") + b"\x1b"
    for bad in (signature[:64], signature + b"\0", signature[:64] + b"\x01", high, b""):
        with pytest.raises(ValueError, match="signature"):
            compact(bad)


def test_another_registry_takes_none_of_our_signatures(market: Market, opening: ChannelOpen) -> None:
    other = deploy(
        market.chain.execute, market.chain.call, owner=market.owner.address, token=market.deployment.token
    )
    registry = EntityContracts(other.registry)
    terms = market.terms
    with refused("WrongSigner"):
        market.chain.execute(
            registry.create(terms, market.sign(market.a, terms), market.sign(market.b, terms))
        )
    with refused("ChannelNotOpen"):
        market.chain.execute(registry.finalise(market.final(opening, 3, COIN)))
