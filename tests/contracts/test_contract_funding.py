"""A channel that stays open is settled and funded anew: top-up, withdrawal, and both at once."""

import pytest
from evm_chain import refused
from funded_life import DEPOSIT, FIRST, FUNDING, SECOND, Life
from market import CHALLENGE, COIN, DAY, PENALTY, Key, Market

from channels_engine.core.keccak import keccak256
from channels_engine.core.typed_data import struct_hash
from channels_engine.core.types import ZERO_HASH, ChannelState, Delivery, Offer, Side
from contracts.bindings import SignedState
from contracts.events import ChannelFinalised, FundingChanged
from contracts.registry import MeteredTrade


def require_whole(market: Market) -> None:
    market.require_solvent(0)
    market.require_solvent(1)


KINDS = [(a, b) for a in (DEPOSIT, FIRST) for b in (DEPOSIT, FIRST, SECOND)]
MOVES = {
    "both top up": (30 * COIN, (60 * COIN, 90 * COIN)),
    "A withdraws all, B tops up": (70 * COIN, (0, 45 * COIN)),
    "B withdraws what it earned": (20 * COIN, (20 * COIN, 50 * COIN)),
    "nothing moved, B withdraws": (50 * COIN, (50 * COIN, 1)),
}


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("kinds", KINDS, ids=" and ".join)
def test_money_is_settled_and_funded_anew(market: Market, kinds: tuple[str, str], move: str) -> None:
    life = Life(market, kinds)
    before = [life.worth(0), life.worth(1)]
    balance_a, funding = MOVES[move]
    balances = balance_a, 2 * FUNDING - balance_a
    total = sum(funding)
    events = life.send(life.change(4, balance_a, funding), life.permits(balances, funding))
    assert events[0] == FundingChanged(life.channel, 4, *balances, *funding)
    require_whole(market)
    on_ledger = market.registry.channel_of(market.chain.call, life.channel)
    assert (on_ledger.funding_a, on_ledger.funding_b, on_ledger.recorded) == (*funding, True)
    for side in (0, 1):
        now_locked = funding[side] if life.notes[side] is None else 0
        earned = balances[side] - FUNDING
        was_locked = FUNDING if life.notes[side] is None else 0
        assert life.worth(side) + now_locked == before[side] + was_locked + earned

    with refused("WrongBalances"):
        market.chain.execute(market.registry.finalise(life.signed(9, 0, total + 1, is_final=True)))
    market.chain.execute(market.registry.finalise(life.signed(9, total // 2, total, is_final=True)))
    for side, share in ((0, total // 2), (1, total - total // 2)):
        was_locked = FUNDING if life.notes[side] is None else 0
        earned = balances[side] - FUNDING + share - funding[side]
        assert life.worth(side) == before[side] + was_locked + earned
    assert market.balance(market.registry.address) == 0
    require_whole(market)


@pytest.fixture
def life(market: Market) -> Life:
    return Life(market, (DEPOSIT, DEPOSIT))


def top_up(life: Life, version: int = 4) -> None:
    balances, funding = (30 * COIN, 70 * COIN), (60 * COIN, 70 * COIN)
    life.send(life.change(version, balances[0], funding), life.permits(balances, funding))


def test_nothing_older_can_be_disputed_with(market: Market, life: Life) -> None:
    top_up(life)
    with refused("StateTooOld", version=3, known=4):
        market.chain.execute(market.registry.dispute(life.signed(3, 9, 130 * COIN)), market.a.address)
    record = market.registry.record_of(market.chain.call, life.channel)
    assert (record.version, record.balance_a) == (4, 60 * COIN)
    (event,) = market.chain.events(
        market.registry.dispute_known(market.terms, life.opening), market.a.address
    )
    assert (event.version, event.balance_a, event.balance_b) == (4, 60 * COIN, 70 * COIN)
    market.chain.execute(market.registry.resolve(life.signed(6, 61 * COIN, 130 * COIN)))


def test_one_change_counts_once(market: Market, life: Life) -> None:
    top_up(life)
    with refused("StateTooOld", version=4, known=4):
        top_up(life)


def test_what_makes_a_change_unfit(market: Market, life: Life) -> None:
    fit = life.change(4, 30 * COIN, (30 * COIN, 70 * COIN))
    for changes, name in (
        ({"balance_a": 31 * COIN}, "WrongBalances"),
        ({"valid_until": market.chain.now - 1}, "ChangeTooLate"),
        ({"funding_a": 0, "funding_b": 0}, "NothingFunded"),
        ({"channel": b"\x01" * 32}, "WrongSigner"),
    ):
        with refused(name):
            life.send(market.replace(fit, **changes))
    for keys in ((market.a, market.a), (market.b, market.b), (Key(99), market.b)):
        signatures = [market.sign(key, fit) for key in keys]
        with refused("WrongSigner"):
            market.chain.execute(market.registry.change_funding(market.terms, life.opening, fit, *signatures))
    market.chain.execute(market.registry.dispute_known(market.terms, life.opening), market.a.address)
    with refused("DisputeRunning"):
        life.send(fit)


def test_no_change_after_the_expiry_or_the_close(market: Market, life: Life) -> None:
    market.chain.advance(DAY)
    with refused("ChannelExpired"):
        life.send(life.change(4, 30 * COIN, (30 * COIN, 70 * COIN)))
    market.chain.execute(market.registry.finalise(life.signed(9, COIN, 2 * FUNDING, is_final=True)))
    with refused("ChannelNotOpen"):
        life.send(life.change(4, 30 * COIN, (30 * COIN, 70 * COIN)))


def test_a_top_up_without_money_changes_nothing(market: Market, life: Life) -> None:
    with refused("ERC20InsufficientAllowance"):
        life.send(life.change(4, 30 * COIN, (60 * COIN, 70 * COIN)))
    assert market.registry.channel_of(market.chain.call, life.channel).funding_a == FUNDING


def test_a_note_funds_no_more_than_its_amount_and_its_treasury(market: Market) -> None:
    life = Life(market, (FIRST, SECOND))
    with refused("NoteExhausted"):
        life.send(life.change(4, FUNDING, (201 * COIN, FUNDING)))
    merchant = market.merchants[0].address
    free = market.merchant(0).treasury(market.chain.call).free
    market.chain.execute(market.merchant(0).withdraw_treasury(merchant, free), merchant)
    with refused("TreasuryShort"):
        life.send(life.change(4, FUNDING, (51 * COIN, FUNDING)))
    life.send(life.change(4, FUNDING, (FUNDING, 51 * COIN)))


def test_penalties_outlive_a_change(market: Market, life: Life) -> None:
    market.chain.execute(market.registry.dispute(life.signed(1, 90 * COIN, 2 * FUNDING)), market.a.address)
    market.chain.execute(market.registry.resolve(life.signed(3, 30 * COIN, 2 * FUNDING)))
    top_up(life)
    events = market.chain.events(market.registry.finalise(life.signed(9, COIN, 130 * COIN, is_final=True)))
    assert ChannelFinalised(life.channel, 9, 0, 130 * COIN, 1500, 0) in events
    assert PENALTY > COIN


def test_offers_and_deliveries_on_a_change_need_no_other_proof(market: Market, life: Life) -> None:
    """After a change there is no signed ChannelState of its version: the ledger itself knows balances and root."""
    sold = offer_on(life, 2)
    entry = struct_hash(sold) + b"\x01"
    root = keccak256(ZERO_HASH + keccak256(entry))
    life.send(life.change(4, 30 * COIN, (30 * COIN, 65 * COIN), trades_root=root))
    base = ChannelState(life.channel, 4, 0, 30 * COIN, 65 * COIN, 0, 0, root, is_final=False)
    known = SignedState(market.terms, life.opening, base, b"", b"")
    lied = market.replace(base, balance_a=31 * COIN, balance_b=64 * COIN)
    offer = offer_on(life, 4)
    signatures = market.sign(market.a, offer), market.sign(market.b, offer)
    with refused("ECDSAInvalidSignature"):
        market.chain.execute(
            market.registry.enforce_offer(
                SignedState(market.terms, life.opening, lied, b"", b""), offer, *signatures
            )
        )
    market.chain.execute(market.registry.dispute_known(market.terms, life.opening), market.a.address)
    delivery = Delivery(life.channel, struct_hash(sold), 0)
    metered = MeteredTrade(sold, Side.B, delivery, market.sign(market.metering, delivery), ZERO_HASH, entry)
    (event,) = market.chain.events(market.registry.enforce_delivery(known, metered))
    assert (event.refund, event.balance_a) == (10 * COIN, 40 * COIN)
    market.chain.execute(market.registry.enforce_offer(known, offer, *signatures))
    record = market.registry.record_of(market.chain.call, life.channel)
    assert (record.version, record.balance_a, record.enforced) == (5, 36 * COIN, True)
    (event,) = market.chain.events(market.registry.enforce_delivery(known, metered))
    assert event.balance_a == 46 * COIN
    market.chain.advance(CHALLENGE)
    market.chain.execute(market.registry.finalise_disputed(market.terms, life.opening))
    assert market.balance(market.registry.address) == 0


def offer_on(life: Life, base: int) -> Offer:
    return Offer(
        channel=life.channel,
        base_version=base,
        id=b"\x0f" * 32,
        offeror_sells=True,
        quantity_wh=20_000,
        price_per_kwh=300_000,
        imbalance_per_kwh=500_000,
        slot_start=900,
        slot_end=1800,
        valid_until=life.market.chain.now + 600,
    )


def test_two_changes_in_a_row(market: Market, life: Life) -> None:
    top_up(life)
    second = life.change(8, 40 * COIN, (35 * COIN, COIN), balance_b=90 * COIN)
    life.send(second)
    assert market.balance(market.registry.address) == 36 * COIN
    with refused("ECDSAInvalidSignature"):  # the first change is no longer what the ledger knows
        state = ChannelState(life.channel, 8, 0, 30 * COIN, 6 * COIN, 0, 0, ZERO_HASH, is_final=False)
        offer = offer_on(life, 8)
        signatures = market.sign(market.a, offer), market.sign(market.b, offer)
        stale = SignedState(market.terms, life.opening, state, b"", b"")
        market.chain.execute(market.registry.enforce_offer(stale, offer, *signatures))
