// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice Terms between two session keys. The struct hash is the paper's `scid`.
struct EntityContract {
    address partyA;
    address partyB;
    address metering;
    uint32 challengePeriod;
    uint16 disputeLimit;
    uint96 stalePenalty;
    bytes32 nonce;
}

/// @notice Opening of a channel, its version 0. The struct hash is the channel's id.
/// @dev `source` zero is a locked deposit; else it is the merchant contract that issued the note.
struct ChannelOpen {
    bytes32 scid;
    uint64 index;
    uint96 fundingA;
    uint96 fundingB;
    address sourceA;
    bytes32 noteA;
    address sourceB;
    bytes32 noteB;
    uint64 openBy;
    uint64 expiry;
}

/// @notice What both sides sign after the channel's id: `ChannelState` without its first member, which the
/// contract fills in with the id that it computed itself.
struct StateBody {
    uint64 version;
    uint64 base;
    uint96 balanceA;
    uint96 balanceB;
    uint64 energyToA;
    uint64 energyToB;
    bytes32 tradesRoot;
    bool isFinal;
}

/// @notice A signed offer after its channel, which the contract fills in. The struct hash is the trade's id.
struct OfferBody {
    uint64 baseVersion;
    bytes32 id;
    bool offerorSells;
    uint64 quantityWh;
    uint64 pricePerKwh;
    uint64 imbalancePerKwh;
    uint64 slotStart;
    uint64 slotEnd;
    uint64 validUntil;
}

/// @notice A top-up or withdrawal after its channel, which the contract fills in.
/// @dev Balances, energy and root are those of the co-signed state `base`; the fundings are the new balances.
struct ChangeBody {
    uint64 version;
    uint64 base;
    uint96 balanceA;
    uint96 balanceB;
    uint96 fundingA;
    uint96 fundingB;
    uint64 energyToA;
    uint64 energyToB;
    bytes32 tradesRoot;
    uint64 validUntil;
}

/// @notice What a merchant grants a participant. The struct hash is the paper's `sid`.
struct CreditAgreement {
    address participant;
    uint96 creditLimit;
    uint96 collateral;
    uint32 billingPeriod;
    uint32 paymentTerm;
    uint64 validUntil;
    bytes32 documentsHash;
    bytes32 nonce;
}

/// @title Struct hashes of the protocol (EIP-712 `hashStruct`, without domain)
library TypedData {
    bytes32 internal constant ENTITY_CONTRACT = keccak256(
        "EntityContract(address partyA,address partyB,address metering,uint32 challengePeriod,uint16 disputeLimit,uint96 stalePenalty,bytes32 nonce)"
    );
    bytes32 internal constant CHANNEL_OPEN = keccak256(
        "ChannelOpen(bytes32 scid,uint64 index,uint96 fundingA,uint96 fundingB,address sourceA,bytes32 noteA,address sourceB,bytes32 noteB,uint64 openBy,uint64 expiry)"
    );
    bytes32 internal constant CHANNEL_STATE = keccak256(
        "ChannelState(bytes32 channel,uint64 version,uint64 base,uint96 balanceA,uint96 balanceB,uint64 energyToA,uint64 energyToB,bytes32 tradesRoot,bool isFinal)"
    );
    bytes32 internal constant OFFER = keccak256(
        "Offer(bytes32 channel,uint64 baseVersion,bytes32 id,bool offerorSells,uint64 quantityWh,uint64 pricePerKwh,uint64 imbalancePerKwh,uint64 slotStart,uint64 slotEnd,uint64 validUntil)"
    );
    bytes32 internal constant FUNDING_CHANGE = keccak256(
        "FundingChange(bytes32 channel,uint64 version,uint64 base,uint96 balanceA,uint96 balanceB,uint96 fundingA,uint96 fundingB,uint64 energyToA,uint64 energyToB,bytes32 tradesRoot,uint64 validUntil)"
    );
    bytes32 internal constant DELIVERY =
        keccak256("Delivery(bytes32 channel,bytes32 trade,uint64 deliveredWh)");
    bytes32 internal constant DISPUTE_REQUEST = keccak256("DisputeRequest(bytes32 channel,uint64 version)");
    bytes32 internal constant CREDIT_AGREEMENT = keccak256(
        "CreditAgreement(address participant,uint96 creditLimit,uint96 collateral,uint32 billingPeriod,uint32 paymentTerm,uint64 validUntil,bytes32 documentsHash,bytes32 nonce)"
    );
    bytes32 internal constant CREDIT_NOTE =
        keccak256("CreditNote(bytes32 serial,address holder,uint96 amount,uint64 validUntil)");
    bytes32 internal constant NOTE_RECEIPT =
        keccak256("NoteReceipt(bytes32 sid,bytes32 serial,address holder,uint96 amount)");
    bytes32 internal constant CLAIM_START =
        keccak256("ClaimStart(bytes32 sid,bytes32[] accounts,uint256 nonce)");
    bytes32 internal constant CLAIM_CANCELLATION = keccak256("ClaimCancellation(bytes32 sid,uint256 nonce)");
    bytes32 internal constant COLLATERAL_HOLD =
        keccak256("CollateralHold(bytes32 sid,bytes32[] accounts,uint256 nonce)");
    bytes32 internal constant LIMIT_CHANGE =
        keccak256("LimitChange(bytes32 sid,uint96 creditLimit,uint256 nonce)");
    bytes32 internal constant NOTE_CANCELLATION =
        keccak256("NoteCancellation(bytes32 serial,address holder,uint256 nonce)");
    bytes32 internal constant DEBT_PAYMENT =
        keccak256("DebtPayment(bytes32 sid,address from,uint96 amount,uint256 nonce)");
    bytes32 internal constant COLLATERAL_TOP_UP =
        keccak256("CollateralTopUp(bytes32 sid,address from,uint96 amount,uint256 nonce)");
    bytes32 internal constant COLLATERAL_RELEASE = keccak256("CollateralRelease(bytes32 sid)");
    bytes32 internal constant EARNINGS_WITHDRAWAL =
        keccak256("EarningsWithdrawal(bytes32 serial,address holder,address to,uint256 nonce)");
    bytes32 internal constant PAYOUT_CLAIM = keccak256("PayoutClaim(address owner,address to,uint256 nonce)");

    // A struct of value types lies in calldata just as EIP-712's encodeData wants it, so it is hashed as it
    // lies. Dirty upper bits of a word change the hash, and reading such a member reverts.

    function hash(EntityContract calldata terms) internal pure returns (bytes32 result) {
        bytes32 typeHash = ENTITY_CONTRACT;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typeHash)
            calldatacopy(add(free, 0x20), terms, 0xe0)
            result := keccak256(free, 0x100)
        }
    }

    function hash(ChannelOpen calldata opening) internal pure returns (bytes32 result) {
        bytes32 typeHash = CHANNEL_OPEN;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typeHash)
            calldatacopy(add(free, 0x20), opening, 0x140)
            result := keccak256(free, 0x160)
        }
    }

    function hash(StateBody calldata state, bytes32 channel) internal pure returns (bytes32 result) {
        bytes32 typeHash = CHANNEL_STATE;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typeHash)
            mstore(add(free, 0x20), channel)
            calldatacopy(add(free, 0x40), state, 0x100)
            result := keccak256(free, 0x140)
        }
    }

    function hash(OfferBody calldata offer, bytes32 channel) internal pure returns (bytes32 result) {
        bytes32 typeHash = OFFER;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typeHash)
            mstore(add(free, 0x20), channel)
            calldatacopy(add(free, 0x40), offer, 0x120)
            result := keccak256(free, 0x160)
        }
    }

    function hash(ChangeBody calldata change, bytes32 channel) internal pure returns (bytes32 result) {
        bytes32 typeHash = FUNDING_CHANGE;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typeHash)
            mstore(add(free, 0x20), channel)
            calldatacopy(add(free, 0x40), change, 0x140)
            result := keccak256(free, 0x180)
        }
    }

    function delivery(bytes32 channel, bytes32 trade, uint64 deliveredWh) internal pure returns (bytes32) {
        return keccak256(abi.encode(DELIVERY, channel, trade, deliveredWh));
    }

    function hash(CreditAgreement calldata agreement) internal pure returns (bytes32) {
        return keccak256(abi.encode(CREDIT_AGREEMENT, agreement));
    }

    function disputeRequest(bytes32 channel, uint64 version) internal pure returns (bytes32) {
        return keccak256(abi.encode(DISPUTE_REQUEST, channel, version));
    }

    function creditNote(bytes32 serial, address holder, uint96 amount, uint64 validUntil)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(CREDIT_NOTE, serial, holder, amount, validUntil));
    }

    function noteReceipt(bytes32 sid, bytes32 serial, address holder, uint96 amount)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(NOTE_RECEIPT, sid, serial, holder, amount));
    }

    function claimStart(bytes32 sid, bytes32[] memory accounts, uint256 nonce)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(CLAIM_START, sid, keccak256(abi.encodePacked(accounts)), nonce));
    }

    function claimCancellation(bytes32 sid, uint256 nonce) internal pure returns (bytes32) {
        return keccak256(abi.encode(CLAIM_CANCELLATION, sid, nonce));
    }

    function collateralHold(bytes32 sid, bytes32[] memory accounts, uint256 nonce)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(COLLATERAL_HOLD, sid, keccak256(abi.encodePacked(accounts)), nonce));
    }

    function limitChange(bytes32 sid, uint96 creditLimit, uint256 nonce) internal pure returns (bytes32) {
        return keccak256(abi.encode(LIMIT_CHANGE, sid, creditLimit, nonce));
    }

    function noteCancellation(bytes32 serial, address holder, uint256 nonce) internal pure returns (bytes32) {
        return keccak256(abi.encode(NOTE_CANCELLATION, serial, holder, nonce));
    }

    function debtPayment(bytes32 sid, address from, uint96 amount, uint256 nonce)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(DEBT_PAYMENT, sid, from, amount, nonce));
    }

    function collateralTopUp(bytes32 sid, address from, uint96 amount, uint256 nonce)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(COLLATERAL_TOP_UP, sid, from, amount, nonce));
    }

    function collateralRelease(bytes32 sid) internal pure returns (bytes32) {
        return keccak256(abi.encode(COLLATERAL_RELEASE, sid));
    }

    function earningsWithdrawal(bytes32 serial, address holder, address to, uint256 nonce)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(EARNINGS_WITHDRAWAL, serial, holder, to, nonce));
    }

    function payoutClaim(address owner, address to, uint256 nonce) internal pure returns (bytes32) {
        return keccak256(abi.encode(PAYOUT_CLAIM, owner, to, nonce));
    }
}
