// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";

/// @title A stablecoin for test and demo networks
/// @notice Six decimals, ERC-2612 permits and ERC-3009 transfers by authorization, as the coins that it stands
/// for; minted by its owner and by the minters (faucets) that the owner names.
/// @dev An authorization names the receiver, so that whoever relays it can't send the tokens elsewhere.
contract TestStablecoin is ERC20Permit, ERC3009, Ownable {
    /// @notice Keeps every sum of tokens within the 64-bit books of the merchant contracts.
    uint256 public constant MAX_SUPPLY = 1 << 63;

    mapping(address account => bool) public isMinter;

    event MinterSet(address indexed account, bool allowed);

    error NotMinter(address account);
    error SupplyExceeded(uint256 supply);

    constructor(address owner)
        ERC20("Wattnote Test Euro", "tEUR")
        ERC20Permit("Wattnote Test Euro")
        Ownable(owner)
    {}

    /// @notice Names or removes a minter.
    function setMinter(address account, bool allowed) external onlyOwner {
        isMinter[account] = allowed;
        emit MinterSet(account, allowed);
    }

    /// @notice Makes `amount` micro-units for `to`.
    function mint(address to, uint256 amount) external {
        if (msg.sender != owner() && !isMinter[msg.sender]) revert NotMinter(msg.sender);
        _mint(to, amount);
        if (totalSupply() > MAX_SUPPLY) revert SupplyExceeded(totalSupply());
    }

    /// @notice A unit is 10^6 micro-units.
    function decimals() public pure override returns (uint8) {
        return 6;
    }
}
