// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Closing} from "../src/interfaces/IEntityContracts.sol";
import {IMerchantContract} from "../src/interfaces/IMerchantContract.sol";
import {ITokenPayouts} from "../src/interfaces/ITokenPayouts.sol";
import {Signature} from "../src/libraries/Signatures.sol";
import {ChangeBody, ChannelOpen, CreditAgreement, StateBody, TypedData} from "../src/libraries/TypedData.sol";
import {HookedStablecoin} from "./support/HookedStablecoin.sol";
import {Market} from "./support/Market.sol";
import {vm} from "./support/Vm.sol";

/// @notice Whatever moves tokens is closed while they move, for a token that calls back in the middle of it.
contract ReentrancyTest is Market {
    uint96 private constant FUNDING = 10 * COIN;
    HookedStablecoin private _hooked;

    function setUp() public override {
        vm.warp(1_800_000_000);
        _hooked = new HookedStablecoin(address(this));
        _deploy(address(_hooked));
        _fillTreasuries(100 * COIN);
        token.approve(address(merchants[0]), type(uint256).max);
    }

    function test_openChannel() public {
        _armRegistry();
        _open(_deposits(), "", "");
        _requireClosed();
    }

    function test_createAndOpen() public {
        ChannelOpen memory opening = _deposits();
        (Signature memory a, Signature memory b) = _both(hasher.opening(opening));
        _armRegistry();
        registry.createAndOpen(terms, a, b, opening, a, b, "", "");
        _requireClosed();
    }

    function test_finalise() public {
        ChannelOpen memory opening = _opened();
        _armRegistry();
        _finalise(opening, _state(opening, 1, FUNDING, true));
        _requireClosed();
    }

    function test_finaliseMany() public {
        ChannelOpen memory opening = _opened();
        StateBody memory state = _state(opening, 1, FUNDING, true);
        (Signature memory a, Signature memory b) = _coSigned(opening, state);
        Closing[] memory closings = new Closing[](1);
        closings[0] = Closing(terms, opening, state, a, b);
        _armRegistry();
        registry.finaliseMany(closings);
        _requireClosed();
    }

    function test_resolve() public {
        ChannelOpen memory opening = _opened();
        _dispute(opening, _state(opening, 1, FUNDING, false), KEY_A);
        _armRegistry();
        _resolve(opening, _state(opening, 3, FUNDING, true));
        _requireClosed();
    }

    function test_finaliseDisputed() public {
        ChannelOpen memory opening = _opened();
        _dispute(opening, _state(opening, 1, FUNDING, false), KEY_A);
        vm.warp(block.timestamp + CHALLENGE);
        _armRegistry();
        registry.finaliseDisputed(terms, opening);
        _requireClosed();
    }

    function test_changeFunding() public {
        ChannelOpen memory opening = _opened();
        ChangeBody memory change = ChangeBody({
            version: 1,
            base: 0,
            balanceA: FUNDING,
            balanceB: FUNDING,
            fundingA: FUNDING - 1,
            fundingB: FUNDING,
            energyToA: 0,
            energyToB: 0,
            tradesRoot: 0,
            validUntil: uint64(block.timestamp) + 1 hours
        });
        bytes32 structHash = keccak256(abi.encode(TypedData.FUNDING_CHANGE, hasher.opening(opening), change));
        (Signature memory a, Signature memory b) = _both(structHash);
        _armRegistry();
        registry.changeFunding(terms, opening, change, a, b, "", "");
        _requireClosed();
    }

    function test_claimPayout() public {
        ChannelOpen memory opening = _opened();
        _hooked.refuse(terms.partyA);
        _finalise(opening, _state(opening, 1, FUNDING, true));
        _armRegistry();
        vm.prank(terms.partyA);
        ITokenPayouts(address(registry)).claimPayout(terms.partyA, address(0xBEEF), "");
        _requireClosed();
        _requireEqual(token.balanceOf(address(0xBEEF)), FUNDING);
    }

    function test_depositTreasury() public {
        token.mint(address(this), 1);
        _armMerchant();
        merchants[0].depositTreasury(1, "");
        _requireClosed();
    }

    function test_withdrawTreasury() public {
        _armMerchant();
        vm.prank(vm.addr(KEY_M));
        merchants[0].withdrawTreasury(address(this), 1);
        _requireClosed();
    }

    function test_withdrawEarnings() public {
        ChannelOpen memory opening = _opening(FUNDING, FUNDING, address(merchants[0]), address(0));
        _open(opening, _noteProof(0, KEY_M, NOTE_A, terms.partyA, FUNDING), "");
        _finalise(opening, _state(opening, 1, 2 * FUNDING, true));
        _armMerchant();
        vm.prank(terms.partyA);
        merchants[0].withdrawEarnings(NOTE_A, terms.partyA, terms.partyA, "");
        _requireClosed();
    }

    function test_initialise() public {
        (CreditAgreement memory agreement, Signature memory signature) = _agreement();
        _armMerchant();
        merchants[0].initialise(agreement, signature, "", "");
        _requireClosed();
    }

    function test_topUpCollateral() public {
        bytes32 sid = _agreed();
        _armMerchant();
        merchants[0].topUpCollateral(sid, address(this), 1, "", "");
        _requireClosed();
    }

    function test_pay() public {
        bytes32 sid = _agreed();
        _armMerchant();
        merchants[0].pay(sid, address(this), 1, "", "");
        _requireClosed();
    }

    function test_withdrawCollateral() public {
        bytes32 sid = _agreed();
        vm.prank(vm.addr(KEY_M));
        merchants[0].releaseCollateral(sid, "");
        _armMerchant();
        merchants[0].withdrawCollateral(sid);
        _requireClosed();
    }

    /// @dev The call that comes in while a token moves does nothing, so that only the lock can refuse it.
    function _armRegistry() private {
        Closing[] memory none = new Closing[](0);
        registry.finaliseMany(none);
        _hooked.arm(address(registry), abi.encodeCall(registry.finaliseMany, (none)));
    }

    function _armMerchant() private {
        merchants[0].depositTreasury(0, "");
        _hooked.arm(address(merchants[0]), abi.encodeCall(IMerchantContract.depositTreasury, (0, "")));
    }

    function _requireClosed() private view {
        _require(_hooked.called(), "no token moved");
        _require(!_hooked.cameIn(), "somebody came in while a token moved");
    }

    function _deposits() private returns (ChannelOpen memory) {
        return _opening(FUNDING, FUNDING, address(0), address(0));
    }

    function _opened() private returns (ChannelOpen memory opening) {
        opening = _deposits();
        _open(opening, "", "");
    }

    function _agreement() private returns (CreditAgreement memory agreement, Signature memory signature) {
        token.mint(address(this), 100 * COIN);
        uint64 end = uint64(block.timestamp) + 60 days;
        agreement = CreditAgreement(address(this), 500 * COIN, COIN, 30 days, 14 days, end, 0, 0);
        bytes32 sid = keccak256(abi.encode(TypedData.CREDIT_AGREEMENT, agreement));
        signature = _sign(KEY_M, _digest(address(merchants[0]), sid));
    }

    function _agreed() private returns (bytes32) {
        (CreditAgreement memory agreement, Signature memory signature) = _agreement();
        return merchants[0].initialise(agreement, signature, "", "");
    }
}
