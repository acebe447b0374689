"""What outlets listen to."""

from django.dispatch import Signal

noticed = Signal()
"""A notice was committed: `notice`. E-mail, push and webhooks carry it on; one that fails must not hold up another."""
