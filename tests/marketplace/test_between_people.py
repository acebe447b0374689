"""Two people on their way to a channel: what waits for whom, promises, and the meter's word for both."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from people import Person, Shop

from channels_engine.agreements import Agreement as Conversation
from channels_engine.agreements import AgreementPhase
from channels_engine.core import types
from channels_engine.core.messages import DepositFunding
from channels_engine.core.state import Endpoint, Phase
from channels_engine.core.typed_data import digest, struct_hash
from channels_engine.store import conversations
from channels_engine.store import models as engine
from marketplace.accounts.hexadecimal import to_hex
from marketplace.credit.models import Agreement, Ledger
from marketplace.trading.models import Prosumer
from marketplace.trading.replay.cast import metering_signer
from tests.stored_channels import store_endpoints

pytestmark = pytest.mark.django_db
NONCE = b"\x0c" * 32
PATH = f"/api/v1/contracts/{to_hex(NONCE)}/funding/"
DEPOSIT = {"source": "0x" + "00" * 20, "note": "0x" + "00" * 32, "amount": "10000000"}
Pair = tuple[Person, Person]


@pytest.fixture
def pair(make_person: Callable[..., Person]) -> Pair:
    """Who proposed, and who was asked; both may trade."""
    both = make_person(), make_person()
    for person in both:
        Prosumer.objects.create(
            owner=person.user.owner, slug=person.user.owner, display_name="Somebody", user=person.user
        )
    return both


def _terms(*, complete: bool) -> types.EntityContract:
    party_b = b"\x03" * 20 if complete else types.ZERO_ADDRESS
    return types.EntityContract(b"\x02" * 20, party_b, metering_signer().address, 60, 5, 0, NONCE)


def _talk(pair: Pair, phase: AgreementPhase) -> types.EntityContract:
    terms = _terms(complete=phase is not AgreementPhase.PROPOSED)
    owners = (pair[0].user.owner, pair[1].user.owner)
    conversations.save([Conversation(NONCE, owners, phase, terms)], {NONCE: 1}, 7)
    return terms


def _waits(person: Person) -> list[tuple[str, str]]:
    rows = person.client.get("/api/v1/channels/waiting/").json()
    return [(row["kind"], row["partner"]["owner"]) for row in rows]


def _opening(pair: Pair, *, signed: int, open_by: int) -> str:
    """The sides of a requested channel, with the signatures of so many of them."""
    terms = _terms(complete=True)
    opening = types.ChannelOpen(
        struct_hash(terms), 0, 10, 20, bytes(20), bytes(32), bytes(20), bytes(32), open_by, open_by + 9
    )
    signatures = (b"\x01" * 65, b"\x02" * 65 if signed == len(pair) else b"")
    states = [
        Endpoint(
            domain=types.Domain(31337, b"\x01" * 20),
            channel=struct_hash(opening),
            me=side,
            terms=terms,
            opening=opening,
            phase=Phase.REQUESTED,
            opening_signatures=signatures,
            fundings=(DepositFunding(5, b"\x06" * 65), None),
        )
        for side in types.Side
    ]
    store_endpoints(*states, owners=(pair[0].user.owner, pair[1].user.owner), at=9)
    return to_hex(struct_hash(opening))


def test_a_proposal_waits_for_who_was_asked(pair: Pair) -> None:
    _talk(pair, AgreementPhase.PROPOSED)
    assert _waits(pair[1]) == [("terms", pair[0].user.owner)]
    assert _waits(pair[0]) == []


def test_an_answer_waits_for_who_proposed_until_there_is_a_channel(pair: Pair) -> None:
    for phase in (AgreementPhase.ACCEPTED, AgreementPhase.AGREED):
        _talk(pair, phase)
        assert _waits(pair[0]) == [("answer", pair[1].user.owner)]
        assert _waits(pair[1]) == []
    _opening(pair, signed=1, open_by=int(time.time()) + 60)
    assert _waits(pair[0]) == []
    assert _waits(pair[1]) == [("opening", pair[0].user.owner)]


def test_nothing_waits_after_it_was_declined_or_is_too_late(pair: Pair) -> None:
    _talk(pair, AgreementPhase.ABORTED)
    _opening(pair, signed=1, open_by=int(time.time()) - 1)
    assert (_waits(pair[0]), _waits(pair[1])) == ([], [])


def test_agents_see_to_themselves(pair: Pair) -> None:
    _talk(pair, AgreementPhase.AGREED)
    Prosumer.objects.filter(owner=pair[1].user.owner).update(is_agent=True)
    assert _waits(pair[0]) == []


def test_a_promise_is_for_the_partner(pair: Pair, make_person: Callable[..., Person]) -> None:
    _talk(pair, AgreementPhase.PROPOSED)
    asked = pair[0].client.get(PATH)
    assert (asked.status_code, asked.json()["code"]) == (404, "not_said")
    assert pair[1].client.post(PATH, DEPOSIT).status_code == 204
    assert pair[0].client.get(PATH).json() == DEPOSIT
    assert pair[1].client.get(PATH).status_code == 404
    assert pair[1].client.post(PATH, DEPOSIT | {"amount": "7"}).status_code == 204
    assert pair[0].client.get(PATH).json()["amount"] == "7"
    stranger = make_person()
    assert stranger.client.get(PATH).status_code == 404
    assert stranger.client.post(PATH, DEPOSIT).status_code == 404
    assert pair[0].client.post(PATH.replace("0c", "0d"), DEPOSIT).status_code == 404


def test_a_note_is_promised_by_its_own_merchant(
    pair: Pair, shop: Shop, agree: Callable[[Person, Shop], Agreement]
) -> None:
    _talk(pair, AgreementPhase.PROPOSED)
    note = {"source": shop.merchant.msc, "note": "0x" + "0a" * 32, "amount": "5"}
    refused = pair[1].client.post(PATH, note)
    assert (refused.status_code, refused.json()["code"]) == (409, "no_agreement")
    agree(pair[1], shop)
    assert pair[1].client.post(PATH, note).status_code == 204
    assert pair[0].client.get(PATH).json() == note
    assert pair[1].client.post(PATH, note | {"source": "0x" + "77" * 20}).status_code == 409


@pytest.mark.parametrize(
    "change",
    [
        {"amount": "0"},
        {"amount": 5},
        {"amount": "-5"},
        {"amount": "NaN"},
        {"amount": "9" * 30},
        {"source": None},
        {"source": "0x00"},
        {"note": "0x" + "0a" * 32},
        {"note": []},
        {"source": "0x" + "ab" * 20},
    ],
)
def test_rubbish_is_no_promise(pair: Pair, change: dict[str, Any]) -> None:
    _talk(pair, AgreementPhase.PROPOSED)
    refused = pair[1].client.post(PATH, DEPOSIT | change, format="json")
    assert refused.status_code == 400, refused.content
    assert pair[0].client.get(PATH).status_code == 404


def test_both_sides_get_the_meters_word(pair: Pair, make_person: Callable[..., Person]) -> None:
    address = "0x" + "01" * 20
    Ledger.objects.create(
        chain_id=31337, token=address, factory=address, registry=address, token_name="E", token_version="1"
    )
    channel = _opening(pair, signed=2, open_by=int(time.time()) + 60)
    values = {"quantity_wh": 500, "price_per_kwh": 2000, "imbalance_per_kwh": 3000, "amount": 1, "at": 5}
    rows = {b"\x01": (450, None), b"\x02": (0, None), b"\x03": (None, None), b"\x04": (500, 6)}
    for number, (delivered, settled) in rows.items():
        engine.TradeRecord.objects.create(
            channel=channel,
            trade=to_hex(number * 32),
            seller=pair[0].user.owner,
            buyer=pair[1].user.owner,
            slot_start=900,
            slot_end=1800,
            version=3,
            delivered_wh=delivered,
            settled_version=settled,
            **values,
        )
    path = f"/api/v1/channels/{channel}/deliveries/"
    shown = pair[0].client.get(path).json()
    assert pair[1].client.get(path).json() == shown
    said = {row["delivery"]["trade"]: row["delivery"]["deliveredWh"] for row in shown}
    assert said == {to_hex(b"\x01" * 32): "450", to_hex(b"\x02" * 32): "0"}
    first = types.Delivery(bytes.fromhex(channel[2:]), b"\x01" * 32, 450)
    signature = next(row["signature"] for row in shown if row["delivery"]["deliveredWh"] == "450")
    meant = digest(types.Domain(31337, b"\x01" * 20), first)
    assert signature == to_hex(metering_signer().sign(meant))
    assert make_person().client.get(path).status_code == 404
