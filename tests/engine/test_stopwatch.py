"""CPU by phase: inner phases interrupt outer ones, and all of them add up."""

import time

import pytest

from channels_engine.stopwatch import Stopwatch, phase


def burn(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(100))


def test_phases_add_up_and_inner_ones_interrupt() -> None:
    began = time.thread_time()
    with Stopwatch() as watch:
        with phase("outer"):
            burn(0.02)
            with phase("inner"):
                burn(0.03)
        burn(0.01)
    whole = time.thread_time() - began
    assert watch.seconds["inner"] >= 0.03
    assert 0.02 <= watch.seconds["outer"] < 0.03
    assert sum(watch.seconds.values()) == pytest.approx(whole, abs=0.002)


def test_without_a_stopwatch_and_after_an_error_nothing_is_left_running() -> None:
    with phase("nobody asks"):
        pass
    with Stopwatch() as watch:
        with pytest.raises(KeyError), phase("broken"):
            raise KeyError
        burn(0.005)
    assert watch.seconds[""] >= 0.005
    with phase("later"):
        burn(0.002)
    assert "later" not in watch.seconds
