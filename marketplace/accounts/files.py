"""Checks of uploaded files, by their content: images are drawn anew, PDFs are rebuilt without active content."""

import io
import warnings
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageOps
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject

from marketplace.accounts.errors import RefusedError

MAX_PIXELS = 60_000_000
MAX_SIDE = 3500
MAX_PAGES = 60
MAX_OBJECTS = 20_000
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


def clean(raw: bytes, *, max_bytes: int) -> CleanFile:
    """Check and rebuild an upload; its name and declared type are not believed.

    Raises:
        RefusedError: empty, too large, of another type, damaged, encrypted or with active content.
    """
    if not raw:
        raise _refused("file_empty", "The file is empty.")
    if len(raw) > max_bytes:
        raise _refused("file_too_large", f"The file is larger than {max_bytes // 1024 // 1024} MiB.")
    if raw.startswith(b"%PDF-"):
        return _clean_pdf(raw)
    if raw.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
        return _clean_image(raw)
    raise _refused("file_type", "Only PDF, JPEG and PNG files can be read.")


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
        raise _refused("file_damaged", "The image can't be read: save it again and retry.") from error


def _redrawn(raw: bytes) -> CleanFile:
    with Image.open(io.BytesIO(raw), formats=("JPEG", "PNG")) as image:
        if image.width * image.height > MAX_PIXELS:
            raise _refused("file_too_large", "The image has too many pixels: 60 megapixels are the most.")
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
        raise _refused("file_damaged", "The PDF can't be read: print it to a new PDF and retry.") from error


def _rebuilt(raw: bytes) -> CleanFile:
    reader = PdfReader(io.BytesIO(raw))
    if reader.is_encrypted:
        raise _refused("file_encrypted", "The PDF is protected by a password: upload it without one.")
    if not 1 <= len(reader.pages) <= MAX_PAGES:
        raise _refused("file_pages", f"The PDF must have 1 to {MAX_PAGES} pages.")
    _refuse_active(reader.trailer["/Root"])
    writer = PdfWriter()
    for page in reader.pages:
        writer.add_page(page)
    writer.metadata = None
    target = io.BytesIO()
    writer.write(target)
    return CleanFile(target.getvalue(), "application/pdf", len(reader.pages))


def _refuse_active(root: Any) -> None:
    """Walk everything that the catalogue reaches."""
    pending, seen = [root], set[int]()
    while pending:
        node = pending.pop().get_object()
        if id(node) in seen or not isinstance(node, DictionaryObject | ArrayObject):
            continue
        seen.add(id(node))
        if len(seen) > MAX_OBJECTS:
            raise _refused("file_complex", "The PDF is too complex: print it to a new PDF and retry.")
        if isinstance(node, DictionaryObject):
            _refuse_active_dictionary(node)
            pending.extend(node.values())
        else:
            pending.extend(node)


def _refuse_active_dictionary(node: DictionaryObject) -> None:
    action = str(node.get("/S", ""))
    if action in ACTIVE_ACTIONS or ACTIVE_KEYS & set(node):
        raise _refused(
            "file_active", "The PDF contains active content (scripts, actions or files): print it anew."
        )
