// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {TokenPayouts} from "./TokenPayouts.sol";
import {IChannelFacts} from "./interfaces/IChannelFacts.sol";
import {Channel, ChannelStatus, DisputeCounts, Disputer, Record} from "./interfaces/IEntityContracts.sol";
import {ChannelWords} from "./libraries/ChannelWords.sol";
import {Packing} from "./libraries/Packing.sol";
import {Signature, Signatures} from "./libraries/Signatures.sol";
import {ChannelOpen, EntityContract, StateBody, TypedData} from "./libraries/TypedData.sol";

/// @title What the registry keeps of pairs, channels and disputes, and how it is proven, read and written
/// @dev Terms and opening come with every call; the hash of the terms is in the opening, and the opening's
/// hash is the channel's id, so neither can be another channel's. The ledger keeps one word for each open
/// channel, and one more if it knows more of it than its opening.
///
/// The registry and its extension both act on this storage: all of it is declared here and nowhere else.
abstract contract ChannelBooks is IChannelFacts, TokenPayouts {
    using ChannelWords for uint256;
    using Packing for DisputeCounts;
    using Packing for Record;
    using TypedData for ChannelOpen;
    using TypedData for EntityContract;
    using TypedData for StateBody;

    mapping(address source => bool) internal _merchantContracts;
    mapping(bytes32 scid => uint256) internal _disputes; // packed DisputeCounts
    mapping(bytes32 channel => uint256) internal _channels; // packed Channels
    mapping(bytes32 channel => uint256) internal _records; // packed Records
    mapping(bytes32 channel => bytes32) internal _funded; // `_fact` of the newest change of funding
    mapping(bytes32 channel => bytes32 leaf) internal _enforced; // trade and seller of an enforced record
    mapping(bytes32 trade => uint256) internal _delivered; // which record knows of the trade's delivery

    constructor(IERC20 token_) TokenPayouts(token_) {}

    function _load(EntityContract calldata terms, ChannelOpen calldata opening)
        internal
        view
        returns (bytes32 id, uint256 channel)
    {
        id = opening.hash();
        channel = _channels[id];
        if (!channel.isOpen()) revert ChannelNotOpen(id);
        bytes32 scid = terms.hash();
        if (scid != opening.scid) revert WrongTerms(scid, opening.scid);
    }

    /// @dev The newest state that the ledger knows; without any it is the opening, version 0.
    function _known(bytes32 id, uint256 channel) internal view returns (Record memory) {
        if (channel.recorded()) return Packing.unpackRecord(_records[id]);
        return Record(0, channel.fundingA(), 0, Disputer.Nobody, 0, 0, false, false);
    }

    function _requireCoSigned(
        bytes32 id,
        uint256 channel,
        EntityContract calldata terms,
        StateBody calldata state,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) internal view {
        uint256 sum = _sum(state.balanceA, state.balanceB);
        uint256 funding = _sum(channel.fundingA(), channel.fundingB());
        if (sum != funding) revert WrongBalances(sum, funding);
        _requireBoth(state.hash(id), terms, signatureA, signatureB);
    }

    /// @dev As `_requireCoSigned`, but what the ledger knows by itself needs no signatures: the opening, or
    /// what the newest change of funding left. Neither has a ChannelState that anybody signed.
    function _requireProven(
        bytes32 id,
        uint256 channel,
        EntityContract calldata terms,
        StateBody calldata state,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) internal view {
        if (state.isFinal) revert StateIsFinal(state.version);
        bytes32 known = _funded[id];
        if (known == 0) known = _fact(0, channel.fundingA(), channel.fundingB(), 0);
        if (_fact(state.version, state.balanceA, state.balanceB, state.tradesRoot) == known) return;
        _requireCoSigned(id, channel, terms, state, signatureA, signatureB);
    }

    function _requireBoth(
        bytes32 structHash,
        EntityContract calldata terms,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) internal view {
        bytes32 digest = _hashTypedDataV4(structHash);
        Signatures.requireSigner(digest, signatureA.r, signatureA.vs, terms.partyA);
        Signatures.requireSigner(digest, signatureB.r, signatureB.vs, terms.partyB);
    }

    function _requireRunning(bytes32 id, Record memory record) internal view {
        if (record.deadline == 0) revert NoDispute(id);
        if (block.timestamp >= record.deadline) revert ChallengeOver(id, record.deadline);
    }

    function _requireNoDispute(bytes32 id, Record memory record) internal pure {
        if (record.deadline != 0) revert DisputeRunning(id, record.deadline);
    }

    /// @dev A co-signed state of the same version beats what the ledger computed from an accepted offer.
    function _beats(StateBody calldata state, Record memory record) internal pure returns (bool) {
        return state.version > record.version || (record.enforced && state.version == record.version);
    }

    /// @dev Books that a running dispute was answered. A disputer is punished only if `state.base` proves that
    /// it held a newer co-signed state than the one that it disputed with: punishing any older version would
    /// let a peer withhold its countersignature and then collect from an honest party.
    function _settleDispute(Record memory record, bytes32 scid, StateBody calldata state)
        internal
        returns (bool stale)
    {
        if (record.disputer == Disputer.Nobody) return false;
        // Of an enforced offer its disputer held the version below. And only a state above the record's is
        // proven to be co-signed with its base.
        stale = state.version > record.version
            && (state.base > record.version || (record.enforced && state.base == record.version));
        DisputeCounts memory counts = Packing.unpackCounts(_disputes[scid]);
        ++counts.resolved;
        if (stale) ++counts.stale;
        _disputes[scid] = counts.pack();
        if (stale) _blame(record);
    }

    function _blame(Record memory record) internal pure {
        if (record.disputer == Disputer.PartyA) {
            if (record.staleA < type(uint8).max) ++record.staleA;
        } else if (record.staleB < type(uint8).max) {
            ++record.staleB;
        }
    }

    function _start(bytes32 id, uint256 channel, Record memory record, EntityContract calldata terms)
        internal
    {
        record.deadline = uint40(block.timestamp) + terms.challengePeriod;
        if (record.disputer != Disputer.Nobody) {
            bytes32 scid = terms.hash();
            DisputeCounts memory counts = Packing.unpackCounts(_disputes[scid]);
            ++counts.raised;
            _disputes[scid] = counts.pack();
        }
        _store(id, channel, record);
    }

    function _store(bytes32 id, uint256 channel, Record memory record) internal {
        _records[id] = record.pack();
        if (!channel.recorded()) {
            _channels[id] = channel.nowRecorded();
        }
    }

    function _total(uint256 channel) internal pure returns (uint96) {
        return channel.fundingA() + channel.fundingB();
    }

    /// @dev In 256 bits, which two of 96 bits can't exceed.
    function _sum(uint96 x, uint96 y) internal pure returns (uint256) {
        unchecked {
            return uint256(x) + y;
        }
    }

    function _fact(uint64 version, uint96 balanceA, uint96 balanceB, bytes32 tradesRoot)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(version, balanceA, balanceB, tradesRoot));
    }

    function _least(uint256 x, uint96 y) internal pure returns (uint96) {
        // casting to 'uint96' is safe because the value is below a 96-bit one
        // forge-lint: disable-next-line(unsafe-typecast)
        return x < y ? uint96(x) : y;
    }
}
