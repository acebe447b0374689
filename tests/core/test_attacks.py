"""Hypothesis looks for a way around the protocol's invariants.

`HostileRelay`: two honest parties, and an attacker who owns all that lies between them: it delays, reorders,
repeats and forges. `Mallory`: one honest party against one that owns the other key and forgets what it likes.
"""

from collections import defaultdict
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from ledger_model import LedgerModel, RevertError
from msgspec.structs import asdict, replace
from pair import DOMAIN, FUNDING, START, TERMS, Party, open_pair

from channels_engine.core import effects as fx
from channels_engine.core import inputs, messages, negotiation, signing
from channels_engine.core.errors import LocalProtocolError, ProtocolError
from channels_engine.core.keeper import Keeper
from channels_engine.core.rules import balance_of, earliest_due, same_payout
from channels_engine.core.state import CoSigned, Endpoint, Phase
from channels_engine.core.typed_data import digest
from channels_engine.core.types import ChannelState, Side

SIDES = st.sampled_from(list(Side))
INDEX = st.integers(0, 10**6)
EXPIRY = START + 4000
LEDGER_EFFECTS = (fx.LedgerDispute, fx.LedgerFinalise, fx.LedgerResolve, fx.LedgerFinaliseDisputed)
SIGNED_PARTS: defaultdict[type, tuple[str, ...]] = defaultdict(
    tuple,
    {
        messages.OfferMade: ("offer",),
        messages.Counter: ("offer",),
        messages.UpdateRequest: ("state",),
        messages.SettleRequest: ("state",),
        messages.CloseRequest: ("state",),
        messages.DisputeAnswer: ("state",),
    },
)
UNSIGNED = (
    lambda party, version: messages.UpdateAbort(version, "forged"),
    lambda party, version: messages.UpdateFallback(version),
    lambda party, version: messages.DisputeRaise(version, "forged"),
    lambda party, version: messages.OpenAbort("forged"),
    lambda party, version: messages.Reject(first_offer(party), "forged"),
    lambda party, version: messages.Withdraw(first_offer(party)),
)


def first_offer(party: Party) -> bytes:
    return party.endpoint.offers[0].offer.id if party.endpoint.offers else bytes(32)


class Trading(RuleBasedStateMachine):
    """What honest users do, time, and the ledger; both machines below build on it."""

    honest: tuple[Side, ...] = tuple(Side)

    def __init__(self) -> None:
        super().__init__()
        self.parties = open_pair(expiry=EXPIRY)
        self.ledger = LedgerModel(DOMAIN, TERMS, self.parties[0].opening)
        self.now = START
        self.pending: tuple[list[Any], list[Any]] = ([], [])
        self.history: list[Any] = []
        self.mined = [0, 0]
        self.told = 0
        (opened,) = self.parties[1].wanted(fx.LedgerOpenChannel)
        self.ledger.submit(opened, START)
        self.told = len(self.ledger.events)
        self.newest = [0, 0]

    def collect(self) -> None:
        """Take what was sent off the parties' hands: it is the relay's now."""
        for party in self.parties:
            while party.inbox:
                self.pending[party.side].append(party.inbox[0])
                self.history.append(party.inbox.popleft())

    def feed(self, party: Party, change: inputs.Input) -> None:
        party.feed(change, self.now)
        self.collect()

    @rule(side=SIDES, sells=st.booleans(), energy=st.integers(1, 40_000), price=st.integers(0, 400_000))
    def offer(self, *, side: Side, sells: bool, energy: int, price: int) -> None:
        with suppress(LocalProtocolError):
            self.parties[side].offer(
                self.now,
                offeror_sells=sells,
                quantity_wh=energy,
                price_per_kwh=price,
            )
        self.collect()

    @rule(side=SIDES, pick=INDEX)
    def accept(self, side: Side, pick: int) -> None:
        party = self.parties[side]
        live = [item for item in party.endpoint.offers if item.offeror is side.other]
        if live:
            with suppress(LocalProtocolError):
                party.accept(live[pick % len(live)].offer.id, self.now)
        self.collect()

    @rule(side=SIDES)
    def confirm(self, side: Side) -> None:
        party, staged = self.parties[side], self.parties[side].endpoint.staged
        if staged is not None and staged.proposer is not side:
            with suppress(LocalProtocolError):
                party.confirm(self.now)
        self.collect()

    @rule(side=SIDES)
    def abort(self, side: Side) -> None:
        staged = self.parties[side].endpoint.staged
        if staged is not None and staged.proposer is not side:
            self.feed(self.parties[side], inputs.ActionAbortUpdate(staged.state.version, "no"))

    @rule(side=SIDES, pick=INDEX)
    def withdraw_or_reject(self, side: Side, pick: int) -> None:
        offers = self.parties[side].endpoint.offers
        if offers:
            live = offers[pick % len(offers)]
            kind = inputs.ActionWithdraw if live.offeror is side else inputs.ActionReject
            self.feed(self.parties[side], kind(live.offer.id))

    @rule(side=SIDES, count=st.integers(1, 3), percent=st.integers(0, 100))
    def settle(self, side: Side, count: int, percent: int) -> None:
        party = self.parties[side]
        delivered = [(trade.id, trade.quantity_wh * percent // 100) for trade in party.endpoint.open_trades]
        with suppress(LocalProtocolError):
            party.settle(*delivered[:count], now=self.now)
        self.collect()

    @rule(side=SIDES)
    def close(self, side: Side) -> None:
        with suppress(LocalProtocolError):
            self.parties[side].close(self.now)
        self.collect()

    @rule(side=SIDES)
    def dispute(self, side: Side) -> None:
        party = self.parties[side]
        if party.endpoint.dispute_due is None and party.phase in (Phase.OPEN, Phase.STAGED):
            party.dispute(self.now)
        self.collect()

    @rule(side=SIDES, pick=INDEX)
    def deliver(self, side: Side, pick: int) -> None:
        """Bring any of the messages on their way, not only the oldest."""
        waiting = self.pending[side]
        if waiting:
            self.bring(side, waiting.pop(pick % min(len(waiting), 3)))

    def bring(self, side: Side, body: Any) -> None:
        with suppress(ProtocolError):
            self.parties[side].take(body, self.now)
        self.collect()

    @rule(seconds=st.sampled_from([1, 20, 45, 120, 700]))
    def pass_time(self, seconds: int) -> None:
        self.mine()
        self.now += seconds
        for side in self.honest:
            party = self.parties[side]
            for _ in range(4):
                if party.endpoint.wake_at is not None and party.endpoint.wake_at <= self.now:
                    party.ring(self.now)
        self.collect()
        self.mine()

    def mine(self) -> None:
        """The ledger takes what honest machines want, and tells everyone."""
        for _ in range(6):
            for side in self.honest:
                party = self.parties[side]
                for effect in party.effects[self.mined[side] :]:
                    if isinstance(effect, LEDGER_EFFECTS):
                        with suppress(RevertError):
                            self.ledger.submit(effect, self.now)
                self.mined[side] = len(party.effects)
            for event in self.ledger.events[self.told :]:
                self.told += 1
                for side in self.honest:
                    self.feed(self.parties[side], event)

    @rule(side=SIDES, back=st.integers(1, 4))
    def the_indexer_repeats_itself(self, side: Side, back: int) -> None:
        if side in self.honest:
            for event in self.ledger.events[max(0, self.told - back) : self.told]:
                self.feed(self.parties[side], event)

    @invariant()
    def honest_parties_keep_the_rules(self) -> None:
        for side in self.honest:
            check_party(self.parties[side])
            version = self.parties[side].state.version
            assert version >= self.newest[side]
            self.newest[side] = version


def check_party(party: Party) -> None:
    endpoint, state = party.endpoint, party.state
    assert state.balance_a + state.balance_b == 2 * FUNDING
    assert min(state.balance_a, state.balance_b, state.energy_to_a, state.energy_to_b) >= 0
    versions = [proof.value.version for proof in party.signed if isinstance(proof.value, ChannelState)]
    assert all(earlier < later for earlier, later in pairwise(versions)), versions
    assert endpoint.wake_at == earliest_due(endpoint)
    # Only a signature that its own machine had refused may come back as a surprise.
    assert not (endpoint.history_lost and state.version in party.staged)
    if state.version:
        assert any(proof.value == state for proof in party.signed)


class HostileRelay(Trading):
    """Both parties are honest; nothing between them is."""

    @precondition(lambda self: self.history)
    @rule(side=SIDES, pick=INDEX)
    def replay(self, side: Side, pick: int) -> None:
        """Repeat any message, even to its own sender."""
        self.bring(side, self.history[pick % len(self.history)])

    @rule(side=SIDES, kind=st.sampled_from(UNSIGNED), version=st.integers(0, 12))
    def forge_unsigned(self, side: Side, kind: Any, version: int) -> None:
        self.bring(side, kind(self.parties[side], version))

    @precondition(lambda self: self.history)
    @rule(side=SIDES, pick=INDEX, where=INDEX, flip=st.integers(1, 255))
    def forge_signed(self, side: Side, pick: int, where: int, flip: int) -> None:
        """Spoil one field of a signed message: refused, and nothing changes."""
        body = self.history[pick % len(self.history)]
        fields = [
            name for name in asdict(body) if name.startswith("signature") or name in SIGNED_PARTS[type(body)]
        ]
        spoilt = spoil(body, fields, where, flip)
        if spoilt is None or any(spoilt == known for known in self.history):
            return
        before = self.parties[side].endpoint
        with pytest.raises(ProtocolError):
            self.parties[side].take(spoilt, self.now)
        assert self.parties[side].endpoint is before

    @precondition(lambda self: self.history)
    @rule(pick=INDEX)
    def turn_v(self, pick: int) -> None:
        """Give a countersignature the other v, which its receiver can't tell and the ledger would refuse."""
        for side in Side:
            waiting = self.pending[side]
            if waiting and isinstance(waiting[pick % len(waiting)], messages.UpdateConfirm):
                body = waiting[pick % len(waiting)]
                turned = body.signature[:64] + bytes((55 - body.signature[64],))
                waiting[pick % len(waiting)] = replace(body, signature=turned)

    @invariant()
    def equal_versions_are_equal_states(self) -> None:
        a, b = self.parties
        if a.state.version == b.state.version:
            assert a.state == b.state

    def teardown(self) -> None:
        for _ in range(12):
            for side in Side:
                while self.pending[side]:
                    self.bring(side, self.pending[side].pop(0))
            self.pass_time(45)
        self.check_end()

    def check_end(self) -> None:
        a, b = self.parties
        if self.ledger.payout is not None:
            assert a.phase is b.phase is Phase.CLOSED
            assert a.endpoint.payout == b.endpoint.payout == self.ledger.payout
            check_paid(self.ledger, a)
            check_paid(self.ledger, b)
            return
        assert a.endpoint.current is not None
        assert b.endpoint.current is not None
        assert a.state == b.state
        assert a.endpoint.open_trades == b.endpoint.open_trades
        assert a.endpoint.tree == b.endpoint.tree
        assert a.endpoint.staged is b.endpoint.staged is None
        assert a.endpoint.dropped is b.endpoint.dropped is None


def check_paid(ledger: LedgerModel, party: Party) -> None:
    """Invariants 1 and 3: nothing made or lost, and no honest side gets less than its newest state says."""
    assert ledger.payout is not None
    assert ledger.known is not None
    assert sum(ledger.payout) == 2 * FUNDING
    paid = ledger.known
    assert paid.version >= party.state.version or (paid.is_final and same_payout(paid, party.state))
    assert paid.version == 0 or any(proof.value == paid for proof in party.signed)
    assert ledger.payout[party.side] >= balance_of(paid, party.side)


class Mallory(Trading):
    """Side B follows its machine when it likes to, forgets, signs twice, and goes to the ledger with anything."""

    honest = (Side.A,)

    def __init__(self) -> None:
        super().__init__()
        self.hoard: list[CoSigned] = []
        self.backups: list[Endpoint] = [self.parties[1].endpoint]

    @rule()
    def hoard_everything(self) -> None:
        """Keep every state that A ever signed, with Mallory's own signature, whatever the machine says."""
        mallory = self.parties[1]
        held = {item.state for item in self.hoard}
        for proof in self.parties[0].signed:
            if isinstance(proof.value, ChannelState) and proof.value not in held:
                own = mallory.key.sign(digest(DOMAIN, proof.value))
                self.hoard.append(CoSigned(proof.value, proof.signature, own))
        self.backups.append(mallory.endpoint)

    @rule(pick=INDEX)
    def forget(self, pick: int) -> None:
        """Go back to an older view, and so sign other states of the same versions."""
        mallory = self.parties[1]
        mallory.view = self.backups[pick % len(self.backups)]
        mallory.keeper = Keeper()

    @rule(leap=st.integers(0, 5), pick=INDEX)
    def accept_with_a_leap(self, leap: int, pick: int) -> None:
        mallory = self.parties[1]
        live = [item for item in mallory.endpoint.offers if item.offeror is Side.A]
        if live:
            offer = live[pick % len(live)].offer.id
            with suppress(LocalProtocolError):
                above = mallory.endpoint.highest_version + 2 * leap
                state = negotiation.next_state_for_offer(mallory.endpoint, offer, above)
                signature = signing.sign_value(DOMAIN, state, mallory.key).signature
                self.bring(Side.A, messages.UpdateRequest(offer, state, signature))

    @precondition(lambda self: self.hoard)
    @rule(pick=INDEX)
    def answer_secretly(self, pick: int) -> None:
        """Show A a state that it signed and believed refused."""
        shown = self.hoard[pick % len(self.hoard)]
        self.bring(Side.A, messages.DisputeAnswer(shown.state, shown.signature_a, shown.signature_b))

    @rule(pick=INDEX)
    def dispute_with_anything(self, pick: int) -> None:
        opening = CoSigned(negotiation_start(self.ledger), b"", b"")
        states = [opening, *self.hoard]
        chosen = states[pick % len(states)]
        request = inputs.DisputeRequest(self.ledger.channel, chosen.state.version)
        consent = signing.sign_value(DOMAIN, request, self.parties[1].key).signature
        self.on_ledger(fx.LedgerDispute(chosen, consent, chosen.state.version))

    @precondition(lambda self: self.hoard)
    @rule(pick=INDEX)
    def resolve_or_finalise_with_anything(self, pick: int) -> None:
        chosen = self.hoard[pick % len(self.hoard)]
        self.on_ledger(fx.LedgerFinalise(chosen) if chosen.state.is_final else fx.LedgerResolve(chosen))

    @rule()
    def claim(self) -> None:
        self.on_ledger(fx.LedgerFinaliseDisputed(self.ledger.channel))

    def on_ledger(self, effect: fx.Effect) -> None:
        with suppress(RevertError):
            self.ledger.submit(effect, self.now)
        self.mine()

    @invariant()
    def the_honest_side_is_paid(self) -> None:
        if self.ledger.payout is not None:
            check_paid(self.ledger, self.parties[0])

    def teardown(self) -> None:
        """Whatever Mallory did: an honest side that wants out gets out, with its money."""
        for _ in range(6):
            party = self.parties[0]
            if party.phase in (Phase.OPEN, Phase.STAGED) and party.endpoint.dispute_due is None:
                party.dispute(self.now)
            self.pass_time(700)
        assert self.ledger.payout is not None
        assert self.parties[0].phase is Phase.CLOSED
        check_paid(self.ledger, self.parties[0])


def negotiation_start(ledger: LedgerModel) -> ChannelState:
    return ChannelState(ledger.channel, 0, 0, FUNDING, FUNDING, 0, 0, bytes(32), is_final=False)


def spoil(body: Any, fields: list[str], where: int, flip: int) -> Any:
    """The message with one byte or number of a signed part changed; None if nothing in it is signed."""
    if not fields or isinstance(body, messages.DisputeRaise):
        return None
    name = fields[where % len(fields)]
    value = getattr(body, name)
    if isinstance(value, bytes):
        position = where % len(value)
        if name == "signature" and position == len(value) - 1:
            return None
        return replace(
            body, **{name: value[:position] + bytes((value[position] ^ flip,)) + value[position + 1 :]}
        )
    if value is None:
        return None
    numbers = [key for key, content in asdict(value).items() if isinstance(content, int)]
    key = numbers[where % len(numbers)]
    content = getattr(value, key)
    changed = not content if isinstance(content, bool) else content + flip
    return replace(body, **{name: replace(value, **{key: changed})})


MODEL = settings(
    max_examples=80,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
HostileRelay.TestCase.settings = MODEL
Mallory.TestCase.settings = MODEL
TestHostileRelay = HostileRelay.TestCase
TestMallory = Mallory.TestCase
