"""What somebody can carry: declared against shown, the limit against what is left, the collateral."""

from marketplace.credit.scoring.facts import UNIT, Account, Check, Facts, Outcome

MONTH_SECONDS = 30 * 24 * 3600
COLLATERAL_PERCENT = ((80, 10), (60, 25), (40, 50), (0, 100))
GREY_SURCHARGE_PERCENT = 25
AFFORDABILITY_POINTS = ((25, 25), (50, 16), (100, 6))
DECLARED_MOST_PERCENT = 110
SHOWN_MOST_PERCENT = 125


def shown(facts: Facts) -> Account | None:
    """The account whose statements cover most, where it shows an income; one by which nothing comes in is no basis."""
    return next((account for account in facts.accounts if account.income), None)


def disposable_per_period(facts: Facts) -> int:
    """Income less outgoings over one billing period, micro-units, rounded down, at least 0.

    What statements show counts where it is less than what was declared: nobody is believed to earn more, or to
    spend less, than the bank says.
    """
    income, outgoings, account = facts.monthly_income, facts.monthly_outgoings, shown(facts)
    if account is not None:
        income, outgoings = min(income, account.income), max(outgoings, account.outgoings)
    return max(0, income - outgoings) * facts.billing_period // MONTH_SECONDS


def check_declared(facts: Facts) -> Check:
    """What was declared fits what the statements show."""
    account = shown(facts)
    if account is None:
        return Check("declared", Outcome.WARN, "declared.unread", 5, 10)
    percent = -(-100 * facts.monthly_income // account.income)
    if percent > DECLARED_MOST_PERCENT:
        return Check("declared", Outcome.FAIL, "declared.income", 0, 10, params={"declared_percent": percent})
    if 100 * account.outgoings > SHOWN_MOST_PERCENT * facts.monthly_outgoings:
        percent = -(-100 * account.outgoings // max(1, facts.monthly_outgoings))
        return Check(
            "declared", Outcome.WARN, "declared.outgoings", 5, 10, params={"shown_percent": min(percent, 999)}
        )
    return Check("declared", Outcome.PASS, "declared.ok", 10, 10)


def check_affordability(facts: Facts) -> Check:
    """The limit against what is left in a billing period."""
    disposable = disposable_per_period(facts)
    if disposable == 0:
        return Check("affordability", Outcome.FAIL, "affordability.none", 0, 25)
    percent = -(-100 * facts.requested_limit // disposable)
    points = next((points for most, points in AFFORDABILITY_POINTS if percent <= most), 0)
    outcome = Outcome.PASS if points > 6 else Outcome.WARN if points else Outcome.FAIL  # noqa: PLR2004  the table's last row
    reason = "affordability.shown" if shown(facts) else "affordability.declared"
    return Check("affordability", outcome, reason, points, 25, params={"percent": percent})


def affordable(facts: Facts) -> int:
    """The most that the scorecard proposes: half of what is left in a billing period, in whole units."""
    return min(facts.requested_limit, facts.max_limit, disposable_per_period(facts) // 2) // UNIT * UNIT


def collateral_for(limit: int, score: int, *, shade: str = "") -> int:
    """Collateral that a score asks for, micro-units, rounded up to a whole unit, never above the limit."""
    percent = next(percent for least, percent in COLLATERAL_PERCENT if score >= least)
    if shade == "grey":
        percent = min(100, percent + GREY_SURCHARGE_PERCENT)
    return min(limit, -(-limit * percent // (100 * UNIT)) * UNIT)
