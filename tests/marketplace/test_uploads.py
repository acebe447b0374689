"""Uploads: judged by content, rebuilt, nothing active, nothing hidden."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, TextStringObject

from marketplace.accounts.errors import RefusedError
from marketplace.accounts.files import clean

MAX = 1024 * 1024


def _pdf(change: Callable[[PdfWriter], None] | None = None, pages: int = 1, password: str = "") -> bytes:
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(200, 200)
    if change:
        change(writer)
    if password:
        writer.encrypt(password)
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def _image(kind: str, **options: Any) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (60, 40), (10, 200, 30)).save(target, kind, **options)
    return target.getvalue()


def test_images_are_drawn_anew_without_metadata() -> None:
    exif = Image.Exif()
    exif[0x010E] = "Where I live"
    exif[0x0112] = 6
    raw = _image("JPEG", exif=exif)
    assert b"Where I live" in raw
    file = clean(raw + b"<script>alert(1)</script>", max_bytes=MAX)
    assert file.content_type == "image/jpeg"
    assert b"Where I live" not in file.content
    assert b"script" not in file.content
    assert Image.open(io.BytesIO(file.content)).size == (40, 60)


def test_png_and_pdf_pass() -> None:
    assert clean(_image("PNG"), max_bytes=MAX).content_type == "image/png"
    file = clean(_pdf(pages=3), max_bytes=MAX)
    assert (file.content_type, file.pages) == ("application/pdf", 3)
    assert len(PdfReader(io.BytesIO(file.content)).pages) == 3


def _script(writer: PdfWriter) -> None:
    script = {
        NameObject("/S"): NameObject("/JavaScript"),
        NameObject("/JS"): TextStringObject("app.alert(1)"),
    }
    names = DictionaryObject(
        {NameObject("/Names"): ArrayObject([TextStringObject("x"), DictionaryObject(script)])}
    )
    writer._root_object[NameObject("/Names")] = DictionaryObject({NameObject("/JavaScript"): names})


def _attachment(writer: PdfWriter) -> None:
    writer.add_attachment("evil.exe", b"MZ")


def _open_action(writer: PdfWriter) -> None:
    launch = DictionaryObject(
        {NameObject("/S"): NameObject("/Launch"), NameObject("/F"): TextStringObject("cmd.exe")}
    )
    writer._root_object[NameObject("/OpenAction")] = launch


def _annotation(writer: PdfWriter) -> None:
    action = DictionaryObject(
        {NameObject("/S"): NameObject("/JavaScript"), NameObject("/JS"): TextStringObject("x")}
    )
    note = DictionaryObject({NameObject("/Subtype"): NameObject("/Link"), NameObject("/A"): action})
    writer.pages[0][NameObject("/Annots")] = ArrayObject([writer._add_object(note)])


def _additional(writer: PdfWriter) -> None:
    writer.pages[0][NameObject("/AA")] = DictionaryObject({NameObject("/O"): DictionaryObject()})


def _form(writer: PdfWriter) -> None:
    writer._root_object[NameObject("/AcroForm")] = DictionaryObject(
        {NameObject("/XFA"): TextStringObject("<x/>")}
    )


@pytest.mark.parametrize("change", [_script, _attachment, _open_action, _annotation, _additional, _form])
def test_active_pdfs_are_refused(change: Callable[[PdfWriter], None]) -> None:
    with pytest.raises(RefusedError) as refused:
        clean(_pdf(change), max_bytes=MAX)
    assert refused.value.code == "file_active"


def _field(writer: PdfWriter, kind: str) -> None:
    names = {"/FT": NameObject(kind), "/T": TextStringObject("x"), "/Subtype": NameObject("/Widget")}
    field = writer._add_object(DictionaryObject({NameObject(name): value for name, value in names.items()}))
    writer._root_object[NameObject("/AcroForm")] = DictionaryObject(
        {NameObject("/Fields"): ArrayObject([field])}
    )
    writer.pages[0][NameObject("/Annots")] = ArrayObject([field])


def test_forms_are_refused_and_signatures_dropped() -> None:
    with pytest.raises(RefusedError) as refused:
        clean(_pdf(lambda writer: _field(writer, "/Tx")), max_bytes=MAX)
    assert refused.value.code == "file_form"
    file = clean(_pdf(lambda writer: _field(writer, "/Sig")), max_bytes=MAX)
    [page] = PdfReader(io.BytesIO(file.content)).pages
    assert "/Annots" not in page
    assert b"AcroForm" not in file.content


def test_data_of_banks_is_taken_as_statements_only() -> None:
    sheet = "Buchungstag;Betrag;Text\n01.06.2026;-1,00;Bäcker\n"
    file = clean(sheet.encode("cp1252"), max_bytes=MAX, is_statement=True)
    assert (file.content, file.content_type) == (sheet.encode(), "text/csv")
    with pytest.raises(RefusedError, match="PDF, JPEG and PNG"):
        clean(sheet.encode(), max_bytes=MAX)
    with pytest.raises(RefusedError, match="Line 2: “one” is no amount") as refused:
        clean(sheet.replace("-1,00", "one").encode(), max_bytes=MAX, is_statement=True)
    assert refused.value.code == "statement_faults"


def test_pdf_content_that_pages_do_not_reach_is_dropped() -> None:
    file = clean(_pdf() + b"\n% <script>hidden</script>", max_bytes=MAX)
    assert b"hidden" not in file.content


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "file_empty"),
        (b"x" * (MAX + 1), "file_too_large"),
        (b"GIF89a", "file_type"),
        (b"MZ\x90", "file_type"),
        (b"<html><script>", "file_type"),
        (b"%PDF-1.7 but not really", "file_damaged"),
        (b"\xff\xd8\xffbroken", "file_damaged"),
        (b"\x89PNG\r\n\x1a\nbroken", "file_damaged"),
    ],
)
def test_rubbish_is_named(raw: bytes, code: str) -> None:
    with pytest.raises(RefusedError) as refused:
        clean(raw, max_bytes=MAX)
    assert refused.value.code == code
    assert refused.value.fields["file"]


def test_locked_and_endless_pdfs_are_refused() -> None:
    with pytest.raises(RefusedError, match="password"):
        clean(_pdf(password="secret"), max_bytes=MAX)
    with pytest.raises(RefusedError, match="pages"):
        clean(_pdf(pages=61), max_bytes=MAX)


def test_a_picture_of_too_many_pixels_is_refused() -> None:
    target = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(target, "PNG")
    with pytest.raises(RefusedError):
        clean(target.getvalue(), max_bytes=MAX)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["JPEG", "PNG", "PDF"]), st.integers(0, 10_000), st.binary(min_size=1, max_size=8))
def test_damaged_files_never_crash(kind: str, position: int, noise: bytes) -> None:
    raw = _pdf() if kind == "PDF" else _image(kind)
    position %= len(raw)
    damaged = raw[:position] + noise + raw[position + len(noise) :]
    try:
        file = clean(damaged, max_bytes=MAX)
    except RefusedError:
        return
    assert file.content
