"""EIP-712 hashes of the protocol's structures: the one table of their type strings, and their encoders.

Each encoder packs one structure by a precompiled layout, which is what the hot path needs: one call, no
intermediate objects. `eth_account` is the reference that the tests compare with, and
`fixtures/vectors/typed_data.json` the shared one for Solidity and JavaScript.
"""

import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeAlias

from channels_engine.core.errors import ProtocolError
from channels_engine.core.keccak import keccak256
from channels_engine.core.types import (
    ChannelOpen,
    ChannelState,
    CreditAgreement,
    CreditNote,
    Delivery,
    DisputeRequest,
    Domain,
    EntityContract,
    FundingChange,
    MeterReading,
    NoteReceipt,
    Offer,
)

DOMAIN_NAME = "Wattnote"
DOMAIN_VERSION = "1"
DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"

Signable: TypeAlias = (
    CreditAgreement
    | CreditNote
    | NoteReceipt
    | EntityContract
    | ChannelOpen
    | Offer
    | ChannelState
    | FundingChange
    | DisputeRequest
    | Delivery
    | MeterReading
)

TYPE_STRINGS: Mapping[type, str] = MappingProxyType(
    {
        CreditAgreement: (
            "CreditAgreement(address participant,uint96 creditLimit,uint96 collateral,uint32 billingPeriod,"
            "uint32 paymentTerm,uint64 validUntil,bytes32 documentsHash,bytes32 nonce)"
        ),
        CreditNote: "CreditNote(bytes32 serial,address holder,uint96 amount,uint64 validUntil)",
        NoteReceipt: "NoteReceipt(bytes32 sid,bytes32 serial,address holder,uint96 amount)",
        EntityContract: (
            "EntityContract(address partyA,address partyB,address metering,uint32 challengePeriod,"
            "uint16 disputeLimit,uint96 stalePenalty,bytes32 nonce)"
        ),
        ChannelOpen: (
            "ChannelOpen(bytes32 scid,uint64 index,uint96 fundingA,uint96 fundingB,address sourceA,"
            "bytes32 noteA,address sourceB,bytes32 noteB,uint64 openBy,uint64 expiry)"
        ),
        Offer: (
            "Offer(bytes32 channel,uint64 baseVersion,bytes32 id,bool offerorSells,uint64 quantityWh,"
            "uint64 pricePerKwh,uint64 imbalancePerKwh,uint64 slotStart,uint64 slotEnd,uint64 validUntil)"
        ),
        ChannelState: (
            "ChannelState(bytes32 channel,uint64 version,uint64 base,uint96 balanceA,uint96 balanceB,"
            "uint64 energyToA,uint64 energyToB,bytes32 tradesRoot,bool isFinal)"
        ),
        FundingChange: (
            "FundingChange(bytes32 channel,uint64 version,uint64 base,uint96 balanceA,uint96 balanceB,"
            "uint96 fundingA,uint96 fundingB,uint64 energyToA,uint64 energyToB,bytes32 tradesRoot,"
            "uint64 validUntil)"
        ),
        DisputeRequest: "DisputeRequest(bytes32 channel,uint64 version)",
        Delivery: "Delivery(bytes32 channel,bytes32 trade,uint64 deliveredWh)",
        MeterReading: (
            "MeterReading(bytes32 meter,uint64 slotStart,uint64 slotEnd,uint64 importWh,uint64 exportWh,"
            "uint64 sequence)"
        ),
    },
)

TYPE_HASHES: Mapping[type, bytes] = MappingProxyType(
    {structure: keccak256(text.encode()) for structure, text in TYPE_STRINGS.items()},
)

_FORMATS = MappingProxyType(
    {
        "bytes32": "32s",
        "address": "12x20s",
        "bool": "31x?",
        "uint16": "30xH",
        "uint32": "28xI",
        "uint64": "24xQ",
        "uint96": "20x12s",
    },
)


_REMEMBERED = 8192
"""Hashes kept: more than two group commits hold, between which the same value is hashed again."""


class EncodingError(ProtocolError):
    """A field does not fit its EIP-712 type."""

    def __init__(self, message: str) -> None:
        super().__init__("field_out_of_range", message)


def _layout(structure: type) -> struct.Struct:
    """Layout of type hash and fields, 32 bytes each, as EIP-712's encodeData wants them."""
    _, _, members = TYPE_STRINGS[structure].rstrip(")").partition("(")
    kinds = [member.split(" ")[0] for member in members.split(",")]
    return struct.Struct(">32s" + "".join(_FORMATS[kind] for kind in kinds))


def _sized(length: int, *values: bytes) -> None:
    """`struct` pads and truncates bytes in silence, which would make two values share one hash."""
    for value in values:
        if len(value) != length:
            raise EncodingError(f"Expected {length} bytes, got {len(value)}; give the full raw value.")


def _encoder(structure: type) -> tuple[Callable[..., bytes], bytes]:
    return _layout(structure).pack, TYPE_HASHES[structure]


_AGREEMENT, _AGREEMENT_TYPE = _encoder(CreditAgreement)
_NOTE, _NOTE_TYPE = _encoder(CreditNote)
_RECEIPT, _RECEIPT_TYPE = _encoder(NoteReceipt)
_TERMS, _TERMS_TYPE = _encoder(EntityContract)
_OPEN, _OPEN_TYPE = _encoder(ChannelOpen)
_OFFER, _OFFER_TYPE = _encoder(Offer)
_STATE, _STATE_TYPE = _encoder(ChannelState)
_CHANGE, _CHANGE_TYPE = _encoder(FundingChange)
_REQUEST, _REQUEST_TYPE = _encoder(DisputeRequest)
_DELIVERY, _DELIVERY_TYPE = _encoder(Delivery)
_READING, _READING_TYPE = _encoder(MeterReading)


def _agreement(value: CreditAgreement) -> bytes:
    _sized(20, value.participant)
    _sized(32, value.documents_hash, value.nonce)
    return _AGREEMENT(
        _AGREEMENT_TYPE,
        value.participant,
        value.credit_limit.to_bytes(12, "big"),
        value.collateral.to_bytes(12, "big"),
        value.billing_period,
        value.payment_term,
        value.valid_until,
        value.documents_hash,
        value.nonce,
    )


def _note(value: CreditNote) -> bytes:
    _sized(32, value.serial)
    _sized(20, value.holder)
    amount = value.amount.to_bytes(12, "big")
    return _NOTE(_NOTE_TYPE, value.serial, value.holder, amount, value.valid_until)


def _receipt(value: NoteReceipt) -> bytes:
    _sized(32, value.sid, value.serial)
    _sized(20, value.holder)
    return _RECEIPT(_RECEIPT_TYPE, value.sid, value.serial, value.holder, value.amount.to_bytes(12, "big"))


def _terms(value: EntityContract) -> bytes:
    _sized(20, value.party_a, value.party_b, value.metering)
    _sized(32, value.nonce)
    return _TERMS(
        _TERMS_TYPE,
        value.party_a,
        value.party_b,
        value.metering,
        value.challenge_period,
        value.dispute_limit,
        value.stale_penalty.to_bytes(12, "big"),
        value.nonce,
    )


def _open(value: ChannelOpen) -> bytes:
    _sized(32, value.scid, value.note_a, value.note_b)
    _sized(20, value.source_a, value.source_b)
    return _OPEN(
        _OPEN_TYPE,
        value.scid,
        value.index,
        value.funding_a.to_bytes(12, "big"),
        value.funding_b.to_bytes(12, "big"),
        value.source_a,
        value.note_a,
        value.source_b,
        value.note_b,
        value.open_by,
        value.expiry,
    )


def _offer(value: Offer) -> bytes:
    _sized(32, value.channel, value.id)
    return _OFFER(
        _OFFER_TYPE,
        value.channel,
        value.base_version,
        value.id,
        value.offeror_sells,
        value.quantity_wh,
        value.price_per_kwh,
        value.imbalance_per_kwh,
        value.slot_start,
        value.slot_end,
        value.valid_until,
    )


def _state(value: ChannelState) -> bytes:
    _sized(32, value.channel, value.trades_root)
    return _STATE(
        _STATE_TYPE,
        value.channel,
        value.version,
        value.base,
        value.balance_a.to_bytes(12, "big"),
        value.balance_b.to_bytes(12, "big"),
        value.energy_to_a,
        value.energy_to_b,
        value.trades_root,
        value.is_final,
    )


def _change(value: FundingChange) -> bytes:
    _sized(32, value.channel, value.trades_root)
    return _CHANGE(
        _CHANGE_TYPE,
        value.channel,
        value.version,
        value.base,
        value.balance_a.to_bytes(12, "big"),
        value.balance_b.to_bytes(12, "big"),
        value.funding_a.to_bytes(12, "big"),
        value.funding_b.to_bytes(12, "big"),
        value.energy_to_a,
        value.energy_to_b,
        value.trades_root,
        value.valid_until,
    )


def _request(value: DisputeRequest) -> bytes:
    _sized(32, value.channel)
    return _REQUEST(_REQUEST_TYPE, value.channel, value.version)


def _delivery(value: Delivery) -> bytes:
    _sized(32, value.channel, value.trade)
    return _DELIVERY(_DELIVERY_TYPE, value.channel, value.trade, value.delivered_wh)


def _reading(value: MeterReading) -> bytes:
    _sized(32, value.meter)
    return _READING(
        _READING_TYPE,
        value.meter,
        value.slot_start,
        value.slot_end,
        value.import_wh,
        value.export_wh,
        value.sequence,
    )


_ENCODERS: Mapping[type, Callable[[Any], bytes]] = MappingProxyType(
    {
        CreditAgreement: _agreement,
        CreditNote: _note,
        NoteReceipt: _receipt,
        EntityContract: _terms,
        ChannelOpen: _open,
        Offer: _offer,
        ChannelState: _state,
        FundingChange: _change,
        DisputeRequest: _request,
        Delivery: _delivery,
        MeterReading: _reading,
    },
)


def _hashed(value: Signable) -> bytes:
    try:
        return keccak256(_ENCODERS[type(value)](value))
    except (struct.error, OverflowError) as error:
        name = type(value).__name__
        raise EncodingError(
            f"{name} holds a number outside its EIP-712 type ({error}); correct it."
        ) from error


@lru_cache(maxsize=_REMEMBERED)
def struct_hash(value: Signable) -> bytes:
    """EIP-712 `hashStruct`, 32 bytes. For agreements it is the sid, for terms the scid, for openings the channel.

    Raises:
        EncodingError: A number is negative or too large, or a byte string has the wrong length.
    """
    return _hashed(value)


@lru_cache(maxsize=64)
def _prefix(domain: Domain) -> bytes:
    return b"\x19\x01" + domain_separator(domain)


def domain_separator(domain: Domain) -> bytes:
    """EIP-712 domain separator, 32 bytes.

    Raises:
        EncodingError: The contract's address is not 20 bytes long.
    """
    _sized(20, domain.verifying_contract)
    words = (
        keccak256(DOMAIN_TYPE.encode()),
        keccak256(DOMAIN_NAME.encode()),
        keccak256(DOMAIN_VERSION.encode()),
        domain.chain_id.to_bytes(32, "big"),
        bytes(12) + domain.verifying_contract,
    )
    return keccak256(b"".join(words))


@lru_cache(maxsize=_REMEMBERED)
def digest(domain: Domain, value: Signable) -> bytes:
    """The 32 bytes that are signed: keccak(0x1901, domain separator, struct hash)."""
    # A state is hashed for its signatures alone; what else is signed has a hash that serves as its name, too.
    hashed = _hashed(value) if type(value) is ChannelState else struct_hash(value)
    return keccak256(_prefix(domain) + hashed)
