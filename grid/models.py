"""Replay runs and what they produced, slot by slot; the simulation itself knows no database."""

import uuid

from django.db import models


class ReplayRun(models.Model):
    """One replay of one scenario. Enough is stored to go on after a crash at any moment."""

    class Status(models.TextChoices):
        """How far a run has come."""

        PREPARING = "preparing", "Opening channels"
        RUNNING = "running", "Running"
        CLOSING = "closing", "Closing channels"
        FINISHED = "finished", "Finished"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    scenario = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=64, help_text="Hash of the scenario and the run's options.")
    funding = models.CharField(max_length=10)
    starts_at = models.BigIntegerField(help_text="Start of the first slot, epoch seconds UTC.")
    ends_at = models.BigIntegerField(help_text="End of the last slot, epoch seconds UTC.")
    live = models.BooleanField(default=False)
    status = models.CharField(max_length=10, choices=Status, default=Status.PREPARING)
    next_slot = models.PositiveIntegerField(default=0)
    checkpoint = models.JSONField(null=True, help_text="State of the simulation after the last closed slot.")
    ledger = models.JSONField(default=dict, help_text="Contract addresses of this run.")
    summary = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        """Newest first."""

        ordering = ("-created_at",)

    def __str__(self) -> str:
        """Scenario and status."""
        return f"{self.scenario} ({self.get_status_display()})"


class SlotResult(models.Model):
    """What one slot brought: flows, voltages, trades, gate decisions; the record behind map and report."""

    run = models.ForeignKey(ReplayRun, on_delete=models.CASCADE, related_name="slots")
    index = models.PositiveIntegerField()
    slot_start = models.BigIntegerField()
    data = models.JSONField()

    class Meta:
        """One result a slot."""

        ordering = ("index",)
        constraints = (models.UniqueConstraint(fields=("run", "index"), name="one_result_per_slot"),)

    def __str__(self) -> str:
        """Run and slot."""
        return f"{self.run_id} #{self.index}"
