"""What this app keeps of a person, for the export."""

from typing import Any

from marketplace.accounts import export
from marketplace.accounts.models import User
from marketplace.studies.selectors import opened_files, own_files, own_runs


def own_studies(user: User) -> list[dict[str, Any]]:
    """Studies that the person had played; their reports are on the site."""
    rows = own_runs(user).values("id", "scenario", "status", "created_at")
    return [{**row} for row in rows]


def input_files(user: User) -> list[dict[str, Any]]:
    """Networks and profiles that the person uploaded, which came from them."""
    return [
        {"filename": file.filename, "kind": file.kind, "state": file.state, "size_bytes": file.size_bytes}
        for file in opened_files(own_files(user))
    ]


def register() -> None:
    """Name the topics."""
    for collect in (own_studies, input_files):
        export.register(collect.__name__, collect)
