// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ChannelBooks} from "../src/ChannelBooks.sol";
import {TestStablecoin} from "../src/TestStablecoin.sol";
import {Disputer, IChannelFacts, Record} from "../src/interfaces/IChannelFacts.sol";
import {ITokenPayouts} from "../src/interfaces/ITokenPayouts.sol";
import {Signature, Signatures} from "../src/libraries/Signatures.sol";
import {ChannelOpen, EntityContract, StateBody} from "../src/libraries/TypedData.sol";
import {HookedStablecoin} from "./support/HookedStablecoin.sol";
import {Market} from "./support/Market.sol";
import {Log, vm} from "./support/Vm.sol";

/// @notice Single checks, at their boundaries: what whole lives of channels pass by.
contract GuardsTest is Market {
    uint96 private constant FUNDING = 10 * COIN;
    uint256 private constant KEY_X = 0x0FF1CE;
    uint256 private constant KEY_Y = 0xBADBAD;

    /// @dev The attack: terms of the thief's own two keys, with somebody else's opening.
    function test_nobodyElsesTermsTouchAChannel() public {
        ChannelOpen memory opening = _opening(FUNDING, FUNDING, address(0), address(0));
        _open(opening, "", "");
        EntityContract memory own = terms;
        (own.partyA, own.partyB) = (vm.addr(KEY_X), vm.addr(KEY_Y));
        bytes memory refusal =
            abi.encodeWithSelector(IChannelFacts.WrongTerms.selector, hasher.terms(own), opening.scid);
        StateBody memory state = _state(opening, 3, 2 * FUNDING, true);
        bytes32 digest = _digest(address(registry), hasher.state(state, hasher.opening(opening)));
        (Signature memory x, Signature memory y) = (_sign(KEY_X, digest), _sign(KEY_Y, digest));
        vm.expectRevert(refusal);
        registry.finalise(own, opening, state, x, y);
        vm.prank(own.partyA);
        vm.expectRevert(refusal);
        registry.disputeKnown(own, opening, "");
    }

    function test_aPairThatNeverCameToBeOpensNothing() public {
        ChannelOpen memory opening = _opening(FUNDING, FUNDING, address(0), address(0));
        EntityContract memory unknown = terms;
        unknown.nonce = bytes32(uint256(7));
        opening.scid = hasher.terms(unknown);
        (Signature memory a, Signature memory b) = _both(hasher.opening(opening));
        vm.expectRevert(abi.encodeWithSelector(IChannelFacts.PairUnknown.selector, opening.scid));
        registry.openChannel(unknown, opening, a, b, "", "");
    }

    function test_aChannelOpensUpToTheLastSecond() public {
        ChannelOpen memory opening = _opening(FUNDING, FUNDING, address(0), address(0));
        (Signature memory a, Signature memory b) = _both(hasher.opening(opening));
        bytes32 id = hasher.opening(opening);
        vm.warp(opening.openBy + 1);
        vm.expectRevert(abi.encodeWithSelector(IChannelFacts.OpeningTooLate.selector, id, opening.openBy));
        registry.openChannel(terms, opening, a, b, "", "");
        vm.warp(opening.openBy);
        registry.openChannel(terms, opening, a, b, "", "");
    }

    function test_aChannelThatExpiresNowDoesNotOpen() public {
        ChannelOpen memory opening = _opening(FUNDING, FUNDING, address(0), address(0));
        opening.expiry = uint64(block.timestamp);
        (Signature memory a, Signature memory b) = _both(hasher.opening(opening));
        bytes32 id = hasher.opening(opening);
        vm.expectRevert(abi.encodeWithSelector(IChannelFacts.ChannelExpired.selector, id, opening.expiry));
        registry.openChannel(terms, opening, a, b, "", "");
    }

    function test_aPermitIsThreeWordsOrNothing() public {
        token.mint(address(this), 1);
        token.approve(address(merchants[0]), 1);
        vm.expectRevert(abi.encodeWithSelector(ITokenPayouts.WrongPermitLength.selector, 1));
        merchants[0].depositTreasury(1, hex"01");
    }

    /// @dev The attack: a state of the thief's own making, under its own signature twice, or beyond the funding.
    function test_onlyWhatBothSignedAndTheFundingHoldsIsDisputedOrResolves() public {
        ChannelOpen memory opening = _opening(FUNDING, FUNDING, address(0), address(0));
        _open(opening, "", "");
        StateBody memory state = _state(opening, 3, 2 * FUNDING, false);
        (Signature memory a, Signature memory b) = _coSigned(opening, state);
        StateBody memory rich = StateBody(3, 2, 2 * FUNDING, FUNDING, 0, 0, 0, false);
        (Signature memory richA, Signature memory richB) = _coSigned(opening, rich);
        bytes memory beyond =
            abi.encodeWithSelector(IChannelFacts.WrongBalances.selector, 3 * FUNDING, 2 * FUNDING);
        vm.prank(terms.partyA);
        vm.expectPartialRevert(Signatures.WrongSigner.selector);
        registry.dispute(terms, opening, state, a, a, "");
        vm.prank(terms.partyB);
        vm.expectPartialRevert(Signatures.WrongSigner.selector);
        registry.dispute(terms, opening, state, b, b, "");
        vm.prank(terms.partyA);
        vm.expectRevert(beyond);
        registry.dispute(terms, opening, rich, richA, richB, "");
        vm.prank(terms.partyB);
        registry.disputeKnown(terms, opening, "");
        vm.expectPartialRevert(Signatures.WrongSigner.selector);
        registry.resolve(terms, opening, state, a, a);
        vm.expectPartialRevert(Signatures.WrongSigner.selector);
        registry.resolve(terms, opening, state, b, b);
        vm.expectRevert(beyond);
        registry.resolve(terms, opening, rich, richA, richB);
    }

    function test_strangersDisputeOnlyAfterTheLastSecond() public {
        ChannelOpen memory opening = _opening(FUNDING, FUNDING, address(0), address(0));
        _open(opening, "", "");
        vm.warp(opening.expiry);
        vm.expectRevert(abi.encodeWithSelector(IChannelFacts.NotParty.selector, address(this)));
        registry.disputeKnown(terms, opening, "");
        vm.warp(opening.expiry + 1);
        registry.disputeKnown(terms, opening, "");
    }

    function test_aCloseWithoutADisputeResolvesNone() public {
        ChannelOpen memory opening = _opening(FUNDING, FUNDING, address(0), address(0));
        _open(opening, "", "");
        StateBody memory state = _state(opening, 2, FUNDING, false);
        (Signature memory a, Signature memory b) = _coSigned(opening, state);
        registry.checkpoint(terms, opening, state, a, b);
        vm.recordLogs();
        _finalise(opening, _state(opening, 3, FUNDING, true));
        _require(_resolvedWith(vm.getRecordedLogs()) == type(uint256).max, "a dispute was resolved");
    }

    /// @dev Two states of one version: neither is an answer to the other.
    function test_aFinalStateOfTheDisputedVersionIsNoAnswer() public {
        ChannelOpen memory opening = _opening(FUNDING, FUNDING, address(0), address(0));
        _open(opening, "", "");
        _dispute(opening, _state(opening, 5, FUNDING, false), KEY_A);
        _finalise(opening, _state(opening, 5, FUNDING, true));
        _requireEqual(registry.disputesOf(scid).resolved, 0);
    }

    function test_aFinalAnswerEndsADisputeAfterTheExpiryToo() public {
        ChannelOpen memory opening = _opening(FUNDING, FUNDING, address(0), address(0));
        _open(opening, "", "");
        vm.warp(opening.expiry + 1);
        _dispute(opening, _state(opening, 5, FUNDING, false), KEY_A);
        vm.recordLogs();
        _resolve(opening, _state(opening, 7, FUNDING, true));
        _requireEqual(_resolvedWith(vm.getRecordedLogs()), 0);
    }

    function test_aChannelGoesOnUpToTheLastSecond() public {
        ChannelOpen memory opening = _opening(FUNDING, FUNDING, address(0), address(0));
        _open(opening, "", "");
        vm.warp(opening.expiry - 1);
        _dispute(opening, _state(opening, 5, FUNDING, false), KEY_A);
        vm.warp(opening.expiry);
        _resolve(opening, _state(opening, 7, FUNDING, false));
        _requireEqual(registry.recordOf(hasher.opening(opening)).deadline, 0);
        vm.prank(terms.partyA);
        registry.disputeKnown(terms, opening, "");
        vm.warp(opening.expiry + 1);
        _resolve(opening, _state(opening, 9, FUNDING, false));
        _require(registry.recordOf(hasher.opening(opening)).deadline != 0, "it goes on");
    }

    function test_aClosedChannelLeavesNoRecord() public {
        ChannelOpen memory opening = _opening(FUNDING, FUNDING, address(0), address(0));
        bytes32 id = _open(opening, "", "");
        _dispute(opening, _state(opening, 5, FUNDING, false), KEY_A);
        _finalise(opening, _state(opening, 7, FUNDING, true));
        _requireEqual(registry.recordOf(id).version, 0);
    }

    /// @dev The last second in which the opening can be sent: it must not be sent again.
    function test_anOpeningIsUsedUpInItsLastSecond() public {
        ChannelOpen memory opening = _opening(FUNDING, FUNDING, address(0), address(0));
        (Signature memory a, Signature memory b) = _both(hasher.opening(opening));
        vm.warp(opening.openBy);
        bytes32 id = registry.openChannel(terms, opening, a, b, "", "");
        _finalise(opening, _state(opening, 1, FUNDING, true));
        vm.expectRevert(abi.encodeWithSelector(IChannelFacts.ChannelKnown.selector, id));
        registry.openChannel(terms, opening, a, b, "", "");
    }

    /// @dev A token that refuses even to move nothing must not make debts of nothing, nor stop anyone.
    function test_whereNothingIsDueNothingMoves() public {
        HookedStablecoin hooked = new HookedStablecoin(address(this));
        _deploy(address(hooked));
        ChannelOpen memory opening = _opening(FUNDING, FUNDING, address(0), address(0));
        _open(opening, "", "");
        hooked.refuse(terms.partyA);
        vm.recordLogs();
        _finalise(opening, _state(opening, 1, 0, true));
        Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            _require(logs[i].topics[0] != ITokenPayouts.PayoutHeld.selector, "nothing was held");
        }
        hooked.refuse(address(merchants[0]));
        merchants[0].depositTreasury(0, "");
    }

    function test_coinsAreMintedUpToTheLast() public {
        uint256 left = token.MAX_SUPPLY() - token.totalSupply();
        uint256 before = token.totalSupply();
        vm.expectRevert(abi.encodeWithSelector(TestStablecoin.SupplyExceeded.selector, before + left + 1));
        token.mint(address(this), left + 1);
        token.mint(address(this), left);
    }

    function test_theOwnerAloneNamesMinters() public {
        vm.prank(terms.partyA);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, terms.partyA));
        token.setMinter(terms.partyA, true);
        token.setMinter(terms.partyA, true);
        vm.prank(terms.partyA);
        token.mint(terms.partyA, 1);
    }

    /// @dev The deadline of the dispute that was resolved; the largest number if none was.
    function _resolvedWith(Log[] memory logs) private pure returns (uint256 deadline) {
        deadline = type(uint256).max;
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] != IChannelFacts.DisputeResolved.selector) continue;
            bytes memory data = logs[i].data;
            assembly ("memory-safe") {
                deadline := mload(add(data, mload(data))) // its last word
            }
        }
    }
}

/// @notice Internal bookkeeping that no play reaches the end of.
contract BooksTest is ChannelBooks {
    error Overflown();

    constructor() ChannelBooks(IERC20(address(0))) {}

    /// @dev Else the 256th stale dispute could not be answered.
    function test_staleDisputesAreCountedUpToTheLimit() public pure {
        for (uint256 count = 253; count < 258; ++count) {
            uint8 most = count < 255 ? uint8(count) : 255;
            Record memory record = Record(1, 0, 0, Disputer.PartyA, most, most, false, false);
            _blame(record);
            uint8 next = most < 255 ? most + 1 : 255;
            if (record.staleA != next || record.staleB != most) revert Overflown();
            record = Record(1, 0, 0, Disputer.PartyB, most, most, false, false);
            _blame(record);
            if (record.staleA != most || record.staleB != next) revert Overflown();
        }
    }
}
