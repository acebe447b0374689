// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TestStablecoin} from "../../src/TestStablecoin.sol";

/// @notice A coin whose owner blocks accounts, as the issuers of real ones do.
contract BlockingStablecoin is TestStablecoin {
    mapping(address account => bool) public isBlocked;

    error Blocked(address account);

    constructor(address owner) TestStablecoin(owner) {}

    function setBlocked(address account, bool blocked) external onlyOwner {
        isBlocked[account] = blocked;
    }

    function _update(address from, address to, uint256 value) internal override {
        if (isBlocked[from]) revert Blocked(from);
        if (isBlocked[to]) revert Blocked(to);
        super._update(from, to, value);
    }
}
