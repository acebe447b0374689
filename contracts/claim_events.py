"""What a merchant contract tells of claims, limits and cancelled notes (`contracts.events` decodes them)."""

from dataclasses import dataclass
from typing import ClassVar, TypeAlias


@dataclass(frozen=True, slots=True)
class ClaimStarted:
    """A merchant claims `due`; the participant may pay until `deadline`."""

    ABI: ClassVar[str] = "bytes32 indexed sid,uint96 due,uint64 deadline"
    sid: bytes
    due: int
    deadline: int


@dataclass(frozen=True, slots=True)
class NoteClaimed:
    """The claim is about this note too: its link to the agreement is public from now on."""

    ABI: ClassVar[str] = "bytes32 indexed sid,bytes32 indexed serial,address indexed holder,uint96 due"
    sid: bytes
    serial: bytes
    holder: bytes
    due: int


@dataclass(frozen=True, slots=True)
class ClaimExecuted:
    """`moved` came out of the collateral, `paid` out of earlier payments; `remaining` is still owed."""

    ABI: ClassVar[str] = "bytes32 indexed sid,uint96 moved,uint96 paid,uint96 remaining"
    sid: bytes
    moved: int
    paid: int
    remaining: int


@dataclass(frozen=True, slots=True)
class ClaimCancelled:
    """The merchant dropped its claim."""

    ABI: ClassVar[str] = "bytes32 indexed sid"
    sid: bytes


@dataclass(frozen=True, slots=True)
class NoteRepaid:
    """A claim paid `amount` of the note's debt."""

    ABI: ClassVar[str] = "bytes32 indexed serial,bytes32 indexed sid,uint96 amount"
    serial: bytes
    sid: bytes
    amount: int


@dataclass(frozen=True, slots=True)
class NoteCancelled:
    """The note funds no further channel."""

    ABI: ClassVar[str] = "bytes32 indexed serial,address indexed holder"
    serial: bytes
    holder: bytes


@dataclass(frozen=True, slots=True)
class LimitChanged:
    """The merchant issues notes up to `credit_limit` from now on."""

    ABI: ClassVar[str] = "bytes32 indexed sid,uint96 creditLimit"
    sid: bytes
    credit_limit: int


@dataclass(frozen=True, slots=True)
class CollateralHeld:
    """The collateral stays until `until` at least, for notes that are still in use or owed."""

    ABI: ClassVar[str] = "bytes32 indexed sid,uint256 until"
    sid: bytes
    until: int


ClaimEvent: TypeAlias = (
    ClaimStarted
    | NoteClaimed
    | ClaimExecuted
    | ClaimCancelled
    | NoteRepaid
    | NoteCancelled
    | LimitChanged
    | CollateralHeld
)
