// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {TokenPayouts} from "./TokenPayouts.sol";
import {Claim, ClaimedNote, IMerchantClaims, Receipt} from "./interfaces/IMerchantClaims.sol";
import {Agreement, IMerchantContract, NoteAccount, Treasury} from "./interfaces/IMerchantContract.sol";
import {Packing} from "./libraries/Packing.sol";
import {Signature, Signatures} from "./libraries/Signatures.sol";
import {CreditAgreement, TypedData} from "./libraries/TypedData.sol";

/// @title The credit agreements of a merchant's contract, their collateral, and claims against it
/// @notice What links a note to an agreement is known to merchant and participant alone, until the merchant
/// claims: then the participant's own receipts are the proof. A claim moves no more than what was due when it
/// started, is still owed when it is executed, and lies in the agreement's collateral.
abstract contract MerchantAgreements is IMerchantContract, TokenPayouts {
    using SafeCast for int256;
    using SafeCast for uint256;
    using SafeERC20 for IERC20;
    using Packing for NoteAccount;
    using Packing for Treasury;
    using TypedData for CreditAgreement;

    /// @inheritdoc IMerchantContract
    address public immutable merchant;

    uint256 internal _treasury; // a packed Treasury
    mapping(bytes32 account => uint256) internal _notes; // packed NoteAccounts by serial and holder
    mapping(bytes32 sid => Agreement) private _agreements;
    mapping(bytes32 sid => Claim) private _claims;
    mapping(bytes32 sid => uint256) private _heldUntil;

    constructor(address merchant_) {
        merchant = merchant_;
    }

    /// @inheritdoc IMerchantContract
    function initialise(
        CreditAgreement calldata agreement,
        Signature calldata merchantSignature,
        bytes calldata participantSignature,
        bytes calldata permit
    ) external nonReentrant returns (bytes32 sid) {
        sid = agreement.hash();
        if (_agreements[sid].participant != address(0)) revert AgreementKnown(sid);
        if (block.timestamp > agreement.validUntil) revert AgreementExpired(sid, agreement.validUntil);
        // Without a term a debt would be due in the block in which it is settled.
        if (agreement.paymentTerm == 0) revert NoPaymentTerm(sid);
        bytes32 digest = _hashTypedDataV4(sid);
        Signatures.requireSigner(digest, merchantSignature, merchant);
        if (msg.sender != agreement.participant) {
            Signatures.requireSigner(digest, Signatures.read(participantSignature), agreement.participant);
        }
        _start(sid, agreement);
        _usePermit(agreement.participant, agreement.collateral, permit);
        _pull(agreement.participant, agreement.collateral);
    }

    /// @inheritdoc IMerchantContract
    function topUpCollateral(
        bytes32 sid,
        address from,
        uint96 amount,
        bytes calldata signature,
        bytes calldata permit
    ) external nonReentrant {
        Agreement storage agreement = _running(sid);
        _requireConsent(from, TypedData.collateralTopUp(sid, from, amount, nonces(from)), signature);
        _usePermit(from, amount, permit);
        agreement.collateral += _book(amount);
        Treasury memory books = _books();
        books.collateral += _book(amount);
        _treasury = books.pack();
        emit CollateralToppedUp(sid, from, amount, agreement.collateral);
        _pull(from, amount);
    }

    /// @inheritdoc IMerchantContract
    function pay(bytes32 sid, address from, uint96 amount, bytes calldata signature, bytes calldata permit)
        external
        nonReentrant
    {
        Agreement storage agreement = _known(sid);
        _requireConsent(from, TypedData.debtPayment(sid, from, amount, nonces(from)), signature);
        _usePermit(from, amount, permit);
        agreement.paid += _book(amount);
        Treasury memory books = _books();
        books.free += _book(amount);
        _treasury = books.pack();
        emit DebtPaid(sid, from, amount, agreement.paid);
        _pull(from, amount);
    }

    /// @inheritdoc IMerchantContract
    function releaseCollateral(bytes32 sid, bytes calldata merchantSignature) external {
        Agreement storage agreement = _running(sid);
        if (msg.sender != merchant) {
            bytes32 digest = _hashTypedDataV4(TypedData.collateralRelease(sid));
            Signatures.requireSigner(digest, Signatures.read(merchantSignature), merchant);
        }
        agreement.ended = true;
        if (_claims[sid].deadline != 0) _endClaim(sid);
        emit CollateralReleased(sid);
    }

    /// @inheritdoc IMerchantContract
    function withdrawCollateral(bytes32 sid) external nonReentrant {
        Agreement storage agreement = _known(sid);
        _requireUnlocked(sid, agreement);
        uint64 amount = agreement.collateral;
        if (amount == 0) revert NothingToWithdraw();
        agreement.collateral = 0;
        Treasury memory books = _books();
        books.collateral -= amount;
        _treasury = books.pack();
        emit CollateralWithdrawn(sid, agreement.participant, amount);
        token.safeTransfer(agreement.participant, amount);
    }

    /// @inheritdoc IMerchantClaims
    function changeLimit(bytes32 sid, uint96 creditLimit, bytes calldata merchantSignature) external {
        Agreement storage agreement = _running(sid);
        _requireConsent(
            merchant, TypedData.limitChange(sid, creditLimit, nonces(merchant)), merchantSignature
        );
        agreement.creditLimit = creditLimit;
        emit LimitChanged(sid, creditLimit);
    }

    /// @inheritdoc IMerchantClaims
    function cancelNote(bytes32 serial, address holder, bytes calldata merchantSignature) external {
        bytes32 account = _account(serial, holder);
        NoteAccount memory note = Packing.unpackNote(_notes[account]);
        if (note.validUntil != 0 && block.timestamp > note.validUntil) {
            revert NoteExpired(serial, note.validUntil);
        }
        _requireConsent(
            merchant, TypedData.noteCancellation(serial, holder, nonces(merchant)), merchantSignature
        );
        // A note that was never used becomes known as an empty one that has ended: it can't be admitted any more.
        note.validUntil = uint32(block.timestamp - 1);
        _notes[account] = note.pack();
        emit NoteCancelled(serial, holder);
    }

    /// @inheritdoc IMerchantClaims
    function startClaim(bytes32 sid, Receipt[] calldata receipts, bytes calldata merchantSignature) external {
        Agreement storage agreement = _running(sid);
        if (_claims[sid].deadline != 0) revert ClaimOpen(sid, _claims[sid].deadline);
        bytes32[] memory accounts = _proven(sid, agreement.participant, receipts);
        _requireConsent(merchant, TypedData.claimStart(sid, accounts, nonces(merchant)), merchantSignature);
        (ClaimedNote[] memory notes, uint256 due) = _dueOf(agreement, receipts, accounts);
        if (due <= agreement.paid) revert NothingDue(sid, due, agreement.paid);
        uint64 deadline = uint64(block.timestamp) + agreement.paymentTerm;
        _claims[sid] = Claim(keccak256(abi.encode(notes)), _book(due), deadline);
        emit ClaimStarted(sid, _book(due), deadline);
        for (uint256 i = 0; i < notes.length; ++i) {
            emit NoteClaimed(sid, notes[i].serial, notes[i].holder, notes[i].due);
        }
    }

    /// @inheritdoc IMerchantClaims
    function cancelClaim(bytes32 sid, bytes calldata merchantSignature) external {
        if (_claims[sid].deadline == 0) revert NoClaim(sid);
        _requireConsent(merchant, TypedData.claimCancellation(sid, nonces(merchant)), merchantSignature);
        _endClaim(sid);
    }

    /// @inheritdoc IMerchantClaims
    function executeClaim(bytes32 sid, ClaimedNote[] calldata notes) external {
        Claim memory claim = _claims[sid];
        if (claim.deadline == 0) revert NoClaim(sid);
        if (block.timestamp <= claim.deadline) revert ClaimWindowOpen(sid, claim.deadline);
        if (keccak256(abi.encode(notes)) != claim.notes) revert OtherNotesClaimed(sid);
        delete _claims[sid];
        Agreement storage agreement = _agreements[sid];
        uint256 money = uint256(agreement.paid) + agreement.collateral;
        uint256 repaid = 0;
        uint256 remaining = 0;
        for (uint256 i = 0; i < notes.length; ++i) {
            (uint64 part, uint64 rest) = _repay(sid, notes[i], money - repaid);
            repaid += part;
            remaining += rest;
        }
        uint64 moved = _takeCollateral(agreement, _book(repaid));
        emit ClaimExecuted(sid, moved, _book(repaid) - moved, _book(remaining));
    }

    /// @inheritdoc IMerchantClaims
    function holdCollateral(bytes32 sid, Receipt[] calldata receipts, bytes calldata merchantSignature)
        external
    {
        Agreement storage agreement = _running(sid);
        if (block.timestamp <= agreement.validUntil) revert AgreementRuns(sid, agreement.validUntil);
        bytes32[] memory accounts = _proven(sid, agreement.participant, receipts);
        _requireConsent(
            merchant, TypedData.collateralHold(sid, accounts, nonces(merchant)), merchantSignature
        );
        uint256 open = 0;
        for (uint256 i = 0; i < accounts.length; ++i) {
            NoteAccount memory note = Packing.unpackNote(_notes[accounts[i]]);
            open += Math.min(uint256(note.reserved) + _debt(note.position), receipts[i].amount);
        }
        if (open <= agreement.paid) revert NothingDue(sid, open, agreement.paid);
        uint256 until = block.timestamp + 2 * uint256(agreement.paymentTerm);
        _heldUntil[sid] = until;
        emit CollateralHeld(sid, until);
    }

    /// @inheritdoc IMerchantClaims
    function claimOf(bytes32 sid) external view returns (Claim memory) {
        return _claims[sid];
    }

    /// @inheritdoc IMerchantClaims
    function collateralLockedUntil(bytes32 sid) public view returns (uint256) {
        Agreement storage agreement = _agreements[sid];
        if (agreement.ended) return 0;
        uint256 ordinary = uint256(agreement.validUntil) + 2 * uint256(agreement.paymentTerm);
        return Math.max(ordinary, _heldUntil[sid]);
    }

    /// @inheritdoc IMerchantContract
    function agreementOf(bytes32 sid) external view returns (Agreement memory) {
        return _agreements[sid];
    }

    function _start(bytes32 sid, CreditAgreement calldata agreement) private {
        _agreements[sid] = Agreement({
            participant: agreement.participant,
            validUntil: agreement.validUntil,
            paymentTerm: agreement.paymentTerm,
            creditLimit: agreement.creditLimit,
            collateral: _book(agreement.collateral),
            paid: 0,
            ended: false
        });
        Treasury memory books = _books();
        books.collateral += _book(agreement.collateral);
        _treasury = books.pack();
        emit AgreementInitialised(
            sid,
            agreement.participant,
            agreement.creditLimit,
            agreement.collateral,
            agreement.billingPeriod,
            agreement.paymentTerm,
            agreement.validUntil,
            agreement.documentsHash
        );
    }

    /// @dev The accounts of the participant's receipts. Ascending, so that none is shown twice.
    function _proven(bytes32 sid, address participant, Receipt[] calldata receipts)
        private
        view
        returns (bytes32[] memory accounts)
    {
        accounts = new bytes32[](receipts.length);
        bytes32 last = 0;
        for (uint256 i = 0; i < receipts.length; ++i) {
            Receipt calldata receipt = receipts[i];
            bytes32 account = _account(receipt.serial, receipt.holder);
            if (account <= last) revert ReceiptsNotAscending(account, last);
            bytes32 structHash = TypedData.noteReceipt(sid, receipt.serial, receipt.holder, receipt.amount);
            Signatures.requireSigner(_hashTypedDataV4(structHash), receipt.signature, participant);
            accounts[i] = account;
            last = account;
        }
    }

    /// @dev What is due of each note, and in all. A note that is not due counts nothing instead of reverting:
    /// else a participant could stop a claim by closing one more small channel just before it.
    function _dueOf(Agreement storage agreement, Receipt[] calldata receipts, bytes32[] memory accounts)
        private
        view
        returns (ClaimedNote[] memory notes, uint256 due)
    {
        notes = new ClaimedNote[](receipts.length);
        for (uint256 i = 0; i < receipts.length; ++i) {
            NoteAccount memory note = Packing.unpackNote(_notes[accounts[i]]);
            uint64 owed = block.timestamp > _dueAt(agreement, note) ? _debt(note.position) : 0;
            // The merchant alone signs what the note is worth: the participant owes what its receipt says.
            owed = _book(Math.min(owed, receipts[i].amount));
            notes[i] = ClaimedNote(receipts[i].serial, receipts[i].holder, owed);
            due += owed;
        }
    }

    /// @dev A debt is due one term after the note's end and its last settlement, but at the latest one term
    /// after the agreement's end: else channels that are closed one by one would postpone it for ever.
    function _dueAt(Agreement storage agreement, NoteAccount memory note) private view returns (uint256) {
        uint256 from = Math.max(note.validUntil, note.lastSettled);
        return Math.min(from, agreement.validUntil) + agreement.paymentTerm;
    }

    /// @dev Pays a claimed note's debt out of `money`. It goes to the note itself: what the note earns later
    /// is then the holder's, and nobody pays a debt twice.
    function _repay(bytes32 sid, ClaimedNote calldata claimed, uint256 money)
        private
        returns (uint64 part, uint64 rest)
    {
        bytes32 account = _account(claimed.serial, claimed.holder);
        NoteAccount memory note = Packing.unpackNote(_notes[account]);
        uint256 owed = Math.min(_debt(note.position), claimed.due);
        part = _book(Math.min(owed, money));
        rest = _book(owed - part);
        if (part == 0) return (part, rest);
        note.position += int256(uint256(part)).toInt64();
        note.available += part;
        _notes[account] = note.pack();
        emit NoteRepaid(claimed.serial, sid, part);
    }

    /// @dev Takes `repaid` out of what was paid before, and the rest out of the collateral.
    function _takeCollateral(Agreement storage agreement, uint64 repaid) private returns (uint64 moved) {
        uint64 credit = _book(Math.min(agreement.paid, repaid));
        moved = repaid - credit;
        agreement.paid -= credit;
        agreement.collateral -= moved;
        Treasury memory books = _books();
        books.collateral -= moved;
        books.free += moved;
        _treasury = books.pack();
    }

    function _endClaim(bytes32 sid) private {
        delete _claims[sid];
        emit ClaimCancelled(sid);
    }

    function _requireUnlocked(bytes32 sid, Agreement storage agreement) private view {
        if (_claims[sid].deadline != 0) revert ClaimOpen(sid, _claims[sid].deadline);
        if (agreement.ended) return;
        uint256 until = collateralLockedUntil(sid);
        if (block.timestamp <= until) revert CollateralLocked(sid, until);
    }

    function _books() internal view returns (Treasury memory) {
        return Packing.unpackTreasury(_treasury);
    }

    function _known(bytes32 sid) private view returns (Agreement storage agreement) {
        agreement = _agreements[sid];
        if (agreement.participant == address(0)) revert AgreementUnknown(sid);
    }

    function _running(bytes32 sid) private view returns (Agreement storage agreement) {
        agreement = _known(sid);
        if (agreement.ended) revert AgreementEnded(sid);
    }

    function _account(bytes32 serial, address holder) internal pure returns (bytes32) {
        return Hashes.efficientKeccak256(serial, bytes32(uint256(uint160(holder))));
    }

    function _book(uint256 amount) internal pure returns (uint64) {
        return amount.toUint64();
    }

    function _debt(int64 position) internal pure returns (uint64) {
        // casting to 'uint64' is safe because the position is negative
        // forge-lint: disable-next-line(unsafe-typecast)
        return position < 0 ? uint64(-position) : 0;
    }
}
