"""Runs that are over: who sees which, their report and tables over the site, and two side by side."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.test import Client
from msgspec.structs import replace as change
from pytest_django import DjangoAssertNumQueries

from grid.models import ReplayRun, SlotResult
from grid.results.collection import Setting, collect
from grid.results.report import baseline, report_of
from grid.results.tables import TABLES
from grid.scenarios.scenario import load_scenario
from grid.simulation import open_simulation
from grid.study import Study
from marketplace.accounts.models import User
from marketplace.trading.replay.report import report_policy
from marketplace.trading.runs import finished_runs, keep_report
from marketplace.web.runs import side_by_side

pytestmark = pytest.mark.django_db
SCENARIO = Path(__file__).resolve().parents[2] / "fixtures" / "scenarios" / "june-week.toml"


@pytest.fixture(scope="module")
def played() -> tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any]]:
    """Half an hour of a sunny noon: slots, summary, report."""
    scenario = load_scenario(SCENARIO)
    start, end = (datetime(2016, 6, 9, 11, minute, tzinfo=UTC) for minute in (0, 30))
    simulation = open_simulation(replace(scenario, period=change(scenario.period, start=start, end=end)))
    study = Study(simulation)
    slots = list(study.slots())
    run = collect(Setting.of(simulation, study.names), slots)
    return slots, study.run(), report_of(run, baseline(simulation))


@pytest.fixture
def make_run(played: tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any]]) -> Any:
    slots, summary, report = played

    def make(*, reported: bool = True, **fields: Any) -> ReplayRun:
        finished = {"status": ReplayRun.Status.FINISHED, "summary": summary}
        place = {"starts_at": slots[0]["slot_start"], "ends_at": slots[-1]["slot_start"] + 900}
        run = ReplayRun.objects.create(
            **{"scenario": "june-week", "fingerprint": "0", "funding": "notes", **place, **finished, **fields}
        )
        SlotResult.objects.bulk_create(
            SlotResult(run=run, index=i, slot_start=slot["slot_start"], data=slot)
            for i, slot in enumerate(slots)
        )
        if reported:
            keep_report(run=run, data=report)
        return run

    return make


def person(name: str, **fields: Any) -> tuple[User, Client]:
    user = User.objects.create_user(email=f"{name}@example.org", password="correct horse battery")
    User.objects.filter(pk=user.pk).update(**fields)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return User.objects.get(pk=user.pk), client


def paths(run: ReplayRun) -> tuple[str, ...]:
    api = f"/api/v1/runs/{run.pk}/"
    return (f"/runs/{run.pk}/", f"/runs/{run.pk}/report/", api, f"{api}report/", f"{api}tables/bills/")


def status_of(client: Client, path: str) -> int:
    answer = client.get(path)
    if answer.streaming:
        b"".join(answer.streaming_content)  # to the end, which closes the file behind it
    return answer.status_code


def test_who_sees_which_run(make_run: Any) -> None:
    (owner, owners), (_, others), (_, staffs) = (
        person("owner"),
        person("other"),
        person("staff", is_staff=True),
    )
    site, live, private = make_run(), make_run(live=True), make_run(owner=owner)
    unfinished = make_run(status=ReplayRun.Status.RUNNING)
    seen = {
        site: (owners, others, staffs),
        live: (staffs,),
        private: (owners,),
        unfinished: (),
    }
    for run, allowed in seen.items():
        for client in (owners, others, staffs):
            wanted = 200 if client in allowed else 404
            assert [status_of(client, path) for path in paths(run)] == [wanted] * 5
            listed = [row["id"] for row in client.get("/api/v1/runs/").json()["results"]]
            assert (str(run.pk) in listed) == (client in allowed)
            assert (str(run.pk) in client.get("/runs/").content.decode()) == (client in allowed)
            compared = client.get(f"/runs/compare/?a={run.pk}&b={site.pk}").content.decode()
            assert (f'data-a="{run.pk}"' in compared) == (client in allowed)
    stranger = Client()
    assert [stranger.get(path).status_code for path in paths(site)] == [302, 302, 403, 403, 403]
    mine = {row["id"]: row["is_mine"] for row in owners.get("/api/v1/runs/").json()["results"]}
    assert mine == {str(private.pk): True, str(site.pk): False}


def test_the_report_is_served_under_its_own_policy(make_run: Any) -> None:
    run, (_, client) = make_run(), person("reader")
    answer = client.get(f"/runs/{run.pk}/report/")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith(report_policy())
    assert "sandbox allow-scripts" in policy
    assert "allow-same-origin" not in policy
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "attachment" in client.get(f"/runs/{run.pk}/report/?download=1").headers["Content-Disposition"]
    assert "frame-src 'self'" in client.get(f"/runs/{run.pk}/").headers["Content-Security-Policy"]
    assert "frame-src" not in client.get("/runs/").headers["Content-Security-Policy"]


def test_tables_come_in_every_format(make_run: Any, played: Any) -> None:
    run, (_, client) = make_run(), person("reader")
    trades = [trade["id"] for slot in played[0] for trade in slot["trades"]]

    def table(name: str, kind: str) -> bytes:
        answer = client.get(f"/api/v1/runs/{run.pk}/tables/{name}/?kind={kind}")
        assert answer.status_code == 200
        assert f"june-week-{name}.{kind}" in answer.headers["Content-Disposition"]
        return b"".join(answer.streaming_content)

    rows = csv.DictReader(io.StringIO(table("trades", "csv").decode(), newline=""))
    assert [row["id"] for row in rows] == trades
    assert pq.read_table(io.BytesIO(table("trades", "parquet"))).column("id").to_pylist() == trades
    assert [row["id"] for row in json.loads(table("trades", "json"))] == trades
    for name in TABLES:
        assert table(name, "csv")
    refused = f"/api/v1/runs/{run.pk}/tables"
    assert client.get(f"{refused}/nothing/").json()["code"] == "no_table"
    assert client.get(f"{refused}/bills/?kind=xlsx").json()["errors"].keys() == {"kind"}


def test_a_run_without_report_says_so(make_run: Any) -> None:
    run, (_, client) = make_run(reported=False), person("reader")
    assert client.get(f"/api/v1/runs/{run.pk}/report/").json()["code"] == "no_report"
    assert client.get(f"/runs/{run.pk}/report/").status_code == 404
    page = client.get(f"/runs/{run.pk}/").content.decode()
    assert "before its report was made" in page
    assert "iframe" not in page
    other = make_run()
    assert "has no report" in client.get(f"/runs/compare/?a={run.pk}&b={other.pk}").content.decode()


def test_two_runs_side_by_side(make_run: Any, played: Any) -> None:
    report = played[2]
    less = json.loads(json.dumps(report))
    for figure in less["figures"]:
        if figure["name"] == "Losses":
            figure["market"] -= 1000
    rows = {row["name"]: row for row in side_by_side(report, less)}
    assert rows["Losses"]["market"] - rows["Losses"]["alone"] == -1000
    one, other, (_, client) = make_run(), make_run(scenario="other"), person("reader")
    page = client.get(f"/runs/compare/?a={one.pk}&b={other.pk}").content.decode()
    assert page.count('class="plot"') == 9
    for broken in ("", "?a=x&b=y", f"?a={one.pk}"):
        assert client.get(f"/runs/compare/{broken}").status_code == 200


def test_lists_cost_the_same_number_of_queries(
    make_run: Any, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    reader, client = person("reader")
    counts = []
    for _ in range(3):
        make_run(reported=False)
        with django_assert_max_num_queries(20) as captured:
            assert client.get("/runs/").status_code == client.get("/api/v1/runs/").status_code == 200
        counts.append(len(captured))
    assert counts[1] == counts[2]
    assert finished_runs(reader).count() == 3
