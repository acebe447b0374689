"""Forms for tokens and webhooks of people's programs."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.notifications.kinds import KINDS
from marketplace.programs.events import ALL, CLOSED, TRADE
from marketplace.programs.posting import LONGEST_URL
from marketplace.programs.scopes import READ, SCOPES, WRITE

LIVES = ((30, _("30 days")), (90, _("90 days")), (366, _("A year")))


class TokenForm(forms.Form):
    """What a token is for; one choice for each scope."""

    label = forms.CharField(
        label=_("What is it for?"),
        max_length=60,
        help_text=_("So that you know it again, such as “Home server”."),
    )
    days = forms.TypedChoiceField(label=_("Ends after"), choices=LIVES, coerce=int, initial=90)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", _("Nothing")), (READ, _("Read")), (WRITE, _("Read and change"))]
        for name, words in SCOPES.items():
            self.fields[f"scope_{name}"] = forms.ChoiceField(
                label=str(words), choices=choices, required=False
            )

    def scope_fields(self) -> list[forms.BoundField]:
        """The choices, for the page."""
        return [self[f"scope_{name}"] for name in SCOPES]

    def clean(self) -> dict[str, Any]:
        """Put the chosen scopes together."""
        cleaned = super().clean() or {}
        scopes = [f"{name}:{cleaned[f'scope_{name}']}" for name in SCOPES if cleaned.get(f"scope_{name}")]
        if not scopes:
            raise forms.ValidationError(_("Choose at least one thing that the program may do."))
        return {"label": cleaned.get("label"), "days": cleaned.get("days"), "scopes": scopes}


class WebhookForm(forms.Form):
    """Where a program hears of things, and of which."""

    url = forms.CharField(
        label=_("Address"),
        max_length=LONGEST_URL,
        widget=forms.URLInput(attrs={"placeholder": "https://program.example/hooks"}),
    )
    events = forms.MultipleChoiceField(label=_("Events"), widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        notices = [
            (f"notice.{name}", kind.title) for name, kind in KINDS.items() if "{" not in str(kind.title)
        ]
        first = [
            (ALL, _("Everything")),
            (TRADE, _("A trade was agreed")),
            (CLOSED, _("A channel was closed")),
        ]
        field = self.fields["events"]
        if isinstance(field, forms.MultipleChoiceField):
            field.choices = [*first, *notices]
