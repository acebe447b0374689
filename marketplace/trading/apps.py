"""App of partners, listings and trades."""

from django.apps import AppConfig


class TradingConfig(AppConfig):
    """Partners, listings, the grid's decisions."""

    name = "marketplace.trading"
    verbose_name = "Trading"
