"""App of merchants and their credit."""

from django.apps import AppConfig


class CreditConfig(AppConfig):
    """Merchants, applications, agreements and credit notes."""

    name = "marketplace.credit"
    verbose_name = "Credit"
