"""When each piece of periodic work is due, and who is at it."""

from django.db import models


class Duty(models.Model):
    """A piece of periodic work. Times are epoch seconds; one that is taken is free again when its time is over."""

    name = models.CharField(primary_key=True, max_length=60)
    due_at = models.FloatField(default=0)
    taken_until = models.FloatField(default=0)
    done_at = models.FloatField(null=True)
    failure = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return self.name
