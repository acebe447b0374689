"""What the grid gate said, in the reader's language: told from the answer's figures (`Verdict.as_dict`), not its words."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from marketplace.formats import energy, grouped, money

Answer = Mapping[str, Any]
"""`grid.gate.verdicts.Verdict.as_dict()`: all but its `words`."""


def said(answer: Answer) -> str:
    """The gate's answer to a trade; empty where none was kept."""
    if not answer:
        return ""
    asked = energy(answer["nomination"]["quantity_wh"])
    if answer["accepted"]:
        return _has_room(answer, asked)
    return " ".join([_why(answer["breach"], asked), _rest(answer), *_too_dear(answer)])


def exceeded(breach: Mapping[str, Any]) -> str:
    """A limit that a slot exceeded without any trade (`grid.gate.limits.Breach` as a dict)."""
    if breach["kind"] == "voltage":
        text = _("The voltage at %(place)s was %(value)s pu, and %(limit)s pu is the limit.")
    elif breach["kind"] == "line":
        text = _("Line %(place)s carried %(value)s %% of its rating, and %(limit)s %% is the limit.")
    else:
        text = _("Transformer %(place)s carried %(value)s %% of its rating, and %(limit)s %% is the limit.")
    return text % _figures(breach)


def _has_room(answer: Answer, asked: str) -> str:
    if not answer["remedies"]:
        return _("The grid has room for this trade of %(asked)s in this slot.") % {"asked": asked}
    values = {"asked": asked, "measures": _measures(answer["remedies"]), "cost": money(answer["cost"])}
    return (
        _(
            "The grid has room for this trade of %(asked)s after this: %(measures)s."
            " That costs %(cost)s; seller and buyer pay half each."
        )
        % values
    )


def _why(breach: Mapping[str, Any] | None, asked: str) -> str:
    if breach is None:
        return _("Refused by the grid: others want the same room.")
    if breach["kind"] == "voltage":
        text = _(
            "Refused by the grid: with %(asked)s, the voltage at %(place)s would be %(value)s pu,"
            " and %(limit)s pu is the limit."
        )
    elif breach["kind"] == "line":
        text = _(
            "Refused by the grid: with %(asked)s, line %(place)s would carry %(value)s %% of its rating,"
            " and %(limit)s %% is the limit."
        )
    else:
        text = _(
            "Refused by the grid: with %(asked)s, transformer %(place)s would carry %(value)s %% of its rating,"
            " and %(limit)s %% is the limit."
        )
    return text % {"asked": asked, **_figures(breach)}


def _figures(breach: Mapping[str, Any]) -> dict[str, str]:
    decimals = (5, 3) if breach["kind"] == "voltage" else (1, 0)
    value, limit = (
        grouped(breach[key], digits) for key, digits in zip(("value", "limit"), decimals, strict=True)
    )
    return {"place": breach["place"], "value": value, "limit": limit}


def _rest(answer: Answer) -> str:
    if answer["granted_wh"]:
        return _("%(energy)s of it is granted.") % {"energy": energy(answer["granted_wh"])}
    if answer["max_passing_wh"]:
        return _("%(energy)s of it would still fit in this slot.") % {
            "energy": energy(answer["max_passing_wh"])
        }
    return _("Nothing more fits here in this slot; another partner or a later slot may.")


def _too_dear(answer: Answer) -> list[str]:
    if not answer["remedies"]:
        return []
    values = {"measures": _measures(answer["remedies"]), "cost": money(answer["cost"])}
    return [
        _("All of it would fit after this: %(measures)s; but %(cost)s is more than may be spent on it.")
        % values
    ]


def _measures(remedies: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(_measure(remedy) for remedy in remedies)


def _measure(remedy: Mapping[str, Any]) -> str:
    texts = {
        "curtail": _("%(name)s feeds in %(energy)s less"),
        "charge": _("%(name)s charges %(energy)s more"),
        "discharge": _("%(name)s discharges %(energy)s more"),
    }
    return texts[remedy["kind"]] % {"name": remedy["name"], "energy": energy(remedy["wh"])}
