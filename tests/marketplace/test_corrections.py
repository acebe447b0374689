"""Readings that come after a bill: a line of the next one, or a document of its own; each once, to the last unit."""

import random
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from itertools import pairwise
from typing import Any

import pytest
from django.urls import reverse
from facturx import get_facturx_xml_from_pdf, xml_check_xsd
from people import Person, Shop, signed_in
from pypdf import PdfReader
from supplied import FEED_IN, HOUSE, RETAIL, slot, supplied

from grid.metering import amount
from grid.models import ReplayRun
from marketplace.accounts.errors import ConflictError
from marketplace.accounts.models import AuditEvent
from marketplace.billing import issuing, keeping, paying
from marketplace.billing.correcting import correct_now, end_supply, run_corrections
from marketplace.billing.documents.csv import bill_csv
from marketplace.billing.issuing import run_bills
from marketplace.billing.models import Bill, Biller, Supply

pytestmark = pytest.mark.django_db
DAY = 96
"""Quarter-hours."""
SETTLED = {"drawn": 5_000, "fed": 4_000}
"""Wh of each, as they were estimated."""


def told(about: int, *, drawn: int = 0, fed: int = 0, refund: int = 0) -> dict[str, Any]:
    """That a quarter-hour was another one: more drawn, more fed in, and a refund that its channel settles no more."""
    trade = {
        "id": "t",
        "seller": HOUSE,
        "buyer": "B",
        "delivered_wh": 0,
        "refund": refund,
        "with_supplier": True,
    }
    charge = amount(abs(drawn), RETAIL) * (1 if drawn > 0 else -1)
    credit = amount(abs(fed), FEED_IN) * (1 if fed > 0 else -1)
    bill = [HOUSE, drawn, fed, charge, credit]
    return {"slot_start": about * 900, "trades": [trade] if refund else [], "bills": [bill]}


def street(late: dict[int, list[dict[str, Any]]], days: int = 3) -> list[dict[str, Any]]:
    """Days of estimated readings; `late` are corrections by the quarter-hour in which they were made."""
    data = [
        slot(900 * i, **SETTLED, estimated=1, corrections=tuple(late.get(i, ()))) for i in range(days * DAY)
    ]
    for row in (row for rows in late.values() for row in rows if row["bills"]):
        meter = data[row["slot_start"] // 900]["meters"][0]
        meter[0] += row["bills"][0][1]
        meter[1] += row["bills"][0][2]
    return data


def play(supply: Supply, slots: int, now: int = 1_000_000) -> list[Bill]:
    ReplayRun.objects.filter(pk=supply.run_id).update(next_slot=slots)
    made = [*run_bills(now=now), *run_corrections(now=now)]
    supply.refresh_from_db()
    return made


def booked(data: list[dict[str, Any]], until: int) -> int:
    """What settlement booked about the quarter-hours before `until`, whenever it came to know it."""
    first = sum(bill[2] - bill[3] for one in data[:until] for bill in one["bills"])
    later = [row for one in data for row in one["corrections"] if row["slot_start"] < until * 900]
    money = sum(bill[3] - bill[4] for row in later for bill in row["bills"])
    return first + money + sum(trade["refund"] for row in later for trade in row["trades"])


def metered(data: list[dict[str, Any]], until: int) -> int:
    return sum(one["meters"][0][0] - one["meters"][0][1] for one in data[:until])


def contents() -> list[dict[str, Any]]:
    found = [keeping.content_of(bill) for bill in Bill.objects.order_by("number")]
    return [content for content in found if content is not None]


LATE = {
    120: [told(30, drawn=400, refund=7_000), told(31, fed=-200)],
    125: [told(30, drawn=-150), told(100, drawn=50)],
    150: [told(32, drawn=30)],
}


@pytest.fixture
def corrected(person: Person, shop: Shop) -> Bill:
    """What was known at noon of the second day about the first one."""
    supply = supplied(person, shop, street(LATE))
    assert [bill.reference for bill in play(supply, 130)] == ["SUN-000001"]
    return correct_now(supply=supply, operator=shop.operator)


def test_bill_and_correction_are_the_corrected_meter(corrected: Bill, shop: Shop) -> None:
    assert (corrected.kind, corrected.reference, list(corrected.corrects.values_list("number", flat=True))) == (
        "correction", "SUN-000002", [1],
    )  # fmt: skip
    assert corrected.owed == 128_000 - 48_000 + 16_400 + 7_000
    bill, document = contents()
    known = street({at: rows for at, rows in LATE.items() if at < 130})
    assert bill["owed"] + document["owed"] == booked(known, DAY)
    assert bill["settled_net_wh"] + document["settled_net_wh"] == metered(known, DAY) == DAY * 1_000 + 450
    totals = document["totals"]
    assert corrected.due_cents * 10_000 + totals["cut"] == corrected.owed
    assert totals["due_cents"] == totals["gross_cents"] - totals["offset_cents"] + totals["rounding_cents"]
    assert [(one["kind"], one["wh"]) for one in document["positions"]] == [
        ("correction", 400),
        ("correction", -150),
    ]
    with pytest.raises(ConflictError, match="No reading"):
        correct_now(supply=corrected.supply, operator=shop.operator)
    (next_bill,) = play(corrected.supply, 2 * DAY)
    lines = keeping.content_of(next_bill)["positions"]
    assert [(one["about"] // 900, one["wh"]) for one in lines if one["kind"] == "correction"] == [
        (32, 30),
        (100, 50),
    ]
    assert sum(one["owed"] for one in contents()) == booked(street(LATE), 2 * DAY)


def test_the_document_is_a_corrected_invoice_that_names_the_bills_before(
    corrected: Bill, person: Person
) -> None:
    person.user.language = "de"
    person.user.save()
    corrected.user.refresh_from_db()
    pdf = keeping.document_of(corrected)
    assert pdf is not None
    _, xml = get_facturx_xml_from_pdf(pdf)
    assert xml_check_xsd(xml, flavor="factur-x", level="en16931")
    text = "".join(xml.decode().split())
    assert "<ram:TypeCode>384</ram:TypeCode>" in text
    earlier = text[text.index("<ram:InvoiceReferencedDocument>") :]
    assert "<ram:IssuerAssignedID>SUN-000001</ram:IssuerAssignedID>" in earlier
    assert '<qdt:DateTimeStringformat="102">19700112</qdt:DateTimeString>' in earlier
    assert f"<ram:DuePayableAmount>{corrected.due_cents / 100:.2f}</ram:DuePayableAmount>" in text
    assert "BerichtigungderbezogenenEnergie" in text
    pages = PdfReader(BytesIO(pdf)).pages
    paper = " ".join(" ".join(page.extract_text() for page in pages).split())
    for words in (
        "Berichtigung von Stromrechnungen",
        "0,400 kWh",
        "0,10 €",
        "01.01.1970, 07:30 – 07:45 Uhr",
        "vom 12.01.1970",
    ):
        assert words in paper, paper
    page = person.client.get(f"/bills/{corrected.pk}/").content.decode()
    assert "Berichtigung SUN-000002" in page
    assert f"/bills/{corrected.corrects.get().pk}/" in page
    first = person.client.get(f"/bills/{corrected.corrects.get().pk}/").content.decode()
    assert f"/bills/{corrected.pk}/" in first
    shown = person.client.get(f"/api/v1/bills/{corrected.pk}/").json()
    assert (shown["kind"], shown["statement"]["corrects"][0]["reference"]) == ("correction", "SUN-000001")
    table = bill_csv(shown["statement"])
    assert table.count("SUN-000001") == len(shown["statement"]["positions"]) + len(
        shown["statement"]["offsets"]
    )


def test_who_has_moved_out_gets_a_last_bill_and_what_is_corrected_later(
    person: Person, shop: Shop, make_shop: Callable[[str], Shop]
) -> None:
    data = street({250: [told(100, drawn=-2_000)], 260: [told(200, drawn=999)]}, days=4)
    supply = supplied(person, shop, data)
    (first,) = play(supply, 130)
    back, path = reverse("admin:billing_bill_change", args=[first.pk]), f"/api/v1/bills/{first.pk}/"
    rival = make_shop("rival")
    for action, verb in (("end", "end-supply"), ("correct", "correction")):
        assert rival.client.post(back, {"action": action}).status_code in {302, 404}
        assert signed_in(rival.operator).post(path + verb + "/").status_code == 404
        assert person.client.post(path + verb + "/").status_code == 404
    assert Supply.objects.get().ends_at is None
    assert "Issue what was corrected since" in shop.client.get(back).content.decode()
    assert shop.client.post(back, {"action": "correct"}).status_code == 400
    assert shop.client.post(back, {"action": "end"}).status_code == 302
    assert signed_in(shop.operator).post(path + "end-supply/").json()["code"] == "supply_over"
    (last,) = play(supply, 131)
    assert (last.starts_at, last.ends_at) == (DAY * 900, 130 * 900)
    assert play(supply, 3 * DAY - 1) == []
    (document,) = play(supply, 3 * DAY)
    assert (document.kind, document.owed, document.due_cents) == ("correction", -640_000, -64)
    assert play(supply, 4 * DAY) == []
    assert sum(one["owed"] for one in contents()) == booked(data, 130)
    assert sum(one["settled_net_wh"] for one in contents()) == metered(data, 130)
    paying.record_transfer(bill=document, operator=shop.operator, amount=640_000, reference="bank 1", at=5)
    document.refresh_from_db()
    assert (document.paid_at, paying.open_amount(document)) == (5, 0)
    assert [one.action for one in AuditEvent.objects.filter(action="supply.ended")] == ["supply.ended"]


def test_an_invoice_has_a_position_where_only_what_was_fed_in_has_changed(person: Person, shop: Shop) -> None:
    in_channel = {**told(40, refund=9), "bills": []}
    in_channel["trades"][0]["with_supplier"] = False
    supply = supplied(person, shop, street({100: [told(30, fed=500)], 110: [in_channel]}))
    play(supply, 130)
    document = correct_now(supply=supply, operator=shop.operator)
    content = keeping.content_of(document)
    assert content is not None
    assert [(one["kind"], one["net_cents"]) for one in content["positions"]] == [("correction", 0)]
    assert (document.owed, document.due_cents, document.offset_cents) == (-41_000, -5, 4)
    assert len(content["corrections"]) == 1
    pdf = keeping.document_of(document)
    assert xml_check_xsd(get_facturx_xml_from_pdf(pdf)[1], flavor="factur-x", level="en16931")


def test_a_kill_draws_no_number_and_who_comes_second_issues_nothing(
    person: Person, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    supply = supplied(person, shop, street(LATE))
    play(supply, 130)
    monkeypatch.setattr(issuing, "_tell", _killed)
    with pytest.raises(KeyboardInterrupt):
        correct_now(supply=supply, operator=shop.operator)
    monkeypatch.undo()
    assert (Biller.objects.get().next_number, Supply.objects.get().corrected_until) == (2, 0)
    stale = Supply.objects.select_related("run", "user", "merchant").get()
    correct_now(supply=supply, operator=shop.operator)
    with pytest.raises(ConflictError):
        correct_now(supply=stale, operator=shop.operator)
    assert Biller.objects.get().next_number == 3


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("seed", range(4))
def test_whenever_readings_come_and_documents_are_asked_for_all_of_it_is_asked_for_once(
    seed: int, person: Person, shop: Shop
) -> None:
    chance = random.Random(seed)  # noqa: S311  a test's dice, not a secret
    late: dict[int, list[dict[str, Any]]] = {}
    for _ in range(60):
        made_in = chance.randrange(1, 3 * DAY)
        change = {
            "drawn": chance.randrange(-300, 300),
            "fed": chance.randrange(-300, 300),
            "refund": chance.choice((0, 900)),
        }
        late.setdefault(made_in, []).append(told(chance.randrange(made_in), **change))
    data = street(late)
    supply, ends = supplied(person, shop, data), chance.choice((3 * DAY, chance.randrange(1, 3 * DAY)))
    for until in sorted({*chance.sample(range(1, 3 * DAY), 7), ends, 3 * DAY}):
        play(supply, until)
        if until == ends and ends < 3 * DAY:
            end_supply(supply=supply, operator=shop.operator)
        elif chance.random() < 0.7:
            with suppress(ConflictError):  # nothing was corrected since
                correct_now(supply=supply, operator=shop.operator)
    play(supply, 3 * DAY)
    bills = list(Bill.objects.order_by("number"))
    assert [bill.number for bill in bills] == list(range(1, len(bills) + 1))
    assert {bill.kind for bill in bills} == {"bill", "correction"}
    assert sum(bill.owed for bill in bills) == booked(data, ends)
    assert sum(one["settled_net_wh"] + _of_earlier(one) for one in contents()) == metered(data, ends)
    periods = [bill for bill in bills if bill.kind == "bill"]
    assert all(before.ends_at == after.starts_at for before, after in pairwise(periods))


def _of_earlier(content: dict[str, Any]) -> int:
    """What the lines of a bill add to earlier bills' meters."""
    if content.get("corrects"):
        return 0
    rows = (one for one in content["corrections"] if one["slot_start"] < content["start"])
    return sum(one["import_wh"] - one["export_wh"] for one in rows)
