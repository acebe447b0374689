// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Signature} from "../libraries/Signatures.sol";
import {ChangeBody, ChannelOpen, EntityContract, OfferBody, StateBody} from "../libraries/TypedData.sol";

/// @notice A trade that both sides signed and what its meter says of it.
struct MeteredTrade {
    OfferBody offer;
    bool sellerIsB;
    uint64 deliveredWh;
    Signature metering; // the metering operator's, over `Delivery`
    bytes32 historyRoot;
    bytes openList; // the open trades of the state, 33 bytes each: trade, seller (0 for A, 1 for B)
    uint256 position; // of the trade in `openList`
}

/// @title The registry's rarely used part; called at the registry
interface IRegistryExtension {
    /// @notice Records a co-signed state without a dispute, so that nothing older can be disputed with.
    function checkpoint(
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        StateBody calldata state,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) external;

    /// @notice Settles an open channel at its balances and funds it anew: a top-up, a withdrawal, or both.
    /// @param fundingA of a deposit that grows: empty or a permit of the difference; of a note: empty.
    function changeFunding(
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        ChangeBody calldata change,
        Signature calldata signatureA,
        Signature calldata signatureB,
        bytes calldata fundingA,
        bytes calldata fundingB
    ) external;

    /// @notice Executes an accepted offer whose offeror signs no next state, and disputes with what it gives:
    /// version `offer.baseVersion + 1`. A co-signed state of this or of a higher version beats it.
    /// @param state the offer's base. Its signatures are not looked at if the ledger knows it by itself: the
    /// opening (version 0), or what the newest change of funding left.
    function enforceOffer(
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        StateBody calldata state,
        Signature calldata signatureA,
        Signature calldata signatureB,
        OfferBody calldata offer,
        Signature calldata offerorSignature,
        Signature calldata acceptorSignature
    ) external;

    /// @notice While a dispute runs: moves the refund of what a trade's seller did not deliver.
    /// @param state the disputed state, or the base of the enforced offer, of which the trade is an open one;
    /// not looked at for the enforced trade itself. Its signatures as in `enforceOffer`.
    function enforceDelivery(
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        StateBody calldata state,
        Signature calldata signatureA,
        Signature calldata signatureB,
        MeteredTrade calldata metered
    ) external;
}
