"""Forms of the onboarding. Money is typed in euros and cleaned to integer micro-units."""

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace import formats
from marketplace.accounts.models import Document
from marketplace.credit.models import Merchant

MICRO_DIGITS = 6
_TOO_MANY_CENTS = 10**11
_ADULT_YEARS = 18


class UnitInput(forms.TextInput):
    """A text field with its unit at the right edge."""

    def __init__(self, unit: str) -> None:
        super().__init__(attrs={"inputmode": "decimal", "autocomplete": "off"})
        self.unit = unit


class EuroField(forms.CharField):
    """Euros with up to two decimals, as integer micro-units."""

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=UnitInput("€"), **options)

    def clean(self, value: Any) -> int:
        """Micro-units of what was typed."""
        try:
            cents = formats.parse(str(super().clean(value)), 2)
        except formats.NumberError as error:
            raise forms.ValidationError(str(error), code=error.code) from error
        if cents >= _TOO_MANY_CENTS:
            raise forms.ValidationError(_("That is more than anybody can owe here."), code="too_large")
        return cents * formats.CENT

    def prepare_value(self, value: Any) -> Any:
        """Micro-units from the database as euros; what was typed stays as it is."""
        return formats.plain(value, MICRO_DIGITS, 2) if isinstance(value, int) else value


class ProfileForm(forms.Form):
    """Who applies. Everything but the display name is sealed at rest."""

    display_name = forms.CharField(
        label=_("Name shown to partners"),
        min_length=2,
        max_length=40,
        help_text=_("A pseudonym will do, such as “Blue house”."),
    )
    legal_name = forms.CharField(label=_("Legal name"), max_length=120)
    birth_date = forms.DateField(label=_("Date of birth"), widget=forms.DateInput({"type": "date"}))
    street = forms.CharField(label=_("Street and number"), max_length=120)
    postcode = forms.CharField(label=_("Postcode"), max_length=12)
    city = forms.CharField(label=_("Town"), max_length=80)
    country = forms.CharField(
        label=_("Country"), min_length=2, max_length=2, initial="DE", help_text=_("Two letters, such as DE.")
    )
    meter_number = forms.CharField(
        label=_("Meter number"),
        max_length=40,
        required=False,
        help_text=_("On your meter or your last bill."),
    )

    def clean_birth_date(self) -> str:
        """ISO 8601 date of somebody of age."""
        born: date = self.cleaned_data["birth_date"]
        today = date.today()  # noqa: DTZ011  a civil date: nobody's age depends on a time zone's hour
        years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
        if years < _ADULT_YEARS:
            raise forms.ValidationError(_("Credit agreements are for people of 18 years and more."))
        return born.isoformat()

    def clean_country(self) -> str:
        """ISO 3166 code in capitals."""
        return str(self.cleaned_data["country"]).upper()


class DocumentForm(forms.Form):
    """One document."""

    kind = forms.ChoiceField(label=_("What it shows"), choices=Document.Kind.choices)
    file = forms.FileField(
        label=_("File"),
        help_text=_(
            "PDF, JPEG or PNG, up to 10 MB. Stored encrypted; only the merchant's reviewers can open it."
        ),
        widget=forms.FileInput({"accept": "application/pdf,image/jpeg,image/png"}),
    )


class ApplicationForm(forms.Form):
    """The wish for credit."""

    merchant = forms.ModelChoiceField(
        label=_("Merchant"), queryset=Merchant.objects.none(), to_field_name="slug", empty_label=None
    )
    requested_limit = EuroField(
        label=_("Credit limit you would like"), help_text=_("The most that may be open between two bills.")
    )
    monthly_income = EuroField(label=_("Your monthly income"))
    monthly_outgoings = EuroField(label=_("Your regular monthly outgoings"))
    consent = forms.BooleanField(
        label=_("I agree that the merchant checks what I have given, for this application only."),
    )

    def __init__(self, *args: Any, merchants: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["merchant"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = merchants
