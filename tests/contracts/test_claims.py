"""Claims against collateral: when, how much, by what proof; and what neither side can make of them."""

import pytest
from credit import COLLATERAL, TERM, Credit, make_credit
from evm_chain import refused
from market import COIN, DAY, Key, Market, Side

from contracts import consents
from contracts.claim_events import (
    ClaimCancelled,
    ClaimExecuted,
    ClaimStarted,
    CollateralHeld,
    LimitChanged,
    NoteCancelled,
    NoteClaimed,
    NoteRepaid,
)
from contracts.consents import note_account
from contracts.encoding import Payment
from contracts.events import CollateralReleased, Transfer


@pytest.fixture
def credit(market: Market) -> Credit:
    return make_credit(market)


def test_a_claim_moves_what_is_due_out_of_the_collateral(credit: Credit, market: Market) -> None:
    note = credit.issue(80 * COIN)
    credit.spend(note, 30 * COIN)
    credit.after_due()
    deadline = credit.chain.now + TERM
    events = credit.start()
    started = next(event for event in events if isinstance(event, ClaimStarted))
    assert (started.sid, started.due) == (credit.sid, 30 * COIN)
    assert 0 <= started.deadline - deadline <= 5
    assert NoteClaimed(credit.sid, note.note.serial, note.note.holder, 30 * COIN) in events
    assert credit.claims.open_claim(credit.chain.call, credit.sid).due == 30 * COIN

    free = market.merchant().treasury(credit.chain.call).free
    with refused("ClaimWindowOpen", deadline=started.deadline):
        credit.execute(credit.claimed(note, 30 * COIN))
    credit.chain.advance(TERM + 1)
    events = credit.execute(credit.claimed(note, 30 * COIN))
    assert events == [
        NoteRepaid(note.note.serial, credit.sid, 30 * COIN),
        ClaimExecuted(credit.sid, 30 * COIN, 0, 0),
    ]
    assert (credit.standing().collateral, credit.account(note).debt) == (COLLATERAL - 30 * COIN, 0)
    assert market.merchant().treasury(credit.chain.call).free == free + 30 * COIN
    assert credit.account(note).amount == 80 * COIN
    market.require_solvent()
    with refused("NoClaim"):
        credit.execute(credit.claimed(note, 30 * COIN))
    with refused("NothingDue", due=0, paid=0):
        credit.start()


def test_who_pays_in_the_window_keeps_the_collateral(credit: Credit, market: Market) -> None:
    note = credit.issue(80 * COIN)
    credit.spend(note, 30 * COIN)
    credit.after_due()
    credit.start()
    credit.pay(30 * COIN)
    with refused("ClaimOpen"):
        credit.withdraw()
    credit.chain.advance(TERM + 1)
    assert ClaimExecuted(credit.sid, 0, 30 * COIN, 0) in credit.execute(credit.claimed(note, 30 * COIN))
    assert (credit.standing().collateral, credit.standing().paid) == (COLLATERAL, 0)
    assert credit.withdraw() == COLLATERAL
    market.require_solvent()


def test_part_paid_and_part_claimed(credit: Credit) -> None:
    note = credit.issue(80 * COIN)
    credit.spend(note, 30 * COIN)
    credit.pay(10 * COIN)
    credit.after_due()
    credit.start()
    credit.chain.advance(TERM + 1)
    events = credit.execute(credit.claimed(note, 30 * COIN))
    assert ClaimExecuted(credit.sid, 20 * COIN, 10 * COIN, 0) in events


def test_a_claim_takes_no_more_than_the_collateral_and_the_rest_stays_owed(
    credit: Credit, market: Market
) -> None:
    first, second = credit.issue(90 * COIN), credit.issue(90 * COIN)
    credit.spend(first, 90 * COIN)
    credit.spend(second, 90 * COIN)
    credit.after_due()
    credit.start()
    credit.chain.advance(TERM + 1)
    events = credit.execute(credit.claimed(first, 90 * COIN), credit.claimed(second, 90 * COIN))
    assert ClaimExecuted(credit.sid, COLLATERAL, 0, 80 * COIN) in events
    assert credit.account(first).debt + credit.account(second).debt == 80 * COIN
    with refused("NothingToWithdraw"):
        credit.withdraw()
    permit = market.permit(credit.root, market.merchant().address, 80 * COIN)
    payment = Payment(credit.root.address, 80 * COIN, permit=permit)
    top_up = market.merchant().top_up_collateral(credit.sid, payment)
    credit.chain.execute(top_up, credit.root.address)
    credit.start()
    credit.chain.advance(TERM + 1)
    rest = [credit.claimed(note, credit.account(note).debt) for note in (first, second)]
    assert ClaimExecuted(credit.sid, 80 * COIN, 0, 0) in credit.execute(*rest)
    market.require_solvent()


def test_nothing_is_due_before_the_term_is_over(credit: Credit) -> None:
    note = credit.issue(80 * COIN)
    credit.spend(note, 30 * COIN)
    with refused("NothingDue", due=0):
        credit.start()
    credit.chain.advance(note.note.valid_until - credit.chain.now + TERM - 1)
    with refused("NothingDue", due=0):
        credit.start()
    credit.chain.advance(2)
    credit.start()


def test_a_settlement_after_the_notes_end_starts_the_term_anew(market: Market) -> None:
    credit = make_credit(market, life=365 * DAY)
    note = credit.issue(80 * COIN)
    opening = credit.market.opening(market.note_side(note, 30 * COIN), Side(0))
    opening = market.replace(opening, expiry=credit.chain.now + 100 * DAY)
    market.open(opening, note)
    credit.chain.advance(40 * DAY)
    credit.close(opening, 0)
    credit.chain.advance(TERM - 10)
    with refused("NothingDue"):
        credit.start()
    credit.chain.advance(11)
    credit.start()


def test_channels_closed_one_by_one_do_not_postpone_a_debt_beyond_the_agreement(credit: Credit) -> None:
    note = credit.issue(80 * COIN)
    openings = [credit.open(note, 1) for _ in range(2)]
    credit.spend(note, 30 * COIN)
    for opening in openings:
        credit.chain.advance((30 * DAY + TERM) // 2 - 2)
        credit.close(opening, 1)
    credit.chain.advance(10)
    credit.start()
    assert credit.claims.open_claim(credit.chain.call, credit.sid).due == 30 * COIN


def test_later_settlements_neither_stop_a_claim_nor_enlarge_it(credit: Credit) -> None:
    note = credit.issue(80 * COIN)
    open_still = credit.open(note, 20 * COIN)
    credit.spend(note, 30 * COIN)
    credit.after_due()
    credit.start()
    credit.chain.advance(TERM)
    credit.close(open_still, 0)
    credit.chain.advance(2)
    assert ClaimExecuted(credit.sid, 30 * COIN, 0, 0) in credit.execute(credit.claimed(note, 30 * COIN))
    assert credit.account(note).debt == 20 * COIN


def test_what_a_claimed_note_earns_later_is_its_holders(credit: Credit, market: Market) -> None:
    note = credit.issue(80 * COIN)
    other = market.note(market.b, 80 * COIN)
    earning = market.opening(market.note_side(note, 0), market.note_side(other, 40 * COIN))
    earning = market.replace(earning, expiry=credit.chain.now + 365 * DAY)
    market.open(earning, note, other)
    credit.spend(note, 30 * COIN)
    credit.after_due()
    credit.start()
    credit.chain.advance(TERM + 1)
    credit.execute(credit.claimed(note, 30 * COIN))
    credit.close(earning, 40 * COIN)
    assert credit.account(note).earnings == 40 * COIN
    market.require_solvent()


def test_only_the_participants_own_receipts_prove_a_claim(credit: Credit) -> None:
    note = credit.issue(80 * COIN)
    credit.spend(note, 30 * COIN)
    credit.after_due()
    for forger in (credit.merchant, credit.market.a, credit.market.b):
        forged = credit.receipt(note, by=forger)
        with refused("WrongSigner", expected=credit.root.address):
            credit.start([forged])
    for changed in ({"amount": 81 * COIN}, {"serial": b"\x77" * 32}, {"holder": credit.market.b.address}):
        names = ("serial", "holder", "amount", "signature")
        members = {name: getattr(credit.receipts[0], name) for name in names} | changed
        with refused("WrongSigner"):
            credit.start([type(credit.receipts[0])(**members)])
    with refused("ReceiptsNotAscending"):
        credit.start(credit.receipts * 2)
    with refused("NothingDue", due=0, paid=0):
        credit.start([])


def test_a_receipt_of_another_agreement_proves_nothing_here(credit: Credit, market: Market) -> None:
    note = credit.issue(80 * COIN)
    credit.spend(note, 30 * COIN)
    credit.after_due()
    other = Credit(market, credit.root, market.replace(credit.terms, nonce=b"\x66" * 32))
    with refused("WrongSigner", expected=credit.root.address):
        credit.start([other.receipt(note)])


def test_the_participant_owes_what_its_receipt_says_and_no_more(credit: Credit) -> None:
    """The merchant signs a note alone: it could sign a bigger one under the same serial."""
    note = credit.market.note(credit.market.a, 80 * COIN)
    credit.spend(note, 60 * COIN)
    credit.after_due()
    events = credit.start([credit.receipt(note, amount=25 * COIN)])
    assert any(isinstance(event, ClaimStarted) and event.due == 25 * COIN for event in events)


def test_only_the_merchant_starts_cancels_and_changes(credit: Credit) -> None:
    note = credit.issue(80 * COIN)
    credit.spend(note, 30 * COIN)
    credit.after_due()
    stranger = credit.root
    domain = credit.market.merchant_domain()
    with refused("WrongSigner", expected=credit.merchant.address):
        credit.chain.execute(credit.start_call(by=stranger))
    with refused("WrongSignatureLength"):
        credit.chain.execute(credit.claims.start(credit.sid, credit.receipts))
    # The receipts are part of what the merchant signs: nobody starts a smaller claim with its signature.
    names = {"sid": credit.sid, "accounts": [b"\x01" * 32], "nonce": credit.nonce()}
    wrong = credit.merchant.sign(consents.claim_start(domain, **names))
    with refused("WrongSigner"):
        credit.chain.execute(credit.claims.start(credit.sid, credit.receipts, wrong))
    used = credit.start_call()
    credit.chain.execute(used)
    cancel = consents.claim_cancellation(domain, sid=credit.sid, nonce=credit.nonce())
    with refused("WrongSigner"):
        credit.chain.execute(credit.claims.cancel(credit.sid, stranger.sign(cancel)))
    events = credit.chain.events(credit.claims.cancel(credit.sid, credit.merchant.sign(cancel)))
    assert events == [ClaimCancelled(credit.sid)]
    with refused("WrongSigner"):
        credit.chain.execute(used)
    with refused("NoClaim"):
        credit.chain.execute(credit.claims.cancel(credit.sid), credit.merchant.address)


def test_the_merchant_needs_no_signature_when_it_sends(credit: Credit) -> None:
    note = credit.issue(80 * COIN)
    credit.spend(note, 30 * COIN)
    credit.after_due()
    credit.chain.execute(credit.claims.start(credit.sid, credit.receipts), credit.merchant.address)
    credit.chain.execute(credit.claims.cancel(credit.sid), credit.merchant.address)
    limit = credit.claims.change_limit(credit.sid, COIN)
    assert credit.chain.events(limit, credit.merchant.address) == [LimitChanged(credit.sid, COIN)]


def test_one_claim_at_a_time(credit: Credit) -> None:
    note = credit.issue(80 * COIN)
    credit.spend(note, 30 * COIN)
    credit.after_due()
    credit.start()
    with refused("ClaimOpen"):
        credit.start()


def test_a_claim_is_executed_as_it_was_started(credit: Credit) -> None:
    note = credit.issue(80 * COIN)
    credit.spend(note, 30 * COIN)
    credit.after_due()
    credit.start()
    credit.chain.advance(TERM + 1)
    for notes in ([], [credit.claimed(note, 31 * COIN)], [credit.claimed(note, 30 * COIN)] * 2):
        with refused("OtherNotesClaimed"):
            credit.execute(*notes)


def test_the_release_ends_a_claim_and_no_other_can_start(credit: Credit) -> None:
    note = credit.issue(80 * COIN)
    credit.spend(note, 30 * COIN)
    credit.after_due()
    credit.start()
    release = credit.market.merchant().release_collateral(credit.sid)
    events = credit.chain.events(release, credit.merchant.address)
    assert events == [ClaimCancelled(credit.sid), CollateralReleased(credit.sid)]
    assert credit.claims.locked_until(credit.chain.call, credit.sid) == 0
    for forbidden in (credit.start, credit.hold):
        with refused("AgreementEnded"):
            forbidden()
    assert credit.withdraw() == COLLATERAL


def test_collateral_stays_for_two_terms_after_the_agreement(credit: Credit) -> None:
    until = credit.terms.valid_until + 2 * TERM
    assert credit.claims.locked_until(credit.chain.call, credit.sid) == until
    credit.chain.advance(until - credit.chain.now - 2)
    with refused("CollateralLocked", until=until):
        credit.withdraw()
    credit.chain.advance(5)
    assert credit.withdraw() == COLLATERAL


def test_a_channel_that_outlives_the_agreement_holds_its_collateral(credit: Credit, market: Market) -> None:
    """Else a debt that is settled late would find the collateral gone."""
    note = credit.issue(80 * COIN)
    opening = market.opening(market.note_side(note, 60 * COIN), Side(0))
    opening = market.replace(opening, expiry=credit.chain.now + 400 * DAY)
    market.open(opening, note)
    with refused("AgreementRuns", validUntil=credit.terms.valid_until):
        credit.hold()
    credit.chain.advance(30 * DAY + 2 * TERM - 10)
    (held,) = credit.hold()
    assert isinstance(held, CollateralHeld)
    assert 0 <= held.until - (credit.chain.now + 2 * TERM) <= 5
    credit.chain.advance(20)
    with refused("CollateralLocked", until=held.until):
        credit.withdraw()
    credit.close(opening, 0)
    credit.start()
    credit.chain.advance(TERM + 1)
    credit.execute(credit.claimed(note, 60 * COIN))
    with refused("NothingDue"):
        credit.hold()
    credit.chain.advance(TERM + 1)
    assert credit.withdraw() == COLLATERAL - 60 * COIN


def test_without_a_debt_or_a_channel_the_collateral_is_not_held(credit: Credit) -> None:
    note = credit.issue(80 * COIN)
    credit.spend(note, 30 * COIN)
    credit.pay(30 * COIN)
    credit.chain.advance(30 * DAY + 1)
    with refused("NothingDue", due=30 * COIN, paid=30 * COIN):
        credit.hold()
    with refused("WrongSigner"):
        credit.hold([credit.receipt(note, by=credit.merchant)])
    with refused("WrongSignatureLength"):
        credit.chain.execute(credit.claims.hold_collateral(credit.sid, credit.receipts))


def test_the_limit_changes_by_the_merchants_word_while_channels_trade(credit: Credit) -> None:
    note = credit.issue(80 * COIN)
    opening = credit.open(note, 30 * COIN)
    names = {"sid": credit.sid, "credit_limit": 90 * COIN, "nonce": credit.nonce()}
    message = consents.limit_change(credit.market.merchant_domain(), **names)
    with refused("WrongSigner"):
        call = credit.claims.change_limit(credit.sid, 90 * COIN, credit.root.sign(message))
        credit.chain.execute(call)
    call = credit.claims.change_limit(credit.sid, 90 * COIN, credit.merchant.sign(message))
    assert credit.chain.events(call) == [LimitChanged(credit.sid, 90 * COIN)]
    assert credit.standing().credit_limit == 90 * COIN
    with refused("WrongSigner"):
        credit.chain.execute(call)
    credit.close(opening, 10 * COIN)
    assert credit.account(note).debt == 20 * COIN


def test_a_cancelled_note_funds_no_more_and_its_payee_is_paid(credit: Credit, market: Market) -> None:
    note, payee = credit.issue(80 * COIN), market.note(market.b, 10 * COIN)
    opening = market.opening(market.note_side(note, 30 * COIN), market.note_side(payee, 0))
    market.open(opening, note, payee)
    serial, holder = note.note.serial, note.note.holder
    names = {"serial": serial, "holder": holder, "nonce": credit.nonce()}
    message = consents.note_cancellation(market.merchant_domain(), **names)
    with refused("WrongSigner"):
        credit.chain.execute(credit.claims.cancel_note(serial, holder, credit.root.sign(message)))
    call = credit.claims.cancel_note(serial, holder, credit.merchant.sign(message))
    assert credit.chain.events(call) == [NoteCancelled(serial, holder)]
    with refused("NoteExpired"):
        credit.chain.execute(credit.claims.cancel_note(serial, holder), credit.merchant.address)
    with refused("NoteExpired"):
        credit.open(note, COIN)
    credit.close(opening, 0)
    earned = market.merchant().note_of(credit.chain.call, payee.note.serial, market.b.address)
    assert earned.earnings == 30 * COIN
    assert credit.account(note).amount == 80 * COIN


def test_a_note_cancelled_before_its_first_use_is_never_admitted(credit: Credit) -> None:
    note = credit.issue(80 * COIN)
    cancel = credit.claims.cancel_note(note.note.serial, note.note.holder)
    credit.chain.execute(cancel, credit.merchant.address)
    with refused("NoteExpired"):
        credit.open(note, COIN)


def test_an_agreement_without_a_payment_term_does_not_start(market: Market) -> None:
    root = Key(50)
    terms = market.replace(market.agreement(root, 0), payment_term=0)
    signatures = [market.sign(key, terms, market.merchant_domain()) for key in (market.merchants[0], root)]
    with refused("NoPaymentTerm"):
        market.chain.execute(market.merchant().initialise(terms, *signatures))


def test_unknown_agreements_are_named(credit: Credit) -> None:
    sid = b"\x44" * 32
    for call in (
        credit.claims.start(sid, []),
        credit.claims.hold_collateral(sid, []),
        credit.claims.change_limit(sid, COIN),
    ):
        with refused("AgreementUnknown", sid=sid):
            credit.chain.execute(call, credit.merchant.address)
    with refused("NoClaim", sid=sid):
        credit.chain.execute(credit.claims.execute(sid, []))


def test_receipts_are_sorted_by_account(credit: Credit) -> None:
    notes = [credit.issue(10 * COIN) for _ in range(4)]
    for note in notes:
        credit.spend(note, COIN)
    credit.after_due()
    events = credit.start(list(reversed(credit.receipts)))
    shown = [note_account(e.serial, e.holder) for e in events if isinstance(e, NoteClaimed)]
    assert shown == sorted(shown)
    assert len(shown) == 4
    credit.chain.advance(TERM + 1)
    events = credit.execute(*(credit.claimed(note, COIN) for note in notes))
    assert ClaimExecuted(credit.sid, 4 * COIN, 0, 0) in events
    assert not any(isinstance(event, Transfer) for event in events)
