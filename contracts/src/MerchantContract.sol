// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {TokenPayouts} from "./TokenPayouts.sol";
import {Agreement, IMerchantContract, NoteAccount, Treasury} from "./interfaces/IMerchantContract.sol";
import {Packing} from "./libraries/Packing.sol";
import {Signature, Signatures} from "./libraries/Signatures.sol";
import {CreditAgreement, TypedData} from "./libraries/TypedData.sol";

/// @title A merchant's contract (the paper's MSC)
/// @notice A payee is always paid, whatever the payer does: a note can fund a channel only out of the
/// treasury's free part, which then stays bound until the channel closes.
/// @dev The token's supply must stay below 2^63 micro-units (9.2e12 coins): no book can then overflow, so
/// none can stop a channel from closing.
contract MerchantContract is IMerchantContract, TokenPayouts {
    using SafeCast for uint256;
    using SafeCast for int256;
    using SafeERC20 for IERC20;
    using Packing for NoteAccount;
    using Packing for Treasury;
    using TypedData for CreditAgreement;

    /// @inheritdoc IMerchantContract
    address public immutable merchant;
    /// @inheritdoc IMerchantContract
    address public immutable registry;

    uint256 private _treasury; // a packed Treasury
    mapping(bytes32 sid => Agreement) private _agreements;
    mapping(bytes32 account => uint256) private _notes; // packed NoteAccounts by serial and holder

    modifier onlyMerchant() {
        if (msg.sender != merchant) revert NotMerchant(msg.sender);
        _;
    }

    modifier onlyRegistry() {
        if (msg.sender != registry) revert NotRegistry(msg.sender);
        _;
    }

    constructor(IERC20 token_, address merchant_, address registry_) TokenPayouts(token_) {
        merchant = merchant_;
        registry = registry_;
    }

    /// @inheritdoc IMerchantContract
    function depositTreasury(uint96 amount, bytes calldata permit) external nonReentrant {
        _usePermit(msg.sender, amount, permit);
        Treasury memory books = _books();
        books.free += _book(amount);
        _treasury = books.pack();
        emit TreasuryDeposited(msg.sender, amount);
        _pull(msg.sender, amount);
    }

    /// @inheritdoc IMerchantContract
    function withdrawTreasury(address to, uint96 amount) external onlyMerchant nonReentrant {
        Treasury memory books = _books();
        if (amount > books.free) revert TreasuryShort(books.free, amount);
        books.free -= _book(amount);
        _treasury = books.pack();
        emit TreasuryWithdrawn(to, amount);
        token.safeTransfer(to, amount);
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
    function topUpCollateral(bytes32 sid, uint96 amount, bytes calldata permit) external nonReentrant {
        Agreement storage agreement = _known(sid);
        if (agreement.ended) revert AgreementEnded(sid);
        _usePermit(msg.sender, amount, permit);
        agreement.collateral += _book(amount);
        Treasury memory books = _books();
        books.collateral += _book(amount);
        _treasury = books.pack();
        emit CollateralToppedUp(sid, msg.sender, amount, agreement.collateral);
        _pull(msg.sender, amount);
    }

    /// @inheritdoc IMerchantContract
    function pay(bytes32 sid, uint96 amount, bytes calldata permit) external nonReentrant {
        Agreement storage agreement = _known(sid);
        _usePermit(msg.sender, amount, permit);
        agreement.paid += _book(amount);
        Treasury memory books = _books();
        books.free += _book(amount);
        _treasury = books.pack();
        emit DebtPaid(sid, msg.sender, amount, agreement.paid);
        _pull(msg.sender, amount);
    }

    /// @inheritdoc IMerchantContract
    function releaseCollateral(bytes32 sid, bytes calldata merchantSignature) external {
        Agreement storage agreement = _known(sid);
        if (agreement.ended) revert AgreementEnded(sid);
        if (msg.sender != merchant) {
            bytes32 digest = _hashTypedDataV4(TypedData.collateralRelease(sid));
            Signatures.requireSigner(digest, Signatures.read(merchantSignature), merchant);
        }
        agreement.ended = true;
        emit CollateralReleased(sid);
    }

    /// @inheritdoc IMerchantContract
    function withdrawCollateral(bytes32 sid) external nonReentrant {
        Agreement storage agreement = _known(sid);
        if (!agreement.ended && block.timestamp <= agreement.validUntil) {
            revert CollateralLocked(sid, agreement.validUntil);
        }
        uint64 amount = agreement.collateral;
        if (amount == 0) revert NothingToWithdraw();
        agreement.collateral = 0;
        Treasury memory books = _books();
        books.collateral -= amount;
        _treasury = books.pack();
        emit CollateralWithdrawn(sid, agreement.participant, amount);
        token.safeTransfer(agreement.participant, amount);
    }

    /// @inheritdoc IMerchantContract
    function withdrawEarnings(bytes32 serial, address holder, address to, bytes calldata signature)
        external
        nonReentrant
    {
        bytes32 account = _account(serial, holder);
        NoteAccount memory note = Packing.unpackNote(_notes[account]);
        if (note.position <= 0) revert NothingToWithdraw();
        _requireConsent(holder, TypedData.earningsWithdrawal(serial, holder, to, nonces(holder)), signature);
        uint64 amount = _credit(note.position);
        note.position = 0;
        _notes[account] = note.pack();
        Treasury memory books = _books();
        books.earnings -= amount;
        _treasury = books.pack();
        emit EarningsWithdrawn(serial, holder, to, amount);
        token.safeTransfer(to, amount);
    }

    /// @inheritdoc IMerchantContract
    function reserve(bytes32 serial, address holder, uint96 amount, bytes calldata proof)
        external
        onlyRegistry
    {
        bytes32 account = _account(serial, holder);
        NoteAccount memory note = Packing.unpackNote(_notes[account]);
        if (note.validUntil == 0) note = _admit(serial, holder, proof);
        if (block.timestamp > note.validUntil) revert NoteExpired(serial, note.validUntil);
        if (amount > note.available) revert NoteExhausted(serial, note.available, amount);
        Treasury memory books = _books();
        if (amount > books.free) revert TreasuryShort(books.free, amount);
        // casting to 'uint64' is safe because the amount is at most the 64-bit free part
        // forge-lint: disable-next-line(unsafe-typecast)
        uint64 bound = uint64(amount);
        note.available -= bound;
        note.reserved += bound;
        books.free -= bound;
        books.reserved += bound;
        _notes[account] = note.pack();
        _treasury = books.pack();
        emit NoteReserved(serial, amount);
    }

    /// @inheritdoc IMerchantContract
    function settleBoth(
        bytes32 payerSerial,
        address payer,
        uint96 payerReleased,
        bytes32 payeeSerial,
        address payee,
        uint96 payeeReleased,
        uint96 amount
    ) external onlyRegistry {
        Treasury memory books = _books();
        _settle(books, payerSerial, payer, payerReleased, -_signed(amount));
        _settle(books, payeeSerial, payee, payeeReleased, _signed(amount));
        _treasury = books.pack();
    }

    /// @inheritdoc IMerchantContract
    function settlePayer(
        bytes32 serial,
        address holder,
        uint96 released,
        uint96 spent,
        address payTo,
        address owedTo
    ) external onlyRegistry returns (bool sent) {
        Treasury memory books = _books();
        _settle(books, serial, holder, released, -_signed(spent));
        _treasury = books.pack();
        return _push(payTo, spent, owedTo);
    }

    /// @inheritdoc IMerchantContract
    function settlePayee(bytes32 serial, address holder, uint96 released, uint96 earned)
        external
        onlyRegistry
    {
        Treasury memory books = _books();
        _settle(books, serial, holder, released, _signed(earned));
        _treasury = books.pack();
    }

    /// @inheritdoc IMerchantContract
    function treasury() external view returns (Treasury memory) {
        return _books();
    }

    /// @inheritdoc IMerchantContract
    function agreementOf(bytes32 sid) external view returns (Agreement memory) {
        return _agreements[sid];
    }

    /// @inheritdoc IMerchantContract
    function noteOf(bytes32 serial, address holder) external view returns (NoteAccount memory) {
        return Packing.unpackNote(_notes[_account(serial, holder)]);
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

    /// @dev First use of a note: reads it and the merchant's signature from `proof`.
    function _admit(bytes32 serial, address holder, bytes calldata proof)
        private
        returns (NoteAccount memory note)
    {
        if (proof.length != 128) revert WrongNoteProofLength(serial, proof.length);
        (uint96 amount, uint64 validUntil, Signature memory signature) =
            abi.decode(proof, (uint96, uint64, Signature));
        bytes32 digest = _hashTypedDataV4(TypedData.creditNote(serial, holder, amount, validUntil));
        Signatures.requireSigner(digest, signature, merchant);
        note.available = _book(amount);
        // casting to 'uint32' is safe because the other branch takes what does not fit
        // forge-lint: disable-next-line(unsafe-typecast)
        note.validUntil = validUntil > type(uint32).max ? type(uint32).max : uint32(validUntil);
        emit NoteAdmitted(serial, holder, amount, validUntil);
    }

    /// @dev Books one note's side of a closed channel. Earnings first pay the note's own spending, and spending
    /// first uses the note's own earnings: the holder's credit is the position where positive, its debt where
    /// negative. What a debt gains or loses is what the note may still reserve.
    function _settle(Treasury memory books, bytes32 serial, address holder, uint96 released96, int64 gain)
        private
    {
        bytes32 account = _account(serial, holder);
        NoteAccount memory note = Packing.unpackNote(_notes[account]);
        uint64 released = _book(released96);
        int64 before = note.position;
        int64 position = before + gain;
        note.position = position;
        note.reserved -= released;
        note.available = note.available + released + _debt(before) - _debt(position);
        note.lastSettled = uint32(block.timestamp);
        _notes[account] = note.pack();
        books.reserved -= released;
        books.free = _shift(books.free + released + _credit(before), gain) - _credit(position);
        books.earnings = books.earnings + _credit(position) - _credit(before);
        emit NoteSettled(serial, released96, gain);
    }

    function _books() private view returns (Treasury memory) {
        return Packing.unpackTreasury(_treasury);
    }

    function _known(bytes32 sid) private view returns (Agreement storage agreement) {
        agreement = _agreements[sid];
        if (agreement.participant == address(0)) revert AgreementUnknown(sid);
    }

    function _afterHold(uint256 amount) internal override {
        Treasury memory books = _books();
        books.earnings += _book(amount);
        _treasury = books.pack();
    }

    function _afterClaim(uint256 amount) internal override {
        Treasury memory books = _books();
        books.earnings -= _book(amount);
        _treasury = books.pack();
    }

    function _account(bytes32 serial, address holder) private pure returns (bytes32) {
        return keccak256(abi.encode(serial, holder));
    }

    function _book(uint256 amount) private pure returns (uint64) {
        return amount.toUint64();
    }

    function _signed(uint96 amount) private pure returns (int64) {
        return int256(uint256(amount)).toInt64();
    }

    function _shift(uint64 amount, int64 change) private pure returns (uint64) {
        return (int256(uint256(amount)) + change).toUint256().toUint64();
    }

    function _credit(int64 position) private pure returns (uint64) {
        // casting to 'uint64' is safe because the position is positive
        // forge-lint: disable-next-line(unsafe-typecast)
        return position > 0 ? uint64(position) : 0;
    }

    function _debt(int64 position) private pure returns (uint64) {
        // casting to 'uint64' is safe because the position is negative
        // forge-lint: disable-next-line(unsafe-typecast)
        return position < 0 ? uint64(-position) : 0;
    }
}
