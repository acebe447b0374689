// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ChannelBooks} from "./ChannelBooks.sol";
import {IMerchantContract} from "./interfaces/IMerchantContract.sol";

/// @title How a channel's money comes and goes: notes of merchant contracts, and deposits
abstract contract ChannelMoney is ChannelBooks {
    /// @dev One side of a channel that is settled.
    struct Leg {
        address party;
        address source;
        bytes32 note;
        uint96 funding;
    }

    /// @dev Only a contract that the factory made is trusted to hold what it says that it reserved.
    function _reserve(address source, bytes32 note, address party, uint96 amount, bytes calldata proof)
        internal
    {
        if (source == address(0)) return;
        if (!_merchantContracts[source]) revert NotMerchantContract(source);
        IMerchantContract(source).reserve(note, party, amount, proof);
    }

    /// @dev Brings `amount` of the payer's funding to where the payee's money is kept. If the token refuses, it
    /// becomes a held payout of the payee's session key and the answer is false.
    function _collect(Leg memory payer, Leg memory payee, uint96 amount) internal returns (bool) {
        address payTo = payee.source == address(0) ? address(this) : payee.source;
        if (payer.source != address(0)) {
            return IMerchantContract(payer.source)
                .settlePayer(payer.note, payer.party, payer.funding, amount, payTo, payee.party);
        }
        _push(payer.party, payer.funding - amount, payer.party);
        return payTo == address(this) || _push(payTo, amount, payee.party);
    }

    /// @dev Two notes of one merchant: books change, no token moves.
    function _settleInside(Leg memory payer, Leg memory payee, uint96 amount) internal returns (bool) {
        if (payer.source == address(0) || payer.source != payee.source) return false;
        IMerchantContract(payer.source)
            .settleBoth(
                payer.note, payer.party, payer.funding, payee.note, payee.party, payee.funding, amount
            );
        return true;
    }

    function _settlePayee(Leg memory payee, uint96 received) internal {
        IMerchantContract(payee.source).settlePayee(payee.note, payee.party, payee.funding, received);
    }
}
