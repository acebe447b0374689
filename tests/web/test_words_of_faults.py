"""What the cores say of people's files and meters, in German: sentence by sentence, whatever is in them."""

import ast
import json
import re
from pathlib import Path

import msgspec
from django.utils import translation

from grid.checking import check_network, check_profiles
from grid.metering import Device, Mark, Report
from grid.metering.readings import REMEDIES
from grid.metering.validation import Known, judge
from grid.profiles import Options
from grid.scenarios.scenario import ScenarioFaultError, parse_scenario
from grid.words import Words, placed, unplaced
from marketplace.words.cores import told

ROOT = Path(__file__).resolve().parents[2]
PROFILES = """time;Haus 1;Haus 2_kW;Haus 2_kW;
2026-03-01 00:00;x;1,5;3.5;1
2026-03-01 00:15;1.234;;1.234,5;1
2026-03-01 00:15;1;1
"""
NETWORK = {"format": "wattnote-feeder-1", "name": "street", "buses": 3, "lines": [{"name": "L1"}]}
SCENARIO = {
    "seed": "one",
    "colour": "red",
    "grid": {"network": "none.json", "profiles": ["none.csv"]},
    "events": [{"kind": "storm"}, {}],
    "period": {"start": 3},
}
SAME_IN_BOTH = ("Expected ", "Object missing", "wattnote-feeder-1")
FILLED = ("_WORDS[code]", "error.detail")
"""Templates that are said to be `Words` where they stand; a text that is told already."""
ENGLISH = re.compile(r"\b(is|has|the|must|give|write|choose|known|missing|column|number|with|of)\b")


def _said(tmp_path: Path) -> list[Words]:
    (tmp_path / "a.csv").write_text(PROFILES)
    (tmp_path / "a.json").write_text(json.dumps(NETWORK))
    reports = check_profiles(tmp_path / "a.csv", Options())[0], check_network("a.json", tmp_path)[0]
    said = [fault.told for report in reports for fault in report.faults]
    try:
        parse_scenario(dict(SCENARIO), folder=tmp_path)
    except ScenarioFaultError as error:
        said += error.faults
    return [*said, *REMEDIES.values()]


def test_every_fault_comes_out_in_german(tmp_path: Path) -> None:
    said = _said(tmp_path)
    assert len(said) > 35
    for words in said:
        stored = json.loads(json.dumps(words.as_dict()))
        assert told(words) == told(stored) == words
        with translation.override("de"):
            german = re.sub(r"'[^']*'|\[\w+\]|`[^`]*`|Expected [^;]*|Object missing[^;]*", "", told(stored))
        assert not ENGLISH.search(german), german


def test_sentences_within_sentences(tmp_path: Path) -> None:
    with translation.override("de"):
        german = [told(words) for words in _said(tmp_path)]
    assert (
        "a.csv, Zeile 2: Spalte 'Haus 1': 'x' ist keine Zahl; schreiben Sie nur Ziffern, die Einheit gehört in den Namen der Spalte"
        in german
    )
    assert (
        "[[events]] Nummer 2: hat kein kind; wählen Sie aus: cloud-front, derating, flash-crowd, line-outage, malicious-agents, transformer-outage"
        in german
    )


def test_a_place_is_left_out_where_it_stands_beside() -> None:
    fault = Words("has %(rows)s rows, 100 %%", rows=3)
    assert placed("a.csv", fault) == "a.csv: has 3 rows, 100 %"
    assert unplaced(placed("a.csv", fault), "a.csv") is fault
    assert unplaced(placed("a.csv", fault), "b.csv") == "a.csv: has 3 rows, 100 %"


def test_what_is_kept_is_plain() -> None:
    """A slot's row is written by msgspec, which knows no kinds of texts."""
    device, mark = Device("meter 1", 6, 2000), Mark(900, 0, 0, 0)
    report = Report(900, 1800, 10**7, 0, 1)
    fault = judge(device, Known(before=mark, after=None), report, now=1800).fault
    assert fault is not None
    kept = json.loads(msgspec.json.encode([fault.as_dict(), fault.words.as_dict()]))
    assert kept[0]["words"] == "10000000 and 0 Wh have more digits than the 6 of the meter"
    with translation.override("de"):
        assert told(kept[1]) == "10000000 und 0 Wh haben mehr Stellen als die 6 des Zählers"


def test_templates_are_literal() -> None:
    """What isn't can't be found by `manage.py words`, and so has no translation."""
    for path in [*ROOT.glob("grid/**/*.py"), *ROOT.glob("marketplace/**/*.py")]:
        source = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)) if "from grid.words import" in source else ():
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Words":
                text = node.args[0]
                assert isinstance(text, ast.Constant) or ast.unparse(text) in FILLED, f"{path}:{node.lineno}"
