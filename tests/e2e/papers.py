"""Specimen documents for an application: an identity card as PNG, a bank statement as PDF."""

import io
from pathlib import Path

from PIL import Image, ImageDraw
from pypdf import PdfReader


def identity_card(path: Path, name: str, born: str) -> Path:
    image = Image.new("RGB", (900, 560), "#e9eff5")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 900, 96), fill="#23415e")
    draw.text((36, 26), "SPECIMEN IDENTITY CARD", fill="white", font_size=40)
    draw.rectangle((36, 140, 276, 440), fill="#b9c7d5")
    for row, (label, value) in enumerate((("Name", name), ("Born", born), ("Number", "SPECIMEN-0001"))):
        draw.text((320, 150 + 96 * row), label, fill="#5a6b7c", font_size=24)
        draw.text((320, 182 + 96 * row), value, fill="#111820", font_size=36)
    image.save(path)
    return path


def statement(path: Path, name: str) -> Path:
    """A one-page PDF whose text a machine can read."""
    lines = [
        "SPECIMEN BANK STATEMENT",
        f"Account holder: {name}",
        "Salary  + 3,100.00",
        "Rent  - 900.00",
        "Other  - 700.00",
    ]
    shown = "".join(f"({line}) Tj 0 -28 Td " for line in lines)
    content = f"BT /F1 18 Tf 72 760 Td {shown}ET".encode("ascii")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
            b" /Resources << /Font << /F1 5 0 R >> >> >>"
        ),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    path.write_bytes(_file(objects))
    if name not in PdfReader(path).pages[0].extract_text():
        raise RuntimeError("The specimen statement can't be read by machine.")
    return path


def _file(objects: list[bytes]) -> bytes:
    out, offsets = io.BytesIO(), []
    out.write(b"%PDF-1.4\n")
    for number, content in enumerate(objects, 1):
        offsets.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, content))
    table = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.writelines(b"%010d 00000 n \n" % offset for offset in offsets)
    out.write(b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table))
    return out.getvalue()
