"""The invoice as data: Cross Industry Invoice by EN 16931, the profile of Factur-X 1.0 and ZUGFeRD 2. Pure.

BT numbers are the standard's business terms.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from lxml import etree

PROFILE = "urn:cen.eu:en16931:2017"
RSM = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
RAM = "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
UDT = "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100"
QDT = "urn:un:unece:uncefact:data:standard:QualifiedDataType:100"
SPACES = {"rsm": RSM, "ram": RAM, "udt": UDT, "qdt": QDT}
INVOICE, CORRECTED, SEPA, KWH, PIECE = "380", "384", "58", "KWH", "C62"


def invoice_xml(content: dict[str, Any], names: Iterable[str]) -> bytes:
    """The XML of a bill's content; `names` are its positions' titles, in order.

    Args:
        content: As `issuing.numbered` froze it, with `reference`, `issued_at` and `due_at`; `corrects` makes it a corrected
            invoice of these bills (BT-3).
        names: One for each position.
    """
    root = etree.Element(f"{{{RSM}}}CrossIndustryInvoice", nsmap=SPACES)
    context = _in(_sub(root, "ExchangedDocumentContext", RSM), "GuidelineSpecifiedDocumentContextParameter")
    _in(context, "ID", PROFILE)
    _document(root, content)
    transaction = _sub(root, "SupplyChainTradeTransaction", RSM)
    for number, (position, name) in enumerate(zip(content["positions"], names, strict=True), 1):
        _line(transaction, number, position, name, content["totals"]["vat_permille"])
    _agreement(transaction, content)
    delivery = _in(transaction, "ApplicableHeaderTradeDelivery")
    _date(_in(delivery, "ActualDeliverySupplyChainEvent"), "OccurrenceDateTime", _last_day(content))
    _settlement(transaction, content)
    found: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return found


def _sub(parent: Any, name: str, space: str = RAM) -> Any:
    return etree.SubElement(parent, f"{{{space}}}{name}")


def _in(parent: Any, name: str, text: str | None = None, **attributes: str) -> Any:
    made = _sub(parent, name)
    made.text = text
    for key, value in attributes.items():
        made.set(key, value)
    return made


def _date(parent: Any, name: str, day: date, space: str = UDT) -> None:
    made = _sub(_in(parent, name), "DateTimeString", space)
    made.text, _ = day.strftime("%Y%m%d"), made.set("format", "102")


def _day(at: int, content: dict[str, Any]) -> date:
    return datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(content["seller"]["time_zone"])).date()


def _last_day(content: dict[str, Any]) -> date:
    return _day(content["end"] - 1, content)


def cents(value: int) -> str:
    """Cents as euros, as XML has them."""
    return str(Decimal(value).scaleb(-2))


def _percent(permille: int) -> str:
    return str(Decimal(permille).scaleb(-1))


def _document(root: Any, content: dict[str, Any]) -> None:
    head = _sub(root, "ExchangedDocument", RSM)
    _in(head, "ID", content["reference"])
    _in(head, "TypeCode", CORRECTED if content.get("corrects") else INVOICE)
    _date(head, "IssueDateTime", _day(content["issued_at"], content))
    totals = content["totals"]
    note = (
        f"Exact amount {totals['owed']} micro-euros; {totals['cut']} of them are cut in the buyer's favour."
    )
    _in(_in(head, "IncludedNote"), "Content", note)


def _line(parent: Any, number: int, position: dict[str, Any], name: str, vat_permille: int) -> None:
    item = _in(parent, "IncludedSupplyChainTradeLineItem")
    _in(_in(item, "AssociatedDocumentLineDocument"), "LineID", str(number))
    _in(_in(item, "SpecifiedTradeProduct"), "Name", name)
    quantity, unit, price = _priced(position)
    price_of = _in(_in(item, "SpecifiedLineTradeAgreement"), "NetPriceProductTradePrice")
    _in(price_of, "ChargeAmount", price)
    _in(_in(item, "SpecifiedLineTradeDelivery"), "BilledQuantity", quantity, unitCode=unit)
    settlement = _in(item, "SpecifiedLineTradeSettlement")
    tax = _in(settlement, "ApplicableTradeTax")
    _in(tax, "TypeCode", "VAT")
    _in(tax, "CategoryCode", "S")
    _in(tax, "RateApplicablePercent", _percent(vat_permille))
    total = _in(settlement, "SpecifiedTradeSettlementLineMonetarySummation")
    _in(total, "LineTotalAmount", cents(position["net_cents"]))


def _priced(position: dict[str, Any]) -> tuple[str, str, str]:
    """Quantity, unit and net price, which is never negative (BR-27): the quantity has the sign."""
    net = position["net_cents"]
    wh = abs(position["wh"])
    if not wh:
        return ("-1" if net < 0 else "1"), PIECE, cents(abs(net))
    quantity = Decimal(wh).scaleb(-3)
    price = (Decimal(abs(net)).scaleb(-2) / quantity).quantize(Decimal("0.000001"))
    return str(-quantity if net < 0 else quantity), KWH, str(price)


def _agreement(parent: Any, content: dict[str, Any]) -> None:
    agreement, seller, buyer = (
        _in(parent, "ApplicableHeaderTradeAgreement"),
        content["seller"],
        content["buyer"],
    )
    party = _in(agreement, "SellerTradeParty")
    _in(party, "Name", seller["legal_name"])
    _address(party, seller)
    if seller["email"]:
        _in(_in(party, "URIUniversalCommunication"), "URIID", seller["email"], schemeID="EM")
    _in(_in(party, "SpecifiedTaxRegistration"), "ID", seller["vat_id"], schemeID="VA")
    other = _in(agreement, "BuyerTradeParty")
    _in(other, "ID", buyer["number"])
    _in(other, "Name", buyer["legal_name"] or buyer["number"])
    _address(other, {**buyer, "country": buyer["country"] or seller["country"]})


def _address(party: Any, said: dict[str, str]) -> None:
    address = _in(party, "PostalTradeAddress")
    for name, key in (("PostcodeCode", "postcode"), ("LineOne", "street"), ("CityName", "city")):
        if said[key]:
            _in(address, name, said[key])
    _in(address, "CountryID", said["country"])


def _settlement(parent: Any, content: dict[str, Any]) -> None:
    settlement, totals = _in(parent, "ApplicableHeaderTradeSettlement"), content["totals"]
    _in(settlement, "PaymentReference", content["reference"])
    _in(settlement, "InvoiceCurrencyCode", "EUR")
    _means(settlement, content["seller"])
    tax = _in(settlement, "ApplicableTradeTax")
    _in(tax, "CalculatedAmount", cents(totals["vat_cents"]))
    _in(tax, "TypeCode", "VAT")
    _in(tax, "BasisAmount", cents(totals["net_cents"]))
    _in(tax, "CategoryCode", "S")
    _in(tax, "RateApplicablePercent", _percent(totals["vat_permille"]))
    period = _in(settlement, "BillingSpecifiedPeriod")
    _date(period, "StartDateTime", _day(content["start"], content))
    _date(period, "EndDateTime", _last_day(content))
    _date(_in(settlement, "SpecifiedTradePaymentTerms"), "DueDateDateTime", _day(content["due_at"], content))
    _totals(settlement, totals)
    _earlier(settlement, content)


def _means(settlement: Any, seller: dict[str, str]) -> None:
    if seller["iban"]:
        means = _in(settlement, "SpecifiedTradeSettlementPaymentMeans")
        _in(means, "TypeCode", SEPA)
        _in(_in(means, "PayeePartyCreditorFinancialAccount"), "IBANID", seller["iban"])


def _totals(settlement: Any, totals: dict[str, int]) -> None:
    """BT-106, 109, 110, 114, 112, 113, 115, in the schema's order."""
    sums = _in(settlement, "SpecifiedTradeSettlementHeaderMonetarySummation")
    _in(sums, "LineTotalAmount", cents(totals["net_cents"]))
    _in(sums, "TaxBasisTotalAmount", cents(totals["net_cents"]))
    _in(sums, "TaxTotalAmount", cents(totals["vat_cents"]), currencyID="EUR")
    _in(sums, "RoundingAmount", cents(totals["rounding_cents"]))
    _in(sums, "GrandTotalAmount", cents(totals["gross_cents"]))
    _in(sums, "TotalPrepaidAmount", cents(totals["offset_cents"]))
    _in(sums, "DuePayableAmount", cents(totals["due_cents"]))


def _earlier(settlement: Any, content: dict[str, Any]) -> None:
    """The bills that are corrected (BG-3): number, and in a document of corrections the day (BT-25, BT-26)."""
    rows = [*content["positions"], *content["offsets"]]
    issued = {bill["reference"]: bill["issued_at"] for bill in content.get("corrects", ())}
    for reference in sorted({row["reference"] for row in rows} - {""}):
        earlier = _in(settlement, "InvoiceReferencedDocument")
        _in(earlier, "IssuerAssignedID", reference)
        if reference in issued:
            _date(earlier, "FormattedIssueDateTime", _day(issued[reference], content), QDT)
