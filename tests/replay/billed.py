"""Run in a stage's shell after a replay: bills every household of it, and prints what each bill comes to."""

import json
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q

from channels_engine.store.models import TradeRecord
from grid.models import ReplayRun
from marketplace.accounts.models import User
from marketplace.billing.gathering import statement_between
from marketplace.billing.issuing import start_supply
from marketplace.billing.models import Biller
from marketplace.billing.proofs import check_signatures
from marketplace.credit.models import Merchant
from marketplace.trading.replay.cast import owner_id

run = ReplayRun.objects.get()
run.setting = {"tariff": {"retail_per_kwh": 320_000, "feed_in_per_kwh": 82_000}}
run.save()
merchant = Merchant.objects.create(slug="biller", name="Biller")
biller = Biller.objects.create(merchant=merchant, legal_name="Biller", prefix="B-")
names = [row["name"] for row in run.summary["bills"]]
found = []
for place, name in enumerate(names):
    supply = start_supply(
        user=User.objects.create_user(f"h{place}@example.org"),
        run=run,
        place=place,
        name=name,
        starts_at=run.starts_at,
        biller=biller,
        owner=owner_id(UUID(run.ledger["population"]), place),
    )
    statement = statement_between(supply, run.starts_at, run.ends_at, ZoneInfo("Europe/Berlin"))
    rows = TradeRecord.objects.filter(Q(seller=supply.owner) | Q(buyer=supply.owner))
    moved = sum((1 if row.buyer == supply.owner else -1) * (row.amount - (row.refund or 0)) for row in rows)
    found.append(
        {
            "name": name,
            "cost": statement.cost,
            "open_wh": statement.open_wh,
            "metered_net_wh": statement.metered_net_wh,
            "states": check_signatures(supply.owner, statement.trades),
            "trades": len(statement.trades),
            "moved": moved,
            "in_channels": statement.bought - statement.sold + statement.refunds_corrected,
            "corrections": len(statement.corrections),
        }
    )
print(json.dumps(found))  # noqa: T201  what the test reads
