"""Notices to people. Words are made when they are read, in the reader's language; a row holds what they are made of."""

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
        """Newest first; told once."""

        ordering = ("-created_at", "-pk")
        constraints = (models.UniqueConstraint(fields=("user", "kind", "key"), name="one_notice_a_key"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
