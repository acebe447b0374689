"""The forms of django-allauth in the site's words: its labels, and no placeholders that say the label again."""

from typing import Any, ClassVar

from allauth.account import forms as account
from allauth.mfa.base import forms as mfa
from allauth.mfa.totp import forms as totp
from allauth.mfa.webauthn import forms as webauthn
from django import forms
from django.utils.translation import gettext_lazy as _

ADDRESS, PASSWORD, ONCE_MORE = _("E-mail address"), _("Password"), _("Once more")
NEW, CODE, NAME = _("New password"), _("Code"), _("Name of the key")


class Named(forms.Form):
    """A form whose fields are called as `labels` says."""

    labels: ClassVar[dict[str, Any]] = {}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, field in self.fields.items():
            field.widget.attrs.pop("placeholder", None)
            field.label = self.labels.get(name, field.label)


class LoginForm(Named, account.LoginForm):  # type: ignore[misc]  # allauth has no types
    """Signing in."""

    labels: ClassVar = {
        "login": ADDRESS,
        "password": PASSWORD,
        "remember": _("Stay signed in on this device"),
    }


class SignupForm(Named, account.SignupForm):  # type: ignore[misc]  # allauth has no types
    """Joining."""

    labels: ClassVar = {"email": ADDRESS, "password1": PASSWORD, "password2": ONCE_MORE}


class AddEmailForm(Named, account.AddEmailForm):  # type: ignore[misc]  # allauth has no types
    """Another address."""

    labels: ClassVar = {"email": ADDRESS}


class ResetPasswordForm(Named, account.ResetPasswordForm):  # type: ignore[misc]  # allauth has no types
    """A forgotten password."""

    labels: ClassVar = {"email": ADDRESS}


class ResetPasswordKeyForm(Named, account.ResetPasswordKeyForm):  # type: ignore[misc]  # allauth has no types
    """The new password after that."""

    labels: ClassVar = {"password1": NEW, "password2": ONCE_MORE}


class ChangePasswordForm(Named, account.ChangePasswordForm):  # type: ignore[misc]  # allauth has no types
    """Another password."""

    labels: ClassVar = {"oldpassword": _("Password until now"), "password1": NEW, "password2": ONCE_MORE}


class SetPasswordForm(Named, account.SetPasswordForm):  # type: ignore[misc]  # allauth has no types
    """The first password of an account that has none."""

    labels: ClassVar = {"password1": PASSWORD, "password2": ONCE_MORE}


class ReauthenticateForm(Named, account.ReauthenticateForm):  # type: ignore[misc]  # allauth has no types
    """Once more, before something that protects the account."""

    labels: ClassVar = {"password": PASSWORD}


class CodeForm(Named, mfa.AuthenticateForm):  # type: ignore[misc]  # allauth has no types
    """The second step of signing in."""

    labels: ClassVar = {"code": CODE}


class CodeAgainForm(Named, mfa.ReauthenticateForm):  # type: ignore[misc]  # allauth has no types
    """A code, before something that protects the account."""

    labels: ClassVar = {"code": _("Code of your app, or a recovery code")}


class ActivateCodesForm(Named, totp.ActivateTOTPForm):  # type: ignore[misc]  # allauth has no types
    """The first code of an app."""

    labels: ClassVar = {"code": _("Six digits that the app shows")}


class AddKeyForm(Named, webauthn.AddWebAuthnForm):  # type: ignore[misc]  # allauth has no types
    """A key, which may open the account without the password."""

    labels: ClassVar = {"name": NAME, "passwordless": _("Sign in by this key alone, without the password")}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["passwordless"].help_text = _(
            "Then it is a passkey: it asks for your fingerprint, face or PIN. Not every key can do that."
        )


class EditKeyForm(Named, webauthn.EditWebAuthnForm):  # type: ignore[misc]  # allauth has no types
    """Another name."""

    labels: ClassVar = {"name": NAME}
