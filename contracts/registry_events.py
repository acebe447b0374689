"""The events of the registry of pairs and channels, as frozen dataclasses; `contracts.events` decodes them.

Amounts are micro-units, times epoch seconds, energy watt-hours; addresses 20 raw bytes, hashes 32.
An event's members are in the order of its declaration in Solidity.
"""

from dataclasses import dataclass
from typing import ClassVar

from contracts.records import Disputer


@dataclass(frozen=True, slots=True)
class MerchantAdmitted:
    """The registry takes notes of the contract `source` from now on."""

    ABI: ClassVar[str] = "address indexed source"
    source: bytes


@dataclass(frozen=True, slots=True)
class PairCreated:
    """An entity contract came into being; beside `scid` these are all members of its terms."""

    ABI: ClassVar[str] = (
        "bytes32 indexed scid,address indexed partyA,address indexed partyB,address metering,"
        "uint32 challengePeriod,uint16 disputeLimit,uint96 stalePenalty,bytes32 nonce"
    )
    scid: bytes
    party_a: bytes
    party_b: bytes
    metering: bytes
    challenge_period: int
    dispute_limit: int
    stale_penalty: int
    nonce: bytes


@dataclass(frozen=True, slots=True)
class ChannelOpened:
    """A channel is open and funded; with `scid` these are all members of its `ChannelOpen`."""

    ABI: ClassVar[str] = (
        "bytes32 indexed channel,bytes32 indexed scid,uint64 index,uint96 fundingA,uint96 fundingB,"
        "address sourceA,bytes32 noteA,address sourceB,bytes32 noteB,uint64 openBy,uint64 expiry"
    )
    channel: bytes
    scid: bytes
    index: int
    funding_a: int
    funding_b: int
    source_a: bytes
    note_a: bytes
    source_b: bytes
    note_b: bytes
    open_by: int
    expiry: int


@dataclass(frozen=True, slots=True)
class ChannelFinalised:
    """Closed by a co-signed final state; the balances are the payouts."""

    ABI: ClassVar[str] = (
        "bytes32 indexed channel,uint64 version,uint96 balanceA,uint96 balanceB,uint64 energyToA,"
        "uint64 energyToB"
    )
    channel: bytes
    version: int
    balance_a: int
    balance_b: int
    energy_to_a: int
    energy_to_b: int


@dataclass(frozen=True, slots=True)
class ChannelDisputed:
    """A challenge period began; newer states are heard until `deadline`."""

    ABI: ClassVar[str] = (
        "bytes32 indexed channel,uint8 disputer,uint64 version,uint96 balanceA,uint96 balanceB,"
        "uint64 deadline"
    )
    channel: bytes
    disputer: Disputer
    version: int
    balance_a: int
    balance_b: int
    deadline: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "disputer", Disputer(self.disputer))


@dataclass(frozen=True, slots=True)
class DisputeResolved:
    """A newer state answered a dispute; with a `deadline` of 0 the channel goes on."""

    ABI: ClassVar[str] = (
        "bytes32 indexed channel,uint64 version,uint96 balanceA,uint96 balanceB,bool stale,uint64 deadline"
    )
    channel: bytes
    version: int
    balance_a: int
    balance_b: int
    stale: bool
    deadline: int


@dataclass(frozen=True, slots=True)
class DisputeFinalised:
    """Closed after the challenge period; the balances are the payouts."""

    ABI: ClassVar[str] = "bytes32 indexed channel,uint64 version,uint96 balanceA,uint96 balanceB"
    channel: bytes
    version: int
    balance_a: int
    balance_b: int


@dataclass(frozen=True, slots=True)
class ChannelCheckpointed:
    """The ledger knows a newer co-signed state; nothing older can be disputed with."""

    ABI: ClassVar[str] = "bytes32 indexed channel,uint64 version,uint96 balanceA,uint96 balanceB"
    channel: bytes
    version: int
    balance_a: int
    balance_b: int


@dataclass(frozen=True, slots=True)
class FundingChanged:
    """Settled at the balances and funded anew: the fundings are the balances from now on."""

    ABI: ClassVar[str] = (
        "bytes32 indexed channel,uint64 version,uint96 balanceA,uint96 balanceB,uint96 fundingA,"
        "uint96 fundingB"
    )
    channel: bytes
    version: int
    balance_a: int
    balance_b: int
    funding_a: int
    funding_b: int


@dataclass(frozen=True, slots=True)
class OfferEnforced:
    """The ledger executed an accepted offer; a dispute with what it gives runs until `deadline`."""

    ABI: ClassVar[str] = (
        "bytes32 indexed channel,bytes32 indexed trade,uint64 version,uint96 balanceA,uint96 balanceB,"
        "uint64 deadline"
    )
    channel: bytes
    trade: bytes
    version: int
    balance_a: int
    balance_b: int
    deadline: int


@dataclass(frozen=True, slots=True)
class DeliveryEnforced:
    """The disputed state's balances changed by the refund of what a meter didn't see."""

    ABI: ClassVar[str] = (
        "bytes32 indexed channel,bytes32 indexed trade,uint64 deliveredWh,uint96 refund,uint96 balanceA,"
        "uint96 balanceB"
    )
    channel: bytes
    trade: bytes
    delivered_wh: int
    refund: int
    balance_a: int
    balance_b: int
