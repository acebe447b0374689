"""What other apps may want to hear of."""

from django.dispatch import Signal

person_erased = Signal()
"""A person is being erased, inside the transaction that does it: `user`. Whoever keeps things of theirs drops them."""
