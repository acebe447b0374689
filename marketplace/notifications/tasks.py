"""Sending in the background, in a queue of its own: a dead mail server holds up no check and no study."""

from django_tasks import task

from marketplace.notifications.sending import send_due


@task(queue_name="notices")
def send_what_is_due() -> None:
    """Send what is due; what fails is due again later (`upkeep.look`)."""
    send_due()
