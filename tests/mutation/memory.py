"""Which test noticed a mutant the last time: it is tried first the next time. Only speed hangs on it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.mutation.forked import ROOT

PLACE = ROOT / "var" / "mutation-killers.json"


@contextmanager
def killers(area: str, place: Path = PLACE) -> Iterator[dict[str, str]]:
    """Names of mutants with the test that noticed each; what is added is kept for the next run."""
    ours = _read(place).get(area, {})
    try:
        yield ours
    finally:
        place.parent.mkdir(exist_ok=True)
        place.write_text(json.dumps({**_read(place), area: ours}, indent=1))


def _read(place: Path) -> dict[str, dict[str, str]]:
    return json.loads(place.read_text()) if place.exists() else {}  # type: ignore[no-any-return]  written above
