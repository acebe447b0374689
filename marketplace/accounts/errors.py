"""Refusals of the domain: each has a stable code for programs and a sentence for people."""

from collections.abc import Mapping, Sequence


class RefusedError(Exception):
    """What was asked for can't be done.

    Args:
        code: Stable machine-readable word.
        detail: What was wrong and what to do about it.
        fields: Fields to blame, with what is wrong in each.
    """

    status = 400

    def __init__(self, code: str, detail: str, fields: Mapping[str, Sequence[str]] | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.fields = {name: list(messages) for name, messages in (fields or {}).items()}


class ConflictError(RefusedError):
    """It can't be done in the present state of things."""

    status = 409


class MissingError(RefusedError):
    """There is no such thing, or not yet."""

    status = 404


class AwayError(RefusedError):
    """Another part of the system can't be reached at the moment; nothing was changed."""

    status = 503
