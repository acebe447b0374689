"""Django's view of this package: it gives the management commands."""

from django.apps import AppConfig


class ContractsConfig(AppConfig):
    """The ledger side; it has no models."""

    name = "contracts"
    verbose_name = "Ledger"
