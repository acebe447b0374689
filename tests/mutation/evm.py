"""The in-process ledger of the Python tests, made fit for contracts that hold mutants."""

from pathlib import Path

import eth.vm.forks.shanghai.computation as shanghai
import eth.vm.forks.spurious_dragon.computation as spurious_dragon
from eth.vm.state import BaseState

from contracts import encoding

NO_LIMIT = 10**7


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
    BaseState.coinbase = property(lambda _: number.to_bytes(20, "big"))
