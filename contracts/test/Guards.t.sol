// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IChannelFacts} from "../src/interfaces/IChannelFacts.sol";
import {ITokenPayouts} from "../src/interfaces/ITokenPayouts.sol";
import {Signature} from "../src/libraries/Signatures.sol";
import {ChannelOpen, EntityContract, StateBody} from "../src/libraries/TypedData.sol";
import {Market} from "./support/Market.sol";
import {vm} from "./support/Vm.sol";

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

    function test_aPermitIsThreeWordsOrNothing() public {
        token.mint(address(this), 1);
        token.approve(address(merchants[0]), 1);
        vm.expectRevert(abi.encodeWithSelector(ITokenPayouts.WrongPermitLength.selector, 1));
        merchants[0].depositTreasury(1, hex"01");
    }
}
