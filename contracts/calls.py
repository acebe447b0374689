"""What the bindings write and the gateway sends: one call of a contract, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """One message call to the ledger, not yet signed or priced.

    Attributes:
        to: The contract's address, 20 bytes; empty bytes create a contract from `data`.
        data: Selector and ABI-encoded arguments; for a creation, the init code and arguments.
        value: Wei sent along.
        label: What it does in a person's words, for logs and errors ("open channel 0x12...").
        gas: Gas limit; 0 to have it estimated, which needs what the call builds on to be mined already.
    """

    to: bytes
    data: bytes
    value: int = 0
    label: str = ""
    gas: int = 0


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One log of the ledger, undecoded. Addresses are 20 bytes, hashes and topics 32 bytes."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    block_hash: bytes
    transaction_hash: bytes
    transaction_index: int
    log_index: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a mined transaction did.

    Attributes:
        contract_address: The created contract's address, 20 bytes, or None for a plain call.
        gas_used: Gas units of this transaction alone.
        effective_gas_price: Wei paid for each gas unit (EIP-1559).
        succeeded: False when the transaction was mined but reverted.
        logs: The logs in the order of emission.
    """

    transaction_hash: bytes
    block_number: int
    block_hash: bytes
    succeeded: bool
    gas_used: int
    effective_gas_price: int
    contract_address: bytes | None
    logs: tuple[LogEntry, ...]


@dataclass(frozen=True, slots=True)
class Revert:
    """Why a contract refused, decoded.

    Attributes:
        name: The custom error's name, or "Error" (a string), "Panic" (a code), or "unknown".
        arguments: The error's arguments by name (by position, "0", "1", where the ABI names none).
        data: The undecoded revert data, for the record.
    """

    name: str
    arguments: Mapping[str, Any]
    data: bytes
