"""The tool that breaks checks: it must see a test fail, and see that none does."""

import subprocess
import sys
from itertools import count
from pathlib import Path

from tests.mutation.mutant import Mutant, Result
from tests.mutation.python_source import PythonSource
from tests.mutation.report import Score, findings, scores_in, updated
from tests.mutation.solidity_source import instrumented

ROOT = Path(__file__).resolve().parents[2]
GUARDS = "tests/core/test_guards_rules.py"
PYTHON = """
def pay(balance: int, amount: int) -> int:
    if amount <= 0:
        raise ValueError("nothing")
    if amount > balance or balance == 13:
        raise OverflowError("too much")
    return balance - amount
"""
TESTS = """
import pytest
from purse import pay

def test_pay():
    assert pay(5, 5) == 0
    with pytest.raises(OverflowError):
        pay(5, 6)
"""
RUN = """
import sys
from pathlib import Path
from tests.mutation.core import PythonArea

home = Path(sys.argv[1])
area = PythonArea(home / "src", (home / "tests",), home)
for result in area.results(area.mutants(), lambda _: None):
    print(result.mutant.name, "->", result.killer)
"""
SOLIDITY = """
contract Purse is ReentrancyGuardTransient {
    modifier onlyOwner2() { if (msg.sender != owner) revert NotOwner(); _; }
    /// if (this is a comment) revert Never();
    function pay(uint256 amount) external onlyOwner2 nonReentrant returns (uint64) {
        if (amount == 0 || (amount > balance && !open)) revert TooMuch("if (x < y)");
        _requireSigner(digest, signature, owner);
        bool late = block.timestamp >= end;
        for (uint256 i = 0; i < 3; ++i) {}
        return amount.toUint64();
    }
    function account() private pure returns (uint8) {
        if (a == b) return 1;
        revert Unknown();
    }
}
"""


def test_a_broken_check_is_noticed_and_an_untested_one_survives(tmp_path: Path) -> None:
    for folder, name, text in (("src", "purse.py", PYTHON), ("tests", "test_purse.py", TESTS)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(text)
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = src\n")
    command = [sys.executable, "-c", RUN, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {line for line in done.stdout.splitlines() if line.startswith("src/")} == {
        "src/purse.py::pay::boundary::amount <= 0 -> None",
        "src/purse.py::pay::boundary::amount > balance -> tests/test_purse.py::test_pay",
        "src/purse.py::pay::operand::amount > balance -> tests/test_purse.py::test_pay",
        "src/purse.py::pay::operand::balance == 13 -> None",
        'src/purse.py::pay::raise::raise OverflowError("too much") -> tests/test_purse.py::test_pay',
        'src/purse.py::pay::raise::raise ValueError("nothing") -> None',
    }


def test_a_check_of_the_core_is_noticed() -> None:
    name = "signing.py::check_form::boundary::signature[32:64] > _HALF_ORDER"
    command = [sys.executable, "-m", "tests.mutation", "core", "--only", name, "--tests", GUARDS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "core: 1 checks broken, 1 noticed, 0 equivalent, 0 survived" in done.stdout


def test_python_mutants_change_the_code(tmp_path: Path) -> None:
    path = tmp_path / "purse.py"
    path.write_text(PYTHON)
    source = PythonSource(path, tmp_path)
    codes = [source.compiled(mutant).co_consts for mutant in source.mutants]
    assert len(codes) == len(set(codes)) == 6
    assert source.sound.co_consts not in codes


def test_all_checks_of_a_contract_are_found_and_sleep(tmp_path: Path) -> None:
    path = tmp_path / "Purse.sol"
    path.write_text(SOLIDITY)
    file = instrumented(path, tmp_path, count(1))
    assert sorted(mutant.name.removeprefix("Purse.sol::") for mutant in file.mutants) == [
        "account::guard::a == b",
        "account::revert::revert Unknown();",
        "onlyOwner2::guard::msg.sender != owner",
        "pay::boundary::amount > balance",
        "pay::boundary::block.timestamp >= end",
        "pay::cast::amount.toUint64()",
        "pay::check::_requireSigner(digest, signature, owner);",
        "pay::guard::amount == 0 || (amount > balance && !open)",
        "pay::modifier::nonReentrant",
        "pay::modifier::onlyOwner2",
        "pay::operand::!open",
        "pay::operand::(amount > balance && !open)",
        "pay::operand::amount == 0",
        "pay::operand::amount > balance",
    ]
    for mutant, number in file.mutants.items():
        assert f"== {number})" in file.text, mutant
    assert "/// if (this is a comment) revert Never();" in file.text
    assert "private view returns" in file.text


def test_the_page_is_told_what_was_found() -> None:
    mutants = [Mutant("a.py", "f", "raise", text, 1) for text in ("one", "two", "three")]
    results = [Result(mutants[0], "test"), Result(mutants[1], None), Result(mutants[2], None)]
    equivalents = {mutants[1].name: "why", "a.py::gone": "old"}
    page = "x\n<!-- scores -->\n| `b.py` | 5 | 5 | 0 | 0 |\n<!-- end of scores -->\n"
    written = updated(page, results, equivalents, gone=())
    assert scores_in(written) == {"a.py": Score(3, 1, 1), "b.py": Score(5, 5, 0)}
    assert "| all | 8 | 6 | 1 | 1 |" in written
    assert [line.split(":")[0] for line in findings(results, equivalents, mutants, ["a.py"])] == [
        "survived",
        "listed as equivalent, but there is no such check",
    ]
    wrong = findings(results[:1], {mutants[0].name: "why"}, mutants, ["a.py"])
    assert wrong == [f"not equivalent, test notices it: {mutants[0].name}"]
