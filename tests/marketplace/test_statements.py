"""The June week of a whole feeder: every household's bill adds up to its meter, its trades and the bookings."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import PermissionDenied
from django.test import override_settings
from django.urls import reverse
from facturx import get_facturx_xml_from_pdf, xml_check_xsd
from people import Person, Shop
from pypdf import PdfReader
from pytest_django import DjangoAssertNumQueries

from grid.models import ReplayRun, SlotResult
from grid.results.summary import summarise
from grid.scenarios.scenario import Scenario, load_scenario
from grid.simulation import open_simulation
from grid.study import Study
from marketplace.accounts.erasure import erase_person
from marketplace.accounts.errors import ConflictError, RefusedError
from marketplace.billing import issuing, keeping, paying, reminding
from marketplace.billing.documents.csv import bill_csv
from marketplace.billing.facts import StatementError, Tariff, corrections, slot_fact
from marketplace.billing.invoice import make_invoice
from marketplace.billing.issuing import issue, run_bills, start_supply
from marketplace.billing.models import Bill, Biller, KeptBill, Supply
from marketplace.billing.periods import days_within, period_of
from marketplace.billing.statement import Statement, make_statement
from marketplace.notifications.models import Notice

BERLIN = ZoneInfo("Europe/Berlin")
Week = tuple[Scenario, list[str], list[dict[str, Any]]]


@pytest.fixture(scope="session")  # tests with a database and without are not run side by side
def week() -> Week:
    """The June week, played in memory."""
    scenario = load_scenario(Path("fixtures/scenarios/june-week.toml"))
    study = Study(open_simulation(scenario))
    return scenario, study.names, list(study.slots())


def _tariff(week: Week) -> Tariff:
    return Tariff(week[0].tariff.retail_per_kwh, week[0].tariff.feed_in_per_kwh)


def _statement(week: Week, place: int, slots: list[dict[str, Any]] | None = None) -> Statement:
    _, names, data = week
    data = data if slots is None else slots
    facts = [
        slot_fact(one, index=i, place=place, name=names[place], tariff=_tariff(week))
        for i, one in enumerate(data)
    ]
    late = [found for one in data for found in corrections(one, name=names[place])]
    return make_statement(
        facts,
        late,
        start=data[0]["slot_start"],
        end=data[-1]["slot_start"] + 900,
        zone=BERLIN,
        tariff=_tariff(week),
    )


def _most_trades(week: Week) -> int:
    _, names, data = week
    sums = dict.fromkeys(names, 0)
    for slot in data:
        for trade in slot["trades"]:
            sums[trade["seller"]] += 1
            sums[trade["buyer"]] += 1
    return names.index(max(sums, key=sums.__getitem__))


def test_everybodys_june_week_adds_up_to_the_last_unit(week: Week) -> None:
    scenario, names, data = week
    bills = {row["name"]: row for row in summarise(names, scenario.tariff, data)["bills"]}
    supplier = trades = 0
    for place, name in enumerate(names):
        statement = _statement(week, place)
        invoice = make_invoice(statement, vat_permille=190)
        assert statement.cost == bills[name]["bill_after"]
        assert statement.open_wh == 0
        assert statement.metered_net_wh == sum(
            slot["meters"][place][0] - slot["meters"][place][1] for slot in data
        )
        assert sum(day.slots for day in statement.days) == 672
        assert (
            sum(one.gross for one in invoice.positions) + sum(one.amount for one in invoice.offsets)
            == statement.owed
            == invoice.due_cents * 10_000 + invoice.cut
        )
        assert 0 <= invoice.cut < 10_000
        assert invoice.due_cents == invoice.gross_cents - invoice.offset_cents + invoice.rounding_cents
        supplier += statement.owed
        trades += statement.sold - statement.bought
    assert trades == 0
    assert supplier == sum(bill[2] - bill[3] for slot in data for bill in slot["bills"])


def test_a_watt_hour_or_a_micro_unit_too_much_makes_no_bill(week: Week) -> None:
    place = _most_trades(week)
    day = [dict(slot) for slot in week[2][:96]]
    day[40] = {**day[40], "bills": [list(bill) for bill in day[40]["bills"]]}
    day[40]["bills"][place][2] += 1
    with pytest.raises(StatementError, match="no reason"):
        _statement(week, place, day)
    day[40] = {**week[2][40], "meters": [list(meter) for meter in week[2][40]["meters"]]}
    day[40]["meters"][place][0] += 1
    with pytest.raises(StatementError, match="the meter counted"):
        _statement(week, place, day)
    with pytest.raises(StatementError, match="quarter-hours"):
        _statement(week, place, [*week[2][:50], *week[2][51:96]])


@pytest.mark.parametrize(
    ("day", "slots"),
    [("2026-03-29", 92), ("2026-10-25", 100), ("2026-06-15", 96)],
    ids=["spring", "autumn", "june"],
)
def test_a_day_is_a_day_when_the_clocks_change(day: str, slots: int) -> None:
    noon = int(datetime.fromisoformat(day + "T12:00:00").replace(tzinfo=BERLIN).timestamp())
    start, end = period_of(noon, BERLIN, "day")
    assert (end - start) // 900 == slots
    assert [one.isoformat() for one in days_within(start, end, BERLIN)] == [day]


def test_periods_follow_each_other_over_years_and_clock_changes() -> None:
    for cycle in ("month", "week", "day"):
        at, spans = int(datetime(2023, 12, 30, tzinfo=UTC).timestamp()), []
        for _ in range(100):
            spans.append(period_of(at, BERLIN, cycle))
            at = spans[-1][1]
        assert all(before[1] == after[0] for before, after in pairwise(spans))
        assert all(period_of(end - 1, BERLIN, cycle) == (start, end) for start, end in spans)
        assert all(start % 900 == 0 for start, _ in spans)


@pytest.fixture
def supplied(week: Week, person: Person, shop: Shop) -> Supply:
    """A person who lives where most is traded, over the whole June week, billed by the day."""
    scenario, names, data = week
    place = _most_trades(week)
    biller = Biller.objects.create(
        merchant=shop.merchant, legal_name="Sun Supply", street="Ring 1", postcode="10115", city="Berlin",
        vat_id="DE123456788", iban="DE89370400440532013000", prefix="SUN-", cycle="day",
    )  # fmt: skip
    run = ReplayRun.objects.create(
        scenario="june-week", fingerprint="f", funding="books", starts_at=scenario.start, ends_at=scenario.end
    )
    rows = (
        SlotResult(run=run, index=i, slot_start=one["slot_start"], data=one) for i, one in enumerate(data)
    )
    SlotResult.objects.bulk_create(rows)
    return start_supply(
        user=person.user, run=run, place=place, name=names[place], starts_at=scenario.start, biller=biller
    )


def _played(supply: Supply, slots: int) -> None:
    ReplayRun.objects.filter(pk=supply.run_id).update(next_slot=slots)


def test_bills_follow_each_other_without_gap_even_after_a_kill(
    week: Week, supplied: Supply, monkeypatch: pytest.MonkeyPatch
) -> None:
    _played(supplied, 95)
    assert run_bills(now=1000) == []
    _played(supplied, 200)
    monkeypatch.setattr(issuing, "_tell", _killed)
    with pytest.raises(KeyboardInterrupt):
        run_bills(now=1000)
    assert Biller.objects.get().next_number == 1
    monkeypatch.undo()
    assert [bill.reference for bill in run_bills(now=1000)] == ["SUN-000001", "SUN-000002"]
    assert run_bills(now=1000) == []
    _played(supplied, 672)
    assert len(run_bills(now=2000)) == 5
    bills = list(Bill.objects.order_by("number"))
    assert [bill.number for bill in bills] == list(range(1, 8))
    assert all(before.ends_at == after.starts_at for before, after in pairwise(bills))
    assert sum(bill.owed for bill in bills) == _statement(week, supplied.place).owed
    supplied.refresh_from_db()
    assert supplied.closed
    assert Notice.objects.filter(kind="bill_issued").count() == 7


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_who_comes_second_issues_nothing(supplied: Supply) -> None:
    _played(supplied, 96)
    due = next(issuing.due_periods(Supply.objects.select_related("run", "user").get()))
    statement = issuing.statement_between(supplied, due.start, due.end, BERLIN)
    invoice = make_invoice(statement, vat_permille=190)
    again = {"due": due, "content": {}, "statement": statement, "invoice": invoice, "now": 1}
    issue(**again)
    with pytest.raises(issuing.RacedError):
        issue(**again)
    assert Biller.objects.get().next_number == 2


def test_a_late_reading_is_a_line_of_the_next_bill(week: Week, supplied: Supply) -> None:
    """What changes is the meter's count of a slot that a bill has settled: 400 Wh more drawn."""
    _played(supplied, 96)
    (first,) = run_bills(now=1000)
    frozen = first.content
    row = SlotResult.objects.get(run=supplied.run, index=120)
    bill = [supplied.name, 400, 0, 128_000, 0]
    told = {"slot_start": week[2][30]["slot_start"], "trades": [], "bills": [bill]}
    row.data = {**row.data, "corrections": [told]}
    row.save()
    _played(supplied, 192)
    (second,) = run_bills(now=2000)
    content = keeping.content_of(second)
    assert content is not None
    (line,) = [one for one in content["positions"] if one["kind"] == "correction"]
    assert (line["reference"], line["gross"], line["wh"]) == ("SUN-000001", 128_000, 400)
    assert Bill.objects.get(pk=first.pk).content == frozen
    pdf = keeping.document_of(second)
    assert b"SUN-000001" in get_facturx_xml_from_pdf(pdf)[1]


def test_the_document_is_pdf_a_with_valid_data_inside(supplied: Supply) -> None:
    _played(supplied, 96)
    (bill,) = run_bills(now=1000)
    keeping.keep_documents()
    bill.refresh_from_db()
    pdf = keeping.document_of(bill)
    _, xml = get_facturx_xml_from_pdf(pdf)
    assert xml_check_xsd(xml, flavor="factur-x", level="en16931")
    text = xml.decode()
    cents = f"{bill.due_cents / 100:.2f}"
    assert f"<ram:DuePayableAmount>{cents}</ram:DuePayableAmount>" in text
    assert "Erika Musterfrau" in text
    _check_pdf_a(pdf)
    table = bill_csv(keeping.content_of(bill))
    assert table.count("\n") > 96
    assert keeping.document_of(Bill.objects.get()) == pdf


def _check_pdf_a(pdf: bytes | None) -> None:
    """What of PDF/A-3 can be seen without a validator: fonts, colours, XMP, the file's relation, no scripts."""
    reader = PdfReader(_opened(pdf))
    root = reader.trailer["/Root"]
    assert root["/OutputIntents"][0]["/S"] == "/GTS_PDFA1"
    xmp = root["/Metadata"].get_data().decode()
    assert "<pdfaid:part>3</pdfaid:part>" in xmp
    assert "<fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>" in xmp
    assert root["/AF"][0].get_object()["/AFRelationship"] == "/Alternative"
    assert "/JavaScript" not in root.get("/Names", {})
    assert "/Encrypt" not in reader.trailer
    for page in reader.pages:
        for font in page["/Resources"]["/Font"].values():
            (below,) = font["/DescendantFonts"]
            assert "/FontFile2" in below.get_object()["/FontDescriptor"]


def _opened(pdf: bytes | None) -> Any:
    from io import BytesIO  # noqa: PLC0415  only this check reads it

    assert pdf is not None
    return BytesIO(pdf)


@pytest.fixture
def unpaid(supplied: Supply) -> Bill:
    """A bill of 12.34 euros."""
    _played(supplied, 96)
    (bill,) = run_bills(now=1_000_000)
    Bill.objects.filter(pk=bill.pk).update(due_cents=1234, paid_at=None)
    bill.refresh_from_db()
    return bill


def test_transfers_are_recorded_once_and_by_the_merchant_alone(
    unpaid: Bill, shop: Shop, make_shop: Callable[[str], Shop]
) -> None:
    record = {"bill": unpaid, "amount": 5_000_000, "reference": "bank 1", "at": 5}
    with pytest.raises(PermissionDenied):
        paying.record_transfer(operator=make_shop("other").operator, **record)
    first = paying.record_transfer(operator=shop.operator, **record)
    assert paying.record_transfer(operator=shop.operator, **record) == first
    assert paying.open_amount(unpaid) == 7_340_000
    with pytest.raises(RefusedError, match="open"):
        paying.record_transfer(
            operator=shop.operator, **{**record, "amount": 8_000_000, "reference": "bank 2"}
        )
    paying.record_transfer(operator=shop.operator, **{**record, "amount": 7_340_000, "reference": "bank 3"})
    unpaid.refresh_from_db()
    assert unpaid.paid_at == 5
    assert Notice.objects.filter(kind="bill_paid").count() == 1


def test_reminders_come_once_each(unpaid: Bill) -> None:
    day = 24 * 3600
    assert reminding.remind(now=unpaid.due_at - 4 * day) == 0
    assert [reminding.remind(now=unpaid.due_at + days * day) for days in (-3, -2, 1, 2, 14, 30)] == [
        1,
        0,
        1,
        0,
        1,
        0,
    ]
    unpaid.refresh_from_db()
    assert unpaid.level == 3


@override_settings(DEBUG=False)
def test_erasure_leaves_figures_and_a_copy_that_only_the_merchant_opens(unpaid: Bill, person: Person) -> None:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey  # noqa: PLC0415  only here

    private = X25519PrivateKey.generate()
    Biller.objects.update(archive_key="0x" + private.public_key().public_bytes_raw().hex())
    pdf = keeping.document_of(unpaid)
    with pytest.raises(ConflictError, match="open"):
        erase_person(user=person.user, actor=person.user)
    Bill.objects.update(paid_at=7)
    erase_person(user=person.user, actor=person.user)
    left = Bill.objects.get()
    assert (left.content, left.document, left.due_cents) == (None, None, 1234)
    kept = bytes(KeptBill.objects.get().sealed)
    assert b"Musterfrau" not in kept
    assert keeping.open_archived(private.private_bytes_raw(), kept, left.reference) == pdf
    assert keeping.drop_old(now=unpaid.issued_at + 10 * keeping.YEAR) >= 1
    assert not KeptBill.objects.exists()


def test_the_pages_show_what_the_bills_say_with_few_queries(
    supplied: Supply, person: Person, shop: Shop, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    assert b"No bill yet" in person.client.get("/bills/").content
    _played(supplied, 140)
    (bill,) = run_bills(now=1000)
    with django_assert_max_num_queries(14):
        page = person.client.get("/bills/").content.decode()
    assert bill.reference in page
    assert "This period" in page
    _played(supplied, 640)
    run_bills(now=1000)
    with django_assert_max_num_queries(14):
        person.client.get("/bills/")
    with django_assert_max_num_queries(14):
        page = person.client.get(f"/bills/{bill.pk}/").content.decode()
    assert "Energy by hour" in page
    assert "were played in memory" in page
    shown = person.client.get(f"/api/v1/bills/{bill.pk}/").json()
    assert shown["statement"]["owed"] == bill.owed
    assert int(shown["owed"]) == sum(one["gross"] for one in shown["statement"]["positions"]) + sum(
        one["amount"] for one in shown["statement"]["offsets"]
    )
    assert person.client.get("/api/v1/bills/running/").json()["merchant"] == shop.merchant.name
    back = shop.client.post(
        reverse("admin:billing_bill_change", args=[bill.pk]), {"amount": "0.01", "reference": "bank 9"}
    )
    assert (back.status_code, paying.received(bill)) == (302, 10_000 if bill.due_cents > 0 else -10_000)


def test_one_supply_whose_figures_are_wrong_does_not_hold_up_the_others(
    supplied: Supply, make_person: Callable[..., Person], caplog: pytest.LogCaptureFixture
) -> None:
    other = make_person().user
    biller = Biller.objects.get()
    wrong = start_supply(
        user=other, run=supplied.run, place=0, name="nobody", starts_at=supplied.starts_at + 1, biller=biller
    )
    _played(supplied, 96)
    assert [bill.supply_id for bill in run_bills(now=1000)] == [supplied.pk]
    assert f"{wrong.pk} is not billed" in caplog.text
