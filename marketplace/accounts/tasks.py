"""Work in the background. Arguments are ids: a task's row outlives what it was about."""

from django_tasks import task

from marketplace.accounts.models import Document
from marketplace.accounts.quarantine import judge


@task(queue_name="checks")
def scan_document(pk: str) -> None:
    """Have a document scanned, if it is still there."""
    document = Document.objects.filter(pk=pk).first()
    if document is not None:
        judge(document)
