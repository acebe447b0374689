"""Black and grey lists, and the appeals of those who stand on them."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from marketplace.accounts.fields import EncryptedTextField


class ListEntry(models.Model):
    """Somebody whom merchants refuse (black) or look at twice (grey)."""

    class Shade(models.TextChoices):
        """How hard an entry weighs."""

        GREY = "grey", _("Grey: collateral goes up")
        BLACK = "black", _("Black: no credit")

    merchant = models.ForeignKey(
        "credit.Merchant",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        help_text=_("Empty: holds for every merchant, once a second person has confirmed it."),
    )
    wallet = models.CharField(max_length=42, db_index=True, help_text=_("Root address, lower-case 0x-hex."))
    shade = models.CharField(_("list"), max_length=5, choices=Shade)
    reason = models.CharField(
        _("reason"),
        max_length=300,
        help_text=_("The person reads this and can answer it: say what happened."),
    )
    created_at = models.DateTimeField(_("since"), auto_now_add=True)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    in_force = models.BooleanField(_("in force"), default=True, editable=False)
    lifted_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        """Newest first."""

        app_label = "credit"
        ordering = ("-created_at",)
        verbose_name = _("black or grey list entry")
        verbose_name_plural = _("black and grey lists")

    def __str__(self) -> str:
        return f"{self.get_shade_display()}: {self.wallet}"


class Appeal(models.Model):
    """What a listed person says against an entry: once, in words; and what became of it."""

    class State(models.TextChoices):
        """How far it has come."""

        OPEN = "open", _("Waits for an answer")
        GRANTED = "granted", _("Granted: the entry is lifted")
        REFUSED = "refused", _("Refused: the entry stays")

    entry = models.OneToOneField(ListEntry, on_delete=models.CASCADE, related_name="appeal")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="appeals")
    words = EncryptedTextField()
    state = models.CharField(_("status"), max_length=7, choices=State, default=State.OPEN, db_index=True)
    answer = models.TextField(blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    first_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    first_state = models.CharField(max_length=7, blank=True)
    created_at = models.DateTimeField(_("since"), auto_now_add=True)
    decided_at = models.DateTimeField(null=True)

    OUTCOMES: ClassVar[tuple[str, ...]] = (State.GRANTED, State.REFUSED)

    class Meta:
        """Oldest first: whoever waits longest is answered first."""

        verbose_name_plural = _("appeals")
        app_label = "credit"
        ordering = ("created_at",)
        verbose_name = _("appeal")

    def __str__(self) -> str:
        return f"Appeal {self.pk}"
