// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Channel, ChannelStatus, Disputer, DisputeCounts, Record} from "../interfaces/IEntityContracts.sol";
import {NoteAccount, Treasury} from "../interfaces/IMerchantContract.sol";

/// @title The one-slot records of the contracts
/// @notice Each record is read and written as one word. (The compiler would touch the slot once a member.)
library Packing {
    // casting down is safe throughout because each member is cut out of its own bits
    // forge-lint: disable-start(unsafe-typecast)

    function pack(Channel memory channel) internal pure returns (uint256) {
        return uint256(channel.status) | uint256(channel.recorded ? 1 : 0) << 8 | uint256(channel.fundingA)
            << 16 | uint256(channel.fundingB) << 112;
    }

    function unpackChannel(uint256 word) internal pure returns (Channel memory) {
        return Channel({
            status: ChannelStatus(uint8(word)),
            recorded: word >> 8 & 1 == 1,
            fundingA: uint96(word >> 16),
            fundingB: uint96(word >> 112)
        });
    }

    function pack(Record memory record) internal pure returns (uint256) {
        return uint256(record.version) | uint256(record.balanceA) << 64 | uint256(record.deadline) << 160
            | uint256(record.disputer) << 200 | uint256(record.staleA) << 208 | uint256(record.staleB) << 216
            | uint256(record.enforced ? 1 : 0) << 224 | uint256(record.refunded ? 1 : 0) << 232;
    }

    function unpackRecord(uint256 word) internal pure returns (Record memory) {
        return Record({
            version: uint64(word),
            balanceA: uint96(word >> 64),
            deadline: uint40(word >> 160),
            disputer: Disputer(uint8(word >> 200)),
            staleA: uint8(word >> 208),
            staleB: uint8(word >> 216),
            enforced: word >> 224 & 1 == 1,
            refunded: word >> 232 & 1 == 1
        });
    }

    function pack(DisputeCounts memory counts) internal pure returns (uint256) {
        return uint256(counts.created ? 1 : 0) | uint256(counts.raised) << 8 | uint256(counts.resolved) << 40
            | uint256(counts.failed) << 72 | uint256(counts.stale) << 104;
    }

    function unpackCounts(uint256 word) internal pure returns (DisputeCounts memory) {
        return DisputeCounts({
            created: word & 1 == 1,
            raised: uint32(word >> 8),
            resolved: uint32(word >> 40),
            failed: uint32(word >> 72),
            stale: uint32(word >> 104)
        });
    }

    function pack(Treasury memory books) internal pure returns (uint256) {
        return uint256(books.free) | uint256(books.reserved) << 64 | uint256(books.earnings) << 128
            | uint256(books.collateral) << 192;
    }

    function unpackTreasury(uint256 word) internal pure returns (Treasury memory) {
        return Treasury({
            free: uint64(word),
            reserved: uint64(word >> 64),
            earnings: uint64(word >> 128),
            collateral: uint64(word >> 192)
        });
    }

    function pack(NoteAccount memory note) internal pure returns (uint256) {
        return uint256(note.available) | uint256(note.reserved) << 64 | uint256(uint64(note.position)) << 128
            | uint256(note.validUntil) << 192 | uint256(note.lastSettled) << 224;
    }

    function unpackNote(uint256 word) internal pure returns (NoteAccount memory) {
        return NoteAccount({
            available: uint64(word),
            reserved: uint64(word >> 64),
            position: int64(uint64(word >> 128)),
            validUntil: uint32(word >> 192),
            lastSettled: uint32(word >> 224)
        });
    }
    // forge-lint: disable-end(unsafe-typecast)
}
