// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice Who has a running dispute open.
enum Disputer {
    Nobody,
    PartyA,
    PartyB
}

/// @notice A closed channel's slot is given back once its opening can't be replayed (`openBy` is past), so
/// `Unknown` is also the end of most channels; `ChannelFinalised` and `DisputeFinalised` tell.
enum ChannelStatus {
    Unknown,
    Open,
    Closed
}

/// @notice What the ledger keeps of a pair. Its terms are in the pair's id, their hash: callers bring them
/// along, as they do a channel's opening.
struct DisputeCounts {
    bool created;
    uint32 raised;
    uint32 resolved;
    uint32 failed;
    uint32 stale;
}

/// @notice A channel. All else about it is in its `ChannelOpen`, whose hash is the channel's id: callers
/// bring it along, which is cheaper than keeping it.
struct Channel {
    ChannelStatus status;
    bool recorded; // the ledger knows more than the opening: see `Record`
    uint96 fundingA;
    uint96 fundingB;
}

/// @notice The newest state that the ledger knows of a channel.
struct Record {
    uint64 version;
    uint96 balanceA;
    uint40 deadline; // end of the challenge period; zero while no dispute runs
    Disputer disputer;
    uint8 staleA; // stale disputes that A has to answer for when the channel closes
    uint8 staleB;
    bool enforced; // computed by the ledger from an accepted offer, not co-signed
    bool refunded; // `enforceDelivery` has changed the balances since the version was recorded
}

/// @title What the registry tells and why it refuses
interface IChannelFacts {
    event PairCreated(
        bytes32 indexed scid,
        address indexed partyA,
        address indexed partyB,
        address metering,
        uint32 challengePeriod,
        uint16 disputeLimit,
        uint96 stalePenalty,
        bytes32 nonce
    );
    event ChannelOpened(
        bytes32 indexed channel,
        bytes32 indexed scid,
        uint64 index,
        uint96 fundingA,
        uint96 fundingB,
        address sourceA,
        bytes32 noteA,
        address sourceB,
        bytes32 noteB,
        uint64 openBy,
        uint64 expiry
    );
    /// @notice Closed by both sides' word. The balances are the payouts, after stale penalties.
    event ChannelFinalised(
        bytes32 indexed channel,
        uint64 version,
        uint96 balanceA,
        uint96 balanceB,
        uint64 energyToA,
        uint64 energyToB
    );
    event ChannelDisputed(
        bytes32 indexed channel,
        Disputer disputer,
        uint64 version,
        uint96 balanceA,
        uint96 balanceB,
        uint64 deadline
    );
    /// @notice A newer state took the disputed one's place. `deadline` is zero if the channel goes on.
    event DisputeResolved(
        bytes32 indexed channel, uint64 version, uint96 balanceA, uint96 balanceB, bool stale, uint64 deadline
    );
    /// @notice Closed because the challenge period ended. The balances are the payouts, after penalties.
    event DisputeFinalised(bytes32 indexed channel, uint64 version, uint96 balanceA, uint96 balanceB);
    /// @notice The ledger knows a newer co-signed state; nothing older can be disputed with.
    event ChannelCheckpointed(bytes32 indexed channel, uint64 version, uint96 balanceA, uint96 balanceB);
    /// @notice Settled at the balances and funded anew; the fundings are the channel's balances from now on.
    event FundingChanged(
        bytes32 indexed channel,
        uint64 version,
        uint96 balanceA,
        uint96 balanceB,
        uint96 fundingA,
        uint96 fundingB
    );
    /// @notice An accepted offer was executed by the ledger, and a dispute runs with the state that it gives.
    event OfferEnforced(
        bytes32 indexed channel,
        bytes32 indexed trade,
        uint64 version,
        uint96 balanceA,
        uint96 balanceB,
        uint64 deadline
    );
    /// @notice The disputed state's balances changed by the refund of what a meter didn't see.
    event DeliveryEnforced(
        bytes32 indexed channel,
        bytes32 indexed trade,
        uint64 deliveredWh,
        uint96 refund,
        uint96 balanceA,
        uint96 balanceB
    );
    event MerchantAdmitted(address indexed source);

    error NotFactory(address caller);
    /// @notice The extension is no contract, or one for another token.
    error UnfitExtension(address extension);
    error UnfitTerms(bytes32 scid);
    error PairKnown(bytes32 scid);
    error PairUnknown(bytes32 scid);
    /// @notice The opening is another pair's.
    error WrongTerms(bytes32 scid, bytes32 expected);
    error DisputeLimitReached(bytes32 scid, uint32 raised);
    error ChannelKnown(bytes32 channel);
    error ChannelNotOpen(bytes32 channel);
    error OpeningTooLate(bytes32 channel, uint64 openBy);
    error ChannelExpired(bytes32 channel, uint64 expiry);
    error NothingFunded(bytes32 channel);
    error NotMerchantContract(address source);
    error StateNotFinal(uint64 version);
    /// @notice A co-signed final state closes the channel at once: send it to `finalise`.
    error StateIsFinal(uint64 version);
    error WrongBalances(uint256 sum, uint256 funding);
    /// @notice The ledger already knows a state of this version or of a newer one.
    error StateTooOld(uint64 version, uint64 known);
    error DisputeRunning(bytes32 channel, uint64 deadline);
    error NoDispute(bytes32 channel);
    error ChallengeOver(bytes32 channel, uint64 deadline);
    error ChallengeRunning(bytes32 channel, uint64 deadline);
    error ChangeTooLate(bytes32 channel, uint64 validUntil);
    /// @notice The token refused to move what one side owes the other; the channel stays as it was.
    error ChangeNotSettled(bytes32 channel);
    error OfferTooLate(bytes32 trade, uint64 validUntil);
    /// @notice The offer is on another version than the state that was shown.
    error WrongBase(uint64 version, uint64 expected);
    error BuyerShort(uint96 balance, uint256 amount);
    /// @notice The trade is not among the open ones of the disputed state.
    error TradeNotOpen(bytes32 trade);
    /// @notice The history root and the list of open trades are not those of the state.
    error WrongTrades(bytes32 tradesRoot, bytes32 expected);
    error DeliveryKnown(bytes32 trade);
    error DeliveredTooMuch(uint64 deliveredWh, uint64 quantityWh);
    /// @notice Neither sent nor signed by a party of the channel.
    error NotParty(address account);
}
