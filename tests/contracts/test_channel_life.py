"""A channel's life on the ledger: opened, closed by both sides' word, paid out."""

import pytest
from evm_chain import decoded, refused
from market import COIN, Market, Side

from channels_engine.core.typed_data import struct_hash
from channels_engine.core.types import ChannelOpen
from contracts.calls import Receipt
from contracts.encoding import NoteProof
from contracts.events import (
    ChannelFinalised,
    ChannelOpened,
    NoteAdmitted,
    NoteReserved,
    NoteSettled,
    PairCreated,
)
from contracts.records import ChannelStatus, NoteAccount, Treasury

FUNDING = 50 * COIN


def open_with_notes(
    market: Market, merchant_a: int = 0, merchant_b: int = 0
) -> tuple[ChannelOpen, NoteProof, NoteProof, Receipt]:
    note_a, note_b = (
        market.note(market.a, 200 * COIN, merchant_a),
        market.note(market.b, 200 * COIN, merchant_b),
    )
    opening = market.opening(
        market.note_side(note_a, FUNDING, merchant_a), market.note_side(note_b, FUNDING, merchant_b)
    )
    return opening, note_a, note_b, market.open(opening, note_a, note_b)


def open_with_deposits(market: Market) -> tuple[ChannelOpen, Receipt]:
    opening = market.opening(Side(FUNDING), Side(FUNDING))
    registry = market.registry.address
    permits = market.permit(market.a, registry, FUNDING), market.permit(market.b, registry, FUNDING)
    return opening, market.open(opening, *permits)


def test_deposits_come_in_and_go_out_by_the_final_balances(market: Market) -> None:
    before = market.balance(market.a.address), market.balance(market.b.address)
    opening, receipt = open_with_deposits(market)
    channel = struct_hash(opening)
    assert decoded(receipt.logs)[0] == ChannelOpened(
        channel,
        opening.scid,
        opening.index,
        FUNDING,
        FUNDING,
        bytes(20),
        bytes(32),
        bytes(20),
        bytes(32),
        opening.open_by,
        opening.expiry,
    )
    assert market.balance(market.registry.address) == 2 * FUNDING
    on_ledger = market.registry.channel_of(market.chain.call, channel)
    assert (on_ledger.status, on_ledger.funding_a, on_ledger.funding_b) == (
        ChannelStatus.OPEN,
        FUNDING,
        FUNDING,
    )

    events = market.chain.events(market.registry.finalise(market.final(opening, 7, 12 * COIN)))
    assert ChannelFinalised(channel, 7, 12 * COIN, 88 * COIN, 1500, 0) in events
    after = market.balance(market.a.address), market.balance(market.b.address)
    assert (after[0] - before[0], after[1] - before[1]) == (-38 * COIN, 38 * COIN)
    assert market.balance(market.registry.address) == 0


def test_a_standing_allowance_needs_no_permit(market: Market) -> None:
    for key in (market.a, market.b):
        market.chain.execute(market.token.approve(market.registry.address, FUNDING), key.address)
    market.open(market.opening(Side(FUNDING), Side(FUNDING)))
    assert market.balance(market.registry.address) == 2 * FUNDING


def test_a_front_run_permit_does_no_harm(market: Market) -> None:
    opening = market.opening(Side(FUNDING), Side(0))
    permit = market.permit(market.a, market.registry.address, FUNDING)
    data = [market.a.address, market.registry.address, FUNDING, permit.deadline]
    v, r, s = permit.signature[64], permit.signature[:32], permit.signature[32:64]
    types = ["address", "address", "uint256", "uint256", "uint8", "bytes32", "bytes32"]
    market.chain.execute(market.token._write("front-run", "permit", types, [*data, v, r, s]))
    market.open(opening, permit)
    assert market.balance(market.registry.address) == FUNDING


def test_notes_of_one_merchant_net_without_a_token_moving(market: Market) -> None:
    opening, note_a, note_b, receipt = open_with_notes(market)
    source = market.merchant()
    assert [type(event) for event in decoded(receipt.logs)] == [
        ChannelOpened,
        NoteAdmitted,
        NoteReserved,
        NoteAdmitted,
        NoteReserved,
    ]
    assert source.treasury(market.chain.call) == Treasury(800 * COIN, 100 * COIN, 0, 0)

    held = market.balance(source.address)
    events = market.chain.events(market.registry.finalise(market.final(opening, 7, 20 * COIN)))
    assert NoteSettled(note_a.note.serial, FUNDING, -30 * COIN) in events
    assert NoteSettled(note_b.note.serial, FUNDING, 30 * COIN) in events
    assert market.balance(source.address) == held
    assert source.treasury(market.chain.call) == Treasury(870 * COIN, 0, 30 * COIN, 0)
    payer = source.note_of(market.chain.call, note_a.note.serial, market.a.address)
    payee = source.note_of(market.chain.call, note_b.note.serial, market.b.address)
    assert (payer.debt, payer.available, payer.amount) == (30 * COIN, 170 * COIN, 200 * COIN)
    assert (payee.earnings, payee.available, payee.amount) == (30 * COIN, 200 * COIN, 200 * COIN)
    market.require_solvent()


def test_notes_of_two_merchants_are_settled_in_tokens(market: Market) -> None:
    opening, *_ = open_with_notes(market, 0, 1)
    market.chain.execute(market.registry.finalise(market.final(opening, 7, 20 * COIN)))
    first, second = (market.merchant(n).treasury(market.chain.call) for n in (0, 1))
    assert first == Treasury(870 * COIN, 0, 0, 0)
    assert second == Treasury(900 * COIN, 0, 30 * COIN, 0)
    market.require_solvent(0)
    market.require_solvent(1)


@pytest.mark.parametrize("balance_a", [0, 20 * COIN, 50 * COIN, 80 * COIN, 100 * COIN])
@pytest.mark.parametrize("note_side", ["a", "b"])
def test_a_note_trades_with_a_deposit(market: Market, note_side: str, balance_a: int) -> None:
    key, other = (market.a, market.b) if note_side == "a" else (market.b, market.a)
    note = market.note(key, 200 * COIN)
    sides = [market.note_side(note, FUNDING), Side(FUNDING)]
    proofs = [note, market.permit(other, market.registry.address, FUNDING)]
    step = 1 if note_side == "a" else -1
    opening = market.opening(*sides[::step])
    market.open(opening, *proofs[::step])
    before = market.balance(other.address)
    market.chain.execute(market.registry.finalise(market.final(opening, 7, balance_a)))
    payout = balance_a if note_side == "b" else 100 * COIN - balance_a
    assert market.balance(other.address) == before + payout
    account = market.merchant().note_of(market.chain.call, note.note.serial, key.address)
    assert account.position == FUNDING - payout
    assert market.balance(market.registry.address) == 0
    market.require_solvent()


def test_earnings_first_pay_the_notes_own_spending(market: Market) -> None:
    opening, note_a, note_b, _ = open_with_notes(market)
    market.chain.execute(market.registry.finalise(market.final(opening, 7, 20 * COIN)))
    again = market.opening(market.note_side(note_a, FUNDING), market.note_side(note_b, FUNDING))
    market.open(again)
    market.chain.execute(market.registry.finalise(market.final(again, 3, 95 * COIN)))
    source = market.merchant()
    payer = source.note_of(market.chain.call, note_b.note.serial, market.b.address)
    payee = source.note_of(market.chain.call, note_a.note.serial, market.a.address)
    assert (payee.position, payer.position) == (15 * COIN, -15 * COIN)
    assert source.treasury(market.chain.call) == Treasury(885 * COIN, 0, 15 * COIN, 0)
    market.require_solvent()


def test_a_note_funds_channels_up_to_its_amount(market: Market) -> None:
    note = market.note(market.a, 100 * COIN)
    first = market.opening(market.note_side(note, 60 * COIN), Side(0))
    market.open(first, note)
    with refused("NoteExhausted", available=40 * COIN, wanted=41 * COIN):
        market.open(market.opening(market.note_side(note, 41 * COIN), Side(0)))
    market.open(market.opening(market.note_side(note, 40 * COIN), Side(0)))
    account = market.merchant().note_of(market.chain.call, note.note.serial, market.a.address)
    assert account == NoteAccount(0, 100 * COIN, 0, note.note.valid_until, 0)


def test_a_note_is_worth_only_what_the_treasury_covers(market: Market) -> None:
    note = market.note(market.a, 5000 * COIN)
    with refused("TreasuryShort", free=900 * COIN, wanted=901 * COIN):
        market.open(market.opening(market.note_side(note, 901 * COIN), Side(0)), note)


def test_a_strangers_contract_funds_nothing(market: Market) -> None:
    side = Side(FUNDING, market.token.address, b"\x01" * 32)
    with refused("NotMerchantContract", source=market.token.address):
        market.open(market.opening(side, Side(0)), market.note(market.a, 100 * COIN))


def test_a_note_serves_its_holder_only(market: Market) -> None:
    note = market.note(market.b, 100 * COIN)
    with refused("WrongSigner"):
        market.open(market.opening(market.note_side(note, FUNDING), Side(0)), note)
    with refused("WrongNoteProofLength", length=0):
        market.open(market.opening(market.note_side(note, FUNDING), Side(0)))


def test_an_expired_note_opens_nothing_but_still_settles(market: Market) -> None:
    note = market.note(market.a, 100 * COIN)
    opening = market.opening(market.note_side(note, FUNDING), Side(0))
    market.open(opening, note)
    market.chain.advance(31 * 86_400)
    with refused("NoteExpired"):
        market.open(market.opening(market.note_side(note, FUNDING), Side(0)))
    market.chain.execute(market.registry.finalise(market.final(opening, 7, 20 * COIN)))
    assert market.merchant().treasury(market.chain.call).reserved == 0


def test_pair_and_first_channel_come_in_one_transaction(market: Market) -> None:
    terms = market.terms.__class__(market.b.address, market.a.address, bytes(20), 60, 2, 0, b"\x02" * 32)
    market.terms, previous = terms, market.terms
    try:
        opening = market.opening(Side(0), Side(FUNDING))
        parts = {
            "terms": terms,
            "terms_a": market.sign(market.b, terms),
            "terms_b": market.sign(market.a, terms),
            "opening": opening,
            "signature_a": market.sign(market.b, opening),
            "signature_b": market.sign(market.a, opening),
            "funding_b": market.permit(market.a, market.registry.address, FUNDING),
        }
        events = market.chain.events(market.registry.create_and_open(**parts))
        assert [type(event) for event in events[:2]] == [PairCreated, ChannelOpened]
        assert market.registry.disputes_of(market.chain.call, struct_hash(terms)).created
        with refused("PairKnown"):
            market.chain.execute(market.registry.create(terms, parts["terms_a"], parts["terms_b"]))
    finally:
        market.terms = previous


def test_an_opening_can_be_used_once(market: Market) -> None:
    opening, _ = open_with_deposits(market)
    with refused("ChannelKnown"):
        market.open(opening)
    closing = market.registry.finalise(market.final(opening, 2, FUNDING))
    market.chain.execute(closing)
    with refused("ChannelKnown"):
        market.open(opening)
    with refused("ChannelNotOpen"):
        market.chain.execute(closing)
    market.chain.advance(601)
    with refused("ChannelKnown"):
        market.open(opening)


def test_a_late_close_gives_the_slot_back_and_still_bars_the_opening(market: Market) -> None:
    opening, _ = open_with_deposits(market)
    market.chain.advance(601)
    market.chain.execute(market.registry.finalise(market.final(opening, 2, FUNDING)))
    assert market.registry.channel_of(market.chain.call, struct_hash(opening)).status is ChannelStatus.UNKNOWN
    with refused("OpeningTooLate"):
        market.open(opening)


def test_openings_out_of_time_unfunded_or_of_other_terms_are_refused(market: Market) -> None:
    replace = market.replace
    opening = market.opening(Side(FUNDING), Side(FUNDING))
    with refused("OpeningTooLate"):
        market.open(replace(opening, open_by=market.chain.now - 1))
    with refused("ChannelExpired"):
        market.open(replace(opening, expiry=market.chain.now))
    with refused("NothingFunded"):
        market.open(replace(opening, funding_a=0, funding_b=0))
    with refused("WrongTerms"):
        market.open(replace(opening, scid=b"\x05" * 32))


def test_only_a_final_state_of_the_right_sum_closes(market: Market) -> None:
    opening, _ = open_with_deposits(market)
    close = market.registry.finalise
    with refused("StateNotFinal"):
        market.chain.execute(close(market.co_sign(opening, market.state(opening, 2, FUNDING))))
    for change in (-1, 1):
        state = market.state(opening, 2, FUNDING, is_final=True, balance_b=FUNDING + change)
        with refused("WrongBalances", funding=2 * FUNDING):
            market.chain.execute(close(market.co_sign(opening, state)))


def test_many_close_together_and_a_closed_one_stops_none(market: Market) -> None:
    note_a, note_b = market.note(market.a, 200 * COIN), market.note(market.b, 200 * COIN)
    openings = []
    for number in range(4):
        proofs = (note_a, note_b) if number == 0 else (None, None)
        sides = market.note_side(note_a, 10 * COIN), market.note_side(note_b, 10 * COIN)
        openings.append(market.opening(*sides))
        market.open(openings[-1], *proofs)
    closings = [market.final(opening, 4, (5 + n) * COIN) for n, opening in enumerate(openings)]
    market.chain.execute(market.registry.finalise(closings[1]))
    events = market.chain.events(market.registry.finalise_many(closings))
    closed = [event.channel for event in events if isinstance(event, ChannelFinalised)]
    assert closed == [struct_hash(openings[n]) for n in (0, 2, 3)]
    assert market.merchant().treasury(market.chain.call).reserved == 0
    market.require_solvent()
