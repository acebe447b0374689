"""Who trades at which connection, what they list, and what the grid said.

Trades, channels and signatures are the engine's (`channels_engine.store`); `owner` is the id that it knows a
prosumer by. Energy in Wh, prices in micro-units per kWh, times in epoch seconds UTC.
"""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from grid.assets import SLOT_SECONDS
from marketplace.trading.own_agent.models import AgentDecision, AgentRules, OwnAgent
from marketplace.words import gate
from marketplace.words.cores import told

__all__ = (
    "AgentDecision",
    "AgentRules",
    "GateDecision",
    "HouseholdReceipt",
    "Listing",
    "MarketControl",
    "Meter",
    "MeterFault",
    "MeterToken",
    "OwnAgent",
    "PromisedFunding",
    "Prosumer",
    "RegisterReading",
    "RunReport",
)


class Prosumer(models.Model):
    """A household, person or business at one connection of the feeder."""

    class Kind(models.TextChoices):
        """What stands behind a connection."""

        HOUSEHOLD = "household", _("Household")
        PERSON = "person", _("Person")
        BUSINESS = "business", _("Business")

    owner = models.CharField(_("owner"), max_length=64, unique=True, help_text=_("Id in the channel engine."))
    slug = models.SlugField(max_length=64, unique=True)
    display_name = models.CharField(_("name shown to partners"), max_length=40)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.HOUSEHOLD)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="prosumer",
    )
    connection = models.CharField(
        _("connection"), max_length=64, blank=True, db_index=True, help_text=_("Name in the grid model.")
    )
    bus = models.IntegerField(_("bus"), null=True, blank=True, help_text=_("Index of its bus in the feeder."))
    has_pv = models.BooleanField(_("has PV"), default=False)
    has_battery = models.BooleanField(_("has a battery"), default=False)
    is_agent = models.BooleanField(
        _("trades by an agent"), default=False, help_text=_("An agent trades for it by rules.")
    )
    agent_rules = models.JSONField(default=dict, blank=True)
    agent_keystore = models.CharField(max_length=100, blank=True, help_text=_("Name of its keystore."))
    is_active = models.BooleanField(_("trades"), default=True)

    standing: Any  # with the asker, where standings.with_standings put it
    reputation: Any  # where reputation.with_reputations put it
    metres: int | None  # of cable to the asker, where finding.with_distances put it

    class Meta:
        """By name."""

        verbose_name = _("prosumer")
        verbose_name_plural = _("prosumers")
        ordering = ("display_name", "pk")

    def __str__(self) -> str:
        return self.display_name


class Listing(models.Model):
    """A surplus or a need of one prosumer in one delivery slot, offered to everybody; binds nobody."""

    class Side(models.TextChoices):
        """What the prosumer would do."""

        SELLS = "sells", _("Sells")
        BUYS = "buys", _("Buys")

    class State(models.TextChoices):
        """Whether it still stands."""

        OPEN = "open", _("Open")
        FILLED = "filled", _("Traded")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    prosumer = models.ForeignKey(
        Prosumer, verbose_name=_("prosumer"), on_delete=models.CASCADE, related_name="listings"
    )
    side = models.CharField(_("side"), max_length=5, choices=Side)
    slot_start = models.BigIntegerField(_("quarter-hour"), db_index=True)
    quantity_wh = models.BigIntegerField(_("energy in Wh"))
    price_per_kwh = models.BigIntegerField()
    state = models.CharField(_("status"), max_length=9, choices=State, default=State.OPEN)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Next slot first; one open listing a prosumer, side and slot."""

        verbose_name = _("listing")
        verbose_name_plural = _("listings")
        ordering = ("slot_start", "-created_at")
        constraints = (
            models.UniqueConstraint(
                fields=("prosumer", "slot_start", "side"),
                condition=models.Q(state="open"),
                name="one_open_listing",
            ),
        )

    def __str__(self) -> str:
        return f"{self.prosumer_id} {self.side} {self.quantity_wh} Wh"

    @property
    def slot_end(self) -> int:
        """End of the delivery slot."""
        return self.slot_start + SLOT_SECONDS


class GateDecision(models.Model):
    """What the grid gate said to a nomination: allowed, or which limit broke where and what would pass."""

    slot_start = models.BigIntegerField(_("quarter-hour"), db_index=True)
    seller = models.CharField(_("seller"), max_length=64, db_index=True)
    buyer = models.CharField(_("buyer"), max_length=64, db_index=True)
    quantity_wh = models.BigIntegerField(_("energy in Wh"))
    allowed = models.BooleanField(_("allowed"))
    limit = models.CharField(_("limit"), max_length=30, blank=True)
    element = models.CharField(_("place"), max_length=80, blank=True)
    passes_wh = models.BigIntegerField(_("passes, in Wh"))
    cost = models.BigIntegerField(
        default=0, help_text=_("Of remedies, micro-units: seller and buyer pay half each.")
    )
    answer = models.JSONField(default=dict, help_text=_("The answer with its figures (`Verdict.as_dict`)."))
    trade = models.CharField(max_length=66, blank=True)
    decided_at = models.BigIntegerField()

    class Meta:
        """Newest first."""

        verbose_name = _("decision of the grid gate")
        verbose_name_plural = _("decisions of the grid gate")
        ordering = ("-decided_at", "-pk")

    def __str__(self) -> str:
        return f"{self.quantity_wh} Wh: {'allowed' if self.allowed else 'refused'}"

    @property
    def words(self) -> str:
        """The answer in the reader's language."""
        return gate.said(self.answer)


class PromisedFunding(models.Model):
    """How a person will fund its side of the channel under a contract: what the partner's opening must name.

    Binds nobody: who signs the opening checks and agrees to it once more.
    """

    conversation = models.CharField(max_length=66, help_text=_("The terms' nonce."))
    owner = models.CharField(max_length=64)
    source = models.CharField(max_length=42, help_text=_("Merchant contract; zero for a deposit."))
    note = models.CharField(max_length=66, help_text=_("Serial of a note to be issued; zero for a deposit."))
    amount = models.BigIntegerField()

    class Meta:
        """One a side."""

        constraints = (models.UniqueConstraint(fields=("conversation", "owner"), name="one_promise_a_side"),)

    def __str__(self) -> str:
        return f"{self.amount} for {self.conversation[:10]}"


class HouseholdReceipt(models.Model):
    """A household's receipt of a credit note (`NoteReceipt`), kept by a replay's supplier: what a claim is proven with."""

    serial = models.CharField(primary_key=True, max_length=66)
    sid = models.CharField(max_length=66, db_index=True)
    holder = models.CharField(max_length=42)
    amount = models.BigIntegerField()
    signature = models.CharField(max_length=132)

    def __str__(self) -> str:
        return f"Receipt of {self.serial[:10]}"


class RunReport(models.Model):
    """What a finished run's report shows (`grid.results.report`), kept so that no file or simulation is needed again."""

    run = models.OneToOneField(
        "grid.ReplayRun", on_delete=models.CASCADE, primary_key=True, related_name="report"
    )
    data = models.BinaryField(help_text=_("JSON, compressed by zlib."))
    made_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"Report of {self.run_id}"


class MarketControl(models.Model):
    """The operator's hand on the live market; one row, so that every process and every page sees the same."""

    paused = models.BooleanField(default=False)
    speed_permille = models.PositiveIntegerField(default=1000, help_text=_("Of the scenario's own pace."))
    steps = models.PositiveIntegerField(default=0, help_text=_("Slots to play while paused."))
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        """Operators are whoever has this permission, and superusers."""

        permissions = (("operate_market", _("Can pause, step and speed the live market")),)
        constraints = (models.CheckConstraint(condition=models.Q(pk=1), name="one_market_control"),)

    def __str__(self) -> str:
        return "Paused" if self.paused else f"Running at {self.speed_permille / 1000:g} times the pace"


class Meter(models.Model):
    """A meter at a connection, and the key by which its readings are known. A new one takes an old one's place.

    Energy in Wh; its registers count whole watt-hours.
    """

    serial = models.CharField(
        max_length=66, unique=True, help_text=_("Its id in signed readings: 32 bytes as 0x-hex.")
    )
    name = models.CharField(_("name"), max_length=40, help_text=_("What stands on its plate."))
    key = models.CharField(max_length=42, help_text=_("Address of the key that signs its readings."))
    prosumer = models.ForeignKey(
        Prosumer, verbose_name=_("prosumer"), on_delete=models.PROTECT, related_name="meters"
    )
    connection = models.CharField(
        _("connection"), max_length=64, blank=True, help_text=_("Name in the grid model.")
    )
    digits = models.PositiveSmallIntegerField(
        default=9, help_text=_("Of each register; then it begins anew.")
    )
    max_power_w = models.PositiveIntegerField(
        default=44_000, help_text=_("Most that the connection's fuse allows.")
    )
    installed_at = models.BigIntegerField(
        _("installed"), help_text=_("Epoch seconds, at a full quarter-hour.")
    )
    installed_import_wh = models.BigIntegerField(default=0)
    installed_export_wh = models.BigIntegerField(default=0)
    removed_at = models.BigIntegerField(_("removed"), null=True, blank=True)
    replaces = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaced_by"
    )
    duplicates = models.PositiveBigIntegerField(_("readings sent twice"), default=0, editable=False)

    class Meta:
        """By name."""

        verbose_name = _("meter")
        verbose_name_plural = _("meters")
        ordering = ("name", "pk")
        permissions = (("operate_meters", "Sends and sees the readings of every meter"),)

    def __str__(self) -> str:
        return self.name


class RegisterReading(models.Model):
    """A valid reading, with its signature: what the registers showed at the slot's end. It is never changed."""

    meter = models.ForeignKey(
        Meter, verbose_name=_("meter"), on_delete=models.PROTECT, related_name="readings"
    )
    sequence = models.BigIntegerField(_("number"))
    slot_start = models.BigIntegerField(_("quarter-hour"))
    slot_end = models.BigIntegerField()
    import_wh = models.BigIntegerField(_("drawn, in Wh"))
    export_wh = models.BigIntegerField(_("delivered, in Wh"))
    signature = models.CharField(max_length=132)
    received_at = models.BigIntegerField(_("received"))

    class Meta:
        """In the order of slots; one a slot, and one a number."""

        verbose_name = _("reading")
        verbose_name_plural = _("readings")
        ordering = ("meter", "slot_start")
        constraints = (
            models.UniqueConstraint(fields=("meter", "sequence"), name="one_reading_a_number"),
            models.UniqueConstraint(fields=("meter", "slot_start"), name="one_reading_a_slot"),
        )

    def __str__(self) -> str:
        return f"{self.meter_id} {self.sequence}"


class MeterFault(models.Model):
    """What was wrong with a reading that came, or is to be known about one that counts."""

    meter = models.ForeignKey(Meter, verbose_name=_("meter"), on_delete=models.PROTECT, related_name="faults")
    code = models.CharField(_("code"), max_length=20)
    slot_start = models.BigIntegerField(_("quarter-hour"))
    sequence = models.BigIntegerField(_("number"))
    said = models.JSONField(help_text=_("What happened, as `grid.words.Words.as_dict` has it."))
    at = models.BigIntegerField(_("time"))

    class Meta:
        """Newest first; the same fault once, however often it is sent."""

        verbose_name = _("fault of a meter")
        verbose_name_plural = _("faults of meters")
        ordering = ("-at", "-pk")
        constraints = (
            models.UniqueConstraint(
                fields=("meter", "code", "slot_start", "sequence"), name="one_fault_a_reading"
            ),
        )

    def __str__(self) -> str:
        return f"{self.meter_id} {self.code}"

    @property
    def words(self) -> str:
        """What happened, in the reader's language."""
        return told(self.said)


class MeterToken(models.Model):
    """What a program shows to send readings: for one meter, or for all of them where none is named.

    Only its hash is kept. A reading counts by its own signature; the token says who may bring it.
    """

    digest = models.CharField(max_length=64, unique=True, editable=False)
    label = models.CharField(_("label"), max_length=60, help_text=_("Who or what holds it."))
    meter = models.ForeignKey(
        Meter,
        verbose_name=_("meter"),
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="tokens",
        help_text=_("None: a metering operator's, for every meter."),
    )
    created_at = models.DateTimeField(_("made"), auto_now_add=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)

    class Meta:
        """Newest first."""

        verbose_name = _("meter’s token")
        verbose_name_plural = _("meters’ tokens")
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.label
