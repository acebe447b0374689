"""What comes round by itself."""

import time

from marketplace.programs import answers
from marketplace.upkeep import registry


def register() -> None:
    """Name the works."""
    registry.register("programs.answers", every_s=3600, do=lambda: answers.forget(now=time.time()))
