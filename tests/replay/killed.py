"""`manage.py` that is killed as soon as the newest entry on disk is of the kind `KILLED_AT`."""

import os
import runpy
import signal
import sys
from pathlib import Path

from django.db.backends.base.base import BaseDatabaseWrapper

KIND = os.environ["KILLED_AT"]
NEWEST = "SELECT type FROM engine_logentry ORDER BY id DESC LIMIT 1"
ROOT = Path(__file__).resolve().parents[2]
commit = BaseDatabaseWrapper.commit


def commit_and_die(self: BaseDatabaseWrapper) -> None:
    """`commit`, and maybe the end."""
    commit(self)
    with self.cursor() as cursor:
        if cursor.execute(NEWEST).fetchone() == (KIND,):
            os.kill(os.getpid(), signal.SIGKILL)


BaseDatabaseWrapper.commit = commit_and_die  # type: ignore[method-assign]  # a seam of the test alone
sys.path.insert(0, str(ROOT))
sys.argv[0] = str(ROOT / "manage.py")
runpy.run_path(sys.argv[0], run_name="__main__")
