"""Runs that are over: who may see which, their reports, and their tables."""

import json
import zlib
from collections.abc import Iterator, Mapping
from typing import IO, Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from grid.models import ReplayRun
from grid.results.export import Export
from grid.results.tables import Places
from marketplace.accounts.errors import MissingError
from marketplace.accounts.models import User
from marketplace.trading.models import RunReport

SLOTS_AT_ONCE = 48


def finished_runs(user: User | AnonymousUser) -> QuerySet[ReplayRun]:
    """The user's own runs and the site's; the live market's are the staff's: people live behind its connections.

    Runs with an owner are made from that person's files: nobody else sees them, no staff either.
    """
    if not user.is_authenticated:
        return ReplayRun.objects.none()
    of_site = Q(owner=None) if user.is_staff else Q(owner=None, live=False)
    done = ReplayRun.objects.filter(status=ReplayRun.Status.FINISHED, summary__isnull=False)
    return done.filter(of_site | Q(owner=user)).defer("checkpoint", "setting")


def slots_of(run: ReplayRun) -> Iterator[dict[str, Any]]:
    """A run's stored slots in order, a few in memory at a time."""
    return run.slots.values_list("data", flat=True).iterator(chunk_size=SLOTS_AT_ONCE)


def keep_report(*, run: ReplayRun, data: Mapping[str, Any]) -> RunReport:
    """Store a report's data, in place of an earlier one's."""
    packed = zlib.compress(json.dumps(data, separators=(",", ":")).encode(), 9)
    return RunReport.objects.update_or_create(run=run, defaults={"data": packed})[0]


def report_of_run(run: ReplayRun) -> dict[str, Any]:
    """A run's report data.

    Raises:
        MissingError: the run was over before its report was made.
    """
    kept = RunReport.objects.filter(run=run).first()
    if kept is None:
        raise MissingError("no_report", _("This run has no report; play its scenario once more."))
    content: dict[str, Any] = json.loads(zlib.decompress(kept.data))
    return content


def places_of(report: Mapping[str, Any]) -> Places:
    """What the indices in a run's slots stand for, by its report."""
    drawn = report["map"]
    return Places(
        homes=[home["name"] for home in report["households"]],
        buses=[node["name"] for node in drawn["nodes"]],
        lines=drawn["lines"],
        transformers=drawn["transformers"],
    )


def export_table(run: ReplayRun, table: str, kind: str, file: IO[bytes]) -> None:
    """One table of a run, slot by slot. Raises ExportError for an unknown one, MissingError without a report."""
    export = Export({table: file}, kind, places_of(report_of_run(run)))
    for slot in slots_of(run):
        export.add(slot)
    export.close(run.summary or {})
