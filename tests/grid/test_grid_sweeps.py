"""Sweeps: the same runs and results from one process or many, whatever dies meanwhile."""

import csv
import io
import json
import os
import signal
import threading
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dask
import pyarrow.parquet as pq
import pytest
from distributed import LocalCluster, Security
from django.core.management import CommandError, call_command
from hamlet import event, write_hamlet

from grid.scenarios.scenario import ScenarioFaultError
from grid.scenarios.sections import PeriodSection
from grid.sweeps import work
from grid.sweeps.cluster import Driver, client_of, on_dask
from grid.sweeps.drive import Place, in_processes, in_turn, play_sweep
from grid.sweeps.plan import Sweep, SweepSection, expand, read_sweep
from grid.sweeps.results import ResultFolder, SweepError, canonical, row_of
from grid.sweeps.work import run_one

HEAD = """
name = "hamlet"
description = "Eight homes at noon."
seed = 5
"""
AXES = {
    "grid.pv_scale": [1.0, 2.0, 3.0, 4.0],
    "market.partners": [1, 2],
    "grid.firm_export_permille": [0, 200],
}


def small(folder: Path, runs: int = 64, **changes: Any) -> Sweep:
    """So many runs of two slots each."""
    base = write_hamlet(folder)
    start = base["period"]["start"]
    fields = {
        "name": "small",
        "base": "",
        "seeds": tuple(range(1, 5)),
        "period": PeriodSection(start=start, end=start.replace(minute=30)),
        "set": {"forecast.load_error": 0.1},
        "grid_of": AXES,
    } | changes
    sweep = expand(SweepSection(**fields), base, folder)
    return Sweep(sweep.name, sweep.runs[:runs], sweep.files)


def quiet(*_: int) -> None:
    pass


def kept(sweep: Sweep, folder: ResultFolder) -> dict[str, bytes]:
    return {run.id: (folder.folder / "runs" / f"{run.id}.json").read_bytes() for run in sweep.runs}


def test_every_combination_is_a_run_in_the_files_order_with_an_id_of_its_content(tmp_path: Path) -> None:
    sweep = small(tmp_path)
    assert len(sweep.runs) == len({run.id for run in sweep.runs}) == 64
    assert sweep.runs[0].parameters == {
        "grid.pv_scale": 1.0, "market.partners": 1, "grid.firm_export_permille": 0, "seed": 1
    }  # fmt: skip
    assert sweep.runs[4].parameters["grid.firm_export_permille"] == 200
    other = small(tmp_path, grid_of=AXES | {"grid.pv_scale": [9.0, 1.0]})
    assert {run.id for run in other.runs} & {run.id for run in sweep.runs} == {
        run.id for run in sweep.runs[:16]
    }
    (tmp_path / "elsewhere").mkdir()
    assert [run.id for run in small(tmp_path / "elsewhere").runs] == [run.id for run in sweep.runs]


def test_a_run_needs_nothing_of_the_drivers_disk(tmp_path: Path) -> None:
    sweep = small(tmp_path, 1)
    for file in tmp_path.iterdir():
        file.unlink()
    run = sweep.runs[0]
    result = run_one(run, *(sweep.files[name] for name in run.files))
    assert result["summary"]["slots"] == 2


@pytest.mark.kill
def test_64_runs_on_two_dask_workers_of_which_one_is_killed_equal_the_sequential_ones(tmp_path: Path) -> None:
    sweep = small(tmp_path)
    alone, together = (ResultFolder(tmp_path / name, resume=False) for name in ("alone", "together"))
    play_sweep(sweep, alone, Place(), quiet)
    with client_of(Place(workers=2)) as client:
        before = client.run(os.getpid)
        for done, result in enumerate(Driver(client, sweep.files, None).play(sweep.runs), 1):
            together.keep(result)
            if done == 32:
                assert all(client.processing().values())
                os.kill(min(before.values()), signal.SIGKILL)
    assert len(before) == 2
    assert len(sweep.runs) == 64
    assert kept(sweep, together) == kept(sweep, alone)
    assert together.tabulate(sweep) == alone.tabulate(sweep)
    names = ("results.csv", "results.json", "results.parquet")
    assert all((alone.folder / n).read_bytes() == (together.folder / n).read_bytes() for n in names)


def test_a_driver_that_died_goes_on_where_it_was(tmp_path: Path) -> None:
    sweep = small(tmp_path, 6)
    folder = ResultFolder(tmp_path / "out", resume=False)

    class PowerCut(Exception):  # noqa: N818  what it stands for
        pass

    def cut(done: int, _: int) -> None:
        if done == 3:
            raise PowerCut

    with pytest.raises(PowerCut):
        play_sweep(sweep, folder, Place(), cut)
    stamps = {path: path.stat().st_mtime_ns for path in (folder.folder / "runs").iterdir()}
    assert len(stamps) == 3
    with pytest.raises(SweepError, match="holds results already: add --resume"):
        ResultFolder(tmp_path / "out", resume=False)
    (folder.folder / "runs" / f"{sweep.runs[4].id}.json").write_bytes(b'{"id": "cut o')
    seen: list[int] = []
    play_sweep(sweep, ResultFolder(tmp_path / "out", resume=True), Place(), lambda done, _: seen.append(done))
    assert seen == [3, 4, 5, 6]
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())
    assert [row["seed"] for row in folder.tabulate(sweep)] == [1, 2, 3, 4, 1, 2]


def test_without_dask_a_pool_of_processes_gives_the_same(tmp_path: Path) -> None:
    sweep = small(tmp_path, 4)
    pooled = sorted(map(canonical, in_processes(sweep.runs, sweep.files, Place(workers=2))))
    assert pooled == sorted(map(canonical, in_turn(sweep.runs, sweep.files, Place())))


def test_a_run_that_fails_is_a_row_with_words_and_the_others_go_on(tmp_path: Path) -> None:
    outage = event("line-outage", 0, 0, line="west")
    sweep = small(
        tmp_path, set={"events": [outage]}, grid_of={"events.0.line": ["nowhere", "east"]}, seeds=()
    )
    folder = ResultFolder(tmp_path / "out", resume=False)
    play_sweep(sweep, folder, Place(), quiet)
    bad, good = folder.tabulate(sweep)
    assert "'nowhere' is no such element" in bad["error"]
    assert good["error"] is None
    assert good["energy.unserved_wh"] > 0
    assert [folder.has(run) for run in sweep.runs] == [False, True]


def test_the_table_has_parameters_and_figures_in_three_formats(tmp_path: Path) -> None:
    sweep = small(tmp_path, 2)
    folder = ResultFolder(tmp_path / "out", resume=False)
    play_sweep(sweep, folder, Place(tables="parquet"), quiet)
    rows = folder.tabulate(sweep)
    assert rows == json.loads((folder.folder / "results.json").read_bytes())
    assert rows == pq.read_table(folder.folder / "results.parquet").to_pylist()
    with (folder.folder / "results.csv").open(newline="") as file:
        assert [row["run"] for row in csv.DictReader(file)] == [run.id for run in sweep.runs]
    assert rows[0]["kpis.self_sufficiency"] > 0
    result = run_one(sweep.runs[0], *(sweep.files[name] for name in sweep.runs[0].files))
    assert rows[0]["bills.saved"] == sum(bill["saved"] for bill in result["summary"]["bills"])
    assert row_of(result) == rows[0]
    slots = pq.read_table(
        io.BytesIO((folder.folder / "runs" / sweep.runs[0].id / "slots.parquet").read_bytes())
    )
    assert slots.num_rows == 2


FILE = """
name = "pv"
base = "hamlet.toml"
seeds = [1, 2]

[grid_of]
"grid.pv_scale" = [1.0, 2.0]
"""


def write_files(folder: Path, sweep: str) -> Path:
    write_hamlet(folder)
    (folder / "hamlet.toml").write_text(
        HEAD
        + """
[grid]
network = "hamlet.json"
profiles = ["hamlet.csv.gz"]
[period]
start = 2016-06-09T10:00:00Z
end = 2016-06-09T10:30:00Z
[tariff]
retail_per_kwh = 320_000
feed_in_per_kwh = 82_000
imbalance_per_kwh = 380_000
"""
    )
    (folder / "pv.toml").write_text(sweep)
    return folder / "pv.toml"


def test_the_command_writes_the_table_and_says_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_files(tmp_path, FILE)
    call_command("sweep", path, "--workers", "1", "--out", str(tmp_path / "out"))
    told = capsys.readouterr()
    assert "4 runs, one after the other in this process." in told.err
    assert "results.csv: 4 runs, 0 with faults." in told.out
    with pytest.raises(CommandError, match="holds results already"):
        call_command("sweep", path, "--workers", "1", "--out", str(tmp_path / "out"))


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("hamlet.toml", "none.toml", r"none\.toml: can't be read .*; check the path"),
        ("[1, 2]", "[1, 1]", "two runs are the same; give every value and seed once"),
        ("[1, 2]", "[-1]", r"pv\.toml: above the first table: seeds = \[-1\]: Expected `int` >= 0"),
        ('name = "pv"', 'name = "a/b"', r"name = 'a/b': Expected `str` matching regex"),
        ("[1.0, 2.0]", "[]", r"grid_of = .*length >= 1"),
        (
            "[1.0, 2.0]",
            "[1.0, -2.0]",
            r"with grid.pv_scale = -2.0, seed = 1: \[grid\] pv_scale = -2.0: Expected `float` >= 0",
        ),
        ("grid.pv_scale", "grid.pv.scale.x", r"\[grid\] pv: is no field here; known are"),
        ("grid.pv_scale", "seed.x", "seed.x: leads to no field of the scenario"),
        ("grid.pv_scale", "events.0.share", "events.0.share|events"),
        ("seeds", "seed", r"seed: is no field here; known are .*seeds"),
        ("[grid_of]", "[grid_of", r"pv\.toml: is no TOML: .*line"),
    ],
)
def test_faults_of_sweeps_name_place_and_remedy(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    path = write_files(tmp_path, FILE.replace(old, new))
    with pytest.raises(ScenarioFaultError, match=complaint):
        read_sweep(path)


def test_a_fault_of_many_runs_is_told_once(tmp_path: Path) -> None:
    path = write_files(tmp_path, FILE + "\n[set]\n'market.rounds' = 0\n")
    with pytest.raises(ScenarioFaultError) as caught:
        read_sweep(path)
    assert len(caught.value.faults) == 1


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("grid.sweeps.cluster.CONNECT_S", 0.3)
    sweep = small(tmp_path, 1)
    with pytest.raises(SweepError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:9: start one"):
        list(on_dask(sweep.runs, sweep.files, Place(scheduler="tcp://127.0.0.1:9")))


def test_threads_of_a_worker_share_one_folder() -> None:
    begin = threading.Barrier(8)

    def lay_out(_: int) -> list[bytes]:
        begin.wait(10)
        folder = work._laid_out({"a": b"1" * 10**6, "b": b"2"})
        return [(folder / name).read_bytes() for name in ("a", "b")]

    for _ in range(20):
        work._desk().cleanup()
        work._desk.cache_clear()
        with ThreadPoolExecutor(8) as threads:
            assert all(found == [b"1" * 10**6, b"2"] for found in threads.map(lay_out, range(8)))


def test_a_cluster_by_its_address_under_tls_gives_the_same(tmp_path: Path) -> None:
    sweep = small(tmp_path, 3)
    security = Security.temporary()
    keys = security.get_tls_config_for_role("client")
    settings = {
        "distributed.comm.tls.ca-file": keys["ca_file"],
        "distributed.comm.tls.client.cert": keys["cert"],
        "distributed.comm.tls.client.key": keys["key"],
    }
    with (
        LocalCluster(
            n_workers=1, processes=False, protocol="tls", host="127.0.0.1", security=security,
            dashboard_address="127.0.0.1:0", worker_dashboard_address="127.0.0.1:0",
        ) as cluster,
        dask.config.set(settings),
    ):  # fmt: skip
        place = Place(scheduler=cluster.scheduler_address)
        assert "encrypted" not in place.words
        assert "trusted networks only" in Place(scheduler="tcp://10.0.0.1:8786").words
        found = {result["id"]: canonical(result) for result in on_dask(sweep.runs, sweep.files, place)}
    assert found == {result["id"]: canonical(result) for result in in_turn(sweep.runs, sweep.files, Place())}


def test_the_documented_sweep_is_valid(fixtures_folder: Path, tmp_path: Path) -> None:
    text = (fixtures_folder.parent / "docs" / "sweeps.md").read_text()
    content = text.split("```toml")[1].split("```")[0]
    assert tomllib.loads(content)["grid_of"]
    (tmp_path / "documented.toml").write_text(content.replace("fixtures/", f"{fixtures_folder}/"))
    assert len(read_sweep(tmp_path / "documented.toml").runs) == 32
