"""People in the back office: accounts for those who run the site, the audit log for operators."""

from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.models import Authenticator
from axes.models import AccessAttempt, AccessAttemptExpiration, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.models import Group
from django_tasks_db.models import DBTaskResult
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from marketplace.accounts.backoffice import SiteAdmin
from marketplace.accounts.models import User

# Their pages would show one-time secrets, or let somebody change what only services may change.
for hidden in (
    EmailAddress,
    EmailConfirmation,
    Authenticator,
    AccessAttempt,
    AccessAttemptExpiration,
    AccessFailureLog,
    AccessLog,
    DBTaskResult,
    Group,
):
    if admin.site.is_registered(hidden):
        admin.site.unregister(hidden)


class NewUserForm(UserCreationForm):  # type: ignore[misc]  # unfold ships no types
    """A new account by e-mail address."""

    class Meta:
        """The address alone; the rest has defaults."""

        model = User
        fields = ("email",)


@admin.register(User)
class UserAdmin(SiteAdmin, BaseUserAdmin[User]):
    """Accounts; whoever stands behind one is sealed and not shown here."""

    form = UserChangeForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "owner", "is_staff", "is_active", "last_login")
    list_filter = ("is_staff", "is_active")
    search_fields = ("email", "owner")
    ordering = ("email",)
    filter_horizontal = ()
    readonly_fields = ("owner", "last_login", "date_joined", "erased_at")
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser")}),
        ("Record", {"fields": ("owner", "date_joined", "last_login", "erased_at")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "password1", "password2")}),)
