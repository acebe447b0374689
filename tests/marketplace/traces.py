"""Whether bytes tell something personal, in any of the encodings that programs leave behind."""

import base64
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus


def encodings(text: str) -> set[bytes]:
    """Plain, wide, quoted, escaped, in hexadecimal, and base64 at each of its three alignments."""
    raw = text.encode()
    found = {raw, text.encode("utf-16-le"), text.encode("cp1252", "ignore"), raw.hex().encode()}
    found |= {raw.hex().upper().encode(), quote(text).encode(), quote_plus(text).encode()}
    found.add(json.dumps(text)[1:-1].encode())
    for shift in range(3):
        packed = base64.b64encode(b"\0" * shift + raw)
        inner = packed[(0, 2, 3)[shift] :].rstrip(b"=")[
            :-1
        ]  # letters that share bits with a neighbour say nothing
        found |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return {one for one in found if len(one) > 3}


def traces(secrets: Iterable[str], places: Mapping[str, bytes]) -> list[str]:
    """Where which secret can be read."""
    wanted = {secret: encodings(secret) for secret in secrets}
    return [
        f"{secret!r} in {place}"
        for place, content in places.items()
        for lowered in (content.lower(),)
        for secret, forms in wanted.items()
        if any(form.lower() in lowered for form in forms)
    ]


def files_of(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
