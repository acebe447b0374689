"""App of the JSON API."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """The JSON API under /api/v1/."""

    name = "marketplace.api"

    def ready(self) -> None:
        """Have the description know of tokens."""
        from marketplace.api import token_schemes  # noqa: F401, PLC0415  importing is registering
