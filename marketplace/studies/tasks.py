"""Background work on people's own files: checking them, playing studies. Doing a task twice does nothing twice."""

import json
import logging
import threading
from collections.abc import Mapping
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import transaction
from django_tasks import task

from grid.checking import Report
from grid.flow.powerflow import PowerFlowError
from grid.models import ReplayRun, SlotResult
from grid.networks.feeder import NetworkFaultError, feeder_map
from grid.profiles import Fault, Options, ProfileFaultError
from grid.profiles.options import Stamps
from grid.results.baseline import without_market
from grid.results.collection import Collection, Setting
from grid.results.report import report_of
from grid.scenarios.scenario import ScenarioFaultError
from grid.simulation import Simulation, open_simulation
from grid.study import Study
from grid.words import Words
from marketplace.accounts.errors import RefusedError
from marketplace.studies import store
from marketplace.studies.checking import options_of, report_json, report_on, scenario_of
from marketplace.studies.library import library_scenario
from marketplace.studies.models import InputFile, StudyOrder
from marketplace.studies.selectors import opened_files, own_files
from marketplace.trading.runs import keep_report

logger = logging.getLogger(__name__)
SLOTS_AT_ONCE = 24
STOPPING = threading.Event()
"""Set while the process ends: a study lies down after the slots at hand and is taken up at the next start."""
OURS = Words("Something went wrong that is no fault of your files. It was written down; try again later.")


@task(queue_name="checks")
def check_file(pk: str) -> None:
    """Read an uploaded file and keep what is wrong with it, or what was understood."""
    file = InputFile.objects.filter(pk=pk, state=InputFile.State.WAITING).first()
    if file is None:
        return
    siblings = opened_files(own_files(file.user))
    named = siblings if file.kind == InputFile.Kind.SCENARIO else [file]
    try:
        with store.laid_out(named) as folder:
            report = report_on(file, folder, {str(one.filename) for one in siblings})
    except (
        Exception
    ) as error:  # a parser of hostile input fails in many ways; its owner must still get an answer
        logger.exception("Checking file %s failed", pk)
        words = Words(
            "can't be read (%(error)s); save it again in one of the formats of the list",
            error=type(error).__name__,
        )
        file.report = report_json(Report(str(file.filename), (Fault(str(file.filename), None, words),)))
        file.state = InputFile.State.FAULTY
    else:
        file.report = report_json(report)
        file.state = InputFile.State.FAULTY if report.faults else InputFile.State.FINE
    file.save(update_fields=["report", "state"])


@task(queue_name="studies")
def play_study(pk: str) -> None:
    """Play a study from its first slot; what is stored of an earlier attempt stays, since it would come out the same."""
    run = ReplayRun.objects.filter(pk=pk, status__in=("preparing", "running")).first()
    order = StudyOrder.objects.filter(run__pk=pk).first()
    if run is None or order is None:
        return
    try:
        _play(run, order)
    except (NetworkFaultError, ProfileFaultError, ScenarioFaultError) as error:
        _fail(run, *(fault.told if isinstance(fault, Fault) else fault for fault in error.faults))
    except PowerFlowError as error:
        _fail(
            run,
            Words(
                "The power flow has no solution: %(error)s. Check impedances and ratings, or lower the scales.",
                error=str(error),
            ),
        )
    except RefusedError as error:
        _fail(run, Words(error.detail))
    except Exception:  # whatever it is, the owner must not wait for ever
        logger.exception("Study %s failed", pk)
        _fail(run, OURS)


def _fail(run: ReplayRun, *words: Words) -> None:
    run.status, run.failures = ReplayRun.Status.FAILED, [one.as_dict() for one in words]
    if ReplayRun.objects.filter(pk=run.pk).exists():
        run.save(update_fields=["status", "failures", "updated_at"])


def _play(run: ReplayRun, order: StudyOrder) -> None:
    simulation = _simulation(order)
    study, alone = Study(simulation), without_market(simulation)
    setting = Setting.of(simulation, study.names)
    traded, untraded = Collection(setting), Collection(setting)
    run.status, run.setting = ReplayRun.Status.RUNNING, _setting(simulation)
    run.save(update_fields=["status", "setting", "updated_at"])
    slots, index = zip(study.slots(), alone.slots(), strict=True), 0
    while batch := list(islice(slots, SLOTS_AT_ONCE)):
        if not _kept(run, index, [slot for slot, _ in batch]) or STOPPING.is_set():
            return
        index += len(batch)
        for slot, without in batch:
            traded.add(slot)
            untraded.add(without)
    _finish(run, traded, report_of(traded, untraded))


@transaction.atomic
def _finish(run: ReplayRun, traded: Collection, report: Mapping[str, Any]) -> None:
    run.status = ReplayRun.Status.FINISHED
    run.summary = {"scenario": run.scenario, "funding": run.funding, **traded.tally.summary()}
    run.save(update_fields=["status", "summary", "updated_at"])
    keep_report(run=run, data=report)


def _simulation(order: StudyOrder) -> Simulation:
    tables = json.loads(order.tables or "{}")
    if order.is_shipped:
        return open_simulation(library_scenario(tables))
    files = opened_files(InputFile.objects.filter(orders=order))
    with store.laid_out(files) as folder:
        return _opened(tables, folder, files)


def _opened(tables: Mapping[str, Any], folder: Path, files: list[InputFile]) -> Simulation:
    scenario = scenario_of(tables, folder, {str(file.filename) for file in files})
    reading = {str(file.filename): _options(file, scenario.grid) for file in files}
    return open_simulation(scenario, reading)


def _options(file: InputFile, grid: Any) -> Options:
    """As its owner said when it was uploaded, unless the scenario says it."""
    said = {key: getattr(grid, key) for key in ("zone", "unit", "decimal") if getattr(grid, key)}
    stamps: Stamps = "end" if "end" in (grid.stamps, file.stamps) else "start"
    return replace(options_of(file), stamps=stamps, **said)


def _setting(simulation: Simulation) -> dict[str, Any]:
    tariff = simulation.scenario.tariff
    return {
        "feeder": feeder_map(simulation.feeder),
        "limits": asdict(simulation.scenario.limits),
        "tariff": {key: getattr(tariff, key) for key in tariff.__struct_fields__},
    }


@transaction.atomic
def _kept(run: ReplayRun, index: int, batch: list[dict[str, Any]]) -> bool:
    """Store a few slots; False if the run was deleted meanwhile."""
    rows = [
        SlotResult(run=run, index=index + i, slot_start=slot["slot_start"], data=slot)
        for i, slot in enumerate(batch)
    ]
    if not ReplayRun.objects.filter(pk=run.pk).exists():
        return False
    SlotResult.objects.bulk_create(rows, ignore_conflicts=True)
    run.next_slot = max(run.next_slot, index + len(batch))
    run.save(update_fields=["next_slot", "updated_at"])
    return True
