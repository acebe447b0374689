// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {NoteAccount, Treasury} from "../src/interfaces/IMerchantContract.sol";
import {NoteBooks} from "../src/libraries/NoteBooks.sol";
import {Packing} from "../src/libraries/Packing.sol";
import {Signatures} from "../src/libraries/Signatures.sol";
import {Market} from "./support/Market.sol";
import {vm} from "./support/Vm.sol";

/// @notice The unchecked arithmetic of notes and treasuries, at the limits of its 64 bits.
contract NoteBooksTest is Market {
    using Packing for NoteAccount;
    using Packing for Treasury;

    uint64 private constant MOST = type(uint64).max;
    uint256 private constant TIME = 1_800_000_000;

    function setUp() public override {}

    function test_reservesUpToTheLast() public {
        uint256 word = NoteBooks.reserve(_note(9, MOST - 5, 0), 5);
        _requireNote(word, 4, MOST, 0);
        vm.expectRevert(NoteBooks.BooksOverflow.selector);
        this.reserve(_note(9, MOST - 5, 0), 6);
    }

    function test_aNoteReleasesWhatItHolds() public {
        _requireNote(_settled(_note(1, 7, 0), 7, 0, 0), 8, 0, 0);
        vm.expectRevert(NoteBooks.BooksOverflow.selector);
        this.settle(_note(1, 7, 0), 8, 0, 0);
    }

    function test_aNotesRestFitsItsBits() public {
        _requireNote(_settled(_note(MOST - 7, 7, 0), 7, 0, 0), MOST, 0, 0);
        vm.expectRevert(NoteBooks.BooksOverflow.selector);
        this.settle(_note(MOST - 6, 7, 0), 7, 0, 0);
    }

    function test_aNoteOwesNoMoreThanItHas() public {
        _requireNote(_settled(_note(1, 7, 0), 7, 0, -8), 0, 0, -8);
        vm.expectRevert(NoteBooks.BooksOverflow.selector);
        this.settle(_note(1, 7, 0), 7, 0, -9);
    }

    function test_aRepaidDebtIsAvailableAgain() public pure {
        _requireNote(_settled(_note(1, 7, -8), 7, -8, 0), 16, 0, 0);
        _requireNote(_settled(_note(1, 7, -8), 7, -8, 3), 16, 0, 3);
    }

    function test_aPositionFitsItsBits() public {
        int256 most = type(int64).max;
        _requireNote(_settled(_note(1, 7, 0), 0, 0, most), 1, 7, type(int64).max);
        vm.expectRevert(NoteBooks.BooksOverflow.selector);
        this.settle(_note(1, 7, 0), 0, 0, most + 1);
    }

    function test_aTreasuryReleasesWhatItHolds() public {
        _requireBooks(_settledBooks(_books(1, 7, 2), 7, 0, 0), 8, 0, 2);
        vm.expectRevert(NoteBooks.BooksOverflow.selector);
        this.settleBooks(_books(1, 7, 2), 8, 0, 0);
    }

    function test_aTreasurysFreePartFitsItsBits() public {
        _requireBooks(_settledBooks(_books(MOST - 7, 7, 2), 7, 0, 0), MOST, 0, 2);
        vm.expectRevert(NoteBooks.BooksOverflow.selector);
        this.settleBooks(_books(MOST - 6, 7, 2), 7, 0, 0);
    }

    function test_aTreasuryPaysNoMoreThanItHas() public {
        _requireBooks(_settledBooks(_books(1, 7, 2), 7, 0, -8), 0, 0, 2);
        vm.expectRevert(NoteBooks.BooksOverflow.selector);
        this.settleBooks(_books(1, 7, 2), 7, 0, -9);
    }

    function test_earningsFitTheirBits() public {
        _requireBooks(_settledBooks(_books(1, 7, MOST - 5), 0, 0, 5), 1, 7, MOST);
        vm.expectRevert(NoteBooks.BooksOverflow.selector);
        this.settleBooks(_books(1, 7, MOST - 5), 0, 0, 6);
    }

    function test_noMoreIsSpentThanWasEarned() public {
        _requireBooks(_settledBooks(_books(1, 7, 5), 0, 5, 0), 1, 7, 0);
        vm.expectRevert(NoteBooks.BooksOverflow.selector);
        this.settleBooks(_books(1, 7, 5), 0, 6, 0);
    }

    /// @dev Any r below the order with a point has a signer for this s; one that is above has none.
    function test_sMayBeHalfOfTheOrderAndNoMore() public {
        uint256 half = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;
        (, bytes32 r,) = vm.sign(KEY_A, keccak256("anything"));
        _require(Signatures.recover(keccak256("other"), r, bytes32(half)) != address(0), "no signer");
        vm.expectRevert(abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureS.selector, bytes32(half + 1)));
        this.recover(r, bytes32(half + 1));
    }

    function reserve(uint256 word, uint256 amount) external pure returns (uint256) {
        return NoteBooks.reserve(word, amount);
    }

    function settle(uint256 note, uint256 released, int256 before, int256 after_)
        external
        pure
        returns (uint256)
    {
        return _settled(note, released, before, after_);
    }

    function settleBooks(uint256 books, uint256 released, int256 before, int256 after_)
        external
        pure
        returns (uint256)
    {
        return _settledBooks(books, released, before, after_);
    }

    function recover(bytes32 r, bytes32 vs) external pure returns (address) {
        return Signatures.recover(keccak256("other"), r, vs);
    }

    function _settled(uint256 note, uint256 released, int256 before, int256 after_)
        private
        pure
        returns (uint256)
    {
        return NoteBooks.settled(note, released, NoteBooks.repaid(before, after_), after_, TIME);
    }

    function _settledBooks(uint256 books, uint256 released, int256 before, int256 after_)
        private
        pure
        returns (uint256)
    {
        return NoteBooks.settled(books, released, NoteBooks.repaid(before, after_), after_ - before);
    }

    function _note(uint64 available, uint64 reserved, int64 position) private pure returns (uint256) {
        return NoteAccount(available, reserved, position, 5, 6).pack();
    }

    function _books(uint64 free, uint64 reserved, uint64 earnings) private pure returns (uint256) {
        return Treasury(free, reserved, earnings, 99).pack();
    }

    function _requireNote(uint256 word, uint256 available, uint256 reserved, int64 position) private pure {
        NoteAccount memory note = Packing.unpackNote(word);
        _requireEqual(note.available, available);
        _requireEqual(note.reserved, reserved);
        _require(note.position == position, "another position");
        _requireEqual(note.validUntil, 5);
    }

    function _requireBooks(uint256 word, uint256 free, uint256 reserved, uint256 earnings) private pure {
        Treasury memory books = Packing.unpackTreasury(word);
        _requireEqual(books.free, free);
        _requireEqual(books.reserved, reserved);
        _requireEqual(books.earnings, earnings);
        _requireEqual(books.collateral, 99);
    }
}
