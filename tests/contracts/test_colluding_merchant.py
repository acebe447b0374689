"""A merchant that conspires with a payer or a payee, and tries everything that the contracts let it try.

Whatever it does, a payee is paid in full, an honest participant loses nothing that it didn't sign for, and
the merchant itself risks no more than it granted beyond the collateral.
"""

import pytest
from credit import COLLATERAL, TERM, Credit, make_credit
from evm_chain import refused
from market import COIN, DAY, Key, Market, Side

from channels_engine.core.typed_data import digest
from channels_engine.core.types import ChannelOpen, CreditNote, NoteReceipt
from contracts import consents
from contracts.calls import Call
from contracts.claim_events import ClaimExecuted
from contracts.encoding import NoteProof
from contracts.events import Transfer
from contracts.records import SignedReceipt

FUNDING = 60 * COIN


@pytest.fixture
def credit(market: Market) -> Credit:
    return make_credit(market, life=365 * DAY)


def funded(market: Market, payer: NoteProof) -> ChannelOpen:
    """A channel in which A (a note of merchant 0) pays B, who brings nothing and gets tokens."""
    opening = market.opening(market.note_side(payer, FUNDING), Side(0))
    market.open(opening, payer)
    return opening


def test_with_the_payer_against_the_payee_it_finds_nothing_to_take(market: Market, credit: Credit) -> None:
    note = credit.issue(100 * COIN)
    opening = funded(market, note)
    merchant, owner = market.merchant(), market.merchants[0].address
    free = merchant.treasury(market.chain.call).free
    with refused("TreasuryShort"):
        market.chain.execute(merchant.withdraw_treasury(owner, free + 1), owner)
    market.chain.execute(merchant.withdraw_treasury(owner, free), owner)
    market.chain.execute(credit.claims.cancel_note(note.note.serial, market.a.address), owner)
    market.chain.execute(credit.claims.change_limit(credit.sid, 0), owner)
    market.chain.execute(merchant.release_collateral(credit.sid), owner)
    credit.withdraw()
    before = market.balance(market.b.address)
    credit.close(opening, 0)
    assert market.balance(market.b.address) == before + FUNDING
    market.require_solvent()


def test_a_payee_with_a_note_is_paid_although_the_merchant_ends_everything(
    market: Market, credit: Credit
) -> None:
    """The payee's note is the same merchant's: cancelled, and its earnings can still be withdrawn."""
    payer, payee = credit.issue(100 * COIN), market.note(market.b, 10 * COIN)
    opening = market.opening(market.note_side(payer, FUNDING), market.note_side(payee, 0))
    market.open(opening, payer, payee)
    merchant, owner = market.merchant(), market.merchants[0].address
    for note in (payer.note, payee.note):
        market.chain.execute(credit.claims.cancel_note(note.serial, note.holder), owner)
    credit.close(opening, 0)
    market.chain.execute(merchant.withdraw_treasury(owner, merchant.treasury(market.chain.call).free), owner)
    with refused("TreasuryShort", free=0):
        market.chain.execute(merchant.withdraw_treasury(owner, 1), owner)
    refuge = Key(88).address
    message = consents.earnings_withdrawal(
        market.merchant_domain(), serial=payee.note.serial, holder=market.b.address, to=refuge, nonce=0
    )
    with refused("WrongSigner"):
        forged = market.merchants[0].sign(message)
        market.chain.execute(merchant.withdraw_earnings(payee.note.serial, market.b.address, refuge, forged))
    signed = market.b.sign(message)
    market.chain.execute(merchant.withdraw_earnings(payee.note.serial, market.b.address, refuge, signed))
    assert market.balance(refuge) == FUNDING


def test_a_note_issued_twice_is_one_note(market: Market, credit: Credit) -> None:
    """The same serial and holder with a greater amount and a later end: the first that is used counts."""
    note = credit.issue(FUNDING)
    funded(market, note)
    bigger = CreditNote(note.note.serial, note.note.holder, 900 * COIN, note.note.valid_until + DAY)
    again = NoteProof(bigger, market.sign(market.merchants[0], bigger, market.merchant_domain()))
    with refused("NoteExhausted", available=0):
        funded(market, again)
    market.require_solvent()


def test_more_notes_than_treasury_fund_no_more_than_there_is(market: Market, credit: Credit) -> None:
    free = market.merchant().treasury(market.chain.call).free
    for _ in range(free // FUNDING):
        funded(market, credit.issue(FUNDING))
    with refused("TreasuryShort"):
        funded(market, credit.issue(FUNDING))
    market.require_solvent()


def test_it_forges_no_debt(market: Market, credit: Credit) -> None:
    """An accomplice runs up a debt on a note of its own; the victim never signed a receipt for it."""
    accomplice = market.note(market.a, 100 * COIN)
    credit.close(funded(market, accomplice), 0)
    credit.after_due()
    signers = {"its own": market.merchants[0], "the accomplice's": market.a}
    for key in signers.values():
        with refused("WrongSigner", expected=credit.root.address):
            credit.start([credit.receipt(accomplice, by=key)])
    # The victim's real receipt of another note, with the debtor's serial or holder put in its place.
    real = credit.receipt(credit.issue(5 * COIN))
    for changed in (
        SignedReceipt(accomplice.note.serial, real.holder, real.amount, real.signature),
        SignedReceipt(accomplice.note.serial, accomplice.note.holder, real.amount, real.signature),
    ):
        with refused("WrongSigner", expected=credit.root.address):
            credit.start([changed])
    credit.chain.advance(365 * DAY + 2 * TERM)
    assert credit.withdraw() == COLLATERAL


def test_it_claims_a_debt_once(market: Market, credit: Credit) -> None:
    note = credit.issue(100 * COIN)
    credit.close(funded(market, note), 30 * COIN)
    credit.after_due()
    with refused("ReceiptsNotAscending"):
        credit.start(credit.receipts * 2)
    credit.start()
    with refused("ClaimOpen"):
        credit.start()
    credit.chain.advance(TERM + 1)
    assert ClaimExecuted(credit.sid, 30 * COIN, 0, 0) in credit.execute(credit.claimed(note, 30 * COIN))
    with refused("NoClaim"):
        credit.execute(credit.claimed(note, 30 * COIN))
    with refused("NothingDue", due=0):
        credit.start()
    credit.chain.advance(365 * DAY + 2 * TERM)
    with refused("NothingDue"):
        credit.hold()
    assert credit.withdraw() == COLLATERAL - 30 * COIN


def test_it_takes_no_collateral_of_who_owes_nothing(market: Market, credit: Credit) -> None:
    note = credit.issue(100 * COIN)
    credit.close(funded(market, note), FUNDING)
    credit.after_due()
    for attempt in (credit.start, credit.hold):
        with refused("AgreementRuns" if attempt == credit.hold else "NothingDue"):
            attempt()
    credit.chain.advance(365 * DAY + 2 * TERM)
    with refused("NothingDue"):
        credit.hold()
    owner = market.merchants[0].address
    free = market.merchant().treasury(market.chain.call).free
    with refused("TreasuryShort"):
        market.chain.execute(market.merchant().withdraw_treasury(owner, free + 1), owner)
    assert credit.withdraw() == COLLATERAL


def test_what_it_released_it_cannot_take_back(market: Market, credit: Credit) -> None:
    """The release is a signature in the participant's hands: a claim that starts before it lands changes nothing."""
    note = credit.issue(100 * COIN)
    credit.close(funded(market, note), 0)
    message = consents.collateral_release(market.merchant_domain(), sid=credit.sid)
    release = market.merchants[0].sign(message)
    credit.after_due()
    credit.start()
    market.chain.execute(market.merchant().release_collateral(credit.sid, release))
    assert credit.withdraw() == COLLATERAL


def test_the_merchants_loss_is_what_it_granted_beyond_the_collateral(market: Market, credit: Credit) -> None:
    """The participant conspires with the payee: spends all of the limit and vanishes."""
    limit = credit.terms.credit_limit
    merchant = market.merchant()
    own = merchant.treasury(market.chain.call).free
    notes = [credit.issue(limit // 5) for _ in range(5)]
    for note in notes:
        credit.spend(note, limit // 5)
    credit.after_due()
    credit.start()
    credit.chain.advance(TERM + 1)
    credit.execute(*(credit.claimed(note, limit // 5) for note in notes))
    assert own - merchant.treasury(market.chain.call).free == limit - COLLATERAL
    market.require_solvent()


def test_merchants_on_both_sides_pay_each_others_customers(market: Market, credit: Credit) -> None:
    payer, payee = credit.issue(100 * COIN), market.note(market.b, 100 * COIN, 1)
    opening = market.opening(market.note_side(payer, FUNDING), market.note_side(payee, FUNDING, 1))
    market.open(opening, payer, payee)
    events = market.chain.events(market.registry.finalise(market.final(opening, 3, 25 * COIN)))
    moved = [event for event in events if isinstance(event, Transfer)]
    assert moved == [Transfer(market.merchant(0).address, market.merchant(1).address, 35 * COIN)]
    assert market.merchant(1).treasury(market.chain.call).earnings == 35 * COIN
    assert credit.account(payer).debt == 35 * COIN
    for number in (0, 1):
        market.require_solvent(number)


def test_inside_one_merchant_channels_net_without_a_single_transfer(market: Market, credit: Credit) -> None:
    a, b = credit.issue(300 * COIN), market.note(market.b, 300 * COIN)
    held = market.balance(market.merchant().address)
    for kept in (0, 2 * FUNDING, 25 * COIN, 95 * COIN):
        opening = market.opening(market.note_side(a, FUNDING), market.note_side(b, FUNDING))
        events = market.chain.events(_opened(market, opening, a, b))
        events += market.chain.events(market.registry.finalise(market.final(opening, 3, kept)))
        assert not any(isinstance(event, Transfer) for event in events)
    assert market.balance(market.merchant().address) == held
    assert credit.account(a).debt == 0
    market.require_solvent()


def _opened(market: Market, opening: ChannelOpen, a: NoteProof, b: NoteProof) -> Call:
    signatures = market.sign(market.a, opening), market.sign(market.b, opening)
    return market.registry.open_channel(market.terms, opening, *signatures, funding_a=a, funding_b=b)


@pytest.mark.parametrize("earns", [True, False])
def test_a_merchant_trades_itself_with_a_note_of_its_own(market: Market, *, earns: bool) -> None:
    """Supplier and feed-in buyer are such: its session key A holds a note that it issued to itself."""
    own, other = market.note(market.a, 100 * COIN), market.note(market.b, 100 * COIN)
    opening = market.opening(market.note_side(own, FUNDING), market.note_side(other, FUNDING))
    market.open(opening, own, other)
    before = market.merchant().treasury(market.chain.call).free
    balance = FUNDING + (20 if earns else -20) * COIN
    market.chain.execute(market.registry.finalise(market.final(opening, 3, balance)))
    account = market.merchant().note_of(market.chain.call, own.note.serial, market.a.address)
    assert account.position == (20 if earns else -20) * COIN
    books = market.merchant().treasury(market.chain.call)
    assert books.free == before + 2 * FUNDING - 20 * COIN
    if earns:
        withdraw = market.merchant().withdraw_earnings(
            own.note.serial, market.a.address, market.merchants[0].address
        )
        market.chain.execute(withdraw, market.a.address)
    market.require_solvent()


def test_a_signature_for_a_claim_counts_at_no_other_merchants_contract(
    market: Market, credit: Credit
) -> None:
    note = credit.issue(100 * COIN)
    credit.close(funded(market, note), 0)
    credit.after_due()
    said = digest(market.merchant_domain(1), _said(credit, note))
    foreign = SignedReceipt(note.note.serial, note.note.holder, note.note.amount, credit.root.sign(said))
    with refused("WrongSigner", expected=credit.root.address):
        credit.start([foreign])


def _said(credit: Credit, note: NoteProof) -> NoteReceipt:
    return NoteReceipt(credit.sid, note.note.serial, note.note.holder, note.note.amount)
