"""A connection with few quarter-hours, supplied and billed: what tests of bills begin with."""

from typing import Any

from people import Person, Shop

from grid.metering import amount
from grid.models import ReplayRun, SlotResult
from marketplace.billing.issuing import start_supply
from marketplace.billing.models import Biller, Supply

RETAIL, FEED_IN = 320_000, 82_000
HOUSE = "House"
HOUR = 3600


def slot(
    start: int, *, drawn: int = 0, fed: int = 0, estimated: int = 0, corrections: tuple[Any, ...] = ()
) -> dict[str, Any]:
    """A settled quarter-hour of one connection that trades with nobody."""
    return {
        "slot_start": start, "trades": [], "remedies": [], "losses_charges": [], "readings": {"estimated": estimated},
        "meters": [[drawn, fed]], "bills": [[drawn, fed, amount(drawn, RETAIL), amount(fed, FEED_IN)]],
        "corrections": list(corrections),
    }  # fmt: skip


def biller_of(shop: Shop, **more: Any) -> Biller:
    return Biller.objects.get_or_create(
        merchant=shop.merchant,
        defaults={
            "legal_name": "Sun Supply", "street": "Ring 1", "postcode": "10115", "city": "Berlin",
            "vat_id": "DE123456788", "iban": "DE89370400440532013000", "prefix": "SUN-", "cycle": "day",
            "time_zone": "UTC", **more,
        },
    )[0]  # fmt: skip


def supplied(person: Person, shop: Shop, slots: list[dict[str, Any]]) -> Supply:
    """A run of these quarter-hours, all of them played."""
    first, after = slots[0]["slot_start"], slots[-1]["slot_start"] + 900
    run = ReplayRun.objects.create(
        scenario="june-day", fingerprint="f", funding="books", starts_at=first, ends_at=after, next_slot=len(slots),
        setting={"tariff": {"retail_per_kwh": RETAIL, "feed_in_per_kwh": FEED_IN}},
    )  # fmt: skip
    rows = [
        SlotResult(run=run, index=i, slot_start=one["slot_start"], data=one) for i, one in enumerate(slots)
    ]
    SlotResult.objects.bulk_create(rows)
    return start_supply(
        user=person.user, run=run, place=0, name=HOUSE, starts_at=first, biller=biller_of(shop)
    )
