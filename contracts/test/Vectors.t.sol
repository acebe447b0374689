// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TradeMath} from "../src/libraries/TradeMath.sol";
import {
    ChangeBody,
    ChannelOpen,
    CreditAgreement,
    EntityContract,
    OfferBody,
    StateBody,
    TypedData
} from "../src/libraries/TypedData.sol";
import {vm} from "./support/Vm.sol";

/// @notice Solidity agrees with Python and JavaScript on the vectors that all of them read.
contract VectorsTest {
    using TypedData for ChangeBody;
    using TypedData for ChannelOpen;
    using TypedData for CreditAgreement;
    using TypedData for EntityContract;
    using TypedData for OfferBody;
    using TypedData for StateBody;

    string private _json;
    uint256 private _compared;

    error Disagrees(string what, uint256 position);
    error TooFew(uint256 compared);

    function testAmounts() public {
        _json = vm.readFile("../fixtures/vectors/amounts.json");
        uint256 i = 0;
        for (; vm.keyExistsJson(_json, _path("amounts", i, "amount")); ++i) {
            uint256 quantity = vm.parseUint(_text(_path("amounts", i, "quantityWh")));
            uint256 price = vm.parseUint(_text(_path("amounts", i, "pricePerKwh")));
            uint256 expected = vm.parseUint(_text(_path("amounts", i, "amount")));
            if (TradeMath.amount(uint64(quantity), uint64(price)) != expected) revert Disagrees("amount", i);
        }
        if (i < 50) revert TooFew(i);
    }

    function testRefunds() public {
        _json = vm.readFile("../fixtures/vectors/amounts.json");
        uint256 i = 0;
        for (; vm.keyExistsJson(_json, _path("refunds", i, "refund")); ++i) {
            uint256 shortfall = vm.parseUint(_text(_path("refunds", i, "shortfallWh")));
            uint256 price = vm.parseUint(_text(_path("refunds", i, "pricePerKwh")));
            uint256 imbalance = vm.parseUint(_text(_path("refunds", i, "imbalancePerKwh")));
            uint256 balance = vm.parseUint(_text(_path("refunds", i, "sellerBalance")));
            uint256 due = TradeMath.refund(uint64(shortfall), uint64(price), uint64(imbalance));
            uint256 expected = vm.parseUint(_text(_path("refunds", i, "refund")));
            if ((due < balance ? due : balance) != expected) revert Disagrees("refund", i);
        }
        if (i < 50) revert TooFew(i);
    }

    function testStructHashes() public {
        _json = vm.readFile("../fixtures/vectors/typed_data.json");
        for (uint256 i = 0; vm.keyExistsJson(_json, _path("cases", i, "type")); ++i) {
            bytes32 name = keccak256(bytes(_text(_path("cases", i, "type"))));
            if (name == keccak256("EntityContract")) _compare(i, terms(i));
            if (name == keccak256("ChannelOpen")) _compare(i, opening(i));
            if (name == keccak256("ChannelState")) _compare(i, state(i));
            if (name == keccak256("CreditAgreement")) _compare(i, agreement(i));
            if (name == keccak256("CreditNote")) _compare(i, note(i));
            if (name == keccak256("DisputeRequest")) _compare(i, request(i));
            if (name == keccak256("Offer")) _compare(i, offer(i));
            if (name == keccak256("FundingChange")) _compare(i, change(i));
            if (name == keccak256("Delivery")) _compare(i, delivery(i));
        }
        if (_compared < 54) revert TooFew(_compared);
    }

    function hashTerms(EntityContract calldata value) external pure returns (bytes32) {
        return value.hash();
    }

    function hashOpening(ChannelOpen calldata value) external pure returns (bytes32) {
        return value.hash();
    }

    function hashState(StateBody calldata value, bytes32 channel) external pure returns (bytes32) {
        return value.hash(channel);
    }

    function hashOffer(OfferBody calldata value, bytes32 channel) external pure returns (bytes32) {
        return value.hash(channel);
    }

    function hashChange(ChangeBody calldata value, bytes32 channel) external pure returns (bytes32) {
        return value.hash(channel);
    }

    function hashAgreement(CreditAgreement calldata value) external pure returns (bytes32) {
        return value.hash();
    }

    function terms(uint256 i) private view returns (bytes32) {
        return this.hashTerms(
            EntityContract({
                partyA: _address("partyA", i),
                partyB: _address("partyB", i),
                metering: _address("metering", i),
                challengePeriod: uint32(_uint("challengePeriod", i)),
                disputeLimit: uint16(_uint("disputeLimit", i)),
                stalePenalty: uint96(_uint("stalePenalty", i)),
                nonce: _word("nonce", i)
            })
        );
    }

    function opening(uint256 i) private view returns (bytes32) {
        return this.hashOpening(
            ChannelOpen({
                scid: _word("scid", i),
                index: uint64(_uint("index", i)),
                fundingA: uint96(_uint("fundingA", i)),
                fundingB: uint96(_uint("fundingB", i)),
                sourceA: _address("sourceA", i),
                noteA: _word("noteA", i),
                sourceB: _address("sourceB", i),
                noteB: _word("noteB", i),
                openBy: uint64(_uint("openBy", i)),
                expiry: uint64(_uint("expiry", i))
            })
        );
    }

    function state(uint256 i) private view returns (bytes32) {
        StateBody memory body = StateBody({
            version: uint64(_uint("version", i)),
            base: uint64(_uint("base", i)),
            balanceA: uint96(_uint("balanceA", i)),
            balanceB: uint96(_uint("balanceB", i)),
            energyToA: uint64(_uint("energyToA", i)),
            energyToB: uint64(_uint("energyToB", i)),
            tradesRoot: _word("tradesRoot", i),
            isFinal: vm.parseBool(_member("isFinal", i))
        });
        return this.hashState(body, _word("channel", i));
    }

    function offer(uint256 i) private view returns (bytes32) {
        OfferBody memory body = OfferBody({
            baseVersion: uint64(_uint("baseVersion", i)),
            id: _word("id", i),
            offerorSells: vm.parseBool(_member("offerorSells", i)),
            quantityWh: uint64(_uint("quantityWh", i)),
            pricePerKwh: uint64(_uint("pricePerKwh", i)),
            imbalancePerKwh: uint64(_uint("imbalancePerKwh", i)),
            slotStart: uint64(_uint("slotStart", i)),
            slotEnd: uint64(_uint("slotEnd", i)),
            validUntil: uint64(_uint("validUntil", i))
        });
        return this.hashOffer(body, _word("channel", i));
    }

    function change(uint256 i) private view returns (bytes32) {
        ChangeBody memory body = ChangeBody({
            version: uint64(_uint("version", i)),
            base: uint64(_uint("base", i)),
            balanceA: uint96(_uint("balanceA", i)),
            balanceB: uint96(_uint("balanceB", i)),
            fundingA: uint96(_uint("fundingA", i)),
            fundingB: uint96(_uint("fundingB", i)),
            energyToA: uint64(_uint("energyToA", i)),
            energyToB: uint64(_uint("energyToB", i)),
            tradesRoot: _word("tradesRoot", i),
            validUntil: uint64(_uint("validUntil", i))
        });
        return this.hashChange(body, _word("channel", i));
    }

    function delivery(uint256 i) private view returns (bytes32) {
        return TypedData.delivery(_word("channel", i), _word("trade", i), uint64(_uint("deliveredWh", i)));
    }

    function agreement(uint256 i) private view returns (bytes32) {
        return this.hashAgreement(
            CreditAgreement({
                participant: _address("participant", i),
                creditLimit: uint96(_uint("creditLimit", i)),
                collateral: uint96(_uint("collateral", i)),
                billingPeriod: uint32(_uint("billingPeriod", i)),
                paymentTerm: uint32(_uint("paymentTerm", i)),
                validUntil: uint64(_uint("validUntil", i)),
                documentsHash: _word("documentsHash", i),
                nonce: _word("nonce", i)
            })
        );
    }

    function note(uint256 i) private view returns (bytes32) {
        return TypedData.creditNote(
            _word("serial", i),
            _address("holder", i),
            uint96(_uint("amount", i)),
            uint64(_uint("validUntil", i))
        );
    }

    function request(uint256 i) private view returns (bytes32) {
        return TypedData.disputeRequest(_word("channel", i), uint64(_uint("version", i)));
    }

    function _compare(uint256 i, bytes32 ours) private {
        if (ours != vm.parseBytes32(_text(_path("cases", i, "structHash")))) revert Disagrees("struct", i);
        ++_compared;
    }

    function _path(string memory list, uint256 i, string memory member) private pure returns (string memory) {
        return string.concat(".", list, "[", vm.toString(i), "].", member);
    }

    function _text(string memory path) private view returns (string memory) {
        return vm.parseJsonString(_json, path);
    }

    function _member(string memory name, uint256 i) private view returns (string memory) {
        return _text(_path("cases", i, string.concat("message.", name)));
    }

    function _uint(string memory name, uint256 i) private view returns (uint256) {
        return vm.parseUint(_member(name, i));
    }

    function _word(string memory name, uint256 i) private view returns (bytes32) {
        return vm.parseBytes32(_member(name, i));
    }

    function _address(string memory name, uint256 i) private view returns (address) {
        return vm.parseAddress(_member(name, i));
    }
}
