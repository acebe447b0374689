"""How far somebody has come from a new account to credit. Everything is on the server: any device goes on where the last one stopped."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from marketplace.accounts.models import Document, Participant, User, Wallet
from marketplace.accounts.selectors import own_documents, participant_of, wallet_of
from marketplace.credit.models import Agreement, CreditApplication
from marketplace.credit.selectors import own_agreements, own_applications

STEPS: Mapping[str, str | Promise] = MappingProxyType(
    {
        "wallet": _("Wallet"),
        "person": _("About you"),
        "address": _("Address"),
        "meter": _("Meter"),
        "identity": _("Identity document"),
        "statements": _("Bank statements"),
        "credit": _("Your wish"),
        "consent": _("Consent"),
        "review": _("Check and send"),
        "decision": _("Decision"),
        "agreement": _("Agreement"),
    }
)
APPLYING = tuple(STEPS)[: tuple(STEPS).index("decision")]
OPTIONAL = ("statements",)
HANDED_IN = (*CreditApplication.REVIEWABLE_STATES, CreditApplication.State.APPROVED)
PERSON = ("display_name", "legal_name", "birth_date")
ADDRESS = ("street", "postcode", "city", "country")
METER = ("meter_number",)


@dataclass
class Progress:
    """How far somebody has come."""

    wallet: Wallet | None
    participant: Participant | None
    application: CreditApplication | None
    agreement: Agreement | None
    kinds: frozenset[str]

    @property
    def is_handed_in(self) -> bool:
        """The merchant has it: the applicant can't change anything now."""
        return self.application is not None and self.application.state in HANDED_IN

    @property
    def draft(self) -> CreditApplication | None:
        """The application while its applicant may change it."""
        application = self.application
        editable = application is not None and application.state in CreditApplication.EDITABLE_STATES
        return application if editable else None

    @cached_property
    def done(self) -> dict[str, bool]:
        """Which steps are behind."""
        handed_in, draft, agreement = self.is_handed_in, self.draft, self.agreement
        steps = {
            "wallet": self.wallet is not None,
            "person": self._has(PERSON),
            "address": self._has(ADDRESS),
            "meter": self._has(METER),
            "identity": Document.Kind.IDENTITY in self.kinds,
            "statements": bool(self.kinds & {Document.Kind.STATEMENT, Document.Kind.INCOME})
            or draft is not None,
            "credit": draft is not None,
            "consent": draft is not None and draft.consent_at is not None,
            "review": False,
        }
        return {
            **(dict.fromkeys(steps, True) if handed_in else steps),
            "decision": agreement is not None,
            "agreement": agreement is not None and agreement.state == Agreement.State.ACTIVE,
        }

    def _has(self, names: tuple[str, ...]) -> bool:
        return all(getattr(self.participant, name, None) for name in names)

    @property
    def step(self) -> str:
        """The first step that is not behind; the last one where all are."""
        return next((name for name, done in self.done.items() if not done), "agreement")

    def may_open(self, step: str) -> bool:
        """Whether the step can be looked at: all before it are behind, but for optional ones, and it is the person's turn."""
        if self.is_handed_in and step in APPLYING:
            return False
        before = list(self.done.items())[: list(STEPS).index(step)]
        return all(done or name in OPTIONAL for name, done in before)


def progress_of(user: User) -> Progress:
    """Read how far a user has come; a withdrawn or rejected application does not stand in the way of a new one."""
    application = own_applications(user).exclude(state=CreditApplication.State.WITHDRAWN).first()
    agreement = own_agreements(user).first()
    open_documents = own_documents(user).exclude(scan=Document.Scan.INFECTED)
    kinds = frozenset(open_documents.order_by().values_list("kind", flat=True).distinct())
    return Progress(wallet_of(user), participant_of(user), application, agreement, kinds)
