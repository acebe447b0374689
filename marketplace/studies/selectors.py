"""Reads of people's own files and studies."""

from django.db.models import QuerySet

from grid.models import ReplayRun
from marketplace.accounts.fields import prefetch_keys
from marketplace.accounts.models import User
from marketplace.studies.models import InputFile


def own_files(user: User) -> QuerySet[InputFile]:
    """Files that the user uploaded."""
    return InputFile.objects.filter(user=user)


def opened_files(files: QuerySet[InputFile]) -> list[InputFile]:
    """Files with their keys at hand: two queries, however many there are."""
    found = list(files)
    prefetch_keys(found)
    return found


def own_runs(user: User) -> QuerySet[ReplayRun]:
    """Studies of the user, without what only a report needs."""
    return ReplayRun.objects.filter(owner=user).defer("setting", "checkpoint")
