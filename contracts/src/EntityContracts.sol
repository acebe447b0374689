// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {TokenPayouts} from "./TokenPayouts.sol";
import {
    Channel,
    ChannelStatus,
    Closing,
    DisputeCounts,
    Disputer,
    IEntityContracts,
    Record
} from "./interfaces/IEntityContracts.sol";
import {IMerchantContract} from "./interfaces/IMerchantContract.sol";
import {Packing} from "./libraries/Packing.sol";
import {Signature, Signatures} from "./libraries/Signatures.sol";
import {ChannelOpen, EntityContract, StateBody, TypedData} from "./libraries/TypedData.sol";

/// @title Pairs, their channels and disputes (the paper's ESC)
/// @notice Made by the merchant factory, so that each knows the other from its first block on.
/// @dev Terms and opening come with every call; the hash of the terms is in the opening, and the opening's
/// hash is the channel's id, so neither can be another channel's. The ledger keeps one word for each open
/// channel, and one more if it was ever disputed.
contract EntityContracts is IEntityContracts, TokenPayouts {
    using Packing for Channel;
    using Packing for DisputeCounts;
    using Packing for Record;
    using TypedData for ChannelOpen;
    using TypedData for EntityContract;
    using TypedData for StateBody;

    /// @inheritdoc IEntityContracts
    address public immutable factory;

    /// @inheritdoc IEntityContracts
    mapping(address source => bool) public isMerchantContract;
    mapping(bytes32 scid => uint256) private _disputes; // packed DisputeCounts
    mapping(bytes32 channel => uint256) private _channels; // packed Channels
    mapping(bytes32 channel => uint256) private _records; // packed Records

    /// @dev One side of a closing channel.
    struct Leg {
        address party;
        address source;
        bytes32 note;
        uint96 funding;
    }

    constructor(IERC20 token_) TokenPayouts(token_) {
        factory = msg.sender;
    }

    /// @inheritdoc IEntityContracts
    function admitMerchant(address source) external {
        if (msg.sender != factory) revert NotFactory(msg.sender);
        isMerchantContract[source] = true;
        emit MerchantAdmitted(source);
    }

    /// @inheritdoc IEntityContracts
    function create(
        EntityContract calldata terms,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) external returns (bytes32 scid) {
        scid = terms.hash();
        if (_disputes[scid] != 0) revert PairKnown(scid);
        _create(scid, terms, signatureA, signatureB);
    }

    /// @inheritdoc IEntityContracts
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

    /// @inheritdoc IEntityContracts
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

    /// @inheritdoc IEntityContracts
    function finalise(
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        StateBody calldata state,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) external nonReentrant {
        (bytes32 id, Channel memory channel) = _load(terms, opening);
        _finalise(id, channel, terms, opening, state, signatureA, signatureB);
    }

    /// @inheritdoc IEntityContracts
    function finaliseMany(Closing[] calldata closings) external nonReentrant {
        for (uint256 i = 0; i < closings.length; ++i) {
            Closing calldata closing = closings[i];
            // Somebody else may have closed one of them a block earlier: that must not undo the others.
            if (_status(closing.opening.hash()) != ChannelStatus.Open) continue;
            (bytes32 id, Channel memory channel) = _load(closing.terms, closing.opening);
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

    /// @inheritdoc IEntityContracts
    function dispute(
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        StateBody calldata state,
        Signature calldata signatureA,
        Signature calldata signatureB,
        bytes calldata consent
    ) external {
        (bytes32 id, Channel memory channel) = _load(terms, opening);
        Record memory record = _known(id, channel);
        if (record.deadline != 0) revert DisputeRunning(id, record.deadline);
        if (state.version < record.version) revert StateTooOld(state.version, record.version);
        if (state.isFinal) revert StateIsFinal(state.version);
        _requireCoSigned(id, channel, terms, state, signatureA, signatureB);
        record.version = state.version;
        record.balanceA = state.balanceA;
        record.disputer = _disputer(id, state.version, terms, consent);
        _raise(id, channel, record, terms);
    }

    /// @inheritdoc IEntityContracts
    function disputeKnown(EntityContract calldata terms, ChannelOpen calldata opening, bytes calldata consent)
        external
    {
        (bytes32 id, Channel memory channel) = _load(terms, opening);
        Record memory record = _known(id, channel);
        if (record.deadline != 0) revert DisputeRunning(id, record.deadline);
        if (block.timestamp <= opening.expiry) {
            record.disputer = _disputer(id, record.version, terms, consent);
        }
        _raise(id, channel, record, terms);
    }

    /// @inheritdoc IEntityContracts
    function resolve(
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        StateBody calldata state,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) external nonReentrant {
        (bytes32 id, Channel memory channel) = _load(terms, opening);
        Record memory record = _known(id, channel);
        if (record.deadline == 0) revert NoDispute(id);
        if (block.timestamp >= record.deadline) revert ChallengeOver(id, record.deadline);
        if (state.version <= record.version) revert StateTooOld(state.version, record.version);
        _requireCoSigned(id, channel, terms, state, signatureA, signatureB);
        _answer(id, record, opening, state);
        if (state.isFinal) {
            _close(id, channel, record, terms, opening, state);
        } else {
            _records[id] = record.pack();
        }
    }

    /// @inheritdoc IEntityContracts
    function finaliseDisputed(EntityContract calldata terms, ChannelOpen calldata opening)
        external
        nonReentrant
    {
        (bytes32 id, Channel memory channel) = _load(terms, opening);
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

    /// @inheritdoc IEntityContracts
    function disputesOf(bytes32 scid) external view returns (DisputeCounts memory) {
        return Packing.unpackCounts(_disputes[scid]);
    }

    /// @inheritdoc IEntityContracts
    function channelOf(bytes32 channel) external view returns (Channel memory) {
        return Packing.unpackChannel(_channels[channel]);
    }

    /// @inheritdoc IEntityContracts
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

    /// @dev Only a contract that the factory made is trusted to hold what it says that it reserved.
    function _reserve(address source, bytes32 note, address party, uint96 amount, bytes calldata proof)
        private
    {
        if (source == address(0)) return;
        if (!isMerchantContract[source]) revert NotMerchantContract(source);
        IMerchantContract(source).reserve(note, party, amount, proof);
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
        Channel memory channel,
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        StateBody calldata state,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) private {
        if (!state.isFinal) revert StateNotFinal(state.version);
        _requireCoSigned(id, channel, terms, state, signatureA, signatureB);
        Record memory record = _known(id, channel);
        if (channel.recorded) _overtake(id, record, opening, state);
        _close(id, channel, record, terms, opening, state);
    }

    /// @dev A final state may not be older than what the ledger knows, and ends a dispute that runs.
    function _overtake(
        bytes32 id,
        Record memory record,
        ChannelOpen calldata opening,
        StateBody calldata state
    ) private {
        if (state.version < record.version) {
            revert StateTooOld(state.version, record.version);
        }
        if (record.deadline != 0 && state.version > record.version) _answer(id, record, opening, state);
    }

    /// @dev Books the answer to a dispute. A disputer is punished only if `state.base` proves that it held a
    /// newer co-signed state than the one that it disputed with: punishing any older version would let a peer
    /// withhold its countersignature and then collect from an honest party.
    function _answer(bytes32 id, Record memory record, ChannelOpen calldata opening, StateBody calldata state)
        private
    {
        bool stale = record.disputer != Disputer.Nobody && state.base > record.version;
        if (record.disputer != Disputer.Nobody) {
            DisputeCounts memory counts = Packing.unpackCounts(_disputes[opening.scid]);
            ++counts.resolved;
            if (stale) ++counts.stale;
            _disputes[opening.scid] = counts.pack();
        }
        if (stale) _blame(record);
        record.version = state.version;
        record.balanceA = state.balanceA;
        record.disputer = Disputer.Nobody;
        // After its expiry a channel doesn't go on: the timer runs out, now with the newer state.
        if (state.isFinal || block.timestamp <= opening.expiry) record.deadline = 0;
        emit DisputeResolved(id, state.version, state.balanceA, state.balanceB, stale, record.deadline);
    }

    function _blame(Record memory record) private pure {
        if (record.disputer == Disputer.PartyA) {
            if (record.staleA < type(uint8).max) ++record.staleA;
        } else if (record.staleB < type(uint8).max) {
            ++record.staleB;
        }
    }

    function _raise(bytes32 id, Channel memory channel, Record memory record, EntityContract calldata terms)
        private
    {
        record.deadline = uint40(block.timestamp) + terms.challengePeriod;
        _records[id] = record.pack();
        if (record.disputer != Disputer.Nobody) {
            bytes32 scid = terms.hash();
            DisputeCounts memory counts = Packing.unpackCounts(_disputes[scid]);
            ++counts.raised;
            _disputes[scid] = counts.pack();
        }
        if (!channel.recorded) {
            channel.recorded = true;
            _channels[id] = channel.pack();
        }
        uint96 balanceB = channel.fundingA + channel.fundingB - record.balanceA;
        emit ChannelDisputed(id, record.disputer, record.version, record.balanceA, balanceB, record.deadline);
    }

    function _close(
        bytes32 id,
        Channel memory channel,
        Record memory record,
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        StateBody calldata state
    ) private {
        (uint96 balanceA, uint96 balanceB) = _afterPenalties(channel, record, terms, state.balanceA);
        emit ChannelFinalised(id, state.version, balanceA, balanceB, state.energyToA, state.energyToB);
        _payOut(id, channel, terms, opening, balanceA);
    }

    /// @dev Each stale dispute moves `stalePenalty`, or what is left, to the other side.
    function _afterPenalties(
        Channel memory channel,
        Record memory record,
        EntityContract calldata terms,
        uint96 balanceA
    ) private pure returns (uint96, uint96) {
        uint96 balanceB = channel.fundingA + channel.fundingB - balanceA;
        if (record.staleA == 0 && record.staleB == 0) return (balanceA, balanceB);
        uint96 fromA = _least(uint256(terms.stalePenalty) * record.staleA, balanceA);
        uint96 fromB = _least(uint256(terms.stalePenalty) * record.staleB, balanceB);
        return (balanceA - fromA + fromB, balanceB - fromB + fromA);
    }

    /// @dev Closes the channel and brings each side's money home. The books are done before any token moves.
    function _payOut(
        bytes32 id,
        Channel memory channel,
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        uint96 balanceA
    ) private {
        if (channel.recorded) delete _records[id];
        // Until `openBy` is past the opening could be sent again: the slot must say that it was used.
        bool replayable = block.timestamp <= opening.openBy;
        _channels[id] = replayable ? Channel(ChannelStatus.Closed, false, 0, 0).pack() : 0;
        Leg memory a = Leg(terms.partyA, opening.sourceA, opening.noteA, channel.fundingA);
        Leg memory b = Leg(terms.partyB, opening.sourceB, opening.noteB, channel.fundingB);
        if (balanceA < channel.fundingA) {
            _settle(a, b, channel.fundingA - balanceA);
        } else {
            _settle(b, a, balanceA - channel.fundingA);
        }
    }

    /// @dev Moves `amount` from the payer's funding to the payee and releases the rest of both.
    function _settle(Leg memory payer, Leg memory payee, uint96 amount) private {
        if (payer.source != address(0) && payer.source == payee.source) {
            IMerchantContract(payer.source)
                .settleBoth(
                    payer.note, payer.party, payer.funding, payee.note, payee.party, payee.funding, amount
                );
            return;
        }
        uint96 received = _collect(payer, payee, amount) ? amount : 0;
        if (payee.source == address(0)) {
            _push(payee.party, payee.funding + received, payee.party);
        } else {
            IMerchantContract(payee.source).settlePayee(payee.note, payee.party, payee.funding, received);
        }
    }

    /// @dev Brings `amount` of the payer's funding to where the payee's money is kept. If the token refuses, it
    /// becomes a held payout of the payee's session key and the answer is false.
    function _collect(Leg memory payer, Leg memory payee, uint96 amount) private returns (bool) {
        address payTo = payee.source == address(0) ? address(this) : payee.source;
        if (payer.source != address(0)) {
            return IMerchantContract(payer.source)
                .settlePayer(payer.note, payer.party, payer.funding, amount, payTo, payee.party);
        }
        _push(payer.party, payer.funding - amount, payer.party);
        return payTo == address(this) || _push(payTo, amount, payee.party);
    }

    function _load(EntityContract calldata terms, ChannelOpen calldata opening)
        private
        view
        returns (bytes32 id, Channel memory channel)
    {
        id = opening.hash();
        channel = Packing.unpackChannel(_channels[id]);
        if (channel.status != ChannelStatus.Open) revert ChannelNotOpen(id);
        bytes32 scid = terms.hash();
        if (scid != opening.scid) revert WrongTerms(scid, opening.scid);
    }

    /// @dev The newest state that the ledger knows; without any it is the opening, version 0.
    function _known(bytes32 id, Channel memory channel) private view returns (Record memory) {
        if (channel.recorded) return Packing.unpackRecord(_records[id]);
        return Record(0, channel.fundingA, 0, Disputer.Nobody, 0, 0);
    }

    function _status(bytes32 id) private view returns (ChannelStatus) {
        return Packing.unpackChannel(_channels[id]).status;
    }

    function _requireCoSigned(
        bytes32 id,
        Channel memory channel,
        EntityContract calldata terms,
        StateBody calldata state,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) private view {
        uint256 sum = uint256(state.balanceA) + state.balanceB;
        uint256 funding = uint256(channel.fundingA) + channel.fundingB;
        if (sum != funding) revert WrongBalances(sum, funding);
        _requireBoth(state.hash(id), terms, signatureA, signatureB);
    }

    function _requireBoth(
        bytes32 structHash,
        EntityContract calldata terms,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) private view {
        bytes32 digest = _hashTypedDataV4(structHash);
        Signatures.requireSigner(digest, signatureA, terms.partyA);
        Signatures.requireSigner(digest, signatureB, terms.partyB);
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

    function _least(uint256 x, uint96 y) private pure returns (uint96) {
        // casting to 'uint96' is safe because the value is below a 96-bit one
        // forge-lint: disable-next-line(unsafe-typecast)
        return x < y ? uint96(x) : y;
    }
}
