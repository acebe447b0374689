// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IChannelFacts} from "../src/interfaces/IChannelFacts.sol";
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
}
