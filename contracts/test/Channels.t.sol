// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITokenPayouts} from "../src/interfaces/ITokenPayouts.sol";
import {IChannelFacts, Record} from "../src/interfaces/IChannelFacts.sol";
import {NoteAccount, Treasury} from "../src/interfaces/IMerchantContract.sol";
import {ChannelOpen, StateBody} from "../src/libraries/TypedData.sol";
import {FeeStablecoin} from "./support/FeeStablecoin.sol";
import {Market} from "./support/Market.sol";
import {vm} from "./support/Vm.sol";

/// @notice One channel at a time; the snapshot of these tests' gas is committed.
contract ChannelsTest is Market {
    uint96 private constant FUNDING = 50 * COIN;

    function setUp() public override {
        super.setUp();
        _fillTreasuries(1000 * COIN);
    }

    function test_lifeWithDeposits() public {
        ChannelOpen memory opening = _opening(FUNDING, FUNDING, address(0), address(0));
        _open(opening, "", "");
        _requireEqual(token.balanceOf(address(registry)), 2 * FUNDING);
        _finalise(opening, _state(opening, 5, 20 * COIN, true));
        _requireEqual(token.balanceOf(terms.partyA), RICHES - 30 * COIN);
        _requireEqual(token.balanceOf(terms.partyB), RICHES + 30 * COIN);
    }

    function test_lifeWithNotesOfOneMerchant() public {
        ChannelOpen memory opening = _withNotes(0, 0);
        _finalise(opening, _state(opening, 5, 20 * COIN, true));
        _requireTreasury(0, 970 * COIN, 0, 30 * COIN);
    }

    function test_lifeWithNotesOfTwoMerchants() public {
        ChannelOpen memory opening = _withNotes(0, 1);
        _finalise(opening, _state(opening, 5, 20 * COIN, true));
        _requireTreasury(0, 970 * COIN, 0, 0);
        _requireTreasury(1, 1000 * COIN, 0, 30 * COIN);
    }

    function test_disputeUnansweredPaysTheDisputedState() public {
        ChannelOpen memory opening = _withNotes(0, 0);
        _dispute(opening, _state(opening, 5, 20 * COIN, false), KEY_B);
        vm.warp(block.timestamp + CHALLENGE);
        registry.finaliseDisputed(terms, opening);
        _requireTreasury(0, 970 * COIN, 0, 30 * COIN);
    }

    function test_disputeAnsweredGoesOn() public {
        ChannelOpen memory opening = _withNotes(0, 0);
        _dispute(opening, _state(opening, 5, 20 * COIN, false), KEY_B);
        _resolve(opening, _state(opening, 9, 60 * COIN, false));
        Record memory known = registry.recordOf(hasher.opening(opening));
        _requireEqual(known.version, 9);
        _requireEqual(known.staleB, 1);
        _finalise(opening, _state(opening, 10, 70 * COIN, true));
        _requireTreasury(0, 978 * COIN, 0, 22 * COIN);
    }

    function test_expiryFreesTheDeposits() public {
        ChannelOpen memory opening = _opening(FUNDING, FUNDING, address(0), address(0));
        _open(opening, "", "");
        vm.expectRevert(abi.encodeWithSelector(IChannelFacts.NotParty.selector, address(this)));
        registry.disputeKnown(terms, opening, "");
        vm.warp(opening.expiry + 1);
        registry.disputeKnown(terms, opening, "");
        vm.warp(block.timestamp + CHALLENGE);
        registry.finaliseDisputed(terms, opening);
        _requireEqual(token.balanceOf(terms.partyA), RICHES);
        _requireEqual(token.balanceOf(terms.partyB), RICHES);
    }

    function test_aTokenWithAFeeIsRefused() public {
        _deploy(address(new FeeStablecoin(address(this))));
        ChannelOpen memory opening = _opening(FUNDING, FUNDING, address(0), address(0));
        vm.expectRevert(
            abi.encodeWithSelector(ITokenPayouts.FeeOnTransfer.selector, 2 * FUNDING, 2 * FUNDING - 2)
        );
        this.open(opening);
        token.mint(address(this), FUNDING);
        token.approve(address(merchants[0]), FUNDING);
        vm.expectRevert(abi.encodeWithSelector(ITokenPayouts.FeeOnTransfer.selector, FUNDING, FUNDING - 1));
        merchants[0].depositTreasury(FUNDING, "");
    }

    function open(ChannelOpen memory opening) external {
        _open(opening, "", "");
    }

    function _withNotes(uint256 first, uint256 second) private returns (ChannelOpen memory opening) {
        opening = _opening(FUNDING, FUNDING, address(merchants[first]), address(merchants[second]));
        bytes memory proofA = _noteProof(first, KEY_M, NOTE_A, terms.partyA, 200 * COIN);
        uint256 signer = second == 0 ? KEY_M : KEY_N;
        bytes memory proofB = _noteProof(second, signer, NOTE_B, terms.partyB, 200 * COIN);
        _open(opening, proofA, proofB);
    }

    function _requireTreasury(uint256 which, uint256 free, uint256 reserved, uint256 earnings) private view {
        Treasury memory books = merchants[which].treasury();
        _requireEqual(books.free, free);
        _requireEqual(books.reserved, reserved);
        _requireEqual(books.earnings, earnings);
        _requireSolvent();
    }
}

/// @notice Any channel, funded and closed in any way, conserves the money to the micro-unit.
contract ConservationTest is Market {
    uint256 private constant DEPOSIT = 2;
    uint96 private constant NOTE = 500 * COIN;

    struct Life {
        uint256 kindA; // a merchant's number, or DEPOSIT
        uint256 kindB;
        uint96 fundingA;
        uint96 fundingB;
        uint96 balanceA;
        uint256 ending;
    }

    function testFuzz_tokensInAreTokensOut(uint256 kinds, uint96 a, uint96 b, uint96 split, uint8 ending)
        public
    {
        Life memory life;
        life.kindA = kinds % 3;
        life.kindB = kinds / 3 % 3;
        life.fundingA = _bound(a, 0, NOTE);
        life.fundingB = _bound(b, life.fundingA == 0 ? 1 : 0, NOTE);
        life.balanceA = _bound(split, 0, life.fundingA + life.fundingB);
        life.ending = ending % 4;
        _fillTreasuries(1000 * COIN);
        uint256 supply = token.totalSupply();
        (int256 beforeA, int256 beforeB) = (_wealth(life.kindA, true), _wealth(life.kindB, false));

        ChannelOpen memory opening =
            _opening(life.fundingA, life.fundingB, _source(life.kindA), _source(life.kindB));
        _open(opening, _proof(life.kindA, true), _proof(life.kindB, false));
        _requireNotesWhole(life);
        uint96 paidA = _end(opening, life);

        int256 gain = int256(uint256(paidA)) - int256(uint256(life.fundingA));
        _requireInt(_wealth(life.kindA, true) - beforeA, gain);
        _requireInt(_wealth(life.kindB, false) - beforeB, -gain);
        _requireEqual(token.balanceOf(address(registry)), 0);
        _requireEqual(token.totalSupply(), supply);
        _requireNotesWhole(life);
        _requireSolvent();
    }

    function _end(ChannelOpen memory opening, Life memory life) private returns (uint96 paidA) {
        if (life.ending == 0) {
            _finalise(opening, _state(opening, 7, life.balanceA, true));
            return life.balanceA;
        }
        _dispute(opening, _state(opening, 5, life.fundingA, false), KEY_A);
        if (life.ending == 1) {
            vm.warp(block.timestamp + CHALLENGE);
            registry.finaliseDisputed(terms, opening);
            return life.fundingA;
        }
        StateBody memory newer = _state(opening, 9, life.balanceA, life.ending == 2);
        _resolve(opening, newer);
        if (life.ending == 3) _finalise(opening, _state(opening, 11, life.balanceA, true));
        uint96 penalty = life.balanceA < terms.stalePenalty ? life.balanceA : terms.stalePenalty;
        return life.balanceA - penalty;
    }

    /// @dev What a side owns where its funding comes from: tokens, or its note's position.
    function _wealth(uint256 kind, bool isA) private view returns (int256) {
        address party = isA ? terms.partyA : terms.partyB;
        if (kind == DEPOSIT) return int256(token.balanceOf(party));
        return merchants[kind].noteOf(isA ? NOTE_A : NOTE_B, party).position;
    }

    function _source(uint256 kind) private view returns (address) {
        return kind == DEPOSIT ? address(0) : address(merchants[kind]);
    }

    function _proof(uint256 kind, bool isA) private view returns (bytes memory) {
        if (kind == DEPOSIT) return "";
        address party = isA ? terms.partyA : terms.partyB;
        return _noteProof(kind, kind == 0 ? KEY_M : KEY_N, isA ? NOTE_A : NOTE_B, party, NOTE);
    }

    function _requireNotesWhole(Life memory life) private view {
        if (life.kindA != DEPOSIT) _requireNoteWhole(life.kindA, NOTE_A, terms.partyA);
        if (life.kindB != DEPOSIT) _requireNoteWhole(life.kindB, NOTE_B, terms.partyB);
    }

    function _requireNoteWhole(uint256 kind, bytes32 serial, address holder) private view {
        NoteAccount memory note = merchants[kind].noteOf(serial, holder);
        int256 debt = note.position < 0 ? -int256(note.position) : int256(0);
        _requireInt(
            int256(uint256(note.available)) + int256(uint256(note.reserved)) + debt, int256(uint256(NOTE))
        );
    }

    function _requireInt(int256 left, int256 right) private pure {
        _require(left == right, "the sums differ");
    }
}
