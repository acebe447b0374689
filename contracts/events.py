"""Raw logs -> frozen dataclasses: every event of the contracts, and which topic names which.

Amounts are micro-units, times epoch seconds, energy watt-hours; addresses 20 raw bytes, hashes 32.
An event's members are in the order of its declaration in Solidity.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, TypeAlias

from eth_abi.abi import decode
from eth_utils.crypto import keccak

from contracts.calls import LogEntry
from contracts.claim_events import ClaimEvent
from contracts.encoding import to_bytes
from contracts.registry_events import (
    ChannelCheckpointed,
    ChannelDisputed,
    ChannelFinalised,
    ChannelOpened,
    DeliveryEnforced,
    DisputeFinalised,
    DisputeResolved,
    FundingChanged,
    MerchantAdmitted,
    OfferEnforced,
    PairCreated,
)

__all__ = [
    "TOPICS",
    "AgreementInitialised",
    "ChannelCheckpointed",
    "ChannelDisputed",
    "ChannelFinalised",
    "ChannelOpened",
    "CollateralReleased",
    "CollateralToppedUp",
    "CollateralWithdrawn",
    "DebtPaid",
    "DeliveryEnforced",
    "DisputeFinalised",
    "DisputeResolved",
    "EarningsWithdrawn",
    "Event",
    "FundingChanged",
    "MerchantAdmitted",
    "MerchantCreated",
    "NoteAdmitted",
    "NoteReserved",
    "NoteSettled",
    "OfferEnforced",
    "PairCreated",
    "PayoutClaimed",
    "PayoutHeld",
    "Transfer",
    "TreasuryDeposited",
    "TreasuryWithdrawn",
    "decode_log",
]


@dataclass(frozen=True, slots=True)
class MerchantCreated:
    """The factory made a merchant key's contract."""

    ABI: ClassVar[str] = "address indexed merchant,address indexed source"
    merchant: bytes
    source: bytes


@dataclass(frozen=True, slots=True)
class PayoutHeld:
    """The token refused a payout; its owner may claim it."""

    ABI: ClassVar[str] = "address indexed owner,uint256 amount"
    owner: bytes
    amount: int


@dataclass(frozen=True, slots=True)
class PayoutClaimed:
    """A held payout left."""

    ABI: ClassVar[str] = "address indexed owner,address indexed to,uint256 amount"
    owner: bytes
    to: bytes
    amount: int


@dataclass(frozen=True, slots=True)
class TreasuryDeposited:
    """The treasury's free part grew."""

    ABI: ClassVar[str] = "address indexed from,uint256 amount"
    sender: bytes
    amount: int


@dataclass(frozen=True, slots=True)
class TreasuryWithdrawn:
    """The merchant took out of the free part."""

    ABI: ClassVar[str] = "address indexed to,uint256 amount"
    to: bytes
    amount: int


@dataclass(frozen=True, slots=True)
class AgreementInitialised:
    """A credit agreement is in force and its collateral is there."""

    ABI: ClassVar[str] = (
        "bytes32 indexed sid,address indexed participant,uint96 creditLimit,uint96 collateral,"
        "uint32 billingPeriod,uint32 paymentTerm,uint64 validUntil,bytes32 documentsHash"
    )
    sid: bytes
    participant: bytes
    credit_limit: int
    collateral: int
    billing_period: int
    payment_term: int
    valid_until: int
    documents_hash: bytes


@dataclass(frozen=True, slots=True)
class CollateralToppedUp:
    """Collateral grew by `amount` to `collateral`."""

    ABI: ClassVar[str] = "bytes32 indexed sid,address indexed from,uint96 amount,uint96 collateral"
    sid: bytes
    sender: bytes
    amount: int
    collateral: int


@dataclass(frozen=True, slots=True)
class CollateralReleased:
    """The merchant freed the collateral."""

    ABI: ClassVar[str] = "bytes32 indexed sid"
    sid: bytes


@dataclass(frozen=True, slots=True)
class CollateralWithdrawn:
    """The collateral went back to the participant."""

    ABI: ClassVar[str] = "bytes32 indexed sid,address indexed participant,uint96 amount"
    sid: bytes
    participant: bytes
    amount: int


@dataclass(frozen=True, slots=True)
class DebtPaid:
    """`amount` was paid under an agreement, `paid` in all."""

    ABI: ClassVar[str] = "bytes32 indexed sid,address indexed from,uint96 amount,uint96 paid"
    sid: bytes
    sender: bytes
    amount: int
    paid: int


@dataclass(frozen=True, slots=True)
class NoteAdmitted:
    """A note was used for the first time; its merchant's signature has been checked."""

    ABI: ClassVar[str] = "bytes32 indexed serial,address indexed holder,uint96 amount,uint64 validUntil"
    serial: bytes
    holder: bytes
    amount: int
    valid_until: int


@dataclass(frozen=True, slots=True)
class NoteReserved:
    """Treasury was bound to a channel of the note."""

    ABI: ClassVar[str] = "bytes32 indexed serial,uint96 amount"
    serial: bytes
    amount: int


@dataclass(frozen=True, slots=True)
class NoteSettled:
    """A channel of the note closed: `released` is bound no more; `gain` is earned, or spent if negative."""

    ABI: ClassVar[str] = "bytes32 indexed serial,uint96 released,int96 gain"
    serial: bytes
    released: int
    gain: int


@dataclass(frozen=True, slots=True)
class EarningsWithdrawn:
    """A note's holder had its earnings sent to `to`."""

    ABI: ClassVar[str] = "bytes32 indexed serial,address indexed holder,address indexed to,uint96 amount"
    serial: bytes
    holder: bytes
    to: bytes
    amount: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """ERC-20 tokens moved."""

    ABI: ClassVar[str] = "address indexed from,address indexed to,uint256 value"
    sender: bytes
    to: bytes
    value: int


Event: TypeAlias = (
    MerchantCreated
    | MerchantAdmitted
    | PairCreated
    | ChannelOpened
    | ChannelFinalised
    | ChannelDisputed
    | DisputeResolved
    | DisputeFinalised
    | ChannelCheckpointed
    | FundingChanged
    | OfferEnforced
    | DeliveryEnforced
    | PayoutHeld
    | PayoutClaimed
    | TreasuryDeposited
    | TreasuryWithdrawn
    | AgreementInitialised
    | CollateralToppedUp
    | CollateralReleased
    | CollateralWithdrawn
    | DebtPaid
    | NoteAdmitted
    | NoteReserved
    | NoteSettled
    | EarningsWithdrawn
    | ClaimEvent
    | Transfer
)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where an event's members lie: in topics, or in the data."""

    event: type[Event]
    types: tuple[str, ...]
    indexed: tuple[bool, ...]

    @property
    def topic(self) -> bytes:
        """Hash of the event's signature, the first topic of its logs."""
        return bytes(keccak(text=f"{self.event.__name__}({','.join(self.types)})"))

    def read(self, log: LogEntry) -> Event:
        """The event in `log`; raises ValueError if topics or data are not of this layout."""
        in_topics = [kind for kind, is_indexed in zip(self.types, self.indexed, strict=True) if is_indexed]
        in_data = [kind for kind, is_indexed in zip(self.types, self.indexed, strict=True) if not is_indexed]
        pairs = zip(in_topics, log.topics[1:], strict=True)
        topics: list[Any] = [decode([kind], topic)[0] for kind, topic in pairs]
        data: list[Any] = list(decode(in_data, log.data))
        members = [topics.pop(0) if is_indexed else data.pop(0) for is_indexed in self.indexed]
        return self.event(*(to_bytes(member) for member in members))


def _layout(event: type[Event]) -> _Layout:
    members = [member.split() for member in event.ABI.split(",")]
    return _Layout(event, tuple(m[0] for m in members), tuple("indexed" in m for m in members))


_LAYOUTS: Mapping[bytes, _Layout] = MappingProxyType(
    {layout.topic: layout for layout in map(_layout, Event.__args__)}
)

TOPICS: Mapping[type[Event], bytes] = MappingProxyType(
    {layout.event: topic for topic, layout in _LAYOUTS.items()}
)
"""First topic of each event, for log filters."""


def decode_log(log: LogEntry) -> Event | None:
    """The event in `log`; None if no contract of ours declares it.

    Raises:
        ValueError: if the log carries one of our topics but not that event's members.
    """
    layout = _LAYOUTS.get(log.topics[0]) if log.topics else None
    return layout.read(log) if layout else None
