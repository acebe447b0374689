"""Merchants, credit applications with their checks, agreements, credit notes; `listing` has the black and grey lists.

Money is in micro-units of the stablecoin; addresses, hashes and signatures are lower-case 0x-hex.
"""

import uuid
from collections.abc import Mapping
from types import MappingProxyType

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from marketplace.accounts.fields import EncryptedTextField
from marketplace.accounts.models import Document

DAY = 24 * 3600


class Ledger(models.Model):
    """Where the contracts of a chain are, and the terms that its entity contracts start from."""

    chain_id = models.BigIntegerField(_("chain"), primary_key=True)
    token = models.CharField(_("stablecoin"), max_length=42)
    factory = models.CharField(_("merchants’ factory"), max_length=42)
    registry = models.CharField(_("registry"), max_length=42)
    token_name = models.CharField(max_length=80)
    token_version = models.CharField(max_length=10)
    metering = models.CharField(max_length=42, blank=True, help_text=_("Address of the metering key."))
    challenge_period = models.PositiveIntegerField(_("challenge period"), default=60, help_text=_("Seconds."))
    dispute_limit = models.PositiveSmallIntegerField(default=5)
    stale_penalty = models.BigIntegerField(default=1_000_000, help_text=_("Micro-units."))

    class Meta:
        """How people call it."""

        verbose_name = _("ledger")
        verbose_name_plural = _("ledgers")

    def __str__(self) -> str:
        return f"chain {self.chain_id}"


class RelayedTransfer(models.Model):
    """Stablecoin that its owner sent by a signed authorization (ERC-3009), brought to the ledger by this site.

    Written before the transaction is sent, so that a repeated request finds what the first one did.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    source = models.CharField(max_length=42)
    nonce = models.CharField(max_length=66)
    digest = models.CharField(max_length=66, help_text=_("What was signed."))
    transaction_hash = models.CharField(max_length=66, blank=True)
    block_number = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """The ledger takes a nonce of an owner once."""

        constraints = (models.UniqueConstraint(fields=("source", "nonce"), name="one_transfer_a_nonce"),)

    def __str__(self) -> str:
        return f"Transfer {self.digest[:10]}"


class Lease(models.Model):
    """Work that only one process may do at a time; free again when it is given back or runs out."""

    name = models.CharField(primary_key=True, max_length=40)
    holder = models.CharField(max_length=40)
    expires_at = models.FloatField()

    def __str__(self) -> str:
        return self.name


class Merchant(models.Model):
    """A supplier or grid operator that grants credit through its own merchant contract."""

    class Role(models.TextChoices):
        """What the merchant is in the energy system."""

        SUPPLIER = "supplier", _("Supplier")
        TSO = "tso", _("Transmission system operator")
        DSO = "dso", _("Distribution system operator")

    slug = models.SlugField(_("short name"), unique=True)
    name = models.CharField(_("name"), max_length=80)
    role = models.CharField(_("role"), max_length=10, choices=Role, default=Role.SUPPLIER)
    description = models.CharField(_("description"), max_length=200, blank=True)
    msc = models.CharField(
        _("merchant contract"), max_length=42, blank=True, help_text=_("Its address on the ledger.")
    )
    keystore = models.JSONField(
        default=dict, blank=True, help_text=_("Encrypted keystore (version 3) of its operator key.")
    )
    operators = models.ManyToManyField(
        settings.AUTH_USER_MODEL, verbose_name=_("operators"), related_name="merchants", blank=True
    )
    billing_period = models.PositiveIntegerField(
        _("billing period"),
        default=30 * DAY,
        validators=[MinValueValidator(DAY)],
        help_text=_("Seconds, a day at least."),
    )
    payment_term = models.PositiveIntegerField(
        _("time to pay"), default=14 * DAY, validators=[MinValueValidator(1)], help_text=_("Seconds.")
    )
    agreement_life = models.PositiveIntegerField(
        _("agreements last"), default=365 * DAY, help_text=_("Seconds.")
    )
    note_life = models.PositiveIntegerField(_("credit notes last"), default=30 * DAY, help_text=_("Seconds."))
    max_limit = models.BigIntegerField(
        _("highest limit"), default=5_000_000_000, help_text=_("Largest credit limit, micro-units.")
    )
    four_eyes_above = models.BigIntegerField(
        _("two operators above"),
        default=1_000_000_000,
        validators=[MinValueValidator(0)],
        help_text=_(
            "A person's limits together, and debts paid by bank that one operator enters, above this take two; "
            "micro-units, 0: all of them."
        ),
    )
    is_open = models.BooleanField(_("takes applications"), default=True)

    class Meta:
        """By name."""

        verbose_name = _("merchant")
        verbose_name_plural = _("merchants")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class CreditApplication(models.Model):
    """A participant's wish for credit, and what became of it."""

    class State(models.TextChoices):
        """How far an application has come."""

        DRAFT = "draft", _("Draft")
        SUBMITTED = "submitted", _("Submitted")
        IN_REVIEW = "in_review", _("In review")
        MORE_INFO = "more_info", _("Waiting for the applicant")
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Rejected")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    TRANSITIONS: Mapping[str, frozenset[str]] = MappingProxyType(
        {
            State.DRAFT: frozenset({State.SUBMITTED, State.WITHDRAWN}),
            State.SUBMITTED: frozenset(
                {State.IN_REVIEW, State.MORE_INFO, State.APPROVED, State.REJECTED, State.WITHDRAWN},
            ),
            State.IN_REVIEW: frozenset({State.MORE_INFO, State.APPROVED, State.REJECTED, State.WITHDRAWN}),
            State.MORE_INFO: frozenset({State.SUBMITTED, State.WITHDRAWN, State.REJECTED}),
            State.APPROVED: frozenset(),
            State.REJECTED: frozenset(),
            State.WITHDRAWN: frozenset(),
        },
    )
    OPEN_STATES = (State.DRAFT, State.SUBMITTED, State.IN_REVIEW, State.MORE_INFO)
    EDITABLE_STATES = (State.DRAFT, State.MORE_INFO)
    REVIEWABLE_STATES = (State.SUBMITTED, State.IN_REVIEW)
    UNSEEN_STATES = (State.DRAFT, State.WITHDRAWN)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="applications")
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="applications")
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT, db_index=True)
    requested_limit = models.BigIntegerField(help_text=_("Micro-units."))
    monthly_income = EncryptedTextField(help_text=_("Micro-units, decimal."))
    monthly_outgoings = EncryptedTextField(help_text=_("Micro-units, decimal."))
    consent_at = models.DateTimeField(null=True)
    documents = models.ManyToManyField(Document, related_name="applications", blank=True)
    question = models.TextField(blank=True, help_text=_("What the reviewer asked the applicant for."))
    decision_reason = models.TextField(blank=True)
    score = models.PositiveSmallIntegerField(null=True)
    proposed_limit = models.BigIntegerField(null=True)
    proposed_collateral = models.BigIntegerField(null=True)
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    submitted_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        """Newest first; one open application a person and merchant."""

        ordering = ("-created_at",)
        verbose_name = _("application")
        verbose_name_plural = _("applications")
        constraints = (
            models.UniqueConstraint(
                fields=("user", "merchant"),
                condition=models.Q(state__in=("draft", "submitted", "in_review", "more_info")),
                name="one_open_application",
            ),
        )

    def __str__(self) -> str:
        return f"Application {str(self.pk)[:8]}"


class ReasonTemplate(models.Model):
    """Words of a merchant's own for questions and refusals, to begin from."""

    class Use(models.TextChoices):
        """Where it is offered."""

        ASK = "ask", _("Asking for more")
        REJECT = "reject", _("Rejecting")
        APPEAL = "appeal", _("Answering an appeal")

    merchant = models.ForeignKey(Merchant, models.CASCADE, "reasons", verbose_name=_("merchant"))
    use = models.CharField(_("used for"), max_length=6, choices=Use)
    title = models.CharField(_("title"), max_length=60)
    text = models.TextField(max_length=2000, help_text=_("The applicant reads this; change it as you need."))

    class Meta:
        """By title."""

        ordering = ("use", "title")
        verbose_name = _("reason")
        verbose_name_plural = _("reasons")

    def __str__(self) -> str:
        return self.title


class CheckResult(models.Model):
    """One check of an application, with its reason; made anew at each submission."""

    application = models.ForeignKey(CreditApplication, on_delete=models.CASCADE, related_name="checks")
    position = models.PositiveSmallIntegerField()
    code = models.CharField(max_length=30)
    outcome = models.CharField(max_length=4)
    reason = models.CharField(max_length=300, help_text=_("In English."))
    reason_code = models.CharField(max_length=40, blank=True)
    params = models.JSONField(default=dict, help_text=_("What the reason's words name; never personal data."))
    points = models.SmallIntegerField()
    max_points = models.SmallIntegerField()

    class Meta:
        """In the order of the checks."""

        ordering = ("position",)
        constraints = (models.UniqueConstraint(fields=("application", "code"), name="one_result_per_check"),)

    def __str__(self) -> str:
        return f"{self.code}: {self.outcome}"


class Agreement(models.Model):
    """A CreditAgreement that the merchant signed, and its way onto the ledger."""

    class State(models.TextChoices):
        """Where the agreement stands."""

        SIGNED = "signed", _("Signed by the merchant")
        INITIALISING = "initialising", _("On its way to the ledger")
        ACTIVE = "active", _("Active")
        FAILED = "failed", _("Refused by the ledger")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    application = models.OneToOneField(CreditApplication, on_delete=models.PROTECT, related_name="agreement")
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="agreements")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="agreements")
    state = models.CharField(_("status"), max_length=12, choices=State, default=State.SIGNED)
    msc = models.CharField(max_length=42)
    participant = models.CharField(max_length=42, help_text=_("Root address of the participant."))
    credit_limit = models.BigIntegerField()
    collateral = models.BigIntegerField()
    billing_period = models.PositiveIntegerField()
    payment_term = models.PositiveIntegerField()
    valid_until = models.BigIntegerField()
    documents_hash = models.CharField(max_length=66)
    documents_salt = EncryptedTextField()
    nonce = models.CharField(max_length=66)
    sid = models.CharField(max_length=66, unique=True)
    merchant_signature = models.CharField(max_length=132)
    participant_signature = models.CharField(max_length=132, blank=True)
    transaction_hash = models.CharField(max_length=66, blank=True)
    block_number = models.BigIntegerField(null=True)
    failure = models.CharField(max_length=300, blank=True)
    changed_limit = models.BigIntegerField(null=True, help_text=_("Where the merchant changed it since."))
    created_at = models.DateTimeField(auto_now_add=True)
    activated_at = models.DateTimeField(null=True)

    outstanding: int  # sum of good notes, where selectors.with_outstanding was asked for it

    class Meta:
        """Newest first."""

        verbose_name = _("agreement")
        verbose_name_plural = _("agreements")
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"Agreement {self.sid[:10]}"

    @property
    def limit(self) -> int:
        """What the participant's notes may add up to now."""
        return self.credit_limit if self.changed_limit is None else self.changed_limit


class CreditNote(models.Model):
    """A CreditNote that the merchant signed against the participant's receipt."""

    serial = models.CharField(_("serial number"), primary_key=True, max_length=66)
    agreement = models.ForeignKey(
        Agreement, verbose_name=_("agreement"), on_delete=models.PROTECT, related_name="notes"
    )
    holder = models.CharField(_("holder’s key"), max_length=42, db_index=True)
    amount = models.BigIntegerField()
    valid_until = models.BigIntegerField()
    merchant_signature = models.CharField(_("the merchant’s signature"), max_length=132)
    receipt_signature = models.CharField(_("the participant’s signature"), max_length=132)
    issued_at = models.DateTimeField(_("issued"), auto_now_add=True)

    class Meta:
        """Newest first."""

        verbose_name = _("credit note")
        verbose_name_plural = _("credit notes")
        ordering = ("-issued_at",)

    def __str__(self) -> str:
        return f"Note {self.serial[:10]}"


class BookBlock(models.Model):
    """A ledger block whose events of a merchant contract are in the books."""

    msc = models.CharField(max_length=42)
    number = models.BigIntegerField()
    hash = models.CharField(max_length=66)

    class Meta:
        """One a height."""

        constraints = (models.UniqueConstraint(fields=("msc", "number"), name="one_book_block_a_height"),)

    def __str__(self) -> str:
        return f"Block {self.number}"


class BookEvent(models.Model):
    """An event of a merchant contract: what statements are made of. A block that is rolled back takes its events along."""

    msc = models.CharField(max_length=42)
    block_number = models.BigIntegerField()
    log_index = models.PositiveIntegerField()
    at = models.BigIntegerField(help_text=_("Epoch seconds."))
    name = models.CharField(max_length=30)
    sid = models.CharField(max_length=66, blank=True)
    serial = models.CharField(max_length=66, blank=True)
    arguments = models.JSONField()
    transaction_hash = models.CharField(max_length=66)

    class Meta:
        """In the ledger's order."""

        ordering = ("block_number", "log_index")
        constraints = (
            models.UniqueConstraint(fields=("msc", "block_number", "log_index"), name="one_book_event_a_log"),
        )
        indexes = (
            models.Index(fields=("msc", "sid"), name="book_events_of_agreement"),
            models.Index(fields=("msc", "serial"), name="book_events_of_note"),
        )

    def __str__(self) -> str:
        return f"{self.name} in block {self.block_number}"


from marketplace.credit.first_words import FirstApproval, FirstRaise  # noqa: E402, F401  Django finds an app's models in this module
from marketplace.credit.listing import Appeal, ListEntry  # noqa: E402, F401  the same
