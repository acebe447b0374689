"""What can go wrong, typed."""

from typing import Any


class ProblemError(Exception):
    """The site refused: `code` is stable, `detail` for people, `errors` names the fields to blame."""

    def __init__(self, problem: dict[str, Any], *, retry_after_s: float = 0) -> None:
        self.status = int(problem.get("status", 0))
        self.code = str(problem.get("code", ""))
        self.detail = str(problem.get("detail", ""))
        self.errors: dict[str, list[str]] = problem.get("errors", {})
        self.retry_after_s = retry_after_s
        super().__init__(f"{self.status} {self.code}: {self.detail} {self.errors or ''}".strip())


class UnreachableError(Exception):
    """The site can't be reached; with an idempotency key nothing is in doubt: ask again."""


class RefusedError(Exception):
    """The relay refused a message; `code` is stable."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(f"{code}: {message}")


class ShutOutError(RefusedError):
    """The site takes this token or session no more: no new try will mend it."""
