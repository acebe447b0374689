import csv
import fcntl
import json
import re
from pathlib import Path
from random import Random
from typing import Any

import pytest
from checks import check_all, check_signatures, check_voltages
from django.core.management import call_command
from django.core.management.base import CommandError
from eth_keys.exceptions import BadSignature
from replays import MORNING, ROOT, SMALL, Stage

NOON = ("--from", "2016-06-10T11:00:00+00:00", "--to", "2016-06-10T11:30:00+00:00")


def test_a_morning_with_credit_notes_ends_with_everything_in_its_place(
    morning: tuple[Stage, dict[str, Any]],
) -> None:
    stage, content = morning
    assert content["summary"]["trades"] > 100
    check_all(stage, content, slots=8)


def test_the_same_morning_with_deposits_has_the_same_trades(
    stage: Stage, morning: tuple[Stage, dict[str, Any]]
) -> None:
    content = stage.replay(SMALL, *MORNING, "--funding", "deposits")
    check_all(stage, content, slots=8)
    assert content["summary"]["funding"] == "deposits"
    quantities = [[trade["quantity_wh"] for trade in slot["trades"]] for slot in content["slots"]]
    assert quantities == [[trade["quantity_wh"] for trade in slot["trades"]] for slot in morning[1]["slots"]]


def test_the_shipped_june_day_trades_on_168_channels(stage: Stage) -> None:
    content = stage.replay("june-day", *NOON)
    check_all(stage, content, slots=2)
    assert len({trade["channel"] for slot in content["slots"] for trade in slot["trades"]}) > 50
    worst = check_voltages(content["slots"], ROOT / "fixtures" / "scenarios" / "june-day.toml", 2)
    assert worst > 0


def test_voltages_are_those_of_pandapower(morning: tuple[Stage, dict[str, Any]]) -> None:
    check_voltages(morning[1]["slots"], Path(SMALL), 8)


def test_a_state_that_one_side_did_not_sign_is_noticed(morning: tuple[Stage, dict[str, Any]]) -> None:
    """The checks above can fail: every kind of tampering with a stored state breaks them."""
    stage, _ = morning
    states = stage.states()
    key = Random(5).choice([key for key in states if key[1] > 0])  # noqa: S311  a sample
    for place in range(len(states[key])):
        row = list(states[key])
        row[place] = _changed(row[place])
        tampered = Tampered(stage, {key: tuple(row)})
        with pytest.raises((AssertionError, BadSignature)):
            check_signatures(tampered)


class Tampered(Stage):
    """A stage that shows other states than it has."""

    def __init__(self, stage: Stage, states: dict[tuple[str, int], tuple[Any, ...]]) -> None:
        super().__init__(stage.folder, stage.port)
        self._states = states

    def states(self) -> dict[tuple[str, int], tuple[Any, ...]]:
        return self._states


def _changed(value: Any) -> Any:
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:]
    return value + 1 if isinstance(value, int) and value not in (0, 1) else 1 - int(value)


def test_the_report_needs_nothing_but_itself(morning: tuple[Stage, dict[str, Any]]) -> None:
    report = (morning[0].folder / "report.html").read_text()
    assert "default-src &#x27;none&#x27;" in report
    assert not re.search(r"""(src|href|action)=["'](?!#)""", report)
    assert not re.search(r"@import|url\(", report)
    ledger = json.loads(report.split('id="report-data">')[1].split("</script>")[0])["ledger"]
    summary = morning[1]["summary"]
    assert ledger["transactions"] == summary["ledger"]["transactions"]
    assert ledger["conserved"]
    assert 0 < ledger["locked"] < ledger["deposits"]


def test_the_tables_hold_every_trade_and_meter(morning: tuple[Stage, dict[str, Any]]) -> None:
    stage, content = morning
    with (stage.folder / "tables" / "trades.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    trades = [trade for slot in content["slots"] for trade in slot["trades"]]
    assert [(row["id"], row["channel"]) for row in rows] == [(t["id"], t["channel"]) for t in trades]
    with (stage.folder / "tables" / "homes.csv").open(encoding="utf-8", newline="") as file:
        imported = sum(int(row["import_wh"]) for row in csv.DictReader(file))
    assert imported == sum(meter[0] for slot in content["slots"] for meter in slot["meters"])


def test_two_replays_at_once_would_take_each_others_nonces(stage: Stage) -> None:
    with (stage.folder / "replay.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, said = stage.manage("replay", SMALL)
    assert code != 0
    assert "Another replay runs" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("no-such-scenario",), "no-such-scenario"),
        (("{broken}",), "seed"),
        (("june-day", "--from", "2016-06-10T11:00:00"), "offset"),
        (("june-day", "--from", "yesterday"), "ISO 8601"),
        (("june-day", "--from", "2020-06-15T11:00:00+00:00"), "period"),
        (("june-day", "--to", "2016-06-09T11:00:00+00:00"), "period"),
        (("june-day", "--funding", "promises"), "promises"),
    ],
)
def test_bad_input_is_named_with_its_remedy(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text('name = "x"\n[grid]\nnetwork = "nowhere.json"\n')
    with pytest.raises(CommandError, match=said):
        call_command("replay", *(word.format(broken=broken) for word in words))


def test_a_database_that_is_not_set_up_is_said_so(tmp_path: Path) -> None:
    code, said = Stage(tmp_path).manage("replay", SMALL)
    assert code != 0
    assert "migrate" in said
    assert "Traceback" not in said
