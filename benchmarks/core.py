"""Co-signed updates in the pure core against coincurve alone, both in one run.

    python -m benchmarks.core

An update is what two endpoints do from an accepted offer on: the acceptor drafts, signs and stages; the
offeror verifies, drafts and stages; it countersigns; the acceptor verifies. Both then hold the same current
state: 2 signatures, 2 verifications. A whole trade has the signed offer before it: 3 and 3.

`core_update` does each step for all channels before the next step, as a server does with what came in at the
same time. `core_update_single` does one channel's steps one after the other: there every step finds the
processor's caches full of the elliptic curve's tables.

The reference does nothing but as many `sign_recoverable` and known-key `verify` calls of coincurve, on as many
different digests and keys (the same ones again are a tenth faster: the processor learns their branches).
Counted is processor time of one core. Rounds of both alternate; compared are the least disturbed rounds.
"""

import hashlib
import sys
import time
from collections.abc import Callable
from typing import TypeAlias

from coincurve import PrivateKey

from benchmarks.results import record
from channels_engine.core import inputs, negotiation
from channels_engine.core.inputs import Verified
from channels_engine.core.messages import DepositFunding
from channels_engine.core.signing import LocalSigner, sign_value, verify
from channels_engine.core.state import Endpoint
from channels_engine.core.transition import apply
from channels_engine.core.typed_data import struct_hash
from channels_engine.core.types import (
    ZERO_ADDRESS,
    ZERO_HASH,
    ChannelOpen,
    ChannelState,
    Domain,
    EntityContract,
    Offer,
    Side,
)

ROUNDS = 40
CHANNELS = 32
TRADES = 12
NOW = 1_750_000_000
SLOT = 1_750_005_000 - 1_750_005_000 % 900
DOMAIN = Domain(31337, b"\x5c" * 20)
GOAL = 0.80


class Pair:
    """Both sides of one channel, as they are now."""

    __slots__ = ("buyer", "buyer_key", "seller", "seller_key")

    def __init__(
        self, seller: Endpoint, buyer: Endpoint, seller_key: LocalSigner, buyer_key: LocalSigner
    ) -> None:
        self.seller = seller
        self.buyer = buyer
        self.seller_key = seller_key
        self.buyer_key = buyer_key


Update: TypeAlias = Callable[[list[Pair], list[bytes]], None]


def open_pair(number: int) -> Pair:
    """A channel between two fresh keys, open on both sides."""
    keys = [LocalSigner(hashlib.sha256(b"%d/%d" % (number, side)).digest()) for side in Side]
    terms = EntityContract(
        keys[0].address, keys[1].address, b"\x0d" * 20, 600, 10, 0, number.to_bytes(32, "big")
    )
    opening = ChannelOpen(
        struct_hash(terms),
        0,
        10**9,
        10**9,
        ZERO_ADDRESS,
        ZERO_HASH,
        ZERO_ADDRESS,
        ZERO_HASH,
        NOW + 600,
        NOW + 10**7,
    )
    funding = DepositFunding(0, bytes(65))
    signed = [sign_value(DOMAIN, opening, key) for key in keys]
    by_a, by_b = (verify(DOMAIN, opening, proof.signature, proof.signer) for proof in signed)
    a, _ = apply(None, inputs.ActionRequestOpen(DOMAIN, terms, Side.A, by_a, funding), NOW)
    b, _ = apply(None, inputs.ReceiveOpenRequest(DOMAIN, terms, Side.B, by_a, funding), NOW)
    b, _ = apply(b, inputs.ActionConfirmOpen(by_b, funding), NOW)
    a, _ = apply(a, inputs.ReceiveOpenConfirm(by_b, funding), NOW)
    a, _ = apply(a, inputs.LedgerOpened(), NOW)
    b, _ = apply(b, inputs.LedgerOpened(), NOW)
    return Pair(a, b, keys[0], keys[1])


def negotiate(pair: Pair, number: int) -> bytes:
    """A signed offer of the seller, known to both sides: 1 signature, 1 verification. Returns its id."""
    offer = Offer(
        pair.seller.channel,
        pair.buyer.highest_version,
        number.to_bytes(32, "big"),
        offeror_sells=True,
        quantity_wh=1500,
        price_per_kwh=281,
        imbalance_per_kwh=350,
        slot_start=SLOT,
        slot_end=SLOT + 900,
        valid_until=NOW + 60,
    )
    signed = sign_value(DOMAIN, offer, pair.seller_key)
    pair.seller, _ = apply(pair.seller, inputs.ActionOffer(signed), NOW)
    received = verify(DOMAIN, offer, signed.signature, pair.seller_key.address)
    pair.buyer, _ = apply(pair.buyer, inputs.ReceiveOffer(received), NOW)
    return offer.id


def accept(pair: Pair, offer: bytes) -> Verified[ChannelState]:
    """The buyer drafts, signs and stages the next state: 1 signature."""
    accepted = sign_value(DOMAIN, negotiation.next_state_for_offer(pair.buyer, offer), pair.buyer_key)
    pair.buyer, _ = apply(pair.buyer, inputs.ActionAccept(offer, accepted), NOW)
    return accepted


def take(pair: Pair, offer: bytes, accepted: Verified[ChannelState]) -> None:
    """The seller verifies and stages it: 1 verification."""
    request = verify(DOMAIN, accepted.value, accepted.signature, pair.buyer_key.address)
    pair.seller, _ = apply(pair.seller, inputs.ReceiveUpdateRequest(offer, request), NOW)


def confirm(pair: Pair, state: ChannelState) -> Verified[ChannelState]:
    """The seller countersigns: 1 signature."""
    confirmed = sign_value(DOMAIN, state, pair.seller_key)
    pair.seller, _ = apply(pair.seller, inputs.ActionConfirm(confirmed), NOW)
    return confirmed


def conclude(pair: Pair, confirmed: Verified[ChannelState]) -> None:
    """The buyer verifies the countersignature: 1 verification."""
    answer = verify(DOMAIN, confirmed.value, confirmed.signature, pair.seller_key.address)
    pair.buyer, _ = apply(pair.buyer, inputs.ReceiveConfirm(answer), NOW)


def update_singly(pairs: list[Pair], offers: list[bytes]) -> None:
    """Each channel from first to last step."""
    for pair, offer in zip(pairs, offers, strict=True):
        accepted = accept(pair, offer)
        take(pair, offer, accepted)
        conclude(pair, confirm(pair, accepted.value))


def update_together(pairs: list[Pair], offers: list[bytes]) -> None:
    """Each step for all channels."""
    accepted = [accept(pair, offer) for pair, offer in zip(pairs, offers, strict=True)]
    for pair, offer, proof in zip(pairs, offers, accepted, strict=True):
        take(pair, offer, proof)
    confirmed = [confirm(pair, proof.value) for pair, proof in zip(pairs, accepted, strict=True)]
    for pair, proof in zip(pairs, confirmed, strict=True):
        conclude(pair, proof)


def run_core(pairs: list[Pair], update: Update) -> tuple[float, float]:
    """Processor seconds for `TRADES` trades in each channel: of the updates alone, and of everything."""
    updates = trades = 0.0
    for number in range(TRADES):
        begun = time.process_time()
        offers = [negotiate(pair, number) for pair in pairs]
        accepted = time.process_time()
        update(pairs, offers)
        ended = time.process_time()
        updates += ended - accepted
        trades += ended - begun
    for pair in pairs:
        if pair.seller.current != pair.buyer.current or len(pair.seller.open_trades) != TRADES:
            sys.exit("The two sides disagree: the benchmark measured something else than co-signed trades.")
    return updates, trades


def run_coincurve(operations: int, seed: int) -> float:
    """Processor seconds for this many signatures, then as many known-key verifications."""
    keys = [
        PrivateKey(hashlib.sha256(b"key %d/%d" % (seed, number)).digest()) for number in range(2 * CHANNELS)
    ]
    ready = []
    for number in range(operations):
        key, digest = keys[number % len(keys)], hashlib.sha256(b"digest %d/%d" % (seed, number)).digest()
        ready.append((key, key.public_key, key.sign(digest, hasher=None), digest))
    begun = time.process_time()
    for key, _, _, digest in ready:
        key.sign_recoverable(digest, hasher=None)
    for _, public, signature, digest in ready:
        public.verify(signature, digest, hasher=None)
    return time.process_time() - begun


def measure() -> dict[str, float]:
    """The least disturbed round of each kind, in seconds."""
    best: dict[str, float] = {}
    for number in range(ROUNDS):
        for name, update in (("together", update_together), ("single", update_singly)):
            # Fresh channels: the caches of hashes would remember the states of the round before.
            pairs = [
                open_pair(2 * CHANNELS * number + CHANNELS * (name == "single") + channel)
                for channel in range(CHANNELS)
            ]
            updates, trades = run_core(pairs, update)
            keep(best, f"updates {name}", updates)
            keep(best, f"trades {name}", trades)
            keep(best, "reference", run_coincurve(CHANNELS * TRADES, 2 * number + (name == "single")))
    return best


def keep(best: dict[str, float], name: str, seconds: float) -> None:
    """Keep the smaller figure."""
    best[name] = min(seconds, best.get(name, seconds))


def report(name: str, seconds: float, reference: float) -> None:
    """Record one row; `reference` did the same signatures and verifications."""
    count = CHANNELS * TRADES
    record(
        name,
        ours=count / seconds,
        reference=count / reference,
        ratio=reference / seconds,
        goal=GOAL,
        unit="1/s",
        better="higher",
        command="python -m benchmarks.core",
    )


def main() -> None:
    """Measure and record."""
    best = measure()
    report("core_update", best["updates together"], 2 * best["reference"])
    report("core_update_single", best["updates single"], 2 * best["reference"])
    report("core_trade", best["trades together"], 3 * best["reference"])


if __name__ == "__main__":
    main()
