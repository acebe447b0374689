"""The look and the navigation of the back office (django-unfold)."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

_OPERATORS = "marketplace.credit.backoffice.is_operator"
_SITE = "marketplace.accounts.backoffice.is_superuser"


def _page(title: Any, icon: str, model: str, permission: str, **more: str) -> dict[str, Any]:
    link = reverse_lazy(f"admin:{model}_changelist")
    return {"title": title, "icon": icon, "link": link, "permission": permission, **more}


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Wattnote",
    "SITE_HEADER": "Wattnote",
    "SITE_SUBHEADER": _("Back office"),
    "SITE_SYMBOL": "bolt",
    "SITE_URL": "/",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "8px",
    "DASHBOARD_CALLBACK": "marketplace.credit.backoffice.dashboard",
    "STYLES": [lambda _request: static("credit/backoffice.css")],
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "title": _("Credit"),
                "items": [
                    _page(
                        _("Applications"),
                        "inbox",
                        "credit_creditapplication",
                        _OPERATORS,
                        badge="marketplace.credit.backoffice.waiting_applications",
                    ),
                    _page(_("Agreements"), "handshake", "credit_agreement", _OPERATORS),
                    _page(_("Credit notes"), "receipt_long", "credit_creditnote", _OPERATORS),
                    _page(_("Black and grey lists"), "block", "credit_listentry", _OPERATORS),
                    _page(_("Merchants"), "storefront", "credit_merchant", _OPERATORS),
                    _page(_("Audit log"), "policy", "accounts_auditevent", _OPERATORS),
                ],
            },
            {
                "title": _("Site"),
                "separator": True,
                "items": [
                    _page(_("Accounts"), "group", "accounts_user", _SITE),
                    _page(_("Prosumers"), "home_work", "trading_prosumer", _SITE),
                    _page(_("Listings"), "sell", "trading_listing", _SITE),
                    _page(_("Gate decisions"), "electric_meter", "trading_gatedecision", _SITE),
                    _page(_("Ledger"), "account_tree", "credit_ledger", _OPERATORS),
                ],
            },
        ],
    },
}
