"""What the gate and the protocol say to people: every code has its text, the same in pages and scripts, in German too."""

import re
from pathlib import Path
from typing import get_args

import pytest
from django.utils import translation

from channels_engine.core.errors import RemoteProtocolError
from grid.events.sections import Event
from grid.gate.limits import Breach
from grid.gate.nominations import Nomination
from grid.gate.remedies import Remedy
from grid.gate.verdicts import Verdict
from marketplace.client.own_agent.bounds import WORDS
from marketplace.words import cores, gate, protocol
from tests.protocol_codes import refusals

SCRIPT = Path(gate.__file__).parents[1] / "web/static/web/js/channel/refusals.js"
ASKED = Nomination("a", 1, 2, 900, 5000)
HIGH = Breach("voltage", "bus 7", 1.10234, 1.1)
FULL = Breach("transformer", "T1", 104.26, 100.0)
STEPS = (Remedy(3, "home 3", "charge", 1200, 250_000),)
WORDLESS = "declined"
"""What the site's own button says: no code of a machine's."""


def test_every_code_has_its_text() -> None:
    assert set(protocol.REFUSALS) == {*refusals(), *WORDS, WORDLESS}
    assert {code: str(protocol.REFUSALS[code]) for code in WORDS} == WORDS


def test_scripts_say_the_same() -> None:
    said = re.findall(
        r'^  (\w+): \(\) => gettext\("(.+)"\),$', SCRIPT.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert dict(said) == {code: str(text) for code, text in protocol.REFUSALS.items()}


def test_a_refusal_is_told_in_the_readers_language() -> None:
    refused = RemoteProtocolError(
        "stale_base", "The offer is for version 5, the channel is at 6; sign it anew."
    )
    assert protocol.refusal(refused) == refused.message
    with translation.override("de"):
        assert protocol.refusal(refused).startswith("Der Kanal hat sich seitdem geändert")
        assert protocol.reason("too_much") == "Die Menge ist zu groß."
        assert protocol.reason("Morgen gern") == "Morgen gern"


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict(ASKED, accepted=True, max_passing_wh=5000, granted_wh=5000),
        Verdict(ASKED, accepted=True, max_passing_wh=5000, breach=HIGH, remedies=STEPS, cost=250_000),
        Verdict(ASKED, accepted=False, max_passing_wh=0, breach=HIGH),
        Verdict(ASKED, accepted=False, max_passing_wh=2000, breach=FULL, granted_wh=1000),
        Verdict(ASKED, accepted=False, max_passing_wh=2000, breach=FULL, remedies=STEPS, cost=250_000),
        Verdict(ASKED, accepted=False, max_passing_wh=0),
    ],
)
def test_the_gates_answer_is_what_the_core_says(verdict: Verdict) -> None:
    told = gate.said(verdict.as_dict()).replace("\u00a0", " ").replace("€", "")
    assert re.sub(r"0\.2500\b", "0.25", verdict.words) == told


def test_the_gates_answer_in_german() -> None:
    verdict = Verdict(ASKED, accepted=False, max_passing_wh=2000, breach=HIGH, remedies=STEPS, cost=250_000)
    with translation.override("de"):
        told = gate.said(verdict.as_dict()).replace("\u00a0", " ")
    assert told == (
        "Vom Netz abgelehnt: Mit 5,000 kWh läge die Spannung bei bus 7 bei 1,10234 pu, die Grenze ist 1,100 pu."
        " 2,000 kWh davon würden in dieser Viertelstunde noch passen."
        " Alles würde nach diesem passen: home 3 lädt 1,200 kWh mehr; aber 0,25 € sind mehr, als dafür ausgegeben werden darf."
    )


def test_words_of_events_are_known() -> None:
    assert {kind.__struct_config__.tag for kind in get_args(Event)} == set(cores.EVENTS)
