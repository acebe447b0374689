"""What an agent's desk signs, on the real state machine of both sides: the step in hand, what follows, what was metered."""

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from channels_engine import wire
from channels_engine.codec import json_form, to_hex
from channels_engine.core import messages as m
from channels_engine.core import negotiation
from channels_engine.core.errors import SignatureError
from channels_engine.core.signing import LocalSigner, sign_value
from channels_engine.core.state import Endpoint, Phase
from channels_engine.core.typed_data import Signable
from channels_engine.core.types import Delivery, Offer
from marketplace.client import desk as plain
from marketplace.client.own_agent import desk as own
from marketplace.client.own_agent.bounds import BoundsError
from marketplace.client.own_agent.desk import AgentDesk, Countersigner
from marketplace.client.own_agent.memory import Memory
from marketplace.client.own_agent.plans import Step
from tests.core.pair import DOMAIN, METERING, SLOT, START, STRANGER, Party, open_pair, settle_down, trade

POSITION = dict.fromkeys(("surplus_wh", "need_wh", "stored_wh", "sold_wh", "bought_wh"), 0)


class Desk(AgentDesk):
    """An agent's desk without a line: its machine and the partner's are in this process."""

    def __init__(self, party: Party, memory: Memory) -> None:
        self.party, self.memory = party, memory
        self.lines: list[str] = []
        self.readings: list[dict[str, Any]] = []
        self.tell = self.lines.append
        self.domain, self.owner = DOMAIN, "me"
        self.wallet = SimpleNamespace(sessions={party.key.address: party.key})  # type: ignore[assignment]
        self.client = SimpleNamespace(call=lambda *_: json.dumps(self.readings))  # type: ignore[assignment]
        self._step = self._due = None

    @property
    def endpoints(self) -> dict[bytes, Endpoint]:
        return {self.party.endpoint.channel: self.party.endpoint}

    def endpoint(self, channel: bytes) -> Endpoint:
        return self.endpoints[channel]

    def say(self, channel: bytes, body: m.Body) -> None:
        action = wire.verify(body, self.party.endpoint).action
        assert action is not None
        self.party.feed(action)
        settle_down(self.party, self.party.peer)

    def answer(self) -> list[m.Body]:
        return [body for _, body in Countersigner(self).moves(self.party.endpoint, "them")]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    clock = SimpleNamespace(time=lambda: START, monotonic=time.monotonic)
    for module in (plain, own):
        monkeypatch.setattr(module, "time", clock)
    _, b = open_pair()
    return Desk(b, Memory(tmp_path / "agent.json"))


def step(desk: Desk, kind: str, answers: Offer | None = None, **changes: Any) -> Step:
    """As the site would plan it: to buy what the partner sells."""
    usual = {
        "kind": kind,
        "channel": to_hex(desk.party.endpoint.channel),
        "offer": to_hex(answers.id) if answers else "",
        "partner": {"owner": "them", "display_name": "Them", "slug": None},
        "sells": False,
        "quantity_wh": 1500,
        "price_per_kwh": 280_000,
        "imbalance_per_kwh": 350_000,
        "slot_start": SLOT,
        "reason": kind,
        "position": POSITION,
        "spent": 0,
    }
    return msgspec.convert(usual | changes, Step)


def offered(desk: Desk, **changes: Any) -> Offer:
    """By the partner, who sells."""
    made = desk.party.peer.offer(**changes)
    settle_down(desk.party, desk.party.peer)
    return made


def test_it_accepts_the_offer_that_was_planned_for_and_no_other(desk: Desk) -> None:
    offer = offered(desk)
    for wrong in (
        {"quantity_wh": 1499},
        {"price_per_kwh": 279_999},
        {"slot_start": SLOT + 900},
        {"sells": True},
        {"offer": to_hex(bytes(32))},
    ):
        with pytest.raises(BoundsError, match="gone"):
            desk.take(step(desk, "accept", offer, **wrong))
    assert desk.memory.promises == []
    assert desk.take(step(desk, "accept", offer)) == offer
    assert [one.amount for one in desk.memory.promises] == [420_000]
    assert desk.party.endpoint.staged is not None
    desk.party.peer.confirm()
    settle_down(desk.party, desk.party.peer)
    assert [one.quantity_wh for one in desk.party.endpoint.open_trades] == [1500]


def test_it_offers_and_counters_what_was_planned_and_countersigns_the_acceptance(desk: Desk) -> None:
    made = desk.take(step(desk, "offer", quantity_wh=700))
    assert (made.offeror_sells, made.quantity_wh, made.valid_until) == (False, 700, START + 120)
    answered = offered(desk)
    counter = desk.take(step(desk, "counter", answered, quantity_wh=600))
    assert [one.wh for one in desk.memory.promises] == [700, 600]
    desk.party.peer.accept(counter.id)
    settle_down(desk.party, desk.party.peer)
    [confirm] = desk.answer()
    assert isinstance(confirm, m.UpdateConfirm)
    assert desk.lines == ["agreed: buy 600 Wh at 280000"]
    desk.say(b"", confirm)
    assert desk.party.peer.endpoint.phase is Phase.OPEN
    assert [one.quantity_wh for one in desk.party.endpoint.open_trades] == [600]


def test_nothing_else_is_signed(desk: Desk) -> None:
    """Neither without a step, nor beside the one in hand."""
    party, offer = desk.party, offered(desk)
    address = party.key.address
    wishes: list[Signable] = [
        offer,
        negotiation.next_state_for_offer(party.endpoint, offer.id),
        negotiation.final_state(party.endpoint),
        negotiation.next_change(party.endpoint, 5, 5, START + 600),
        negotiation.dispute_request(party.endpoint),
        party.endpoint.opening,
        party.endpoint.terms,
    ]
    desk._step = step(desk, "offer")
    for in_hand in (None, desk._step):
        desk._step = in_hand
        for wish in wishes:
            with pytest.raises(BoundsError):
                desk.sign(address, wish)
    assert desk.memory.promises == []


@pytest.mark.parametrize("wish", ["close", "change"])
def test_what_the_partner_closes_or_funds_waits_for_the_person(desk: Desk, wish: str) -> None:
    peer = desk.party.peer
    if wish == "close":
        peer.close()
    else:
        peer.change(1, 10_000_000)
    settle_down(desk.party, peer)
    assert desk.party.endpoint.staged is not None
    assert desk.answer() == []


def test_a_countersignature_against_the_memory_is_held_back(desk: Desk) -> None:
    """The partner's proposal of a version that this key has signed for something else."""
    made = desk.take(step(desk, "offer"))
    desk.party.peer.accept(made.id)
    settle_down(desk.party, desk.party.peer)
    staged = desk.party.endpoint.staged
    assert staged is not None
    other = msgspec.structs.replace(staged.state, energy_to_a=9)
    desk.memory.before_signing(desk.party.endpoint, other, START)
    assert desk.answer() == []
    assert desk.lines == [
        f"not countersigned: This key has signed version {other.version}; take a higher one."
    ]


def reading(desk: Desk, sold: bytes, delivered_wh: int, signer: LocalSigner = METERING) -> dict[str, Any]:
    said = sign_value(DOMAIN, Delivery(desk.party.endpoint.channel, sold, delivered_wh), signer)
    row = m.SignedDelivery(said.value, said.signature)
    return dict(json.loads(json_form(m.SignedDelivery).encode(row)))


def test_it_proposes_what_the_meter_read_and_nothing_that_another_key_signed(desk: Desk) -> None:
    sold = trade(desk.party.peer, desk.party)
    channel = desk.party.endpoint.channel
    assert desk.settle_metered(channel) == 0
    desk.readings = [reading(desk, sold, 1000, STRANGER)]
    with pytest.raises(SignatureError):
        desk.settle_metered(channel)
    desk.readings = [reading(desk, sold, 1000), reading(desk, bytes(32), 5)]
    assert desk.settle_metered(channel, above=desk.memory.highest(desk.party.endpoint)) == 1
    desk.party.peer.confirm()
    settle_down(desk.party, desk.party.peer)
    assert desk.party.endpoint.open_trades == ()
    assert desk.party.state.energy_to_b == 1000
