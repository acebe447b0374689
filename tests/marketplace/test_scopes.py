"""Every view of the API says which scope it needs."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.permissions import AllowAny

from marketplace.api.scopes import PUBLIC, SESSION, needed
from marketplace.programs.scopes import SCOPES, covers, every


def views(patterns: Any = None, prefix: str = "") -> Iterator[tuple[str, type]]:
    for entry in patterns if patterns is not None else get_resolver().url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from views(entry.url_patterns, path)
        elif isinstance(entry, URLPattern) and path.startswith("api/"):
            yield path, getattr(entry.callback, "cls", type(None))


VIEWS = dict(views())


@pytest.mark.parametrize("path", VIEWS)
def test_each_view_names_its_scope(path: str) -> None:
    view = VIEWS[path]
    assert getattr(view, "scope", None) in {*SCOPES, PUBLIC, SESSION}, (
        f'{view.__module__}.{view.__name__} names no scope: give it `scope = "..."`, one of {", ".join(SCOPES)},'
        " or public, or session"
    )
    if view.scope == PUBLIC:
        assert view.permission_classes == (AllowAny,)
        assert not hasattr(view, "post")


def test_writing_holds_reading_and_nothing_else() -> None:
    assert covers(["billing:write"], name="billing", access="read")
    assert not covers(["billing:read"], name="billing", access="write")
    assert not covers(["billing:write"], name="trade", access="read")
    assert len(every()) == 2 * len(SCOPES)


def test_what_a_request_needs() -> None:
    class View:
        scope = "trade"
        session_only = ("DELETE",)

    assert [str(needed(View, method)) for method in ("GET", "POST", "DELETE")] == [
        "trade:read",
        "trade:write",
        "session",
    ]
    assert str(needed(object, "GET")) == "session"
    assert not needed(View, "DELETE").met_by(every())
