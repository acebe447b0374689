// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TestStablecoin} from "../../src/TestStablecoin.sol";

/// @notice A coin that keeps one micro-unit of every transfer.
contract FeeStablecoin is TestStablecoin {
    constructor(address owner) TestStablecoin(owner) {}

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (from != address(0) && to != address(0) && value != 0) super._update(to, address(0), 1);
    }
}
