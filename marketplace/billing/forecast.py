"""The period that runs: what it has come to, and what its bill will be if it goes on like this."""

from dataclasses import dataclass

from django.core.cache import cache

from grid.assets import SLOT_SECONDS
from marketplace.billing.gathering import facts_between, played_until, tariff_of
from marketplace.billing.issuing import current_period, zone_of
from marketplace.billing.models import Biller, Supply
from marketplace.billing.statement import Statement, make_statement

KEPT_S = 60


@dataclass(frozen=True, slots=True)
class Running:
    """A period that is not over.

    Attributes:
        until: How far it is settled.
        owed: Micro-units so far.
        expected: Micro-units at its end, at the pace so far.
    """

    merchant: str
    start: int
    until: int
    end: int
    owed: int
    expected: int
    cost: int
    import_wh: int
    export_wh: int

    @property
    def done_percent(self) -> int:
        """How much of the period is over."""
        return 100 * (self.until - self.start) // max(1, self.end - self.start)


def running(supply: Supply) -> Running | None:
    """The running period of a supply; None where nothing of it is settled yet."""
    biller = Biller.objects.select_related("merchant").get(merchant=supply.merchant_id)
    start, end = current_period(supply, biller)
    until = min(end, played_until(supply.run))
    if until <= start:
        return None
    name = f"billing.running/{supply.pk}/{start}/{until}"
    found: Running | None = cache.get(name)
    if found is None:
        found = _counted(supply, biller, start, until, end)
        cache.set(name, found, KEPT_S)
    return found


def _counted(supply: Supply, biller: Biller, start: int, until: int, end: int) -> Running:
    slots, corrections = facts_between(supply, start, until)
    statement: Statement = make_statement(
        slots, corrections, start=start, end=until, zone=zone_of(biller), tariff=tariff_of(supply.run)
    )
    played, all_slots = len(slots), (end - start) // SLOT_SECONDS
    return Running(
        merchant=biller.merchant.name,
        start=start,
        until=until,
        end=end,
        owed=statement.owed,
        expected=statement.owed * all_slots // played,
        cost=statement.cost,
        import_wh=statement.import_wh,
        export_wh=statement.export_wh,
    )
