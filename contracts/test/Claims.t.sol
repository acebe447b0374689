// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TestStablecoin} from "../src/TestStablecoin.sol";
import {ClaimedNote, Receipt} from "../src/interfaces/IMerchantClaims.sol";
import {Agreement, IMerchantContract, NoteAccount, Treasury} from "../src/interfaces/IMerchantContract.sol";
import {Signature} from "../src/libraries/Signatures.sol";
import {CreditAgreement, TypedData} from "../src/libraries/TypedData.sol";
import {Market} from "./support/Market.sol";
import {vm} from "./support/Vm.sol";

/// @notice A merchant contract whose registry this is: two participants with four notes each do anything that
/// registry, participants, merchant and passers-by may do. The merchant is careful in three ways, the ones that
/// bound its loss: it issues notes within the limit, that end with the agreement, and holds collateral in time.
contract Lender is Market {
    uint32 public constant TERM = 14 days;
    uint64 public constant LIFE = 60 days;
    uint96 public constant LIMIT = 500 * COIN;
    uint96 public constant COLLATERAL = 200 * COIN;
    uint256 private constant PER_ROOT = 4;

    struct Note {
        uint96 amount;
        uint64 validUntil;
    }

    IMerchantContract public msc;
    uint256[16] public went; // how often each action went through
    uint64 private immutable _end;
    bytes32[2] private _sids;
    Note[8] private _issued;
    ClaimedNote[][2] private _claimed;
    uint256[2] private _broughtIn; // collateral put in
    uint256[2] private _gotBack; // collateral taken out
    uint256[2] private _moved; // collateral claimed

    constructor() {
        vm.warp(1_800_000_000);
        token = TestStablecoin(_create("artifacts/TestStablecoin.json", abi.encode(address(this))));
        bytes memory arguments = abi.encode(address(token), vm.addr(KEY_M), address(this));
        address created = _create("artifacts/MerchantContract.json", arguments);
        msc = IMerchantContract(created);
        _end = uint64(block.timestamp) + LIFE;
        token.mint(address(this), RICHES);
        token.approve(created, type(uint256).max);
        msc.depositTreasury(2000 * COIN, "");
        for (uint256 root = 0; root < 2; ++root) {
            _sids[root] = _agree(root);
            _broughtIn[root] = COLLATERAL;
        }
    }

    function _agree(uint256 root) private returns (bytes32) {
        address participant = vm.addr(_rootKey(root));
        token.mint(participant, RICHES);
        vm.prank(participant);
        token.approve(address(msc), type(uint256).max);
        CreditAgreement memory agreement = CreditAgreement(
            participant, LIMIT, COLLATERAL, 30 days, TERM, _end, bytes32(root), bytes32(root)
        );
        bytes32 sid = keccak256(abi.encode(TypedData.CREDIT_AGREEMENT, agreement));
        Signature memory signature = _sign(KEY_M, _digest(address(msc), sid));
        vm.prank(participant);
        msc.initialise(agreement, signature, "", "");
        return sid;
    }

    /// @dev A play is short: it begins where things can happen at once. The first participant's debt is due, of
    /// the second one's a claim runs, and both have notes in use and notes that nobody has seen.
    function begin() external {
        for (uint256 i = 0; i < 8; i += PER_ROOT) {
            this.issue(i, 100 * COIN, 1 days);
            this.issue(i + 1, 80 * COIN, 29 days);
            this.issue(i + 2, 60 * COIN, 29 days);
            this.reserve(i, 50 * COIN);
            this.reserve(i + 1, 40 * COIN);
            this.spend(i, 40 * COIN, 30 * COIN);
            this.earn(i + 1, 10 * COIN, 20 * COIN);
        }
        vm.warp(block.timestamp + 1 days + TERM);
        this.startClaim(1, 1);
    }

    function issue(uint256 which, uint96 amount, uint64 life) external {
        which = _next(which, false);
        if (_issued[which].amount != 0 || block.timestamp >= _end) return;
        amount = _bound(amount, 1, 200 * COIN);
        if (_exposure(which / PER_ROOT, true) + int256(uint256(amount)) > int256(uint256(LIMIT))) return;
        uint64 until = uint64(block.timestamp) + life % 30 days;
        _issued[which] = Note(amount, until < _end ? until : _end);
        _count(0);
    }

    function reserve(uint256 which, uint96 amount) external {
        which = _next(which, true);
        Note memory note = _issued[which];
        if (note.amount == 0) return;
        amount = _bound(amount, 1, note.amount);
        bytes32 structHash =
            TypedData.creditNote(bytes32(which), _holder(which), note.amount, note.validUntil);
        Signature memory signature = _sign(KEY_M, _digest(address(msc), structHash));
        bytes memory proof = abi.encode(note.amount, note.validUntil, signature);
        try msc.reserve(bytes32(which), _holder(which), amount, proof) {
            _count(1);
        } catch {}
    }

    function spend(uint256 which, uint96 funding, uint96 amount) external {
        which %= 8;
        funding = _bound(funding, 0, _note(which).reserved);
        amount = _bound(amount, 0, funding);
        uint256 before = token.balanceOf(address(0xBEEF));
        msc.settlePayer(bytes32(which), _holder(which), funding, amount, address(0xBEEF), address(0xBEEF));
        _requireEqual(token.balanceOf(address(0xBEEF)), before + amount);
        _count(2);
    }

    function earn(uint256 which, uint96 funding, uint96 amount) external {
        which %= 8;
        if (_note(which).validUntil == 0) return;
        funding = _bound(funding, 0, _note(which).reserved);
        amount = _bound(amount, 0, 100 * COIN);
        token.mint(address(msc), amount); // as the other side's money comes in
        msc.settlePayee(bytes32(which), _holder(which), funding, amount);
        _count(3);
    }

    function net(uint256 payer, uint256 payee, uint96 funding, uint96 amount) external {
        payer %= 8;
        payee %= 8;
        if (payer == payee || _note(payee).validUntil == 0) return;
        funding = _bound(funding, 0, _note(payer).reserved);
        amount = _bound(amount, 0, funding);
        uint256 before = token.balanceOf(address(msc));
        msc.settleBoth(bytes32(payer), _holder(payer), funding, bytes32(payee), _holder(payee), 0, amount);
        _requireEqual(token.balanceOf(address(msc)), before);
        _count(4);
    }

    function pay(uint256 root, uint96 amount) external {
        root %= 2;
        address from = vm.addr(_rootKey(root));
        vm.prank(from);
        msc.pay(_sids[root], from, _bound(amount, 1, 100 * COIN), "", "");
        _count(5);
    }

    function topUp(uint256 root, uint96 amount) external {
        root %= 2;
        amount = _bound(amount, 1, 20 * COIN);
        address from = vm.addr(_rootKey(root));
        vm.prank(from);
        msc.topUpCollateral(_sids[root], from, amount, "", "");
        _broughtIn[root] += amount;
        _count(6);
    }

    function startClaim(uint256 root, uint256 wait) external {
        root %= 2;
        vm.warp(block.timestamp + wait % TERM);
        vm.prank(vm.addr(KEY_M));
        try msc.startClaim(_sids[root], _receipts(root), "") {
            _remember(root);
            _count(7);
        } catch {}
    }

    function executeClaim(uint256 root) external {
        root %= 2;
        uint64 deadline = msc.claimOf(_sids[root]).deadline;
        if (deadline == 0) return;
        if (block.timestamp <= deadline) vm.warp(deadline + 1);
        uint256 expected = _claimable(root);
        uint64 before = msc.agreementOf(_sids[root]).collateral;
        msc.executeClaim(_sids[root], _claimed[root]);
        uint256 moved = before - msc.agreementOf(_sids[root]).collateral;
        _requireEqual(moved, expected);
        _moved[root] += moved;
        _count(8);
    }

    function cancelClaim(uint256 root) external {
        vm.prank(vm.addr(KEY_M));
        try msc.cancelClaim(_sids[root % 2], "") {
            _count(9);
        } catch {}
    }

    function withdrawCollateral(uint256 root, uint256 wait) external {
        root %= 2;
        uint256 until = msc.collateralLockedUntil(_sids[root]);
        bool late = wait % 2 == 0 && block.timestamp <= until;
        vm.warp(late ? until + 1 : block.timestamp + wait % TERM);
        if (wait % 4 == 0) _payAll(root);
        if (block.timestamp > _end) _hold(root);
        address participant = vm.addr(_rootKey(root));
        uint256 before = token.balanceOf(participant);
        try msc.withdrawCollateral(_sids[root]) {
            _gotBack[root] += token.balanceOf(participant) - before;
            _count(10);
        } catch {}
    }

    /// @dev Trusted by nobody: it tries to take one unit more than is free.
    function withdrawTreasury(uint96 amount) external {
        address owner = vm.addr(KEY_M);
        uint64 free = msc.treasury().free;
        vm.prank(owner);
        try msc.withdrawTreasury(owner, uint96(free) + 1) {
            revert NotTrue("took what is not free");
        } catch {}
        amount = _bound(amount, 0, free / 4);
        vm.prank(owner);
        msc.withdrawTreasury(owner, amount);
        _count(11);
    }

    function withdrawEarnings(uint256 which) external {
        which %= 8;
        int64 position = _note(which).position;
        if (position <= 0) return;
        uint256 before = token.balanceOf(_holder(which));
        vm.prank(_holder(which));
        msc.withdrawEarnings(bytes32(which), _holder(which), _holder(which), "");
        _requireEqual(token.balanceOf(_holder(which)) - before, uint64(position));
        _count(12);
    }

    function cancelNote(uint256 which, uint256 dice) external {
        which %= 8;
        if (_issued[which].amount == 0 || dice % 4 != 0) return; // else no note would live long
        vm.prank(vm.addr(KEY_M));
        try msc.cancelNote(bytes32(which), _holder(which), "") {
            _issued[which].validUntil = uint64(block.timestamp - 1);
            _count(13);
        } catch {}
    }

    function wait_(uint256 time) external {
        vm.warp(block.timestamp + time % (time % 4 == 0 ? LIFE : 5 days));
        _count(14);
    }

    /// @dev Time alone frees all collateral of a merchant that sleeps.
    function freeAll() external {
        for (uint256 root = 0; root < 2; ++root) {
            this.executeClaim(root);
            if (msc.agreementOf(_sids[root]).collateral == 0) continue;
            uint256 until = msc.collateralLockedUntil(_sids[root]);
            if (block.timestamp <= until) vm.warp(until + 1);
            msc.withdrawCollateral(_sids[root]);
        }
        Treasury memory books = msc.treasury();
        _requireEqual(books.collateral, 0);
        _requireEqual(token.balanceOf(address(msc)), uint256(books.free) + books.reserved + books.earnings);
    }

    /// @dev As a participant does that wants its collateral back.
    function _payAll(uint256 root) private {
        int256 open = _exposure(root, false);
        if (open <= 0) return;
        address from = vm.addr(_rootKey(root));
        vm.prank(from);
        msc.pay(_sids[root], from, uint96(uint256(open)), "", "");
    }

    /// @dev As a merchant does that looks at its agreements once a term.
    function _hold(uint256 root) private {
        vm.prank(vm.addr(KEY_M));
        try msc.holdCollateral(_sids[root], _receipts(root), "") {
            _count(15);
        } catch {}
    }

    function requireInvariants() external view {
        Treasury memory books = msc.treasury();
        _requireEqual(
            token.balanceOf(address(msc)),
            uint256(books.free) + books.reserved + books.earnings + books.collateral
        );
        (uint256 reserved, uint256 earnings, uint256 collateral) = (0, 0, 0);
        for (uint256 root = 0; root < 2; ++root) {
            uint256 owed = 0;
            for (uint256 i = root * PER_ROOT; i < (root + 1) * PER_ROOT; ++i) {
                NoteAccount memory note = _note(i);
                reserved += note.reserved;
                earnings += note.position > 0 ? uint64(note.position) : 0;
                owed += note.reserved + _debt(note);
                _requireWithinAmount(i, note);
            }
            collateral += _requireAgreement(root, owed);
        }
        _requireEqual(books.reserved, reserved);
        _requireEqual(books.earnings, earnings);
        _requireEqual(books.collateral, collateral);
    }

    function _requireWithinAmount(uint256 which, NoteAccount memory note) private view {
        uint256 sum = uint256(note.available) + note.reserved + _debt(note);
        if (sum != 0) _requireEqual(sum, _issued[which].amount);
    }

    /// @dev Collateral is with the contract, went back, or was claimed; and what the merchant could lose is at
    /// most what it granted beyond the collateral.
    function _requireAgreement(uint256 root, uint256 owed) private view returns (uint256) {
        Agreement memory agreement = msc.agreementOf(_sids[root]);
        _requireEqual(_broughtIn[root], agreement.collateral + _gotBack[root] + _moved[root]);
        uint256 most = uint256(agreement.paid) + agreement.collateral + LIMIT - COLLATERAL;
        _require(owed <= most, "lost more than was granted");
        return agreement.collateral;
    }

    /// @dev What the participant owes or may still come to owe; `usable` counts unused notes as well.
    function _exposure(uint256 root, bool usable) private view returns (int256 sum) {
        sum = -int256(uint256(msc.agreementOf(_sids[root]).paid));
        for (uint256 i = root * PER_ROOT; i < (root + 1) * PER_ROOT; ++i) {
            NoteAccount memory note = _note(i);
            bool good = usable && block.timestamp <= _issued[i].validUntil;
            uint256 owed = good ? _issued[i].amount : note.reserved + _debt(note);
            sum += int256(owed);
        }
    }

    function _claimable(uint256 root) private view returns (uint256 moved) {
        uint256 owed = 0;
        for (uint256 i = 0; i < _claimed[root].length; ++i) {
            uint256 debt = _debt(_note(uint256(_claimed[root][i].serial)));
            owed += debt < _claimed[root][i].due ? debt : _claimed[root][i].due;
        }
        Agreement memory agreement = msc.agreementOf(_sids[root]);
        moved = owed > agreement.paid ? owed - agreement.paid : 0;
        if (moved > agreement.collateral) moved = agreement.collateral;
    }

    /// @dev Receipts of all notes of a participant, by account.
    function _receipts(uint256 root) private view returns (Receipt[] memory receipts) {
        uint256[4] memory order = _ordered(root);
        receipts = new Receipt[](PER_ROOT);
        for (uint256 i = 0; i < PER_ROOT; ++i) {
            uint256 which = order[i];
            uint96 amount = _issued[which].amount;
            bytes32 said = TypedData.noteReceipt(_sids[root], bytes32(which), _holder(which), amount);
            Signature memory signature = _sign(_rootKey(root), _digest(address(msc), said));
            receipts[i] = Receipt(bytes32(which), _holder(which), amount, signature);
        }
    }

    /// @dev What the contract must have found due, computed here by hand.
    function _remember(uint256 root) private {
        delete _claimed[root];
        uint256[4] memory order = _ordered(root);
        for (uint256 i = 0; i < PER_ROOT; ++i) {
            NoteAccount memory note = _note(order[i]);
            uint256 from = note.validUntil > note.lastSettled ? note.validUntil : note.lastSettled;
            if (from > _end) from = _end;
            uint64 due = block.timestamp > from + TERM ? uint64(_debt(note)) : 0;
            _claimed[root].push(ClaimedNote(bytes32(order[i]), _holder(order[i]), due));
        }
    }

    function _ordered(uint256 root) private pure returns (uint256[4] memory order) {
        for (uint256 i = 0; i < PER_ROOT; ++i) {
            uint256 which = root * PER_ROOT + i;
            uint256 place = i;
            for (; place > 0 && _account(order[place - 1]) > _account(which); --place) {
                order[place] = order[place - 1];
            }
            order[place] = which;
        }
    }

    /// @dev The first note from `which` on that was issued, or was not.
    function _next(uint256 which, bool issued) private view returns (uint256) {
        for (uint256 i = 0; i < 8; ++i) {
            if ((_issued[(which % 8 + i) % 8].amount != 0) == issued) return (which % 8 + i) % 8;
        }
        return which % 8;
    }

    function _count(uint256 action) private {
        ++went[action];
    }

    function _note(uint256 which) private view returns (NoteAccount memory) {
        return msc.noteOf(bytes32(which), _holder(which));
    }

    function _account(uint256 which) private pure returns (bytes32) {
        return keccak256(abi.encode(bytes32(which), _holder(which)));
    }

    function _debt(NoteAccount memory note) private pure returns (uint256) {
        return note.position < 0 ? uint256(-int256(note.position)) : 0;
    }

    function _rootKey(uint256 root) private pure returns (uint256) {
        return 0x5007 + root;
    }

    function _holder(uint256 which) private pure returns (address) {
        return address(uint160(0x40000 + which));
    }
}

/// @notice Whatever is done with agreements, notes and claims: the books add up, nobody takes another's.
contract ClaimsTest {
    struct Targets {
        address target;
        bytes4[] selectors;
    }

    uint256 private constant PLAYS = 150;
    uint256 private constant STEPS = 6;
    uint256 private constant LONG_PLAYS = 20;
    uint256 private constant LONG_STEPS = 64;

    Lender private _lender;
    uint256[16] private _before; // what went through before the play

    event log_named_uint(string key, uint256 val); // forge prints it

    error Idle(uint256 action);
    error NotTrue(string what);

    function setUp() public {
        _lender = new Lender();
        _lender.begin();
        for (uint256 action = 0; action < 16; ++action) {
            _before[action] = _lender.went(action);
        }
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_lender);
    }

    function targetSelectors() external view returns (Targets[] memory targets) {
        targets = new Targets[](1);
        targets[0].target = address(_lender);
        bytes4[15] memory all = [
            Lender.issue.selector,
            Lender.reserve.selector,
            Lender.spend.selector,
            Lender.earn.selector,
            Lender.net.selector,
            Lender.pay.selector,
            Lender.topUp.selector,
            Lender.startClaim.selector,
            Lender.executeClaim.selector,
            Lender.cancelClaim.selector,
            Lender.withdrawCollateral.selector,
            Lender.withdrawTreasury.selector,
            Lender.withdrawEarnings.selector,
            Lender.cancelNote.selector,
            Lender.wait_.selector
        ];
        targets[0].selectors = new bytes4[](all.length);
        for (uint256 i = 0; i < all.length; ++i) {
            targets[0].selectors[i] = all[i];
        }
    }

    function invariant_nobodyTakesAnothersMoney() external view {
        _lender.requireInvariants();
    }

    /// @dev Plays in which nothing happens would prove nothing: of inputs like the campaign's most must do, and
    /// each action must go through.
    function test_mostStepsOfAPlayDoSomething() external {
        uint256[16] memory went;
        for (uint256 play = 0; play < PLAYS; ++play) {
            uint256 start = vm.snapshotState();
            _play(play, STEPS);
            for (uint256 action = 0; action < 16; ++action) {
                went[action] += _lender.went(action) - _before[action];
            }
            if (!vm.revertToState(start)) revert NotTrue("can't go back");
        }
        uint256 done = 0;
        for (uint256 action = 0; action < 16; ++action) {
            emit log_named_uint("went through", went[action]);
            if (went[action] < 3) revert Idle(action);
            if (action != 15) done += went[action]; // the last one is a part of another
        }
        emit log_named_uint("steps that did something, %", 100 * done / (PLAYS * STEPS));
        if (100 * done < 60 * PLAYS * STEPS) revert Idle(done);
    }

    /// @dev The campaign's plays are many and short; these are few and long.
    function test_longPlaysFollowTheRulesToo() external {
        for (uint256 play = PLAYS; play < PLAYS + LONG_PLAYS; ++play) {
            uint256 start = vm.snapshotState();
            _play(play, LONG_STEPS);
            _lender.freeAll();
            if (!vm.revertToState(start)) revert NotTrue("can't go back");
        }
    }

    function _play(uint256 play, uint256 steps) private {
        for (uint256 i = 0; i < steps; ++i) {
            _step(uint256(keccak256(abi.encode(play, i))));
            _lender.requireInvariants();
        }
    }

    // casting is safe because any bits will do
    // forge-lint: disable-start(unsafe-typecast)
    function _step(uint256 seed) private {
        (uint256 which, uint256 other) = (seed >> 8, seed >> 128);
        (uint96 a, uint96 b) = (uint96(seed >> 64), uint96(seed >> 160));
        uint256 choice = seed % 15;
        if (choice == 0) _lender.issue(which, a, uint64(other));
        if (choice == 1) _lender.reserve(which, a);
        if (choice == 2) _lender.spend(which, a, b);
        if (choice == 3) _lender.earn(which, a, b);
        if (choice == 4) _lender.net(which, other, a, b);
        if (choice == 5) _lender.pay(which, a);
        if (choice == 6) _lender.topUp(which, a);
        if (choice == 7) _lender.startClaim(which, other);
        if (choice == 8) _lender.executeClaim(which);
        if (choice == 9) _lender.cancelClaim(which);
        if (choice == 10) _lender.withdrawCollateral(which, other);
        if (choice == 11) _lender.withdrawTreasury(a);
        if (choice == 12) _lender.withdrawEarnings(which);
        if (choice == 13) _lender.cancelNote(which, other);
        if (choice == 14) _lender.wait_(other);
    }

    // forge-lint: disable-end(unsafe-typecast)

    /// @dev At the end of each play nobody's collateral is stuck.
    function afterInvariant() external {
        _lender.freeAll();
    }

    /// @dev One play by hand in which every action goes through, so that none of them is dead.
    function test_everyActionCanHappen() external {
        _lender = new Lender();
        for (uint256 i = 0; i < 8; ++i) {
            _lender.issue(i, 80e6, 20 days);
            _lender.reserve(i, 50e6);
        }
        _lender.cancelNote(1, 0);
        _lender.net(0, 4, 20e6, 20e6);
        _lender.spend(1, 40e6, 39e6);
        _lender.earn(5, 0, 30e6);
        _lender.pay(0, 1e6);
        _lender.topUp(1, 1e6);
        _lender.withdrawTreasury(5e6);
        _lender.withdrawEarnings(5);
        for (uint256 i = 0; i < 10; ++i) {
            _lender.wait_(4 days);
        }
        _lender.startClaim(0, 1);
        _lender.cancelClaim(0);
        _lender.startClaim(0, 1);
        _lender.executeClaim(0);
        _lender.wait_(4 days);
        _lender.withdrawCollateral(0, 1);
        _lender.withdrawCollateral(1, 13 days + 1);
        for (uint256 i = 4; i < 8; ++i) {
            _lender.spend(i, 50e6 + 1, 0);
        }
        for (uint256 i = 0; i < 5; ++i) {
            _lender.withdrawCollateral(1, 13 days + 1);
        }
        for (uint256 action = 0; action < 16; ++action) {
            if (_lender.went(action) == 0) revert Idle(action);
        }
        _lender.requireInvariants();
    }
}
