// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMerchantClaims} from "./IMerchantClaims.sol";
import {Signature} from "../libraries/Signatures.sol";
import {CreditAgreement} from "../libraries/TypedData.sol";

/// @notice Where a merchant contract's tokens belong: `tokens = free + reserved + earnings + collateral`.
/// @dev 64 bits each, so that all four share one storage slot: 1.8e13 coins of six decimals.
struct Treasury {
    uint64 free; // the merchant's own, not bound to any channel
    uint64 reserved; // the merchant's own, bound to open channels of its notes
    uint64 earnings; // owed to holders of notes and to payees whose push failed
    uint64 collateral; // the participants'
}

/// @notice A credit note's account. Its amount is `available + reserved + max(0, -position)`.
struct NoteAccount {
    uint64 available; // what further channels may reserve
    uint64 reserved; // funding of open channels
    int64 position; // earned less spent less withdrawn: above zero the holder's money, below zero its debt
    uint32 validUntil; // a note without end is cut at 2^32-1, in the year 2106
    uint32 lastSettled;
}

/// @notice A participant's standing under one credit agreement.
struct Agreement {
    address participant;
    uint64 validUntil;
    uint32 paymentTerm;
    uint96 creditLimit;
    uint64 collateral;
    uint64 paid; // towards debts under the agreement, and not yet set against a note by a claim
    bool ended; // the merchant released the collateral
}

/// @title A merchant's contract (the paper's MSC)
/// @notice Holds the treasury that honours the merchant's credit notes, and the participants' collateral.
interface IMerchantContract is IMerchantClaims {
    event TreasuryDeposited(address indexed from, uint256 amount);
    event TreasuryWithdrawn(address indexed to, uint256 amount);
    event AgreementInitialised(
        bytes32 indexed sid,
        address indexed participant,
        uint96 creditLimit,
        uint96 collateral,
        uint32 billingPeriod,
        uint32 paymentTerm,
        uint64 validUntil,
        bytes32 documentsHash
    );
    event CollateralToppedUp(bytes32 indexed sid, address indexed from, uint96 amount, uint96 collateral);
    event CollateralReleased(bytes32 indexed sid);
    event CollateralWithdrawn(bytes32 indexed sid, address indexed participant, uint96 amount);
    event DebtPaid(bytes32 indexed sid, address indexed from, uint96 amount, uint96 paid);
    event NoteAdmitted(bytes32 indexed serial, address indexed holder, uint96 amount, uint64 validUntil);
    event NoteReserved(bytes32 indexed serial, uint96 amount);
    /// @notice A channel of the note closed: `released` is bound no more, `gain` is earned (or spent, if negative).
    event NoteSettled(bytes32 indexed serial, uint96 released, int96 gain);
    event EarningsWithdrawn(
        bytes32 indexed serial, address indexed holder, address indexed to, uint96 amount
    );

    error NotMerchant(address caller);
    error NotRegistry(address caller);
    error AgreementKnown(bytes32 sid);
    error AgreementUnknown(bytes32 sid);
    error AgreementExpired(bytes32 sid, uint64 validUntil);
    error AgreementEnded(bytes32 sid);
    /// @notice A debt would be due in the block in which it is settled.
    error NoPaymentTerm(bytes32 sid);
    error CollateralLocked(bytes32 sid, uint256 until);
    error NothingToWithdraw();
    error TreasuryShort(uint256 free, uint256 wanted);
    error NoteExpired(bytes32 serial, uint64 validUntil);
    error NoteExhausted(bytes32 serial, uint256 available, uint256 wanted);
    /// @notice A note's first use carries `abi.encode(amount, validUntil, r, vs)`: 128 bytes.
    error WrongNoteProofLength(bytes32 serial, uint256 length);

    /// @notice Puts tokens of the sender into the treasury.
    /// @param permit empty, or `abi.encode(deadline, r, vs)` of an ERC-2612 permit.
    function depositTreasury(uint96 amount, bytes calldata permit) external;

    /// @notice Takes out of the treasury's free part; merchant only.
    function withdrawTreasury(address to, uint96 amount) external;

    /// @notice Starts an agreement and moves its collateral (msc-init, msc-funding, msc-success).
    /// @param participantSignature empty if the participant sends it itself, else its own signature over the
    /// same agreement.
    /// @param permit empty, or `abi.encode(deadline, r, vs)` of the participant's permit of the collateral.
    function initialise(
        CreditAgreement calldata agreement,
        Signature calldata merchantSignature,
        bytes calldata participantSignature,
        bytes calldata permit
    ) external returns (bytes32 sid);

    /// @notice Adds collateral out of the tokens of `from`.
    /// @param signature empty if `from` sends it, else its signature over
    /// `CollateralTopUp(sid, from, amount, nonce)`: a permit alone doesn't say for which agreement it is.
    function topUpCollateral(
        bytes32 sid,
        address from,
        uint96 amount,
        bytes calldata signature,
        bytes calldata permit
    ) external;

    /// @notice Pays `amount` of the tokens of `from` towards the debts under an agreement.
    /// @param signature empty if `from` sends it, else its signature over `DebtPayment(sid, from, amount, nonce)`.
    function pay(bytes32 sid, address from, uint96 amount, bytes calldata signature, bytes calldata permit)
        external;

    /// @notice Frees an agreement's collateral before its time, and drops a claim that is open.
    /// @param merchantSignature empty if the merchant sends it, else its signature over `CollateralRelease`.
    function releaseCollateral(bytes32 sid, bytes calldata merchantSignature) external;

    /// @notice Returns the collateral to the participant: once released, or with no claim open from
    /// `collateralLockedUntil` on.
    function withdrawCollateral(bytes32 sid) external;

    /// @notice Sends what the note's holder earned beyond the note's own spending to `to`.
    /// @param signature empty if the holder sends it, else its signature over `EarningsWithdrawal`.
    function withdrawEarnings(bytes32 serial, address holder, address to, bytes calldata signature) external;

    /// @notice Binds `amount` of the treasury to a channel; registry only.
    /// @param proof `abi.encode(amount, validUntil, r, vs)` of the note with the merchant's signature; not
    /// looked at once the note is known.
    function reserve(bytes32 serial, address holder, uint96 amount, bytes calldata proof) external;

    /// @notice Books a closed channel between two notes of this merchant; registry only. No token moves.
    function settleBoth(
        bytes32 payerSerial,
        address payer,
        uint96 payerReleased,
        bytes32 payeeSerial,
        address payee,
        uint96 payeeReleased,
        uint96 amount
    ) external;

    /// @notice Books a closed channel whose payee's money lies elsewhere, and sends `spent`; registry only.
    /// @param payTo where the payee's money is booked: another merchant's contract, or the registry.
    /// @param owedTo the payee, who may claim `spent` here if the token refuses `payTo`.
    /// @return sent false if the token refused.
    function settlePayer(
        bytes32 serial,
        address holder,
        uint96 released,
        uint96 spent,
        address payTo,
        address owedTo
    ) external returns (bool sent);

    /// @notice Books a closed channel whose payer's money has just been sent here; registry only.
    function settlePayee(bytes32 serial, address holder, uint96 released, uint96 earned) external;

    function merchant() external view returns (address);
    function registry() external view returns (address);
    function treasury() external view returns (Treasury memory);
    function agreementOf(bytes32 sid) external view returns (Agreement memory);
    function noteOf(bytes32 serial, address holder) external view returns (NoteAccount memory);
}
