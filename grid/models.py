"""Replay runs and what they produced, slot by slot; the simulation itself knows no database."""

import json
import uuid
from typing import Any

import msgspec
from django.conf import settings
from django.db import models

from grid.assets import SLOT_SECONDS


class ReplayRun(models.Model):
    """One run of one scenario, over channels or in memory. Enough is stored to go on after a crash at any moment.

    A run with an `owner` is made from that person's files: nobody else may see it.
    """

    class Kind(models.TextChoices):
        """What stands behind the trades."""

        CHANNELS = "channels", "Over channels"
        STUDY = "study", "In memory"

    class Status(models.TextChoices):
        """How far a run has come."""

        PREPARING = "preparing", "Opening channels"
        RUNNING = "running", "Running"
        CLOSING = "closing", "Closing channels"
        FINISHED = "finished", "Finished"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    scenario = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=64, help_text="Hash of the scenario and the run's options.")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.CHANNELS)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="runs"
    )
    funding = models.CharField(max_length=10)
    starts_at = models.BigIntegerField(help_text="Start of the first slot, epoch seconds UTC.")
    ends_at = models.BigIntegerField(help_text="End of the last slot, epoch seconds UTC.")
    live = models.BooleanField(default=False)
    status = models.CharField(max_length=10, choices=Status, default=Status.PREPARING)
    next_slot = models.PositiveIntegerField(default=0)
    checkpoint = models.JSONField(null=True, help_text="State of the simulation after the last closed slot.")
    ledger = models.JSONField(default=dict, help_text="Contract addresses of this run.")
    setting = models.JSONField(
        null=True, help_text="Feeder's map, limits and tariff, where no file of the site tells them."
    )
    summary = models.JSONField(null=True)
    failures = models.JSONField(
        default=list,
        help_text="Why it failed and what to do: faults, each as `grid.words.Words.as_dict` has it.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        """Newest first."""

        ordering = ("-created_at",)

    def __str__(self) -> str:
        """Scenario and status."""
        return f"{self.scenario} ({self.get_status_display()})"

    @property
    def slots_total(self) -> int:
        """How many slots it has in all."""
        return (self.ends_at - self.starts_at) // SLOT_SECONDS


class SlotEncoder(json.JSONEncoder):
    """A slot holds thousands of numbers, and a replay stores one every few milliseconds: msgspec instead of json."""

    def encode(self, o: Any) -> str:
        """Any slot as JSON."""
        return msgspec.json.encode(o).decode()


class SlotDecoder(json.JSONDecoder):
    """The same on the way back, for reports that read them all."""

    def decode(self, s: str, *_: Any) -> Any:
        """A slot out of its JSON."""
        return msgspec.json.decode(s)


class SlotResult(models.Model):
    """What one slot brought: flows, voltages, trades, gate decisions; the record behind map and report."""

    run = models.ForeignKey(ReplayRun, on_delete=models.CASCADE, related_name="slots")
    index = models.PositiveIntegerField()
    slot_start = models.BigIntegerField()
    data = models.JSONField(encoder=SlotEncoder, decoder=SlotDecoder)

    class Meta:
        """One result a slot."""

        ordering = ("index",)
        constraints = (models.UniqueConstraint(fields=("run", "index"), name="one_result_per_slot"),)

    def __str__(self) -> str:
        """Run and slot."""
        return f"{self.run_id} #{self.index}"
