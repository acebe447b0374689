"""The SPDL models' structure, and that the recorded runs of Scyther are of these very files.

Scyther is no part of the project; `docs/formal/README.md` says how the runs were made.
"""

import hashlib
import re
from pathlib import Path

import pytest

FORMAL = Path(__file__).resolve().parents[2] / "docs" / "formal"
MODELS = ("agreement", "entity_contract", "channel")
CLAIMS = {"Reachable", "Secret", "Alive", "Weakagree", "Niagree", "Nisynch"}
HOLDS = ("[at least 1 variant]", "[no attack within bounds]", "[proof of correctness]")
ROLE = re.compile(r"^\trole (\w+)\n\t\{\n(.*?)\n\t\}", re.DOTALL | re.MULTILINE)
EVENT = re.compile(r"(send|recv)_(\d+)\((.*)\);")
CLAIM = re.compile(r"claim_(\w+)\((\w+), (\w+)(?:, (.*))?\);")


def source_of(model: str) -> str:
    return (FORMAL / f"{model}.spdl").read_text()


def roles_of(model: str) -> dict[str, str]:
    return dict(ROLE.findall(re.sub(r"/\*.*?\*/", "", source_of(model), flags=re.DOTALL)))


def recorded(model: str) -> tuple[dict[str, str], list[list[str]]]:
    """The head of a recorded run, and its lines: protocol and role, claim, about what, verdict, why."""
    head, _, body = (FORMAL / "runs" / f"{model}.txt").read_text().partition("\n\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    return fields, [line.split("\t")[1:] for line in body.splitlines()]


@pytest.mark.parametrize("model", MODELS)
def test_every_message_is_sent_by_one_role_and_received_by_another_in_the_same_words(model: str) -> None:
    sent: dict[str, tuple[str, str]] = {}
    received: dict[str, tuple[str, str]] = {}
    for role, body in roles_of(model).items():
        for kind, number, terms in EVENT.findall(body):
            place = sent if kind == "send" else received
            assert number not in place
            place[number] = (role, terms)
    assert sent.keys() == received.keys()
    assert sorted(map(int, sent)) == list(range(1, len(sent) + 1))
    for number, (sender, terms) in sent.items():
        receiver, heard = received[number]
        assert heard == terms
        assert terms.startswith(f"{sender}, {receiver}, ")


@pytest.mark.parametrize("model", MODELS)
def test_each_role_can_be_reached_and_makes_all_claims(model: str) -> None:
    for role, body in roles_of(model).items():
        claims = CLAIM.findall(body)
        assert {claimed for _, _, claimed, _ in claims} == CLAIMS
        assert {who for _, who, _, _ in claims} == {role}
        last_event = max(found.end() for found in EVENT.finditer(body))
        assert body.index("claim_") > last_event


@pytest.mark.parametrize("model", MODELS)
def test_the_recorded_run_is_of_this_file_and_every_claim_holds_with_an_occurrence(model: str) -> None:
    head, lines = recorded(model)
    assert head["model"] == f"docs/formal/{model}.spdl"
    assert head["sha256"] == hashlib.sha256(source_of(model).encode()).hexdigest()
    assert head["tool"].startswith("Scyther version")
    assert head["command"].startswith("scyther ")
    claimed = {
        (role, f"{what}_{label}")
        for body in roles_of(model).values()
        for label, role, what, _ in CLAIM.findall(body)
    }
    assert {(where.split(",")[1], name) for where, name, *_ in lines} == claimed
    for _, name, _, verdict, why in lines:
        assert verdict == "Ok", name
        assert why in HOLDS, name


def test_broken_variants_of_each_model_were_seen_to_fail() -> None:
    variants = (FORMAL / "runs" / "broken.txt").read_text().split("\n\n")[1:]
    for model in MODELS:
        mine = [variant for variant in variants if variant.startswith(f"{model}: ")]
        assert len(mine) >= 3
        for variant in mine:
            _, *changes, fails = variant.strip("\n").splitlines()
            assert changes
            for change in changes:
                old, _, _ = change.strip().partition("  ->  ")
                assert old in source_of(model)
            assert re.fullmatch(r" {2}fails: (\w+_\w+)(, \w+_\w+)*", fails)
