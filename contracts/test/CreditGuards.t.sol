// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {TestStablecoin} from "../src/TestStablecoin.sol";
import {ClaimedNote, IMerchantClaims, Receipt} from "../src/interfaces/IMerchantClaims.sol";
import {IMerchantContract} from "../src/interfaces/IMerchantContract.sol";
import {Signature} from "../src/libraries/Signatures.sol";
import {CreditAgreement, TypedData} from "../src/libraries/TypedData.sol";
import {Market} from "./support/Market.sol";
import {Log, vm} from "./support/Vm.sol";

/// @notice The seconds at which a merchant contract changes its mind. This test is the contract's registry.
contract CreditGuardsTest is Market {
    uint32 private constant TERM = 14 days;
    uint96 private constant COLLATERAL = 200 * COIN;
    uint96 private constant DEBT = 30 * COIN;
    IMerchantContract private _msc;
    address private _participant;
    uint64 private _end;

    function setUp() public override {
        vm.warp(1_800_000_000);
        token = TestStablecoin(_create("artifacts/TestStablecoin.json", abi.encode(address(this))));
        bytes memory arguments = abi.encode(address(token), vm.addr(KEY_M), address(this));
        _msc = IMerchantContract(_create("artifacts/MerchantContract.json", arguments));
        _participant = vm.addr(KEY_A);
        _end = uint64(block.timestamp) + 60 days;
        token.mint(address(this), RICHES);
        token.mint(_participant, RICHES);
        token.approve(address(_msc), type(uint256).max);
        vm.prank(_participant);
        token.approve(address(_msc), type(uint256).max);
        _msc.depositTreasury(500 * COIN, "");
    }

    function test_anAgreementStartsUpToItsLastSecond() public {
        (CreditAgreement memory agreement, bytes32 sid, Signature memory signature) = _agreement();
        vm.warp(_end + 1);
        vm.prank(_participant);
        vm.expectRevert(abi.encodeWithSelector(IMerchantContract.AgreementExpired.selector, sid, _end));
        _msc.initialise(agreement, signature, "", "");
        vm.warp(_end);
        vm.prank(_participant);
        _msc.initialise(agreement, signature, "", "");
    }

    function test_aNoteIsCancelledUpToItsLastSecond() public {
        uint64 until = _lend();
        vm.warp(until + 1);
        vm.prank(vm.addr(KEY_M));
        vm.expectRevert(abi.encodeWithSelector(IMerchantContract.NoteExpired.selector, NOTE_A, until));
        _msc.cancelNote(NOTE_A, _participant, "");
        vm.warp(until);
        vm.prank(vm.addr(KEY_M));
        _msc.cancelNote(NOTE_A, _participant, "");
    }

    function test_aNoteFundsUpToItsLastSecond() public {
        uint64 until = _lend();
        vm.warp(until);
        _msc.reserve(NOTE_A, _participant, 1, "");
        vm.warp(until + 1);
        vm.expectRevert(abi.encodeWithSelector(IMerchantContract.NoteExpired.selector, NOTE_A, until));
        _msc.reserve(NOTE_A, _participant, 1, "");
    }

    /// @dev Cut off instead, a note for ever would have ended in 1970.
    function test_aNoteWithoutAnEndLastsAsLongAsTheBooksCanTell() public {
        uint64 until = uint64(type(uint32).max) + 1;
        bytes32 structHash = TypedData.creditNote(NOTE_B, _participant, COIN, until);
        Signature memory signature = _sign(KEY_M, _digest(address(_msc), structHash));
        _msc.reserve(NOTE_B, _participant, 1, abi.encode(COIN, until, signature));
        _requireEqual(_msc.noteOf(NOTE_B, _participant).validUntil, type(uint32).max);
    }

    function test_aDebtIsDueAfterItsTermAndTakenAfterTheWindow() public {
        bytes32 sid = _agreed();
        uint64 until = _lend();
        Receipt[] memory receipts = _receipts(sid);
        vm.warp(until + TERM);
        vm.prank(vm.addr(KEY_M));
        vm.expectRevert(abi.encodeWithSelector(IMerchantClaims.NothingDue.selector, sid, 0, 0));
        _msc.startClaim(sid, receipts, "");
        vm.warp(until + TERM + 1);
        vm.prank(vm.addr(KEY_M));
        _msc.startClaim(sid, receipts, "");
        ClaimedNote[] memory notes = new ClaimedNote[](1);
        notes[0] = ClaimedNote(NOTE_A, _participant, uint64(DEBT));
        uint64 deadline = uint64(block.timestamp) + TERM;
        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(IMerchantClaims.ClaimWindowOpen.selector, sid, deadline));
        _msc.executeClaim(sid, notes);
        vm.warp(deadline + 1);
        _msc.executeClaim(sid, notes);
        _requireEqual(_msc.agreementOf(sid).collateral, COLLATERAL - DEBT);
    }

    function test_collateralIsHeldOnlyAfterTheAgreementsEnd() public {
        bytes32 sid = _agreed();
        _lend();
        Receipt[] memory receipts = _receipts(sid);
        vm.warp(_end);
        vm.prank(vm.addr(KEY_M));
        vm.expectRevert(abi.encodeWithSelector(IMerchantClaims.AgreementRuns.selector, sid, _end));
        _msc.holdCollateral(sid, receipts, "");
        vm.warp(_end + 1);
        vm.prank(vm.addr(KEY_M));
        _msc.holdCollateral(sid, receipts, "");
        _requireEqual(_msc.collateralLockedUntil(sid), _end + 1 + 2 * TERM);
    }

    function test_collateralIsFreeAfterTheLastLockedSecond() public {
        bytes32 sid = _agreed();
        uint256 until = _msc.collateralLockedUntil(sid);
        _requireEqual(until, _end + 2 * TERM);
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(IMerchantContract.CollateralLocked.selector, sid, until));
        _msc.withdrawCollateral(sid);
        vm.warp(until + 1);
        _msc.withdrawCollateral(sid);
        _requireEqual(token.balanceOf(_participant), RICHES);
    }

    function test_nothingIsNothingToWithdraw() public {
        bytes32 sid = _agreed();
        _lend();
        vm.prank(vm.addr(KEY_M));
        _msc.releaseCollateral(sid, "");
        _msc.withdrawCollateral(sid);
        vm.expectRevert(IMerchantContract.NothingToWithdraw.selector);
        _msc.withdrawCollateral(sid);
        token.mint(address(_msc), DEBT); // as the other side's money comes in
        _msc.settlePayee(NOTE_A, _participant, 0, DEBT);
        _requireEqual(uint64(_msc.noteOf(NOTE_A, _participant).position), 0);
        vm.prank(_participant);
        vm.expectRevert(IMerchantContract.NothingToWithdraw.selector);
        _msc.withdrawEarnings(NOTE_A, _participant, _participant, "");
    }

    function test_noBookTakesMoreThanItsBits() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                SafeCast.SafeCastOverflowedUintDowncast.selector, 64, uint256(type(uint64).max) + 1
            )
        );
        _msc.depositTreasury(uint96(type(uint64).max) + 1, "");
    }

    /// @dev A claim may show notes that owe nothing: of those there is nothing to tell.
    function test_onlyWhatIsRepaidIsTold() public {
        bytes32 sid = _agreed();
        uint64 until = _lend();
        Receipt[] memory owing = _receipts(sid);
        bytes32 structHash = TypedData.noteReceipt(sid, NOTE_B, _participant, 5);
        Receipt memory idle =
            Receipt(NOTE_B, _participant, 5, _sign(KEY_A, _digest(address(_msc), structHash)));
        bool first = keccak256(abi.encode(NOTE_A, _participant)) < keccak256(abi.encode(NOTE_B, _participant));
        Receipt[] memory receipts = new Receipt[](2);
        (receipts[0], receipts[1]) = first ? (owing[0], idle) : (idle, owing[0]);
        ClaimedNote[] memory notes = new ClaimedNote[](2);
        for (uint256 i = 0; i < 2; ++i) {
            uint64 due = receipts[i].serial == NOTE_A ? uint64(DEBT) : 0;
            notes[i] = ClaimedNote(receipts[i].serial, _participant, due);
        }
        vm.warp(until + TERM + 1);
        vm.prank(vm.addr(KEY_M));
        _msc.startClaim(sid, receipts, "");
        vm.warp(block.timestamp + TERM + 1);
        vm.recordLogs();
        _msc.executeClaim(sid, notes);
        uint256 told = 0;
        for (Log[] memory logs = vm.getRecordedLogs(); told < logs.length; ++told) {
            if (logs[told].topics[0] != IMerchantClaims.NoteRepaid.selector) break;
            _require(logs[told].topics[1] == NOTE_A, "told of a note that owed nothing");
        }
        _requireEqual(told, 1);
    }

    function _agreement() private view returns (CreditAgreement memory, bytes32, Signature memory) {
        CreditAgreement memory agreement =
            CreditAgreement(_participant, 500 * COIN, COLLATERAL, 30 days, TERM, _end, 0, 0);
        bytes32 sid = keccak256(abi.encode(TypedData.CREDIT_AGREEMENT, agreement));
        return (agreement, sid, _sign(KEY_M, _digest(address(_msc), sid)));
    }

    function _agreed() private returns (bytes32) {
        (CreditAgreement memory agreement,, Signature memory signature) = _agreement();
        vm.prank(_participant);
        return _msc.initialise(agreement, signature, "", "");
    }

    /// @dev The participant spends by a note; returns until when the note is good.
    function _lend() private returns (uint64 until) {
        until = uint64(block.timestamp) + 10 days;
        bytes32 structHash = TypedData.creditNote(NOTE_A, _participant, 100 * COIN, until);
        Signature memory signature = _sign(KEY_M, _digest(address(_msc), structHash));
        _msc.reserve(NOTE_A, _participant, 50 * COIN, abi.encode(100 * COIN, until, signature));
        _msc.settlePayer(NOTE_A, _participant, 50 * COIN, DEBT, address(0xBEEF), address(0xBEEF));
    }

    function _receipts(bytes32 sid) private view returns (Receipt[] memory receipts) {
        bytes32 structHash = TypedData.noteReceipt(sid, NOTE_A, _participant, 100 * COIN);
        receipts = new Receipt[](1);
        receipts[0] =
            Receipt(NOTE_A, _participant, 100 * COIN, _sign(KEY_A, _digest(address(_msc), structHash)));
    }
}
