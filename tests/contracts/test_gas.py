"""Gas of whole transactions (base, calldata, execution, refunds), exact, against the committed table.

The table is `contracts/gas.json`; after a wanted change `UPDATE_GAS=1 pytest tests/contracts/test_gas.py`
writes it anew, and the difference is in the commit.
"""

import json
import os
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from desk import HISTORY, Desk
from evm_chain import Chain
from funded_life import DEPOSIT as DEPOSITED
from funded_life import FIRST, SECOND, Life
from market import CHALLENGE, COIN, Key, Market, Side, make_market

from channels_engine.core.types import ChannelOpen
from channels_engine.core.types import Side as Party
from contracts.bindings import MerchantFactory
from contracts.calls import Call
from contracts.encoding import FundingProof, NoteProof

TABLE = Path(__file__).parents[2] / "contracts" / "gas.json"
GENESIS = 2_000_000_000  # a fixed clock: signatures, and so the zero bytes of calldata, depend on it
FUNDING = 50 * COIN
BATCH = 50
# The design's goals; where two ways of funding share one, it holds for deposits and for one merchant's notes.
GOALS = {
    "gas_open_deposit": 150_000,
    "gas_open_note": 105_000,
    "gas_open_note_two_merchants": 105_000,
    "gas_close_deposit": 90_000,
    "gas_close_note_one_merchant": 75_000,
    "gas_close_note_two_merchants": 90_000,
    "gas_dispute": 90_000,
    "gas_dispute_deposit": 90_000,
    "gas_resolve": 60_000,
    "gas_resolve_deposit": 60_000,
    "gas_payout": 80_000,
    "gas_payout_deposit": 80_000,
    "gas_dispute_whole": 170_000,
    "gas_dispute_whole_deposit": 190_000,
    "gas_batch_close_deposit": 55_000,
    "gas_batch_close_note": 45_000,
}
# Suffixes of the table's names: how a channel is funded, and by which merchants' notes.
DEPOSIT, ONE, TWO = "_deposit", "", "_two_merchants"
MERCHANTS = {DEPOSIT: None, ONE: (0, 0), TWO: (0, 1)}


@dataclass(frozen=True)
class Funding:
    """How both sides are funded: by notes of merchants, or by deposits where there are none."""

    merchants: tuple[int, int] | None = None
    notes: tuple[NoteProof, NoteProof] | None = None


class Meter:
    """Does whole lives of channels and says what each transaction cost."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.table: dict[str, int] = {}

    def spent(self, call: Call, sender: bytes | None = None) -> int:
        return self.market.chain.execute(call, sender).gas_used

    def fund(self, merchants: tuple[int, int] | None) -> Funding:
        if merchants is None:
            return Funding()
        m = self.market
        notes = m.note(m.a, 200 * COIN, merchants[0]), m.note(m.b, 200 * COIN, merchants[1])
        return Funding(merchants, notes)

    def open(self, funding: Funding, amount: int = FUNDING, *, known: bool = True) -> tuple[ChannelOpen, int]:
        """An opened channel, some time later, so that its opening can't be replayed any more."""
        m = self.market
        if funding.merchants is None or funding.notes is None:
            a, b = Side(amount), Side(amount)
            proofs: list[FundingProof] = [m.permit(key, m.registry.address, amount) for key in (m.a, m.b)]
        else:
            pairs = zip(funding.notes, funding.merchants, strict=True)
            a, b = (m.note_side(note, amount, number) for note, number in pairs)
            proofs = [None, None] if known else list(funding.notes)
        opening = m.opening(a, b)
        gas = m.open(opening, *proofs).gas_used
        m.chain.advance(601)
        return opening, gas

    def close(self, opening: ChannelOpen) -> int:
        return self.spent(self.market.registry.finalise(self.market.final(opening, 12, 42 * COIN)))

    def dispute(self, opening: ChannelOpen) -> int:
        m = self.market
        stale = m.co_sign(opening, m.state(opening, 7, 45 * COIN))
        return self.spent(m.registry.dispute(stale), m.a.address)

    def resolve(self, opening: ChannelOpen) -> int:
        m = self.market
        return self.spent(m.registry.resolve(m.co_sign(opening, m.state(opening, 12, 42 * COIN))))

    def pay_out(self, opening: ChannelOpen) -> int:
        self.market.chain.advance(CHALLENGE)
        return self.spent(self.market.registry.finalise_disputed(self.market.terms, opening))

    def life(self, suffix: str) -> None:
        """First use, everyday use, and the disputes of one way of funding."""
        funding = self.fund(MERCHANTS[suffix])
        note = "" if suffix == DEPOSIT else "_note"
        opening, self.table[f"gas_open{note}{suffix}_first"] = self.open(funding, known=False)
        self.close(opening)
        opening, self.table[f"gas_open{note}{suffix}"] = self.open(funding)
        close = {DEPOSIT: DEPOSIT, ONE: "_note_one_merchant", TWO: "_note_two_merchants"}[suffix]
        self.table[f"gas_close{close}"] = self.close(opening)
        opening, _ = self.open(funding)
        raised = self.table[f"gas_dispute{suffix}"] = self.dispute(opening)
        self.table[f"gas_resolve{suffix}"] = self.resolve(opening)
        self.table[f"gas_close_after_dispute{suffix}"] = self.close(opening)
        opening, _ = self.open(funding)
        self.dispute(opening)
        paid = self.table[f"gas_payout{suffix}"] = self.pay_out(opening)
        self.table[f"gas_dispute_whole{suffix}"] = raised + paid

    def batch(self, suffix: str) -> None:
        """Each of fifty channels of one pair, closed together; their notes have been used before."""
        funding = self.fund(MERCHANTS[suffix])
        first, _ = self.open(funding, COIN, known=False)
        closings = [self.market.final(first, 12, COIN // 2)]
        for _ in range(BATCH - 1):
            opening, _ = self.open(funding, COIN)
            closings.append(self.market.final(opening, 12, COIN // 2))
        gas = self.spent(self.market.registry.finalise_many(closings))
        self.table[f"gas_batch_close{suffix or '_note'}"] = gas // BATCH

    def rare(self) -> None:
        """What a channel does seldom, at its dearest: the longest list of open trades, two merchants' notes."""
        m = self.market
        for name, kinds in (("_deposit", (DEPOSITED, DEPOSITED)), ("_two_merchants", (FIRST, SECOND))):
            life = Life(m, kinds)
            funding = 60 * COIN, 70 * COIN
            change = life.change(4, 30 * COIN, funding)
            call = life.call(change, life.permits((30 * COIN, 70 * COIN), funding))
            self.table[f"gas_change_funding{name}"] = self.spent(call)
        desk = Desk(m, self.open(Funding())[0])
        self.table["gas_checkpoint"] = self.spent(m.registry.checkpoint(desk.signed(7, 45 * COIN)))
        made = desk.offer(7)
        signatures = m.sign(m.a, made), m.sign(m.b, made)
        enforced = m.registry.enforce_offer(desk.signed(7, 45 * COIN), made, *signatures)
        self.table["gas_enforce_offer"] = self.spent(enforced)
        for name, number in (("", 1), ("_of_128", 128)):
            self.table[f"gas_enforce_delivery{name}"] = self.delivery(number)

    def delivery(self, number: int) -> int:
        """A short delivery of the last of `number` open trades."""
        m = self.market
        desk = Desk(m, self.open(Funding())[0])
        sold = [desk.offer(n) for n in range(number)]
        open_list, root = desk.trades(*((offer, Party.A) for offer in sold))
        state = desk.signed(7, 56 * COIN, trades_root=root)
        self.spent(m.registry.dispute(state), m.b.address)
        metered = desk.metered(sold[-1], Party.A, 5_000, history_root=HISTORY, open_list=open_list)
        return self.spent(m.registry.enforce_delivery(state, metered))

    def once(self) -> None:
        """What happens once for a merchant, a pair, a participant."""
        m = self.market
        factory = MerchantFactory(m.deployment.factory)
        self.table["gas_create_merchant"] = self.spent(factory.create(Key(70).address))
        terms = m.replace(m.terms, nonce=b"\x05" * 32)
        create = m.registry.create(terms, m.sign(m.a, terms), m.sign(m.b, terms))
        self.table["gas_create_pair"] = self.spent(create)
        agreement = m.agreement(m.a, 100 * COIN)
        permit = m.permit(m.a, m.merchant().address, 100 * COIN)
        signatures = [m.sign(key, agreement, m.merchant_domain()) for key in (m.merchants[0], m.a)]
        initialise = m.merchant().initialise(agreement, *signatures, permit)
        self.table["gas_initialise_agreement"] = self.spent(initialise)


@pytest.fixture(scope="module")
def table() -> dict[str, int]:
    market = make_market(Chain(GENESIS))
    meter = Meter(market)
    fresh = market.chain.tester.take_snapshot()
    for suffix in MERCHANTS:
        meter.market.counter = count(1)
        meter.life(suffix)
        market.chain.tester.revert_to_snapshot(fresh)
    for suffix in (DEPOSIT, ONE):
        meter.market.counter = count(1)
        meter.batch(suffix)
        market.chain.tester.revert_to_snapshot(fresh)
    meter.market.counter = count(1)
    meter.rare()
    market.chain.tester.revert_to_snapshot(fresh)
    meter.once()
    return dict(sorted(meter.table.items()))


def test_gas_is_exactly_the_committed_table(table: dict[str, int]) -> None:
    if os.environ.get("UPDATE_GAS") == "1":
        TABLE.write_text(json.dumps(table, indent=1) + "\n")
    assert table == json.loads(TABLE.read_text())


@pytest.mark.parametrize("name", GOALS)
def test_gas_meets_its_goal(table: dict[str, int], name: str) -> None:
    assert table[name] <= GOALS[name]
