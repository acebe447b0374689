"""Tokens of people's programs, answers that were given, webhooks and what was sent to them."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from marketplace.accounts.fields import EncryptedTextField


class ProgramToken(models.Model):
    """A person's token for a program. Its secret is shown once; only its hash is kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="program_tokens"
    )
    label = models.CharField(max_length=60)
    digest = models.CharField(max_length=64, unique=True, help_text=_("SHA-256 of the secret, hex."))
    begins = models.CharField(
        max_length=8, help_text=_("How the secret begins, so that it can be found again.")
    )
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        """Newest first."""

        ordering = ("-created_at", "-pk")

    def __str__(self) -> str:
        return f"{self.begins}… {self.label}"


class KeptAnswer(models.Model):
    """What a request with an idempotency key was answered; without a status, it is being worked on."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    asker = models.CharField(max_length=60, help_text=_("The session's person, or the token."))
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    worker = models.CharField(max_length=32)
    taken_until = models.FloatField(help_text=_("Epoch seconds; later somebody else may do the work."))
    created_at = models.FloatField(db_index=True)
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = EncryptedTextField()

    class Meta:
        """A key once for each asker."""

        constraints: ClassVar = [models.UniqueConstraint(fields=["asker", "key"], name="one_answer_a_key")]

    def __str__(self) -> str:
        return f"{self.asker} {self.key}"


class Webhook(models.Model):
    """Where a person's program wants to hear of things. Its secrets are sealed under the person's key."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="webhooks")
    url = models.URLField(max_length=500)
    events = models.JSONField(default=list, help_text=_("Names of events, or * for all."))
    secret = EncryptedTextField()
    old_secret = EncryptedTextField()
    old_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    failing_since = models.DateTimeField(null=True)
    disabled_at = models.DateTimeField(null=True)

    class Meta:
        """Newest first."""

        ordering = ("-created_at", "-pk")

    def __str__(self) -> str:
        return self.url


class Delivery(models.Model):
    """An event on its way to a webhook; it goes out when it is due, until it was taken or given up."""

    class State(models.TextChoices):
        """How far it is."""

        WAITING = "waiting", _("Waiting")
        TAKEN = "taken", _("Taken")
        FAILED = "failed", _("Given up")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=60)
    key = models.CharField(max_length=160, help_text=_("What happened; goes once to each webhook."))
    data = models.JSONField(default=dict)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.FloatField(default=0)
    status = models.PositiveSmallIntegerField(null=True, help_text=_("The receiver's last answer."))
    failure = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        """Newest first; an event once for each webhook."""

        ordering = ("-created_at", "-pk")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["webhook", "key"], name="one_delivery_an_event")
        ]
        indexes: ClassVar = [models.Index(fields=["state", "due_at"], name="deliveries_due")]

    def __str__(self) -> str:
        return f"{self.event} {self.state}"


class Watermark(models.Model):
    """How far the engine's records were looked through for events."""

    name = models.CharField(primary_key=True, max_length=40)
    row = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name} {self.row}"
