"""What each operation of the description says beyond its shapes: the scope that it needs."""

from typing import Any

from drf_spectacular.openapi import AutoSchema

from marketplace.api.scopes import PUBLIC, SESSION, Needed, needed

WORDS = {
    PUBLIC: "Open to everybody.",
    SESSION: "For people who are signed in; no token will do.",
}


class ScopedSchema(AutoSchema):
    """Spectacular's, with the scope in words and as `x-scope`."""

    def _needs(self) -> Needed:
        return needed(self.view, self.method)

    def get_description(self) -> str:  # type: ignore[override]  # spectacular hides DRF's own signature
        """The method's words, and who may."""
        needs = self._needs()
        words = WORDS.get(needs.name) or f"A token needs `{needs}`."
        return f"{super().get_description() or ''}\n\n{words}".strip()

    def get_extensions(self) -> dict[str, Any]:
        """For programs."""
        return {**super().get_extensions(), "x-scope": str(self._needs())}
