"""Which scope a request needs.

Each view of the API names one: `scope = "billing"`. Reading or writing follows from the method. Two names are no scopes:
`public` is open to everybody, `session` to nobody but people who are signed in. `session_only = ("POST",)` closes
single methods to tokens.
"""

from dataclasses import dataclass

from rest_framework.permissions import SAFE_METHODS

from marketplace.programs.scopes import READ, SCOPES, WRITE, covers

PUBLIC, SESSION = "public", "session"


@dataclass(frozen=True, slots=True)
class Needed:
    """A scope with its access, or one of `PUBLIC` and `SESSION`."""

    name: str
    access: str

    def __str__(self) -> str:
        return f"{self.name}:{self.access}" if self.name in SCOPES else self.name

    def met_by(self, held: list[str]) -> bool:
        """Whether a token that holds these scopes will do."""
        return self.name == PUBLIC or (
            self.name != SESSION and covers(held, name=self.name, access=self.access)
        )


def needed(view: object, method: str) -> Needed:
    """What a view needs for a method; a view that names nothing is closed to tokens."""
    name = str(getattr(view, "scope", SESSION))
    if method in getattr(view, "session_only", ()) or name not in {*SCOPES, PUBLIC}:
        name = SESSION
    return Needed(name, READ if method in SAFE_METHODS else WRITE)
