"""Forms of the back office: amounts in units, and words that people read."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextareaWidget

from marketplace.credit.money import PLACES, micro_units


class UnitsField(forms.DecimalField):
    """An amount in units; its value is in micro-units."""

    def __init__(self, **kwargs: Any) -> None:
        widget = UnfoldAdminDecimalFieldWidget()
        super().__init__(min_value=0, max_digits=15, decimal_places=PLACES, widget=widget, **kwargs)

    def clean(self, value: Any) -> int:
        """Convert after the checks."""
        units = super().clean(value)
        if units is None:
            raise ValidationError(self.error_messages["required"], code="required")
        return micro_units(units)


class ApproveForm(forms.Form):
    """Limit and collateral."""

    limit = UnitsField(label=_("Credit limit"), help_text=_("In euros."))
    collateral = UnitsField(label=_("Collateral"), help_text=_("Locked by the participant on the ledger."))
    reason = forms.CharField(
        label=_("Note to the applicant"),
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
    )


class QuestionForm(forms.Form):
    """What is missing."""

    question = forms.CharField(
        label=_("What should the applicant add?"),
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )


class RejectForm(forms.Form):
    """Why not."""

    reason = forms.CharField(
        label=_("Reason, as the applicant will read it"),
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )


class StartForm(forms.Form):
    """Nothing to fill in."""
