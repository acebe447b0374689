"""Own files: kept sealed, checked, told with all of their faults, seen by nobody else; and studies on them."""

import io
import json
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation
from rest_framework.test import APIClient

from grid.models import ReplayRun, SlotResult
from marketplace.accounts.erasure import erase_person
from marketplace.accounts.errors import ConflictError, RefusedError
from marketplace.accounts.models import User
from marketplace.studies import services, store, tasks, worker
from marketplace.studies.models import InputFile, StudyOrder
from marketplace.studies.tasks import check_file, play_study
from marketplace.trading.runs import report_of_run
from marketplace.words.cores import told

pytestmark = pytest.mark.django_db
Upload = Callable[..., InputFile]
Api = Callable[[User], APIClient]
Browser = Callable[[User], Client]


def words(file: InputFile) -> list[str]:
    return [f"{fault['line']}: {fault['words']}" for fault in file.told_faults]


def test_a_newcomers_network_and_csv_run_as_a_study(
    user: User, api_of: Api, network: bytes, meters: bytes, order: dict[str, Any]
) -> None:
    client = api_of(user)
    for name, raw in (("street.json", network), ("meters.csv", meters)):
        sent = {"file": SimpleUploadedFile(name, raw), "zone": "Europe/Berlin"}
        answer = client.post("/api/v1/inputs/", sent, format="multipart")
        assert answer.status_code == 201, answer.content
        assert (answer.json()["state"], answer.json()["faults"]) == ("fine", [])
    listed = {one["filename"]: one["understood"] for one in client.get("/api/v1/inputs/").json()["results"]}
    assert listed["street.json"]["connections"] == 3
    assert (listed["meters.csv"]["start"], listed["meters.csv"]["slots"]) == (order["start"], 4)
    assert listed["meters.csv"]["columns"][1] == {"name": "Haus 1_export", "unit": "kWh", "energy_kwh": 6.0}

    study = client.post("/api/v1/studies/", {**order, "pv_scale": 2.0}, format="json")
    assert study.status_code == 201, study.content
    assert (study.json()["status"], study.json()["slots_done"], study.json()["failure"]) == (
        "finished",
        4,
        [],
    )
    energy = study.json()["summary"]["energy"]
    assert energy["consumption_wh"] == 4 * 800
    assert energy["production_wh"] + energy["curtailed_wh"] == 4 * 3000
    assert energy["traded_wh"] > 0
    report = report_of_run(ReplayRun.objects.get())
    assert (report["slots"], report["about"]["homes"], report["ledger"]) == (4, 3, None)
    slots = client.get(f"/api/v1/studies/{study.json()['id']}/slots/").json()
    assert slots["count"] == 4
    assert slots["results"][0]["slot"]["meters"][2] == [300, 0]


def test_the_same_on_the_pages(
    user: User, browser_of: Browser, compact: bytes, meters: bytes, order: dict[str, Any]
) -> None:
    client = browser_of(user)
    files = [SimpleUploadedFile("street.json", compact), SimpleUploadedFile("meters.csv", meters)]
    empty = client.get("/own/").content.decode()
    assert "No files yet" in empty
    sent = {"uploads": files, "zone": "Europe/Berlin", "stamps": "start"}
    page = client.post("/own/files/", sent, follow=True).content.decode()
    assert "3 buses, 1 line, 3 connections, 1 with a plant" in page
    assert 'value="2026-06-01T12:00"' in page
    choices = {
        "network": "street.json", "profiles": ["meters.csv"], "start": "2026-06-01T12:00", "end": "2026-06-01T13:00",
        "zone": "Europe/Berlin", "mechanism": "bilateral", "pv_scale": "1", "load_scale": "1", "firm_export": "100",
        "retail": "32,5", "feed_in": "8", "imbalance": "40",
    }  # fmt: skip
    played = client.post("/own/studies/", choices, follow=True)
    html = played.content.decode()
    assert "What came of it" in html
    assert "Haus 3" in html
    run = ReplayRun.objects.get(owner=user)
    assert (run.starts_at, run.ends_at, run.kind) == (order["start"], order["end"], "study")
    assert run.setting["tariff"] == {
        "retail_per_kwh": 325_000,
        "feed_in_per_kwh": 80_000,
        "imbalance_per_kwh": 400_000,
    }
    late = client.post("/own/studies/", {**choices, "end": "2026-06-01T11:00"})
    assert late.status_code == 422
    assert "must lie after start" in late.content.decode()
    assert client.post(f"/own/studies/{run.pk}/delete/").status_code == 302
    assert not SlotResult.objects.exists()


def test_a_broken_file_gets_its_list_of_faults(user: User, upload: Upload, browser_of: Browser) -> None:
    rows = "".join(f"2026-06-01 {h:02}:00,{'x' if h % 2 else 1}\n" for h in range(16))
    file = upload(user, "broken.csv", "time,Haus 1\n" + rows)
    assert file.state == "faulty"
    assert words(file)[0].startswith("1: column 'Haus 1' has no unit; name it like house_kW")
    assert words(file)[1].startswith("2: 2026-06-01 00:00 has no offset")
    assert words(file)[2].startswith("3: column 'Haus 1': 'x' is no number")
    client = browser_of(user)
    page = client.get("/own/").content.decode()
    assert f"All {len(words(file))} faults" in page
    every = client.get(f"/own/files/{file.pk}/").content.decode()
    assert every.count("faults__place") == len(words(file)) == 10
    client.cookies["django_language"] = "de"
    with translation.override("de"):  # puts back what the requests leave behind
        german = client.get(f"/own/files/{file.pk}/").content.decode()
        told_to_programs = client.get(f"/api/v1/inputs/{file.pk}/", headers={"accept-language": "de"}).json()
    assert "Spalte &#x27;Haus 1&#x27;: &#x27;x&#x27; ist keine Zahl" in german
    assert told_to_programs["faults"][1]["words"].startswith("2026-06-01 00:00 hat keinen Versatz zu UTC")
    mended = upload(user, "broken.csv", "time,Haus 1\n" + rows.replace("x", "2"), zone="UTC", unit="kW")
    assert mended.state == "fine"
    assert list(InputFile.objects.values_list("pk", flat=True)) == [mended.pk]


def test_a_poisoned_network_runs_nothing(user: User, upload: Upload, poisoned: bytes, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    before = set(sys.modules)
    file = upload(user, "poisoned.json", poisoned.replace(b"{marker}", str(marker).encode()))
    assert not marker.exists()
    assert file.state == "fine"
    assert not {name for name in set(sys.modules) - before if name.startswith(("antigravity", "this"))}
    cell = json.loads(poisoned)
    load = json.loads(cell["_object"]["load"]["_object"])
    load["data"][0][0] = json.dumps({"_module": "os", "_class": "system", "_object": f"touch {marker}"})
    cell["_object"]["load"]["_object"] = json.dumps(load)
    upload(user, "cell.json", json.dumps(cell))
    bare = {"_module": "pandapower.auxiliary", "_class": "pandapowerNet", "_object": "/etc/passwd.json"}
    assert words(upload(user, "path.json", json.dumps(bare)))
    assert not marker.exists()


NETWORKS = [
    ("{", "None: is no JSON"),
    ("[1]", "None: is neither wattnote-feeder-1 nor a pandapower net; save it with pandapower.to_json"),
    ('{"a":' * 5000, "None: "),
    ('{"_module": "pandapower.auxiliary", "_object": {}}', "None: "),
]


@pytest.mark.parametrize(("content", "expected"), NETWORKS)
def test_broken_networks_are_told(user: User, upload: Upload, content: str, expected: str) -> None:
    file = upload(user, "net.json", content)
    assert file.state == "faulty"
    assert words(file)[0].startswith(expected), words(file)


SCENARIO = """
name = "own"
description = "Mine."
seed = 1
[grid]
network = "street.json"
profiles = ["meters.csv"]
[period]
start = 2026-06-01T10:00:00Z
end = 2026-06-01T11:00:00Z
[tariff]
retail_per_kwh = 300_000
feed_in_per_kwh = 80_000
imbalance_per_kwh = 350_000
"""


def test_an_uploaded_scenario_is_played(
    user: User, own: list[InputFile], upload: Upload, browser_of: Browser
) -> None:
    file = upload(user, "own.toml", SCENARIO)
    assert file.state == "fine", words(file)
    client = browser_of(user)
    assert "What came of it" in client.post(f"/own/files/{file.pk}/play/", follow=True).content.decode()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "street.json",
            "../../../etc/passwd",
            "[grid] '../../../etc/passwd': is none of your uploaded files",
        ),
        ("street.json", "simbench:1-LV-rural1--0-sw", "[grid] 'simbench:1-LV-rural1--0-sw': is none of your"),
        ("meters.csv", "/proc/self/environ", "[grid] '/proc/self/environ': is none of your uploaded files"),
        (
            "[tariff]",
            '[market]\nstrategy = "os:system"\n[tariff]',
            "[market] strategy: 'os:system' is unknown",
        ),
        (
            "[tariff]",
            '[market]\nmechanism = "bazaar"\n[tariff]',
            "[market] mechanism = 'bazaar': Invalid enum value 'bazaar'; choose one of bilateral",
        ),
        ("[tariff]", "[tariff", "is no TOML ("),
        ("seed = 1", "seed = -1", "above the first table: seed = -1"),
    ],
)
@pytest.mark.usefixtures("own")
def test_a_scenario_may_name_own_files_and_nothing_else(
    user: User, upload: Upload, old: str, new: str, expected: str
) -> None:
    file = upload(user, "own.toml", SCENARIO.replace(old, new))
    assert file.state == "faulty"
    assert any(fault["words"].startswith(expected) for fault in file.told_faults), file.told_faults


def test_files_are_sealed_and_go_with_their_owner(
    user: User,
    own: list[InputFile],
    order: dict[str, Any],
    tmp_path: Path,
    django_capture_on_commit_callbacks: Any,
) -> None:
    services.start_study(user=user, tables=_tables(order))
    stored = [path.read_bytes() for path in (tmp_path / "private").rglob("*") if path.is_file()]
    assert len(stored) == 2
    assert all(b"Haus" not in content for content in stored)
    assert store.INPUTS.content_of(own[1]).startswith(b"Zeit;Haus 1")
    with django_capture_on_commit_callbacks(execute=True):
        erase_person(user=user, actor=user)
    assert not [path for path in (tmp_path / "private").rglob("*") if path.is_file()]
    assert not any(model.objects.exists() for model in (InputFile, StudyOrder, ReplayRun, SlotResult))


def _tables(order: dict[str, Any], **more: Any) -> dict[str, Any]:
    from marketplace.studies.choices import Choices, tables_from  # noqa: PLC0415  Django's apps are ready in a test only

    return tables_from(Choices(**{**order, **more}))


def test_nobody_else_reaches_files_and_studies(
    own: list[InputFile], stranger: User, order: dict[str, Any], api_of: Api, browser_of: Browser
) -> None:
    user = own[0].user
    run = services.start_study(user=user, tables=_tables(order))
    api, pages = api_of(stranger), browser_of(stranger)
    for path in ("inputs/", "studies/"):
        assert api.get(f"/api/v1/{path}").json()["count"] == 0
    for key, kind in ((own[0].pk, "inputs"), (run.pk, "studies")):
        assert api.get(f"/api/v1/{kind}/{key}/").status_code == 404
        assert api.delete(f"/api/v1/{kind}/{key}/").status_code == 404
    assert api.get(f"/api/v1/studies/{run.pk}/slots/").status_code == 404
    assert api.post("/api/v1/studies/", order, format="json").status_code == 400
    for path in (f"files/{own[0].pk}/", f"studies/{run.pk}/"):
        assert pages.get(f"/own/{path}").status_code == 404
    posts = (
        f"files/{own[0].pk}/delete/",
        f"files/{own[0].pk}/play/",
        f"studies/{run.pk}/delete/",
        f"studies/{run.pk}/resume/",
    )
    assert {pages.post(f"/own/{path}").status_code for path in posts} == {404}
    assert (InputFile.objects.count(), ReplayRun.objects.count()) == (2, 1)


def test_faults_that_show_when_it_is_played_are_told(
    user: User, own: list[InputFile], order: dict[str, Any], upload: Upload, browser_of: Browser
) -> None:
    later = {**order, "end": order["end"] + 86_400}
    run = services.start_study(user=user, tables=_tables(later))
    assert run.status == "failed"
    assert told(run.failures[0]).startswith(
        "meters.csv: period 1 Jun 2026, 10:00 UTC+00:00 to 2 Jun 2026, 11:00 UTC+00:00 must lie on quarter-hours"
    )
    upload(user, "meters.csv", "time,Haus 9_kW\n2026-06-01T10:00Z,1\n2026-06-01T10:15Z,1\n")
    other = services.start_study(user=user, tables=_tables({**order, "end": order["start"] + 1800}))
    fault = "meters.csv: column 'Haus 9' belongs to no connection of the network"
    assert told(other.failures[0]).startswith(fault)
    with translation.override("de"):
        assert told(other.failures[0]).startswith(
            "meters.csv: die Spalte 'Haus 9' gehört zu keinem Anschluss"
        )
    assert "Why it could not be played" in browser_of(user).get(f"/own/studies/{other.pk}/").content.decode()


def test_limits(
    user: User, own: list[InputFile], order: dict[str, Any], upload: Upload, settings: Any
) -> None:
    with pytest.raises(RefusedError, match="too many for the site"):
        services.start_study(user=user, tables=_tables({**order, "end": order["start"] + 9000 * 86_400}))
    settings.INPUT_MAX_BYTES = 100
    with pytest.raises(RefusedError, match="larger than"):
        upload(user, "big.csv", "x" * 101)
    with pytest.raises(RefusedError, match="empty"):
        upload(user, "empty.csv", "")
    settings.INPUT_MAX_BYTES = 10**6
    for number in range(services.MOST_FILES - 2):
        upload(user, f"{number}.csv", "x")
    with pytest.raises(RefusedError, match="At most 20 files"):
        upload(user, "more.csv", "x")


def test_a_study_lies_down_when_the_process_ends_and_is_taken_up(
    user: User, own: list[InputFile], order: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "SLOTS_AT_ONCE", 1)
    tasks.STOPPING.set()
    try:
        run = services.start_study(user=user, tables=_tables(order))
        assert (run.status, run.next_slot) == ("running", 1)
    finally:
        tasks.STOPPING.clear()
    services.resume_all()
    run.refresh_from_db()
    assert (run.status, run.next_slot, run.slots.count()) == ("finished", 4, 4)


def test_lists_cost_the_same_number_of_queries(
    user: User, own: list[InputFile], upload: Upload, api_of: Api, browser_of: Browser
) -> None:
    def runs(count: int) -> None:
        for number in range(count):
            ReplayRun.objects.create(
                scenario=f"s{number}", owner=user, kind="study", starts_at=0, ends_at=900
            )

    def queries() -> list[int]:
        counts = []
        for client, path in (
            (browser_of(user), "/own/"),
            (api_of(user), "/api/v1/inputs/"),
            (api_of(user), "/api/v1/studies/"),
        ):
            with CaptureQueriesContext(connection) as captured:
                assert client.get(path).status_code == 200
            counts.append(len(captured))
        return counts

    runs(1)
    few = queries()
    runs(5)
    for number in range(6):
        upload(user, f"{number}.csv", "x")
    assert queries() == few
    assert max(few) < 15


def test_names_are_made_harmless() -> None:
    given = ["../../etc/passwd", "C:\\data\\m.csv", "a\x00b.csv", "...", "x" * 300 + ".csv", "simbench:a"]
    named = [services.safe_name(name) for name in given]
    assert named[:4] == ["passwd", "m.csv", "ab.csv", "file"]
    assert (len(named[4]), named[5]) == (80, "simbencha")


def test_a_study_that_was_cut_off_is_played_again(
    user: User, own: list[InputFile], order: dict[str, Any]
) -> None:
    run = services.start_study(user=user, tables=_tables(order))
    whole = list(run.slots.values_list("data", flat=True))
    run.slots.filter(index__gt=1).delete()
    ReplayRun.objects.filter(pk=run.pk).update(status="running", summary=None, next_slot=2)
    with pytest.raises(ConflictError, match="finished or being played"):
        services.resume_study(run=ReplayRun.objects.get())
    with pytest.raises(ConflictError, match="still being played"):
        services.start_study(user=user, tables=_tables(order))
    ReplayRun.objects.update(updated_at=timezone.now() - timedelta(hours=1))
    services.resume_study(run=ReplayRun.objects.get())
    run.refresh_from_db()
    assert (run.status, list(run.slots.values_list("data", flat=True))) == ("finished", whole)
    play_study.enqueue(str(run.pk))
    check_file.enqueue(str(own[0].pk))
    assert SlotResult.objects.count() == 4


@pytest.mark.django_db(transaction=True)
def test_the_embedded_worker_does_queued_tasks(
    user: User, settings: Any, meters: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TASKS = {"default": {**settings.TASKS["default"], "BACKEND": "django_tasks_db.DatabaseBackend"}}
    file = services.add_file(user=user, filename="meters.csv", raw=meters, reading={"zone": "Europe/Berlin"})
    assert file.state == "waiting"
    monkeypatch.setattr(worker, "STOPPING", threading.Event())
    with worker.working():
        for _ in range(100):
            file.refresh_from_db()
            if file.state != "waiting":
                break
            threading.Event().wait(0.05)
    assert file.state == "fine"


def test_a_body_beyond_memory_is_refused_with_a_word(user: User, browser_of: Browser) -> None:
    big = SimpleUploadedFile("big.csv", io.BytesIO(b"x" * 13_000_000).read())
    page = browser_of(user).post("/own/files/", {"uploads": big, "stamps": "start"}, follow=True)
    assert "upload one file after the other" in page.content.decode()
    assert not InputFile.objects.exists()
    assert default_storage is not None
