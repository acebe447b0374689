// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ChannelStatus} from "../src/interfaces/IEntityContracts.sol";
import {IMerchantContract, NoteAccount} from "../src/interfaces/IMerchantContract.sol";
import {ChannelOpen} from "../src/libraries/TypedData.sol";
import {Market} from "./support/Market.sol";
import {vm} from "./support/Vm.sol";

/// @notice Does anything that anybody may do, in any order, with many channels open at once.
contract Trader is Market {
    uint96 public constant NOTE = 300 * COIN;
    uint256 public locked; // deposits of the channels that are open
    uint256 public done; // actions that went through
    ChannelOpen[] private _live;

    constructor() {
        setUp();
        _fillTreasuries(1000 * COIN);
    }

    function open(uint256 kinds, uint96 a, uint96 b) external {
        if (_live.length == 12) return;
        ChannelOpen memory opening = _opening(
            _bound(a, 0, 90 * COIN), _bound(b, 1, 90 * COIN), _source(kinds % 3), _source(kinds / 3 % 3)
        );
        bytes memory proofA = _proof(kinds % 3, true);
        try this.sendOpen(opening, proofA, _proof(kinds / 3 % 3, false)) {
            _live.push(opening);
            if (opening.sourceA == address(0)) locked += opening.fundingA;
            if (opening.sourceB == address(0)) locked += opening.fundingB;
            ++done;
        } catch {}
    }

    function sendOpen(ChannelOpen memory opening, bytes memory proofA, bytes memory proofB) external {
        _open(opening, proofA, proofB);
    }

    function close(uint256 which, uint96 split) external {
        if (_live.length == 0) return;
        ChannelOpen memory opening = _live[which % _live.length];
        uint96 balanceA = _bound(split, 0, opening.fundingA + opening.fundingB);
        _finalise(opening, _state(opening, type(uint64).max, balanceA, true));
        _forget(which % _live.length);
    }

    function dispute(uint256 which, uint96 split, uint64 version, bool byA) external {
        if (_live.length == 0) return;
        ChannelOpen memory opening = _live[which % _live.length];
        uint96 balanceA = _bound(split, 0, opening.fundingA + opening.fundingB);
        try this.sendDispute(opening, version % 100, balanceA, byA ? KEY_A : KEY_B) {
            ++done;
        } catch {}
    }

    function sendDispute(ChannelOpen memory opening, uint64 version, uint96 balanceA, uint256 key) external {
        _dispute(opening, _state(opening, version, balanceA, false), key);
    }

    function resolve(uint256 which, uint96 split, uint64 version) external {
        if (_live.length == 0) return;
        ChannelOpen memory opening = _live[which % _live.length];
        uint96 balanceA = _bound(split, 0, opening.fundingA + opening.fundingB);
        try this.sendResolve(opening, version % 100, balanceA) {
            ++done;
        } catch {}
    }

    function sendResolve(ChannelOpen memory opening, uint64 version, uint96 balanceA) external {
        _resolve(opening, _state(opening, version, balanceA, false));
    }

    function payOut(uint256 which) external {
        if (_live.length == 0) return;
        vm.warp(block.timestamp + CHALLENGE);
        try registry.finaliseDisputed(terms, _live[which % _live.length]) {
            _forget(which % _live.length);
        } catch {}
    }

    function expire(uint256 which) external {
        if (_live.length == 0) return;
        vm.warp(block.timestamp + 1 days + 1);
        try registry.disputeKnown(terms, _live[which % _live.length], "") {
            ++done;
        } catch {}
    }

    function withdrawTreasury(uint256 which, uint96 amount) external {
        IMerchantContract merchant = merchants[which % 2];
        address owner = merchant.merchant();
        amount = _bound(amount, 0, merchant.treasury().free);
        vm.prank(owner);
        merchant.withdrawTreasury(owner, amount);
        vm.prank(owner);
        token.approve(address(merchant), amount / 2);
        vm.prank(owner);
        merchant.depositTreasury(amount / 2, "");
    }

    function withdrawEarnings(uint256 which, bool isA) external {
        IMerchantContract merchant = merchants[which % 2];
        (bytes32 serial, address holder) = isA ? (NOTE_A, terms.partyA) : (NOTE_B, terms.partyB);
        if (merchant.noteOf(serial, holder).position <= 0) return;
        vm.prank(holder);
        merchant.withdrawEarnings(serial, holder, holder, "");
        ++done;
    }

    function requireInvariants() external view {
        _requireSolvent();
        _requireEqual(token.balanceOf(address(registry)), locked);
        for (uint256 i = 0; i < 2; ++i) {
            _requireReserved(i);
            _requireEarnings(i);
        }
        for (uint256 i = 0; i < _live.length; ++i) {
            _require(
                registry.channelOf(hasher.opening(_live[i])).status == ChannelStatus.Open, "lost a channel"
            );
        }
    }

    /// @dev The treasury binds exactly what the open channels of its notes need; no note exceeds its amount.
    function _requireReserved(uint256 which) private view {
        uint256 ofA = 0;
        uint256 ofB = 0;
        for (uint256 i = 0; i < _live.length; ++i) {
            if (_live[i].sourceA == address(merchants[which])) ofA += _live[i].fundingA;
            if (_live[i].sourceB == address(merchants[which])) ofB += _live[i].fundingB;
        }
        _requireEqual(merchants[which].treasury().reserved, ofA + ofB);
        _requireNote(merchants[which].noteOf(NOTE_A, terms.partyA), ofA);
        _requireNote(merchants[which].noteOf(NOTE_B, terms.partyB), ofB);
    }

    function _requireNote(NoteAccount memory note, uint256 reserved) private pure {
        _requireEqual(note.reserved, reserved);
        uint256 debt = note.position < 0 ? uint256(-int256(note.position)) : 0;
        if (note.validUntil != 0) _requireEqual(uint256(note.available) + note.reserved + debt, NOTE);
    }

    function _requireEarnings(uint256 which) private view {
        int256 a = merchants[which].noteOf(NOTE_A, terms.partyA).position;
        int256 b = merchants[which].noteOf(NOTE_B, terms.partyB).position;
        uint256 owed = (a > 0 ? uint256(a) : 0) + (b > 0 ? uint256(b) : 0);
        _requireEqual(merchants[which].treasury().earnings, owed);
    }

    function _forget(uint256 position) private {
        ChannelOpen memory opening = _live[position];
        if (opening.sourceA == address(0)) locked -= opening.fundingA;
        if (opening.sourceB == address(0)) locked -= opening.fundingB;
        _live[position] = _live[_live.length - 1];
        _live.pop();
        ++done;
    }

    function _source(uint256 kind) private view returns (address) {
        return kind == 2 ? address(0) : address(merchants[kind]);
    }

    function _proof(uint256 kind, bool isA) private view returns (bytes memory) {
        if (kind == 2) return "";
        (bytes32 serial, address holder) = isA ? (NOTE_A, terms.partyA) : (NOTE_B, terms.partyB);
        return _noteProof(kind, kind == 0 ? KEY_M : KEY_N, serial, holder, NOTE);
    }
}

/// @notice Whatever is done: tokens in = tokens out + held, per contract, after every step.
contract SolvencyTest {
    struct Targets {
        address target;
        bytes4[] selectors;
    }

    Trader private _trader;

    error Idle(uint256 done);

    function setUp() public {
        _trader = new Trader();
    }

    /// @dev Read by forge: what it plays with.
    function targetSelectors() external view returns (Targets[] memory targets) {
        targets = new Targets[](1);
        targets[0].target = address(_trader);
        targets[0].selectors = new bytes4[](8);
        targets[0].selectors[0] = Trader.open.selector;
        targets[0].selectors[1] = Trader.close.selector;
        targets[0].selectors[2] = Trader.dispute.selector;
        targets[0].selectors[3] = Trader.resolve.selector;
        targets[0].selectors[4] = Trader.payOut.selector;
        targets[0].selectors[5] = Trader.expire.selector;
        targets[0].selectors[6] = Trader.withdrawTreasury.selector;
        targets[0].selectors[7] = Trader.withdrawEarnings.selector;
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_trader);
    }

    function invariant_booksEqualTokens() external view {
        _trader.requireInvariants();
    }

    /// @dev A play in which nothing happens would prove nothing.
    function afterInvariant() external view {
        if (_trader.done() < 5) revert Idle(_trader.done());
    }
}
