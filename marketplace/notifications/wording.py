"""Notices in words. A name of somebody else is looked up when it is read: who left the site is named nowhere."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from django.utils.translation import gettext

from marketplace import formats
from marketplace.notifications.kinds import KINDS
from marketplace.notifications.models import Notice

Names: TypeAlias = Callable[[set[str]], dict[str, str]]
_NAMES: list[Names] = []


@dataclass(frozen=True, slots=True)
class Words:
    """Title and text of a notice in the language that is active."""

    title: str
    text: str


def register_names(find: Names) -> None:
    """Have `find` give display names of owners; details name an owner as `partner`."""
    _NAMES[:] = [find]


def worded(notices: Iterable[Notice]) -> list[tuple[Notice, Words]]:
    """Notices with their words, in the active language; all names in one look-up."""
    rows = list(notices)
    owners = {str(row.details["partner"]) for row in rows if "partner" in row.details}
    names = {owner: name for find in _NAMES for owner, name in find(owners).items()} if owners else {}
    return [(row, _words(row, names)) for row in rows]


def words_of(notice: Notice) -> Words:
    """The words of one notice."""
    return worded([notice])[0][1]


def _words(notice: Notice, names: dict[str, str]) -> Words:
    kind = KINDS.get(notice.kind)
    if kind is None:  # of a version of the site that knew more
        return Words(notice.kind, "")
    details: dict[str, Any] = dict(notice.details)
    if "partner" in details:
        details["partner"] = names.get(str(details["partner"])) or gettext("Somebody who left")
    for name in [name for name in details if name.endswith("_at")]:
        details[name] = formats.told(int(details[name]))
    if "day" in details:
        details["day"] = formats.civil(details["day"])
    return Words(str(kind.title).format(**details), str(kind.text).format(**details))
