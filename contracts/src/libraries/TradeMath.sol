// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Integer arithmetic of a trade
library TradeMath {
    /// @notice Watt-hours in the kilowatt-hour that prices refer to.
    uint256 internal constant WH_PER_KWH = 1000;

    /// @notice `ceil(quantityWh * pricePerKwh / 1000)` in micro-units; can't overflow 256 bits.
    function amount(uint64 quantityWh, uint64 pricePerKwh) internal pure returns (uint256) {
        return (uint256(quantityWh) * pricePerKwh + WH_PER_KWH - 1) / WH_PER_KWH;
    }

    /// @notice What a seller gives back for `shortfallWh`, before it is cut to the seller's balance: at the
    /// higher of both prices, so that selling without delivering never pays.
    function refund(uint64 shortfallWh, uint64 pricePerKwh, uint64 imbalancePerKwh)
        internal
        pure
        returns (uint256)
    {
        return amount(shortfallWh, pricePerKwh > imbalancePerKwh ? pricePerKwh : imbalancePerKwh);
    }
}
