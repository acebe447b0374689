"""What an agent on a machine of one's own signs, and what it never signs: the mandate, the bounds, its memory. Pure."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from channels_engine.codec import to_hex
from channels_engine.core import negotiation
from channels_engine.core.errors import LocalProtocolError
from channels_engine.core.signing import LocalSigner
from channels_engine.core.typed_data import struct_hash
from marketplace.client.own_agent.bounds import (
    BoundsError,
    Promised,
    bound,
    day_of,
    in_hours,
    promised_in,
    require_bounds,
)
from marketplace.client.own_agent.mandate import MandateError, mandate_text, require_mandate
from marketplace.client.own_agent.memory import Memory
from marketplace.client.own_agent.plans import Plan, Rules, Step
from marketplace.client.wallet import Wallet, text_digest
from tests.core.pair import open_pair, settle_down, trade

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "fixtures" / "vectors" / "agent.json").read_text()
)
MANDATE = VECTORS["mandate"]
SIGNER = LocalSigner(bytes([9]) * 32)
NOW = MANDATE["until"] - 1000
NAMES = {name: MANDATE[name] for name in ("version", "owner", "until")}


def rules(**changes: Any) -> Rules:
    return msgspec.convert(MANDATE["rules"] | changes, Rules, strict=False)


def check(case: dict[str, Any]) -> None:
    base = VECTORS["steps"][case["step"]]
    position = base["position"] | case.get("position", {})
    step = msgspec.convert(base | case["changes"] | {"position": position}, Step, strict=False)
    held = [
        msgspec.convert(one | {"id": str(n)}, Promised, strict=False)
        for n, one in enumerate(case.get("bound", ()))
    ]
    facts = {"is_known": case.get("known", True), "bound": held, "until": MANDATE["until"]}
    require_bounds(step, rules(**case.get("rules", {})), **facts, now=case.get("now", NOW))


def passes(case: dict[str, Any]) -> bool:
    try:
        check(case)
    except (BoundsError, msgspec.ValidationError):
        return False
    return True


def test_the_bounds_are_the_browsers_to_the_last_unit() -> None:
    allowed = [case for case in VECTORS["bounds"] if case["allowed"]]
    assert len(allowed) > 20
    assert [case["name"] for case in VECTORS["bounds"] if passes(case)] == [case["name"] for case in allowed]


def test_days_and_hours_are_the_zones() -> None:
    for one in VECTORS["days"]:
        minute, where = one["minute"], {"zone": one["zone"]}
        assert day_of(rules(**where), one["slot_start"]) == one["day"]
        assert in_hours(rules(**where, from_minute=minute, to_minute=minute + 1), one["slot_start"])
        assert not in_hours(rules(**where, from_minute=minute + 1, to_minute=minute), one["slot_start"])


def plan(**changes: Any) -> Plan:
    text = mandate_text(rules(), **NAMES)
    usual = {
        "action": None,
        "reason": "covered",
        "words": "",
        "rules": rules(),
        "version": MANDATE["version"],
        "mandate": to_hex(SIGNER.sign(text_digest(text))),
        "until": MANDATE["until"],
        "look_again_s": 5,
    }
    return Plan(**usual | changes)


def test_only_the_own_wallets_word_counts() -> None:
    me: dict[str, Any] = {
        "owner": MANDATE["owner"],
        "address": SIGNER.address,
        "newest": MANDATE["version"],
        "now": NOW,
    }
    assert mandate_text(rules(), **NAMES) == MANDATE["text"]
    assert require_mandate(plan(), **me) == (rules(), MANDATE["until"])
    for wrong in (
        {"rules": rules(sell_from="1")},
        {"rules": rules(budget="200001")},
        {"until": MANDATE["until"] + 1},
        {"version": MANDATE["version"] + 1},
        {"mandate": None},
        {"mandate": "0x" + "11" * 65},
        {"mandate": "0x12"},
        {"rules": None},
    ):
        with pytest.raises(MandateError):
            require_mandate(plan(**wrong), **me)
    for mine in ({"newest": 4}, {"owner": "p-2"}, {"address": bytes(20)}, {"now": MANDATE["until"]}):
        with pytest.raises(MandateError):
            require_mandate(plan(), **me | mine)


def test_a_promise_counts_while_it_can_be_kept_and_for_good_once_it_is_a_trade() -> None:
    a, b = open_pair()
    sold = to_hex(trade(a, b))
    offer = a.offer(quantity_wh=333)
    offered = to_hex(struct_hash(offer))
    assert {one.id: one.traded for one in promised_in(a.endpoint)} == {sold: True, offered: False}
    assert {one.id: one.sells for one in bound([b.endpoint], [], 0)} == {sold: False}
    signed = [
        Promised("0xcc", 0, sells=True, wh=30, amount=3, until=NOW - 60),
        Promised("0xdd", 0, sells=True, wh=20, amount=2, until=NOW - 200),
        Promised("0xee", 0, sells=True, wh=10, amount=1, until=0, traded=True),
    ]
    late = max(NOW, offer.valid_until)
    assert {one.id for one in bound([a.endpoint], signed, late)} >= {sold, "0xee"}
    assert {one.id for one in bound([], signed, NOW)} == {"0xcc", "0xee"}
    assert offered not in {one.id for one in bound([a.endpoint], [], offer.valid_until)}


def test_the_memory_outlives_the_program_and_signs_no_version_twice(tmp_path: Path) -> None:
    a, b = open_pair()
    offer = a.offer(quantity_wh=333)
    settle_down(a, b)
    state = negotiation.next_state_for_offer(b.endpoint, offer.id)
    memory = Memory(tmp_path / "agent.json")
    memory.work_by(3)
    memory.promise(Promised("0xaa", 1, sells=True, wh=1, amount=1, until=5))
    memory.before_signing(b.endpoint, state, 0)
    memory.traded({"0xaa", "0xbb"})
    again = Memory(tmp_path / "agent.json")
    assert (again.newest, [one.traded for one in again.promises]) == (3, [True])
    assert again.highest(b.endpoint) == state.version
    again.before_signing(b.endpoint, state, 0)
    other = msgspec.structs.replace(state, balance_a=state.balance_a - 1, balance_b=state.balance_b + 1)
    with pytest.raises(LocalProtocolError, match="signed version"):
        again.before_signing(b.endpoint, other, 0)
    assert (
        negotiation.next_state_for_offer(b.endpoint, offer.id, again.highest(b.endpoint)).version
        > state.version
    )
    assert (tmp_path / "agent.json").stat().st_mode & 0o077 == 0
    with again.only_here(), pytest.raises(RuntimeError, match="already"), memory.only_here():
        pass


def test_a_key_that_signed_elsewhere_signs_nothing_older(tmp_path: Path) -> None:
    """The browser's signatures are learned from the log."""
    a, b = open_pair()
    trade(a, b)
    memory = Memory(tmp_path / "agent.json")
    assert memory.highest(a.endpoint) == a.state.version
    with pytest.raises(LocalProtocolError):
        memory.before_signing(a.endpoint, msgspec.structs.replace(a.state, energy_to_a=1), 0)


def test_the_key_opens_with_its_passphrase_only(tmp_path: Path) -> None:
    wallet, path = Wallet.fresh(), tmp_path / "key.json"
    wallet.save(path, "passphrase", cost=1024)
    assert path.stat().st_mode & 0o077 == 0
    assert Wallet.load(path, "passphrase").address == wallet.address
    with pytest.raises(ValueError, match="MAC mismatch"):
        Wallet.load(path, "passphras")
