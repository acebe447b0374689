"""The in-process ledger of the Python tests, made fit for contracts that hold mutants."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import eth.vm.forks.shanghai.computation as shanghai
import eth.vm.forks.spurious_dragon.computation as spurious_dragon
from eth.vm.forks.prague.opcodes import PRAGUE_OPCODES
from eth.vm.opcode_values import COINBASE, REVERT

from contracts import encoding

NO_LIMIT = 10**7
PUSH2 = 0x61
NEAR = 12  # bytes of code within which the number stands that is compared with the coinbase


def lift_size_limits() -> None:
    """Contracts that hold mutants are larger than a ledger allows (EIP-170, EIP-3860)."""
    spurious_dragon.EIP170_CODE_SIZE_LIMIT = NO_LIMIT
    shanghai.MAX_INITCODE_SIZE = NO_LIMIT


def use_artifacts(folder: Path) -> None:
    """Deploy what was compiled into this folder."""
    encoding._ARTIFACTS = folder
    encoding.artifact.cache_clear()


def wake(number: int) -> None:
    """Let every contract see this coinbase, which wakes the mutant of that number."""
    word = number.to_bytes(20, "big")
    PRAGUE_OPCODES[COINBASE].logic_fn = lambda computation: computation.stack_push_bytes(word)


@contextmanager
def watching() -> Iterator[set[str]]:
    """Collects the numbers that stand near a read coinbase: mutants that are probably asked whether they are awake.

    Those that were asked last before a revert are probably of the check that refused; they get a `!` in front.
    """
    numbers: set[str] = set()
    lately: deque[list[str]] = deque(maxlen=3)
    word, revert = bytes(20), PRAGUE_OPCODES[REVERT].logic_fn

    def note(computation: Any) -> None:
        place = computation.code.program_counter
        near = bytes(computation.code._raw_code_bytes[max(0, place - NEAR) : place + NEAR])
        pushed = (position for position in range(len(near)) if near[position] == PUSH2)
        lately.append([str(int.from_bytes(near[start + 1 : start + 3], "big")) for start in pushed])
        numbers.update(lately[-1])
        computation.stack_push_bytes(word)

    def note_revert(computation: Any) -> None:
        numbers.update(f"!{number}" for asked in lately for number in asked)
        revert(computation)

    PRAGUE_OPCODES[COINBASE].logic_fn, PRAGUE_OPCODES[REVERT].logic_fn = note, note_revert
    try:
        yield numbers
    finally:
        PRAGUE_OPCODES[REVERT].logic_fn = revert
        wake(0)
