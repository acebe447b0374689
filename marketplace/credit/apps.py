"""App of merchants and their credit."""

from django.apps import AppConfig


class CreditConfig(AppConfig):
    """Merchants, applications, agreements and credit notes."""

    name = "marketplace.credit"
    verbose_name = "Credit"

    def ready(self) -> None:
        """Name what exports hold."""
        from marketplace.credit import own_data  # noqa: PLC0415  models are loaded by now

        own_data.register()
