// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {TokenPayouts} from "./TokenPayouts.sol";
import {
    Channel,
    ChannelStatus,
    Closing,
    Disputer,
    IEntityContracts,
    Pair,
    Record
} from "./interfaces/IEntityContracts.sol";
import {IMerchantContract, Settlement} from "./interfaces/IMerchantContract.sol";
import {Signature, Signatures} from "./libraries/Signatures.sol";
import {ChannelOpen, EntityContract, StateBody, TypedData} from "./libraries/TypedData.sol";

/// @title Pairs, their channels and disputes (the paper's ESC)
/// @notice Made by the merchant factory, so that each knows the other from its first block on.
/// @dev `opening` comes with every call; its hash is the channel's id, so it can't be another channel's.
contract EntityContracts is IEntityContracts, TokenPayouts {
    using SafeERC20 for IERC20;
    using TypedData for ChannelOpen;
    using TypedData for EntityContract;
    using TypedData for StateBody;

    /// @inheritdoc IEntityContracts
    address public immutable factory;

    /// @inheritdoc IEntityContracts
    mapping(address source => bool) public isMerchantContract;
    mapping(bytes32 scid => Pair) private _pairs;
    mapping(bytes32 channel => Channel) private _channels;
    mapping(bytes32 channel => Record) private _records;

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
        if (_pairs[scid].partyA != address(0)) revert PairKnown(scid);
        _create(scid, terms, signatureA, signatureB);
    }

    /// @inheritdoc IEntityContracts
    function openChannel(
        ChannelOpen calldata opening,
        Signature calldata signatureA,
        Signature calldata signatureB,
        bytes calldata fundingA,
        bytes calldata fundingB
    ) external nonReentrant returns (bytes32 channel) {
        return _open(opening, signatureA, signatureB, fundingA, fundingB);
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
        if (_pairs[scid].partyA == address(0)) _create(scid, terms, termsA, termsB);
        return _open(opening, signatureA, signatureB, fundingA, fundingB);
    }

    /// @inheritdoc IEntityContracts
    function finalise(
        ChannelOpen calldata opening,
        StateBody calldata state,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) external nonReentrant {
        bytes32 id = opening.hash();
        if (_channels[id].status != ChannelStatus.Open) revert ChannelNotOpen(id);
        _finalise(id, opening, state, signatureA, signatureB);
    }

    /// @inheritdoc IEntityContracts
    function finaliseMany(Closing[] calldata closings) external nonReentrant {
        for (uint256 i = 0; i < closings.length; ++i) {
            Closing calldata closing = closings[i];
            bytes32 id = closing.opening.hash();
            // Somebody else may have closed one of them a block earlier: that must not undo the others.
            if (_channels[id].status == ChannelStatus.Closed) continue;
            if (_channels[id].status != ChannelStatus.Open) revert ChannelNotOpen(id);
            _finalise(id, closing.opening, closing.state, closing.signatureA, closing.signatureB);
        }
    }

    /// @inheritdoc IEntityContracts
    function dispute(
        ChannelOpen calldata opening,
        StateBody calldata state,
        Signature calldata signatureA,
        Signature calldata signatureB,
        bytes calldata consent
    ) external {
        (bytes32 id, Channel memory channel, Pair storage pair) = _load(opening);
        _requireUndisputed(id, channel, state.version);
        if (state.isFinal) revert StateIsFinal(state.version);
        _requireCoSigned(id, channel, pair, state, signatureA, signatureB);
        Disputer disputer = _disputer(id, state.version, pair, consent);
        _raise(id, channel, pair, state.version, state.balanceA, disputer);
    }

    /// @inheritdoc IEntityContracts
    function disputeKnown(ChannelOpen calldata opening, bytes calldata consent) external {
        (bytes32 id, Channel memory channel, Pair storage pair) = _load(opening);
        Record memory known =
            channel.recorded ? _records[id] : Record(0, channel.fundingA, 0, Disputer.Nobody);
        if (known.deadline != 0) revert DisputeRunning(id, known.deadline);
        Disputer disputer =
            block.timestamp > opening.expiry ? Disputer.Nobody : _disputer(id, known.version, pair, consent);
        _raise(id, channel, pair, known.version, known.balanceA, disputer);
    }

    /// @inheritdoc IEntityContracts
    function resolve(
        ChannelOpen calldata opening,
        StateBody calldata state,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) external nonReentrant {
        (bytes32 id, Channel memory channel, Pair storage pair) = _load(opening);
        Record memory disputed = _running(id, channel);
        if (block.timestamp >= disputed.deadline) revert ChallengeOver(id, disputed.deadline);
        if (state.version <= disputed.version) revert StateTooOld(state.version, disputed.version);
        _requireCoSigned(id, channel, pair, state, signatureA, signatureB);
        uint40 deadline = !state.isFinal && block.timestamp > opening.expiry ? disputed.deadline : 0;
        _answer(id, channel, pair, disputed, state, deadline);
        if (state.isFinal) {
            _close(id, opening, channel, pair, state);
        } else {
            _channels[id].staleA = channel.staleA;
            _channels[id].staleB = channel.staleB;
            _records[id] = Record(state.version, state.balanceA, deadline, Disputer.Nobody);
        }
    }

    /// @inheritdoc IEntityContracts
    function finaliseDisputed(ChannelOpen calldata opening) external nonReentrant {
        (bytes32 id, Channel memory channel, Pair storage pair) = _load(opening);
        Record memory disputed = _running(id, channel);
        if (block.timestamp < disputed.deadline) revert ChallengeRunning(id, disputed.deadline);
        if (disputed.disputer != Disputer.Nobody) pair.failed = _increment(pair.failed);
        delete _records[id];
        (uint96 balanceA, uint96 balanceB) = _afterPenalties(channel, pair, disputed.balanceA);
        emit DisputeFinalised(id, disputed.version, balanceA, balanceB);
        _payOut(id, opening, channel, pair, balanceA);
    }

    /// @inheritdoc IEntityContracts
    function pairOf(bytes32 scid) external view returns (Pair memory) {
        return _pairs[scid];
    }

    /// @inheritdoc IEntityContracts
    function channelOf(bytes32 channel) external view returns (Channel memory) {
        return _channels[channel];
    }

    /// @inheritdoc IEntityContracts
    function recordOf(bytes32 channel) external view returns (Record memory) {
        return _records[channel];
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
        bytes32 digest = _hashTypedDataV4(scid);
        Signatures.requireSigner(digest, signatureA, terms.partyA);
        Signatures.requireSigner(digest, signatureB, terms.partyB);
        Pair storage pair = _pairs[scid];
        pair.partyA = terms.partyA;
        pair.challengePeriod = terms.challengePeriod;
        pair.disputeLimit = terms.disputeLimit;
        pair.partyB = terms.partyB;
        pair.stalePenalty = terms.stalePenalty;
        pair.metering = terms.metering;
        emit PairCreated(
            scid,
            terms.partyA,
            terms.partyB,
            terms.metering,
            terms.challengePeriod,
            terms.disputeLimit,
            terms.stalePenalty
        );
    }

    function _open(
        ChannelOpen calldata opening,
        Signature calldata signatureA,
        Signature calldata signatureB,
        bytes calldata fundingA,
        bytes calldata fundingB
    ) private returns (bytes32 id) {
        id = opening.hash();
        Pair storage pair = _pairs[opening.scid];
        (address partyA, address partyB) = (pair.partyA, pair.partyB);
        if (partyA == address(0)) revert PairUnknown(opening.scid);
        if (pair.raised >= pair.disputeLimit) revert DisputeLimitReached(opening.scid, pair.raised);
        if (_channels[id].status != ChannelStatus.Unknown) revert ChannelKnown(id);
        if (block.timestamp > opening.openBy) revert OpeningTooLate(id, opening.openBy);
        if (block.timestamp >= opening.expiry) revert ChannelExpired(id, opening.expiry);
        if (opening.fundingA == 0 && opening.fundingB == 0) revert NothingFunded(id);
        bytes32 digest = _hashTypedDataV4(id);
        Signatures.requireSigner(digest, signatureA, partyA);
        Signatures.requireSigner(digest, signatureB, partyB);
        _channels[id] = Channel(ChannelStatus.Open, opening.fundingA, opening.fundingB, 0, 0, false);
        _emitOpened(id, opening);
        _fund(opening, partyA, partyB, fundingA, fundingB);
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

    function _fund(
        ChannelOpen calldata opening,
        address partyA,
        address partyB,
        bytes calldata fundingA,
        bytes calldata fundingB
    ) private {
        if (opening.sourceA == address(0)) {
            _deposit(partyA, opening.fundingA, fundingA);
        } else {
            _reserve(opening.sourceA, opening.noteA, partyA, opening.fundingA, fundingA);
        }
        if (opening.sourceB == address(0)) {
            _deposit(partyB, opening.fundingB, fundingB);
        } else {
            _reserve(opening.sourceB, opening.noteB, partyB, opening.fundingB, fundingB);
        }
    }

    function _deposit(address party, uint96 amount, bytes calldata permit) private {
        _usePermit(party, amount, permit);
        _pull(party, amount);
    }

    /// @dev Only a contract that the factory made is trusted to hold what it says that it reserved.
    function _reserve(address source, bytes32 note, address party, uint96 amount, bytes calldata proof)
        private
    {
        if (!isMerchantContract[source]) revert NotMerchantContract(source);
        IMerchantContract(source).reserve(note, party, amount, proof);
    }

    function _finalise(
        bytes32 id,
        ChannelOpen calldata opening,
        StateBody calldata state,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) private {
        if (!state.isFinal) revert StateNotFinal(state.version);
        Channel memory channel = _channels[id];
        Pair storage pair = _pairs[opening.scid];
        _requireCoSigned(id, channel, pair, state, signatureA, signatureB);
        if (channel.recorded) _overtake(id, channel, pair, state);
        _close(id, opening, channel, pair, state);
    }

    /// @dev A final state may not be older than what the ledger knows, and ends a dispute that runs.
    function _overtake(bytes32 id, Channel memory channel, Pair storage pair, StateBody calldata state)
        private
    {
        Record memory known = _records[id];
        if (state.version < known.version) revert StateTooOld(state.version, known.version);
        if (known.deadline != 0 && state.version > known.version) {
            _answer(id, channel, pair, known, state, 0);
        }
    }

    /// @dev Books the answer to a dispute. A disputer is punished only if `state.base` proves that it held a
    /// newer co-signed state than the one that it disputed with: punishing any older version would let a peer
    /// withhold its countersignature and then collect from an honest party.
    function _answer(
        bytes32 id,
        Channel memory channel,
        Pair storage pair,
        Record memory disputed,
        StateBody calldata state,
        uint40 deadline
    ) private {
        bool stale =
            disputed.disputer != Disputer.Nobody && state.base > disputed.version;
        if (stale) {
            if (disputed.disputer == Disputer.PartyA && channel.staleA < type(uint8).max) ++channel.staleA;
            if (disputed.disputer == Disputer.PartyB && channel.staleB < type(uint8).max) ++channel.staleB;
            pair.stale = _increment(pair.stale);
        }
        if (disputed.disputer != Disputer.Nobody) pair.resolved = _increment(pair.resolved);
        emit DisputeResolved(
            id,
            state.version,
            state.balanceA,
            state.balanceB,
            state.energyToA,
            state.energyToB,
            stale,
            deadline
        );
    }

    function _raise(
        bytes32 id,
        Channel memory channel,
        Pair storage pair,
        uint64 version,
        uint96 balanceA,
        Disputer disputer
    ) private {
        uint40 deadline = uint40(block.timestamp) + pair.challengePeriod;
        if (disputer != Disputer.Nobody) pair.raised = _increment(pair.raised);
        if (!channel.recorded) _channels[id].recorded = true;
        _records[id] = Record(version, balanceA, deadline, disputer);
        uint96 balanceB = channel.fundingA + channel.fundingB - balanceA;
        emit ChannelDisputed(id, disputer, version, balanceA, balanceB, deadline);
    }

    function _close(
        bytes32 id,
        ChannelOpen calldata opening,
        Channel memory channel,
        Pair storage pair,
        StateBody calldata state
    ) private {
        if (channel.recorded) delete _records[id];
        (uint96 balanceA, uint96 balanceB) = _afterPenalties(channel, pair, state.balanceA);
        emit ChannelFinalised(id, state.version, balanceA, balanceB, state.energyToA, state.energyToB);
        _payOut(id, opening, channel, pair, balanceA);
    }

    /// @dev Each stale dispute moves `stalePenalty`, or what is left, to the other side.
    function _afterPenalties(Channel memory channel, Pair storage pair, uint96 balanceA)
        private
        view
        returns (uint96, uint96)
    {
        uint96 balanceB = channel.fundingA + channel.fundingB - balanceA;
        if (channel.staleA == 0 && channel.staleB == 0) return (balanceA, balanceB);
        uint96 fromA = _least(uint256(pair.stalePenalty) * channel.staleA, balanceA);
        uint96 fromB = _least(uint256(pair.stalePenalty) * channel.staleB, balanceB);
        return (balanceA - fromA + fromB, balanceB - fromB + fromA);
    }

    /// @dev Closes the channel and brings each side's money home. The books are done before any token moves.
    function _payOut(
        bytes32 id,
        ChannelOpen calldata opening,
        Channel memory channel,
        Pair storage pair,
        uint96 balanceA
    ) private {
        _channels[id] = Channel(ChannelStatus.Closed, 0, 0, 0, 0, false);
        Leg memory a = Leg(pair.partyA, opening.sourceA, opening.noteA, channel.fundingA);
        Leg memory b = Leg(pair.partyB, opening.sourceB, opening.noteB, channel.fundingB);
        if (balanceA < channel.fundingA) {
            _transferBetween(a, b, channel.fundingA - balanceA);
        } else {
            _transferBetween(b, a, balanceA - channel.fundingA);
        }
    }

    /// @dev Moves `amount` from the payer's funding to the payee and releases the rest of both.
    function _transferBetween(Leg memory payer, Leg memory payee, uint96 amount) private {
        uint96 received;
        if (payer.source == address(0)) {
            received = _spendDeposit(payer, payee, amount);
        } else {
            received = _spendNote(payer, payee, amount);
        }
        if (payee.source == address(0)) {
            _push(payee.party, payee.funding + received, payee.party);
        } else if (payee.funding != 0 || received != 0) {
            _settle(payee, 0, received, address(0), address(0));
        }
    }

    /// @return received what reached the place where the payee's money is; nothing if the token refused, the
    /// payee's session key then has it as a held payout.
    function _spendDeposit(Leg memory payer, Leg memory payee, uint96 amount)
        private
        returns (uint96 received)
    {
        _push(payer.party, payer.funding - amount, payer.party);
        if (payee.source == address(0)) return amount;
        return _push(payee.source, amount, payee.party) ? amount : 0;
    }

    /// @return received as in `_spendDeposit`.
    function _spendNote(Leg memory payer, Leg memory payee, uint96 amount) private returns (uint96 received) {
        if (payer.funding == 0) return 0;
        if (payer.source == payee.source) {
            _settle(payer, amount, 0, address(0), address(0));
            return amount;
        }
        address payTo = payee.source == address(0) ? address(this) : payee.source;
        return _settle(payer, amount, 0, payTo, payee.party) ? amount : 0;
    }

    function _settle(Leg memory leg, uint96 spent, uint96 earned, address payTo, address owedTo)
        private
        returns (bool)
    {
        return IMerchantContract(leg.source)
            .settle(Settlement(leg.note, leg.party, leg.funding, spent, earned, payTo, owedTo));
    }

    function _load(ChannelOpen calldata opening)
        private
        view
        returns (bytes32 id, Channel memory channel, Pair storage pair)
    {
        id = opening.hash();
        channel = _channels[id];
        if (channel.status != ChannelStatus.Open) revert ChannelNotOpen(id);
        pair = _pairs[opening.scid];
    }

    function _running(bytes32 id, Channel memory channel) private view returns (Record memory disputed) {
        if (channel.recorded) disputed = _records[id];
        if (disputed.deadline == 0) revert NoDispute(id);
    }

    function _requireUndisputed(bytes32 id, Channel memory channel, uint64 version) private view {
        if (!channel.recorded) return;
        Record memory known = _records[id];
        if (known.deadline != 0) revert DisputeRunning(id, known.deadline);
        if (version < known.version) revert StateTooOld(version, known.version);
    }

    function _requireCoSigned(
        bytes32 id,
        Channel memory channel,
        Pair storage pair,
        StateBody calldata state,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) private view {
        uint256 sum = uint256(state.balanceA) + state.balanceB;
        uint256 funding = uint256(channel.fundingA) + channel.fundingB;
        if (sum != funding) revert WrongBalances(sum, funding);
        bytes32 digest = _hashTypedDataV4(state.hash(id));
        Signatures.requireSigner(digest, signatureA, pair.partyA);
        Signatures.requireSigner(digest, signatureB, pair.partyB);
    }

    /// @dev Both signatures under a state are in both sides' hands, so they can't tell who disputes: the
    /// disputer says so itself, as the sender or by a signature.
    function _disputer(bytes32 id, uint64 version, Pair storage pair, bytes calldata consent)
        private
        view
        returns (Disputer)
    {
        address account = msg.sender;
        if (consent.length != 0) {
            account = Signatures.recover(_hashTypedDataV4(TypedData.disputeRequest(id, version)), consent);
        }
        if (account == pair.partyA) return Disputer.PartyA;
        if (account == pair.partyB) return Disputer.PartyB;
        revert NotParty(account);
    }

    function _increment(uint16 count) private pure returns (uint16) {
        return count == type(uint16).max ? count : count + 1;
    }

    function _least(uint256 x, uint96 y) private pure returns (uint96) {
        // casting to 'uint96' is safe because the value is below a 96-bit one
        // forge-lint: disable-next-line(unsafe-typecast)
        return x < y ? uint96(x) : y;
    }
}
