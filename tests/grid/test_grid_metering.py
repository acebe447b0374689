"""From floats to watt-hours, and settlement whose sums are exact for any input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grid.losses import allocate_pro_rata, apportion
from grid.metering import Reading, SettlementError, TradeTerms, amount, register_wh, settle, to_wh

RETAIL, FEED_IN, IMBALANCE = 320_000, 82_000, 380_000


@given(st.lists(st.lists(st.floats(0, 50), min_size=3, max_size=3), min_size=1, max_size=50))
def test_register_counts_every_watt_hour(rows: list[list[float]]) -> None:
    p_kw = np.array(rows)
    metered = register_wh(p_kw)
    assert (metered >= 0).all()
    assert np.abs(metered.sum(axis=0) - p_kw.sum(axis=0) * 250).max() <= 0.5 + 1e-6
    assert np.abs(metered - p_kw * 250).max() <= 1 + 1e-6


def test_rounding_is_as_stated() -> None:
    assert [to_wh(x) for x in (0.002, 0.006, 0.01, -0.004)] == [0, 2, 2, -1]
    assert register_wh(np.full((4, 1), 0.001))[:, 0].tolist() == [0, 0, 1, 0]
    assert [amount(1, 1), amount(1000, 320_000), amount(1001, 320_000), amount(0, 5)] == [
        1,
        320_000,
        320_320,
        0,
    ]


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**6), min_size=1, max_size=30))
def test_apportioned_shares_sum_exactly_and_are_fair(total: int, weights: list[int]) -> None:
    shares = apportion(total, weights)
    assert sum(shares) == total
    whole = sum(weights)
    if whole:
        assert all(
            abs(share * whole - total * weight) < whole for share, weight in zip(shares, weights, strict=True)
        )
        assert all(share == 0 for share, weight in zip(shares, weights, strict=True) if weight == 0)
    assert allocate_pro_rata(total, weights) == shares


def test_apportion_refuses_nonsense() -> None:
    assert apportion(0, []) == ()
    for total, weights in ((-1, [1]), (1, [-1]), (1, [])):
        with pytest.raises(ValueError, match=r"non-negative|nobody"):
            apportion(total, weights)


@st.composite
def slots(draw: st.DrawFn) -> tuple[list[TradeTerms], list[Reading]]:
    size = draw(st.integers(2, 6))
    quantities = st.integers(0, 5_000)
    readings = [Reading(i, 0, draw(quantities), draw(quantities)) for i in range(size)]
    ends = st.lists(st.integers(0, size - 1), min_size=2, max_size=2, unique=True)
    trades = [
        TradeTerms(
            f"t{i}", *draw(ends), draw(st.integers(1, 3_000)), draw(st.integers(FEED_IN, RETAIL)), IMBALANCE
        )
        for i in range(draw(st.integers(0, 8)))
    ]
    return trades, readings


@given(slots())
def test_settlement_accounts_for_every_watt_hour_and_micro_unit(
    slot: tuple[list[TradeTerms], list[Reading]],
) -> None:
    trades, readings = slot
    done = settle(trades, readings, retail_per_kwh=RETAIL, feed_in_per_kwh=FEED_IN)
    for reading, bill in zip(readings, done.bills, strict=True):
        sales = [item for item in done.trades if item.trade.seller == reading.connection]
        purchases = [item for item in done.trades if item.trade.buyer == reading.connection]
        assert bill.residual_export_wh + sum(item.delivered_wh for item in sales) == reading.export_wh
        received = sum(item.delivered_wh for item in purchases)
        assert bill.residual_import_wh + received - bill.unused_wh == reading.import_wh
        assert bill.shortfall_wh == max(0, sum(item.trade.quantity_wh for item in sales) - reading.export_wh)
        assert not (bill.residual_import_wh and bill.unused_wh)
        assert bill.charge == amount(bill.residual_import_wh, RETAIL)
        assert bill.credit == amount(bill.residual_export_wh + bill.unused_wh, FEED_IN)
    metered = sum(reading.import_wh - reading.export_wh for reading in readings)
    assert metered == sum(b.residual_import_wh - b.residual_export_wh - b.unused_wh for b in done.bills)
    for item in done.trades:
        assert item.delivered_wh + item.shortfall_wh == item.trade.quantity_wh
        assert item.refund == amount(item.shortfall_wh, IMBALANCE)


def test_a_short_seller_refunds_at_the_higher_price() -> None:
    trades = [TradeTerms("a", 0, 1, 600, 200_000, 380_000), TradeTerms("b", 0, 2, 300, 400_000, 380_000)]
    readings = [Reading(0, 0, 0, 600), Reading(1, 0, 600, 0), Reading(2, 0, 250, 0)]
    done = settle(trades, readings, retail_per_kwh=RETAIL, feed_in_per_kwh=FEED_IN)
    assert [item.delivered_wh for item in done.trades] == [400, 200]
    assert [item.refund for item in done.trades] == [amount(200, 380_000), amount(100, 400_000)]
    assert [bill.imbalance_wh for bill in done.bills] == [300, 0, 0]
    assert [bill.residual_import_wh for bill in done.bills] == [0, 200, 50]


def test_trades_without_meter_or_with_one_id_are_refused() -> None:
    trade = TradeTerms("a", 0, 1, 600, 200_000, 380_000)
    with pytest.raises(SettlementError, match="read both meters"):
        settle([trade], [Reading(0, 0, 0, 600)], retail_per_kwh=RETAIL, feed_in_per_kwh=FEED_IN)
    readings = [Reading(0, 0, 0, 600), Reading(1, 0, 600, 0)]
    with pytest.raises(SettlementError, match="share an id"):
        settle([trade, trade], readings, retail_per_kwh=RETAIL, feed_in_per_kwh=FEED_IN)
