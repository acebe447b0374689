"""A replay whose meters misbehave: a channel settles what is certain, once, and the books say what was corrected."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from checks import check_energy, check_money, check_signatures
from replays import ROOT, SMALL, Stage

NOON = ("--from", "2016-06-10T11:00:00+00:00", "--to", "2016-06-10T13:00:00+00:00")
UNREAD = """
[metering]
gap_permille = 150
late_permille = 250
late_slots = 2
duplicate_permille = 50
negative_permille = 50
"""


def _street(folder: Path) -> str:
    """The small scenario with six plants and nine loads only, forecasts that err much, and such meters."""
    network = json.loads((ROOT / "fixtures" / "networks" / "1-LV-rural3--2-sw.json").read_text())
    homes = sorted(network["connections"], key=lambda home: home["generator"] is None)
    plants = [home for home in homes if home["generator"]][:6]
    network["connections"] = plants + homes[-9:]
    (folder / "street.json").write_text(json.dumps(network))
    text = re.sub(r'network = ".*"', f'network = "{folder / "street.json"}"', Path(SMALL).read_text())
    text = text.replace("../../../fixtures", str(ROOT / "fixtures"))
    text = text.replace("pv_scale = 2.0", "pv_scale = 0.4").replace("pv_error = 0.10", "pv_error = 0.30")
    (folder / "unread.toml").write_text(text + UNREAD)
    return str(folder / "unread.toml")


def test_estimated_trades_settle_once_when_their_meter_has_spoken(stage: Stage) -> None:
    content = stage.replay(_street(stage.folder), *NOON)
    check_money(stage, content)
    check_signatures(stage)
    check_energy(content["slots"])
    metering = content["summary"]["metering"]
    assert metering["readings"]["estimated"] > metering["readings"]["corrected"] > 10
    assert content["summary"]["trades"] > metering["estimated_trades"] > 5
    assert metering["corrected_refund"] > 100_000
    assert {"missing", "late", "negative"} <= metering["faults"].keys()
    assert metering["unaccounted_wh"] == 0
    delivered, refunds = _as_corrected(content["slots"])
    settled = stage.rows("SELECT trade, delivered_wh, refund FROM engine_traderecord")
    assert {trade: wh for trade, wh, _ in settled} == delivered
    assert {trade: money for trade, _, money in settled} == refunds
    afterwards = sum(bill["bill_after"] for bill in content["summary"]["bills"])
    assert afterwards == _paid_to_supplier(content["slots"])
    _check_bills(stage, content)


def _check_bills(stage: Stage, content: dict[str, Any]) -> None:
    """Each household's bill adds up to its meter, to its trades' co-signed states and to the ledger's last word."""
    program = Path(__file__).with_name("billed.py").read_text()
    code, said = stage.manage("shell", "-v0", "-c", program)
    assert code == 0, said
    bills = json.loads(said.splitlines()[-1])
    assert {one["name"]: one["cost"] for one in bills} == {
        row["name"]: row["bill_after"] for row in content["summary"]["bills"]
    }
    for place, one in enumerate(bills):
        assert one["moved"] == one["in_channels"]
        assert one["open_wh"] == 0
        net = [slot["meters"][place][0] - slot["meters"][place][1] for slot in content["slots"]]
        assert one["metered_net_wh"] == sum(net)
    assert sum(one["states"] for one in bills) > sum(one["trades"] for one in bills) > 10
    assert sum(one["corrections"] for one in bills) > 10


def _as_corrected(slots: list[dict[str, Any]]) -> tuple[Counter[str], Counter[str]]:
    """Delivery and refund of every trade: as it was settled on paper, with all corrections since."""
    delivered: Counter[str] = Counter()
    refunds: Counter[str] = Counter()
    for slot in slots:
        changes = [trade for correction in slot["corrections"] for trade in correction["trades"]]
        for trade in (*slot["trades"], *changes):
            delivered[trade["id"]] += trade["delivered_wh"]
            refunds[trade["id"]] += trade["refund"]
    return delivered, refunds


def _paid_to_supplier(slots: list[dict[str, Any]]) -> int:
    bills = sum(bill[2] - bill[3] for slot in slots for bill in slot["bills"])
    return bills + sum(correction["supplier"] for slot in slots for correction in slot["corrections"])
