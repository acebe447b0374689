"""The rules of a person's own agent as a form: kWh, cents and euros as people type them."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace import formats
from marketplace.trading.own_agent.rules import Partners, Rules
from marketplace.web.forms import UnitInput

MINUTES = 60
MOST_TYPED = 16


class ScaledField(forms.CharField):
    """A decimal number as an integer of the smallest unit, such as cents per kWh as micro-units per kWh."""

    def __init__(self, unit: str, digits: int, shown: int, **options: Any) -> None:
        """`digits` decimals that the smallest unit has, `shown` of them at least."""
        super().__init__(widget=UnitInput(unit), max_length=MOST_TYPED, **options)
        self._digits, self._shown = digits, shown

    def clean(self, value: Any) -> int:
        """What was typed, in the reader's way of writing numbers."""
        try:
            return formats.parse(str(super().clean(value)), self._digits)
        except formats.NumberError as error:
            raise forms.ValidationError(str(error), code=error.code) from error

    def prepare_value(self, value: Any) -> Any:
        """The integer as a decimal number; what was typed stays as it is."""
        if not isinstance(value, int):
            return value
        shown = next(n for n in range(self._shown, self._digits + 1) if value % 10 ** (self._digits - n) == 0)
        return formats.plain(value, self._digits, shown)


class RulesForm(forms.Form):
    """The rules, each with the words that make a sentence of it in the template."""

    sells = forms.BooleanField(label=_("Sell what I have left"), required=False)
    sell_from = ScaledField("ct/kWh", 4, 2, label=_("Never below"))
    buys = forms.BooleanField(label=_("Buy what I need"), required=False)
    buy_up_to = ScaledField("ct/kWh", 4, 2, label=_("Never above"))
    reserve_wh = ScaledField("kWh", 3, 3, label=_("Keep at home"))
    budget = ScaledField("€", 6, 2, label=_("Spend a day at most"))
    most_wh = ScaledField("kWh", 3, 3, label=_("In one trade at most"))
    partners = forms.ChoiceField(
        label=_("Trade with"),
        choices=[
            (Partners.ALL.value, _("everybody with an open channel")),
            (Partners.KNOWN.value, _("only those I have traded with")),
        ],
    )
    from_time = forms.TimeField(
        label=_("For deliveries from"), widget=forms.TimeInput({"type": "time"}, format="%H:%M")
    )
    to_time = forms.TimeField(label=_("Until"), widget=forms.TimeInput({"type": "time"}, format="%H:%M"))
    zone = forms.CharField(max_length=60, widget=forms.HiddenInput)

    def rules(self) -> Rules:
        """What was typed, as rules; call it on a valid form."""
        content = dict(self.cleaned_data)
        begin, end = content.pop("from_time"), content.pop("to_time")
        return Rules(
            **content,
            from_minute=begin.hour * MINUTES + begin.minute,
            to_minute=end.hour * MINUTES + end.minute,
        )

    def blame(self, fields: dict[str, list[str]]) -> None:
        """Put what the rules' own checks found to the fields."""
        names = {"from_minute": "from_time", "to_minute": "to_time"}
        for name, messages in fields.items():
            field = names.get(name, name)
            for message in messages:
                self.add_error(field if field in self.fields else None, message)


def typed(rules: Rules) -> dict[str, Any]:
    """Rules as the form's initial values."""
    content = rules.as_dict()
    del content["from_minute"], content["to_minute"]
    return content | {"from_time": rules.opens, "to_time": rules.closes}
