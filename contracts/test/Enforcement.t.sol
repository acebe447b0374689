// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IChannelFacts, Record} from "../src/interfaces/IChannelFacts.sol";
import {MeteredTrade} from "../src/interfaces/IRegistryExtension.sol";
import {Signature} from "../src/libraries/Signatures.sol";
import {ChangeBody, ChannelOpen, OfferBody, StateBody, TypedData} from "../src/libraries/TypedData.sol";
import {Market} from "./support/Market.sol";
import {Log, vm} from "./support/Vm.sol";

/// @notice Checkpoints, changes of funding, enforced offers and deliveries, one at a time.
contract EnforcementTest is Market {
    uint96 private constant FUNDING = 50 * COIN;
    uint256 private constant METER = 0x3E7E6;
    bytes32 private constant HISTORY = keccak256("history");

    ChannelOpen private _channel;
    bytes32 private _id;

    function setUp() public override {
        super.setUp();
        _channel = _opening(FUNDING, FUNDING, address(0), address(0));
        _id = _open(_channel, "", "");
    }

    function metering() internal pure override returns (address) {
        return vm.addr(METER);
    }

    function test_aCheckpointIsKept() public {
        this.checkpoint(_state(_channel, 5, 20 * COIN, false));
        _requireRecord(5, 20 * COIN, false);
        _refuse(IChannelFacts.StateTooOld.selector);
        this.checkpoint(_state(_channel, 5, 20 * COIN, false));
        _refuse(IChannelFacts.StateIsFinal.selector);
        this.checkpoint(_state(_channel, 6, 20 * COIN, true));
        _dispute(_channel, _state(_channel, 7, 20 * COIN, false), KEY_A);
        _refuse(IChannelFacts.DisputeRunning.selector);
        this.checkpoint(_state(_channel, 8, 20 * COIN, false));
    }

    function test_aDepositTakesAndGivesOnlyTheDifference() public {
        this.change(_change(3, 20 * COIN, 25 * COIN, 10 * COIN));
        _requireEqual(token.balanceOf(terms.partyA), RICHES - FUNDING - 5 * COIN);
        _requireEqual(token.balanceOf(terms.partyB), RICHES - FUNDING + 70 * COIN);
        _requireEqual(token.balanceOf(address(registry)), 35 * COIN);
        _requireRecord(3, 25 * COIN, false);
        _refuse(IChannelFacts.StateTooOld.selector);
        this.change(_change(3, 20 * COIN, 25 * COIN, 10 * COIN));
        _refuse(IChannelFacts.WrongBalances.selector);
        this.change(_change(4, 20 * COIN, 25 * COIN, 10 * COIN));
    }

    function test_aChangeIsRefused() public {
        _refuse(IChannelFacts.NothingFunded.selector);
        this.change(_change(3, 20 * COIN, 0, 0));
        ChangeBody memory late = _change(3, 20 * COIN, COIN, COIN);
        vm.warp(late.validUntil + 1);
        _refuse(IChannelFacts.ChangeTooLate.selector);
        this.change(late);
    }

    function test_anAcceptedOfferBinds() public {
        StateBody memory base = _state(_channel, 7, 40 * COIN, false);
        this.enforce(base, _offer(7), KEY_A, KEY_B);
        _requireRecord(8, 46 * COIN, true);
        _refuse(IChannelFacts.StateTooOld.selector);
        this.enforce(base, _offer(7), KEY_A, KEY_B);
        _resolve(_channel, _state(_channel, 8, 30 * COIN, false));
        _requireRecord(8, 30 * COIN, false);
    }

    function test_anOfferIsRefused() public {
        StateBody memory base = _state(_channel, 7, 40 * COIN, false);
        _refuse(IChannelFacts.WrongBase.selector);
        this.enforce(base, _offer(6), KEY_A, KEY_B);
        _refuse(IChannelFacts.NotParty.selector);
        this.enforce(base, _offer(7), METER, KEY_B);
        _refuse(IChannelFacts.BuyerShort.selector);
        this.enforce(_state(_channel, 7, 98 * COIN, false), _offer(7), KEY_A, KEY_B);
        _refuse(IChannelFacts.StateIsFinal.selector);
        this.enforce(_state(_channel, 7, 40 * COIN, true), _offer(7), KEY_A, KEY_B);
        OfferBody memory offer = _offer(7);
        vm.warp(offer.validUntil + 1);
        _refuse(IChannelFacts.OfferTooLate.selector);
        this.enforce(base, offer, KEY_A, KEY_B);
    }

    function test_aShortDeliveryIsRefundedOnce() public {
        OfferBody memory sold = _offer(3);
        StateBody memory state = _withOpenTrade(sold);
        _refuse(IChannelFacts.NoDispute.selector);
        this.deliver(state, sold, 15_000, 0);
        _dispute(_channel, state, KEY_B);
        _refuse(IChannelFacts.TradeNotOpen.selector);
        this.deliver(state, sold, 15_000, 1);
        _refuse(IChannelFacts.DeliveredTooMuch.selector);
        this.deliver(state, sold, 20_001, 0);
        this.deliver(state, sold, 15_000, 0);
        _requireRecord(9, 40 * COIN - 2_500_000, false);
        _refuse(IChannelFacts.DeliveryKnown.selector);
        this.deliver(state, sold, 15_000, 0);
        state.tradesRoot = HISTORY;
        _refuse(IChannelFacts.WrongTrades.selector);
        this.deliver(state, sold, 15_000, 0);
    }

    function test_anOfferBindsUpToItsLastSecondAndTheBuyersLastCoin() public {
        OfferBody memory offer = _offer(7);
        vm.warp(offer.validUntil);
        this.enforce(_state(_channel, 7, 94 * COIN, false), offer, KEY_A, KEY_B);
        _requireRecord(8, 100 * COIN, true);
    }

    /// @dev The attack: an enforced offer's trade is settled later, and its delivery is brought all the same.
    function test_aTradeThatWasEnforcedOnceMustStillBeOpen() public {
        OfferBody memory sold = _offer(7);
        this.enforce(_state(_channel, 7, 40 * COIN, false), sold, KEY_A, KEY_B);
        StateBody memory settled = _state(_channel, 9, 40 * COIN, false);
        _resolve(_channel, settled);
        vm.prank(terms.partyB);
        registry.disputeKnown(terms, _channel, "");
        _refuse(IChannelFacts.WrongTrades.selector);
        this.deliver(settled, sold, 15_000, 0);
    }

    function test_aSellerRefundsNoMoreThanItHas() public {
        OfferBody memory sold = _offer(3);
        bytes memory list = abi.encodePacked(hasher.offer(sold, _id), true);
        StateBody memory state = _state(_channel, 9, 99 * COIN, false);
        state.tradesRoot = keccak256(abi.encode(HISTORY, keccak256(list)));
        _dispute(_channel, state, KEY_A);
        (Signature memory a, Signature memory b) = _coSigned(_channel, state);
        bytes32 delivery = TypedData.delivery(_id, hasher.offer(sold, _id), 0);
        Signature memory meter = _sign(METER, _digest(address(registry), delivery));
        registry.enforceDelivery(
            terms, _channel, state, a, b, MeteredTrade(sold, true, 0, meter, HISTORY, list, 0)
        );
        _requireRecord(9, 100 * COIN, false);
    }

    function test_oneSideMayBeFundedWithNothing() public {
        this.change(_change(3, 20 * COIN, 25 * COIN, 0));
        _requireRecord(3, 25 * COIN, false);
        ChangeBody memory other = _change(4, 25 * COIN, 0, 10 * COIN);
        other.balanceB = 0;
        this.change(other);
        _requireRecord(4, 0, false);
    }

    function test_aChannelThatExpiresNowIsNotFundedAnew() public {
        vm.warp(_channel.expiry);
        _refuse(IChannelFacts.ChannelExpired.selector);
        this.change(_change(3, 20 * COIN, 25 * COIN, 10 * COIN));
    }

    function test_insideOneMerchantAChangeMovesNoToken() public {
        _fillTreasuries(100 * COIN);
        address source = address(merchants[0]);
        _channel = _opening(FUNDING, FUNDING, source, source);
        bytes memory proofA = _noteProof(0, KEY_M, NOTE_A, terms.partyA, 200 * COIN);
        _id = _open(_channel, proofA, _noteProof(0, KEY_M, NOTE_B, terms.partyB, 200 * COIN));
        vm.recordLogs();
        this.change(_change(3, 20 * COIN, 10 * COIN, 10 * COIN));
        Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            _require(logs[i].emitter != address(token), "a token moved");
        }
        _requireSolvent();
    }

    function checkpoint(StateBody memory state) external {
        (Signature memory a, Signature memory b) = _coSigned(_channel, state);
        registry.checkpoint(terms, _channel, state, a, b);
    }

    function change(ChangeBody memory body) external {
        (Signature memory a, Signature memory b) = _both(hasher.change(body, _id));
        registry.changeFunding(terms, _channel, body, a, b, "", "");
    }

    function enforce(StateBody memory base, OfferBody memory offer, uint256 offeror, uint256 acceptor)
        external
    {
        (Signature memory a, Signature memory b) = _coSigned(_channel, base);
        bytes32 digest = _digest(address(registry), hasher.offer(offer, _id));
        registry.enforceOffer(
            terms, _channel, base, a, b, offer, _sign(offeror, digest), _sign(acceptor, digest)
        );
    }

    function deliver(StateBody memory state, OfferBody memory sold, uint64 deliveredWh, uint256 position)
        external
    {
        bytes32 trade = hasher.offer(sold, _id);
        bytes32 delivery = TypedData.delivery(_id, trade, deliveredWh);
        MeteredTrade memory metered = MeteredTrade({
            offer: sold,
            sellerIsB: false,
            deliveredWh: deliveredWh,
            metering: _sign(METER, _digest(address(registry), delivery)),
            historyRoot: HISTORY,
            openList: abi.encodePacked(trade, false),
            position: position
        });
        (Signature memory a, Signature memory b) = _coSigned(_channel, state);
        registry.enforceDelivery(terms, _channel, state, a, b, metered);
    }

    function _withOpenTrade(OfferBody memory sold) private view returns (StateBody memory state) {
        state = _state(_channel, 9, 40 * COIN, false);
        bytes32 list = keccak256(abi.encodePacked(hasher.offer(sold, _id), false));
        state.tradesRoot = keccak256(abi.encode(HISTORY, list));
    }

    function _offer(uint64 base) private view returns (OfferBody memory) {
        uint64 until = uint64(block.timestamp) + 600;
        return OfferBody(base, HISTORY, true, 20_000, 300_000, 500_000, 900, 1800, until);
    }

    function _change(uint64 version, uint96 balanceA, uint96 fundingA, uint96 fundingB)
        private
        view
        returns (ChangeBody memory)
    {
        uint64 until = uint64(block.timestamp) + 600;
        uint96 balanceB = 2 * FUNDING - balanceA;
        return
            ChangeBody(version, version - 1, balanceA, balanceB, fundingA, fundingB, 0, 0, bytes32(0), until);
    }

    function _refuse(bytes4 selector) private {
        vm.expectPartialRevert(selector);
    }

    function _requireRecord(uint64 version, uint96 balanceA, bool enforced) private view {
        Record memory record = registry.recordOf(_id);
        _requireEqual(record.version, version);
        _requireEqual(record.balanceA, balanceA);
        _require(record.enforced == enforced, "enforced");
    }
}
