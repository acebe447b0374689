"""What every page's template may ask for."""

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from marketplace.accounts.models import User
from marketplace.notifications.selectors import unread_count


def notices(request: HttpRequest) -> dict[str, object]:
    """`notices_unread`, the bell's count: one query, and only where a template shows it."""

    def count() -> int:
        user = getattr(request, "user", None)
        return unread_count(user) if isinstance(user, User) else 0

    return {"notices_unread": SimpleLazyObject(count)}
