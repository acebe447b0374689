"""The look and the navigation of the back office (django-unfold)."""

from typing import Any

from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _


def _page(title: Any, icon: str, model: str, permission: str = "") -> dict[str, Any]:
    item: dict[str, Any] = {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{model}_changelist")}
    if permission:
        item["permission"] = permission
    return item


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Wattnote",
    "SITE_HEADER": "Wattnote",
    "SITE_SUBHEADER": _("Back office"),
    "SITE_SYMBOL": "bolt",
    "SITE_URL": "/",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "8px",
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": []},
}
