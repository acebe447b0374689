"""The work that comes round: bills, reminders, retention."""

from marketplace.billing.correcting import run_corrections
from marketplace.billing.issuing import ensure_demo_billers, ensure_supplies, run_bills
from marketplace.billing.keeping import drop_old, keep_documents
from marketplace.billing.models import Bill
from marketplace.billing.reminding import remind as remind_all


def bill() -> list[Bill]:
    """Who is connected is supplied, what is over is billed, what is corrected and billed gets its document."""
    ensure_demo_billers()
    ensure_supplies()
    made = [*run_bills(), *run_corrections()]
    keep_documents()
    return made


def remind() -> int:
    """Reminders that are due."""
    return remind_all()


def retain() -> int:
    """What need not be kept any longer goes."""
    return drop_old()
