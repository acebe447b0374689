// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Channel, ChannelStatus, Disputer, Record} from "../src/interfaces/IChannelFacts.sol";
import {Closing} from "../src/interfaces/IEntityContracts.sol";
import {IMerchantContract, NoteAccount} from "../src/interfaces/IMerchantContract.sol";
import {MeteredTrade} from "../src/interfaces/IRegistryExtension.sol";
import {ITokenPayouts} from "../src/interfaces/ITokenPayouts.sol";
import {Signature} from "../src/libraries/Signatures.sol";
import {ChangeBody, ChannelOpen, OfferBody, StateBody, TypedData} from "../src/libraries/TypedData.sol";
import {BlockingStablecoin} from "./support/BlockingStablecoin.sol";
import {Market} from "./support/Market.sol";
import {vm} from "./support/Vm.sol";

/// @notice What a channel should be on the ledger, by the rules alone: the model that the registry must match.
struct Model {
    ChannelOpen opening;
    bytes32 id;
    uint96 fundingA;
    uint96 fundingB;
    uint64 newest; // the highest version that both have signed
    uint64 version; // of the record
    uint96 balanceA; // of the record
    uint64 deadline;
    Disputer disputer;
    uint8 staleA;
    uint8 staleB;
    bool enforced;
    bool offerorSells; // in the enforced trade
    bool sellerIsB; // in the enforced trade
    uint256 delivered; // bit 0: the open trade of the record's state, bit 1: the enforced trade
    uint64 funded; // version of the newest change of funding
}

/// @notice Does all that the registry offers, in any order, on several channels at once, and keeps its own books.
/// @dev The content of version v of a channel follows from v alone, so that old states are always at hand.
/// Each input is bent until it is something that must succeed: a revert fails the campaign.
contract Players is Market {
    bytes32 private constant HISTORY = keccak256("history");
    uint96 private constant NOTE = 1e11;
    uint64 private constant QUANTITY = 10_000;
    uint64 private constant PRICE = 300_000;
    uint64 private constant IMBALANCE = 500_000;
    uint256 private constant LIVE = 4;
    uint256 private constant METER = 0x3E7E6;

    uint256 public done;
    uint256 public idle;
    uint256 public ownDeliveries; // of enforced trades themselves
    int256 public gainOfA; // what A has won of B by closed channels and changes of funding
    Model[] private _live;
    int256 private _worthA;
    int256 private _worthB;

    constructor() {
        vm.warp(1_800_000_000);
        _deploy(_create("test/artifacts/BlockingStablecoin.json", abi.encode(address(this))));
        _fillTreasuries(4 * NOTE);
        _worthA = _worth(terms.partyA, NOTE_A);
        _worthB = _worth(terms.partyB, NOTE_B);
        // A play is short: it begins where things can happen at once.
        _begin(2, 2, 50 * COIN, 40 * COIN);
        _begin(0, 1, 30 * COIN, 60 * COIN);
        _begin(0, 2, 20 * COIN, 70 * COIN);
        for (uint256 i = 0; i < 3; ++i) {
            _live[i].newest = 5;
        }
    }

    modifier counted() {
        uint256 before = idle;
        _;
        if (idle == before) ++done;
    }

    function metering() internal pure override returns (address) {
        return vm.addr(METER);
    }

    function open(uint256 kinds, uint96 a, uint96 b) external counted {
        if (_live.length == LIVE) return _idle();
        (uint256 kindA, uint256 kindB) = (kinds % 3, kinds / 3 % 3);
        if (_stopped()) kindA = kindB = 0; // deposits of a blocked party could not come in
        _begin(kindA, kindB, a, b);
    }

    /// @dev Where no channel is fit, one is opened.
    function _beginAny(uint256 seed) private {
        if (_live.length == LIVE) return _idle();
        _begin(_stopped() ? 0 : seed % 3, seed % 2, uint96(seed >> 32), uint96(seed >> 64));
    }

    function _begin(uint256 kindA, uint256 kindB, uint96 a, uint96 b) private {
        ChannelOpen memory opening =
            _opening(_bound(a, 0, 90 * COIN), _bound(b, 1, 90 * COIN), _source(kindA), _source(kindB));
        Model storage model = _live.push();
        model.opening = opening;
        model.id = _open(opening, _proof(kindA, true), _proof(kindB, false));
        (model.fundingA, model.fundingB, model.balanceA) =
        (opening.fundingA, opening.fundingB, opening.fundingA);
    }

    /// @dev Both sign some more states, of which the ledger hears nothing yet.
    function trade(uint256 which, uint64 versions) external counted {
        if (_live.length == 0) return _beginAny(which);
        _live[which % _live.length].newest += 1 + versions % 4;
    }

    function finalise(uint256 which, bool many) external counted {
        if (_live.length == 0) return _beginAny(which);
        Model storage model = _live[which % _live.length];
        uint64 version = ++model.newest;
        StateBody memory state = _stateOf(model, version, true);
        (Signature memory a, Signature memory b) = _coSigned(model.opening, state);
        if (many) {
            Closing[] memory closings = new Closing[](2);
            closings[0] = closings[1] = Closing(terms, model.opening, state, a, b);
            registry.finaliseMany(closings);
        } else {
            registry.finalise(terms, model.opening, state, a, b);
        }
        if (model.deadline != 0) _answered(model, state);
        _closed(which % _live.length, state.balanceA);
    }

    function dispute(uint256 which, uint64 version, bool byA, bool known) external counted {
        (bool found, uint256 position) = _pick(which, Need.Quiet);
        if (!found) return _beginAny(which);
        Model storage model = _live[position];
        version = _between(version, model.version, model.newest);
        known = known || version == model.version;
        if (known) {
            vm.prank(byA ? terms.partyA : terms.partyB);
            registry.disputeKnown(terms, model.opening, "");
        } else {
            _dispute(model.opening, _stateOf(model, version, false), byA ? KEY_A : KEY_B);
            (model.version, model.balanceA) = (version, _balance(model, version));
        }
        model.disputer = byA ? Disputer.PartyA : Disputer.PartyB;
        if (known && block.timestamp > model.opening.expiry) model.disputer = Disputer.Nobody;
        _started(model);
    }

    /// @dev What a watchtower does: an honest party's newest state lands within the challenge period.
    function defend(uint256 which, uint64 version) external counted {
        (bool found, uint256 position) = _pick(which, Need.Running);
        if (!found) return _raiseAny(which);
        Model storage model = _live[position];
        uint64 least = model.enforced ? model.version : model.version + 1;
        if (model.newest < least) model.newest = least; // they sign one more
        StateBody memory state = _stateOf(model, _between(version, least, model.newest), false);
        _resolve(model.opening, state);
        _answered(model, state);
    }

    function checkpoint(uint256 which, uint64 version) external counted {
        (bool found, uint256 position) = _pick(which, Need.Quiet);
        if (!found) return _beginAny(which);
        Model storage model = _live[position];
        if (model.newest <= model.version) model.newest = model.version + 1;
        StateBody memory state = _stateOf(model, _between(version, model.version + 1, model.newest), false);
        (Signature memory a, Signature memory b) = _coSigned(model.opening, state);
        registry.checkpoint(terms, model.opening, state, a, b);
        (model.version, model.balanceA) = (state.version, state.balanceA);
    }

    function changeFunding(uint256 which, uint96 a, uint96 b) external counted {
        if (_stopped()) return _idle();
        (bool found, uint256 position) = _pick(which, Need.Quiet);
        if (!found) return _beginAny(which);
        Model storage model = _live[position];
        if (block.timestamp >= model.opening.expiry) return _beginAny(which);
        uint64 version = ++model.newest;
        uint96 balanceA = _balance(model, version);
        uint96 balanceB = model.fundingA + model.fundingB - balanceA;
        ChangeBody memory change = ChangeBody({
            version: version,
            base: version - 1,
            balanceA: balanceA,
            balanceB: balanceB,
            fundingA: _bound(a, 0, 90 * COIN),
            fundingB: _bound(b, 1, 90 * COIN),
            energyToA: 0,
            energyToB: 0,
            tradesRoot: _root(model, version),
            validUntil: uint64(block.timestamp)
        });
        (Signature memory signatureA, Signature memory signatureB) = _both(hasher.change(change, model.id));
        registry.changeFunding(terms, model.opening, change, signatureA, signatureB, "", "");
        gainOfA += int256(uint256(balanceA)) - int256(uint256(model.fundingA));
        (model.fundingA, model.fundingB) = (change.fundingA, change.fundingB);
        (model.version, model.balanceA, model.funded) = (version, change.fundingA, version);
    }

    function enforceOffer(uint256 which, uint64 version, bool byA, bool sells) external counted {
        if (_live.length == 0) return _beginAny(which);
        Model storage model = _live[which % _live.length];
        if (model.newest < model.version || (model.deadline != 0 && !_running(model))) return _idle();
        version = _between(version, model.version, model.newest);
        (StateBody memory base, uint96 balanceA) = _base(model, version);
        bool sellerIsB = byA != sells;
        uint96 amount = uint96(uint256(QUANTITY) * PRICE / 1000);
        if ((sellerIsB ? balanceA : base.balanceB) < amount) return _idle();
        _sendOffer(model, base, byA, sells);
        if (model.deadline != 0) _blame(model, version, version > model.version ? version - 1 : 0);
        model.version = version + 1;
        model.balanceA = sellerIsB ? balanceA - amount : balanceA + amount;
        model.disputer = byA ? Disputer.PartyB : Disputer.PartyA;
        model.enforced = true;
        (model.offerorSells, model.sellerIsB) = (sells, sellerIsB);
        if (model.newest < model.version) model.newest = model.version;
        _started(model);
    }

    /// @dev Of a trade that is open in the record's state, or of the enforced one itself.
    function enforceDelivery(uint256 which, uint64 deliveredWh, bool own) external counted {
        (bool found, uint256 position) = _pick(which, Need.Running);
        if (!found) return _raiseAny(which);
        Model storage model = _live[position];
        uint64 version = model.enforced ? model.version - 1 : model.version;
        if (own ? model.delivered & 2 != 0 : model.delivered & 1 != 0) own = !own;
        own = model.enforced && (own || version == 0); // the opening has no open trade
        uint256 mark = own ? 2 : 1;
        if ((!own && version == 0) || model.delivered & mark != 0) return _idle();
        deliveredWh = deliveredWh % (QUANTITY + 1);
        bool sellerIsB = own ? model.sellerIsB : version % 2 == 1;
        if (own) _sendOwnDelivery(model, version, deliveredWh);
        else _sendDelivery(model, version, deliveredWh);
        model.delivered |= mark;
        ownDeliveries += own ? 1 : 0;
        uint256 due = (uint256(QUANTITY - deliveredWh) * IMBALANCE + 999) / 1000;
        uint96 left = sellerIsB ? model.fundingA + model.fundingB - model.balanceA : model.balanceA;
        uint96 refund = due < left ? uint96(due) : left;
        model.balanceA = sellerIsB ? model.balanceA + refund : model.balanceA - refund;
    }

    function payOut(uint256 which) external counted {
        (bool found, uint256 position) = _pick(which, Need.Disputed);
        if (!found) return _raiseAny(which);
        Model storage model = _live[position];
        if (block.timestamp < model.deadline) vm.warp(model.deadline);
        registry.finaliseDisputed(terms, model.opening);
        _closed(position, model.balanceA);
    }

    /// @dev After the expiry anybody frees the money with what the ledger knows.
    function expire(uint256 which) external counted {
        (bool found, uint256 position) = _pick(which, Need.Quiet);
        if (!found) return _beginAny(which);
        Model storage model = _live[position];
        if (block.timestamp <= model.opening.expiry) vm.warp(model.opening.expiry + 1);
        registry.disputeKnown(terms, model.opening, "");
        model.disputer = Disputer.Nobody;
        _started(model);
    }

    /// @dev The token's issuer blocks a party or a merchant's contract, or lets it go again.
    function blockAccount(uint256 which, bool blocked) external counted {
        BlockingStablecoin coin = BlockingStablecoin(address(token));
        if (blocked && which % 3 == 0) return coin.setBlocked(_account(which / 3), true);
        for (uint256 i = 0; i < 4; ++i) {
            coin.setBlocked(_account(i), false);
        }
    }

    function claim(bool ofA, uint256 where) external counted {
        address owner = ofA ? terms.partyA : terms.partyB;
        address holder = where % 3 == 2 ? address(registry) : address(merchants[where % 3]);
        if (_stopped() || ITokenPayouts(holder).heldPayout(owner) == 0) return _idle();
        vm.prank(owner);
        ITokenPayouts(holder).claimPayout(owner, owner, "");
    }

    function withdrawEarnings(uint256 which, bool ofA) external counted {
        (bytes32 serial, address holder) = ofA ? (NOTE_A, terms.partyA) : (NOTE_B, terms.partyB);
        IMerchantContract merchant = merchants[which % 2];
        if (_stopped() || merchant.noteOf(serial, holder).position <= 0) return _idle();
        vm.prank(holder);
        merchant.withdrawEarnings(serial, holder, holder, "");
    }

    function requireInvariants() external view {
        _requireSolvent();
        uint256 locked = _held(address(registry), terms.partyA) + _held(address(registry), terms.partyB);
        uint256[2] memory reservedA;
        uint256[2] memory reservedB;
        for (uint256 i = 0; i < _live.length; ++i) {
            Model storage model = _live[i];
            _requireLedger(model);
            if (model.opening.sourceA == address(0)) locked += model.fundingA;
            else reservedA[_number(model.opening.sourceA)] += model.fundingA;
            if (model.opening.sourceB == address(0)) locked += model.fundingB;
            else reservedB[_number(model.opening.sourceB)] += model.fundingB;
        }
        _requireEqual(token.balanceOf(address(registry)), locked);
        for (uint256 i = 0; i < 2; ++i) {
            _requireEqual(merchants[i].treasury().reserved, reservedA[i] + reservedB[i]);
            _requireNote(merchants[i].noteOf(NOTE_A, terms.partyA), reservedA[i]);
            _requireNote(merchants[i].noteOf(NOTE_B, terms.partyB), reservedB[i]);
        }
        _requireGain(_worth(terms.partyA, NOTE_A) - _worthA, gainOfA);
        _requireGain(_worth(terms.partyB, NOTE_B) - _worthB, -gainOfA);
    }

    /// @dev At the end of a play: time alone frees all money, and then nothing is left in the registry.
    function emptyAll() external {
        vm.warp(block.timestamp + 2 days);
        while (_live.length != 0) {
            Model storage model = _live[_live.length - 1];
            if (model.deadline == 0) {
                registry.disputeKnown(terms, model.opening, "");
                model.disputer = Disputer.Nobody;
                _started(model);
            }
            if (block.timestamp < model.deadline) vm.warp(model.deadline);
            registry.finaliseDisputed(terms, model.opening);
            _closed(_live.length - 1, model.balanceA);
        }
        this.requireInvariants();
        _requireEqual(merchants[0].treasury().reserved + merchants[1].treasury().reserved, 0);
    }

    function _requireLedger(Model storage model) private view {
        Channel memory channel = registry.channelOf(model.id);
        _require(channel.status == ChannelStatus.Open, "lost a channel");
        _requireEqual(channel.fundingA, model.fundingA);
        _requireEqual(channel.fundingB, model.fundingB);
        if (!channel.recorded) return _requireEqual(model.version, 0);
        Record memory record = registry.recordOf(model.id);
        _requireEqual(record.version, model.version);
        _requireEqual(record.balanceA, model.balanceA);
        _requireEqual(record.deadline, model.deadline);
        _requireEqual(record.staleA, model.staleA);
        _requireEqual(record.staleB, model.staleB);
        _require(record.enforced == model.enforced && record.disputer == model.disputer, "other record");
    }

    function _requireNote(NoteAccount memory note, uint256 reserved) private pure {
        _requireEqual(note.reserved, reserved);
        uint256 debt = note.position < 0 ? uint256(-int256(note.position)) : 0;
        if (note.validUntil != 0) _requireEqual(uint256(note.available) + note.reserved + debt, NOTE);
    }

    function _requireGain(int256 actual, int256 due) private pure {
        _require(actual == due, "somebody got what is another's");
    }

    /// @dev Tokens, held payouts, notes' positions and locked deposits.
    function _worth(address party, bytes32 serial) private view returns (int256 sum) {
        sum = int256(token.balanceOf(party) + _held(address(registry), party));
        for (uint256 i = 0; i < 2; ++i) {
            sum += int256(_held(address(merchants[i]), party)) + merchants[i].noteOf(serial, party).position;
        }
        for (uint256 i = 0; i < _live.length; ++i) {
            bool isA = party == terms.partyA;
            if ((isA ? _live[i].opening.sourceA : _live[i].opening.sourceB) != address(0)) continue;
            sum += int256(uint256(isA ? _live[i].fundingA : _live[i].fundingB));
        }
    }

    function _held(address holder, address owner) private view returns (uint256) {
        return ITokenPayouts(holder).heldPayout(owner);
    }

    function _sendOffer(Model storage model, StateBody memory base, bool byA, bool sells) private {
        OfferBody memory offer = _offer(base.version, "offered", sells);
        (Signature memory a, Signature memory b) = _coSigned(model.opening, base);
        (Signature memory ofA, Signature memory ofB) = _both(hasher.offer(offer, model.id));
        if (!byA) (ofA, ofB) = (ofB, ofA);
        registry.enforceOffer(terms, model.opening, base, a, b, offer, ofA, ofB);
    }

    function _sendDelivery(Model storage model, uint64 version, uint64 deliveredWh) private {
        OfferBody memory offer = _offer(version - 1, "open", true);
        MeteredTrade memory metered = _metered(model, offer, deliveredWh);
        metered.sellerIsB = version % 2 == 1;
        metered.openList = abi.encodePacked(hasher.offer(offer, model.id), metered.sellerIsB);
        (StateBody memory base,) = _base(model, version);
        (Signature memory a, Signature memory b) = _coSigned(model.opening, base);
        registry.enforceDelivery(terms, model.opening, base, a, b, metered);
    }

    /// @dev Neither a state nor a list of open trades is looked at.
    function _sendOwnDelivery(Model storage model, uint64 version, uint64 deliveredWh) private {
        OfferBody memory offer = _offer(version, "offered", model.offerorSells);
        MeteredTrade memory metered = _metered(model, offer, deliveredWh);
        metered.sellerIsB = model.sellerIsB;
        StateBody memory none;
        Signature memory nobody;
        registry.enforceDelivery(terms, model.opening, none, nobody, nobody, metered);
    }

    function _metered(Model storage model, OfferBody memory offer, uint64 deliveredWh)
        private
        view
        returns (MeteredTrade memory metered)
    {
        bytes32 delivery = TypedData.delivery(model.id, hasher.offer(offer, model.id), deliveredWh);
        (metered.offer, metered.deliveredWh, metered.historyRoot) = (offer, deliveredWh, HISTORY);
        metered.metering = _sign(METER, _digest(address(registry), delivery));
    }

    function _started(Model storage model) private {
        model.deadline = uint64(block.timestamp) + CHALLENGE;
        if (model.enforced) model.delivered = 0;
    }

    function _answered(Model storage model, StateBody memory state) private {
        _blame(model, state.version, state.base);
        bool goesOn = state.isFinal || block.timestamp <= model.opening.expiry;
        if (goesOn) model.deadline = 0;
        else if (model.delivered != 0) model.deadline = uint64(block.timestamp) + CHALLENGE;
        (model.version, model.balanceA) = (state.version, state.balanceA);
        (model.disputer, model.enforced, model.delivered) = (Disputer.Nobody, false, 0);
    }

    function _blame(Model storage model, uint64 version, uint64 base) private {
        if (version <= model.version || base < model.version) return;
        if (base == model.version && !model.enforced) return;
        if (model.disputer == Disputer.PartyA && model.staleA < 255) ++model.staleA;
        if (model.disputer == Disputer.PartyB && model.staleB < 255) ++model.staleB;
    }

    function _closed(uint256 position, uint96 balanceA) private {
        Model storage model = _live[position];
        int256 a = int256(uint256(balanceA));
        int256 b = int256(uint256(model.fundingA + model.fundingB - balanceA));
        int256 fromA = int256(uint256(terms.stalePenalty)) * int8(model.staleA);
        int256 fromB = int256(uint256(terms.stalePenalty)) * int8(model.staleB);
        int256 gain = (fromB < b ? fromB : b) - (fromA < a ? fromA : a);
        gainOfA += a + gain - int256(uint256(model.fundingA));
        _require(registry.channelOf(model.id).status != ChannelStatus.Open, "still open");
        _live[position] = _live[_live.length - 1];
        _live.pop();
    }

    /// @dev The base of an offer and the balance in it: what the newest change left, or a co-signed state.
    function _base(Model storage model, uint64 version) private view returns (StateBody memory, uint96) {
        StateBody memory state = _stateOf(model, version, false);
        if (version == model.funded) {
            (state.balanceA, state.balanceB) = (model.fundingA, model.fundingB);
            if (version == 0) state.tradesRoot = bytes32(0);
        }
        return (state, state.balanceA);
    }

    function _stateOf(Model storage model, uint64 version, bool isFinal)
        private
        view
        returns (StateBody memory)
    {
        uint96 balanceA = _balance(model, version);
        uint96 balanceB = model.fundingA + model.fundingB - balanceA;
        uint64 base = version == 0 ? 0 : version - 1;
        return StateBody(version, base, balanceA, balanceB, 0, 0, _root(model, version), isFinal);
    }

    function _balance(Model storage model, uint64 version) private view returns (uint96) {
        uint256 total = model.fundingA + model.fundingB;
        return uint96(uint256(keccak256(abi.encode(model.id, version))) % (total + 1));
    }

    /// @dev One trade is open in each version but the opening.
    function _root(Model storage model, uint64 version) private view returns (bytes32) {
        if (version == 0) return bytes32(0);
        bytes32 offer = hasher.offer(_offer(version - 1, "open", true), model.id);
        bytes32 list = keccak256(abi.encodePacked(offer, version % 2 == 1));
        return keccak256(abi.encode(HISTORY, list));
    }

    function _offer(uint64 base, bytes32 name, bool sells) private pure returns (OfferBody memory) {
        return OfferBody(base, name, sells, QUANTITY, PRICE, IMBALANCE, 900, 1800, type(uint64).max);
    }

    function _idle() private {
        ++idle;
    }

    enum Need {
        Quiet,
        Running,
        Disputed
    }

    /// @dev The first fit channel from `which` on.
    function _pick(uint256 which, Need need) private view returns (bool found, uint256 position) {
        for (uint256 i = 0; i < _live.length; ++i) {
            position = (which % LIVE + i) % _live.length;
            Model storage model = _live[position];
            if (need == Need.Quiet && model.deadline == 0) return (true, position);
            if (need == Need.Running && _running(model)) return (true, position);
            if (need == Need.Disputed && model.deadline != 0) return (true, position);
        }
    }

    /// @dev Where a dispute is needed and none is there, one is raised with what the ledger knows.
    function _raiseAny(uint256 which) private {
        (bool found, uint256 position) = _pick(which, Need.Quiet);
        if (!found) return _beginAny(which);
        Model storage model = _live[position];
        vm.prank(terms.partyA);
        registry.disputeKnown(terms, model.opening, "");
        model.disputer = block.timestamp > model.opening.expiry ? Disputer.Nobody : Disputer.PartyA;
        _started(model);
    }

    function _running(Model storage model) private view returns (bool) {
        return model.deadline != 0 && block.timestamp < model.deadline;
    }

    function _stopped() private view returns (bool) {
        for (uint256 i = 0; i < 4; ++i) {
            if (BlockingStablecoin(address(token)).isBlocked(_account(i))) return true;
        }
        return false;
    }

    function _account(uint256 which) private view returns (address) {
        if (which % 4 == 0) return terms.partyA;
        if (which % 4 == 1) return terms.partyB;
        return address(merchants[which % 2]);
    }

    function _number(address source) private view returns (uint256) {
        return source == address(merchants[0]) ? 0 : 1;
    }

    function _source(uint256 kind) private view returns (address) {
        return kind == 2 ? address(0) : address(merchants[kind]);
    }

    function _proof(uint256 kind, bool isA) private view returns (bytes memory) {
        if (kind == 2) return "";
        (bytes32 serial, address holder) = isA ? (NOTE_A, terms.partyA) : (NOTE_B, terms.partyB);
        if (merchants[kind].noteOf(serial, holder).validUntil != 0) return "";
        return _noteProof(kind, kind == 0 ? KEY_M : KEY_N, serial, holder, NOTE);
    }

    function _between(uint64 value, uint64 low, uint64 high) private pure returns (uint64) {
        return low + value % (high - low + 1);
    }
}

/// @notice Whatever is done: the registry is what the rules say, tokens in = tokens out + held, nobody but the
/// entitled is paid, no note or treasury is bound twice, and time alone frees everything.
contract RegistryTest {
    struct Targets {
        address target;
        bytes4[] selectors;
    }

    Players private _players;

    event log_named_uint(string key, uint256 val); // forge prints it

    error Idle(uint256 done, uint256 idle);

    function setUp() public {
        _players = new Players();
    }

    /// @dev Read by forge: what it plays with.
    function targetSelectors() external view returns (Targets[] memory targets) {
        targets = new Targets[](1);
        targets[0].target = address(_players);
        targets[0].selectors = new bytes4[](14);
        targets[0].selectors[0] = Players.open.selector;
        targets[0].selectors[1] = Players.trade.selector;
        targets[0].selectors[2] = Players.finalise.selector;
        targets[0].selectors[3] = Players.dispute.selector;
        targets[0].selectors[4] = Players.defend.selector;
        targets[0].selectors[5] = Players.checkpoint.selector;
        targets[0].selectors[6] = Players.changeFunding.selector;
        targets[0].selectors[7] = Players.enforceOffer.selector;
        targets[0].selectors[8] = Players.enforceDelivery.selector;
        targets[0].selectors[9] = Players.payOut.selector;
        targets[0].selectors[10] = Players.expire.selector;
        targets[0].selectors[11] = Players.blockAccount.selector;
        targets[0].selectors[12] = Players.claim.selector;
        targets[0].selectors[13] = Players.withdrawEarnings.selector;
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_players);
    }

    function invariant_theRegistryFollowsItsRules() external view {
        _players.requireInvariants();
    }

    /// @dev Plays in which nothing happens would prove nothing: of inputs like the campaign's most must do.
    function test_mostStepsOfAPlayDoSomething() public {
        for (uint256 i = 0; i < 600; ++i) {
            _step(uint256(keccak256(abi.encode(i))));
            _players.requireInvariants();
        }
        (uint256 done, uint256 idle) = (_players.done(), _players.idle());
        emit log_named_uint("steps that did something, %", 100 * done / (done + idle));
        if (100 * done < 60 * (done + idle)) revert Idle(done, idle);
        emit log_named_uint("deliveries of enforced trades", _players.ownDeliveries());
        if (_players.ownDeliveries() < 3) revert Idle(done, idle);
        _players.emptyAll();
    }

    // casting is safe because any bits will do
    // forge-lint: disable-start(unsafe-typecast)
    function _step(uint256 seed) private {
        (uint256 which, uint64 v, uint96 a, bool x, bool y) =
            (seed >> 8, uint64(seed >> 24), uint96(seed >> 64), seed >> 250 & 1 == 1, seed >> 251 & 1 == 1);
        uint256 choice = seed % 14;
        if (choice == 0) _players.open(which, a, uint96(v));
        if (choice == 1) _players.trade(which, v);
        if (choice == 2) _players.finalise(which, x);
        if (choice == 3) _players.dispute(which, v, x, y);
        if (choice == 4) _players.defend(which, v);
        if (choice == 5) _players.checkpoint(which, v);
        if (choice == 6) _players.changeFunding(which, a, uint96(v));
        if (choice == 7) _players.enforceOffer(which, v, x, y);
        if (choice == 8) _players.enforceDelivery(which, v, x);
        if (choice == 9) _players.payOut(which);
        if (choice == 10) _players.expire(which);
        if (choice == 11) _players.blockAccount(which, x);
        if (choice == 12) _players.claim(x, which);
        if (choice == 13) _players.withdrawEarnings(which, x);
    }

    // forge-lint: disable-end(unsafe-typecast)

    /// @dev At the end of each play nothing is stuck.
    function afterInvariant() external {
        _players.emptyAll();
    }
}
