"""Run the SPDL models in this folder, and variants that are broken on purpose, and keep what Scyther says.

    python docs/formal/record_scyther.py path/to/scyther

Writes `runs/<model>.txt` and `runs/broken.txt`. Fails unless every claim of the models holds with an occurrence,
and every broken variant fails at one of the claims named.
"""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
RUNS = FOLDER / "runs"
MODELS = ("agreement", "entity_contract", "channel")
RUNS_OF_MODELS, RUNS_OF_BROKEN = (
    5,
    3,
)  # attacks are short; a broken model may leave Scyther very much to search
HOLDS = ("[at least 1 variant]", "[no attack within bounds]", "[proof of correctness]")
# Model, what is broken, what is replaced by what, and claims of which one must fail.
BROKEN: tuple[tuple[str, str, dict[str, str], set[str]], ...] = (
    (
        "agreement",
        "documents are sent without TLS",
        {"{apply, P, M, docs, salt}k(P, M)": "apply, P, M, docs, salt"},
        {"Secret_P2", "Secret_M2"},
    ),
    (
        "agreement",
        "the session key of a note is asked for without TLS",
        {"{ask, sid, holder}k(P, M)": "ask, sid, holder"},
        {"Secret_P4", "Secret_M4"},
    ),
    (
        "agreement",
        "no TLS and no signature of the merchant anywhere",
        {"k(P, M)": "h(apply)", "sk(M)": "h(apply)"},
        {"Niagree_P7", "Nisynch_P8"},
    ),
    (
        "entity_contract",
        "the relay does not tell B with whom it speaks",
        {
            "connB, propose, A, B, keyA": "connB, propose, keyA",
            "connB, accept, B, A, terms": "connB, accept, terms",
            "connB, confirm, A, B, nonce": "connB, confirm, nonce",
        },
        {"Niagree_B6", "Nisynch_B7"},
    ),
    (
        "entity_contract",
        "records fit every connection",
        {"{up, connA, ": "{up, ", "{down, connA, ": "{down, "},
        {"Nisynch_A7", "Nisynch_R6"},
    ),
    (
        "entity_contract",
        "the acceptance comes without TLS, signed by a session key that nobody vouches for",
        {
            "{down, connA, accept, B, A, terms, {accept, terms}sks(keyB)}k(A, R)": "(down, connA, accept, B, A, terms, {accept, terms}sks(keyB))"
        },
        {"Alive_A4", "Niagree_A6"},
    ),
    (
        "channel",
        "a state names neither channel nor offer",
        {"(traded, channel, version1, h(offer))": "(traded, version1)"},
        {"Niagree_A5", "Nisynch_A6"},
    ),
    (
        "channel",
        "the countersignature is left out",
        {"{state1}sk(B)": "state1"},
        {"Niagree_A5", "Nisynch_A6"},
    ),
    (
        "channel",
        "a machine forgets that it knows the channel",
        {"(open, esc(A, B), index, note)": "(open, esc(A, B), index)"},
        {"Niagree_A5", "Nisynch_A6"},
    ),
    (
        "channel",
        "a party may open a channel with itself",
        {"not match(A, B);": ""},
        {"Niagree_A5", "Nisynch_A6"},
    ),
)


def main(tool: str) -> int:
    """Run everything; 0 if all is as it must be."""
    RUNS.mkdir(exist_ok=True)
    version = subprocess.run(
        [tool, "--version"], capture_output=True, text=True, check=True
    ).stdout.splitlines()[1]
    recorded = [_record(tool, version, model) for model in MODELS]
    good = all(recorded)
    parts = [f"tool: {version}\ncommand: {_command('<variant>', RUNS_OF_BROKEN)}\n"]
    for model, what, changes, must_fail in BROKEN:
        verdicts = _run(tool, _broken(model, changes), RUNS_OF_BROKEN)
        failed = sorted(name for name, line in verdicts.items() if "\tFail\t" in line)
        good &= bool(must_fail & set(failed))
        lines = [f"  {old}  ->  {new or '(nothing)'}" for old, new in changes.items()]
        parts.append("\n".join([f"{model}: {what}", *lines, f"  fails: {', '.join(failed)}\n"]))
    (RUNS / "broken.txt").write_text("\n".join(parts))
    return 0 if good else 1


def _broken(model: str, changes: dict[str, str]) -> str:
    source = (FOLDER / f"{model}.spdl").read_text()
    for old, new in changes.items():
        if old not in source:
            raise ValueError(f"{model}.spdl does not contain {old!r} any more; adapt the variant.")
        source = source.replace(old, new)
    return source


def _record(tool: str, version: str, model: str) -> bool:
    source = (FOLDER / f"{model}.spdl").read_text()
    verdicts = _run(tool, source, RUNS_OF_MODELS)
    head = (
        f"model: docs/formal/{model}.spdl\nsha256: {hashlib.sha256(source.encode()).hexdigest()}\n"
        f"tool: {version}\ncommand: {_command(f'{model}.spdl', RUNS_OF_MODELS)}\n"
    )
    (RUNS / f"{model}.txt").write_text(head + "\n" + "\n".join(verdicts.values()) + "\n")
    return bool(verdicts) and all("\tOk\t" in line and line.endswith(HOLDS) for line in verdicts.values())


def _command(model: str, runs: int) -> str:
    return f"scyther --plain --max-runs={runs} {model}"


def _run(tool: str, source: str, runs: int) -> dict[str, str]:
    """Scyther's line for each claim, by the claim's name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.spdl"
        path.write_text(source)
        command = [tool, *_command(str(path), runs).split()[1:]]
        # Its exit status tells of attacks, and it calls a reached claim one.
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    lines = [line.rstrip() for line in done.stdout.splitlines() if line.startswith("claim\t")]
    return {line.split("\t")[2]: line for line in lines}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
