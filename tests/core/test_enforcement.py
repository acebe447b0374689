"""An accepted offer binds, delivery against payment, checkpoints: with the ledger's help, against a silent peer."""

import pytest
from ledger_model import LedgerModel, RevertError
from msgspec.structs import replace
from pair import DOMAIN, FUNDING, METERING, START, TERMS, Party, open_pair, settle_down, trade

from channels_engine.core import effects as fx
from channels_engine.core import inputs, signing
from channels_engine.core.errors import LocalProtocolError, RemoteProtocolError
from channels_engine.core.messages import Checkpoint, EnforceDelivery
from channels_engine.core.state import Phase
from channels_engine.core.typed_data import struct_hash
from channels_engine.core.types import Delivery, Offer

PRICE = 420_000  # 1500 Wh at 280,000 a kWh


def ledger_of(party: Party) -> LedgerModel:
    ledger = LedgerModel(DOMAIN, TERMS, party.opening)
    ledger.known = party.state if party.state.version == 0 else replace(
        party.state, version=0, base=0, balance_a=FUNDING, balance_b=FUNDING
    )  # fmt: skip
    return ledger


def land(ledger: LedgerModel, effect: fx.Effect, *parties: Party, now: int = START) -> None:
    ledger.submit(effect, now)
    for party in parties:
        party.feed(ledger.events[-1], now)


def one(party: Party, kind: type) -> fx.Effect:
    effect: fx.Effect = party.wanted(kind)[-1]
    return effect


def vanished() -> tuple[Party, Party, Offer]:
    """A offered to sell, B accepted, and A is gone: B's proposal fell back."""
    a, b = open_pair()
    trade(a, b)
    made = a.offer()
    settle_down(a, b)
    b.accept(made.id)
    b.ring(START + 40)
    a.inbox.clear()
    b.inbox.clear()
    return a, b, made


def test_an_accepted_offer_is_applied_by_the_ledger_and_paid_out() -> None:
    a, b, made = vanished()
    ledger = ledger_of(a)
    b.enforce(made, START + 41)
    land(ledger, one(b, fx.LedgerEnforceOffer), a, b, now=START + 42)
    assert ledger.known is not None
    assert ledger.known.balance_a == FUNDING + 2 * PRICE
    for party in (a, b):
        assert party.phase is Phase.DISPUTED
        assert party.wanted(fx.LedgerResolve) == []
    b.ring(START + 42 + 600)
    land(ledger, one(b, fx.LedgerFinaliseDisputed), a, b, now=START + 700)
    assert ledger.payout == (FUNDING + 2 * PRICE, FUNDING - 2 * PRICE)
    assert a.phase is b.phase is Phase.CLOSED


def test_what_got_no_answer_stays_without_one() -> None:
    _, b, made = vanished()
    b.enforce(made, START + 41)
    with pytest.raises(LocalProtocolError, match="may still use our signature"):
        b.change(b.state.balance_a, b.state.balance_b + 1, START + 41)


def test_a_refused_acceptance_can_be_enforced_too() -> None:
    a, b = open_pair()
    made = a.offer()
    settle_down(a, b)
    state = b.accept(made.id)
    settle_down(a, b)
    a.feed(inputs.ActionAbortUpdate(state.version, "changed my mind"))
    settle_down(a, b)
    effects = b.enforce(made)
    assert any(isinstance(effect, fx.LedgerEnforceOffer) for effect in effects)
    assert b.endpoint.dropped is None
    assert b.endpoint.enforcing is not None
    with pytest.raises(LocalProtocolError, match="may still take"):
        trade(a, b)
    over = made.valid_until + b.endpoint.policy.expiry_grace_s
    assert trade(a, b, over, valid_until=over + 60), "the offer ran out, and with it our acceptance"


@pytest.mark.parametrize("newer", ["same version", "above"])
def test_what_both_signed_beats_what_the_ledger_made_of_an_offer(newer: str) -> None:
    """B enforces although A countersigned: A's machine answers."""
    a, b, made = vanished()
    ledger = ledger_of(a)
    proposal = b.endpoint.dropped
    assert proposal is not None
    a.feed(
        inputs.ReceiveUpdateRequest(
            made.id, signing.Verified(proposal.state, proposal.signature, b.key.address)
        )
    )
    a.confirm()
    if newer == "same version":
        assert a.state.version == made.base_version + 2
    b.enforce(made, START + 41)
    land(ledger, one(b, fx.LedgerEnforceOffer), a, b, now=START + 42)
    answer = one(a, fx.LedgerResolve)
    land(ledger, answer, a, b, now=START + 43)
    assert a.phase is b.phase is Phase.OPEN
    assert ledger.known == a.state
    settle_down(a, b)
    assert b.state == a.state


def test_a_state_of_the_very_version_of_the_enforced_record_beats_it() -> None:
    """A proposed version v + 1 itself, and B countersigned it before it enforced an offer of version v."""
    a, b = open_pair()
    trade(a, b)  # version 2, by B
    mine = b.offer()
    settle_down(a, b)
    theirs = a.offer()
    settle_down(a, b)
    a.accept(mine.id)  # version 3
    assert a.endpoint.staged is not None
    assert a.endpoint.staged.state.version == 3
    b.receive()
    b.confirm()
    a.receive()
    assert a.state.version == 3
    for party in (a, b):
        party.feed(inputs.LedgerOfferEnforced(struct_hash(theirs), 3, FUNDING, FUNDING, START + 600))
        assert one(party, fx.LedgerResolve).newest.state == party.state  # type: ignore[union-attr]  a resolve
    for party in (a, b):
        party.feed(inputs.LedgerDisputed(3, START + 700))
        assert len(party.wanted(fx.LedgerResolve)) == 1


def test_only_an_accepted_valid_offer_of_the_current_version_is_enforced() -> None:
    a, b, made = vanished()
    with pytest.raises(LocalProtocolError, match="too late"):
        b.enforce(made, START + 301)
    other = replace(made, price_per_kwh=1)
    with pytest.raises(LocalProtocolError, match="not countersigned in time"):
        b.enforce(other, START + 41)
    with pytest.raises(LocalProtocolError, match="not party"):
        b.feed(inputs.ActionEnforceOffer(signing.sign_value(DOMAIN, made, a.key)), START + 41)
    fresh_a, fresh_b = open_pair()
    live = fresh_a.offer()
    settle_down(fresh_a, fresh_b)
    with pytest.raises(LocalProtocolError, match="not countersigned in time"):
        fresh_b.enforce(live)


def test_the_offeror_hears_of_it_and_answers_with_newer_states() -> None:
    a, b, made = vanished()
    proposal = b.endpoint.dropped
    assert proposal is not None
    a.feed(
        inputs.ReceiveUpdateRequest(
            made.id, signing.Verified(proposal.state, proposal.signature, b.key.address)
        )
    )
    a.confirm()
    b.inbox.clear()
    b.enforce(made, START + 41)
    a.receive()
    settle_down(a, b)
    assert b.state == a.state
    assert a.endpoint.enforcing is not None


def test_an_enforced_event_twice_changes_nothing() -> None:
    a, b, made = vanished()
    b.enforce(made, START + 41)
    event = inputs.LedgerOfferEnforced(
        struct_hash(made), 3, FUNDING + 2 * PRICE, FUNDING - 2 * PRICE, START + 642
    )
    b.feed(event)
    before = b.endpoint
    assert b.feed(event) == ()
    assert b.endpoint is before
    (applied,) = b.wanted(fx.NotifyApplied)
    assert (applied.trade.id, applied.version) == (struct_hash(made), 3)
    assert fx.NotifyOverruled() in b.feed(inputs.LedgerResolved(5)), "a newer state without the trade"
    b.feed(event)
    assert fx.NotifyOverruled() not in b.feed(inputs.LedgerFinalised(3, 0, 2 * FUNDING))
    assert fx.NotifyOverruled() in b.feed(inputs.LedgerRolledBack())
    assert a.phase is not Phase.DISPUTED


# Delivery against payment.


def disputed_pair() -> tuple[Party, Party, list[bytes], LedgerModel]:
    """Two trades are sold to B and open; a dispute runs on the state that both hold."""
    a, b = open_pair()
    sold = [trade(a, b), trade(a, b)]
    ledger = ledger_of(a)
    b.dispute()
    b.ring(START + 30)
    land(ledger, one(b, fx.LedgerDispute), a, b, now=START + 31)
    a.inbox.clear()
    b.inbox.clear()
    return a, b, sold, ledger


def test_a_short_delivery_is_refunded_in_the_dispute_once() -> None:
    a, b, sold, ledger = disputed_pair()
    before = b.state.balance_b
    b.show_deliveries((sold[0], 500), now=START + 40)
    (claim,) = b.wanted(fx.LedgerEnforceDelivery)
    land(ledger, claim, a, b, now=START + 41)
    assert ledger.known is not None
    assert ledger.known.balance_b == before + 350_000
    assert b.wanted(fx.NotifyEnforced) == [fx.NotifyEnforced(sold[0], 500, 350_000)]
    with pytest.raises(RevertError, match="twice"):
        ledger.submit(claim, START + 42)
    b.show_deliveries((sold[0], 500), now=START + 43)
    assert len(b.wanted(fx.LedgerEnforceDelivery)) == 1
    b.ring(START + 700)
    land(ledger, one(b, fx.LedgerFinaliseDisputed), a, b, now=START + 700)
    assert ledger.payout == (FUNDING + 2 * PRICE - 350_000, FUNDING - 2 * PRICE + 350_000)


def test_the_seller_claims_nothing_and_full_deliveries_neither() -> None:
    a, b, sold, _ = disputed_pair()
    a.show_deliveries((sold[0], 500), now=START + 40)
    assert a.wanted(fx.LedgerEnforceDelivery) == []
    b.receive(START + 40)
    assert [c.delivery.delivery.trade for c in b.wanted(fx.LedgerEnforceDelivery)] == [sold[0]]
    b.show_deliveries((sold[1], 1500), now=START + 41)
    assert {c.delivery.delivery.trade for c in b.wanted(fx.LedgerEnforceDelivery)} == {sold[0]}


def test_deliveries_of_a_settlement_that_got_no_answer_are_claimed_by_the_machine() -> None:
    a, b = open_pair()
    sold = trade(a, b)
    b.settle((sold, 0))
    b.ring(START + 200)
    ledger = ledger_of(a)
    b.dispute(START + 201)
    b.ring(START + 232)
    land(ledger, one(b, fx.LedgerDispute), a, b, now=START + 233)
    (claim,) = b.wanted(fx.LedgerEnforceDelivery)
    land(ledger, claim, b, now=START + 234)
    assert ledger.known is not None
    assert ledger.known.balance_b == FUNDING - PRICE + 525_000


def test_a_settled_trade_is_not_refunded_again() -> None:
    a, b = open_pair()
    sold = [trade(a, b), trade(a, b)]
    b.settle((sold[0], 0))
    settle_down(a, b)
    a.confirm()
    settle_down(a, b)
    assert b.endpoint.metered == ()
    ledger = ledger_of(a)
    b.dispute()
    b.ring(START + 30)
    land(ledger, one(b, fx.LedgerDispute), a, b, now=START + 31)
    with pytest.raises(LocalProtocolError, match="not open here"):
        b.show_deliveries((sold[0], 0), now=START + 40)
    b.show_deliveries((sold[1], 0), now=START + 40)
    (claim,) = b.wanted(fx.LedgerEnforceDelivery)
    first = b.peer.endpoint.tree
    assert first.size == 2
    stolen = replace(
        claim,
        offer=replace(claim.offer, base_version=0),
        delivery=replace(claim.delivery, delivery=replace(claim.delivery.delivery, trade=sold[0])),
    )
    with pytest.raises(RevertError):
        ledger.submit(stolen, START + 41)
    ledger.submit(claim, START + 41)


def test_a_newer_state_takes_the_place_of_refunds() -> None:
    """B disputes with an old state and has it refunded; A answers with the newest, where nothing was refunded."""
    a, b = open_pair()
    sold = trade(a, b)
    backup = b.endpoint
    trade(a, b)
    b.view = backup
    ledger = ledger_of(a)
    b.keeper = type(b.keeper)()
    b.dispute()
    b.ring(START + 30)
    land(ledger, one(b, fx.LedgerDispute), a, b, now=START + 31)
    b.show_deliveries((sold, 0), now=START + 32)
    land(ledger, one(b, fx.LedgerEnforceDelivery), a, b, now=START + 33)
    land(ledger, one(a, fx.LedgerResolve), a, b, now=START + 34)
    assert ledger.known == a.state
    assert a.phase is Phase.OPEN
    assert a.endpoint.open_trades[0].id == sold


def test_an_enforced_offer_is_delivered_or_refunded_too() -> None:
    a, b, made = vanished()
    ledger = ledger_of(a)
    b.enforce(made, START + 41)
    land(ledger, one(b, fx.LedgerEnforceOffer), a, b, now=START + 42)
    b.show_deliveries((struct_hash(made), 0), now=START + 50)
    (claim,) = b.wanted(fx.LedgerEnforceDelivery)
    land(ledger, claim, a, b, now=START + 51)
    assert ledger.known is not None
    assert ledger.known.balance_b == FUNDING - 2 * PRICE + 525_000


def test_what_was_sold_before_an_enforced_offer_is_refunded_in_its_dispute() -> None:
    a, b, made = vanished()
    (sold,) = b.endpoint.open_trades
    ledger = ledger_of(a)
    b.enforce(made, START + 41)
    land(ledger, one(b, fx.LedgerEnforceOffer), a, b, now=START + 42)
    b.show_deliveries((sold.id, 0), (struct_hash(made), 1500), now=START + 50)
    (claim,) = b.wanted(fx.LedgerEnforceDelivery)
    land(ledger, claim, a, b, now=START + 51)
    assert ledger.known is not None
    assert ledger.known.balance_b == FUNDING - 2 * PRICE + 525_000


def test_only_the_meter_says_what_was_delivered() -> None:
    a, b, sold, _ = disputed_pair()
    forged = signing.sign_value(DOMAIN, Delivery(b.endpoint.channel, sold[0], 0), b.key)
    with pytest.raises(LocalProtocolError, match="metering key"):
        b.feed(inputs.ActionEnforceDelivery((forged,)))
    with pytest.raises(RemoteProtocolError, match="metering key"):
        a.feed(inputs.ReceiveEnforceDelivery((forged,)))
    too_much = signing.sign_value(DOMAIN, Delivery(b.endpoint.channel, sold[0], 1501), METERING)
    with pytest.raises(LocalProtocolError, match="More was delivered"):
        b.feed(inputs.ActionEnforceDelivery((too_much,)))


def test_deliveries_of_unknown_trades_are_left_out_when_they_come_late() -> None:
    a, b, sold, _ = disputed_pair()
    b.show_deliveries((sold[0], 0), now=START + 40)
    body = a.inbox.pop()
    assert isinstance(body, EnforceDelivery)
    fresh, _ = open_pair()
    fresh.take(body)
    assert fresh.endpoint.metered == ()


# Checkpoints.


def test_a_checkpoint_makes_older_states_worthless() -> None:
    a, b = open_pair()
    trade(a, b)
    old = a.endpoint.current
    trade(a, b)
    ledger = ledger_of(a)
    a.checkpoint()
    assert b.inbox.pop() == Checkpoint(a.state.version)
    land(ledger, one(a, fx.LedgerCheckpoint), a, b)
    assert a.endpoint.ledger_version == a.state.version
    assert old is not None
    consent = signing.sign_value(DOMAIN, inputs.DisputeRequest(a.endpoint.channel, old.state.version), b.key)
    with pytest.raises(RevertError):
        ledger.submit(fx.LedgerDispute(old, consent.signature, old.state.version), START)
    with pytest.raises(LocalProtocolError, match="knows this state already"):
        a.checkpoint()
    trade(b, a)
    a.checkpoint()


def test_a_checkpoint_above_ours_tells_that_we_lost_data() -> None:
    a, b = open_pair()
    trade(a, b)
    backup = a.endpoint
    trade(a, b)
    a.view = backup
    b.checkpoint()
    a.inbox.clear()
    a.feed(inputs.LedgerCheckpointed(b.state.version, b.state.balance_a, b.state.balance_b))
    with pytest.raises(LocalProtocolError, match="knows a newer state"):
        a.change(a.state.balance_a + 1, a.state.balance_b)
    settle_down(a, b)
    assert a.state == b.state


@pytest.mark.parametrize("version", [0, 9])
def test_only_a_signed_state_is_recorded(version: int) -> None:
    a, _ = open_pair()
    with pytest.raises(LocalProtocolError):
        a.feed(inputs.ActionCheckpoint(version))
