// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title Payouts that fell back to being claimed
interface ITokenPayouts {
    /// @notice A push failed; `owner` may claim `amount`.
    event PayoutHeld(address indexed owner, uint256 amount);
    /// @notice `owner` had its held balance sent to `to`.
    event PayoutClaimed(address indexed owner, address indexed to, uint256 amount);

    error NothingHeld(address owner);
    /// @notice The token took a fee on the way: such a token can't be used here.
    error FeeOnTransfer(uint256 expected, uint256 received);
    /// @notice A permit is `abi.encode(deadline, r, vs)`: 96 bytes, or nothing.
    error WrongPermitLength(uint256 length);

    /// @notice Sends all that is held for `owner` to `to`.
    /// @param signature empty if `owner` sends it itself, else its signature over
    /// `PayoutClaim(owner, to, nonce)` with the nonce of `nonces(owner)`.
    function claimPayout(address owner, address to, bytes calldata signature) external;

    /// @notice What everything is paid in.
    function token() external view returns (IERC20);

    /// @notice Micro-units held for `owner`.
    function heldPayout(address owner) external view returns (uint256);
}
