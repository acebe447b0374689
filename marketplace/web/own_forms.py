"""Forms of one's own feeder: files, and the few choices of a study."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from marketplace import formats
from marketplace.studies.choices import UNIT_NAMES, Choices, mechanism_names
from marketplace.studies.models import InputFile
from marketplace.web.forms import UnitInput

_MOST_MICRO = 9_990_000
PER_MILLE = 10
FIRST_STUDY = timedelta(days=2)
LOCAL = "%Y-%m-%dT%H:%M"
ACCEPT = ".json,.m,.csv,.gz,.txt,.parquet,.xml,.toml"


def zones() -> list[str]:
    """Zones that people live in, and UTC."""
    return [
        "UTC",
        *sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/")),
    ]


class ManyFilesInput(forms.ClearableFileInput):
    """Several files at once."""

    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """Several files at once."""

    widget = ManyFilesInput({"accept": ACCEPT})

    def clean(self, data: Any, initial: Any = None) -> Any:
        """Each of them."""
        files = data if isinstance(data, list | tuple) else [data]
        return [super(ManyFilesField, self).clean(file, initial) for file in files]


class InputFilesForm(forms.Form):
    """Files, and what they don't say themselves."""

    uploads = ManyFilesField(
        label=_("Files"),
        max_length=255,
        help_text=_(
            "Network: pandapower JSON, MATPOWER .m. Profiles: CSV, Parquet, Green Button XML, also gzipped. Or a scenario"
            " (TOML). Up to 10 MB each; stored encrypted, for you only."
        ),
    )
    zone = forms.ChoiceField(
        label=_("Times in the profiles"),
        required=False,
        help_text=_("Only for times that are written without an offset."),
    )
    unit = forms.ChoiceField(
        label=_("Unit of columns that name none"),
        required=False,
        choices=[
            ("", _("Every column names its unit, such as house_kWh")),
            *((name, name) for name in UNIT_NAMES),
        ],
    )
    stamps = forms.ChoiceField(
        label=_("A time is"),
        choices=[("start", _("the start of its interval")), ("end", _("the end of its interval"))],
        initial="start",
    )
    decimal = forms.ChoiceField(
        label=_("Decimal separator"),
        required=False,
        choices=[("", _("As the numbers show")), (".", _("Point")), (",", _("Comma"))],
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["zone"]
        if isinstance(field, forms.ChoiceField):
            field.choices = [("", _("have an offset")), *((zone, zone) for zone in zones())]


class CentField(forms.CharField):
    """Cents per kWh, as integer micro-units."""

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=UnitInput("ct/kWh"), **options)

    def clean(self, value: Any) -> int:
        """Micro-units per kWh of what was typed."""
        try:
            micro = formats.parse(str(super().clean(value)), 4)
        except formats.NumberError as error:
            raise forms.ValidationError(str(error), code=error.code) from error
        if micro > _MOST_MICRO:
            raise forms.ValidationError(_("At most 999 ct/kWh."), code="too_large")
        return micro

    def prepare_value(self, value: Any) -> Any:
        """Micro-units per kWh as cents; what was typed stays as it is."""
        return formats.plain(value, 4, 2) if isinstance(value, int) else value


class WallClockField(forms.DateTimeField):
    """A time by a clock that another field names: also one that the reader's own clock doesn't have."""

    def to_python(self, value: Any) -> datetime | None:
        """With UTC in place of the zone."""
        with timezone.override(UTC):
            return super().to_python(value)


class StudyForm(forms.Form):
    """A network with profiles, and the few choices that make a scenario of them."""

    network = forms.ChoiceField(label=_("Network"))
    profiles = forms.MultipleChoiceField(
        label=_("Profiles"),
        widget=forms.SelectMultiple({"size": 3}),
        help_text=_("One or several of the same time."),
    )
    start = WallClockField(label=_("From"), widget=forms.DateTimeInput({"type": "datetime-local"}, LOCAL))
    end = WallClockField(label=_("To"), widget=forms.DateTimeInput({"type": "datetime-local"}, LOCAL))
    zone = forms.ChoiceField(label=_("These times are in"))
    mechanism = forms.ChoiceField(label=_("Market"))
    pv_scale = forms.FloatField(label=_("PV, times what it is"), min_value=0, max_value=100, initial=1)
    load_scale = forms.FloatField(label=_("Load, times what it is"), min_value=0, max_value=100, initial=1)
    firm_export = forms.FloatField(
        label=_("Export that is always allowed"),
        min_value=0,
        max_value=100,
        initial=100,
        widget=UnitInput("%"),
        help_text=_(
            "Share of a plant’s rating. What goes beyond flows only if it was sold and the grid has room."
        ),
    )
    retail = CentField(label=_("Retail price"), initial=320_000)
    feed_in = CentField(label=_("Feed-in price"), initial=82_000)
    imbalance = CentField(label=_("Imbalance price"), initial=380_000)

    def __init__(self, *args: Any, files: Sequence[InputFile], **options: Any) -> None:
        """`files` are those that are fine."""
        options["initial"] = {**_first(files), **options.get("initial", {})}
        super().__init__(*args, **options)
        self._choose("network", _names(files, InputFile.Kind.NETWORK))
        self._choose("profiles", _names(files, InputFile.Kind.PROFILES))
        self._choose("zone", zones())
        self._choose("mechanism", mechanism_names())

    def _choose(self, name: str, among: Iterable[str]) -> None:
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField):
            field.choices = [(one, one.replace("-", " ") if name == "mechanism" else one) for one in among]

    def choices(self) -> Choices:
        """What was chosen, after `is_valid`."""
        given, zone = self.cleaned_data, ZoneInfo(self.cleaned_data["zone"])
        start, end = (int(given[key].replace(tzinfo=zone).timestamp()) for key in ("start", "end"))
        return Choices(
            network=given["network"],
            profiles=given["profiles"],
            start=start,
            end=end,
            pv_scale=given["pv_scale"],
            load_scale=given["load_scale"],
            firm_export_permille=round(given["firm_export"] * PER_MILLE),
            mechanism=given["mechanism"],
            retail_per_kwh=given["retail"],
            feed_in_per_kwh=given["feed_in"],
            imbalance_per_kwh=given["imbalance"],
        )


def _names(files: Iterable[InputFile], kind: InputFile.Kind) -> list[str]:
    return [str(file.filename) for file in files if file.kind == kind]


def _first(files: Sequence[InputFile]) -> dict[str, Any]:
    """All profiles, and the first days that they have in common."""
    profiles = [file for file in files if file.kind == InputFile.Kind.PROFILES]
    if not profiles:
        return {}
    zone = next((file.zone for file in profiles if file.zone), "UTC")
    told = [file.told for file in profiles]
    start, end = max(one["start"] for one in told), min(one["end"] for one in told)
    first, last = (datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(zone)) for at in (start, end))
    last = max(first, min(last, first + FIRST_STUDY))
    return {
        "profiles": [str(file.filename) for file in profiles],
        "start": first.replace(tzinfo=None),
        "end": last.replace(tzinfo=None),
        "zone": zone,
    }
