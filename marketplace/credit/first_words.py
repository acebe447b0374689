"""What one operator has said and another one must say too, before the merchant's key signs."""

from django.conf import settings
from django.db import models


class FirstApproval(models.Model):
    """An operator's approval of terms that take a second one's; gone once the application moves on."""

    application = models.OneToOneField(
        "credit.CreditApplication", on_delete=models.CASCADE, related_name="first_approval"
    )
    operator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    limit = models.BigIntegerField()
    collateral = models.BigIntegerField()
    reason = models.TextField(blank=True)
    at = models.DateTimeField(auto_now=True)

    class Meta:
        """Of this app, wherever the module is."""

        app_label = "credit"

    def __str__(self) -> str:
        return f"First approval of {self.application_id}"


class FirstRaise(models.Model):
    """An operator's wish to raise an agreement's limit that takes a second one's; gone once the limit changes."""

    agreement = models.OneToOneField("credit.Agreement", on_delete=models.CASCADE, related_name="first_raise")
    operator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    limit = models.BigIntegerField()
    at = models.DateTimeField(auto_now=True)

    class Meta:
        """Of this app, wherever the module is."""

        app_label = "credit"

    def __str__(self) -> str:
        return f"First word for a raise of {self.agreement_id}"
