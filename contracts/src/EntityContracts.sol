// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ChannelBooks} from "./ChannelBooks.sol";
import {ChannelMoney} from "./ChannelMoney.sol";
import {
    Channel,
    ChannelStatus,
    Closing,
    DisputeCounts,
    Disputer,
    IChannels,
    Record
} from "./interfaces/IEntityContracts.sol";
import {ITokenPayouts} from "./interfaces/ITokenPayouts.sol";
import {ChannelWords} from "./libraries/ChannelWords.sol";
import {Packing} from "./libraries/Packing.sol";
import {Signature, Signatures} from "./libraries/Signatures.sol";
import {ChannelOpen, EntityContract, StateBody, TypedData} from "./libraries/TypedData.sol";

/// @title Pairs, their channels and disputes (the paper's ESC)
/// @notice Made by the merchant factory, so that each knows the other from its first block on. It answers to
/// all of `IEntityContracts`: what is not here is in its extension.
contract EntityContracts is IChannels, ChannelMoney {
    using ChannelWords for uint256;
    using Packing for Channel;
    using Packing for DisputeCounts;
    using Packing for Record;
    using TypedData for ChannelOpen;
    using TypedData for EntityContract;

    /// @inheritdoc IChannels
    address public immutable factory;
    /// @inheritdoc IChannels
    address public immutable extension;

    constructor(IERC20 token_, address extension_) ChannelBooks(token_) {
        // Code that isn't there would do nothing and look like success.
        if (address(ITokenPayouts(extension_).token()) != address(token_)) revert UnfitExtension(extension_);
        factory = msg.sender;
        extension = extension_;
    }

    /// @dev Everything else of `IEntityContracts`. The target is fixed in the constructor, and all storage of
    /// both contracts is declared in `ChannelBooks`.
    fallback() external {
        address target = extension;
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, 0, calldatasize())
            let done := delegatecall(gas(), target, free, calldatasize(), 0, 0)
            returndatacopy(free, 0, returndatasize())
            switch done
            case 0 { revert(free, returndatasize()) }
            default { return(free, returndatasize()) }
        }
    }

    /// @inheritdoc IChannels
    function admitMerchant(address source) external {
        if (msg.sender != factory) revert NotFactory(msg.sender);
        _merchantContracts[source] = true;
        emit MerchantAdmitted(source);
    }

    /// @inheritdoc IChannels
    function create(
        EntityContract calldata terms,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) external returns (bytes32 scid) {
        scid = terms.hash();
        if (_disputes[scid] != 0) revert PairKnown(scid);
        _create(scid, terms, signatureA, signatureB);
    }

    /// @inheritdoc IChannels
    function openChannel(
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        Signature calldata signatureA,
        Signature calldata signatureB,
        bytes calldata fundingA,
        bytes calldata fundingB
    ) external nonReentrant returns (bytes32 channel) {
        return _open(terms, opening, signatureA, signatureB, fundingA, fundingB);
    }

    /// @inheritdoc IChannels
    function createAndOpen(
        EntityContract calldata terms,
        Signature calldata termsA,
        Signature calldata termsB,
        ChannelOpen calldata opening,
        Signature calldata signatureA,
        Signature calldata signatureB,
        bytes calldata fundingA,
        bytes calldata fundingB
    ) external nonReentrant returns (bytes32 channel) {
        bytes32 scid = terms.hash();
        if (_disputes[scid] == 0) _create(scid, terms, termsA, termsB);
        return _open(terms, opening, signatureA, signatureB, fundingA, fundingB);
    }

    /// @inheritdoc IChannels
    function finalise(
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        StateBody calldata state,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) external nonReentrant {
        (bytes32 id, uint256 channel) = _load(terms, opening);
        _finalise(id, channel, terms, opening, state, signatureA, signatureB);
    }

    /// @inheritdoc IChannels
    function finaliseMany(Closing[] calldata closings) external nonReentrant {
        for (uint256 i = 0; i < closings.length; ++i) {
            Closing calldata closing = closings[i];
            // Somebody else may have closed one of them a block earlier: that must not undo the others.
            if (!_channels[closing.opening.hash()].isOpen()) continue;
            (bytes32 id, uint256 channel) = _load(closing.terms, closing.opening);
            _finalise(
                id,
                channel,
                closing.terms,
                closing.opening,
                closing.state,
                closing.signatureA,
                closing.signatureB
            );
        }
    }

    /// @inheritdoc IChannels
    function dispute(
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        StateBody calldata state,
        Signature calldata signatureA,
        Signature calldata signatureB,
        bytes calldata consent
    ) external {
        (bytes32 id, uint256 channel) = _load(terms, opening);
        Record memory record = _known(id, channel);
        _requireNoDispute(id, record);
        if (state.version < record.version) revert StateTooOld(state.version, record.version);
        if (state.isFinal) revert StateIsFinal(state.version);
        _requireCoSigned(id, channel, terms, state, signatureA, signatureB);
        record.version = state.version;
        record.balanceA = state.balanceA;
        record.disputer = _disputer(id, state.version, terms, consent);
        _raise(id, channel, record, terms);
    }

    /// @inheritdoc IChannels
    function disputeKnown(EntityContract calldata terms, ChannelOpen calldata opening, bytes calldata consent)
        external
    {
        (bytes32 id, uint256 channel) = _load(terms, opening);
        Record memory record = _known(id, channel);
        _requireNoDispute(id, record);
        if (block.timestamp <= opening.expiry) {
            record.disputer = _disputer(id, record.version, terms, consent);
        }
        _raise(id, channel, record, terms);
    }

    /// @inheritdoc IChannels
    function resolve(
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        StateBody calldata state,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) external nonReentrant {
        (bytes32 id, uint256 channel) = _load(terms, opening);
        Record memory record = _known(id, channel);
        _requireRunning(id, record);
        if (!_beats(state, record)) revert StateTooOld(state.version, record.version);
        _requireCoSigned(id, channel, terms, state, signatureA, signatureB);
        _answer(id, record, terms, opening, state);
        if (state.isFinal) {
            _close(id, channel, record, terms, opening, state);
        } else {
            _records[id] = record.pack();
        }
    }

    /// @inheritdoc IChannels
    function finaliseDisputed(EntityContract calldata terms, ChannelOpen calldata opening)
        external
        nonReentrant
    {
        (bytes32 id, uint256 channel) = _load(terms, opening);
        Record memory record = _known(id, channel);
        if (record.deadline == 0) revert NoDispute(id);
        if (block.timestamp < record.deadline) revert ChallengeRunning(id, record.deadline);
        if (record.disputer != Disputer.Nobody) {
            DisputeCounts memory counts = Packing.unpackCounts(_disputes[opening.scid]);
            ++counts.failed;
            _disputes[opening.scid] = counts.pack();
        }
        (uint96 balanceA, uint96 balanceB) = _afterPenalties(channel, record, terms, record.balanceA);
        emit DisputeFinalised(id, record.version, balanceA, balanceB);
        _payOut(id, channel, terms, opening, balanceA);
    }

    /// @inheritdoc IChannels
    function isMerchantContract(address source) external view returns (bool) {
        return _merchantContracts[source];
    }

    /// @inheritdoc IChannels
    function disputesOf(bytes32 scid) external view returns (DisputeCounts memory) {
        return Packing.unpackCounts(_disputes[scid]);
    }

    /// @inheritdoc IChannels
    function channelOf(bytes32 channel) external view returns (Channel memory) {
        return Packing.unpackChannel(_channels[channel]);
    }

    /// @inheritdoc IChannels
    function recordOf(bytes32 channel) external view returns (Record memory) {
        return Packing.unpackRecord(_records[channel]);
    }

    function _create(
        bytes32 scid,
        EntityContract calldata terms,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) private {
        if (terms.partyA == terms.partyB || terms.challengePeriod == 0 || terms.disputeLimit == 0) {
            revert UnfitTerms(scid);
        }
        _requireBoth(scid, terms, signatureA, signatureB);
        _disputes[scid] = DisputeCounts(true, 0, 0, 0, 0).pack();
        emit PairCreated(
            scid,
            terms.partyA,
            terms.partyB,
            terms.metering,
            terms.challengePeriod,
            terms.disputeLimit,
            terms.stalePenalty,
            terms.nonce
        );
    }

    function _open(
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        Signature calldata signatureA,
        Signature calldata signatureB,
        bytes calldata fundingA,
        bytes calldata fundingB
    ) private returns (bytes32 id) {
        id = opening.hash();
        _requireOpenable(id, terms, opening);
        _requireBoth(id, terms, signatureA, signatureB);
        _channels[id] = Channel(ChannelStatus.Open, false, opening.fundingA, opening.fundingB).pack();
        _emitOpened(id, opening);
        _reserve(opening.sourceA, opening.noteA, terms.partyA, opening.fundingA, fundingA);
        _reserve(opening.sourceB, opening.noteB, terms.partyB, opening.fundingB, fundingB);
        _deposit(terms, opening, fundingA, fundingB);
    }

    function _requireOpenable(bytes32 id, EntityContract calldata terms, ChannelOpen calldata opening)
        private
        view
    {
        bytes32 scid = terms.hash();
        if (scid != opening.scid) revert WrongTerms(scid, opening.scid);
        DisputeCounts memory counts = Packing.unpackCounts(_disputes[scid]);
        if (!counts.created) revert PairUnknown(scid);
        if (counts.raised >= terms.disputeLimit) revert DisputeLimitReached(scid, counts.raised);
        if (_channels[id] != 0) revert ChannelKnown(id);
        if (block.timestamp > opening.openBy) revert OpeningTooLate(id, opening.openBy);
        if (block.timestamp >= opening.expiry) revert ChannelExpired(id, opening.expiry);
        if (opening.fundingA == 0 && opening.fundingB == 0) revert NothingFunded(id);
    }

    function _emitOpened(bytes32 id, ChannelOpen calldata opening) private {
        emit ChannelOpened(
            id,
            opening.scid,
            opening.index,
            opening.fundingA,
            opening.fundingB,
            opening.sourceA,
            opening.noteA,
            opening.sourceB,
            opening.noteB,
            opening.openBy,
            opening.expiry
        );
    }

    function _deposit(
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        bytes calldata permitA,
        bytes calldata permitB
    ) private {
        uint256 amountA = opening.sourceA == address(0) ? opening.fundingA : 0;
        uint256 amountB = opening.sourceB == address(0) ? opening.fundingB : 0;
        if (amountA + amountB == 0) return;
        uint256 before = token.balanceOf(address(this));
        if (amountA != 0) _take(terms.partyA, amountA, permitA);
        if (amountB != 0) _take(terms.partyB, amountB, permitB);
        _requireReceived(before, amountA + amountB);
    }

    function _finalise(
        bytes32 id,
        uint256 channel,
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        StateBody calldata state,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) private {
        if (!state.isFinal) revert StateNotFinal(state.version);
        _requireCoSigned(id, channel, terms, state, signatureA, signatureB);
        if (channel.recorded()) {
            Record memory record = Packing.unpackRecord(_records[id]);
            _overtake(id, record, terms, opening, state);
            _close(id, channel, record, terms, opening, state);
        } else {
            _pay(id, channel, terms, opening, state, state.balanceA, state.balanceB);
        }
    }

    /// @dev A final state may not be older than what the ledger knows, and ends a dispute that runs.
    function _overtake(
        bytes32 id,
        Record memory record,
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        StateBody calldata state
    ) private {
        if (state.version < record.version) {
            revert StateTooOld(state.version, record.version);
        }
        if (record.deadline != 0 && _beats(state, record)) _answer(id, record, terms, opening, state);
    }

    /// @dev Puts a newer state in the disputed one's place.
    function _answer(
        bytes32 id,
        Record memory record,
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        StateBody calldata state
    ) private {
        bool stale = _settleDispute(record, opening.scid, state);
        record.version = state.version;
        record.balanceA = state.balanceA;
        record.disputer = Disputer.Nobody;
        if (state.isFinal || block.timestamp <= opening.expiry) {
            record.deadline = 0;
        } else if (record.refunded) {
            // After its expiry a channel doesn't go on: the timer runs out, now with the newer state. But who
            // shows it at the last second must not take away a refund that is due in this state as well.
            record.deadline = uint40(block.timestamp) + terms.challengePeriod;
        }
        record.enforced = false;
        record.refunded = false;
        emit DisputeResolved(id, state.version, state.balanceA, state.balanceB, stale, record.deadline);
    }

    function _raise(bytes32 id, uint256 channel, Record memory record, EntityContract calldata terms)
        private
    {
        _start(id, channel, record, terms);
        uint96 balanceB = _total(channel) - record.balanceA;
        emit ChannelDisputed(id, record.disputer, record.version, record.balanceA, balanceB, record.deadline);
    }

    function _close(
        bytes32 id,
        uint256 channel,
        Record memory record,
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        StateBody calldata state
    ) private {
        (uint96 balanceA, uint96 balanceB) = _afterPenalties(channel, record, terms, state.balanceA);
        _pay(id, channel, terms, opening, state, balanceA, balanceB);
    }

    function _pay(
        bytes32 id,
        uint256 channel,
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        StateBody calldata state,
        uint96 balanceA,
        uint96 balanceB
    ) private {
        emit ChannelFinalised(id, state.version, balanceA, balanceB, state.energyToA, state.energyToB);
        _payOut(id, channel, terms, opening, balanceA);
    }

    /// @dev Each stale dispute moves `stalePenalty`, or what is left, to the other side.
    function _afterPenalties(
        uint256 channel,
        Record memory record,
        EntityContract calldata terms,
        uint96 balanceA
    ) private pure returns (uint96, uint96) {
        uint96 balanceB = _total(channel) - balanceA;
        if (record.staleA == 0 && record.staleB == 0) return (balanceA, balanceB);
        uint96 fromA = _least(uint256(terms.stalePenalty) * record.staleA, balanceA);
        uint96 fromB = _least(uint256(terms.stalePenalty) * record.staleB, balanceB);
        return (balanceA - fromA + fromB, balanceB - fromB + fromA);
    }

    /// @dev Closes the channel and brings each side's money home. The books are done before any token moves.
    function _payOut(
        bytes32 id,
        uint256 channel,
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        uint96 balanceA
    ) private {
        if (channel.recorded()) delete _records[id];
        // Until `openBy` is past the opening could be sent again: the slot must say that it was used.
        bool replayable = block.timestamp <= opening.openBy;
        _channels[id] = replayable ? Channel(ChannelStatus.Closed, false, 0, 0).pack() : 0;
        Leg memory a = Leg(terms.partyA, opening.sourceA, opening.noteA, channel.fundingA());
        Leg memory b = Leg(terms.partyB, opening.sourceB, opening.noteB, channel.fundingB());
        unchecked {
            // The lesser is taken from the greater.
            if (balanceA < a.funding) _settle(a, b, a.funding - balanceA);
            else _settle(b, a, balanceA - a.funding);
        }
    }

    /// @dev Moves `amount` from the payer's funding to the payee and releases the rest of both.
    function _settle(Leg memory payer, Leg memory payee, uint96 amount) private {
        if (_settleInside(payer, payee, amount)) return;
        uint96 received = _collect(payer, payee, amount) ? amount : 0;
        if (payee.source == address(0)) {
            _push(payee.party, payee.funding + received, payee.party);
        } else {
            _settlePayee(payee, received);
        }
    }

    /// @dev Both signatures under a state are in both sides' hands, so they can't tell who disputes: the
    /// disputer says so itself, as the sender or by a signature.
    function _disputer(bytes32 id, uint64 version, EntityContract calldata terms, bytes calldata consent)
        private
        view
        returns (Disputer)
    {
        address account = msg.sender;
        if (consent.length != 0) {
            account = Signatures.recover(_hashTypedDataV4(TypedData.disputeRequest(id, version)), consent);
        }
        if (account == terms.partyA) return Disputer.PartyA;
        if (account == terms.partyB) return Disputer.PartyB;
        revert NotParty(account);
    }
}
