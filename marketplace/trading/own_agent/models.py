"""A person's agent as it is stored: versions of its rules, whether it is live, and the log of what it did."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class AgentRules(models.Model):
    """One version of a person's rules (`rules.Rules`), never changed; what its dry run gave, and the mandate for it."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="agent_rules")
    version = models.PositiveIntegerField()
    rules = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)
    dry_run = models.JSONField(null=True, help_text=_("Its result (`dry_run.summary`)."))
    dry_run_at = models.DateTimeField(null=True)
    mandate = models.CharField(max_length=132, blank=True, help_text=_("The wallet's signature."))
    mandate_until = models.BigIntegerField(default=0, help_text=_("Epoch seconds; 0 without a mandate."))

    class Meta:
        """Newest first; one row a version."""

        ordering = ("-version",)
        constraints = (models.UniqueConstraint(fields=("user", "version"), name="one_agent_rules_a_version"),)

    def __str__(self) -> str:
        return f"Rules {self.version}"


class OwnAgent(models.Model):
    """Whether a person's agent may work, and since when it did. It works in the person's browser or program."""

    class State(models.TextChoices):
        """What the person said."""

        DRAFT = "draft", _("Not live yet")
        LIVE = "live", _("Live")
        PAUSED = "paused", _("Paused")

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="own_agent"
    )
    state = models.CharField(max_length=6, choices=State, default=State.DRAFT)
    live = models.ForeignKey(AgentRules, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    paused_because = models.CharField(max_length=20, blank=True)
    changed_at = models.DateTimeField(auto_now=True)
    seen_at = models.DateTimeField(null=True, help_text=_("When it last asked what to do."))
    doing = models.CharField(max_length=20, blank=True, help_text=_("Why it did nothing then."))
    acts = models.CharField(max_length=7, blank=True, help_text=_("Who acts: `browser` or `program`."))
    holder = models.CharField(max_length=40, blank=True, help_text=_("Which of them, by its own name."))
    held_until = models.BigIntegerField(default=0, help_text=_("Epoch seconds; the others rest until then."))

    def __str__(self) -> str:
        return f"Agent, {self.state}"


class AgentDecision(models.Model):
    """What the agent did and why. `trade` is the struct hash of its offer: with the channel it finds the trade."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="agent_decisions"
    )
    version = models.PositiveIntegerField(help_text=_("Of the rules."))
    kind = models.CharField(max_length=10)
    reason = models.CharField(max_length=20)
    detail = models.CharField(max_length=300, blank=True, help_text=_("What was answered, where it failed."))
    partner = models.CharField(max_length=64)
    channel = models.CharField(max_length=66)
    offer = models.CharField(
        max_length=66, blank=True, help_text=_("Its offeror's id; empty where none was made.")
    )
    trade = models.CharField(max_length=66, blank=True)
    sells = models.BooleanField()
    slot_start = models.BigIntegerField()
    quantity_wh = models.BigIntegerField()
    price_per_kwh = models.BigIntegerField()
    amount = models.BigIntegerField()
    at = models.BigIntegerField()

    class Meta:
        """Newest first; a step once, however often it is told."""

        ordering = ("-at", "-pk")
        constraints = (
            models.UniqueConstraint(
                fields=("user", "channel", "offer", "kind", "slot_start", "sells"), name="one_agent_step"
            ),
        )
        indexes = (models.Index(fields=("user", "slot_start"), name="agent_steps_by_slot"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.quantity_wh} Wh"
