import json
import random
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from replays import ROOT, Stage

from channels_engine.core.types import Side
from channels_engine.store.blobs import unpack_endpoint
from grid.powerflow import reference
from grid.scenario import load_scenario
from grid.simulation import open_simulation

NOON = ("--from", "2016-06-10T11:00:00+00:00", "--to", "2016-06-10T13:00:00+00:00")
STATE_TYPE = {
    "ChannelState": [
        {"type": kind, "name": name}
        for kind, name in (
            ("bytes32", "channel"),
            ("uint64", "version"),
            ("uint64", "base"),
            ("uint96", "balanceA"),
            ("uint96", "balanceB"),
            ("uint64", "energyToA"),
            ("uint64", "energyToB"),
            ("bytes32", "tradesRoot"),
            ("bool", "isFinal"),
        )
    ]
}
STATE_COLUMNS = (
    "version, base, balance_a, balance_b, energy_to_a, energy_to_b, trades_root, is_final, signature_a, signature_b"
)


def _rows(stage: Stage, query: str, *values: Any) -> list[Any]:
    with sqlite3.connect(stage.folder / "db.sqlite3") as database:
        return database.execute(query, values).fetchall()


@pytest.mark.parametrize("funding", ["notes", "deposits"])
def test_two_hours_at_noon_end_with_every_micro_unit_in_its_place(stage: Stage, funding: str) -> None:
    done = stage.replay("june-day", *NOON, "--funding", funding, "--report", str(stage.folder / "report.html"))
    summary = done["summary"]
    assert summary["slots"] == 8
    assert summary["trades"] > 50
    money = summary["money"]
    assert money["put_in"] == sum(money["accounts"].values()) > 0
    assert (money["difference"], money["mismatches"], money["conserved"]) == (0, [], True)
    assert sum(len(slot["trades"]) for slot in done["slots"]) == summary["trades"]
    _every_state_is_signed_by_both(stage)
    _energy_balances(done["slots"])
    _voltages_are_those_of_pandapower(done["slots"])
    report = (stage.folder / "report.html").read_text()
    assert report.count("<svg") == 5
    assert "http://" not in report.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )


def _every_state_is_signed_by_both(stage: Stage) -> None:
    """Checked by another library, from nothing but the stored rows."""
    (ledger,) = (json.loads(row[0]) for row in _rows(stage, "SELECT ledger FROM grid_replayrun"))
    domain = {"name": "Wattnote", "version": "1", "chainId": 31337, "verifyingContract": ledger["registry"]}
    parties = {
        channel: unpack_endpoint(blob).terms
        for channel, blob in _rows(stage, "SELECT channel, blob FROM store_endpoint WHERE side = 0")
    }
    states = _rows(stage, f"SELECT channel, {STATE_COLUMNS} FROM store_cosignedstate WHERE version > 0")  # noqa: S608  fixed text
    assert len(states) > 50
    for channel, *fields, root, is_final, sig_a, sig_b in random.Random(7).sample(states, 50):  # noqa: S311  a sample
        names = ("version", "base", "balanceA", "balanceB", "energyToA", "energyToB")
        message = dict(zip(names, fields, strict=True)) | {
            "channel": bytes.fromhex(channel[2:]),
            "tradesRoot": root,
            "isFinal": bool(is_final),
        }
        signable = encode_typed_data(domain, STATE_TYPE, message)
        for side, signature in ((Side.A, sig_a), (Side.B, sig_b)):
            signer = Account.recover_message(signable, signature=signature)
            assert bytes.fromhex(signer[2:]) == parties[channel].party(side)


def _energy_balances(slots: list[dict[str, Any]]) -> None:
    for slot in slots:
        supply = slot["production_wh"] + slot["discharged_wh"] + slot["import_wh"]
        assert supply == slot["consumption_wh"] + slot["charged_wh"] + slot["export_wh"] + slot["losses_wh"]
        metered = sum(imported - exported for imported, exported in slot["meters"])
        supplied = sum(bill[0] - bill[1] for bill in slot["bills"])
        assert metered == supplied


def _voltages_are_those_of_pandapower(slots: list[dict[str, Any]]) -> None:
    simulation = open_simulation(load_scenario(ROOT / "fixtures" / "scenarios" / "june-day.toml"))
    chosen = random.Random(3).sample(slots, 4)  # noqa: S311  a sample
    net_kw = np.array([[(imported - exported) * 4 / 1000 for imported, exported in slot["meters"]] for slot in chosen])
    q_kvar = np.array([simulation.reactive_kvar(slot["slot_start"]) for slot in chosen])
    expected = reference(simulation.feeder, net_kw, q_kvar)
    assert np.abs(np.array([slot["vm_pu"] for slot in chosen]) - expected.vm_pu).max() < 1.5e-6


def test_bad_input_is_named_with_its_remedy(stage: Stage, tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text('name = "x"\n[grid]\nnetwork = "nowhere.json"\n')
    for words, said in (
        (("replay", "no-such-scenario"), "no-such-scenario"),
        (("replay", str(broken)), "seed"),
        (("replay", "june-day", "--from", "2016-06-10T11:00:00"), "offset"),
        (("replay", "june-day", "--from", "2020-06-15T11:00:00+00:00"), "period"),
    ):
        done = stage.manage(*words)
        assert done.returncode != 0
        assert said in done.stderr
        assert "Traceback" not in done.stderr
