"""What the pure cores say, in the reader's language: the cores know no languages, they say English.

Sentences with values come as `grid.words.Words`, whose templates `manage.py words` finds in the cores themselves; `told`
says them. Single words and titles are named here, and `report_format.said` puts them into the reader's language; a test
holds these lists to the cores.
"""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext, gettext_noop

from grid.words import Words
from marketplace import formats


def told(words: Words | Mapping[str, Any]) -> str:
    """A sentence of a core, or what is stored of it (`Words.as_dict`)."""
    said = words.as_dict() if isinstance(words, Words) else words
    values = {key: _value(value) for key, value in said["values"].items()}
    return gettext(said["text"]) % values if values else gettext(said["text"])


def _value(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return formats.told(value["at"]) if "at" in value else told(value)


FIGURES = (
    gettext_noop("Self-sufficiency"),
    gettext_noop("Self-consumption"),
    gettext_noop("All bills together"),
    gettext_noop("Saved"),
    gettext_noop("Saved in percent"),
    gettext_noop("Gains from trade"),
    gettext_noop("Allocative efficiency"),
    gettext_noop("Mean price"),
    gettext_noop("Sold"),
    gettext_noop("Delivered"),
    gettext_noop("Consumed"),
    gettext_noop("Produced"),
    gettext_noop("Curtailed"),
    gettext_noop("Curtailed share"),
    gettext_noop("From the grid above"),
    gettext_noop("To the grid above"),
    gettext_noop("Losses"),
    gettext_noop("Losses share"),
    gettext_noop("Peak from above"),
    gettext_noop("Peak to above"),
    gettext_noop("Peak in percent"),
    gettext_noop("Stored at the end"),
    gettext_noop("Not supplied"),
    gettext_noop("Readings estimated"),
    gettext_noop("Readings corrected"),
    gettext_noop("Slots outside limits"),
)
FORMULAS = (
    gettext_noop(
        "self-consumed / demand; self-consumed is demand less what came through the source, per quarter-hour"
    ),
    gettext_noop(
        "self-consumed / produced; self-consumed is demand less what came through the source, per quarter-hour"
    ),
    gettext_noop("delivered / sum over slots of min(metered import, metered export)"),
    gettext_noop("sum of supplier's charges, credits and trades"),
    gettext_noop("bills without less bills with the market; negative is a loss"),
    gettext_noop("saved / size of the bills without"),
    gettext_noop("delivered * (retail - feed-in)"),
    gettext_noop("paid / sold, by energy"),
    gettext_noop("sum of all trades"),
    gettext_noop("metered / sold"),
    gettext_noop("all loads"),
    gettext_noop("all plants, after curtailment"),
    gettext_noop("could have been produced and was not"),
    gettext_noop("curtailed / (produced + curtailed)"),
    gettext_noop("at the feeder's source"),
    gettext_noop("in lines and transformers"),
    gettext_noop("losses / demand"),
    gettext_noop("highest quarter-hour mean"),
    gettext_noop("peak / peak without the market"),
    gettext_noop("in all batteries after the last slot"),
    gettext_noop("asked for where an outage had cut off"),
    gettext_noop("meters that told nothing in time, or nonsense"),
    gettext_noop("estimated first, settled again when they came"),
    gettext_noop("some voltage or loading beyond its limit"),
)
TABLES = (
    gettext_noop("Slots"),
    gettext_noop("one row a quarter-hour: sums and extremes"),
    gettext_noop("Homes"),
    gettext_noop("one row a quarter-hour and connection"),
    gettext_noop("Trades"),
    gettext_noop("one row a trade"),
    gettext_noop("Refusals"),
    gettext_noop("one row a trade that the gate refused"),
    gettext_noop("Corrections"),
    gettext_noop("one row a trade that a later reading changed, in the quarter-hour of the correction"),
    gettext_noop("Corrected bills"),
    gettext_noop("one row a bill with the supplier that a later reading changed"),
    gettext_noop("Meter faults"),
    gettext_noop("one row an event of a meter"),
    gettext_noop("Voltages"),
    gettext_noop("one row a quarter-hour and bus"),
    gettext_noop("Lines"),
    gettext_noop("one row a quarter-hour and line"),
    gettext_noop("Transformers"),
    gettext_noop("one row a quarter-hour and transformer"),
    gettext_noop("Bills"),
    gettext_noop("one row a connection, over the whole period"),
    gettext_noop("Summary"),
    gettext_noop("one row a figure, over the whole period"),
)
CHOICES = (
    gettext_noop("bilateral"),
    gettext_noop("double-auction"),
    gettext_noop("pay-as-bid"),
    gettext_noop("pay-as-clear"),
    gettext_noop("pay-as-offer"),
    gettext_noop("retailer"),
    gettext_noop("notes"),
    gettext_noop("deposits"),
)
LIMITS = (
    gettext_noop("voltage"),
    gettext_noop("line"),
    gettext_noop("transformer"),
    gettext_noop("other"),
)
EVENTS = (
    gettext_noop("transformer-outage"),
    gettext_noop("line-outage"),
    gettext_noop("derating"),
    gettext_noop("cloud-front"),
    gettext_noop("flash-crowd"),
    gettext_noop("malicious-agents"),
)

SCENARIOS = (
    gettext_noop(
        "A sunny June day on which a third of the agents is malicious: they ignore the gate, sell what they don't have, never deliver, or have false meters."
    ),
    gettext_noop(
        "A sunny June day on a rural feeder with twice the PV of today. Export above a quarter of the rating needs a trade that the grid has room for, and the operator keeps voltages below 1.07 pu."
    ),
    gettext_noop(
        "A January day on which 60 % of the homes come home with an electric vehicle at six and charge at once."
    ),
    gettext_noop(
        "A June day on whose evening 40 % of the homes draw 4 kW more than anybody expected, for two hours."
    ),
    gettext_noop("One whole January day of the rural feeder as it is: little sun, high demand."),
    gettext_noop(
        "The January day with vehicles at a third of the homes and heat pumps at four in ten, half of them flexible."
    ),
    gettext_noop("A January week of the rural feeder as it is."),
    gettext_noop(
        "One whole sunny June day of the rural feeder as it is, all households trading; EN 50160 limits."
    ),
    gettext_noop(
        "A June week of the rural feeder with twice the PV of today; exports above a quarter of the rating go through the gate."
    ),
    gettext_noop(
        "A sunny June day with PV at 30 % of the homes; export above a quarter of the rating goes through the gate."
    ),
    gettext_noop(
        "A sunny June day with PV at 60 % of the homes; export above a quarter of the rating goes through the gate."
    ),
    gettext_noop(
        "A sunny June day with PV at 90 % of the homes; export above a quarter of the rating goes through the gate."
    ),
    gettext_noop(
        "To look around in a hurry: the sunny June day of the default scenario with one partner a home and a slot every few seconds."
    ),
    gettext_noop(
        "A sunny June day on which one of two parallel transformers is off from noon, and both from 18:00 to 19:00, which nobody was told."
    ),
)

# Of libraries that speak no German here.
BORROWED = (gettext_noop("This page yielded into no results. Create a new item or reset your filters."),)
