"""One's own feeder: upload files, see what is wrong with them, play studies."""

from collections.abc import Mapping
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from grid.models import ReplayRun
from marketplace.accounts.errors import RefusedError
from marketplace.accounts.models import User
from marketplace.studies import services
from marketplace.studies.choices import tables_from
from marketplace.studies.models import InputFile
from marketplace.studies.selectors import opened_files, own_files, own_runs
from marketplace.web.own_forms import InputFilesForm, StudyForm
from marketplace.words.cores import told

ROOM_FOR_FORM = 64 * 1024
"""What a multipart body needs beside its files."""


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)


def _page(request: HttpRequest, forms: Mapping[str, Form] | None = None) -> HttpResponse:
    files = opened_files(own_files(_user(request)))
    fine = [file for file in files if file.state == InputFile.State.FINE]
    kinds = {file.kind for file in fine}
    ready = {InputFile.Kind.NETWORK, InputFile.Kind.PROFILES} <= kinds
    context = {
        "files": files,
        "waiting": any(file.state == InputFile.State.WAITING for file in files),
        "runs": own_runs(_user(request)).defer("setting", "checkpoint", "summary"),
        "ready": ready,
        "forms": {
            "files": InputFilesForm(auto_id="id_input_%s"),
            "study": StudyForm(files=fine) if ready else None,
            **(forms or {}),
        },
    }
    return render(request, "web/own.html", context, status=422 if forms else 200)


@login_required
@require_safe
def own(request: HttpRequest) -> HttpResponse:
    """Own files and studies."""
    return _page(request)


@login_required
@require_safe
def files(request: HttpRequest) -> HttpResponse:
    """The list of files alone, for a page that waits for checks."""
    found = opened_files(own_files(_user(request)))
    if not any(file.state == InputFile.State.WAITING for file in found):
        answer = HttpResponse(status=204)
        answer["HX-Refresh"] = "true"
        return answer
    return render(request, "web/parts/own_files.html", {"files": found, "waiting": True})


@login_required
@require_POST
def upload(request: HttpRequest) -> HttpResponse:
    """Take files; each is checked in the background."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > settings.FILE_UPLOAD_MAX_MEMORY_SIZE - ROOM_FOR_FORM:
        most = (settings.FILE_UPLOAD_MAX_MEMORY_SIZE - ROOM_FOR_FORM) // 1024**2
        messages.error(
            request,
            _("More than %(most)s MB at once: upload one file after the other, packed with gzip.")
            % {"most": most},
        )
        return redirect("web:own")
    form = InputFilesForm(request.POST, request.FILES, auto_id="id_input_%s")
    if not form.is_valid():
        return _page(request, {"files": form})
    given = form.cleaned_data
    reading = {key: given[key] for key in services.READING}
    for file in given["uploads"]:
        try:
            services.add_file(user=_user(request), filename=file.name, raw=file.read(), reading=reading)
        except RefusedError as error:
            messages.error(request, f"{services.safe_name(file.name)}: {error.detail}")
    return redirect("web:own")


@login_required
@require_safe
def file(request: HttpRequest, pk: str) -> HttpResponse:
    """One file: all of its faults, or what was understood."""
    found = get_object_or_404(own_files(_user(request)), pk=pk)
    return render(request, "web/own_file.html", {"file": found})


@login_required
@require_POST
def drop_file(request: HttpRequest, pk: str) -> HttpResponse:
    """Delete a file."""
    services.remove_file(file=get_object_or_404(own_files(_user(request)), pk=pk))
    return redirect("web:own")


def _start(request: HttpRequest, tables: Mapping[str, Any]) -> HttpResponse | None:
    try:
        run = services.start_study(user=_user(request), tables=tables)
    except RefusedError as error:
        for words in error.fields.get("scenario", [error.detail]):
            messages.error(request, words)
        return None
    return redirect("web:own_run", pk=run.pk)


@login_required
@require_POST
def play(request: HttpRequest) -> HttpResponse:
    """Have a study played on the chosen files."""
    fine = opened_files(own_files(_user(request)).filter(state=InputFile.State.FINE))
    form = StudyForm(request.POST, files=fine)
    if form.is_valid():
        try:
            started = _start(request, tables_from(form.choices()))
        except RefusedError as error:
            form.add_error("end", error.detail)
            started = None
        if started is not None:
            return started
    return _page(request, {"study": form})


@login_required
@require_POST
def play_scenario(request: HttpRequest, pk: str) -> HttpResponse:
    """Have an uploaded scenario played."""
    scenarios = own_files(_user(request)).filter(kind=InputFile.Kind.SCENARIO)
    found = get_object_or_404(scenarios, pk=pk)
    try:
        tables = services.scenario_tables(file=found)
    except RefusedError as error:
        messages.error(request, error.detail)
        return redirect("web:own")
    return _start(request, tables) or redirect("web:own")


def _run_context(run: ReplayRun) -> dict[str, Any]:
    return {
        "run": run,
        "unfinished": run.status in services.UNFINISHED,
        "stalled": services.is_stalled(run, timezone.now()),
        "failures": [told(words) for words in run.failures],
        "percent": 100 * run.next_slot // max(run.slots_total, 1),
    }


@login_required
@require_safe
def run(request: HttpRequest, pk: str) -> HttpResponse:
    """A study: how far it is, what came of it, or why it failed."""
    found = get_object_or_404(own_runs(_user(request)), pk=pk)
    context = _run_context(found)
    if request.headers.get("HX-Request") == "true":
        answer = render(request, "web/parts/own_progress.html", context)
        if not context["unfinished"]:
            answer["HX-Refresh"] = "true"
        return answer
    return render(request, "web/own_run.html", context)


@login_required
@require_POST
def resume(request: HttpRequest, pk: str) -> HttpResponse:
    """Have a stalled study played again."""
    found = get_object_or_404(own_runs(_user(request)), pk=pk)
    try:
        services.resume_study(run=found)
    except RefusedError as error:
        messages.error(request, error.detail)
    return redirect("web:own_run", pk=found.pk)


@login_required
@require_POST
def drop_run(request: HttpRequest, pk: str) -> HttpResponse:
    """Delete a study."""
    services.remove_study(run=get_object_or_404(own_runs(_user(request)), pk=pk))
    return redirect("web:own")
