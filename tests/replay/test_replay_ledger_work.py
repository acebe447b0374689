"""What a replay asks of the ledger: gas limits that hold, and a relay that nobody who crashed keeps."""

import json
import time

import pytest
from replays import ROOT, Stage

from channels_engine.core import effects as fx
from channels_engine.ledger import GAS_LIMITS

GAS = json.loads((ROOT / "contracts" / "gas.json").read_text())
PARTS = {
    fx.LedgerOpenChannel: ("gas_open", "gas_create_pair"),
    fx.LedgerFinalise: ("gas_close", "gas_batch_close"),
    fx.LedgerDispute: ("gas_dispute",),
    fx.LedgerResolve: ("gas_resolve",),
    fx.LedgerFinaliseDisputed: ("gas_payout", "gas_close_after_dispute"),
    fx.LedgerChangeFunding: ("gas_change_funding",),
    fx.LedgerEnforceOffer: ("gas_enforce_offer",),
    fx.LedgerEnforceDelivery: ("gas_enforce_delivery",),
    fx.LedgerCheckpoint: ("gas_checkpoint",),
}
HOLD_THE_RELAY = """
import time, django
django.setup()
from marketplace.credit.ledger import lease
with lease("relay"):
    print("held", flush=True)
    time.sleep(60)
"""
TAKE_THE_RELAY = HOLD_THE_RELAY.replace("time.sleep(60)", "pass")


@pytest.mark.parametrize("effect", PARTS, ids=lambda effect: effect.__name__)
def test_every_transaction_has_half_of_its_limit_to_spare(effect: type[fx.Effect]) -> None:
    """A refund is paid out only after the gas was there, and a token of another network may cost more."""
    dearest = [
        max(gas for name, gas in GAS.items() if name.startswith(part) and "whole" not in name)
        for part in PARTS[effect]
    ]
    needed = sum(dearest) if effect is fx.LedgerOpenChannel else max(dearest)
    assert 2 * needed <= GAS_LIMITS[effect] <= 4 * needed


def test_every_effect_for_the_ledger_has_a_limit() -> None:
    wanted = {effect for effect in fx.Effect.__args__ if effect.__name__.startswith("Ledger")}
    assert set(GAS_LIMITS) == set(PARTS) == wanted


@pytest.mark.kill
def test_a_relay_that_was_held_by_a_crashed_process_is_free_at_once(stage: Stage) -> None:
    program = stage.folder / "relay.py"
    program.write_text(HOLD_THE_RELAY)
    holder = stage.start(program=program)
    while stage.log() != "held\n":
        assert holder.poll() is None, stage.log()
        time.sleep(0.01)
    holder.kill()
    holder.wait(10)
    assert stage.value("SELECT count(*) FROM credit_lease") == 1
    program.write_text(TAKE_THE_RELAY)
    began = time.monotonic()
    assert stage.start(program=program).wait(20) == 0, stage.log()
    assert time.monotonic() - began < 20
    assert stage.log() == "held\nheld\n"
    assert stage.value("SELECT count(*) FROM credit_lease") == 0
