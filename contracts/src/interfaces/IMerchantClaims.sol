// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Signature} from "../libraries/Signatures.sol";

/// @notice A participant's receipt of a note: `NoteReceipt(sid, serial, holder, amount)` by its root key.
struct Receipt {
    bytes32 serial;
    address holder;
    uint96 amount;
    Signature signature;
}

/// @notice A note under a claim, and what was due of it when the claim started.
struct ClaimedNote {
    bytes32 serial;
    address holder;
    uint64 due;
}

/// @notice A claim that waits for its window to pass; all zero if there is none.
struct Claim {
    bytes32 notes; // hash of the ClaimedNotes
    uint64 due; // in all
    uint64 deadline; // the participant may pay until then
}

/// @title Claims of a merchant against an agreement's collateral, and changes of what it granted
/// @notice Each is the merchant's, as the sender or by its signature with the nonce of `nonces(merchant)`,
/// except `executeClaim`, which anybody may send.
interface IMerchantClaims {
    event ClaimStarted(bytes32 indexed sid, uint96 due, uint64 deadline);
    /// @notice The claim is about this note too; the link to its agreement is public from now on.
    event NoteClaimed(bytes32 indexed sid, bytes32 indexed serial, address indexed holder, uint96 due);
    /// @notice `moved` went from the collateral to the merchant, `paid` out of earlier payments; `remaining` is
    /// still owed of what was claimed.
    event ClaimExecuted(bytes32 indexed sid, uint96 moved, uint96 paid, uint96 remaining);
    event ClaimCancelled(bytes32 indexed sid);
    /// @notice A claim paid `amount` of the note's debt.
    event NoteRepaid(bytes32 indexed serial, bytes32 indexed sid, uint96 amount);
    event NoteCancelled(bytes32 indexed serial, address indexed holder);
    event LimitChanged(bytes32 indexed sid, uint96 creditLimit);
    /// @notice Notes of the agreement are still in use or owed: its collateral stays until `until` at least.
    event CollateralHeld(bytes32 indexed sid, uint256 until);

    error ClaimOpen(bytes32 sid, uint64 deadline);
    error NoClaim(bytes32 sid);
    error ClaimWindowOpen(bytes32 sid, uint64 deadline);
    error OtherNotesClaimed(bytes32 sid);
    error NothingDue(bytes32 sid, uint256 due, uint256 paid);
    error ReceiptsNotAscending(bytes32 account, bytes32 last);
    error AgreementRuns(bytes32 sid, uint64 validUntil);

    /// @notice Claims what is due of the notes, by the participant's own receipts of them. Debt of a note is
    /// due `paymentTerm` after the later of its end and its last settlement, and at the latest `paymentTerm`
    /// after the agreement's end. The participant has `paymentTerm` to `pay`.
    /// @param receipts in ascending order of `keccak256(abi.encode(serial, holder))`. Notes that are not due
    /// count nothing.
    /// @param merchantSignature empty if the merchant sends it, else its signature over
    /// `ClaimStart(sid, accounts, nonce)`, the accounts being those hashes.
    function startClaim(bytes32 sid, Receipt[] calldata receipts, bytes calldata merchantSignature) external;

    /// @notice After the window, pays what is still owed of the claimed notes: first out of what was paid, then
    /// out of the collateral. What the collateral doesn't cover remains the notes' debt.
    /// @param notes as the `NoteClaimed` events told them, in their order.
    function executeClaim(bytes32 sid, ClaimedNote[] calldata notes) external;

    /// @notice Drops the claim that is open.
    /// @param merchantSignature empty, or over `ClaimCancellation(sid, nonce)`.
    function cancelClaim(bytes32 sid, bytes calldata merchantSignature) external;

    /// @notice Keeps the collateral for two more terms, because notes of the ended agreement still fund
    /// channels or are owed. May be repeated as long as that is so.
    /// @param merchantSignature empty, or over `CollateralHold(sid, accounts, nonce)`.
    function holdCollateral(bytes32 sid, Receipt[] calldata receipts, bytes calldata merchantSignature)
        external;

    /// @notice Says up to what the merchant issues notes under an agreement from now on.
    /// @param merchantSignature empty, or over `LimitChange(sid, creditLimit, nonce)`.
    function changeLimit(bytes32 sid, uint96 creditLimit, bytes calldata merchantSignature) external;

    /// @notice Ends a note now: no further channel can be funded by it. Open ones stay funded, so that their
    /// payees are paid, and what it earned stays its holder's.
    /// @param merchantSignature empty, or over `NoteCancellation(serial, holder, nonce)`.
    function cancelNote(bytes32 serial, address holder, bytes calldata merchantSignature) external;

    function claimOf(bytes32 sid) external view returns (Claim memory);

    /// @notice Last second at which the collateral can't be withdrawn without the merchant's release; 0 after
    /// it was released. An open claim locks it beyond.
    function collateralLockedUntil(bytes32 sid) external view returns (uint256);
}
