// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Signature} from "../libraries/Signatures.sol";
import {ChannelOpen, EntityContract, StateBody} from "../libraries/TypedData.sol";

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
}

/// @notice One channel of a batch of cooperative closes.
struct Closing {
    EntityContract terms;
    ChannelOpen opening;
    StateBody state;
    Signature signatureA;
    Signature signatureB;
}

/// @title Pairs, their channels and disputes (the paper's ESC)
interface IEntityContracts {
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
    event MerchantAdmitted(address indexed source);

    error NotFactory(address caller);
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
    /// @notice Neither sent nor signed by a party of the channel.
    error NotParty(address account);

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
    function isMerchantContract(address source) external view returns (bool);
    function disputesOf(bytes32 scid) external view returns (DisputeCounts memory);
    function channelOf(bytes32 channel) external view returns (Channel memory);
    function recordOf(bytes32 channel) external view returns (Record memory);
}
