"""The registry of pairs, their channels and disputes (the paper's ESC): calldata in, dataclasses out.

Writes give a `Call` that anybody may send, for all authority is in signatures; views take an `EthCall`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from channels_engine.core.types import (
    ZERO_HASH,
    ChannelOpen,
    ChannelState,
    Delivery,
    EntityContract,
    FundingChange,
    Offer,
    Side,
)
from contracts.bound import PayingContract
from contracts.calls import Call
from contracts.encoding import (
    CHANGE,
    CLOSING,
    METERED,
    OFFER,
    OPENING,
    SIGNATURE,
    STATE,
    TERMS,
    EthCall,
    FundingProof,
    PermitProof,
    compact,
    funding_bytes,
    optional_signature,
)
from contracts.records import Channel, ChannelStatus, DisputeCounts, Disputer, Record


@dataclass(frozen=True, slots=True)
class SignedState:
    """A co-signed channel state with its pair's terms and its opening, as the registry wants it.

    Both signatures are empty where the ledger knows the state by itself and none exist: the opening (version
    0), or what the newest change of funding left. `enforce_offer` and `enforce_delivery` take such states.
    """

    terms: EntityContract
    opening: ChannelOpen
    state: ChannelState
    signature_a: bytes
    signature_b: bytes

    def words(self) -> tuple[Any, ...]:
        """The five arguments in the order of the contract's `Closing`."""
        signatures = _signature(self.signature_a), _signature(self.signature_b)
        return _terms(self.terms), _opening(self.opening), _state(self.state), *signatures


@dataclass(frozen=True, slots=True)
class MeteredTrade:
    """A trade with its meter's word, and where it lies among the open trades of a state.

    Attributes:
        seller: Whose balance a refund leaves.
        delivery: Of this very trade; the registry computes channel and trade itself.
        signature: The metering key's, over `delivery`.
        history_root: Root of the tree of all trades of the state; not looked at for the enforced trade.
        open_list: The state's open trades, 33 bytes each: trade, seller; not looked at for the enforced trade.
    """

    offer: Offer
    seller: Side
    delivery: Delivery
    signature: bytes
    history_root: bytes = ZERO_HASH
    open_list: bytes = b""

    def words(self) -> tuple[Any, ...]:
        """The contract's `MeteredTrade`."""
        proof = self.history_root, self.open_list, self._position()
        delivered = self.delivery.delivered_wh
        is_b = self.seller is Side.B
        return _offer(self.offer), is_b, delivered, compact(self.signature), *proof

    def _position(self) -> int:
        """Past the end where the list doesn't hold the trade, as it doesn't hold the enforced one."""
        entry = self.delivery.trade + bytes([self.seller])
        starts = range(0, len(self.open_list), len(entry))
        entries = [self.open_list[start : start + len(entry)] for start in starts]
        return entries.index(entry) if entry in entries else len(entries)


@dataclass(frozen=True, slots=True)
class EntityContracts(PayingContract):
    """The registry of pairs, their channels and disputes (the paper's ESC)."""

    _OPEN: ClassVar[tuple[str, ...]] = (OPENING, SIGNATURE, SIGNATURE, "bytes", "bytes")
    _CO_SIGNED: ClassVar[tuple[str, ...]] = (TERMS, OPENING, STATE, SIGNATURE, SIGNATURE)

    def create(self, terms: EntityContract, signature_a: bytes, signature_b: bytes) -> Call:
        """Makes a pair from terms that both session keys signed."""
        values = [_terms(terms), compact(signature_a), compact(signature_b)]
        return self._write("create entity contract", "create", [TERMS, SIGNATURE, SIGNATURE], values)

    def open_channel(
        self,
        terms: EntityContract,
        opening: ChannelOpen,
        signature_a: bytes,
        signature_b: bytes,
        *,
        funding_a: FundingProof = None,
        funding_b: FundingProof = None,
    ) -> Call:
        """Opens a channel and funds both sides in one transaction."""
        values = _open_values(opening, signature_a, signature_b, funding_a, funding_b)
        types = [TERMS, *self._OPEN]
        return self._write("open channel", "openChannel", types, [_terms(terms), *values])

    def create_and_open(
        self,
        *,
        terms: EntityContract,
        terms_a: bytes,
        terms_b: bytes,
        opening: ChannelOpen,
        signature_a: bytes,
        signature_b: bytes,
        funding_a: FundingProof = None,
        funding_b: FundingProof = None,
    ) -> Call:
        """Makes the pair, unless it is there already, and opens its channel."""
        signed = [_terms(terms), compact(terms_a), compact(terms_b)]
        values = _open_values(opening, signature_a, signature_b, funding_a, funding_b)
        types = [TERMS, SIGNATURE, SIGNATURE, *self._OPEN]
        return self._write("create entity contract and open channel", "createAndOpen", types, signed + values)

    def finalise(self, closing: SignedState) -> Call:
        """Closes at once by a co-signed final state."""
        return self._write("close channel", "finalise", self._CO_SIGNED, closing.words())

    def finalise_many(self, closings: Sequence[SignedState]) -> Call:
        """Closes many channels; those not open (any more) are passed over."""
        values = [[closing.words() for closing in closings]]
        return self._write(f"close {len(closings)} channels", "finaliseMany", [f"{CLOSING}[]"], values)

    def dispute(self, disputed: SignedState, consent: bytes | None = None) -> Call:
        """Starts the challenge period; signed over `DisputeRequest` by a party unless one sends it."""
        values = [*disputed.words(), optional_signature(consent)]
        return self._write("dispute channel", "dispute", [*self._CO_SIGNED, "bytes"], values)

    def dispute_known(
        self, terms: EntityContract, opening: ChannelOpen, consent: bytes | None = None
    ) -> Call:
        """Starts the challenge period with what the ledger knows (version 0, or an earlier dispute's state).

        Signed over `DisputeRequest` by a party unless one sends it; after the expiry by anybody.
        """
        values = [_terms(terms), _opening(opening), optional_signature(consent)]
        return self._write("dispute channel as known", "disputeKnown", [TERMS, OPENING, "bytes"], values)

    def resolve(self, newer: SignedState) -> Call:
        """Answers a dispute by a newer co-signed state."""
        return self._write("answer dispute", "resolve", self._CO_SIGNED, newer.words())

    def finalise_disputed(self, terms: EntityContract, opening: ChannelOpen) -> Call:
        """Pays out after the challenge period."""
        values = [_terms(terms), _opening(opening)]
        return self._write("pay out disputed channel", "finaliseDisputed", [TERMS, OPENING], values)

    def checkpoint(self, newer: SignedState) -> Call:
        """Records a co-signed state without a dispute, so that nothing older can be disputed with."""
        return self._write("record state", "checkpoint", self._CO_SIGNED, newer.words())

    def change_funding(
        self,
        terms: EntityContract,
        opening: ChannelOpen,
        change: FundingChange,
        signature_a: bytes,
        signature_b: bytes,
        *,
        funding_a: PermitProof | None = None,
        funding_b: PermitProof | None = None,
    ) -> Call:
        """Settles an open channel at its balances and funds it anew.

        A permit is for what a deposit grows by; None where an allowance is there, for a withdrawal, for a note.
        """
        signatures = [compact(signature_a), compact(signature_b)]
        proofs = [funding_bytes(funding_a), funding_bytes(funding_b)]
        values = [_terms(terms), _opening(opening), _change(change), *signatures, *proofs]
        types = [TERMS, OPENING, CHANGE, SIGNATURE, SIGNATURE, "bytes", "bytes"]
        return self._write("change funding", "changeFunding", types, values)

    def enforce_offer(
        self, base: SignedState, offer: Offer, offeror_signature: bytes, acceptor_signature: bytes
    ) -> Call:
        """Executes an accepted offer on the co-signed state `base`, and disputes with what it gives."""
        signatures = [compact(offeror_signature), compact(acceptor_signature)]
        values = [*base.words(), _offer(offer), *signatures]
        types = [*self._CO_SIGNED, OFFER, SIGNATURE, SIGNATURE]
        return self._write("enforce offer", "enforceOffer", types, values)

    def enforce_delivery(self, state: SignedState, metered: MeteredTrade) -> Call:
        """Moves the refund of what a trade's seller did not deliver, while a dispute runs.

        `state` is the disputed one, or the base of the enforced offer; for the enforced trade itself any.
        """
        values = [*state.words(), metered.words()]
        return self._write("enforce delivery", "enforceDelivery", [*self._CO_SIGNED, METERED], values)

    def extension(self, eth_call: EthCall) -> bytes:
        """The contract whose code the registry runs for its rarely used functions."""
        return bytes(self._read(eth_call, "extension", [], [], "address"))

    def factory(self, eth_call: EthCall) -> bytes:
        """The factory that made this registry."""
        return bytes(self._read(eth_call, "factory", [], [], "address"))

    def is_merchant_contract(self, eth_call: EthCall, source: bytes) -> bool:
        """Whether notes of the contract `source` can fund channels."""
        return bool(self._read(eth_call, "isMerchantContract", ["address"], [source], "bool"))

    def disputes_of(self, eth_call: EthCall, scid: bytes) -> DisputeCounts:
        """A pair's dispute record; `created` is false if the pair is unknown."""
        returns = "(bool,uint32,uint32,uint32,uint32)"
        return DisputeCounts(*self._read(eth_call, "disputesOf", ["bytes32"], [scid], returns))

    def channel_of(self, eth_call: EthCall, channel: bytes) -> Channel:
        """A channel's status and fundings."""
        returns = "(uint8,bool,uint96,uint96)"
        status, *rest = self._read(eth_call, "channelOf", ["bytes32"], [channel], returns)
        return Channel(ChannelStatus(status), *rest)

    def record_of(self, eth_call: EthCall, channel: bytes) -> Record:
        """The newest state that the ledger knows, and the dispute that runs on it."""
        returns = "(uint64,uint96,uint40,uint8,uint8,uint8,bool,bool)"
        answer = self._read(eth_call, "recordOf", ["bytes32"], [channel], returns)
        version, balance_a, deadline, disputer, *rest = answer
        return Record(version, balance_a, deadline, Disputer(disputer), *rest)


def _open_values(
    opening: ChannelOpen,
    signature_a: bytes,
    signature_b: bytes,
    funding_a: FundingProof,
    funding_b: FundingProof,
) -> list[Any]:
    signatures = [compact(signature_a), compact(signature_b)]
    return [_opening(opening), *signatures, funding_bytes(funding_a), funding_bytes(funding_b)]


def _terms(t: EntityContract) -> tuple[Any, ...]:
    limits = t.challenge_period, t.dispute_limit, t.stale_penalty
    return t.party_a, t.party_b, t.metering, *limits, t.nonce


def _opening(o: ChannelOpen) -> tuple[Any, ...]:
    sources = o.source_a, o.note_a, o.source_b, o.note_b
    return o.scid, o.index, o.funding_a, o.funding_b, *sources, o.open_by, o.expiry


def _state(s: ChannelState) -> tuple[Any, ...]:
    money_and_energy = s.balance_a, s.balance_b, s.energy_to_a, s.energy_to_b
    return s.version, s.base, *money_and_energy, s.trades_root, s.is_final


def _offer(o: Offer) -> tuple[Any, ...]:
    prices = o.quantity_wh, o.price_per_kwh, o.imbalance_per_kwh
    return o.base_version, o.id, o.offeror_sells, *prices, o.slot_start, o.slot_end, o.valid_until


def _change(c: FundingChange) -> tuple[Any, ...]:
    money = c.balance_a, c.balance_b, c.funding_a, c.funding_b
    return c.version, c.base, *money, c.energy_to_a, c.energy_to_b, c.trades_root, c.valid_until


def _signature(signature: bytes) -> tuple[bytes, bytes]:
    return compact(signature) if signature else (ZERO_HASH, ZERO_HASH)
