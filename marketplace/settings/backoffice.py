"""The look and the navigation of the back office (django-unfold)."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

_OPERATORS = "marketplace.credit.backoffice.is_operator"
_APPEALS = "marketplace.credit.backoffice.answers_appeals"
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
    "COLORS": {
        "primary": {
            "50": "oklch(98.4% .014 180.7)",
            "100": "oklch(95.3% .051 180.8)",
            "200": "oklch(91% .096 180.4)",
            "300": "oklch(85.5% .138 181.1)",
            "400": "oklch(77.7% .152 181.9)",
            "500": "oklch(70.4% .14 182.5)",
            "600": "oklch(51.1% .096 186.4)",
            "700": "oklch(43.7% .078 188.2)",
            "800": "oklch(38.6% .063 188.4)",
            "900": "oklch(34% .052 188.9)",
            "950": "oklch(27.7% .046 192.5)",
        },
    },
    "DASHBOARD_CALLBACK": "marketplace.credit.backoffice.dashboard",
    "STYLES": [lambda _request: static("credit/backoffice.css")],
    "SCRIPTS": [lambda _request: static("credit/deeds.js")],
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
                        badge_variant="info",
                    ),
                    _page(_("Agreements"), "handshake", "credit_agreement", _OPERATORS),
                    _page(_("Bills"), "request_quote", "billing_bill", _OPERATORS),
                    _page(_("How bills are made"), "tune", "billing_biller", _OPERATORS),
                    _page(_("Debts paid by bank"), "account_balance", "billing_debtpayment", _OPERATORS),
                    _page(_("Credit notes"), "receipt_long", "credit_creditnote", _OPERATORS),
                    _page(_("Black and grey lists"), "block", "credit_listentry", _OPERATORS),
                    _page(
                        _("Appeals"),
                        "gavel",
                        "credit_appeal",
                        _APPEALS,
                        badge="marketplace.credit.backoffice.waiting_appeals",
                        badge_variant="info",
                    ),
                    _page(_("Reasons"), "notes", "credit_reasontemplate", _OPERATORS),
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
