// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {MerchantAgreements} from "./MerchantAgreements.sol";
import {TokenPayouts} from "./TokenPayouts.sol";
import {IMerchantContract, NoteAccount, Treasury} from "./interfaces/IMerchantContract.sol";
import {NoteBooks} from "./libraries/NoteBooks.sol";
import {Packing} from "./libraries/Packing.sol";
import {Signature, Signatures} from "./libraries/Signatures.sol";
import {TypedData} from "./libraries/TypedData.sol";

/// @title A merchant's contract (the paper's MSC)
/// @notice A payee is always paid, whatever the payer does: a note can fund a channel only out of the
/// treasury's free part, which then stays bound until the channel closes.
/// @dev The token's supply must stay below 2^63 micro-units (9.2e12 coins): no book can then overflow, so
/// none can stop a channel from closing.
contract MerchantContract is MerchantAgreements {
    using SafeCast for uint256;
    using SafeCast for int256;
    using SafeERC20 for IERC20;
    using NoteBooks for uint256;
    using Packing for NoteAccount;
    using Packing for Treasury;

    /// @inheritdoc IMerchantContract
    address public immutable registry;

    modifier onlyMerchant() {
        if (msg.sender != merchant) revert NotMerchant(msg.sender);
        _;
    }

    modifier onlyRegistry() {
        if (msg.sender != registry) revert NotRegistry(msg.sender);
        _;
    }

    constructor(IERC20 token_, address merchant_, address registry_)
        TokenPayouts(token_)
        MerchantAgreements(merchant_)
    {
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
        uint256 note = _notes[account];
        if (note.validUntil() == 0) note = _admit(serial, holder, proof).pack();
        if (block.timestamp > note.validUntil()) revert NoteExpired(serial, uint64(note.validUntil()));
        if (amount > note.available()) revert NoteExhausted(serial, note.available(), amount);
        uint256 books = _treasury;
        if (amount > books.free()) revert TreasuryShort(books.free(), amount);
        _notes[account] = note.reserve(amount);
        _treasury = books.reserve(amount);
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
        int256 gain = int256(uint256(amount));
        uint256 books = _settle(_treasury, payerSerial, payer, payerReleased, -gain);
        _treasury = _settle(books, payeeSerial, payee, payeeReleased, gain);
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
        _treasury = _settle(_treasury, serial, holder, released, -int256(uint256(spent)));
        return _push(payTo, spent, owedTo);
    }

    /// @inheritdoc IMerchantContract
    function settlePayee(bytes32 serial, address holder, uint96 released, uint96 earned)
        external
        onlyRegistry
    {
        _treasury = _settle(_treasury, serial, holder, released, int256(uint256(earned)));
    }

    /// @inheritdoc IMerchantContract
    function treasury() external view returns (Treasury memory) {
        return _books();
    }

    /// @inheritdoc IMerchantContract
    function noteOf(bytes32 serial, address holder) external view returns (NoteAccount memory) {
        return Packing.unpackNote(_notes[_account(serial, holder)]);
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
    function _settle(uint256 books, bytes32 serial, address holder, uint96 released, int256 gain)
        private
        returns (uint256)
    {
        bytes32 account = _account(serial, holder);
        uint256 note = _notes[account];
        int256 before = note.position();
        int256 position;
        unchecked {
            position = before + gain; // of 64 and of 97 bits
        }
        int256 repaid = NoteBooks.repaid(before, position);
        _notes[account] = note.settled(released, repaid, position, block.timestamp);
        // casting to 'int96' is safe because both positions have 64 bits
        // forge-lint: disable-next-line(unsafe-typecast)
        emit NoteSettled(serial, released, int96(gain));
        return books.settled(released, repaid, gain);
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

    function _credit(int64 position) private pure returns (uint64) {
        // casting to 'uint64' is safe because the position is positive
        // forge-lint: disable-next-line(unsafe-typecast)
        return position > 0 ? uint64(position) : 0;
    }
}
