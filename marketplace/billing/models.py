"""Who bills, who is billed for which supply, the bills, and what was paid of them.

Money of a bill is in cents where its document says it, in micro-units elsewhere. Periods are market time, deadlines
the clock's. An issued bill is never changed: only payments, reminders and the time of payment are added to it.
"""

import uuid
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from marketplace.accounts.fields import EncryptedTextField
from marketplace.credit.models import Agreement, Merchant

CENT = 10_000


class Biller(models.Model):
    """How a merchant bills: what its invoices say of it, and its rules."""

    class Cycle(models.TextChoices):
        """How long a billing period is."""

        MONTH = "month", _("Calendar month")
        WEEK = "week", _("Week, from Monday")
        DAY = "day", _("Day")

    merchant = models.OneToOneField(
        Merchant,
        verbose_name=_("merchant"),
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="biller",
    )
    legal_name = models.CharField(_("legal name"), max_length=80)
    street = models.CharField(max_length=80)
    postcode = models.CharField(max_length=12)
    city = models.CharField(max_length=60)
    country = models.CharField(max_length=2, default="DE")
    vat_id = models.CharField(_("VAT number"), max_length=20, help_text=_("Such as DE123456789."))
    email = models.EmailField(blank=True)
    iban = models.CharField("IBAN", max_length=34, blank=True)
    bic = models.CharField("BIC", max_length=11, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=40, default="Europe/Berlin")
    cycle = models.CharField(_("billing period"), max_length=5, choices=Cycle, default=Cycle.MONTH)
    vat_permille = models.PositiveSmallIntegerField(
        default=190, validators=[MaxValueValidator(999)], help_text=_("Contained in the tariff's prices.")
    )
    payment_days = models.PositiveSmallIntegerField(
        _("days to pay"), default=14, validators=[MinValueValidator(1)]
    )
    prefix = models.CharField(
        _("numbers begin with"), max_length=12, help_text=_("Before the number of each bill.")
    )
    next_number = models.PositiveIntegerField(_("next number"), default=1, editable=False)
    archive_key = models.CharField(
        max_length=66,
        blank=True,
        help_text=_("X25519 public key, 0x-hex: bills are kept for the tax office sealed to it."),
    )
    retention_years = models.PositiveSmallIntegerField(default=10)

    class Meta:
        """How people call it."""

        verbose_name = _("how bills are made")
        verbose_name_plural = _("how bills are made")

    def __str__(self) -> str:
        return self.legal_name


class Supply(models.Model):
    """A connection that a merchant supplies, for one person, in one run of the market: what bills follow each other of.

    A live market plays its days again and again; each time is a run, and its slots are that run's own.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="supplies")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="supplies")
    run = models.ForeignKey("grid.ReplayRun", on_delete=models.PROTECT, related_name="+")
    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, null=True, related_name="supplies")
    owner = models.CharField(max_length=64, help_text=_("Id in the channel engine."))
    place = models.PositiveIntegerField(help_text=_("Number of the connection in the feeder."))
    name = models.CharField(max_length=64, help_text=_("What the run's trades call the connection."))
    starts_at = models.BigIntegerField(help_text=_("First quarter-hour, market time."))
    billed_until = models.BigIntegerField(help_text=_("End of the last bill's period."))
    ends_at = models.BigIntegerField(null=True, help_text=_("Where it ends before the run, market time."))
    corrected_until = models.BigIntegerField(
        default=0,
        help_text=_("Corrections of billed quarter-hours that were made before stand in a document."),
    )
    closed = models.BooleanField(default=False)

    class Meta:
        """One a person and run."""

        constraints = (models.UniqueConstraint(fields=("user", "run"), name="one_supply_a_run"),)
        verbose_name_plural = _("supplies")

    def __str__(self) -> str:
        return f"{self.name} from {self.merchant_id}"


class Bill(models.Model):
    """An issued bill. Its statement and its document are sealed under the person's key; its figures are the books'."""

    class Kind(models.TextChoices):
        """What it asks for."""

        BILL = "bill", _("Bill")
        CORRECTION = "correction", _("Correction")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    merchant = models.ForeignKey(
        Merchant, verbose_name=_("merchant"), on_delete=models.PROTECT, related_name="bills"
    )
    supply = models.ForeignKey(Supply, on_delete=models.PROTECT, related_name="bills")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="bills")
    kind = models.CharField(_("Kind"), max_length=10, choices=Kind, default=Kind.BILL)
    number = models.PositiveIntegerField()
    reference = models.CharField(max_length=30, help_text=_("The number as it is written."))
    starts_at = models.BigIntegerField()
    ends_at = models.BigIntegerField()
    issued_at = models.BigIntegerField()
    due_at = models.BigIntegerField()
    owed = models.BigIntegerField(help_text=_("Micro-units, exact."))
    net_cents = models.BigIntegerField()
    vat_cents = models.BigIntegerField()
    offset_cents = models.BigIntegerField(help_text=_("What the merchant owes for energy that it took."))
    due_cents = models.BigIntegerField(help_text=_("To be paid; below zero the merchant pays."))
    content = EncryptedTextField()
    document = EncryptedTextField()
    document_sha256 = models.CharField(max_length=64, blank=True)
    corrects = models.ManyToManyField("self", symmetrical=False, related_name="corrected_by")
    paid_at = models.BigIntegerField(null=True)
    level = models.PositiveSmallIntegerField(
        _("Reminded"), default=0, help_text=_("Of reminders: 1 before it is due, 2 and 3 after.")
    )

    class Meta:
        """Newest first; numbers without gaps, a period once."""

        verbose_name = _("bill")
        verbose_name_plural = _("bills")
        ordering = ("-issued_at", "-number")
        constraints = (
            models.UniqueConstraint(fields=("merchant", "number"), name="one_bill_a_number"),
            models.UniqueConstraint(
                fields=("supply", "starts_at"), condition=models.Q(kind="bill"), name="one_bill_a_period"
            ),
        )

    received: Any  # micro-units that were paid, where selectors.with_received was asked for it

    def __str__(self) -> str:
        return self.reference

    @property
    def due(self) -> int:
        """What is to be paid, micro-units."""
        return self.due_cents * CENT


class Payment(models.Model):
    """Money that came for a bill: over the ledger, or by a bank and recorded by the merchant."""

    class Way(models.TextChoices):
        """How it came."""

        LEDGER = "ledger", _("On the ledger")
        TRANSFER = "transfer", _("Bank transfer")

    bill = models.ForeignKey(Bill, on_delete=models.PROTECT, related_name="payments")
    way = models.CharField(max_length=8, choices=Way)
    amount = models.BigIntegerField(help_text=_("Micro-units."))
    reference = models.CharField(max_length=140, help_text=_("The bank's, or the ledger's transaction."))
    at = models.BigIntegerField()
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )

    class Meta:
        """In their order; the same money once."""

        ordering = ("at", "pk")
        constraints = (
            models.UniqueConstraint(fields=("bill", "way", "reference"), name="one_payment_a_reference"),
        )

    def __str__(self) -> str:
        return f"{self.amount} for {self.bill_id}"


class DebtPayment(models.Model):
    """Money that came by bank for a debt of credit notes, and its way onto the ledger by the merchant's key."""

    class State(models.TextChoices):
        """How far it has come."""

        WAITING = "waiting", _("Waits for a second operator")
        SENDING = "sending", _("On its way to the ledger")
        PAID = "paid", _("Paid on the ledger")

    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="debt_payments")
    amount = models.BigIntegerField(help_text=_("Micro-units."))
    reference = models.CharField(max_length=140, help_text=_("The bank's."))
    state = models.CharField(_("State"), max_length=7, choices=State, default=State.WAITING)
    entered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("Entered by")
    )
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("Approved by"),
    )
    at = models.BigIntegerField()
    alone_before = models.BigIntegerField(
        default=0, help_text=_("What the same operator alone had paid for this person lately, micro-units.")
    )
    after_block = models.BigIntegerField(null=True, help_text=_("It is in a later block than this one."))
    transaction_hash = models.CharField(max_length=66, blank=True)

    class Meta:
        """Newest first; the same money once."""

        ordering = ("-at", "-pk")
        verbose_name = _("debt paid by bank")
        verbose_name_plural = _("debts paid by bank")
        constraints = (
            models.UniqueConstraint(fields=("agreement", "reference"), name="one_debt_payment_a_reference"),
        )

    def __str__(self) -> str:
        return f"{self.amount} for {self.agreement_id}"


class KeptBill(models.Model):
    """A bill's document for the tax office, sealed to the merchant's archive key: this site can't open it."""

    bill = models.OneToOneField(Bill, on_delete=models.PROTECT, primary_key=True, related_name="kept")
    sealed = models.BinaryField()
    until = models.BigIntegerField(help_text=_("When the law no longer asks for it."))

    def __str__(self) -> str:
        return f"kept {self.bill_id}"
