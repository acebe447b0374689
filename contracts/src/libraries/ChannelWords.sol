// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ChannelStatus} from "../interfaces/IChannelFacts.sol";

/// @title A channel's word, read where it lies
/// @notice The same word as `Packing`'s Channel; every call needs it, and most need one or two members.
library ChannelWords {
    function isOpen(uint256 channel) internal pure returns (bool) {
        return channel & type(uint8).max == uint256(ChannelStatus.Open);
    }

    /// @notice Whether the ledger keeps a record of the channel.
    function recorded(uint256 channel) internal pure returns (bool) {
        return channel >> 8 & 1 == 1;
    }

    function nowRecorded(uint256 channel) internal pure returns (uint256) {
        return channel | 1 << 8;
    }

    function fundingA(uint256 channel) internal pure returns (uint96) {
        // casting to 'uint96' is safe because these are the 96 bits that hold it
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint96(channel >> 16);
    }

    function fundingB(uint256 channel) internal pure returns (uint96) {
        // casting to 'uint96' is safe because these are the 96 bits that hold it
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint96(channel >> 112);
    }
}
