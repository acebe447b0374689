"""What the site says about rules, reasons and steps, in the reader's language."""

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketplace.trading.own_agent.rules import Fault

REASONS: dict[str, str | Promise] = {
    "offer": gettext_lazy("A partner lists what the rules allow."),
    "accept": gettext_lazy("A partner's offer is within the rules."),
    "counter": gettext_lazy("The price is within the rules, the quantity is more than what is open."),
    "at_bound": gettext_lazy(
        "The partner asks for more than the rules allow: it was offered the rules' price."
    ),
    "covered": gettext_lazy("Nothing is open: every slot ahead is covered, or outside the agent's hours."),
    "no_channel": gettext_lazy(
        "You have no open channel. The agent trades over channels that you have opened."
    ),
    "nobody": gettext_lazy("No partner lists what you need or takes what you have."),
    "budget": gettext_lazy("The day's budget is used up."),
    "money": gettext_lazy("The buyer's side of the channel can't pay for more."),
    "price": gettext_lazy("The partners' prices are outside the rules."),
    "partner": gettext_lazy("The rules allow known partners only."),
    "tried": gettext_lazy("Every partner was asked already."),
    "busy": gettext_lazy("It waits for a partner's answer."),
    "hours": gettext_lazy("The slots are outside the agent's hours."),
    "side": gettext_lazy("What is open is not to be traded by the rules."),
    "small": gettext_lazy("What is left is less than the smallest trade."),
    "paused": gettext_lazy("It is paused."),
    "draft": gettext_lazy("It is not live yet."),
    "mandate": gettext_lazy("The mandate ran out."),
    "locked": gettext_lazy("The wallet is locked."),
    "bounds": gettext_lazy("The step was outside the bounds that you signed."),
    "grid": gettext_lazy("The grid refused it."),
    "by_browser": gettext_lazy(
        "A browser of yours acts for you. To have this one act instead, press “Run it in this browser”, or start the "
        "program with --take-over."
    ),
    "by_program": gettext_lazy(
        "A program of yours acts for you, on a machine of your own. To have this one act instead, press “Run it in this "
        "browser”, or start the program with --take-over."
    ),
    "no_market": gettext_lazy("The market is not running."),
    "not_connected": gettext_lazy("You have no connection on this feeder yet."),
}

REASON_CHOICES = tuple((name, name) for name in REASONS)

KINDS: dict[str, str | Promise] = {
    "offer": gettext_lazy("Offered"),
    "accept": gettext_lazy("Accepted"),
    "counter": gettext_lazy("Countered"),
    "declined": gettext_lazy("Declined by the partner"),
    "refused": gettext_lazy("Refused"),
}


def fault_in_words(fault: Fault) -> str:
    """What is wrong with a rule, and how to mend it."""
    words = {
        "range": _("This is out of bounds."),
        "hours": _("Choose a time of the day."),
        "idle": _("Let the agent sell, buy, or both."),
        "crossed": _(
            "It would buy at a higher price than it sells for. Lower this price, or raise the other one."
        ),
        "no_budget": _("Give it a budget to buy with."),
        "partners": _("Choose with whom it may trade."),
        "zone": _("This time zone is not known."),
    }
    return words[fault.code]
