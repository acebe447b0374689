"""What comes round by itself."""

import time

from marketplace.programs import answers, delivering, events
from marketplace.upkeep import registry


def deliver() -> None:
    """Find what happened, and send what is due."""
    now = time.time()
    events.look(now)
    delivering.deliver_due(now)


def register() -> None:
    """Name the works."""
    registry.register("programs.answers", every_s=3600, do=lambda: answers.forget(now=time.time()))
    registry.register("programs.webhooks", every_s=5, do=deliver)
    registry.register("programs.webhook_log", every_s=3600, do=lambda: delivering.forget(time.time()))
