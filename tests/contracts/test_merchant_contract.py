"""The merchant's contract: agreements, collateral, treasury, earnings."""

import pytest
from evm_chain import refused
from market import COIN, Key, Market, Side

from channels_engine.core.typed_data import struct_hash
from channels_engine.core.types import CreditAgreement
from contracts.bindings import MerchantContract, MerchantFactory
from contracts.consents import (
    collateral_release,
    collateral_top_up,
    debt_payment,
    earnings_withdrawal,
)
from contracts.encoding import Payment
from contracts.events import (
    AgreementInitialised,
    CollateralReleased,
    CollateralToppedUp,
    CollateralWithdrawn,
    DebtPaid,
    EarningsWithdrawn,
    Event,
    Transfer,
    TreasuryWithdrawn,
)

COLLATERAL = 100 * COIN


@pytest.fixture
def merchant(market: Market) -> MerchantContract:
    return market.merchant()


def initialise(market: Market, agreement: CreditAgreement, *, by_participant: bool = False) -> list[Event]:
    """As a browser without ether does it: everything by signature, sent by a relayer."""
    merchant = market.merchant()
    signature = market.sign(market.merchants[0], agreement, market.merchant_domain())
    permit = market.permit(market.a, merchant.address, agreement.collateral)
    if by_participant:
        call = merchant.initialise(agreement, signature, permit=permit)
        return market.chain.events(call, market.a.address)
    consent = market.sign(market.a, agreement, market.merchant_domain())
    return market.chain.events(merchant.initialise(agreement, signature, consent, permit))


@pytest.mark.parametrize("by_participant", [True, False])
def test_an_agreement_starts_with_its_collateral(
    market: Market, merchant: MerchantContract, *, by_participant: bool
) -> None:
    agreement = market.agreement(market.a, COLLATERAL)
    events = initialise(market, agreement, by_participant=by_participant)
    sid = struct_hash(agreement)
    assert events[0] == AgreementInitialised(
        sid,
        market.a.address,
        agreement.credit_limit,
        COLLATERAL,
        agreement.billing_period,
        agreement.payment_term,
        agreement.valid_until,
        agreement.documents_hash,
    )
    assert merchant.treasury(market.chain.call).collateral == COLLATERAL
    on_ledger = merchant.agreement_of(market.chain.call, sid)
    assert (on_ledger.participant, on_ledger.collateral) == (market.a.address, COLLATERAL)
    market.require_solvent()
    with refused("AgreementKnown"):
        initialise(market, agreement)


def test_nobody_else_starts_an_agreement_for_the_participant(
    market: Market, merchant: MerchantContract
) -> None:
    agreement = market.agreement(market.a, COLLATERAL)
    signature = market.sign(market.merchants[0], agreement, market.merchant_domain())
    with refused("WrongSignatureLength"):
        market.chain.execute(merchant.initialise(agreement, signature), market.b.address)
    for key, domain in ((market.b, market.merchant_domain()), (market.a, market.merchant_domain(1))):
        with refused("WrongSigner", expected=market.a.address):
            consent = market.sign(key, agreement, domain)
            market.chain.execute(merchant.initialise(agreement, signature, consent))


def test_an_agreement_needs_its_own_merchant(market: Market, merchant: MerchantContract) -> None:
    agreement = market.agreement(market.a, 0)
    for key, domain in (
        (market.merchants[1], market.merchant_domain()),
        (market.merchants[0], market.merchant_domain(1)),
    ):
        with refused("WrongSigner", expected=market.merchants[0].address):
            call = merchant.initialise(agreement, market.sign(key, agreement, domain))
            market.chain.execute(call, market.a.address)


def test_an_agreement_past_its_end_does_not_start(market: Market) -> None:
    agreement = market.replace(market.agreement(market.a, COLLATERAL), valid_until=market.chain.now - 1)
    with refused("AgreementExpired"):
        initialise(market, agreement)


def test_collateral_without_tokens_does_not_start_an_agreement(
    market: Market, merchant: MerchantContract
) -> None:
    agreement = market.agreement(market.a, 5000 * COIN)
    with refused("ERC20InsufficientBalance"):
        initialise(market, agreement)


def test_collateral_grows_and_comes_back_at_the_end(market: Market, merchant: MerchantContract) -> None:
    agreement = market.agreement(market.a, COLLATERAL)
    initialise(market, agreement)
    sid = struct_hash(agreement)
    permit = market.permit(market.b, merchant.address, 5 * COIN)
    top_up = merchant.top_up_collateral(sid, Payment(market.b.address, 5 * COIN, permit=permit))
    events = market.chain.events(top_up, market.b.address)
    assert CollateralToppedUp(sid, market.b.address, 5 * COIN, 105 * COIN) in events
    until = agreement.valid_until + 2 * agreement.payment_term
    with refused("CollateralLocked", until=until):
        market.chain.execute(merchant.withdraw_collateral(sid))
    market.chain.advance(until + 1 - market.chain.now)
    before = market.balance(market.a.address)
    events = market.chain.events(merchant.withdraw_collateral(sid))
    assert CollateralWithdrawn(sid, market.a.address, 105 * COIN) in events
    assert market.balance(market.a.address) == before + 105 * COIN
    market.require_solvent()
    with refused("NothingToWithdraw"):
        market.chain.execute(merchant.withdraw_collateral(sid))


def test_the_merchants_release_frees_collateral_at_once(market: Market, merchant: MerchantContract) -> None:
    agreement = market.agreement(market.a, COLLATERAL)
    initialise(market, agreement)
    sid = struct_hash(agreement)
    forged = market.a.sign(collateral_release(market.merchant_domain(), sid=sid))
    with refused("WrongSigner"):
        market.chain.execute(merchant.release_collateral(sid, forged))
    release = market.merchants[0].sign(collateral_release(market.merchant_domain(), sid=sid))
    assert market.chain.events(merchant.release_collateral(sid, release)) == [CollateralReleased(sid)]
    with refused("AgreementEnded"):
        market.chain.execute(merchant.release_collateral(sid, release))
    coin = Payment(market.a.address, COIN)
    with refused("AgreementEnded"):
        market.chain.execute(merchant.top_up_collateral(sid, coin), market.a.address)
    market.chain.execute(merchant.withdraw_collateral(sid))
    market.require_solvent()


def test_unknown_agreements_are_named(market: Market, merchant: MerchantContract) -> None:
    sid = b"\x44" * 32
    for call in (
        merchant.pay(sid, Payment(market.a.address, COIN)),
        merchant.top_up_collateral(sid, Payment(market.a.address, COIN)),
        merchant.release_collateral(sid),
        merchant.withdraw_collateral(sid),
    ):
        with refused("AgreementUnknown", sid=sid):
            market.chain.execute(call, market.merchants[0].address)


def test_a_payment_goes_to_the_treasury_and_is_remembered(market: Market, merchant: MerchantContract) -> None:
    agreement = market.agreement(market.a, COLLATERAL)
    initialise(market, agreement)
    sid = struct_hash(agreement)
    free = merchant.treasury(market.chain.call).free
    for paid in (7 * COIN, 14 * COIN):
        permit = market.permit(market.a, merchant.address, 7 * COIN)
        payment = Payment(market.a.address, 7 * COIN, permit=permit)
        events = market.chain.events(merchant.pay(sid, payment), market.a.address)
        assert DebtPaid(sid, market.a.address, 7 * COIN, paid) in events
    assert merchant.agreement_of(market.chain.call, sid).paid == 14 * COIN
    assert merchant.treasury(market.chain.call).free == free + 14 * COIN
    market.require_solvent()


def test_payments_and_top_ups_are_their_owners_alone(market: Market, merchant: MerchantContract) -> None:
    """A permit says who may take, not for whose agreement: a relayer could divert it."""
    agreement = market.agreement(market.a, COLLATERAL)
    initialise(market, agreement)
    sid, owner, domain = struct_hash(agreement), market.a.address, market.merchant_domain()
    for sign, send in ((debt_payment, merchant.pay), (collateral_top_up, merchant.top_up_collateral)):
        nonce = merchant.consent_nonce(market.chain.call, owner)
        message = sign(domain, sid=sid, owner=owner, amount=COIN, nonce=nonce)
        permit = market.permit(market.a, merchant.address, COIN)
        for key, amount in ((market.b, COIN), (market.a, COIN + 1)):
            with refused("WrongSigner"):
                market.chain.execute(send(sid, Payment(owner, amount, key.sign(message), permit)))
        with refused("WrongSignatureLength"):
            market.chain.execute(send(sid, Payment(owner, COIN, permit=permit)))
        call = send(sid, Payment(owner, COIN, market.a.sign(message), permit))
        market.chain.execute(call)
        with refused("WrongSigner"):
            market.chain.execute(call)
    standing = merchant.agreement_of(market.chain.call, sid)
    assert (standing.paid, standing.collateral) == (COIN, COLLATERAL + COIN)
    market.require_solvent()


def test_the_merchant_takes_only_what_is_free(market: Market, merchant: MerchantContract) -> None:
    note = market.note(market.a, 200 * COIN)
    market.open(market.opening(market.note_side(note, 50 * COIN), Side(0)), note)
    owner = market.merchants[0].address
    with refused("TreasuryShort", free=850 * COIN):
        market.chain.execute(merchant.withdraw_treasury(owner, 851 * COIN), owner)
    with refused("NotMerchant", caller=market.a.address):
        market.chain.execute(merchant.withdraw_treasury(owner, COIN), market.a.address)
    events = market.chain.events(merchant.withdraw_treasury(owner, 850 * COIN), owner)
    assert TreasuryWithdrawn(owner, 850 * COIN) in events
    assert Transfer(merchant.address, owner, 850 * COIN) in events
    market.require_solvent()


def test_only_the_registry_moves_the_books(market: Market, merchant: MerchantContract) -> None:
    serial, who = bytes(32), market.a.address
    calls = {
        "reserve": (["bytes32", "address", "uint96", "bytes"], [serial, who, 1, b""]),
        "settlePayer": (
            ["bytes32", "address", "uint96", "uint96", "address", "address"],
            [serial, who, 0, 0, who, who],
        ),
        "settlePayee": (["bytes32", "address", "uint96", "uint96"], [serial, who, 0, 1]),
        "settleBoth": (
            ["bytes32", "address", "uint96", "bytes32", "address", "uint96", "uint96"],
            [serial, who, 0, serial, who, 0, 0],
        ),
    }
    for function, (types, values) in calls.items():
        with refused("NotRegistry"):
            market.chain.execute(
                merchant._write(function, function, types, values), market.merchants[0].address
            )


def test_earnings_are_the_holders_alone(market: Market, merchant: MerchantContract) -> None:
    note_a, note_b = market.note(market.a, 100 * COIN), market.note(market.b, 100 * COIN)
    opening = market.opening(market.note_side(note_a, 50 * COIN), market.note_side(note_b, 0))
    market.open(opening, note_a, note_b)
    market.chain.execute(market.registry.finalise(market.final(opening, 3, 20 * COIN)))
    serial, refuge = note_b.note.serial, Key(60).address

    with refused("NothingToWithdraw"):
        market.chain.execute(
            merchant.withdraw_earnings(note_a.note.serial, market.a.address, refuge), market.a.address
        )
    names = {"serial": serial, "holder": market.b.address, "to": refuge, "nonce": 0}
    message = earnings_withdrawal(market.merchant_domain(), **names)
    with refused("WrongSigner"):
        forged = market.a.sign(message)
        market.chain.execute(merchant.withdraw_earnings(serial, market.b.address, refuge, forged))
    call = merchant.withdraw_earnings(serial, market.b.address, refuge, market.b.sign(message))
    events = market.chain.events(call)
    assert EarningsWithdrawn(serial, market.b.address, refuge, 30 * COIN) in events
    assert market.balance(refuge) == 30 * COIN
    assert merchant.treasury(market.chain.call).earnings == 0
    with refused("NothingToWithdraw"):
        market.chain.execute(call)
    market.require_solvent()


def test_withdrawn_earnings_are_credit_again_when_spent(market: Market, merchant: MerchantContract) -> None:
    note_a, note_b = market.note(market.a, 100 * COIN), market.note(market.b, 100 * COIN)
    sides = market.note_side(note_a, 50 * COIN), market.note_side(note_b, 50 * COIN)
    opening = market.opening(*sides)
    market.open(opening, note_a, note_b)
    market.chain.execute(market.registry.finalise(market.final(opening, 3, 20 * COIN)))
    market.chain.execute(
        merchant.withdraw_earnings(note_b.note.serial, market.b.address, market.b.address), market.b.address
    )
    again = market.opening(*sides)
    market.open(again)
    market.chain.execute(market.registry.finalise(market.final(again, 3, 60 * COIN)))
    spender = merchant.note_of(market.chain.call, note_b.note.serial, market.b.address)
    assert (spender.debt, spender.amount) == (10 * COIN, 100 * COIN)
    market.require_solvent()


def test_a_merchant_key_has_one_contract_and_the_factory_alone_admits(market: Market) -> None:
    factory = MerchantFactory(market.deployment.factory)
    with refused("MerchantKnown", merchant=market.merchants[0].address):
        market.chain.execute(factory.create(market.merchants[0].address))
    with refused("NoMerchant"):
        market.chain.execute(factory.create(bytes(20)))
    admit = market.registry._write("admit", "admitMerchant", ["address"], [market.a.address])
    with refused("NotFactory", caller=market.a.address):
        market.chain.execute(admit, market.a.address)
    assert market.registry.factory(market.chain.call) == factory.address
    assert factory.token(market.chain.call) == market.token.address
    assert market.registry.is_merchant_contract(market.chain.call, market.merchant().address)
    assert market.merchant().merchant(market.chain.call) == market.merchants[0].address


def test_only_owner_and_minters_make_test_coins(market: Market) -> None:
    mint = market.token.mint(market.b.address, COIN)
    with refused("NotMinter", account=market.a.address):
        market.chain.execute(mint, market.a.address)
    market.chain.execute(market.token.set_minter(market.a.address, allowed=True), market.owner.address)
    market.chain.execute(mint, market.a.address)
    with refused("SupplyExceeded"):
        market.chain.execute(market.token.mint(market.a.address, 2**63), market.owner.address)
    assert market.token.total_supply(market.chain.call) == 4001 * COIN
