"""What the back office's pages share, whoever they are for."""

from typing import Any, cast

from django.http import HttpRequest
from unfold.admin import ModelAdmin

from marketplace.accounts.models import User


def user_of(request: HttpRequest) -> User:
    """The signed-in user; the admin lets nobody else in."""
    return cast("User", request.user)


def is_superuser(request: HttpRequest) -> bool:
    """Whether the user runs the site."""
    return request.user.is_active and request.user.is_superuser


class SiteAdmin(ModelAdmin):  # type: ignore[misc]  # unfold ships no types
    """Pages for those who run the site."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """For superusers."""
        return is_superuser(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """For superusers."""
        del obj
        return is_superuser(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """For superusers."""
        return is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """For superusers."""
        del obj
        return is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is deleted here: people are erased, merchants closed."""
        del request, obj
        return False
