"""Forecast errors: their size, how long they last, and that they depend on seed and slot alone."""

import numpy as np
import pytest

from grid.forecast import Forecast
from grid.scenarios.sections import ForecastSection

SLOT = 1465509600


@pytest.mark.parametrize(("persistence", "one_later"), [(0.0, 0.0), (0.5, 0.5), (0.9, 0.9)])
def test_errors_have_their_size_and_last_as_told(persistence: float, one_later: float) -> None:
    forecast = Forecast(ForecastSection(load_error=0.1, persistence=persistence), 3, 40, shiftable=False)
    errors = np.array([forecast.factors(SLOT + i * 900).load - 1 for i in range(400)])
    assert errors.std() == pytest.approx(0.1, rel=0.05)
    after = np.mean(errors[1:] * errors[:-1]) / errors.var()
    assert after == pytest.approx(one_later, abs=0.03)


def test_a_slots_errors_depend_on_nothing_that_was_asked_before() -> None:
    section = ForecastSection(load_error=0.1, persistence=0.8)
    walked, fresh = (Forecast(section, 3, 5, shiftable=True) for _ in range(2))
    along = [walked.factors(SLOT + i * 900) for i in range(20)][-1]
    at_once = fresh.factors(SLOT + 19 * 900)
    assert along.load.tolist() == at_once.load.tolist()
    assert along.heat.tolist() == at_once.heat.tolist()


def test_without_persistence_loads_and_plants_err_as_they_always_did() -> None:
    section = ForecastSection(load_error=0.1, pv_error=0.2)
    draw = np.random.default_rng([3, SLOT]).standard_normal(11)
    for shiftable in (False, True):
        factors = Forecast(section, 3, 5, shiftable=shiftable).factors(SLOT)
        assert factors.load.tolist() == (1 + 0.1 * draw[:5]).tolist()
        assert factors.pv.tolist() == (1 + 0.2 * (draw[5:10] + draw[10]) / 2**0.5).tolist()
        assert set(factors.wind) == set(factors.vehicle) == set(factors.heat) == {1.0}


def test_every_kind_errs_by_its_own() -> None:
    section = ForecastSection(wind_error=0.3, ev_error=0.2, heat_pump_error=0.1)
    forecast = Forecast(section, 3, 200, shiftable=True)
    rows = [forecast.factors(SLOT + i * 900) for i in range(60)]
    sizes = [np.std([getattr(row, kind) for row in rows]) for kind in ("load", "wind", "vehicle", "heat")]
    assert sizes == pytest.approx([0, 0.3, 0.2, 0.1], rel=0.1)
    common = [np.mean(row.wind) - 1 for row in rows]
    assert np.std(common) == pytest.approx(0.3 / 2**0.5, rel=0.3)
    assert np.std([np.mean(row.vehicle) for row in rows]) < 0.03
