"""`manage.py` on a machine whose clock is `CLOCK_AHEAD_S` seconds ahead: a long pause without the waiting."""

import os
import runpy
import sys
import time
from pathlib import Path

AHEAD_S = int(os.environ["CLOCK_AHEAD_S"])
ROOT = Path(__file__).resolve().parents[2]


def shifted(real):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201  wraps a builtin
    """The same clock, later."""
    return lambda: real() + AHEAD_S


time.time = shifted(time.time)
sys.path.insert(0, str(ROOT))
sys.argv[0] = str(ROOT / "manage.py")
runpy.run_path(sys.argv[0], run_name="__main__")
