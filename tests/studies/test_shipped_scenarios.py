"""Scenarios of the library, played from the site with a few things changed."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from rest_framework.test import APIClient

from grid.models import ReplayRun
from marketplace.accounts.models import User
from marketplace.studies import library
from marketplace.studies.models import StudyOrder

Browser = Callable[[User], Client]


@pytest.fixture(autouse=True)
def _one_hour(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A library of one hour, so that a test need not play a day."""
    folder = tmp_path / "scenarios"
    folder.mkdir()
    for name in ("networks", "profiles"):
        (tmp_path / name).symlink_to(library.FOLDER.parent / name)
    text = (library.FOLDER / "june-day.toml").read_text()
    (folder / "june-day.toml").write_text(re.sub(r"(?m)^(start|end) = .*", _hour, text))
    monkeypatch.setattr(library, "FOLDER", folder)


def _hour(found: re.Match[str]) -> str:
    return f"{found[1]} = 2016-06-10T{'11' if found[1] == 'start' else '12'}:00:00+02:00"


def test_a_shipped_scenario_is_played_with_changes(user: User, browser_of: Browser) -> None:
    client = browser_of(user)
    assert "june-day" in client.get("/runs/play/").content.decode()
    answer = client.post(
        "/runs/play/",
        {"scenario": "june-day", "mechanism": "pay-as-clear", "pv_scale": "1.5", "firm_export": "24.5"},
        follow=True,
    )
    assert "What came of it" in answer.content.decode()
    tables = json.loads(StudyOrder.objects.get().tables or "")
    assert tables["market"]["mechanism"] == "pay-as-clear"
    assert (tables["grid"]["pv_scale"], tables["grid"]["firm_export_permille"]) == (1.5, 245)
    run = ReplayRun.objects.get()
    assert run.owner == user
    assert run.scenario == "june-day, PV x1.5, pay-as-clear, firm 24.5 %"
    assert client.get(f"/runs/{run.pk}/").status_code == 200


def test_the_same_over_the_api(user: User, api_of: Callable[[User], APIClient]) -> None:
    answer = api_of(user).post("/api/v1/studies/", {"library": "june-day", "seed": 7})
    assert answer.status_code == 201, answer.content
    tables = json.loads(StudyOrder.objects.get().tables or "")
    assert tables["seed"] == 7
    assert tables["grid"].get("pv_scale", 1.0) == 1.0


@pytest.mark.parametrize("key", ["nowhere", "../scenarios/june-day", "/etc/passwd"])
def test_only_the_library_is_played(user: User, api_of: Callable[[User], APIClient], key: str) -> None:
    answer = api_of(user).post("/api/v1/studies/", {"library": key})
    assert answer.status_code == 400
    assert answer.json()["errors"]["library"]
    assert not ReplayRun.objects.exists()


def test_a_change_that_makes_no_sense_is_told(user: User, browser_of: Browser) -> None:
    answer = browser_of(user).post("/runs/play/", {"scenario": "june-day", "pv_scale": "-3"})
    assert answer.status_code == 422
    assert not ReplayRun.objects.exists()
