"""The operator's hand on the live market: pause, go on, speed, one step. What stands in the database counts."""

import time
from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from marketplace.accounts.errors import ConflictError, RefusedError
from marketplace.accounts.models import User
from marketplace.accounts.services import record
from marketplace.trading.models import MarketControl

USUAL = 1000
SLOWEST, FASTEST = 100, 20_000
"""Per mille of the scenario's pace."""
MOST_STEPS = 96


@dataclass(frozen=True, slots=True)
class Hand:
    """How the market runs; `speed` is a multiple of the scenario's own pace."""

    paused: bool = False
    speed_permille: int = USUAL

    @property
    def speed(self) -> float:
        """The multiple."""
        return self.speed_permille / USUAL


def hand() -> Hand:
    """As it is stored now; running at the scenario's pace where nobody ever changed it."""
    row = MarketControl.objects.filter(pk=1).values_list("paused", "speed_permille").first()
    return Hand(*row) if row else Hand()


def may_operate(user: object) -> bool:
    """Staff with the permission `trading.operate_market`; superusers have all."""
    return (
        isinstance(user, User)
        and user.is_active
        and user.is_staff
        and user.has_perm("trading.operate_market")
    )


@transaction.atomic
def steer(*, operator: User, paused: bool | None = None, speed_permille: int | None = None) -> Hand:
    """Pause or go on, or change the speed; None leaves as it is.

    Raises:
        PermissionDenied: not an operator.
        RefusedError: a speed that nobody could follow.
    """
    row = _locked(operator)
    if speed_permille is not None:
        if not SLOWEST <= speed_permille <= FASTEST:
            limits = _("Between %(least)s and %(most)s times the pace.") % {
                "least": f"{SLOWEST / USUAL:g}",
                "most": FASTEST // USUAL,
            }
            raise RefusedError("speed", _("The market can't run at this speed."), {"speed": [limits]})
        row.speed_permille = speed_permille
    if paused is not None:
        row.paused, row.steps = paused, 0
    _keep(row, operator, "market.steered")
    return Hand(row.paused, row.speed_permille)


@transaction.atomic
def step(*, operator: User) -> Hand:
    """Let one slot more be played while the market is paused.

    Raises:
        PermissionDenied: not an operator.
        ConflictError: it runs by itself, or many steps wait already.
    """
    row = _locked(operator)
    if not row.paused:
        raise ConflictError("not_paused", _("The market runs by itself; pause it first."))
    if row.steps >= MOST_STEPS:
        raise ConflictError("many_steps", _("Many steps wait already; let the market play them first."))
    row.steps += 1
    _keep(row, operator, "market.stepped")
    return Hand(row.paused, row.speed_permille)


def _locked(operator: User) -> MarketControl:
    if not may_operate(operator):
        raise PermissionDenied(_("Only operators of the market may do this."))
    MarketControl.objects.get_or_create(pk=1)
    return MarketControl.objects.select_for_update().get(pk=1)


def _keep(row: MarketControl, operator: User, action: str) -> None:
    row.changed_by = operator
    row.save()
    record(
        actor=operator, action=action, subject="market", paused=row.paused, speed_permille=row.speed_permille
    )


def _take_step() -> bool:
    """Whether a step waited; it is taken by this, once."""
    return bool(MarketControl.objects.filter(pk=1, steps__gt=0).update(steps=F("steps") - 1))


class Pace:
    """When the next slot is due, by the scenario's pace and the operator's hand.

    Args:
        seconds_per_slot: the scenario's; slots that took longer are not caught up with but by one.
    """

    def __init__(self, seconds_per_slot: float) -> None:
        self._seconds, self._last = seconds_per_slot, time.monotonic()

    def due(self) -> bool:
        """Whether to play the next slot now; the question counts as its playing."""
        now, control = time.monotonic(), hand()
        if control.paused:
            self._last = now
            return _take_step()
        wait = self._seconds / control.speed
        if now < self._last + wait:
            return False
        self._last = max(self._last + wait, now - wait)
        return True
