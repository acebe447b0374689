"""All checks in the order in which a reviewer reads them, and the proposal that comes of them."""

from collections.abc import Callable, Sequence

from marketplace.credit.scoring import checks, money
from marketplace.credit.scoring.facts import Check, Facts, Outcome, Proposal

CHECKS: tuple[Callable[[Facts], Check], ...] = (
    checks.check_age,
    checks.check_wallet,
    checks.check_lists,
    checks.check_identity_document,
    checks.check_papers,
    checks.check_name,
    checks.check_iban,
    checks.check_address,
    checks.check_period,
    money.check_declared,
    money.check_affordability,
    checks.check_disputes,
    checks.check_history,
)


def check_all(facts: Facts) -> tuple[Check, ...]:
    """Run every check; the most points that they can give add up to 100."""
    return tuple(check(facts) for check in CHECKS)


def propose(facts: Facts, done: Sequence[Check]) -> Proposal:
    """Limit and collateral from the checks; whole currency units, the limit rounded down, collateral up."""
    score = sum(check.points for check in done)
    if any(check.is_gate and check.outcome is Outcome.FAIL for check in done):
        return Proposal(score, 0, 0)
    limit = money.affordable(facts)
    return Proposal(score, limit, money.collateral_for(limit, score, shade=facts.shade))
