"""The signed structures of the protocol, as frozen values.

Every structure here is an EIP-712 struct; `core.typed_data` holds the one table of their type strings.
Addresses are 20 raw bytes, ids and hashes 32, signatures 65 (r, s, v with v in 27/28 and low s).
Money is in micro-units of the stablecoin, energy in watt-hours, prices in micro-units per kWh, time in
seconds since the epoch (UTC).
"""

import enum

import msgspec

ZERO_ADDRESS = bytes(20)
ZERO_HASH = bytes(32)
SLOT_SECONDS = 900


class Side(enum.IntEnum):
    """Which of the two parties of an entity contract."""

    other: "Side"
    """The counterparty's side."""

    A = 0
    B = 1


Side.A.other, Side.B.other = Side.B, Side.A


class Domain(msgspec.Struct, frozen=True, gc=False, array_like=True, cache_hash=True):
    """EIP-712 domain; name `Wattnote` and version `1` are fixed."""

    chain_id: int
    verifying_contract: bytes


class CreditAgreement(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What a merchant grants a participant; its struct hash is the paper's `sid`."""

    participant: bytes
    credit_limit: int
    collateral: int
    billing_period: int
    payment_term: int
    valid_until: int
    documents_hash: bytes
    nonce: bytes


class CreditNote(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A merchant's promise to honour up to `amount` for the session key `holder`."""

    serial: bytes
    holder: bytes
    amount: int
    valid_until: int


class NoteReceipt(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A participant's receipt that links a note to the agreement; shown only in a claim."""

    sid: bytes
    serial: bytes
    holder: bytes
    amount: int


class EntityContract(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Terms between two session keys; its struct hash is the paper's `scid`."""

    party_a: bytes
    party_b: bytes
    metering: bytes
    challenge_period: int
    dispute_limit: int
    stale_penalty: int
    nonce: bytes

    def party(self, side: Side) -> bytes:
        """Session address of `side`."""
        return self.party_a if side is Side.A else self.party_b


class ChannelOpen(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Opening of a channel, which is version 0; its struct hash is the channel id.

    A zero `source` means a locked deposit; else it is the merchant contract that issued `note`.
    """

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


class Offer(msgspec.Struct, frozen=True, gc=False, array_like=True, cache_hash=True):
    """A signed offer to sell or buy `quantity_wh` in one delivery slot."""

    channel: bytes
    base_version: int
    id: bytes
    offeror_sells: bool
    quantity_wh: int
    price_per_kwh: int
    imbalance_per_kwh: int
    slot_start: int
    slot_end: int
    valid_until: int


class ChannelState(msgspec.Struct, frozen=True, gc=False, array_like=True, cache_hash=True):
    """A channel's state; current once both parties signed it.

    `base` is the version of the co-signed state that the signers held, which proves what they knew.
    """

    channel: bytes
    version: int
    base: int
    balance_a: int
    balance_b: int
    energy_to_a: int
    energy_to_b: int
    trades_root: bytes
    is_final: bool


class FundingChange(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Top-up or withdrawal while a channel stays open: it is settled at the balances and funded anew.

    The balances, counters and root are those of the co-signed state `base`; the fundings are the new balances.
    The ledger takes it until `valid_until`.
    """

    channel: bytes
    version: int
    base: int
    balance_a: int
    balance_b: int
    funding_a: int
    funding_b: int
    energy_to_a: int
    energy_to_b: int
    trades_root: bytes
    valid_until: int


class DisputeRequest(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A party's word that it disputes with this version.

    Both signatures under a state are in both sides' hands and can't tell who disputes.
    """

    channel: bytes
    version: int


class Delivery(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The metering operator's word on how much of one trade was delivered."""

    channel: bytes
    trade: bytes
    delivered_wh: int


class MeterReading(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What the registers of a meter show at a slot's end, signed by the meter; used off the ledger."""

    meter: bytes
    slot_start: int
    slot_end: int
    import_wh: int
    export_wh: int
    sequence: int
