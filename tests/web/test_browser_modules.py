"""The browser's modules: their own tests in Node, against the shared vectors and scenes that the core plays."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from eth_account import Account

from channels_engine.codec import json_form, to_hex
from channels_engine.core import inputs, negotiation
from channels_engine.core.state import Endpoint
from channels_engine.core.types import ChannelState, Delivery, Offer
from channels_engine.frames import state_view
from tests.core.pair import DOMAIN, Party, open_pair, settle_down, trade
from tests.system_parts import require

ROOT = Path(__file__).resolve().parents[2]
MODULES = ROOT / "marketplace" / "web" / "static" / "web" / "js"


def _mirror(value: Any) -> Any:
    return json.loads(msgspec.json.encode(json_form(type(value)).to_mirror(value)))


def _view(endpoint: Endpoint) -> Any:
    return json.loads(msgspec.json.encode(state_view(endpoint, "me", "them", 1)))


def _acceptance(a: Party, b: Party) -> dict[str, Any]:
    offer: Offer = a.offer(quantity_wh=777, price_per_kwh=123_457)
    settle_down(a, b)
    expected: ChannelState = negotiation.next_state_for_offer(b.endpoint, offer.id)
    return {"view": _view(b.endpoint), "offer": _mirror(offer), "offeror": "a", "expected": _mirror(expected)}


def _staged() -> dict[str, Any]:
    a, b = open_pair()
    trade(a, b)
    offer = a.offer(offeror_sells=False, quantity_wh=333)
    settle_down(a, b)
    b.accept(offer.id)
    settle_down(a, b)
    return {"view": _view(a.endpoint)}


def _settlement(a: Party, b: Party, trades: list[bytes]) -> dict[str, Any]:
    rows = [(trades[0], 1100), (trades[1], 0), (trades[2], 1500)]
    deliveries = [Delivery(a.endpoint.channel, sold, energy) for sold, energy in rows]
    expected = negotiation.next_state_for_settlement(b.endpoint, deliveries)
    shown = [{"trade": to_hex(sold), "deliveredWh": str(energy)} for sold, energy in rows]
    return {"view": _view(b.endpoint), "deliveries": shown, "expected": _mirror(expected)}


def _funding() -> dict[str, Any]:
    """A's wish as B sees it staged, and B's view once the ledger took it and one more trade was made."""
    a, b = open_pair()
    trade(a, b)
    state = a.state
    change = a.change(state.balance_a + 2_000_000, state.balance_b - 1_000_000)
    settle_down(a, b)
    asked = _view(b.endpoint)
    b.agree()
    settle_down(a, b)
    waiting = _view(b.endpoint)
    told = inputs.LedgerFundingChanged(
        change.version, change.balance_a, change.balance_b, change.funding_a, change.funding_b
    )
    for party in (a, b):
        party.feed(told)
    changed = _view(b.endpoint)
    trade(b, a)
    return {
        "asked": asked,
        "waiting": waiting,
        "changed": changed,
        "traded": _view(b.endpoint),
        "change": _mirror(change),
        "next": _mirror(b.state),
    }


def _scene() -> dict[str, Any]:
    fresh, _ = open_pair()
    closing = {"view": _view(fresh.endpoint), "expected": _mirror(negotiation.final_state(fresh.endpoint))}
    a, b = open_pair()
    trades = [trade(a, b), trade(b, a), trade(a, b)]
    return {
        "domain": {
            "chainId": str(DOMAIN.chain_id),
            "verifyingContract": to_hex(DOMAIN.verifying_contract),
        },
        "closing": closing,
        "settlement": _settlement(a, b, trades),
        "acceptance": _acceptance(a, b),
        "staged": _staged(),
        "funding": _funding(),
    }


def _node(*arguments: str, **environment: str) -> str:
    require("Node")
    command = [shutil.which("node") or "node", *arguments]
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, **environment}
    )
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-2000:]
    return result.stdout


def test_modules_agree_with_the_core(tmp_path: Path) -> None:
    scene = tmp_path / "scene.json"
    scene.write_text(json.dumps(_scene()))
    said = _node("--test", "tests/web/js/", CHANNEL_SCENE=str(scene))
    assert "# fail 0" in said
    assert "# skipped 0" in said


def test_other_wallets_open_our_backup() -> None:
    script = f"""
        import {{ seal }} from "{MODULES.as_uri()}/wallet/keystore.js";
        const key = new Uint8Array(32).fill(7);
        console.log(JSON.stringify(await seal(key, "four random words", {{ cost: 1024 }})));
    """
    keystore = json.loads(_node("--input-type=module", "--eval", script))
    assert Account.decrypt(keystore, "four random words") == bytes([7]) * 32
    with pytest.raises(ValueError, match="MAC mismatch"):
        Account.decrypt(keystore, "four random word")


def test_types_of_the_modules() -> None:
    require("Node")
    compiler = ROOT / "marketplace" / "web" / "node_modules" / ".bin" / "tsc"
    require("tsc")
    result = subprocess.run(
        [compiler, "--noEmit"], capture_output=True, text=True, check=False, cwd=compiler.parents[2]
    )
    assert result.returncode == 0, result.stdout
