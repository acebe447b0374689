"""App of partners, listings and trades."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TradingConfig(AppConfig):
    """Partners, listings, the grid's decisions."""

    name = "marketplace.trading"
    verbose_name = _("Trading")

    def ready(self) -> None:
        """Name what exports hold, hear of erasures, and end mandates in time."""
        from marketplace.accounts.signals import person_erased  # noqa: PLC0415  models are loaded by now
        from marketplace.notifications.wording import register_names  # noqa: PLC0415  as above
        from marketplace.trading import news, own_data  # noqa: PLC0415  as above
        from marketplace.trading.own_agent.services import end_mandates  # noqa: PLC0415  as above
        from marketplace.upkeep.registry import register  # noqa: PLC0415  as above

        own_data.register()
        person_erased.connect(own_data.forget_person, dispatch_uid="trading.forget_person")
        register_names(news.names_of)
        register("trading.news", every_s=5, do=news.tell_news)
        register("trading.end_mandates", every_s=600, do=end_mandates)
