"""App of bills."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

EVERY_S, RETENTION_S = 30, 24 * 3600


class BillingConfig(AppConfig):
    """Statements, invoices, payments and reminders."""

    name = "marketplace.billing"
    verbose_name = _("Billing")

    def ready(self) -> None:
        """Name the work that comes round, what exports and erasures concern, and the card of an agreement's page."""
        from marketplace.accounts.signals import person_erased  # noqa: PLC0415  models are loaded by now
        from marketplace.billing import debt_panel, keeping, own_data, rounds  # noqa: PLC0415  models are loaded by now
        from marketplace.upkeep.registry import register  # noqa: PLC0415  as above

        own_data.register()
        debt_panel.show()
        person_erased.connect(keeping.forget, dispatch_uid="billing.forget")
        register("billing.bills", every_s=EVERY_S, do=rounds.bill)
        register("billing.reminders", every_s=3600, do=rounds.remind)
        register("billing.retention", every_s=RETENTION_S, do=rounds.retain)
