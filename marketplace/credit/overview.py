"""A merchant's business at a glance: money at risk, debts, claims whose clock runs, exposure over time.

From the books as they are: whoever opens an agreement brings them up to date, and so does the site's periodic work.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.utils import timezone

from marketplace.accounts.errors import RefusedError
from marketplace.credit.billing import Statement
from marketplace.credit.books import bring_up_to_date, exposures_of, statements_of
from marketplace.credit.models import Agreement, Merchant

DAY = 24 * 3600
POINTS = 25
DAYS_SHOWN = 30


@dataclass(frozen=True, slots=True)
class Standing:
    """An agreement and its statement."""

    agreement: Agreement
    books: Statement

    @property
    def used(self) -> int:
        """Reserved or owed, and not paid."""
        return max(0, sum(note.reserved + note.debt for note in self.books.notes) - self.books.paid)

    @property
    def at_risk(self) -> int:
        """What the collateral does not cover of it."""
        return max(0, self.used - self.books.collateral)

    @property
    def can_execute(self) -> bool:
        """Whether a claim's window is over."""
        claim = self.books.claim
        return claim is not None and timezone.now().timestamp() > claim.deadline


@dataclass(slots=True)
class Overview:
    """Sums over agreements, micro-units, and the ones that need somebody."""

    used: int = 0
    collateral: int = 0
    at_risk: int = 0
    overdue: int = 0
    notes: int = 0
    claims: list[Standing] = field(default_factory=list)
    debts: list[Standing] = field(default_factory=list)


def standings(agreements: Sequence[Agreement]) -> list[Standing]:
    """Statements of agreements that are on the ledger."""
    active = [one for one in agreements if one.state == Agreement.State.ACTIVE]
    books = statements_of(active)
    return [Standing(one, books[one.pk]) for one in active]


def overview_of(found: Sequence[Standing]) -> Overview:
    """Add up; the claim whose window ends first and the largest debt stand first."""
    now, total = int(timezone.now().timestamp()), Overview()
    for one in found:
        total.used += one.used
        total.collateral += one.books.collateral
        total.at_risk += one.at_risk
        total.overdue += one.books.payable
        total.notes += sum(note.exposure(now) for note in one.books.notes)
    total.claims = sorted((one for one in found if one.books.claim), key=_deadline)
    owing = (one for one in found if one.books.payable and not one.books.claim)
    total.debts = sorted(owing, key=lambda one: -one.books.payable)
    return total


def _deadline(one: Standing) -> int:
    return one.books.claim.deadline if one.books.claim else 0


@dataclass(frozen=True, slots=True)
class Chart:
    """Exposure over time, ready to be drawn: paths in a box of `WIDTH` x `HEIGHT`, and the same as rows."""

    used: str
    collateral: str
    top: int
    rows: tuple[tuple[int, int, int], ...]


WIDTH, HEIGHT = 600, 160


def exposure_chart(agreements: Sequence[Agreement], *, now: int | None = None) -> Chart | None:
    """The last thirty days, or since the first agreement if that is later; None where nothing happened yet."""
    active = [one for one in agreements if one.state == Agreement.State.ACTIVE]
    if not active:
        return None
    end = int(timezone.now().timestamp()) if now is None else now
    first = min(int((one.activated_at or one.created_at).timestamp()) for one in active)
    start = max(end - DAYS_SHOWN * DAY, min(first, end - POINTS))
    moments = [start + (end - start) * step // (POINTS - 1) for step in range(POINTS)]
    totals = exposures_of(active, moments)
    top = max(max(pair) for pair in totals)
    if not top:
        return None
    used, collateral = (_path([pair[which] for pair in totals], top) for which in (0, 1))
    rows = tuple((at, *pair) for at, pair in zip(moments, totals, strict=True))
    return Chart(used, collateral, top, rows)


def _path(values: Sequence[int], top: int) -> str:
    """An SVG path; each value holds until the next."""
    step = WIDTH / (len(values) - 1)
    points = []
    for place, value in enumerate(values):
        y = HEIGHT - HEIGHT * value / top
        points.append(f"M0 {y:.1f}" if not place else f"H{place * step:.1f} V{y:.1f}")
    return " ".join(points)


def freshen(merchants: Sequence[Merchant]) -> str:
    """Bring the merchants' books up to date; why not, in words, where the ledger is away."""
    for merchant in merchants:
        try:
            bring_up_to_date(merchant.msc)
        except RefusedError as error:
            return error.detail
    return ""


def freshen_all() -> int:
    """The site's periodic work: how many merchants' books are up to date now."""
    merchants = list(Merchant.objects.exclude(msc=""))
    return len(merchants) if not freshen(merchants) else 0
