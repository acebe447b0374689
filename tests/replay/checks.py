"""What must hold of any finished replay, checked by other means than those that made it."""

import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak
from replays import Stage

from channels_engine.core.state import Endpoint
from channels_engine.core.types import Side
from channels_engine.store.blobs import unpack_endpoint
from contracts.bindings import EntityContracts, MerchantContract, Stablecoin
from contracts.connection import LedgerClient
from contracts.records import ChannelStatus
from grid.flow.pandapower_reference import reference
from grid.scenarios.scenario import load_scenario
from grid.simulation import open_simulation

TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"  # keccak of ERC-20's event
HEADS = {
    "ChannelState": "bytes32 channel,uint64 version,uint64 base,uint96 balanceA,uint96 balanceB,uint64 energyToA,"
    "uint64 energyToB,bytes32 tradesRoot,bool isFinal",
    "ChannelOpen": "bytes32 scid,uint64 index,uint96 fundingA,uint96 fundingB,address sourceA,bytes32 noteA,"
    "address sourceB,bytes32 noteB,uint64 openBy,uint64 expiry",
    "NoteReceipt": "bytes32 sid,bytes32 serial,address holder,uint96 amount",
}


def check_all(stage: Stage, content: dict[str, Any], slots: int) -> None:
    """Everything but the power flow."""
    check_slots(stage, content, slots)
    check_money(stage, content)
    check_signatures(stage)
    check_energy(content["slots"])
    check_books(stage)


def check_slots(stage: Stage, content: dict[str, Any], slots: int) -> None:
    """Each slot once, in order, with all of its trades and no others."""
    starts = [slot["slot_start"] for slot in content["slots"]]
    assert starts == list(range(starts[0], starts[0] + slots * 900, 900))
    assert content["summary"]["slots"] == slots
    members = ("channel", "id", "quantity_wh", "price_per_kwh", "amount", "delivered_wh", "refund")
    shown = [tuple(trade[name] for name in members) for slot in content["slots"] for trade in slot["trades"]]
    stored = stage.rows(f"SELECT {', '.join(members).replace('id', 'trade')} FROM engine_traderecord")  # noqa: S608  fixed text
    assert sorted(shown) == sorted(stored)
    assert len({trade[:2] for trade in shown}) == len(shown) == content["summary"]["trades"]


def check_money(stage: Stage, content: dict[str, Any]) -> None:
    """The ledger's own events and balances, without our audit: nothing is left in channels, nothing is lost."""
    money, place = content["summary"]["money"], ledger_of(stage)
    assert (money["difference"], money["mismatches"], money["conserved"]) == (0, [], True)
    assert money["put_in"] == sum(money["accounts"].values()) > 0
    with stage.node(), LedgerClient(stage.ledger_url) as client:
        token = Stablecoin(bytes.fromhex(stage.value("SELECT token FROM credit_ledger")[2:]))
        holders = _holders(client, token)
        assert sum(holders.values()) == token.total_supply(client.call)
        assert all(token.balance_of(client.call, who) == held for who, held in holders.items())
        registry = EntityContracts(bytes.fromhex(place["registry"][2:]))
        assert holders.get(registry.address, 0) == 0
        treasury = MerchantContract(bytes.fromhex(place["merchant"][2:]))
        if content["summary"]["funding"] == "notes":
            assert holders[treasury.address] == money["put_in"]
            assert treasury.treasury(client.call).total == money["put_in"]
            _check_receipts(stage, client, treasury)
        else:
            keys = {endpoint.terms.party(side) for endpoint in endpoints(stage) for side in Side}
            assert sum(holders.get(key, 0) for key in keys) == money["put_in"]
        _check_closed(stage, client, registry)


def _check_receipts(stage: Stage, client: LedgerClient, treasury: MerchantContract) -> None:
    """For each note that the ledger knows, a receipt of the participant whose agreement it names."""
    domain = {"name": "Wattnote", "version": "1", "chainId": 31337}
    domain["verifyingContract"] = "0x" + treasury.address.hex()
    openings = [endpoint.opening for endpoint in endpoints(stage)]
    used = {note for opening in openings for note in (opening.note_a, opening.note_b)}
    rows = stage.rows("SELECT sid, serial, holder, amount, signature FROM trading_householdreceipt")
    assert {bytes.fromhex(serial[2:]) for _, serial, *_ in rows} == used
    for sid, serial, holder, amount, signature in rows:
        raw = tuple(bytes.fromhex(text[2:]) for text in (sid, serial, holder))
        signer = Account._recover_hash(_hash(domain, "NoteReceipt", (*raw, amount)), signature=signature)
        assert treasury.agreement_of(client.call, raw[0]).participant == bytes.fromhex(signer[2:])
        assert treasury.note_of(client.call, raw[1], raw[2]).amount == amount


def _holders(client: LedgerClient, token: Stablecoin) -> Counter[bytes]:
    wanted = {
        "address": "0x" + token.address.hex(),
        "topics": [TRANSFER],
        "fromBlock": "0x0",
        "toBlock": "latest",
    }
    held: Counter[bytes] = Counter()
    for log in client.request("eth_getLogs", wanted):
        source, target = (bytes.fromhex(topic[26:]) for topic in log["topics"][1:3])
        held[source] -= int(log["data"], 16)
        held[target] += int(log["data"], 16)
    del held[bytes(20)]  # where coins come from
    assert min(held.values()) >= 0
    return held


def _check_closed(stage: Stage, client: LedgerClient, registry: EntityContracts) -> None:
    """Every channel was paid out as its newest co-signed state says."""
    newest: dict[str, tuple[int, int, int]] = {}
    for channel, version, a, b in stage.rows(
        "SELECT channel, version, balance_a, balance_b FROM engine_cosignedstate"
    ):
        newest[channel] = max(newest.get(channel, (-1, 0, 0)), (version, a, b))
    paid = {to_text(endpoint): endpoint.payout for endpoint in endpoints(stage)}
    assert paid == {channel: (a, b) for channel, (_, a, b) in newest.items()}
    for channel in newest:
        shown = registry.channel_of(client.call, bytes.fromhex(channel[2:]))
        assert shown.status is not ChannelStatus.OPEN


def to_text(endpoint: Endpoint) -> str:
    return "0x" + endpoint.channel.hex()


def endpoints(stage: Stage) -> list[Endpoint]:
    """Side A's view of every channel."""
    return [
        unpack_endpoint(bytes(fixed), bytes(moving), 0)
        for fixed, moving in stage.rows(
            "SELECT e.fixed, c.moving FROM engine_endpoint e JOIN engine_channel c ON c.channel = e.channel "
            "WHERE e.side = 0"
        )
    ]


def ledger_of(stage: Stage) -> dict[str, Any]:
    """The run's own note of where its contracts are."""
    found = stage.value("SELECT ledger FROM grid_replayrun")
    place: dict[str, Any] = json.loads(found) if isinstance(found, str) else found
    return place


def check_signatures(stage: Stage) -> int:
    """Both signatures of every co-signed state by eth_account, from nothing but the stored rows."""
    place = ledger_of(stage)
    domain = {"name": "Wattnote", "version": "1", "chainId": 31337, "verifyingContract": place["registry"]}
    views = {to_text(endpoint): endpoint for endpoint in endpoints(stage)}
    states = stage.states()
    for (channel, version), row in states.items():
        *numbers, root, is_final, sign_a, sign_b = row
        view = views[channel]
        if version:
            values = (view.channel, version, *numbers, root, bool(is_final))
            hashed = _hash(domain, "ChannelState", values)
        else:
            opening = view.opening
            hashed = _hash(
                domain, "ChannelOpen", tuple(getattr(opening, name) for name in opening.__struct_fields__)
            )
        for side, signature in ((Side.A, sign_a), (Side.B, sign_b)):
            signer = Account._recover_hash(hashed, signature=signature)
            assert bytes.fromhex(signer[2:]) == view.terms.party(side), (channel, version, side)
    return len(states)


def _hash(domain: dict[str, Any], name: str, values: tuple[Any, ...]) -> bytes:
    members = [
        dict(zip(("type", "name"), member.split(" "), strict=True)) for member in HEADS[name].split(",")
    ]
    message = dict(zip((member["name"] for member in members), values, strict=True))
    signable = encode_typed_data(domain, {name: members}, message)
    return bytes(keccak(b"\x19" + signable.version + signable.header + signable.body))


def check_energy(slots: list[dict[str, Any]]) -> None:
    """What is fed in and taken out balances, to the watt-hour, at the feeder and at the supplier."""
    for slot in slots:
        supply = slot["production_wh"] + slot["discharged_wh"] + slot["import_wh"]
        assert supply == slot["consumption_wh"] + slot["charged_wh"] + slot["export_wh"] + slot["losses_wh"]
        metered = sum(imported - exported for imported, exported in slot["meters"])
        assert metered - slot["unaccounted_wh"] == sum(bill[0] - bill[1] for bill in slot["bills"])
        assert slot["traded_wh"] == sum(trade["quantity_wh"] for trade in slot["trades"])
        for trade in slot["trades"]:
            assert trade["amount"] == -(-trade["quantity_wh"] * trade["price_per_kwh"] // 1000)
            assert 0 <= trade["delivered_wh"] <= trade["quantity_wh"]


def check_books(stage: Stage) -> None:
    """The final balances are the funding, plus what was sold, less what was bought and refunded: trade by trade."""
    expected: Counter[tuple[str, str]] = Counter()
    sides = {}
    for channel, side, owner in stage.rows("SELECT channel, side, owner FROM engine_endpoint"):
        sides[channel, owner] = "ab"[side]
    query = "SELECT channel, seller, buyer, amount, refund, settled_version FROM engine_traderecord"
    for channel, seller, buyer, amount, refund, settled in stage.rows(query):
        assert settled is not None, "a trade was never settled"
        expected[channel, sides[channel, seller]] += amount - refund
        expected[channel, sides[channel, buyer]] -= amount - refund
    for endpoint in endpoints(stage):
        assert endpoint.payout is not None
        name, opening = to_text(endpoint), endpoint.opening
        assert endpoint.payout[0] == opening.funding_a + expected[name, "a"]
        assert endpoint.payout[1] == opening.funding_b + expected[name, "b"]


def check_voltages(slots: list[dict[str, Any]], scenario: Path, count: int) -> float:
    """Stored voltages of random slots against `pandapower.runpp`; they are rounded to six digits."""
    simulation = open_simulation(load_scenario(scenario))
    chosen = Random(3).sample(slots, min(count, len(slots)))  # noqa: S311  a sample
    net_kw = np.array(
        [[(imported - exported) * 4 / 1000 for imported, exported in slot["meters"]] for slot in chosen]
    )
    q_kvar = np.array([simulation.reactive_kvar(slot["slot_start"]) for slot in chosen])
    expected = reference(simulation.feeder, net_kw, q_kvar)
    worst = float(np.abs(np.array([slot["vm_pu"] for slot in chosen]) - expected.vm_pu).max())
    assert worst < 1e-6
    return worst


def essence(content: dict[str, Any]) -> list[dict[str, Any]]:
    """What two replays of one scenario must have in common: all but ids, which hold each run's own keys."""
    slots = []
    for slot in content["slots"]:
        trades = [
            {key: trade[key] for key in trade if key not in ("id", "channel")} for trade in slot["trades"]
        ]
        slots.append({**slot, "trades": trades})
    return slots
