// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Channel, ChannelStatus, DisputeCounts, Disputer, IChannelFacts, Record} from "./IChannelFacts.sol";
import {IRegistryExtension} from "./IRegistryExtension.sol";
import {Signature} from "../libraries/Signatures.sol";
import {ChannelOpen, EntityContract, StateBody} from "../libraries/TypedData.sol";

/// @notice One channel of a batch of cooperative closes.
struct Closing {
    EntityContract terms;
    ChannelOpen opening;
    StateBody state;
    Signature signatureA;
    Signature signatureB;
}

/// @title Pairs, their channels and disputes: the part that every channel uses
interface IChannels is IChannelFacts {
    /// @notice Makes a pair (sc-init ... sc-success).
    function create(
        EntityContract calldata terms,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) external returns (bytes32 scid);

    /// @notice Opens a channel and funds both sides (open-request ... open-success).
    /// @param fundingA for a deposit: empty (an allowance is there) or a permit, `abi.encode(deadline, r, vs)`;
    /// for a note: empty (the note is known) or `abi.encode(amount, validUntil, r, vs)` of the note.
    function openChannel(
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        Signature calldata signatureA,
        Signature calldata signatureB,
        bytes calldata fundingA,
        bytes calldata fundingB
    ) external returns (bytes32 channel);

    /// @notice Makes the pair, unless it is there already, and opens its channel in one transaction.
    function createAndOpen(
        EntityContract calldata terms,
        Signature calldata termsA,
        Signature calldata termsB,
        ChannelOpen calldata opening,
        Signature calldata signatureA,
        Signature calldata signatureB,
        bytes calldata fundingA,
        bytes calldata fundingB
    ) external returns (bytes32 channel);

    /// @notice Closes by a co-signed final state, at once.
    function finalise(
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        StateBody calldata state,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) external;

    /// @notice Closes many channels; those that are not open (any more) are passed over.
    function finaliseMany(Closing[] calldata closings) external;

    /// @notice Starts the challenge period with a co-signed state.
    /// @param consent empty if a party sends it, else a party's signature over `DisputeRequest`.
    function dispute(
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        StateBody calldata state,
        Signature calldata signatureA,
        Signature calldata signatureB,
        bytes calldata consent
    ) external;

    /// @notice Starts the challenge period with what the ledger itself knows: version 0, or the state of an
    /// earlier dispute. After the channel's expiry anyone may, and nobody is to blame.
    /// @param consent as in `dispute`; not looked at after the expiry.
    function disputeKnown(EntityContract calldata terms, ChannelOpen calldata opening, bytes calldata consent)
        external;

    /// @notice Answers a dispute by a newer co-signed state. The channel goes on; if the state is final it
    /// closes, and after its expiry the newer state takes the disputed one's place.
    function resolve(
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        StateBody calldata state,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) external;

    /// @notice Pays out the disputed state after the challenge period.
    function finaliseDisputed(EntityContract calldata terms, ChannelOpen calldata opening) external;

    /// @notice Lets a merchant contract fund channels; factory only.
    function admitMerchant(address source) external;

    function factory() external view returns (address);

    /// @notice The code behind `IRegistryExtension`.
    function extension() external view returns (address);

    function isMerchantContract(address source) external view returns (bool);
    function disputesOf(bytes32 scid) external view returns (DisputeCounts memory);
    function channelOf(bytes32 channel) external view returns (Channel memory);
    function recordOf(bytes32 channel) external view returns (Record memory);
}

/// @title Pairs, their channels and disputes (the paper's ESC)
interface IEntityContracts is IChannels, IRegistryExtension {}
