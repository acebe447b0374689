// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice A compact signature: 64 bytes, the recovery bit in the top bit of `vs` (EIP-2098).
struct Signature {
    bytes32 r;
    bytes32 vs;
}

/// @title Checks of compact secp256k1 signatures
/// @notice Both halves of the curve order sign the same message; only the low half is accepted here, so that
/// a signature has one form (EIP-2). An unreadable signature is an error, never the zero address.
library Signatures {
    /// @notice The signature is good, but of another key (or over other data).
    error WrongSigner(address expected, address recovered);
    /// @notice Optional signatures are 64 bytes (EIP-2098); any other length is no signature.
    error WrongSignatureLength(uint256 length);

    uint256 private constant HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

    /// @notice Reverts unless `signature` over `digest` is `signer`'s.
    function requireSigner(bytes32 digest, Signature memory signature, address signer) internal pure {
        requireSigner(digest, signature.r, signature.vs, signer);
    }

    /// @notice The same of a signature that needn't be copied to memory first.
    function requireSigner(bytes32 digest, bytes32 r, bytes32 vs, address signer) internal pure {
        address recovered = recover(digest, r, vs);
        if (recovered != signer) revert WrongSigner(signer, recovered);
    }

    /// @notice Who signed `digest`; raises OpenZeppelin's errors, as its `ECDSA.recover` does at twice the gas.
    function recover(bytes32 digest, bytes32 r, bytes32 vs) internal pure returns (address recovered) {
        uint256 s = uint256(vs) & type(uint256).max >> 1;
        if (s > HALF_ORDER) revert ECDSA.ECDSAInvalidSignatureS(bytes32(s));
        unchecked {
            // 27 or 28
            recovered = ecrecover(digest, uint8(27 + (uint256(vs) >> 255)), r, bytes32(s));
        }
        if (recovered == address(0)) revert ECDSA.ECDSAInvalidSignature();
    }

    /// @notice Who signed `digest`; `data` is 64 bytes.
    function recover(bytes32 digest, bytes calldata data) internal pure returns (address) {
        Signature memory signature = read(data);
        return recover(digest, signature.r, signature.vs);
    }

    /// @notice Reads 64 bytes as a compact signature.
    function read(bytes calldata data) internal pure returns (Signature memory) {
        if (data.length != 64) revert WrongSignatureLength(data.length);
        return Signature(bytes32(data[:32]), bytes32(data[32:]));
    }

    /// @notice The three-part form that ERC-2612 wants.
    function expand(Signature memory signature) internal pure returns (uint8 v, bytes32 r, bytes32 s) {
        v = uint8(uint256(signature.vs) >> 255) + 27;
        r = signature.r;
        s = bytes32(uint256(signature.vs) & type(uint256).max >> 1);
    }
}
