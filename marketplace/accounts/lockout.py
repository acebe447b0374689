"""What the lock-out after failed logins counts by."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest


def attempted_email(request: HttpRequest | None, credentials: Mapping[str, Any] | None = None) -> str | None:
    """E-mail address that a login attempt named: allauth says `email` or `login`, the admin `username`."""
    sources: list[Mapping[str, Any]] = [credentials or {}]
    if request is not None:
        sources.append(request.POST)
    for source in sources:
        for name in ("email", "username", "login"):
            if source.get(name):
                return str(source[name]).strip().lower()
    return None
