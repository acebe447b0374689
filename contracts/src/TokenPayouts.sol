// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ITokenPayouts} from "./interfaces/ITokenPayouts.sol";
import {Signature, Signatures} from "./libraries/Signatures.sol";
import {TypedData} from "./libraries/TypedData.sol";

/// @title Tokens in and out of a contract that must never be stopped by a payee
/// @notice Payouts are pushed. A push that fails (a token may block an address) becomes a balance that its
/// owner claims, to any address, by itself or by a signature that anyone may bring.
abstract contract TokenPayouts is ITokenPayouts, EIP712, Nonces, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    IERC20 public immutable token;

    mapping(address owner => uint256) public heldPayout;

    constructor(IERC20 token_) EIP712("Wattnote", "1") {
        token = token_;
    }

    /// @inheritdoc ITokenPayouts
    function claimPayout(address owner, address to, bytes calldata signature) external nonReentrant {
        uint256 amount = heldPayout[owner];
        if (amount == 0) revert NothingHeld(owner);
        _requireConsent(owner, TypedData.payoutClaim(owner, to, nonces(owner)), signature);
        heldPayout[owner] = 0;
        _afterClaim(amount);
        emit PayoutClaimed(owner, to, amount);
        token.safeTransfer(to, amount);
    }

    /// @dev Sends `amount` to `to`; if the token refuses, holds it for `owner` and says false.
    function _push(address to, uint256 amount, address owner) internal returns (bool sent) {
        if (amount == 0) return true;
        sent = token.trySafeTransfer(to, amount);
        if (!sent) {
            heldPayout[owner] += amount;
            _afterHold(amount);
            emit PayoutHeld(owner, amount);
        }
    }

    /// @dev Takes `amount` of `from`'s allowance. A token that delivers less than it was told to is refused.
    function _pull(address from, uint256 amount) internal {
        if (amount == 0) return;
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(from, address(this), amount);
        _requireReceived(before, amount);
    }

    /// @dev Takes `amount` by `owner`'s permit or standing allowance; the caller checks what arrived.
    function _take(address owner, uint256 amount, bytes calldata permit) internal {
        _usePermit(owner, amount, permit);
        token.safeTransferFrom(owner, address(this), amount);
    }

    /// @dev Raises unless the balance grew from `before` by exactly `amount`.
    function _requireReceived(uint256 before, uint256 amount) internal view {
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != amount) revert FeeOnTransfer(amount, received);
    }

    /// @dev Uses an ERC-2612 permit of `owner` for exactly `amount`; `data` is empty (an allowance is there
    /// already) or `abi.encode(deadline, r, vs)`. A permit that was front-run has left the allowance that it
    /// is for, so its failure is ignored: the transfer that follows decides.
    function _usePermit(address owner, uint256 amount, bytes calldata data) internal {
        if (data.length == 0) return;
        if (data.length != 96) revert WrongPermitLength(data.length);
        (uint256 deadline, Signature memory signature) = abi.decode(data, (uint256, Signature));
        (uint8 v, bytes32 r, bytes32 s) = Signatures.expand(signature);
        try IERC20Permit(address(token)).permit(owner, address(this), amount, deadline, v, r, s) {} catch {}
    }

    /// @dev Raises unless `owner` sent the call or signed `structHash`, whose nonce is then used up.
    function _requireConsent(address owner, bytes32 structHash, bytes calldata signature) internal {
        if (msg.sender != owner) {
            Signatures.requireSigner(_hashTypedDataV4(structHash), Signatures.read(signature), owner);
        }
        _useNonce(owner);
    }

    /// @dev Called when a payout became held.
    function _afterHold(uint256 amount) internal virtual {}

    /// @dev Called when a held payout leaves.
    function _afterClaim(uint256 amount) internal virtual {}
}
