// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TestStablecoin} from "../../src/TestStablecoin.sol";

/// @notice A coin that calls somebody while it moves, as ERC-777 and other tokens with hooks do, and that can
/// refuse to move to one account.
contract HookedStablecoin is TestStablecoin {
    address public refused;
    bool public called;
    bool public cameIn;
    address private _target;
    bytes private _data;

    error Refused(address account);

    constructor(address owner) TestStablecoin(owner) {}

    /// @notice The next movement calls `target` once.
    function arm(address target, bytes calldata data) external {
        (_target, _data, called, cameIn) = (target, data, false, false);
    }

    function refuse(address account) external {
        refused = account;
    }

    function _update(address from, address to, uint256 value) internal override {
        if (to != address(0) && to == refused) revert Refused(to);
        super._update(from, to, value);
        if (_target == address(0) || called) return;
        called = true;
        (cameIn,) = _target.call(_data);
    }
}
