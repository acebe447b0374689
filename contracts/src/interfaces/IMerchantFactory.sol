// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Makes merchant contracts, and the one registry that trusts them
interface IMerchantFactory {
    event MerchantCreated(address indexed merchant, address indexed source);

    error NoMerchant();
    error MerchantKnown(address merchant, address source);

    /// @notice Makes the contract of the merchant key `merchant`; there is one for each key, and anyone may pay
    /// for it.
    function create(address merchant) external returns (address source);

    /// @notice The contract of a merchant key; zero if it has none.
    function contractOf(address merchant) external view returns (address);

    /// @notice The entity-contract registry.
    function registry() external view returns (address);
}
