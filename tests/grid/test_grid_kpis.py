"""Key figures by hand-made numbers, and None instead of a division by zero."""

from grid import kpis


def test_formulae() -> None:
    assert kpis.self_sufficiency(400, 1000) == 0.4
    assert kpis.self_consumption(400, 800) == 0.5
    assert kpis.base_cost(2000, 1000, retail_per_kwh=300_000, feed_in_per_kwh=80_000) == 520_000
    with_fee = kpis.base_cost(2000, 1000, retail_per_kwh=300_000, feed_in_per_kwh=80_000, fee_per_kwh=10_000)
    assert with_fee == 620_000 - 70_000
    assert kpis.saving(520_000, 400_000) == 120_000
    assert kpis.saving(400_000, 520_000) == -120_000
    assert kpis.saving_percent(-200, -100) == -50
    assert kpis.peak_percent(80, 100) == 80
    assert kpis.share(1, 4) == 0.25


def test_zero_denominators_give_none() -> None:
    assert kpis.self_sufficiency(0, 0) is None
    assert kpis.self_consumption(0, 0) is None
    assert kpis.saving_percent(0, 5) is None
    assert kpis.peak_percent(5, 0) is None
    assert kpis.share(0, 0) is None


def test_self_consumed_is_pooled_per_slot_and_bounded() -> None:
    assert kpis.self_consumed_wh([1000, 500, 300], [600, 0, 400], [20, 10, 15]) == (1000 - 580) + 500 + 0


def test_welfare_by_hand() -> None:
    assert kpis.gains_from_trade(2500, 240_000) == 600_000
    assert kpis.allocative_efficiency(750, 1000) == 0.75
    assert kpis.allocative_efficiency(0, 0) is None
    assert kpis.mean_kw(2500) == 10.0
