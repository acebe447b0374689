"""Top-up and withdrawal while a channel stays open."""

import pytest
from ledger_model import LedgerModel, RevertError
from msgspec.structs import replace
from pair import DOMAIN, FUNDING, PERMIT, START, TERMS, Party, open_pair, settle_down, trade

from channels_engine.core import effects as fx
from channels_engine.core import inputs, merkle, negotiation, signing
from channels_engine.core.errors import (
    LedgerProtocolError,
    LocalProtocolError,
    RemoteProtocolError,
    SignatureError,
)
from channels_engine.core.keeper import Keeper
from channels_engine.core.messages import FundingAnswer, FundingConfirm, Permit, UpdateAbort
from channels_engine.core.state import Phase, Policy
from channels_engine.core.types import FundingChange, Side

MORE = 3_000_000


def ledger_of(party: Party) -> LedgerModel:
    ledger = LedgerModel(DOMAIN, TERMS, party.opening)
    ledger.known = party.state
    return ledger


def land(ledger: LedgerModel, effect: fx.Effect, *parties: Party, now: int = START) -> None:
    ledger.submit(effect, now)
    for party in parties:
        party.feed(ledger.events[-1], now)


def agreed(a: Party, b: Party, to_a: int, to_b: int, now: int = START) -> fx.LedgerChangeFunding:
    """Both sign a change that A asks for; B's machine brings it to the ledger."""
    a.change(to_a, to_b, now)
    settle_down(a, b, now)
    b.agree(now)
    settle_down(a, b, now)
    (effect,) = b.wanted(fx.LedgerChangeFunding)[-1:]
    assert isinstance(effect, fx.LedgerChangeFunding)
    return effect


def test_a_top_up_makes_the_channel_larger_and_it_trades_on() -> None:
    a, b = open_pair()
    trade(a, b)
    before, ledger = a.state, ledger_of(a)
    effect = agreed(a, b, before.balance_a + MORE, before.balance_b)
    assert a.phase is b.phase is Phase.CHANGING
    assert effect.permits == (PERMIT, None)
    land(ledger, effect, a, b)
    for party in (a, b):
        assert party.phase is Phase.OPEN
        assert (party.state.balance_a, party.state.balance_b) == (before.balance_a + MORE, before.balance_b)
        assert party.state.trades_root == before.trades_root
        assert party.endpoint.open_trades
        assert party.wanted(fx.NotifyFunded) == [
            fx.NotifyFunded(effect.change.version, before.balance_a + MORE, before.balance_b)
        ]
    assert a.endpoint.current == b.endpoint.current
    trade(b, a)
    assert a.state == b.state
    assert a.state.balance_a + a.state.balance_b == 2 * FUNDING + MORE
    assert a.state.base == effect.change.version


def test_earned_money_can_be_withdrawn_while_the_channel_stays_open() -> None:
    a, b = open_pair()
    sold = trade(a, b)
    a.settle((sold, 1500))
    settle_down(a, b)
    b.confirm()
    settle_down(a, b)
    assert a.state.balance_a > FUNDING
    effect = agreed(a, b, 0, b.state.balance_b)
    land(ledger_of(a), effect, a, b)
    assert (a.state.balance_a, a.state.balance_b) == (0, FUNDING - 420_000)
    trade(a, b)
    assert a.state.balance_a == 420_000


def test_a_seller_leaves_what_its_open_trades_may_refund() -> None:
    a, b = open_pair()
    trade(a, b)
    due = 525_000  # 1500 Wh at the imbalance price of 350,000
    with pytest.raises(LocalProtocolError, match="must leave 525000"):
        a.change(due - 1, b.state.balance_b)
    with pytest.raises(LocalProtocolError, match="must leave"):
        b.change(0, b.state.balance_b)
    effect = agreed(a, b, due, 0)
    land(ledger_of(a), effect, a, b)
    assert (a.state.balance_a, a.state.balance_b) == (due, 0)


def test_a_peer_can_not_take_out_what_it_may_owe() -> None:
    a, b = open_pair()
    trade(a, b)
    state = a.state
    change = FundingChange(
        state.channel, 7, state.version, state.balance_a, state.balance_b, 1, state.balance_b,
        state.energy_to_a, state.energy_to_b, state.trades_root, START + 600,
    )  # fmt: skip
    b.feed(inputs.ReceiveFundingRequest(signing.sign_value(DOMAIN, change, a.key)))
    assert b.phase is Phase.OPEN
    assert a.inbox.pop() == UpdateAbort(7, "refunds_at_risk")


@pytest.mark.parametrize(
    "lie",
    [
        {"balance_a": FUNDING + 1, "balance_b": FUNDING - 1},
        {"energy_to_a": 5},
        {"trades_root": bytes(32)},
    ],
)
def test_nothing_but_the_exact_settlement_is_signed(lie: dict[str, int]) -> None:
    a, b = open_pair()
    trade(a, b)
    wanted = negotiation.next_change(a.endpoint, a.state.balance_a + 1, a.state.balance_b, START + 600)
    wrong = signing.sign_value(DOMAIN, replace(wanted, **lie), a.key)
    with pytest.raises(LocalProtocolError, match="not the one that follows"):
        a.feed(inputs.ActionRequestFunding(wrong, PERMIT))
    with pytest.raises(RemoteProtocolError, match="not the one that follows"):
        b.feed(inputs.ReceiveFundingRequest(wrong, PERMIT))


def test_from_the_signature_on_nothing_else_is_signed_or_answered() -> None:
    a, b = open_pair()
    b.offer()
    settle_down(a, b)
    a.change(FUNDING + MORE, FUNDING)
    for act in (a.offer, a.close, lambda: a.change(FUNDING, FUNDING + 1)):
        with pytest.raises(LocalProtocolError):
            act()
    refused = b.offer(now=START)
    assert a.phase is Phase.CHANGING
    with pytest.raises(RemoteProtocolError, match="can't happen"):
        a.receive()
    b.feed(inputs.ActionWithdraw(refused.id))


def test_a_trade_that_crosses_a_change_is_refused_and_the_change_waits() -> None:
    a, b = open_pair()
    made = a.offer()
    settle_down(a, b)
    a.change(FUNDING + MORE, FUNDING)
    b.accept(made.id)
    b.receive()
    a.receive()
    assert UpdateAbort(2, "changing") in b.inbox
    settle_down(a, b)
    assert b.endpoint.staged is None
    assert [item.state.version for item in b.endpoint.refused] == [2]
    assert a.phase is Phase.CHANGING
    assert a.state.version == b.state.version == 0


def test_crossing_changes_refuse_each_other_until_they_lapse() -> None:
    a, b = open_pair()
    a.change(FUNDING + MORE, FUNDING)
    b.change(FUNDING, FUNDING + MORE)
    settle_down(a, b)
    for party in (a, b):
        assert party.phase is Phase.CHANGING
        party.feed(inputs.LedgerTimePassed(START + 601))
        assert party.phase is Phase.OPEN
    trade(a, b)


def test_a_change_lapses_by_the_ledgers_clock_alone() -> None:
    a, b = open_pair()
    effect = agreed(a, b, FUNDING + MORE, FUNDING)
    until = effect.change.valid_until
    for party in (a, b):
        party.ring(until + 500)
        party.feed(inputs.LedgerTimePassed(until), until + 500)
        assert party.phase is Phase.CHANGING
    with pytest.raises(RevertError):
        ledger_of(a).submit(effect, until + 1)
    for party in (a, b):
        party.feed(inputs.LedgerTimePassed(until + 1), until + 500)
        assert party.phase is Phase.OPEN
        assert party.state.version == 0
    trade(a, b)
    assert a.state.balance_a + a.state.balance_b == 2 * FUNDING
    assert a.state.version > effect.change.version


def test_a_refusal_frees_nobody_who_signed() -> None:
    a, b = open_pair()
    wanted = a.change(FUNDING + MORE, FUNDING)
    b.receive()
    b.feed(inputs.ActionAbortUpdate(wanted.version, "not now"))
    settle_down(a, b)
    assert (a.phase, b.phase) == (Phase.CHANGING, Phase.OPEN)
    assert any("refuses" in note.reason for note in a.wanted(fx.NotifyPhase))
    proof = signing.sign_value(DOMAIN, wanted, b.key)
    a.feed(inputs.ReceiveFundingConfirm(proof))
    a.ring(a.endpoint.wake_at or 0)
    (effect,) = a.wanted(fx.LedgerChangeFunding)
    land(ledger_of(a), effect, a, b)
    assert a.state == b.state
    assert a.phase is b.phase is Phase.OPEN


def test_the_proposer_brings_the_change_if_the_peer_does_not() -> None:
    a, b = open_pair()
    agreed(a, b, FUNDING + MORE, FUNDING)
    assert a.wanted(fx.LedgerChangeFunding) == []
    assert a.endpoint.wake_at == START + 60
    a.ring(START + 60)
    (effect,) = a.wanted(fx.LedgerChangeFunding)
    land(ledger_of(a), effect, a, b, now=START + 60)
    a.feed(inputs.LedgerFundingChanged(1, 5, 5, 5, 5))  # twice: changes nothing


def test_a_countersigner_may_think_until_there_is_no_time_to_land() -> None:
    a, b = open_pair()
    a.change(FUNDING + MORE, FUNDING)
    b.receive()
    assert b.endpoint.wake_at == START + 540
    with pytest.raises(LocalProtocolError, match="could be confirmed"):
        b.agree(START + 540)
    b.ring(START + 540)
    assert b.phase is Phase.OPEN


@pytest.mark.parametrize("until", [START + 60, START + 3601, START + 40 * 86400])
def test_a_change_has_time_to_land_and_stops_the_channel_for_an_hour_at_most(until: int) -> None:
    a, b = open_pair()
    wanted = negotiation.next_change(a.endpoint, FUNDING + 1, FUNDING, until)
    with pytest.raises(LocalProtocolError, match="must be valid until"):
        a.feed(inputs.ActionRequestFunding(a.sign(wanted), PERMIT))
    b.feed(inputs.ReceiveFundingRequest(signing.sign_value(DOMAIN, wanted, a.key), PERMIT))
    assert b.endpoint.staged is None


def test_who_puts_in_shows_a_permit_and_nobody_else_does() -> None:
    a, b = open_pair()
    wanted = negotiation.next_change(a.endpoint, FUNDING + 1, FUNDING - 1, START + 600)
    proof = a.sign(wanted)
    with pytest.raises(LocalProtocolError, match="shows a permit"):
        a.feed(inputs.ActionRequestFunding(proof))
    a.feed(inputs.ActionRequestFunding(proof, PERMIT))
    b.receive()
    with pytest.raises(LocalProtocolError, match="shows a permit"):
        b.feed(inputs.ActionConfirmFunding(b.sign(wanted), Permit(0, bytes(65))))


def test_a_change_is_no_state_and_a_state_no_change() -> None:
    a, b = open_pair()
    wanted = a.change(FUNDING + MORE, FUNDING)
    b.receive()
    staged = b.endpoint.staged
    assert staged is not None
    with pytest.raises(LocalProtocolError, match="Sign the staged state"):
        b.feed(inputs.ActionConfirm(signing.sign_value(DOMAIN, staged.state, b.key)))
    with pytest.raises(SignatureError):
        signing.verify(DOMAIN, staged.state, staged.signature, a.key.address)
    other = replace(wanted, funding_a=FUNDING + MORE + 1)
    with pytest.raises(LocalProtocolError, match="nothing else"):
        b.feed(inputs.ActionConfirmFunding(signing.sign_value(DOMAIN, other, b.key)))
    with pytest.raises(RemoteProtocolError, match="awaits an answer"):
        a.feed(inputs.ReceiveFundingConfirm(signing.sign_value(DOMAIN, other, b.key)))


def test_a_dispute_meanwhile_is_answered_and_the_change_goes_on_after_it() -> None:
    a, b = open_pair()
    trade(a, b)
    ledger = ledger_of(a)
    effect = agreed(a, b, a.state.balance_a + 1, a.state.balance_b)
    for party in (a, b):
        party.feed(inputs.LedgerDisputed(0, START + 600))
        assert party.phase is Phase.DISPUTED
        assert party.wanted(fx.LedgerResolve)[-1].newest.state == party.state
    for party in (a, b):
        party.feed(inputs.LedgerResolved(a.state.version))
        assert party.phase is Phase.CHANGING
        assert party.wanted(fx.LedgerChangeFunding)[-1] == effect
    land(ledger, effect, a, b)
    assert a.phase is b.phase is Phase.OPEN


def test_after_a_change_nothing_older_is_shown_and_a_dispute_is_about_the_change() -> None:
    a, b = open_pair()
    trade(a, b)
    ledger = ledger_of(a)
    effect = agreed(a, b, a.state.balance_a + 1, a.state.balance_b)
    land(ledger, effect, a, b)
    a.dispute()
    settle_down(a, b)
    a.ring(START + 30)
    (dispute,) = a.wanted(fx.LedgerDispute)
    assert dispute.version == effect.change.version
    land(ledger, dispute, a, b, now=START + 31)
    assert a.wanted(fx.LedgerResolve) == b.wanted(fx.LedgerResolve) == []
    b.ring(START + 31 + 600)
    land(ledger, b.wanted(fx.LedgerFinaliseDisputed)[-1], a, b, now=START + 700)
    assert ledger.payout == (a.state.balance_a, a.state.balance_b)
    assert a.phase is b.phase is Phase.CLOSED


def test_the_ledger_must_settle_what_it_held() -> None:
    a, b = open_pair()
    effect = agreed(a, b, FUNDING + MORE, FUNDING)
    version = effect.change.version
    with pytest.raises(LedgerProtocolError, match="it held"):
        a.feed(inputs.LedgerFundingChanged(version, FUNDING, FUNDING + 1, FUNDING + MORE, FUNDING))
    land(ledger_of(a), effect, a, b)
    with pytest.raises(LedgerProtocolError, match="it held"):
        a.feed(inputs.LedgerFinalised(version, FUNDING, FUNDING))


def test_who_lost_the_change_learns_it_from_the_ledger_and_the_peer() -> None:
    a, b = open_pair()
    trade(a, b)
    backup = a.endpoint
    effect = agreed(a, b, a.state.balance_a + MORE, a.state.balance_b)
    a.view = backup
    ledger = ledger_of(b)
    land(ledger, effect, a, b)
    assert a.endpoint.history_lost
    assert a.state.balance_a == backup.current.state.balance_a + MORE  # type: ignore[union-attr]  open before
    settle_down(a, b)
    assert not a.endpoint.history_lost
    assert a.endpoint.current == b.endpoint.current
    assert a.endpoint.funded == b.endpoint.funded
    trade(b, a)
    assert a.state == b.state


def test_an_answer_about_another_change_is_worth_nothing() -> None:
    a, b = open_pair()
    effect = agreed(a, b, FUNDING + MORE, FUNDING)
    land(ledger_of(a), effect, a, b)
    other = replace(effect.change, version=9, funding_a=1)
    signatures = [signing.sign_value(DOMAIN, other, party.key).signature for party in (a, b)]
    before = a.endpoint
    a.take(FundingAnswer(other, *signatures))
    assert a.endpoint is before
    mixed = FundingAnswer(effect.change, signatures[0], signatures[1])
    with pytest.raises(SignatureError):
        a.take(mixed)


def test_a_late_answer_completes_what_we_signed() -> None:
    a, b = open_pair()
    wanted = a.change(FUNDING + MORE, FUNDING)
    signatures = [signing.sign_value(DOMAIN, wanted, party.key).signature for party in (a, b)]
    a.take(FundingAnswer(wanted, *signatures))
    a.ring(START)
    (effect,) = a.wanted(fx.LedgerChangeFunding)
    land(ledger_of(a), effect, a, b)
    assert a.phase is Phase.OPEN


def test_a_final_state_and_a_change_exclude_each_other() -> None:
    a, b = open_pair()
    a.close()
    b.receive()
    b.feed(inputs.ActionAbortUpdate(1, "no"))
    settle_down(a, b)
    wanted = negotiation.next_change(a.endpoint, FUNDING + 1, FUNDING, START + 600, a.top)
    proof = signing.sign_value(DOMAIN, wanted, a.key)
    with pytest.raises(LocalProtocolError, match="final state"):
        a.feed(inputs.ActionRequestFunding(proof, PERMIT))
    with pytest.raises(LocalProtocolError, match="final state"):
        a.sign(wanted)


def test_a_confirmation_twice_changes_nothing() -> None:
    a, b = open_pair()
    effect = agreed(a, b, FUNDING + MORE, FUNDING)
    again = FundingConfirm(effect.change.version, effect.signatures[1])
    before = a.endpoint
    a.take(again)
    assert a.endpoint is before
    land(ledger_of(a), effect, a, b)
    before = a.endpoint
    a.take(again)
    assert a.endpoint is before


def test_an_unanswered_proposal_comes_first() -> None:
    a, b = open_pair(Policy(update_timeout_s=5))
    made = a.offer()
    settle_down(a, b)
    b.accept(made.id)
    b.ring(START + 15)
    with pytest.raises(LocalProtocolError, match="may still use our signature"):
        b.change(FUNDING, FUNDING + 1)


# What a key kept apart from the machine remembers.


def keeper_with_change() -> tuple[Keeper, FundingChange]:
    a, _ = open_pair()
    wanted = negotiation.next_change(a.endpoint, FUNDING + MORE, FUNDING, START + 600)
    return Keeper().after(wanted), wanted


def test_a_keeper_signs_nothing_beside_a_change_that_may_land() -> None:
    keeper, wanted = keeper_with_change()
    a, _ = open_pair()
    state = replace(a.state, version=5, base=0)
    for time in (0, START + 600):
        with pytest.raises(LocalProtocolError, match="takes until"):
            keeper.after(state, time)
        with pytest.raises(LocalProtocolError, match="takes until"):
            keeper.after(replace(wanted, version=5), time)
    assert keeper.after(state, START + 601).change is None
    assert keeper.after(replace(wanted, version=5), START + 601).highest == 5


def test_a_keeper_wants_the_sum_of_the_change_on_top_of_it() -> None:
    keeper, wanted = keeper_with_change()
    a, _ = open_pair()
    state = replace(a.state, version=5, base=wanted.version)
    with pytest.raises(LocalProtocolError, match="does not sum"):
        keeper.after(state)
    on_top = keeper.after(replace(state, balance_a=FUNDING + MORE))
    with pytest.raises(LocalProtocolError, match="does not sum"):
        on_top.after(replace(state, version=7, base=5))


def test_the_root_and_trades_stay_through_a_change() -> None:
    a, b = open_pair()
    sold = trade(a, b)
    effect = agreed(a, b, a.state.balance_a + MORE, a.state.balance_b)
    land(ledger_of(a), effect, a, b)
    listed = merkle.open_list(a.endpoint.open_trades)
    assert a.state.trades_root == merkle.trades_root(a.endpoint.tree, listed)
    b.settle((sold, 0))
    settle_down(a, b)
    a.confirm()
    settle_down(a, b)
    assert a.state.balance_b == FUNDING - 420_000 + 525_000
    assert a.endpoint.open_trades == ()
    assert a.side is Side.A


def rolled_back(a: Party, b: Party) -> None:
    """A reorganisation takes everything back; the opening is told again."""
    for party in (a, b):
        for event in (inputs.LedgerRolledBack(), inputs.LedgerOpened()):
            party.feed(event)


def test_a_change_that_a_reorganisation_takes_back_waits_for_the_ledger_again() -> None:
    a, b = open_pair()
    trade(a, b)
    ledger = ledger_of(a)
    effect = agreed(a, b, a.state.balance_a + MORE, a.state.balance_b)
    land(ledger, effect, a, b)
    rolled_back(a, b)
    for party in (a, b):
        assert party.phase is Phase.CHANGING
        assert party.wanted(fx.LedgerChangeFunding)[-1].change == effect.change
        party.feed(ledger.events[-1])
        assert party.phase is Phase.OPEN
        assert party.endpoint.pledge is None
    trade(b, a)
    assert a.state == b.state


def test_what_a_lost_change_replaced_counts_again() -> None:
    a, b = open_pair()
    trade(a, b)
    before = a.endpoint
    effect = agreed(a, b, a.state.balance_a + MORE, a.state.balance_b)
    land(ledger_of(a), effect, a, b)
    trade(a, b)
    rolled_back(a, b)
    for party in (a, b):
        party.feed(inputs.LedgerTimePassed(effect.change.valid_until + 1))
        assert party.phase is Phase.OPEN
        assert party.endpoint.current == before.current
        assert party.endpoint.open_trades == before.open_trades
        assert party.endpoint.funded is None
    trade(a, b)
    assert a.state == b.state
    assert a.state.balance_a + a.state.balance_b == 2 * FUNDING
