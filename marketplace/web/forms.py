"""Forms of the onboarding. Money is typed in euros and cleaned to integer micro-units."""

import re
from datetime import date
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace import formats
from marketplace.accounts.connection_words import METER_WORDS
from marketplace.accounts.connections import Wrong, read_connection
from marketplace.accounts.models import Document
from marketplace.credit.models import Merchant
from marketplace.web.countries import countries

MICRO_DIGITS = 6
_TOO_MANY_CENTS = 10**11
_ADULT_YEARS = 18
_OLDEST_YEARS = 120
_POSTCODE = re.compile(r"\d{5}", re.ASCII)


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


class PersonForm(forms.Form):
    """Who applies."""

    display_name = forms.CharField(
        label=_("Name shown to partners"),
        min_length=2,
        max_length=40,
        help_text=_("A pseudonym will do, such as “Blue house”. It is all that partners see of you."),
        widget=forms.TextInput({"autocomplete": "nickname"}),
    )
    legal_name = forms.CharField(
        label=_("Legal name"),
        max_length=120,
        help_text=_("As in your identity document."),
        widget=forms.TextInput({"autocomplete": "name"}),
    )
    birth_date = forms.DateField(
        label=_("Date of birth"),
        widget=forms.DateInput({"type": "date", "autocomplete": "bday"}, format="%Y-%m-%d"),
    )

    def clean_birth_date(self) -> str:
        """ISO 8601 date of somebody of age."""
        born: date = self.cleaned_data["birth_date"]
        today = date.today()  # noqa: DTZ011  a civil date: nobody's age depends on a time zone's hour
        years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
        if years > _OLDEST_YEARS:
            raise forms.ValidationError(
                _("Look at the year: this would be %(years)s years ago.") % {"years": years}
            )
        if years < _ADULT_YEARS:
            raise forms.ValidationError(_("Credit agreements are for people of 18 years and more."))
        return born.isoformat()


class AddressForm(forms.Form):
    """Where the applicant lives."""

    street = forms.CharField(
        label=_("Street and number"),
        max_length=120,
        widget=forms.TextInput({"autocomplete": "street-address"}),
    )
    postcode = forms.CharField(
        label=_("Postcode"), max_length=12, widget=forms.TextInput({"autocomplete": "postal-code"})
    )
    city = forms.CharField(
        label=_("Town"), max_length=80, widget=forms.TextInput({"autocomplete": "address-level2"})
    )
    country = forms.ChoiceField(
        label=_("Country"), choices=countries, initial="DE", widget=forms.Select({"autocomplete": "country"})
    )

    def clean_street(self) -> str:
        """With a number, where there is one everywhere."""
        street = str(self.cleaned_data["street"])
        if self.data.get("country") == "DE" and not any(letter.isdigit() for letter in street):
            raise forms.ValidationError(_("The house number is missing."))
        return street

    def clean_postcode(self) -> str:
        """Five digits in Germany."""
        postcode = str(self.cleaned_data["postcode"]).strip()
        if self.data.get("country") == "DE" and not _POSTCODE.fullmatch(postcode):
            raise forms.ValidationError(_("A German postcode has five digits."))
        return postcode


def meter_number(text: str) -> str:
    """A meter's or location's number in its plain form.

    Raises:
        ValidationError: With what is wrong and how it must look.
    """
    found = read_connection(text)
    if isinstance(found, Wrong):
        raise forms.ValidationError(METER_WORDS[found], code=found.value)
    return found.number


class MeterForm(forms.Form):
    """The connection that trades."""

    meter_number = forms.CharField(
        label=_("Meter number, market location or metering location"),
        max_length=60,
        help_text=_(
            "On the meter itself (such as 1ESY1160012345), or on your last bill. Spaces don’t matter."
        ),
        widget=forms.TextInput(
            {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "characters"}
        ),
    )

    def clean_meter_number(self) -> str:
        """In its plain form."""
        return meter_number(self.cleaned_data["meter_number"])


class FilesInput(forms.FileInput):
    """Several files at once."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """A list of files. One that is far too large does not even get here, so that it reads like none."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "required": _("Choose a file of up to 10 MB."),
        "empty": _("This file is empty: choose another one."),
    }

    def clean(self, data: Any, initial: Any = None) -> Any:
        """Each by itself."""
        files = data if isinstance(data, list | tuple) else [data]
        return [super(FilesField, self).clean(file, initial) for file in files or [None]]


class IdentityForm(forms.Form):
    """One identity document, front and back maybe."""

    file = FilesField(
        label=_("Photo or scan"),
        help_text=_("PDF, JPEG or PNG, up to 10 MB each; front and back at once if you like."),
        widget=FilesInput({"accept": "application/pdf,image/jpeg,image/png", "multiple": True}),
    )


class StatementForm(forms.Form):
    """Bank statements, or a proof of income."""

    kind = forms.ChoiceField(
        label=_("What it shows"),
        choices=[
            (Document.Kind.STATEMENT.value, Document.Kind.STATEMENT.label),
            (Document.Kind.INCOME.value, Document.Kind.INCOME.label),
        ],
    )
    file = FilesField(
        label=_("Files"),
        help_text=_(
            "Best: the export of your online banking (CAMT.053, MT940 or CSV) of the last three months. PDF, JPEG and PNG are read by people."
        ),
        widget=FilesInput(
            {"accept": ".xml,.sta,.mt940,.txt,.csv,application/pdf,image/jpeg,image/png", "multiple": True}
        ),
    )


class CreditForm(forms.Form):
    """The wish for credit."""

    merchant = forms.ModelChoiceField(
        label=_("Merchant"), queryset=Merchant.objects.none(), to_field_name="slug", empty_label=None
    )
    requested_limit = EuroField(
        label=_("Credit limit you would like"), help_text=_("The most that may be open between two bills.")
    )
    monthly_income = EuroField(label=_("Your monthly income"))
    monthly_outgoings = EuroField(label=_("Your regular monthly outgoings"))

    def __init__(self, *args: Any, merchants: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["merchant"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = merchants


class ConsentForm(forms.Form):
    """Consent to the check."""

    consent = forms.BooleanField(
        label=_("I agree that the merchant checks what I have given, for this application only."),
    )
