"""People's own files, sealed at rest, and what their studies are made of."""

import json
import uuid
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from grid.models import ReplayRun
from marketplace.accounts.fields import EncryptedTextField
from marketplace.accounts.models import User
from marketplace.words.cores import told


class InputFile(models.Model):
    """An uploaded network, profile or scenario file; its content lies sealed in the private store."""

    class Kind(models.TextChoices):
        """What a file is, told by its content and name."""

        NETWORK = "network", _("Network")
        PROFILES = "profiles", _("Profiles")
        SCENARIO = "scenario", _("Scenario")

    class State(models.TextChoices):
        """What checking it showed."""

        WAITING = "waiting", _("Being checked")
        FINE = "fine", _("Fine")
        FAULTY = "faulty", _("Has faults")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="input_files")
    kind = models.CharField(max_length=8, choices=Kind)
    filename = EncryptedTextField()
    size_bytes = models.PositiveIntegerField()
    zone = models.CharField(max_length=64, blank=True, help_text=_("Zone of naive times."))
    unit = models.CharField(max_length=8, blank=True, help_text=_("Unit of columns that name none."))
    stamps = models.CharField(max_length=5, default="start")
    decimal = models.CharField(max_length=1, blank=True)
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    report = EncryptedTextField(help_text=_("JSON: faults, and what was understood."))
    uploaded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Newest first."""

        ordering = ("-uploaded_at",)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"

    @property
    def told_faults(self) -> list[dict[str, Any]]:
        """`file`, `line`, `words` of each fault, in the reader's language."""
        return [{**fault, "words": told(fault["words"])} for fault in self._told().get("faults", [])]

    @property
    def told(self) -> dict[str, Any]:
        """What checking the file showed; empty unless it is fine."""
        understood: dict[str, Any] = self._told().get("understood", {})
        return understood

    def _told(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.report or "{}")
        return found


class StudyOrder(models.Model):
    """What a study is made of: the scenario's tables, sealed, and the files that they name."""

    run = models.OneToOneField(ReplayRun, on_delete=models.CASCADE, related_name="order")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    tables = EncryptedTextField(help_text=_("JSON: the scenario as its file would have it."))
    files = models.ManyToManyField(InputFile, related_name="orders")
    is_shipped = models.BooleanField(default=False, help_text=_("The tables name the library's files."))

    def __str__(self) -> str:
        return f"order of {self.run_id}"
