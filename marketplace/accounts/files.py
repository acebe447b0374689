"""Checks of uploaded files, by their content: images are drawn anew, PDFs are rebuilt without active content.

The data forms of bank statements are taken where they can be read to the last line.
"""

import io
import warnings
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from PIL import Image, ImageOps
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject

from marketplace.accounts.banking import camt, semicolons, swift
from marketplace.accounts.banking.reading import form_of, read_statement, text_of
from marketplace.accounts.banking.records import StatementFaultError
from marketplace.accounts.errors import RefusedError
from marketplace.accounts.statement_words import statement_faults

MAX_PIXELS = 60_000_000
MAX_SIDE = 3500
MAX_PAGES = 60
MAX_OBJECTS = 20_000
MAX_STATEMENT_BYTES = 3 * 1024 * 1024
STATEMENT_TYPES = {camt.FORM: "application/xml", semicolons.FORM: "text/csv", swift.FORM: "text/x-mt940"}
# ISO 32000-2, 12.6: actions that run, send or fetch something; and the places where they or files hide.
ACTIVE_ACTIONS = frozenset(
    {
        "/JavaScript",
        "/Launch",
        "/SubmitForm",
        "/ImportData",
        "/GoToE",
        "/GoToR",
        "/Rendition",
        "/Movie",
        "/Sound",
        "/RichMediaExecute",
    },
)
ACTIVE_KEYS = frozenset({"/JS", "/JavaScript", "/AA", "/EF", "/EmbeddedFiles", "/RichMediaContent", "/XFA"})


@dataclass(frozen=True, slots=True)
class CleanFile:
    """A file that was understood and written anew."""

    content: bytes
    content_type: str
    pages: int


def clean(raw: bytes, *, max_bytes: int, is_statement: bool = False) -> CleanFile:
    """Check and rebuild an upload; its name and declared type are not believed. Statements may be data of a bank too.

    Raises:
        RefusedError: empty, too large, of another type, damaged, encrypted or with active content.
    """
    if not raw:
        raise _refused("file_empty", _("The file is empty."))
    if len(raw) > max_bytes:
        raise _refused(
            "file_too_large", _("The file is larger than %(most)s MiB.") % {"most": max_bytes // 1024**2}
        )
    if raw.startswith(b"%PDF-"):
        return _clean_pdf(raw)
    if raw.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
        return _clean_image(raw)
    if is_statement and form_of(raw):
        return _clean_statement(raw)
    raise _refused("file_type", _type_words(is_statement=is_statement))


def _type_words(*, is_statement: bool) -> str:
    if is_statement:
        return _("Only PDF, JPEG, PNG and the banks’ forms CAMT.053, MT940 and CSV can be read.")
    return _("Only PDF, JPEG and PNG files can be read.")


def _clean_statement(raw: bytes) -> CleanFile:
    """What can be read to the last line is kept as UTF-8 text, XML as it is; it is only ever shown as plain text."""
    if len(raw) > MAX_STATEMENT_BYTES:
        most = MAX_STATEMENT_BYTES // 1024**2
        raise _refused(
            "file_too_large",
            _("The statement is larger than %(most)s MiB: export fewer months.") % {"most": most},
        )
    try:
        form = read_statement(raw).form
        content = raw if form == camt.FORM else text_of(raw).encode()
    except StatementFaultError as error:
        words = statement_faults(error)
        raise RefusedError("statement_faults", words[0], {"file": words}) from error
    return CleanFile(content, STATEMENT_TYPES[form], 1)


def _refused(code: str, detail: str) -> RefusedError:
    return RefusedError(code, detail, {"file": [detail]})


def _clean_image(raw: bytes) -> CleanFile:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _redrawn(raw)
    except RefusedError:
        raise
    except Exception as error:  # decoders fail on damaged input in their own many ways
        raise _refused("file_damaged", _("The image can’t be read: save it again and retry.")) from error


def _redrawn(raw: bytes) -> CleanFile:
    with Image.open(io.BytesIO(raw), formats=("JPEG", "PNG")) as image:
        if image.width * image.height > MAX_PIXELS:
            raise _refused("file_too_large", _("The image has too many pixels: 60 megapixels are the most."))
        upright = ImageOps.exif_transpose(image).convert("RGB")
        upright.thumbnail((MAX_SIDE, MAX_SIDE))
        bare = Image.new("RGB", upright.size)  # a new image carries no metadata over
        bare.paste(upright)
        target = io.BytesIO()
        if image.format == "PNG":
            bare.save(target, "PNG", optimize=True)
            return CleanFile(target.getvalue(), "image/png", 1)
        bare.save(target, "JPEG", quality=88, optimize=True)
        return CleanFile(target.getvalue(), "image/jpeg", 1)


def _clean_pdf(raw: bytes) -> CleanFile:
    try:
        return _rebuilt(raw)
    except RefusedError:
        raise
    except Exception as error:  # a parser of hostile input fails in many ways
        raise _refused(
            "file_damaged", _("The PDF can’t be read: print it to a new PDF and retry.")
        ) from error


def _rebuilt(raw: bytes) -> CleanFile:
    reader = PdfReader(io.BytesIO(raw))
    if reader.is_encrypted:
        raise _refused("file_encrypted", _("The PDF is protected by a password: upload it without one."))
    if not 1 <= len(reader.pages) <= MAX_PAGES:
        raise _refused("file_pages", _("The PDF must have 1 to %(most)s pages.") % {"most": MAX_PAGES})
    _refuse_active(reader.trailer["/Root"])
    _refuse_form(reader)
    writer = PdfWriter()
    for page in reader.pages:
        page.pop("/Annots", None)  # links, notes and what is left of forms and signatures
        writer.add_page(page)
    writer.metadata = None
    target = io.BytesIO()
    writer.write(target)
    return CleanFile(target.getvalue(), "application/pdf", len(reader.pages))


def _refuse_form(reader: PdfReader) -> None:
    """A form's entries would be lost with it; a signature's field may go."""
    fields = reader.get_fields() or {}
    if any(str(field.get("/FT")) in ("/Tx", "/Btn", "/Ch") for field in fields.values()):
        raise _refused(
            "file_form", _("The PDF is a form that can still be filled in: print it to a new PDF.")
        )


def _refuse_active(root: Any) -> None:
    """Walk everything that the catalogue reaches."""
    pending, seen = [root], set[int]()
    while pending:
        node = pending.pop().get_object()
        if id(node) in seen or not isinstance(node, DictionaryObject | ArrayObject):
            continue
        seen.add(id(node))
        if len(seen) > MAX_OBJECTS:
            raise _refused("file_complex", _("The PDF is too complex: print it to a new PDF and retry."))
        if isinstance(node, DictionaryObject):
            _refuse_active_dictionary(node)
            pending.extend(node.values())
        else:
            pending.extend(node)


def _refuse_active_dictionary(node: DictionaryObject) -> None:
    action = str(node.get("/S", ""))
    if action in ACTIVE_ACTIONS or ACTIVE_KEYS & set(node):
        raise _refused(
            "file_active", _("The PDF contains active content (scripts, actions or files): print it anew.")
        )
