"""How the contracts' calldata is laid out: the bindings' common ground.

Addresses are 20 raw bytes, hashes 32, signatures 65 (r, s, v). The contracts take signatures in their
compact form (EIP-2098), which also halves the room for malleability: high-s has no compact twin here.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

from channels_engine.core.types import CreditNote
from contracts.calls import Call

EthCall: TypeAlias = Callable[[Call], bytes]
"""Runs a message call on the ledger without a transaction (`eth_call`) and gives the returned bytes."""

_ARTIFACTS = Path(__file__).parent / "artifacts"
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0

SIGNATURE = "(bytes32,bytes32)"
TERMS = "(address,address,address,uint32,uint16,uint96,bytes32)"
OPENING = "(bytes32,uint64,uint96,uint96,address,bytes32,address,bytes32,uint64,uint64)"
STATE = "(uint64,uint64,uint96,uint96,uint64,uint64,bytes32,bool)"
OFFER = "(uint64,bytes32,bool,uint64,uint64,uint64,uint64,uint64,uint64)"
CHANGE = "(uint64,uint64,uint96,uint96,uint96,uint96,uint64,uint64,bytes32,uint64)"
METERED = f"({OFFER},bool,uint64,{SIGNATURE},bytes32,bytes,uint256)"
CLOSING = f"({TERMS},{OPENING},{STATE},{SIGNATURE},{SIGNATURE})"
AGREEMENT = "(address,uint96,uint96,uint32,uint32,uint64,bytes32,bytes32)"


@dataclass(frozen=True, slots=True)
class PermitProof:
    """An ERC-2612 permit for exactly the amount that is about to move.

    Attributes:
        deadline: Epoch seconds after which the token refuses the permit.
        signature: The token owner's, 65 bytes.
    """

    deadline: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class Payment:
    """Tokens of `owner` for an agreement.

    Attributes:
        amount: Micro-units.
        signature: The owner's consent, 65 bytes; None if the owner sends the transaction itself.
        permit: None where an allowance is there already.
    """

    owner: bytes
    amount: int
    signature: bytes | None = None
    permit: PermitProof | None = None


@dataclass(frozen=True, slots=True)
class NoteProof:
    """A credit note with its merchant's signature; needed at the note's first use only."""

    note: CreditNote
    signature: bytes


FundingProof: TypeAlias = PermitProof | NoteProof | None
"""What shows that a side's funding may be taken; None where an allowance or a known note is there."""


def compact(signature: bytes) -> tuple[bytes, bytes]:
    """The (r, vs) form of EIP-2098.

    Raises:
        ValueError: if it is not r, s, v with v in 27/28 and a low s.
    """
    if len(signature) != 65:  # noqa: PLR2004  32 + 32 + 1, the definition
        raise ValueError(f"a signature has 65 bytes (r, s, v), not {len(signature)}")
    s, v = int.from_bytes(signature[32:64], "big"), signature[64]
    if v not in (27, 28) or s > _HALF_ORDER:
        raise ValueError("a signature needs v in 27/28 and a low s: sign again with a canonical signer")
    return signature[:32], (s | (v - 27) << 255).to_bytes(32, "big")


def optional_signature(signature: bytes | None) -> bytes:
    """64 bytes for the contracts' optional signatures; empty for None (the sender speaks for itself)."""
    return b"" if signature is None else b"".join(compact(signature))


def funding_bytes(proof: FundingProof) -> bytes:
    """Calldata of one side's funding proof."""
    match proof:
        case None:
            return b""
        case PermitProof(deadline, signature):
            return encode(["uint256", SIGNATURE], [deadline, compact(signature)])
        case NoteProof(note, signature):
            return encode(
                ["uint96", "uint64", SIGNATURE], [note.amount, note.valid_until, compact(signature)]
            )


@cache
def selector(signature: str) -> bytes:
    """First four bytes of the hash of a function's or an error's signature (ABI specification)."""
    return bytes(keccak(text=signature)[:4])


def calldata(function: str, types: Sequence[str], values: Sequence[Any]) -> bytes:
    """Selector and encoded arguments."""
    return selector(f"{function}({','.join(types)})") + encode(types, values)


def to_bytes(value: Any) -> Any:
    """Turns the hex addresses of `eth_abi` into the 20 raw bytes that the cores use; leaves others alone."""
    if isinstance(value, str) and value.startswith("0x"):
        return bytes.fromhex(value[2:])
    if isinstance(value, tuple):
        return tuple(to_bytes(item) for item in value)
    return value


def decoded(types: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """Decoded ABI data, addresses as raw bytes."""
    return tuple(to_bytes(value) for value in decode(types, data))


@cache
def artifact(contract: str) -> dict[str, Any]:
    """The committed artifact of a contract: `abi`, `bytecode`, `deployedBytecode`, `immutables`."""
    content: dict[str, Any] = json.loads((_ARTIFACTS / f"{contract}.json").read_text())
    return content


def creation(contract: str, types: Sequence[str], values: Sequence[Any]) -> Call:
    """The call that creates `contract` with its constructor's arguments."""
    code = bytes.fromhex(artifact(contract)["bytecode"].removeprefix("0x"))
    return Call(to=b"", data=code + encode(types, values), label=f"create {contract}")
