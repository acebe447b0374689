"""Writes around people's own files and studies. Every verb owns its transaction."""

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from grid.models import ReplayRun
from grid.scenarios.scenario import Scenario, ScenarioFaultError
from marketplace.accounts.errors import ConflictError, RefusedError
from marketplace.accounts.models import User
from marketplace.studies import store
from marketplace.studies.checking import MOST_HOME_SLOTS, kind_of, scenario_of, tables_of
from marketplace.studies.library import library_scenario, library_tables
from marketplace.studies.models import InputFile, StudyOrder
from marketplace.studies.selectors import opened_files, own_files, own_runs
from marketplace.words.cores import told

MOST_FILES = 20
MOST_RUNS = 10
STALLED_AFTER = timedelta(minutes=5)
UNFINISHED = (ReplayRun.Status.PREPARING, ReplayRun.Status.RUNNING)
READING = ("zone", "unit", "stamps", "decimal")


def add_file(*, user: User, filename: str, raw: bytes, reading: Mapping[str, str]) -> InputFile:
    """Keep an upload and have it checked; one of the same name takes the earlier one's place.

    Args:
        user: Whose it is.
        filename: As its owner calls it; scenarios name it so.
        raw: Its content.
        reading: `zone`, `unit`, `stamps`, `decimal` of profiles, where given.

    Raises:
        RefusedError: empty, too large, or one too many.
    """
    if not raw:
        raise _refused("file_empty", _("The file is empty."))
    if len(raw) > settings.INPUT_MAX_BYTES:
        most = settings.INPUT_MAX_BYTES // 1024**2
        raise _refused(
            "file_too_large",
            _("The file is larger than %(most)s MiB: pack it with gzip, or cut it.") % {"most": most},
        )
    name, mine = safe_name(filename), opened_files(own_files(user))
    earlier = [file for file in mine if file.filename == name]
    if len(mine) - len(earlier) >= MOST_FILES:
        raise _refused(
            "too_many_files", _("At most %(most)s files: delete some first.") % {"most": MOST_FILES}
        )
    given = {key: reading[key] for key in READING if reading.get(key)}
    file = InputFile(user=user, kind=kind_of(name, raw), filename=name, size_bytes=len(raw), **given)
    store.INPUTS.keep(file, raw)
    with transaction.atomic():
        file.save(force_insert=True)
        for old in earlier:
            remove_file(file=old)
        _have_checked(file)
    file.refresh_from_db()
    return file


def _refused(code: str, detail: str) -> RefusedError:
    return RefusedError(code, detail, {"file": [detail]})


def safe_name(filename: str) -> str:
    """The last part of a name, of letters that no file system takes amiss."""
    last = filename.replace("\\", "/").rpartition("/")[2]
    kept = "".join(letter for letter in last if letter.isprintable() and letter not in '"<>:|?*')
    return kept.strip(". ")[-80:].strip(". ") or "file"


def _have_checked(file: InputFile) -> None:
    from marketplace.studies.tasks import check_file  # noqa: PLC0415  tasks call services

    check_file.enqueue(str(file.pk))


@transaction.atomic
def remove_file(*, file: InputFile) -> None:
    """Delete a file; studies that were played on it stay."""
    content = InputFile(pk=file.pk, user_id=file.user_id)
    file.delete()
    transaction.on_commit(lambda: store.INPUTS.drop(content))


def start_study(*, user: User, tables: Mapping[str, Any]) -> ReplayRun:
    """Have a scenario played whose `[grid]` names the user's own files.

    Raises:
        RefusedError: the scenario has faults, is too large, or its files are not fine.
        ConflictError: too many studies.
    """
    mine = opened_files(own_files(user))
    by_name = {str(file.filename): file for file in mine if file.state == InputFile.State.FINE}
    _refuse_more(user)
    scenario = _scenario(tables, list(by_name.values()))
    used = [by_name[name] for name in (scenario.grid.network, *scenario.grid.profiles)]
    _refuse_large(scenario, used[0])
    return _order(user=user, scenario=scenario, tables=tables, files=used)


def start_shipped(*, user: User, key: str, changes: Mapping[str, Any]) -> ReplayRun:
    """Have a shipped scenario played, with some things changed (`studies.library`).

    Raises:
        RefusedError: there is none of that name, or a change does not go with it.
        ConflictError: too many studies.
    """
    _refuse_more(user)
    tables = library_tables(key=key, changes=changes)
    try:
        scenario = library_scenario(tables)
    except ScenarioFaultError as error:
        raise _faulty(error) from error
    return _order(user=user, scenario=scenario, tables=tables, files=())


def _faulty(error: ScenarioFaultError) -> RefusedError:
    faults = [told(words) for words in error.faults]
    return RefusedError("scenario", " ".join(faults), {"scenario": faults})


def _refuse_more(user: User) -> None:
    if own_runs(user).filter(status__in=UNFINISHED).exists():
        raise ConflictError(
            "study_running", _("One of your studies is still being played: wait for its end.")
        )
    if own_runs(user).count() >= MOST_RUNS:
        words = _("At most %(most)d studies: delete some first.") % {"most": MOST_RUNS}
        raise ConflictError("too_many_studies", words)


def _scenario(tables: Mapping[str, Any], files: Sequence[InputFile]) -> Scenario:
    names = [str(file.filename) for file in files]
    try:
        with store.laid_out(files) as folder:
            return scenario_of(tables, folder, names)
    except ScenarioFaultError as error:
        raise _faulty(error) from error


def _refuse_large(scenario: Scenario, network: InputFile) -> None:
    homes = int(network.told.get("connections", 0))
    slots = (scenario.end - scenario.start) // 900
    if homes * slots > MOST_HOME_SLOTS:
        days = MOST_HOME_SLOTS // max(homes, 1) // 96
        words = _(
            "%(homes)s connections over this period are too many for the site: at most %(days)s days of them."
        ) % {"homes": homes, "days": days}
        raise RefusedError("study_too_large", words, {"end": [words]})


@transaction.atomic
def _order(
    *, user: User, scenario: Scenario, tables: Mapping[str, Any], files: Sequence[InputFile]
) -> ReplayRun:
    key = uuid.uuid4()
    run = ReplayRun.objects.create(
        id=key,
        scenario=scenario.name,
        fingerprint=f"study-{key}",
        kind=ReplayRun.Kind.STUDY,
        owner=user,
        funding="none",
        starts_at=scenario.start,
        ends_at=scenario.end,
    )
    order = StudyOrder(run=run, user=user, tables=json.dumps(tables, default=_plain), is_shipped=not files)
    order.save()
    order.files.set(files)
    _have_played(run)
    run.refresh_from_db()
    return run


def _plain(value: Any) -> str:
    """TOML's dates as ISO 8601."""
    return str(value.isoformat())


def _have_played(run: ReplayRun) -> None:
    from marketplace.studies.tasks import play_study  # noqa: PLC0415  tasks call services

    play_study.enqueue(str(run.pk))


def scenario_tables(*, file: InputFile) -> dict[str, Any]:
    """The tables of an uploaded scenario. Raises RefusedError."""
    try:
        with store.laid_out([file]) as folder:
            return tables_of(folder / str(file.filename))
    except ScenarioFaultError as error:
        raise _faulty(error) from error


def is_stalled(run: ReplayRun, now: datetime) -> bool:
    """Whether nobody has worked on an unfinished study for a while: its worker was stopped."""
    return run.status in UNFINISHED and now - run.updated_at > STALLED_AFTER


def resume_study(*, run: ReplayRun) -> None:
    """Have a stalled study played again. Raises ConflictError if it is not stalled."""
    if not is_stalled(run, timezone.now()):
        raise ConflictError("not_stalled", _("This study is finished or being played."))
    run.save(update_fields=["updated_at"])
    _have_played(run)


def resume_all() -> None:
    """Put everything unfinished into the queue again: for the start of the only worker, whose tasks were cut off."""
    for file in InputFile.objects.filter(state=InputFile.State.WAITING):
        _have_checked(file)
    for run in ReplayRun.objects.filter(kind=ReplayRun.Kind.STUDY, status__in=UNFINISHED):
        _have_played(run)


@transaction.atomic
def remove_study(*, run: ReplayRun) -> None:
    """Delete a study with its results; one that is being played ends at its next slot."""
    run.delete()


def forget_person(*, user: User, **_more: object) -> None:
    """Delete a person's files and studies: meter data, and what came of them, are personal data."""
    for file in own_files(user):
        remove_file(file=file)
    own_runs(user).delete()
