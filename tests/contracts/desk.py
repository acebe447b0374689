"""What the two parties of an open channel, funded by deposits, can bring to the ledger."""

from dataclasses import dataclass
from typing import Any

from market import COIN, Key, Market

from channels_engine.core.keccak import keccak256
from channels_engine.core.typed_data import struct_hash
from channels_engine.core.types import ZERO_HASH, ChannelOpen, ChannelState, Delivery, Offer, Side
from contracts.bindings import SignedState
from contracts.records import DisputeCounts
from contracts.registry import MeteredTrade

FUNDING = 50 * COIN
HISTORY = b"\x77" * 32


@dataclass
class Desk:
    """One open channel and what its two parties can bring to the ledger."""

    market: Market
    opening: ChannelOpen

    @property
    def channel(self) -> bytes:
        return struct_hash(self.opening)

    def signed(self, version: int, balance_a: int, **changes: Any) -> SignedState:
        return self.market.co_sign(
            self.opening, self.market.state(self.opening, version, balance_a, **changes)
        )

    def known(self, version: int = 0, balance_a: int = FUNDING) -> SignedState:
        """What the ledger knows by itself: nobody signed it."""
        state = ChannelState(
            self.channel, version, 0, balance_a, 2 * FUNDING - balance_a, 0, 0, ZERO_HASH, is_final=False
        )
        return SignedState(self.market.terms, self.opening, state, b"", b"")

    def offer(self, base: int, **changes: Any) -> Offer:
        """20 kWh for 6 coins; a shortfall costs half a coin each kWh."""
        offer = Offer(
            channel=self.channel,
            base_version=base,
            id=b"\x0f" * 32,
            offeror_sells=True,
            quantity_wh=20_000,
            price_per_kwh=300_000,
            imbalance_per_kwh=500_000,
            slot_start=900,
            slot_end=1800,
            valid_until=self.market.chain.now + 600,
        )
        return self.market.replace(offer, **changes)

    def enforce(self, base: SignedState, offer: Offer, offeror: Key, acceptor: Key) -> list[Any]:
        m = self.market
        signatures = m.sign(offeror, offer), m.sign(acceptor, offer)
        return m.chain.events(m.registry.enforce_offer(base, offer, *signatures))

    def trades(self, *trades: tuple[Offer, Side]) -> tuple[bytes, bytes]:
        """The list of open trades and the root that commits to it."""
        open_list = b"".join(struct_hash(offer) + bytes([seller]) for offer, seller in trades)
        return open_list, keccak256(HISTORY + keccak256(open_list))

    def metered(self, offer: Offer, seller: Side, delivered_wh: int, **changes: Any) -> MeteredTrade:
        m = self.market
        delivery = Delivery(self.channel, struct_hash(offer), delivered_wh)
        signature = m.sign(changes.pop("key", m.metering), delivery)
        return MeteredTrade(offer, seller, delivery, signature, **changes)

    def deliver(self, state: SignedState, metered: MeteredTrade) -> list[Any]:
        return self.market.chain.events(self.market.registry.enforce_delivery(state, metered))

    def dispute(self, state: SignedState, by: Key) -> None:
        self.market.chain.execute(self.market.registry.dispute(state), by.address)

    def record(self) -> Any:
        return self.market.registry.record_of(self.market.chain.call, self.channel)

    def counts(self) -> DisputeCounts:
        return self.market.registry.disputes_of(self.market.chain.call, self.market.scid)
