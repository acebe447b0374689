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
from pair import DOMAIN, FUNDING, METERING, START, TERMS, Party, open_pair

from channels_engine.core import effects as fx
from channels_engine.core import inputs, merkle, messages, negotiation, signing
from channels_engine.core.errors import LocalProtocolError, ProtocolError
from channels_engine.core.keeper import Keeper
from channels_engine.core.rules import balance_of, earliest_due, funded_total, same_payout
from channels_engine.core.state import CoSigned, Endpoint, Phase
from channels_engine.core.typed_data import digest
from channels_engine.core.types import ChannelState, Delivery, Side

SIDES = st.sampled_from(list(Side))
INDEX = st.integers(0, 10**6)
EXPIRY = START + 4000
LEDGER_EFFECTS = (
    fx.LedgerDispute,
    fx.LedgerFinalise,
    fx.LedgerResolve,
    fx.LedgerFinaliseDisputed,
    fx.LedgerChangeFunding,
    fx.LedgerEnforceOffer,
    fx.LedgerEnforceDelivery,
    fx.LedgerCheckpoint,
)
SIGNED_PARTS: defaultdict[type, tuple[str, ...]] = defaultdict(
    tuple,
    {
        messages.OfferMade: ("offer",),
        messages.Counter: ("offer",),
        messages.UpdateRequest: ("state",),
        messages.SettleRequest: ("state",),
        messages.CloseRequest: ("state",),
        messages.DisputeAnswer: ("state",),
        messages.FundingRequest: ("change",),
        messages.FundingAnswer: ("change",),
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

    @rule(side=SIDES, by_a=st.integers(-3, 3), by_b=st.integers(-3, 3), valid=st.sampled_from([70, 150]))
    def change_funding(self, side: Side, by_a: int, by_b: int, valid: int) -> None:
        party, million = self.parties[side], 1_000_000
        to_a, to_b = party.state.balance_a + by_a * million, party.state.balance_b + by_b * million
        with suppress(LocalProtocolError):
            party.change(to_a, to_b, self.now, valid)
        self.collect()

    @rule(side=SIDES)
    def agree(self, side: Side) -> None:
        party, staged = self.parties[side], self.parties[side].endpoint.staged
        if staged is not None and staged.change is not None:
            with suppress(LocalProtocolError):
                party.agree(self.now)
        self.collect()

    def flush(self) -> None:
        """Bring everything that is on its way, in order."""
        while any(self.pending):
            for side in Side:
                if self.pending[side]:
                    self.bring(side, self.pending[side].pop(0))

    @rule(side=SIDES, energy=st.integers(1, 4_000))
    def trade_without_trouble(self, side: Side, energy: int) -> None:
        """A whole trade: what is to be disputed, enforced or refunded must come about first."""
        seller, buyer = self.parties[side], self.parties[side.other]
        with suppress(ProtocolError):
            made = seller.offer(self.now, quantity_wh=energy)
            self.collect()
            self.flush()
            buyer.accept(made.id, self.now)
            self.collect()
            self.flush()
            if seller.endpoint.staged is not None:  # after a forged fall-back of that version, it refuses
                seller.confirm(self.now)
        self.collect()
        self.flush()

    @rule(side=SIDES, by=st.integers(-2, 3))
    def change_without_trouble(self, side: Side, by: int) -> None:
        """A whole change of the funding, up to the ledger."""
        self.change_funding(side, by, 1, 150)
        self.flush()
        self.agree(side.other)
        self.flush()
        self.mine()

    @rule(side=SIDES, percent=st.integers(0, 100))
    def dispute_over_deliveries(self, side: Side, percent: int) -> None:
        """To the ledger with the newest state, and there with what the meter says."""
        self.dispute(side)
        self.pass_time(45)
        self.show_deliveries(side, percent)
        self.mine()

    @rule(side=SIDES)
    def enforce_without_answer(self, side: Side) -> None:
        """An acceptance whose answer never came."""
        party, other = self.parties[side], self.parties[side.other]
        with suppress(ProtocolError):
            made = other.offer(self.now)
            self.collect()
            self.flush()
            party.accept(made.id, self.now)
        self.collect()
        self.pass_time(45)
        self.enforce_what_was_accepted(side)
        self.mine()

    @rule(side=SIDES)
    def enforce_what_was_accepted(self, side: Side) -> None:
        party = self.parties[side]
        for proposal in (party.endpoint.dropped, *party.endpoint.refused):
            if proposal is not None and proposal.offer is not None:
                with suppress(LocalProtocolError):
                    party.enforce(proposal.offer.offer, self.now)
        self.collect()

    @rule(side=SIDES, percent=st.integers(0, 100))
    def show_deliveries(self, side: Side, percent: int) -> None:
        party = self.parties[side]
        delivered = [(trade.id, trade.quantity_wh * percent // 100) for trade in party.endpoint.open_trades]
        if delivered and party.phase is Phase.DISPUTED:
            party.show_deliveries(*delivered, now=self.now)
        self.collect()

    @rule(side=SIDES)
    def checkpoint(self, side: Side) -> None:
        with suppress(LocalProtocolError):
            self.parties[side].checkpoint(self.now)
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
        for side in self.honest:
            self.feed(self.parties[side], inputs.LedgerTimePassed(self.now))
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
    check_balances(party)
    check_versions(party)
    check_free_option(party)
    check_farewell(party)
    check_pledge(party)
    assert endpoint.wake_at == earliest_due(endpoint)
    # Only a signature that its own machine had refused may come back as a surprise.
    assert not (endpoint.history_lost and state.version in party.staged)
    assert was_agreed(party, state)


def check_balances(party: Party) -> None:
    """Invariant 1: balances sum to what the ledger holds, and nothing is negative."""
    state = party.state
    assert state.balance_a + state.balance_b == funded_total(party.endpoint)
    assert min(state.balance_a, state.balance_b, state.energy_to_a, state.energy_to_b) >= 0


def check_versions(party: Party) -> None:
    """Invariant 2: no version is signed twice, and those signed only grow."""
    versions = [proof.value.version for proof in party.versioned]
    assert all(earlier < later for earlier, later in pairwise(versions)), versions


def check_free_option(party: Party) -> None:
    """Invariant 10: of our proposals at most one waits for its answer."""
    endpoint = party.endpoint
    waiting = [one for one in (endpoint.staged, endpoint.dropped) if one and one.proposer is party.side]
    assert len(waiting) + (endpoint.pledge is not None) <= 1 or endpoint.phase is Phase.DISPUTED


def check_farewell(party: Party) -> None:
    """Invariant 11: after a final state nothing is signed but the same payout."""
    states = [proof.value for proof in party.signed]
    first = next((index for index, state in enumerate(states) if state.is_final), len(states))
    assert all(state.is_final and same_payout(state, states[first]) for state in states[first:])
    assert first == len(states) or all(c.value.version < states[first].version for c in party.changes)


def was_agreed(party: Party, state: ChannelState) -> bool:
    """Whether this party signed the state itself, the opening, or the change that made it.

    Of a change that its machine had refused, the ledger tells it the version and the fundings.
    """
    changed = {(one.value.version, one.value.funding_a, one.value.funding_b) for one in party.changes}
    told = (state.version, state.balance_a, state.balance_b)
    return state.version == 0 or told in changed or any(proof.value == state for proof in party.signed)


def check_pledge(party: Party) -> None:
    """Invariant 12: after a change of the funding nothing is signed until the ledger decided."""
    pledge = party.endpoint.pledge
    if pledge is not None:
        assert party.versioned[-1].value == pledge.change


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
        assert a.endpoint.pledge is b.endpoint.pledge is None
        assert a.endpoint.funded == b.endpoint.funded


def check_paid(ledger: LedgerModel, party: Party) -> None:
    """Invariants 1 and 3: nothing made or lost, and no honest side gets less than its newest state says."""
    assert ledger.payout is not None
    assert ledger.known is not None
    assert sum(ledger.payout) == ledger.held == 2 * FUNDING + sum(ledger.flows)
    paid, proven = ledger.known, ledger.proven
    assert proven is not None
    assert paid.version >= party.state.version or (paid.is_final and same_payout(paid, party.state))
    assert was_agreed(party, proven)
    if ledger.applied is not None:
        assert ledger.applied in party.offers, "made or accepted by this party itself"
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

    @precondition(lambda self: self.parties[0].changes)
    @rule(pick=INDEX)
    def land_a_change_in_secret(self, pick: int) -> None:
        """Complete a change that A asked for, whatever was said about it, and bring it to the ledger."""
        mallory, changes = self.parties[1], self.parties[0].changes
        asked = changes[pick % len(changes)]
        own = mallory.key.sign(digest(DOMAIN, asked.value))
        self.on_ledger(fx.LedgerChangeFunding(asked.value, (asked.signature, own), (None, None)))

    @precondition(lambda self: self.parties[0].offers)
    @rule(pick=INDEX, base=INDEX)
    def enforce_any_offer(self, pick: int, base: int) -> None:
        """Accept an offer that A ever made, on any state that A ever signed."""
        offer, by_a = list(self.parties[0].offers.items())[pick % len(self.parties[0].offers)]
        states = [CoSigned(self.ledger.known or self.parties[0].state, b"", b""), *self.hoard]
        chosen = next(
            (s for s in states if s.state.version == offer.base_version), states[base % len(states)]
        )
        own = self.parties[1].key.sign(digest(DOMAIN, offer))
        self.on_ledger(fx.LedgerEnforceOffer(chosen, offer, by_a, own))

    @precondition(lambda self: self.parties[0].endpoint.open_trades)
    @rule(pick=INDEX, percent=st.integers(0, 100))
    def claim_any_delivery(self, pick: int, percent: int) -> None:
        """Have a trade refunded as the meter says, by the lists that A's state commits to."""
        endpoint = self.parties[0].endpoint
        trade = endpoint.open_trades[pick % len(endpoint.open_trades)]
        value = Delivery(endpoint.channel, trade.id, trade.quantity_wh * percent // 100)
        signed = messages.SignedDelivery(value, METERING.sign(digest(DOMAIN, value)))
        listed, root = merkle.open_list(endpoint.open_trades), merkle.history_root(endpoint.tree)
        assert endpoint.current is not None
        claim = fx.LedgerEnforceDelivery(
            endpoint.current, trade.offer(endpoint.channel), trade.seller, root, listed, signed
        )
        self.on_ledger(claim)

    @precondition(lambda self: self.hoard)
    @rule(pick=INDEX)
    def record_anything(self, pick: int) -> None:
        self.on_ledger(fx.LedgerCheckpoint(self.hoard[pick % len(self.hoard)]))

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
            if (
                party.phase in (Phase.OPEN, Phase.STAGED, Phase.CHANGING)
                and party.endpoint.dispute_due is None
            ):
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
        if name.startswith("signature") and position == len(value) - 1:  # v says nothing about the key
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
