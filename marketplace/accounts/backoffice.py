"""What the back office's pages share, whoever they are for."""

from typing import Any, cast

from django.forms import Media
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from marketplace.accounts.models import User


def user_of(request: HttpRequest) -> User:
    """The signed-in user; the admin lets nobody else in."""
    return cast("User", request.user)


def is_superuser(request: HttpRequest) -> bool:
    """Whether the user runs the site."""
    return request.user.is_active and request.user.is_superuser


JQUERY, LIGHT_JQUERY = "admin/js/vendor/jquery/jquery.js", "admin/js/vendor/jquery/jquery.min.js"
FOR_PREFILLED_FIELDS = frozenset(
    {
        "admin/js/urlify.js",
        "admin/js/prepopulate.js",
        "admin/js/vendor/xregexp/xregexp.js",
        "admin/js/vendor/xregexp/xregexp.min.js",
    }
)


class LightAdmin(ModelAdmin):  # type: ignore[misc]  # unfold ships no types
    """Pages within the 200 kB of script that every page of the site keeps to."""

    @property
    def media(self) -> Media:
        """Django's scripts, packed in DEBUG too, and without what serves fields that fill each other in: none does."""
        given = super().media
        scripts = [LIGHT_JQUERY if name == JQUERY else name for name in given._js]  # noqa: SLF001  Media has no other way
        return Media(css=given._css, js=[name for name in scripts if name not in FOR_PREFILLED_FIELDS])  # noqa: SLF001  as above


class SiteAdmin(LightAdmin):
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
