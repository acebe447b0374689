"""Periodic work: once when due, again when it failed, never by two at a time."""

from collections.abc import Iterator

import pytest

from marketplace.upkeep import registry
from marketplace.upkeep.models import Duty
from marketplace.upkeep.services import HOLD_S, RETRY_S, run_due

pytestmark = pytest.mark.django_db


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    monkeypatch.setattr(registry, "WORKS", works := registry.WORKS)
    kept, made = dict(works), list[str]()
    works.clear()
    registry.register("test.work", every_s=3600, do=lambda: made.append("done"))
    yield made
    works.clear()
    works.update(kept)


def test_work_is_done_when_due(calls: list[str]) -> None:
    assert run_due(1000.0) == ["test.work"]
    assert run_due(1000.0 + 3599) == []
    assert run_due(1000.0 + 3600) == ["test.work"]
    assert calls == ["done", "done"]


def test_what_another_process_is_at_is_left_until_its_time_is_over(calls: list[str]) -> None:
    Duty.objects.create(name="test.work", due_at=0, taken_until=1000.0 + HOLD_S)
    assert run_due(1000.0) == []
    assert run_due(1000.0 + HOLD_S) == ["test.work"]
    assert calls == ["done"]


def test_a_failure_is_kept_and_tried_again_sooner(calls: list[str], caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise ValueError("no paper")

    registry.register("test.work", every_s=3600, do=fail)
    with caplog.at_level("CRITICAL"):
        assert run_due(1000.0) == []
    assert Duty.objects.get().failure == "ValueError: no paper"
    registry.register("test.work", every_s=3600, do=lambda: calls.append("done"))
    assert run_due(1000.0 + RETRY_S) == ["test.work"]
    assert Duty.objects.get().failure == ""
