"""Four eyes above a limit, reviewers who race, and what an applicant does meanwhile."""

from collections.abc import Callable

import pytest
from django.core.exceptions import PermissionDenied
from django.urls import reverse
from people import Person, Shop, at_desk

from marketplace.accounts.errors import ConflictError
from marketplace.accounts.models import AuditEvent, User
from marketplace.billing import debts
from marketplace.billing.models import DebtPayment
from marketplace.credit import claims, decisions, limits, services
from marketplace.credit.models import Agreement, CreditApplication, FirstApproval
from marketplace.notifications.models import Notice

pytestmark = pytest.mark.django_db
Apply = Callable[[Person, Shop], CreditApplication]
COIN = 1_000_000


@pytest.fixture
def colleague(shop: Shop) -> User:
    shop.merchant.four_eyes_above = 100 * COIN
    shop.merchant.save()
    user = User.objects.create_user("second@example.org", "long enough password", is_staff=True)
    shop.merchant.operators.add(user)
    return user


def approve(application: CreditApplication, operator: User, limit: int = 150) -> Agreement | None:
    terms = {"limit": limit * COIN, "collateral": 15 * COIN}
    return decisions.approve_application(application=application, operator=operator, **terms)


def test_above_the_limit_two_different_operators_approve(
    person: Person, shop: Shop, colleague: User, apply: Apply
) -> None:
    application = apply(person, shop)
    for _again in range(2):
        assert approve(application, shop.operator) is None
    application.refresh_from_db()
    assert (application.state, Agreement.objects.count()) == ("in_review", 0)
    signed = approve(application, colleague)
    assert signed is not None
    assert signed.credit_limit == 150 * COIN
    assert approve(application, shop.operator) == signed
    actions = list(AuditEvent.objects.filter(action__contains="appro").values_list("action", "actor__email"))
    assert actions == [
        ("application.approved", colleague.email),
        ("application.first_approval", shop.operator.email),
        ("application.first_approval", shop.operator.email),
    ]
    assert Notice.objects.filter(user=person.user, kind="application_decided").count() == 1


def test_other_terms_begin_anew(person: Person, shop: Shop, colleague: User, apply: Apply) -> None:
    application = apply(person, shop)
    assert approve(application, shop.operator) is None
    assert approve(application, colleague, limit=140) is None
    assert FirstApproval.objects.get().operator == colleague
    assert approve(application, colleague, limit=140) is None
    assert approve(application, shop.operator, limit=140) is not None


def test_up_to_the_limit_one_operator_is_enough(
    person: Person, shop: Shop, colleague: User, apply: Apply
) -> None:
    assert approve(apply(person, shop), colleague, limit=100) is not None


def test_who_runs_the_site_is_neither_eye(person: Person, shop: Shop, colleague: User, apply: Apply) -> None:
    application = apply(person, shop)
    root = User.objects.create_superuser("root@example.org", "long enough password")
    with pytest.raises(PermissionDenied):
        approve(application, root)
    assert approve(application, shop.operator) is None
    with pytest.raises(PermissionDenied):
        approve(application, root)
    shop.operator.is_superuser = True
    shop.operator.save()
    assert approve(application, shop.operator) is None


@pytest.mark.parametrize("meanwhile", ["withdrawn", "asked", "rejected"])
def test_what_happens_meanwhile_ends_the_first_approval(
    person: Person, shop: Shop, colleague: User, apply: Apply, meanwhile: str
) -> None:
    application = apply(person, shop)
    approve(application, shop.operator)
    if meanwhile == "withdrawn":
        services.withdraw_application(application=application)
    elif meanwhile == "asked":
        decisions.ask_for_more(application=application, operator=colleague, question="A payslip?")
    else:
        decisions.reject_application(application=application, operator=colleague, reason="No payslip")
    with pytest.raises(ConflictError, match="can't be done now"):
        approve(application, colleague)
    assert not FirstApproval.objects.exists()
    assert not Agreement.objects.exists()


def test_a_reviewer_decides_on_what_was_seen(person: Person, shop: Shop, apply: Apply) -> None:
    application = apply(person, shop)
    seen = application.submitted_at
    decisions.ask_for_more(application=application, operator=shop.operator, question="A payslip?")
    services.submit_application(application=application)
    with pytest.raises(ConflictError, match="anew"):
        decisions.reject_application(
            application=application, operator=shop.operator, reason="Old news", seen=seen
        )
    page = at_desk(shop.operator).post(
        f"/admin/credit/creditapplication/{application.pk}/change/",
        {"decision": "reject", "reject-reason": "Old news", "seen": seen.isoformat()},
    )
    assert page.status_code == 400
    assert "anew" in page.content.decode()
    application.refresh_from_db()
    assert application.state == "submitted"


def test_colleagues_take_over_and_hand_back(
    person: Person, shop: Shop, colleague: User, apply: Apply
) -> None:
    application = apply(person, shop)
    decisions.start_review(application=application, operator=shop.operator)
    taken = decisions.start_review(application=application, operator=colleague)
    assert (taken.state, taken.reviewer) == ("in_review", colleague)
    assert decisions.hand_back(application=application, operator=shop.operator).reviewer is None
    services.withdraw_application(application=application)
    for verb in (decisions.start_review, decisions.hand_back):
        with pytest.raises(ConflictError):
            verb(application=application, operator=colleague)


def granted(
    person: Person, shop: Shop, limit: int, operator: User
) -> tuple[CreditApplication, Agreement | None]:
    """One more application of the same person, and what an operator's approval makes of it."""
    wish = {"requested_limit": limit * COIN, "monthly_income": 3100 * COIN, "monthly_outgoings": COIN}
    application = services.start_application(user=person.user, merchant=shop.merchant, consent=True, **wish)
    services.submit_application(application=application)
    return application, approve(application, operator, limit)


def test_limits_of_several_agreements_count_together(
    person: Person, shop: Shop, colleague: User, apply: Apply
) -> None:
    assert approve(apply(person, shop), shop.operator, limit=60) is not None
    application, signed = granted(person, shop, 41, shop.operator)
    assert signed is None
    assert approve(application, colleague, limit=41) is not None
    Agreement.objects.update(valid_until=1)
    assert granted(person, shop, 100, shop.operator)[1] is not None


def test_a_limit_raised_in_steps_takes_two_operators(
    person: Person, shop: Shop, colleague: User, apply: Apply
) -> None:
    agreement = approve(apply(person, shop), shop.operator, limit=60)
    assert agreement is not None
    Agreement.objects.update(state="active")
    agreement.refresh_from_db()

    def enough(limit: int, operator: User) -> bool:
        return limits.may_change(agreement=agreement, operator=operator, limit=limit * COIN)

    assert [enough(100, shop.operator), enough(101, shop.operator), enough(101, shop.operator)] == [
        True,
        False,
        False,
    ]
    page = reverse("admin:credit_agreement_change", args=[agreement.pk])
    said = at_desk(shop.operator).post(page, {"action": "limit", "limit-limit": "101"}, follow=True)
    assert said.status_code == 200
    assert "Your raise is kept" in said.content.decode()
    assert [enough(102, colleague), enough(102, colleague), enough(102, shop.operator)] == [
        False,
        False,
        True,
    ]
    claims.drop_raise(agreement=agreement, operator=shop.operator)
    assert not enough(102, shop.operator)
    Agreement.objects.update(changed_limit=150 * COIN)
    agreement.refresh_from_db()
    assert [enough(140, colleague), enough(151, colleague)] == [True, False]
    told = AuditEvent.objects.filter(action__in=("limit.first_word", "limit.dropped")).order_by("pk")
    assert [one.detail["limit"] for one in told] == [f"{n}000000" for n in (101, 102, 102, 102, 151)]


def test_payments_of_one_operator_for_a_person_count_together(
    person: Person, shop: Shop, colleague: User, apply: Apply
) -> None:
    agreement = approve(apply(person, shop), shop.operator, limit=60)
    assert agreement is not None

    def paid(reference: str, amount: int, operator: User, owed: int = 1000) -> tuple[bool, int]:
        row, is_sent = debts._entered(agreement, operator, amount * COIN, reference, owed * COIN)
        return is_sent, row.alone_before // COIN

    assert [paid("one", 60, shop.operator), paid("two", 41, shop.operator)] == [(True, 0), (False, 60)]
    assert [paid("two", 41, shop.operator), paid("three", 40, shop.operator)] == [(False, 60), (True, 60)]
    assert [paid("four", 1, shop.operator), paid("five", 100, colleague)] == [(False, 100), (True, 0)]
    assert paid("two", 41, colleague) == (True, 60)
    assert debts.paid_alone(agreement, colleague) == 100 * COIN
    life = agreement.billing_period + agreement.payment_term
    for row in DebtPayment.objects.all():
        DebtPayment.objects.filter(pk=row.pk).update(at=row.at - life - 1)
    assert [paid("four", 1, shop.operator), paid("six", 100, shop.operator)] == [(True, 100), (False, 1)]
