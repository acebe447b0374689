"""The Solidity side: sources, committed artifacts and gas snapshot agree; forge's own tests pass."""

import subprocess
from pathlib import Path

from tests.system_parts import require

CONTRACTS = Path(__file__).parents[2] / "contracts"


def run(script: str) -> None:
    require("Node")
    require("forge")
    command = ["npm", "run", "--silent", "--prefix", str(CONTRACTS), script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_committed_artifacts_are_what_the_sources_compile_to() -> None:
    run("artifacts:check")


def test_forge_tests_pass() -> None:
    run("test")


def test_gas_of_forge_tests_is_the_committed_snapshot() -> None:
    run("snapshot:check")


def test_solidity_is_formatted() -> None:
    run("fmt:check")


def test_lock_file_names_no_registry() -> None:
    assert "resolved" not in (CONTRACTS / "package-lock.json").read_text()
