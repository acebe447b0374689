"""One door to all profile files: the content, not the name, says what a file is."""

from dataclasses import replace
from pathlib import Path

from grid.profiles.compact import FIRST_COLUMN, read_compact
from grid.profiles.faults import refuse
from grid.profiles.options import Options
from grid.profiles.profiles import Profiles
from grid.profiles.sources import GZIP, head_of
from grid.profiles.text import read_text
from grid.words import Words

_BOM = b"\xef\xbb\xbf"
_WIDE = (b"\xff\xfe", b"\xfe\xff")
_ZIP = b"PK\x03\x04"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_PARQUET = b"PAR1"


def read_profiles(path: Path, options: Options | None = None) -> Profiles:
    """Read CSV (plain or gzip), Parquet or Green Button XML.

    Raises:
        ProfileFaultError: every fault of the file, each with place and remedy.
    """
    options = options or Options()
    head = head_of(path)
    _refuse_foreign(path.name, head)
    bare = head.removeprefix(_BOM).lstrip()
    if head.startswith(_PARQUET):
        from grid.profiles.parquet import read_parquet  # noqa: PLC0415  pyarrow takes long to import and is seldom needed

        return read_parquet(path, options)
    if bare.startswith(b"<"):
        from grid.profiles.green_button import read_green_button  # noqa: PLC0415  needed for XML only

        return read_green_button(path, options)
    if bare.startswith(FIRST_COLUMN):
        return read_compact(path, options.bounds) or read_text(
            path, replace(options, unit="relative", stamps="start", decimal=".")
        )
    return read_text(path, options)


def _refuse_foreign(name: str, head: bytes) -> None:
    if not head:
        refuse(name, Words("is empty; it needs a header and rows of data below it"))
    if head.startswith(_WIDE):
        refuse(name, Words("is UTF-16; save it as “CSV UTF-8”"))
    if head.startswith((_ZIP, _OLD_EXCEL)):
        refuse(
            name, Words("is a ZIP archive or an Excel workbook; unpack it, or save the sheet as “CSV UTF-8”")
        )
    if head.startswith(GZIP):
        refuse(name, Words("is packed twice; unpack it once"))
