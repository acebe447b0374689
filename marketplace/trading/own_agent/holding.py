"""Who acts for a person: one browser or program at a time. The others rest, and may take over.

Two that act at once would both take each step, and one of them be refused. So whoever works says so again and again, under a
name of its own; who falls silent is followed by the next one that asks. Nothing safe rests on it: both hold the same
mandate, and count what is bound.
"""

import time
from dataclasses import dataclass

from django.db import transaction

from marketplace.accounts.models import User
from marketplace.trading.models import OwnAgent

HELD_S = 60
RESTING = frozenset({"locked", "paused", "draft", "mandate"})
"""Who does nothing for these reasons keeps nobody else from it."""
ELSEWHERE = {"browser": "by_browser", "program": "by_program"}
"""Why there is no step for anybody else, by who acts."""


@dataclass(frozen=True, slots=True)
class Holding:
    """Who acts until when; `mine` is whether that is who asked, or nobody."""

    mine: bool
    acts: str = ""
    until: int = 0


def holding_of(agent: OwnAgent, holder: str) -> Holding:
    """How it stands for this holder; an empty name is nobody's."""
    held = agent.held_until > time.time()
    if not held:
        return Holding(mine=True)
    return Holding(mine=bool(holder) and agent.holder == holder, acts=agent.acts, until=agent.held_until)


@transaction.atomic
def hold(
    *, user: User, holder: str, acts: str, doing: str, takes_over: bool = False, leaves: bool = False
) -> Holding:
    """Act for a person from now on, or go on with it, unless another one does and is not to be relieved.

    Args:
        user: For whom.
        holder: The asker's own name, the same at each call; without one it holds nothing, and only learns who acts.
        acts: `browser` or `program`.
        doing: Why it does nothing, or "" (`words.REASONS`).
        takes_over: The person said that this one should act.
        leaves: It ends now: whoever asks next may act.
    """
    OwnAgent.objects.get_or_create(user=user)
    agent = OwnAgent.objects.select_for_update().get(user=user)
    found = holding_of(agent, holder)
    if not holder or not (found.mine or takes_over):
        return found
    until = 0 if leaves or doing in RESTING else int(time.time()) + HELD_S
    agent.acts, agent.holder, agent.held_until = (acts, holder, until) if until else ("", "", 0)
    agent.save(update_fields=["acts", "holder", "held_until"])
    return Holding(mine=True, acts=agent.acts, until=until)
