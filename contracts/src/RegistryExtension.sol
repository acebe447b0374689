// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ChannelBooks} from "./ChannelBooks.sol";
import {ChannelMoney} from "./ChannelMoney.sol";
import {Channel, ChannelStatus, Disputer, Record} from "./interfaces/IEntityContracts.sol";
import {IRegistryExtension, MeteredTrade} from "./interfaces/IRegistryExtension.sol";
import {ChannelWords} from "./libraries/ChannelWords.sol";
import {Packing} from "./libraries/Packing.sol";
import {Signature, Signatures} from "./libraries/Signatures.sol";
import {TradeMath} from "./libraries/TradeMath.sol";
import {
    ChangeBody,
    ChannelOpen,
    EntityContract,
    OfferBody,
    StateBody,
    TypedData
} from "./libraries/TypedData.sol";

/// @title The registry's rarely used part: checkpoints, changes of funding, and what binds although the other
/// side has gone silent
/// @notice One contract may hold 24,576 bytes of code (EIP-170). The registry runs this code on its own storage
/// (delegatecall); called directly, it knows no channel and refuses everything.
contract RegistryExtension is IRegistryExtension, ChannelMoney {
    using ChannelWords for uint256;
    using Packing for Channel;
    using Packing for Record;
    using TypedData for ChangeBody;
    using TypedData for OfferBody;

    uint256 private constant ENTRY = 33; // bytes of an open trade: its id, its seller

    constructor(IERC20 token_) ChannelBooks(token_) {}

    /// @inheritdoc IRegistryExtension
    function checkpoint(
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        StateBody calldata state,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) external {
        (bytes32 id, uint256 channel) = _load(terms, opening);
        Record memory record = _known(id, channel);
        _requireNoDispute(id, record);
        if (state.version <= record.version) revert StateTooOld(state.version, record.version);
        if (state.isFinal) revert StateIsFinal(state.version);
        _requireCoSigned(id, channel, terms, state, signatureA, signatureB);
        record.version = state.version;
        record.balanceA = state.balanceA;
        _store(id, channel, record);
        emit ChannelCheckpointed(id, state.version, state.balanceA, state.balanceB);
    }

    /// @inheritdoc IRegistryExtension
    function changeFunding(
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        ChangeBody calldata change,
        Signature calldata signatureA,
        Signature calldata signatureB,
        bytes calldata fundingA,
        bytes calldata fundingB
    ) external nonReentrant {
        (bytes32 id, uint256 channel) = _load(terms, opening);
        _requireChangeable(id, channel, opening, change);
        _requireBoth(change.hash(id), terms, signatureA, signatureB);
        _bookChange(id, channel, change);
        _moveBalance(id, channel, terms, opening, change.balanceA);
        _fund(opening.sourceA, opening.noteA, terms.partyA, change.balanceA, change.fundingA, fundingA);
        _fund(opening.sourceB, opening.noteB, terms.partyB, change.balanceB, change.fundingB, fundingB);
    }

    /// @inheritdoc IRegistryExtension
    function enforceOffer(
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        StateBody calldata state,
        Signature calldata signatureA,
        Signature calldata signatureB,
        OfferBody calldata offer,
        Signature calldata offerorSignature,
        Signature calldata acceptorSignature
    ) external {
        (bytes32 id, uint256 channel) = _load(terms, opening);
        Record memory record = _known(id, channel);
        if (state.version != offer.baseVersion) revert WrongBase(state.version, offer.baseVersion);
        if (state.version < record.version) revert StateTooOld(state.version, record.version);
        _requireProven(id, channel, terms, state, signatureA, signatureB);
        if (record.deadline != 0) {
            _requireRunning(id, record);
            _settleDispute(record, opening.scid, state);
        }
        bytes32 trade = offer.hash(id);
        if (block.timestamp > offer.validUntil) revert OfferTooLate(trade, offer.validUntil);
        record.disputer = _acceptor(trade, terms, offerorSignature, acceptorSignature);
        bool sellerIsB = (record.disputer == Disputer.PartyA) == offer.offerorSells;
        record.version = state.version + 1;
        record.balanceA = _afterTrade(state, offer, sellerIsB);
        record.enforced = true;
        record.refunded = false;
        _enforced[id] = _leaf(trade, sellerIsB);
        _start(id, channel, record, terms);
        uint96 balanceB = _total(channel) - record.balanceA;
        emit OfferEnforced(id, trade, record.version, record.balanceA, balanceB, record.deadline);
    }

    /// @inheritdoc IRegistryExtension
    function enforceDelivery(
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        StateBody calldata state,
        Signature calldata signatureA,
        Signature calldata signatureB,
        MeteredTrade calldata metered
    ) external {
        (bytes32 id, uint256 channel) = _load(terms, opening);
        Record memory record = _known(id, channel);
        _requireRunning(id, record);
        bytes32 trade = metered.offer.hash(id);
        bytes32 leaf = _leaf(trade, metered.sellerIsB);
        if (!record.enforced || _enforced[id] != leaf) {
            uint64 version = record.enforced ? record.version - 1 : record.version;
            if (state.version != version) revert WrongBase(state.version, version);
            _requireProven(id, channel, terms, state, signatureA, signatureB);
            _requireOpenTrade(trade, leaf, state.tradesRoot, metered);
        }
        _useDelivery(trade, record);
        bytes32 delivery = TypedData.delivery(id, trade, metered.deliveredWh);
        Signatures.requireSigner(_hashTypedDataV4(delivery), metered.metering, terms.metering);
        _refund(id, trade, channel, record, metered);
    }

    function _requireChangeable(
        bytes32 id,
        uint256 channel,
        ChannelOpen calldata opening,
        ChangeBody calldata change
    ) private view {
        Record memory record = _known(id, channel);
        _requireNoDispute(id, record);
        if (change.version <= record.version) revert StateTooOld(change.version, record.version);
        if (block.timestamp > change.validUntil) revert ChangeTooLate(id, change.validUntil);
        if (block.timestamp >= opening.expiry) revert ChannelExpired(id, opening.expiry);
        if (change.fundingA == 0 && change.fundingB == 0) revert NothingFunded(id);
        uint256 sum = _sum(change.balanceA, change.balanceB);
        if (sum != _total(channel)) revert WrongBalances(sum, _total(channel));
    }

    /// @dev The stale disputes that a side has to answer for stay in the record.
    function _bookChange(bytes32 id, uint256 channel, ChangeBody calldata change) private {
        Record memory record = _known(id, channel);
        record.version = change.version;
        record.balanceA = change.fundingA;
        _records[id] = record.pack();
        _funded[id] = _fact(change.version, change.fundingA, change.fundingB, change.tradesRoot);
        _channels[id] = Channel(ChannelStatus.Open, true, change.fundingA, change.fundingB).pack();
        emit FundingChanged(
            id, change.version, change.balanceA, change.balanceB, change.fundingA, change.fundingB
        );
    }

    /// @dev Settles as a close does, but leaves deposits where they are: they stay or go by `_fund`.
    function _moveBalance(
        bytes32 id,
        uint256 channel,
        EntityContract calldata terms,
        ChannelOpen calldata opening,
        uint96 balanceA
    ) private {
        Leg memory payer = Leg(terms.partyA, opening.sourceA, opening.noteA, channel.fundingA());
        Leg memory payee = Leg(terms.partyB, opening.sourceB, opening.noteB, channel.fundingB());
        if (balanceA > channel.fundingA()) (payer, payee) = (payee, payer);
        uint96 amount =
            balanceA > channel.fundingA() ? balanceA - channel.fundingA() : channel.fundingA() - balanceA;
        if (payer.source == address(0)) payer.funding = amount;
        if (_settleInside(payer, payee, amount)) return;
        if (!_collect(payer, payee, amount)) revert ChangeNotSettled(id);
        if (payee.source != address(0)) _settlePayee(payee, amount);
    }

    /// @dev Brings one side from its balance to its new funding; a note's was released just before.
    function _fund(
        address source,
        bytes32 note,
        address party,
        uint96 balance,
        uint96 funding,
        bytes calldata proof
    ) private {
        if (source != address(0)) {
            _reserve(source, note, party, funding, proof);
        } else if (funding > balance) {
            _usePermit(party, funding - balance, proof);
            _pull(party, funding - balance);
        } else {
            _push(party, balance - funding, party);
        }
    }

    /// @dev Each trade once in each record. A record that replaces this one has balances of its own, which
    /// know nothing of the refund, so the delivery may be brought again.
    function _useDelivery(bytes32 trade, Record memory record) private {
        uint256 marker = (uint256(record.version) << 1 | (record.enforced ? 1 : 0)) + 1;
        if (_delivered[trade] == marker) revert DeliveryKnown(trade);
        _delivered[trade] = marker;
    }

    function _refund(
        bytes32 id,
        bytes32 trade,
        uint256 channel,
        Record memory record,
        MeteredTrade calldata metered
    ) private {
        uint64 quantity = metered.offer.quantityWh;
        if (metered.deliveredWh > quantity) revert DeliveredTooMuch(metered.deliveredWh, quantity);
        uint96 total = _total(channel);
        uint96 left = metered.sellerIsB ? total - record.balanceA : record.balanceA;
        uint256 due = TradeMath.refund(
            quantity - metered.deliveredWh, metered.offer.pricePerKwh, metered.offer.imbalancePerKwh
        );
        uint96 refund = _least(due, left);
        record.balanceA = metered.sellerIsB ? record.balanceA + refund : record.balanceA - refund;
        record.refunded = true;
        _records[id] = record.pack();
        emit DeliveryEnforced(
            id, trade, metered.deliveredWh, refund, record.balanceA, total - record.balanceA
        );
    }

    /// @dev The root of a state's trades is the hash of its history's root and of the hash of its open list.
    function _requireOpenTrade(bytes32 trade, bytes32 leaf, bytes32 tradesRoot, MeteredTrade calldata metered)
        private
        pure
    {
        bytes32 root = keccak256(abi.encode(metered.historyRoot, keccak256(metered.openList)));
        if (root != tradesRoot) revert WrongTrades(root, tradesRoot);
        uint256 start = metered.position * ENTRY;
        if (start + ENTRY > metered.openList.length) revert TradeNotOpen(trade);
        if (keccak256(metered.openList[start:start + ENTRY]) != leaf) revert TradeNotOpen(trade);
    }

    /// @dev Who accepted: the party that is not the offeror. Both signed the very same offer.
    function _acceptor(
        bytes32 trade,
        EntityContract calldata terms,
        Signature calldata offeror,
        Signature calldata acceptor
    ) private view returns (Disputer) {
        bytes32 digest = _hashTypedDataV4(trade);
        address account = Signatures.recover(digest, offeror.r, offeror.vs);
        if (account != terms.partyA && account != terms.partyB) revert NotParty(account);
        bool acceptorIsB = account == terms.partyA;
        Signatures.requireSigner(digest, acceptor, acceptorIsB ? terms.partyB : terms.partyA);
        return acceptorIsB ? Disputer.PartyB : Disputer.PartyA;
    }

    function _afterTrade(StateBody calldata state, OfferBody calldata offer, bool sellerIsB)
        private
        pure
        returns (uint96)
    {
        uint256 amount = TradeMath.amount(offer.quantityWh, offer.pricePerKwh);
        uint96 purse = sellerIsB ? state.balanceA : state.balanceB;
        if (amount > purse) revert BuyerShort(purse, amount);
        // casting to 'uint96' is safe because the amount is at most a 96-bit balance
        // forge-lint: disable-next-line(unsafe-typecast)
        return sellerIsB ? state.balanceA - uint96(amount) : state.balanceA + uint96(amount);
    }

    /// @dev As the trade's leaf in the tree of trades.
    function _leaf(bytes32 trade, bool sellerIsB) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(trade, sellerIsB));
    }
}
