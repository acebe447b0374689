"""One real example of each frame: a channel's life that the machine itself plays, with keys made for it.

Everything is signed and everything is accepted by the machine that decodes it. The same calls give the same bytes.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import msgspec
from msgspec.structs import replace

from channels_engine import frames
from channels_engine.agreements import Agreement, AgreementPhase
from channels_engine.codec import json_form, to_hex
from channels_engine.core import inputs, negotiation
from channels_engine.core import messages as m
from channels_engine.core.keccak import keccak256
from channels_engine.core.signing import LocalSigner, derive_session_key
from channels_engine.core.state import Endpoint, Policy
from channels_engine.core.transition import apply
from channels_engine.core.typed_data import Signable, digest, struct_hash
from channels_engine.core.types import (
    ZERO_ADDRESS,
    ZERO_HASH,
    ChannelOpen,
    ChannelState,
    CreditNote,
    Delivery,
    Domain,
    EntityContract,
    Offer,
    Side,
)
from channels_engine.published.structures import TIMER
from channels_engine.relay import LEDGER_INPUTS
from channels_engine.views import contract_view
from channels_engine.wire import verify, verify_request
from contracts.consents import token_permit
from contracts.records import TokenDomain

NOW = 1_790_000_000
SLOT = NOW - NOW % 900 + 1800
OWNERS = ("p-81d0c4aa", "p-3f9a61c2")
QUANTITY_WH, DELIVERED_WH = 1500, 1400


def _named(text: str) -> bytes:
    return keccak256(f"wattnote example: {text}".encode())


def _address(text: str) -> bytes:
    return _named(text)[-20:]


DOMAIN = Domain(31337, _address("registry"))
MERCHANT_DOMAIN = Domain(31337, _address("merchant contract"))
TOKEN = TokenDomain("Test Euro", "1", 31337, _address("stablecoin"))
NONCE = _named("terms")
METERING, MERCHANT = LocalSigner(_named("metering key")), LocalSigner(_named("merchant key"))
KEYS = tuple(LocalSigner(derive_session_key(_named(f"root key {who}"), b"esc/" + NONCE)) for who in "ab")
TERMS = EntityContract(KEYS[0].address, KEYS[1].address, METERING.address, 3600, 4, 50_000_000, NONCE)
OPENING = ChannelOpen(
    scid=struct_hash(TERMS),
    index=0,
    funding_a=20_000_000,
    funding_b=50_000_000,
    source_a=ZERO_ADDRESS,
    note_a=ZERO_HASH,
    source_b=MERCHANT_DOMAIN.verifying_contract,
    note_b=_named("note"),
    open_by=NOW + 600,
    expiry=NOW + 30 * 24 * 3600,
)
CHANNEL = struct_hash(OPENING)


def sign(side: Side, value: Signable) -> bytes:
    """Signature of a party's session key, 65 bytes."""
    return KEYS[side].sign(digest(DOMAIN, value))


def _deposit() -> m.DepositFunding:
    permit = _permit(OPENING.funding_a)
    return m.DepositFunding(permit.deadline, permit.signature)


def _permit(amount: int) -> m.Permit:
    owner, deadline = KEYS[Side.A].address, NOW + 3600
    permit = token_permit(
        TOKEN,
        owner=owner,
        spender=DOMAIN.verifying_contract,
        amount=amount,
        nonce=0,
        deadline=deadline,
    )
    return m.Permit(deadline, KEYS[Side.A].sign(permit))


def _note() -> m.NoteFunding:
    note = CreditNote(OPENING.note_b, KEYS[Side.B].address, OPENING.funding_b, OPENING.expiry)
    return m.NoteFunding(note, MERCHANT.sign(digest(MERCHANT_DOMAIN, note)))


def _offer(**changes: Any) -> Offer:
    fields = {
        "channel": CHANNEL,
        "base_version": 0,
        "id": _named("offer"),
        "offeror_sells": True,
        "quantity_wh": QUANTITY_WH,
        "price_per_kwh": 240_000,
        "imbalance_per_kwh": 310_000,
        "slot_start": SLOT,
        "slot_end": SLOT + 900,
        "valid_until": NOW + 900,
    }
    return Offer(**{**fields, **changes})


class Play:
    """Both sides of one channel; `said` keeps each message that its machine and the peer's took."""

    def __init__(self) -> None:
        self.said: dict[str, tuple[Side, m.Body]] = {}
        request = m.OpenRequest(OPENING, sign(Side.A, OPENING), _deposit())
        self.said[frames.type_of(request)] = (Side.A, request)
        both = verify_request(request, DOMAIN, TERMS, Side.A, (Policy(), Policy()))
        if both.action is None:
            raise RuntimeError("A request is somebody's action.")
        self.ends: list[Endpoint] = [apply(None, change, NOW)[0] for change in (both.action, both.receive)]

    def say(self, side: Side, body: m.Body) -> None:
        """Verify a message and apply it on both sides."""
        self.said[frames.type_of(body)] = (side, body)
        action, receive = verify(body, self.ends[side])
        if action is not None:
            self.feed(side, action)
        self.feed(side.other, receive)

    def feed(self, side: Side, change: inputs.Input) -> None:
        """Apply one input to one side."""
        self.ends[side] = apply(self.ends[side], change, NOW)[0]

    def open(self) -> None:
        """Both signed, and the ledger says so."""
        self.say(Side.B, m.OpenConfirm(sign(Side.B, OPENING), _note()))
        for side in Side:
            self.feed(side, inputs.LedgerOpened())

    def ask(self) -> ChannelState:
        """A offers, B accepts; the state that awaits A."""
        offer = _offer()
        self.say(Side.A, m.OfferMade(offer, sign(Side.A, offer)))
        state = negotiation.next_state_for_offer(self.ends[Side.B], offer.id)
        self.say(Side.B, m.UpdateRequest(offer.id, state, sign(Side.B, state)))
        return state

    def settle(self) -> None:
        """A proposes what the meter says, B countersigns."""
        (trade,) = self.ends[Side.A].open_trades
        delivery = Delivery(CHANNEL, trade.id, DELIVERED_WH)
        signed = m.SignedDelivery(delivery, METERING.sign(digest(DOMAIN, delivery)))
        state = negotiation.next_state_for_settlement(self.ends[Side.A], [delivery])
        self.say(Side.A, m.SettleRequest((signed,), state, sign(Side.A, state)))
        self.say(Side.B, m.SettleConfirm(state.version, sign(Side.B, state)))

    def fund(self) -> None:
        """A puts 5 units more in, B agrees, and the ledger says so."""
        state = current_state(self.ends[Side.A])
        deposit = state.balance_a + 5_000_000
        change = negotiation.next_change(self.ends[Side.A], deposit, state.balance_b, NOW + 600)
        self.say(Side.A, m.FundingRequest(change, sign(Side.A, change), _permit(5_000_000)))
        self.say(Side.B, m.FundingConfirm(change.version, sign(Side.B, change)))
        self.said["funding.answer"] = (
            Side.B,
            m.FundingAnswer(change, sign(Side.A, change), sign(Side.B, change)),
        )
        told = inputs.LedgerFundingChanged(
            change.version, change.balance_a, change.balance_b, change.funding_a, change.funding_b
        )
        for side in Side:
            self.feed(side, told)

    def close(self) -> None:
        """A asks, B countersigns."""
        state = negotiation.final_state(self.ends[Side.A])
        self.say(Side.A, m.CloseRequest(state, sign(Side.A, state)))
        self.say(Side.B, m.CloseConfirm(state.version, sign(Side.B, state)))


def current_state(endpoint: Endpoint) -> ChannelState:
    """The newest co-signed state of an open channel."""
    if endpoint.current is None:
        raise RuntimeError("The play opens the channel first.")
    return endpoint.current.state


def _conversation() -> Iterator[tuple[Side, m.Body]]:
    yield Side.A, m.EscPropose(OWNERS[Side.B], replace(TERMS, party_b=ZERO_ADDRESS))
    yield Side.B, m.EscAccept(TERMS, sign(Side.B, TERMS))
    yield Side.A, m.EscConfirm(sign(Side.A, TERMS))
    yield Side.B, m.EscAbort("not interested")


def _aside(play: Play) -> Iterator[tuple[Side, m.Body]]:
    """Messages that lead elsewhere, at the time when `play` has a trade staged."""
    offer = play.said["offer"][1]
    if not isinstance(offer, m.OfferMade):
        raise TypeError("The play makes an offer first.")
    counter = _offer(id=_named("counter"), offeror_sells=False, quantity_wh=1200, price_per_kwh=230_000)
    yield Side.B, m.OpenAbort("funding too small")
    yield Side.B, m.Counter(offer.offer.id, counter, sign(Side.B, counter))
    yield Side.B, m.Reject(offer.offer.id, "too expensive")
    yield Side.A, m.Withdraw(offer.offer.id)
    yield Side.A, m.UpdateAbort(2, "slot already sold")
    yield Side.B, m.UpdateFallback(2)
    yield Side.B, m.EnforceOffer(offer.offer.id, sign(Side.B, offer.offer))


def _disputing(play: Play) -> Iterator[tuple[Side, m.Body]]:
    current = play.ends[Side.A].current
    if current is None:
        raise RuntimeError("The play opens the channel first.")
    request = negotiation.dispute_request(play.ends[Side.A])
    consent = sign(Side.A, request)
    yield Side.A, m.DisputeRaise(request.version, "no answer to my acceptance", consent)
    yield Side.B, m.DisputeAnswer(current.state, current.signature_a, current.signature_b)
    yield Side.B, m.Checkpoint(current.state.version)
    settled = play.said["settle.request"][1]
    if isinstance(settled, m.SettleRequest):
        yield Side.B, m.EnforceDelivery(settled.deliveries)


def _played() -> tuple[dict[str, tuple[Side, m.Body]], Endpoint]:
    """Sender and body of each message, and B's endpoint while its acceptance awaits A."""
    play = Play()
    play.open()
    state = play.ask()
    shown, others = play.ends[Side.B], [*_conversation(), *_aside(play)]
    play.say(Side.A, m.UpdateConfirm(state.version, sign(Side.A, state)))
    play.settle()
    others += _disputing(play)
    play.fund()
    play.close()
    return {frames.type_of(body): (side, body) for side, body in others} | play.said, shown


def _ledger_bodies() -> Mapping[str, Any]:
    return {
        "ledger.rolled_back": inputs.LedgerRolledBack(),
        "ledger.opened": inputs.LedgerOpened(),
        "ledger.disputed": inputs.LedgerDisputed(2, NOW + 3650),
        "ledger.resolved": inputs.LedgerResolved(3, 0),
        "ledger.finalised": inputs.LedgerFinalised(7, 25_329_000, 49_671_000),
        "ledger.funding_changed": inputs.LedgerFundingChanged(
            5, 20_329_000, 49_671_000, 25_329_000, 49_671_000
        ),
        "ledger.time_passed": inputs.LedgerTimePassed(NOW + 601),
        "ledger.offer_enforced": inputs.LedgerOfferEnforced(
            struct_hash(_offer()), 1, 20_360_000, 49_640_000, NOW + 3650
        ),
        "ledger.delivery_enforced": inputs.LedgerDeliveryEnforced(
            struct_hash(_offer()), DELIVERED_WH, 31_000, 20_329_000, 49_671_000
        ),
        "ledger.checkpointed": inputs.LedgerCheckpointed(3, 20_329_000, 49_671_000),
    }


def _place(kind: str) -> bytes:
    return NONCE if kind.startswith("esc.") else CHANNEL


def _send(number: int, kind: str, body: m.Body) -> dict[str, Any]:
    head = {"kind": "send", "id": f"12345678-0000-4000-8000-{number:012x}", "channel": to_hex(_place(kind))}
    return {**head, "type": kind, "body": msgspec.json.decode(frames.body_text(body))}


def _entry(sender: int, number: int, kind: str, text: str) -> dict[str, Any]:
    machine = kind in frames.MACHINE_ONLY
    ids = (f"machine/{kind}/{number}", to_hex(_named("transaction")) + ":0", f"clock/{number}")
    own = ids[0] if machine else f"12345678-0000-4000-8000-{number:012x}"
    message_id = own if sender in (Side.A, Side.B) else ids[sender - 1]
    entry = frames.Entry(_place(kind), number, sender, message_id, kind, text, NOW + number)
    return _decoded(frames.message_frame(entry))


def _decoded(text: str) -> dict[str, Any]:
    frame: dict[str, Any] = msgspec.json.decode(text)
    return frame


def _relay_frames(shown: Endpoint) -> dict[str, dict[str, Any]]:
    line = {"channel": to_hex(CHANNEL), "side": "b", "peer": OWNERS[0], "scid": to_hex(OPENING.scid)}
    agreement = Agreement(NONCE, OWNERS, AgreementPhase.AGREED, TERMS, seq=3)
    contract = contract_view(agreement, OWNERS[Side.B])
    channels: dict[str, Any] = {
        "kind": "channels",
        "channels": [{**line, "phase": "open", "version": "2", "seq": 9}],
        "contracts": [contract],
    }
    late = "The offer was valid until 1790000900; ask for a new one."
    message_id = "12345678-0000-4000-8000-00000000000b"
    return {
        "hello": _decoded(frames.hello_frame(OWNERS[Side.B], DOMAIN, NOW)),
        "accepted": _decoded(frames.accepted_frame(message_id, CHANNEL, 6, NOW + 11)),
        "refused": _decoded(frames.refused_frame(message_id, "offer_expired", late)),
        "state": _decoded(frames.encode(frames.state_view(shown, OWNERS[Side.B], OWNERS[Side.A], 9))),
        "contract": _decoded(frames.encode({"kind": "contract", **contract})),
        "channels": _decoded(frames.encode(channels)),
    }


@cache
def examples() -> dict[str, dict[str, Any]]:
    """Name of a frame's definition (`structures`) -> the frame, decoded from JSON."""
    said, shown = _played()
    made: dict[str, dict[str, Any]] = {
        "resume": {"kind": "resume", "channel": to_hex(CHANNEL), "afterSeq": 12, "states": True},
        "ack": {"kind": "ack", "received": 64},
        "ask.state": {"kind": "state", "channel": to_hex(CHANNEL)},
        "ask.list": {"kind": "list"},
        **_relay_frames(shown),
    }
    for number, (kind, (side, body)) in enumerate(sorted(said.items()), 1):
        if kind not in frames.MACHINE_ONLY:
            made[f"send.{kind}"] = _send(number, kind, body)
        made[f"message.{kind}"] = _entry(side, number, kind, frames.body_text(body))
    for kind, event in _ledger_bodies().items():
        made[f"message.{kind}"] = _entry(2, 12, kind, json_form(LEDGER_INPUTS[kind]).encode(event).decode())
    made[f"message.{TIMER}"] = _entry(3, 12, TIMER, '{"side":"b"}')
    return made
