"""Whoever is overtaken on the ledger is neither made a stale disputer nor left waiting (found by docs/formal)."""

from contextlib import suppress

import pytest
from ledger_model import LedgerModel, RevertError
from pair import DOMAIN, START, TERMS, Party, open_pair, settle_down, trade

from channels_engine.core import effects as fx
from channels_engine.core import inputs, signing
from channels_engine.core.errors import LocalProtocolError
from channels_engine.core.evidence import ledger_ready
from channels_engine.core.rules import opening_state
from channels_engine.core.state import CoSigned, Phase


def tell(ledger: LedgerModel, since: int, now: int, *parties: Party) -> None:
    for event in ledger.events[since:]:
        for party in parties:
            party.feed(event, now)


def test_a_consent_whose_transaction_was_overtaken_is_not_traded_on_top_of() -> None:
    a, b = open_pair()
    ledger = LedgerModel(DOMAIN, TERMS, a.opening)
    ledger.submit(b.wanted(fx.LedgerOpenChannel)[0], START)
    trade(a, b)
    a.dispute()
    a.ring(START + 30)
    (dispute,) = a.wanted(fx.LedgerDispute)  # public, not mined
    start = opening_state(ledger.channel, a.opening)
    own = signing.sign_value(DOMAIN, inputs.DisputeRequest(ledger.channel, 0), b.key).signature
    since = len(ledger.events)
    ledger.submit(fx.LedgerDispute(CoSigned(start, b"", b""), own, 0), START + 31)
    with pytest.raises(RevertError):
        ledger.submit(dispute, START + 31)
    tell(ledger, since, START + 32, a, b)
    since = len(ledger.events)
    ledger.submit(
        a.wanted(fx.LedgerResolve)[0], START + 33
    )  # with the very version that A consented to dispute
    tell(ledger, since, START + 34, a, b)
    a.inbox.clear()
    b.inbox.clear()
    with pytest.raises(LocalProtocolError, match="may still take a dispute"):
        trade(a, b, START + 40)
    ledger.submit(dispute, START + 50)  # sent again, by B
    with suppress(RevertError):
        ledger.submit(fx.LedgerResolve(b.endpoint.current), START + 51)
    assert ledger.stale == [0, 0]


def test_a_dispute_that_a_checkpoint_made_impossible_is_not_waited_for() -> None:
    a, b = open_pair()
    ledger = LedgerModel(DOMAIN, TERMS, a.opening)
    ledger.submit(b.wanted(fx.LedgerOpenChannel)[0], START)
    made = b.offer()
    settle_down(a, b)
    a.accept(made.id)
    b.receive()
    b.confirm()
    a.inbox.clear()  # B keeps its countersignature
    a.ring(START + 60)
    a.dispute(START + 60)
    a.ring(START + 90)
    (dispute,) = a.wanted(fx.LedgerDispute)
    since = len(ledger.events)
    ledger.submit(fx.LedgerCheckpoint(b.endpoint.current), START + 91)
    tell(ledger, since, START + 92, a)
    with pytest.raises(RevertError):
        ledger.submit(dispute, START + 93)
    assert a.phase is not Phase.DISPUTED or a.endpoint.wake_at is not None


@pytest.mark.parametrize("b_accepts", [True, False])
def test_an_acceptance_on_its_way_to_the_ledger_is_not_traded_on_top_of(*, b_accepts: bool) -> None:
    """B enforces; before that is mined A countersigns late after all, trades on, and lets the transaction land."""
    a, b = open_pair()
    ledger = LedgerModel(DOMAIN, TERMS, a.opening)
    ledger.submit(b.wanted(fx.LedgerOpenChannel)[0], START)
    made = a.offer()
    settle_down(a, b)
    state = b.accept(made.id)
    request = a.inbox.popleft()
    b.ring(START + 40)
    b.enforce(made, START + 41)
    (enforce,) = b.wanted(fx.LedgerEnforceOffer)
    a.take(request, START + 5)
    a.confirm(START + 6)
    a.inbox.clear()
    settle_down(a, b, START + 42)
    assert a.state == b.state == state
    with pytest.raises(LocalProtocolError, match="may still take"):
        trade(*((a, b) if b_accepts else (b, a)), START + 43)
    ledger.submit(enforce, START + 45)
    ledger.submit(fx.LedgerResolve(ledger_ready(a.endpoint)), START + 46)
    assert ledger.stale == [0, 0]
