"""docs/protocol.md says what the code does."""

import re
from pathlib import Path

from channels_engine.core import inputs
from channels_engine.core.messages import BODY_BY_TYPE
from channels_engine.core.transition import TABLE
from channels_engine.core.typed_data import TYPE_STRINGS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
EVERYWHERE = {inputs.ReceiveOpenRequest, inputs.TimerElapsed, inputs.LedgerFinalised, inputs.LedgerRolledBack}


def test_the_state_table_is_the_one_of_the_machine() -> None:
    section = PAGE.split("<!-- table:")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (\(none\)|[a-z]+) \|(.*)\|(.*)\|(.*)\|$", section, flags=re.MULTILINE)
    documented = {row[0]: row[1:] for row in rows if row[0] != "phase"}
    assert set(documented) == {"(none)" if phase is None else phase.value for phase in TABLE}
    for phase, handlers in TABLE.items():
        columns = documented["(none)" if phase is None else phase.value]
        for prefix, column in zip(("Action", "Receive", "Ledger"), columns, strict=True):
            named = {prefix + name.strip() for name in column.split(",") if name.strip()}
            beyond = set(handlers) if phase is None else set(handlers) - EVERYWHERE
            assert named == {kind.__name__ for kind in beyond if kind.__name__.startswith(prefix)}, phase


def test_all_but_the_beginning_take_what_is_taken_everywhere() -> None:
    assert all(set(handlers) >= EVERYWHERE for phase, handlers in TABLE.items() if phase is not None)


def test_every_type_string_and_message_is_named() -> None:
    for text in TYPE_STRINGS.values():
        assert text in PAGE
    for kind in BODY_BY_TYPE:
        assert f"`{kind}`" in PAGE


def test_each_invariant_has_its_proof() -> None:
    listed = PAGE.split("\n## Invariants")[1].split("<!-- proofs:")
    invariants = re.findall(r"^(\d+)\. ", listed[0], flags=re.MULTILINE)
    rows = dict(re.findall(r"^\| (\d+) \| (.*) \|$", listed[1].split("\n## ")[0], flags=re.MULTILINE))
    assert list(rows) == invariants
    for row in rows.values():
        for path, _, name in (shown.partition("::") for shown in re.findall(r"`([^`]+)`", row)):
            text = (ROOT / path).read_text(encoding="utf-8")
            assert re.search(rf"(def|class|contract) {name}\b|^{name} = ", text, re.MULTILINE) or not name, (
                path
            )
