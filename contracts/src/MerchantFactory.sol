// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {EntityContracts} from "./EntityContracts.sol";
import {MerchantContract} from "./MerchantContract.sol";
import {IMerchantFactory} from "./interfaces/IMerchantFactory.sol";

/// @title Makes merchant contracts, and the one registry that trusts them
/// @notice The registry is made in the factory's constructor, so neither can be pointed at a stranger.
contract MerchantFactory is IMerchantFactory {
    IERC20 public immutable token;
    EntityContracts private immutable _registry;

    /// @inheritdoc IMerchantFactory
    mapping(address merchant => address) public contractOf;

    constructor(IERC20 token_, address extension) {
        token = token_;
        _registry = new EntityContracts(token_, extension);
    }

    /// @inheritdoc IMerchantFactory
    function create(address merchant) external returns (address source) {
        if (merchant == address(0)) revert NoMerchant();
        if (contractOf[merchant] != address(0)) revert MerchantKnown(merchant, contractOf[merchant]);
        source = address(
            new MerchantContract{salt: bytes32(uint256(uint160(merchant)))}(
                token, merchant, address(_registry)
            )
        );
        contractOf[merchant] = source;
        emit MerchantCreated(merchant, source);
        _registry.admitMerchant(source);
    }

    /// @inheritdoc IMerchantFactory
    function registry() external view returns (address) {
        return address(_registry);
    }
}
