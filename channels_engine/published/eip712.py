"""The EIP-712 types that a client signs, as wallets take them: `types` goes to `signTypedData` as it is."""

from typing import Any

from channels_engine.core.keccak import keccak256
from channels_engine.core.typed_data import DOMAIN_NAME, DOMAIN_TYPE, DOMAIN_VERSION, TYPE_STRINGS
from channels_engine.core.types import (
    ChannelOpen,
    ChannelState,
    CreditAgreement,
    CreditNote,
    Delivery,
    DisputeRequest,
    EntityContract,
    FundingChange,
    MeterReading,
    NoteReceipt,
    Offer,
)
from contracts.consents import CONSENT_TYPES

_OURS = {"name": DOMAIN_NAME, "version": DOMAIN_VERSION}
DOMAINS = {
    "registry": {
        **_OURS,
        "chainId": "of `hello`, `domain.chainId`",
        "verifyingContract": "of `hello`, `domain.verifyingContract`",
    },
    "merchant": {
        **_OURS,
        "chainId": "of `hello`, `domain.chainId`",
        "verifyingContract": "the merchant's `msc` (`GET merchants/`)",
    },
    "token": {
        "name": "of `GET ledger/`, `token.name`",
        "version": "of `GET ledger/`, `token.version`",
        "chainId": "of `GET ledger/`, `chain_id`",
        "verifyingContract": "of `GET ledger/`, `token.address`",
    },
}
_SIGNED_BY: dict[type | str, tuple[str, str]] = {
    CreditAgreement: ("merchant", "merchant key, and the participant's root key"),
    CreditNote: ("merchant", "merchant key"),
    NoteReceipt: ("merchant", "root key"),
    EntityContract: ("registry", "both session keys"),
    ChannelOpen: ("registry", "both session keys"),
    Offer: ("registry", "the offeror's session key"),
    ChannelState: ("registry", "both session keys"),
    FundingChange: ("registry", "both session keys"),
    DisputeRequest: ("registry", "session key"),
    Delivery: ("registry", "metering key"),
    MeterReading: ("registry", "the meter's key"),
    "Permit": ("token", "whoever pays: root key for collateral, session key for a deposit"),
    "TransferWithAuthorization": ("token", "whoever pays"),
    "PayoutClaim": ("registry", "session key"),
    "EarningsWithdrawal": ("merchant", "session key that holds the note"),
    "CollateralRelease": ("merchant", "merchant key"),
    "DebtPayment": ("merchant", "whoever pays"),
    "CollateralTopUp": ("merchant", "whoever pays"),
    "ClaimStart": ("merchant", "merchant key"),
    "ClaimCancellation": ("merchant", "merchant key"),
    "CollateralHold": ("merchant", "merchant key"),
    "LimitChange": ("merchant", "merchant key"),
    "NoteCancellation": ("merchant", "merchant key"),
}
_ID_OF = {CreditAgreement: "sid", EntityContract: "scid", ChannelOpen: "channel", Offer: "trade"}


def document() -> dict[str, Any]:
    """The file `eip712.json`."""
    protocol = [_structure(kind, text) for kind, text in TYPE_STRINGS.items()]
    known = {kind.__name__ for kind in TYPE_STRINGS}
    consents = [
        _structure(name, f"{name}({members})") for name, members in CONSENT_TYPES.items() if name not in known
    ]
    described = {entry["name"]: entry for entry in (*protocol, *consents)}
    return {
        "description": "Made by `manage.py schema`. To sign a structure: `types` of its name, and its domain. "
        "`structHash` names what the structure's hash (hashStruct, without the domain) is the id of.",
        "domains": DOMAINS,
        "types": {
            "EIP712Domain": _members(DOMAIN_TYPE),
            **{name: _members(entry["encodeType"]) for name, entry in described.items()},
        },
        "structures": described,
    }


def _members(text: str) -> list[dict[str, str]]:
    inner = text.partition("(")[2].removesuffix(")")
    pairs = [member.split(" ") for member in inner.split(",")]
    return [{"name": name, "type": kind} for kind, name in pairs]


def _structure(kind: type | str, text: str) -> dict[str, str]:
    domain, signer = _SIGNED_BY[kind]
    entry = {
        "name": text.partition("(")[0],
        "domain": domain,
        "signedBy": signer,
        "encodeType": text,
        "typeHash": "0x" + keccak256(text.encode()).hex(),
    }
    names = {"structHash": _ID_OF[kind]} if isinstance(kind, type) and kind in _ID_OF else {}
    return {**entry, **names}
