"""What apps above this one add to an agreement's page in the back office: credit need not know them.

An app registers its panel when it is ready; `account.account` shows it and calls its verbs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms

from marketplace.accounts.models import User
from marketplace.credit.billing import Statement
from marketplace.credit.models import Agreement


@dataclass(frozen=True, slots=True)
class Verb:
    """What a form of the page does.

    Attributes:
        form: Its fields; a form's prefix is the verb's name.
        do: Called with `agreement`, `operator` and the form's values.
        said: Words for the operator, of what `do` gave.
    """

    form: type[forms.Form]
    do: Callable[..., Any]
    said: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Panel:
    """A card of the page.

    Attributes:
        template: Shown with `panel`: what `facts` gave, and `forms` by the verbs' names.
        verbs: By the name that a form's `action` says.
        facts: Of the reader, the agreement and its books; `initial` may hold what each form begins with. None: no card.
    """

    template: str
    verbs: Mapping[str, Verb]
    facts: Callable[[User, Agreement, Statement], dict[str, Any] | None]


PANELS: dict[str, Panel] = {}


def register(name: str, panel: Panel) -> None:
    """Add a panel; the same name again takes its place."""
    PANELS[name] = panel


def verbs() -> dict[str, Verb]:
    """All panels' verbs."""
    return {name: verb for panel in PANELS.values() for name, verb in panel.verbs.items()}


def shown(
    user: User, agreement: Agreement, books: Statement, bound: Mapping[str, forms.Form]
) -> list[dict[str, Any]]:
    """What the page shows of each panel; `bound` are forms that were sent and have faults."""
    cards = []
    for panel in PANELS.values():
        facts = panel.facts(user, agreement, books)
        if facts is not None:
            initial = facts.get("initial", {})
            fresh = {
                name: verb.form(prefix=name, initial=initial.get(name)) for name, verb in panel.verbs.items()
            }
            cards.append({**facts, "template": panel.template, "forms": {**fresh, **bound}})
    return cards
