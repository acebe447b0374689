"""The invoice on paper: PDF/A-3b with the XML inside. Only what the bill froze is printed."""

import unicodedata
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from facturx import generate_from_binary
from fpdf import FPDF
from fpdf.enums import DocumentCompliance, XPos, YPos
from fpdf.fonts import TTFFont

from marketplace import formats
from marketplace.billing.documents.words import grounds, position_name
from marketplace.billing.documents.xml import invoice_xml

FONTS = Path(__file__).parent / "fonts"
LEFT, RIGHT, TOP = 20.0, 190.0, 18.0
INK, SOFT, FAINT, LINE, BRAND = (19, 33, 29), (66, 81, 75), (95, 109, 103), (220, 217, 207), (12, 90, 74)
ENERGY, NEED = (227, 154, 31), (76, 111, 214)
CHART_HEIGHT, LOWEST, MOST_LABELS = 30.0, 262, 16


def euros(cents: int) -> str:
    """Cents as euros."""
    return formats.money(cents * formats.CENT)


def exact(micro: int) -> str:
    """Micro-units as euros to the last one."""
    return formats.money(micro, exact=True)


def kwh(wh: int) -> str:
    """Wh as kWh."""
    return formats.energy(wh)


class Paper(FPDF):
    """A4 with the margins, fonts and foot of a bill."""

    def __init__(self, content: dict[str, Any], language: str) -> None:
        super().__init__(format="A4", enforce_compliance=DocumentCompliance.PDFA_3B)
        self.content, self.zone = content, ZoneInfo(content["seller"]["time_zone"])
        self.set_margins(LEFT, TOP, 210 - RIGHT)
        self.set_auto_page_break(auto=True, margin=24)
        for style, name in (("", "Regular"), ("B", "Bold")):
            self.add_font("Inter", style, FONTS / f"Inter-{name}.ttf")
        self.set_lang(language)
        self.set_title(f"{content['seller']['legal_name']} {content['reference']}")
        self.set_author(content["seller"]["legal_name"])
        self.set_creation_date(datetime.fromtimestamp(content["issued_at"], UTC))
        self.add_page()

    def footer(self) -> None:
        """Who bills, and the page."""
        seller = self.content["seller"]
        self.set_y(-17)
        who = " · ".join(
            filter(None, (seller["legal_name"], seller["street"], f"{seller['postcode']} {seller['city']}"))
        )
        self.put(who, size=7.5, colour=FAINT, width=140)
        self.put(
            f"{self.content['reference']} · {self.page_no()}", size=7.5, colour=FAINT, align="R", end=True
        )
        bank = " · ".join(filter(None, (seller["vat_id"], seller["iban"], seller["bic"])))
        self.put(bank, size=7.5, colour=FAINT, end=True)

    def put(
        self,
        text: str,
        *,
        size: float = 9.5,
        bold: bool = False,
        colour: tuple[int, int, int] = INK,
        width: float = 0,
        align: str = "L",
        end: bool = False,
        height: float = 5.0,
    ) -> None:
        """A piece of text; `end` goes to the next line. Letters that the font lacks lose their accents."""
        self.set_font("Inter", "B" if bold else "", size)
        self.set_text_color(*colour)
        after = (XPos.LMARGIN, YPos.NEXT) if end else (XPos.RIGHT, YPos.TOP)
        self.cell(width, height, self.printable(text), align=align, new_x=after[0], new_y=after[1])

    def printable(self, text: str) -> str:
        """PDF/A asks for a glyph of each letter."""
        font = self.fonts["inter"]
        known = font.cmap if isinstance(font, TTFFont) else {}
        parts = (char if ord(char) in known else unicodedata.normalize("NFKD", char)[:1] for char in text)
        return "".join(part if ord(part) in known else "?" for part in parts)

    def paragraph(self, text: str, *, size: float = 8.5, colour: tuple[int, int, int] = SOFT) -> None:
        """Text that wraps."""
        self.set_font("Inter", "", size)
        self.set_text_color(*colour)
        self.multi_cell(0, 4.4, self.printable(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def rule(self) -> None:
        """A thin line across."""
        self.set_draw_color(*LINE)
        self.set_line_width(0.2)
        self.line(LEFT, self.get_y() + 0.6, RIGHT, self.get_y() + 0.6)
        self.ln(1.6)

    def heading(self, text: str) -> None:
        """A section's head, which does not stand alone at a page's end."""
        if self.get_y() > LOWEST - 12:
            self.add_page()
        self.ln(4)
        self.put(text, size=11, bold=True, colour=BRAND, end=True, height=7)

    def at(self, moment: int, form: str = "date") -> str:
        """A moment in the merchant's zone."""
        return formats.when(moment, form, zone=self.zone)


def render(content: dict[str, Any], *, language: str = "en") -> bytes:
    """The bill as PDF/A-3b with `factur-x.xml` inside, which is checked against its schema.

    Args:
        content: What the bill froze, with `reference`, `issued_at` and `due_at`.
        language: Of the texts, as the document declares it; the caller activates it.
    """
    paper = Paper(content, language)
    _heads(paper, content)
    _positions(paper, content)
    _totals(paper, content["totals"])
    _pay(paper, content)
    if content.get("corrects"):
        _corrected(paper, content)
    else:
        _days(paper, content)
        _trades(paper, content)
        _ledger(paper, content)
    made = BytesIO()
    paper.output(made)
    xml = invoice_xml(content, [position_name(one["kind"]) for one in content["positions"]])
    meta = {
        "author": content["seller"]["legal_name"],
        "title": f"{content['seller']['legal_name']} {content['reference']}",
        "subject": "Corrected invoice" if content.get("corrects") else "Invoice",
        "keywords": "Factur-X, ZUGFeRD, EN 16931",
    }
    found: bytes = generate_from_binary(
        made.getvalue(), xml, flavor="factur-x", level="en16931", pdf_metadata=meta, lang=language,
        afrelationship="alternative",
    )  # fmt: skip
    return found


def _heads(paper: Paper, content: dict[str, Any]) -> None:
    seller, buyer = content["seller"], content["buyer"]
    paper.put(seller["legal_name"], size=15, bold=True, colour=BRAND, end=True, height=8)
    paper.put(f"{seller['street']}, {seller['postcode']} {seller['city']}", size=8, colour=FAINT, end=True)
    paper.ln(9)
    start = paper.get_y()
    place = f"{buyer['postcode']} {buyer['city']}".strip()
    for text in filter(None, (buyer["legal_name"] or buyer["number"], buyer["street"], place)):
        paper.put(text, size=10.5, end=True)
    paper.set_y(start)
    facts = (
        (_("Correction") if content.get("corrects") else _("Bill"), content["reference"]),
        (_("Issued"), paper.at(content["issued_at"])),
        (_("Period"), f"{paper.at(content['start'])} – {paper.at(content['end'] - 1)}"),
        (_("Connection"), content["connection"]),
        (_("Customer"), buyer["number"]),
        (_("Due"), paper.at(content["due_at"])),
    )
    for name, value in facts:
        paper.set_x(118)
        paper.put(name, size=8.5, colour=FAINT, width=24)
        paper.put(value, size=8.5, bold=True, align="R", width=48, end=True)
    paper.ln(6)
    title = _("Correction of bills for electricity") if content.get("corrects") else _("Bill for electricity")
    paper.put(title, size=17, bold=True, end=True, height=10)


def _row(
    paper: Paper, cells: list[str], widths: tuple[float, ...], *, bold: bool = False, faint: bool = False
) -> None:
    for at, (text, width) in enumerate(zip(cells, widths, strict=True)):
        last = at == len(cells) - 1
        colour = FAINT if faint else INK
        paper.put(
            text,
            size=8,
            bold=bold,
            colour=colour,
            width=width,
            align="R" if at else "L",
            end=last,
            height=4.8,
        )


def _positions(paper: Paper, content: dict[str, Any]) -> None:
    widths = (72.0, 34.0, 32.0, 32.0)
    paper.ln(2)
    _row(paper, [_("Position"), _("Energy"), _("Exact, with VAT"), _("Net")], widths, faint=True)
    paper.rule()
    rows = [(one, one["gross"], euros(one["net_cents"])) for one in content["positions"]]
    rows += [(one, one["amount"], _("set off")) for one in content["offsets"] if one["amount"]]
    for one, money, net in rows:
        cells = [position_name(one["kind"]), kwh(one["wh"]) if one["wh"] else "", exact(money), net]
        _row(paper, cells, widths, bold=True)
        slot = paper.at(one["about"], "slot") if one["about"] else ""
        paper.put(grounds(one, slot), size=7.5, colour=FAINT, end=True, height=4)
        paper.rule()


def _totals(paper: Paper, totals: dict[str, int]) -> None:
    permille = totals["vat_permille"]
    vat = f"{formats.scaled(permille, 1, 1 if permille % 10 else 0)} %"
    rows = (
        (_("Net"), euros(totals["net_cents"])),
        (_("VAT %(rate)s") % {"rate": vat}, euros(totals["vat_cents"])),
        (_("With VAT"), euros(totals["gross_cents"])),
        (_("Less energy that the supplier took"), euros(-totals["offset_cents"])),
        (_("Rounding"), euros(totals["rounding_cents"])),
    )
    for name, value in rows:
        paper.set_x(92)
        paper.put(name, size=8.5, colour=SOFT, width=66)
        paper.put(value, size=8.5, align="R", width=32, end=True)
    paper.set_x(92)
    name = _("To be paid") if totals["due_cents"] >= 0 else _("The supplier pays you")
    paper.put(name, size=12, bold=True, width=66, height=8)
    paper.put(euros(abs(totals["due_cents"])), size=12, bold=True, align="R", width=32, end=True, height=8)
    words = _("Exactly %(exact)s; what is left of a cent is cut in your favour.") % {
        "exact": exact(totals["owed"])
    }
    paper.put(words, size=7.5, colour=FAINT, align="R", end=True)


def _pay(paper: Paper, content: dict[str, Any]) -> None:
    if content["totals"]["due_cents"] <= 0:
        return
    paper.heading(_("How to pay"))
    words = _(
        "By %(day)s: on the ledger, from the bill's page, or by bank transfer with the reference %(reference)s."
    ) % {
        "day": paper.at(content["due_at"]),
        "reference": content["reference"],
    }
    bank = " · ".join(filter(None, (content["seller"]["iban"], content["seller"]["bic"])))
    paper.paragraph(words + (" " + bank if bank else ""))


def _corrected(paper: Paper, content: dict[str, Any]) -> None:
    """Which bills, and that they stand."""
    paper.heading(_("What is corrected"))
    for bill in content["corrects"]:
        words = _("Bill %(bill)s of %(day)s") % {
            "bill": bill["reference"],
            "day": paper.at(bill["issued_at"]),
        }
        paper.paragraph(words)
    words = _(
        "Readings came after these bills. This document asks for the differences only, by the prices of each quarter-hour; "
        "the bills themselves stand."
    )
    paper.paragraph(words)


def _days(paper: Paper, content: dict[str, Any]) -> None:
    """Bars: drawn upwards, fed in downwards."""
    days = content["days"]
    most_in = max(day["from_supplier_wh"] + day["from_neighbours_wh"] for day in days)
    most_out = max(day["to_supplier_wh"] + day["to_neighbours_wh"] for day in days)
    if not most_in + most_out:
        return
    paper.heading(_("Energy by day"))
    if paper.get_y() + CHART_HEIGHT > LOWEST:
        paper.add_page()
    scale, top = CHART_HEIGHT / (most_in + most_out), paper.get_y() + 1
    middle, step = top + most_in * scale, (RIGHT - LEFT) / len(days)
    for number, day in enumerate(days):
        at, width = (LEFT + (number + 0.15) * step, middle), min(step * 0.7, 12)
        drawn = (day["from_supplier_wh"] * scale, day["from_neighbours_wh"] * scale)
        fed = (day["to_supplier_wh"] * scale, day["to_neighbours_wh"] * scale)
        _bar(paper, at=at, width=width, heights=drawn, up=True)
        _bar(paper, at=at, width=width, heights=fed, up=False)
    paper.set_draw_color(*FAINT)
    paper.line(LEFT, middle, RIGHT, middle)
    paper.set_y(top + CHART_HEIGHT + 1)
    _legend(paper, content, days)


def _legend(paper: Paper, content: dict[str, Any], days: list[dict[str, Any]]) -> None:
    named = days if len(days) <= MOST_LABELS else (days[0], days[-1])
    for day in named:
        paper.put(
            f"{day['day'][8:]}.{day['day'][5:7]}.", size=7, colour=FAINT, width=(RIGHT - LEFT) / len(named)
        )
    paper.ln(5)
    words = _(
        "Drawn %(drawn)s (blue), of it from neighbours %(bought)s (lighter). "
        "Fed in %(fed)s (amber), of it to neighbours %(sold)s (lighter)."
    ) % {
        "drawn": kwh(content["import_wh"]),
        "bought": kwh(sum(day["from_neighbours_wh"] for day in days)),
        "fed": kwh(content["export_wh"]),
        "sold": kwh(sum(day["to_neighbours_wh"] for day in days)),
    }
    paper.paragraph(words, size=8)


def _bar(
    paper: Paper, *, at: tuple[float, float], width: float, heights: tuple[float, float], up: bool
) -> None:
    """The supplier's part next to the axis, the neighbours' lighter beyond it."""
    base, (x, y) = NEED if up else ENERGY, at
    lighter = tuple(round(255 - (255 - part) * 0.45) for part in base)
    for height, colour in zip(heights, (base, lighter), strict=True):
        if height:
            paper.set_fill_color(*colour)
            paper.rect(x, y - height if up else y, width, height, style="F")
            y += -height if up else height


def _trades(paper: Paper, content: dict[str, Any]) -> None:
    paper.heading(_("Trades with neighbours"))
    words = _("For information: you paid %(bought)s and earned %(sold)s in your channels. Nothing of it is part of this bill.") % {
        "bought": exact(content["bought"]),
        "sold": exact(content["sold"]),
    }  # fmt: skip
    paper.paragraph(words)
    if not content["trades"]:
        return
    widths = (38.0, 16.0, 26.0, 28.0, 24.0, 38.0)
    heads = [_("Partner"), _("Trades"), _("Delivered"), _("Paid"), _("Fees"), _("Channel, versions")]
    paper.ln(1)
    _row(paper, heads, widths, faint=True)
    paper.rule()
    for trades in _by_channel(content["trades"]):
        _row(paper, _channel_cells(trades), widths)
    words = _(
        "Each trade with its quarter-hour and the versions that both signed stands on the bill's page and in its table."
    )
    paper.ln(1)
    paper.paragraph(words, size=7.5)


def _by_channel(trades: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    found: dict[tuple[str, str, bool], list[dict[str, Any]]] = {}
    for trade in trades:
        found.setdefault((trade["partner"], trade["channel"], trade["sells"]), []).append(trade)
    return list(found.values())


def _channel_cells(trades: list[dict[str, Any]]) -> list[str]:
    first, versions = trades[0], [trade["version"] for trade in trades if trade["version"]]
    proof = f"{first['channel'][:10]}… v{min(versions)}–{max(versions)}" if versions else _("in memory")
    net, fees, wh = (sum(trade[name] for trade in trades) for name in ("net", "fee", "delivered_wh"))
    return [first["partner"], str(len(trades)), kwh(wh), exact(net), exact(fees), proof]


def _ledger(paper: Paper, content: dict[str, Any]) -> None:
    books = content["ledger"]
    paper.heading(_("On the ledger"))
    if not books:
        paper.paragraph(_("You have no credit agreement with this supplier: no credit notes, no debts."))
        return
    widths = (110.0, 60.0)
    for name, key in (
        (_("Debt of credit notes"), "debt"),
        (_("Of it due"), "due"),
        (_("Paid ahead"), "paid"),
        (_("Earnings to withdraw"), "earnings"),
        (_("Collateral"), "collateral"),
    ):
        _row(paper, [name, exact(books[key])], widths)
    paper.paragraph(
        _("These are the ledger's own accounts; they are paid and claimed there, not by this bill."), size=7.5
    )
