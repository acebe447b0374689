"""Notices to people. Words are made when they are read, in the reader's language; a row holds what they are made of."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models


class Notice(models.Model):
    """Something a person should know. `details` fill the words of its kind and never hold personal data."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=40)
    key = models.CharField(max_length=120)
    url = models.CharField(max_length=200, blank=True)
    details = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True)

    class Meta:
        """Newest first; told once; the unread ones of a person are counted on every page."""

        ordering = ("-created_at", "-pk")
        constraints = (models.UniqueConstraint(fields=("user", "kind", "key"), name="one_notice_a_key"),)
        indexes: ClassVar = [
            models.Index(fields=["user", "-created_at"], name="notices_of_a_person"),
            models.Index(fields=["user"], condition=models.Q(read_at__isnull=True), name="unread_notices"),
            models.Index(fields=["created_at"], name="old_notices"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class Preference(models.Model):
    """Where else than on the site a person wants to hear of a kind; without a row, as its kind has it."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notice_preferences"
    )
    kind = models.CharField(max_length=40)
    email = models.BooleanField()
    push = models.BooleanField()

    class Meta:
        """One a kind."""

        constraints = (models.UniqueConstraint(fields=("user", "kind"), name="one_preference_a_kind"),)

    def __str__(self) -> str:
        return f"{self.kind}: e-mail {self.email}, push {self.push}"


class PushDevice(models.Model):
    """A browser that shows notices (RFC 8030). Endpoint and keys are the browser's; who has them can notify it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="push_devices")
    endpoint = models.CharField(max_length=600, unique=True)
    p256dh = models.CharField(max_length=100)
    auth = models.CharField(max_length=40)
    name = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.name or 'browser'} of user {self.user_id}"


class Sending(models.Model):
    """A notice on its way out of the site, by e-mail or to one device. Times are epoch seconds."""

    class Outlet(models.TextChoices):
        """Ways out."""

        EMAIL = "email"
        PUSH = "push"

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="sendings")
    outlet = models.CharField(max_length=8, choices=Outlet.choices)
    device = models.ForeignKey(PushDevice, on_delete=models.CASCADE, null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.FloatField(default=0)
    done_at = models.FloatField(null=True)
    failure = models.CharField(max_length=200, blank=True)

    class Meta:
        """What is due is found without looking at what is done."""

        indexes: ClassVar = [
            models.Index(fields=["next_at"], condition=models.Q(done_at__isnull=True), name="sendings_due"),
        ]

    def __str__(self) -> str:
        return f"{self.outlet} of notice {self.notice_id}"


class Bookmark(models.Model):
    """How far a source of news was read."""

    name = models.CharField(max_length=40, primary_key=True)
    position = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.name} at {self.position}"
