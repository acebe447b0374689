// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC3009} from "@openzeppelin/contracts/interfaces/draft-IERC3009.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {Market} from "./support/Market.sol";
import {vm} from "./support/Vm.sol";

/// @notice Transfers by authorization (ERC-3009): once, in time, to the named receiver, for the signed amount.
contract TestStablecoinTest is Market {
    bytes32 private constant TRANSFER = keccak256(
        "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );
    bytes32 private constant NONCE = keccak256("one transfer");
    address private constant RECEIVER = address(0xCAFE);

    function test_movesExactlyWhatWasSigned() public {
        _transfer(KEY_A, RECEIVER, 5 * COIN, 5 * COIN);
        _requireEqual(token.balanceOf(RECEIVER), 5 * COIN);
        _requireEqual(token.balanceOf(vm.addr(KEY_A)), RICHES - 5 * COIN);
        _require(token.authorizationState(vm.addr(KEY_A), NONCE), "the nonce is used");
        _require(!token.authorizationState(vm.addr(KEY_B), NONCE), "of one owner only");
    }

    function test_countsOnce() public {
        _transfer(KEY_A, RECEIVER, COIN, COIN);
        vm.expectRevert(
            abi.encodeWithSelector(ERC3009.ERC3009UsedAuthorization.selector, vm.addr(KEY_A), NONCE)
        );
        this.transfer(KEY_A, RECEIVER, COIN, COIN, block.timestamp + 1);
    }

    function test_refusesAnotherSignerReceiverOrAmount() public {
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        this.transfer(KEY_B, RECEIVER, COIN, COIN, block.timestamp + 1);
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        this.transfer(KEY_A, address(this), COIN, COIN, block.timestamp + 1);
    }

    function testFuzz_refusesAnotherAmount(uint256 signed, uint256 moved) public {
        vm.assume(signed != moved);
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        this.transfer(KEY_A, RECEIVER, signed, moved, block.timestamp + 1);
    }

    function test_refusesWhatHasRunOut() public {
        uint256 now_ = block.timestamp;
        vm.expectRevert(
            abi.encodeWithSelector(ERC3009.ERC3009InvalidAuthorizationTime.selector, uint256(0), now_)
        );
        this.transfer(KEY_A, RECEIVER, COIN, COIN, now_);
    }

    function _transfer(uint256 key, address to, uint256 signed, uint256 moved) private {
        this.transfer(key, to, signed, moved, block.timestamp + 1);
    }

    /// @dev A's tokens, by a signature of `key` for RECEIVER and `signed`; external, so that reverts are seen.
    function transfer(uint256 key, address to, uint256 signed, uint256 moved, uint256 before) external {
        address from = vm.addr(KEY_A);
        bytes32 structHash = keccak256(abi.encode(TRANSFER, from, RECEIVER, signed, 0, before, NONCE));
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), structHash));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        IERC3009(address(token)).transferWithAuthorization(from, to, moved, 0, before, NONCE, v, r, s);
    }
}
