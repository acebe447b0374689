"""Documents between upload and verdict: what nobody has called clean is shown to nobody."""

import logging

from marketplace.accounts.models import Document
from marketplace.accounts.scanning import Verdict, scanner
from marketplace.accounts.vault import DOCUMENTS

logger = logging.getLogger(__name__)
Scan = Document.Scan


def first_state() -> str:
    """Of a new document."""
    return Scan.UNSCANNED if scanner() is None else Scan.WAITING


def judge(document: Document) -> None:
    """Ask the scanner and keep what it says; without an answer the document stays shut and is asked about again."""
    scan = scanner()
    if scan is None or document.scan not in Document.SHUT_STATES:
        return
    try:
        verdict = scan(DOCUMENTS.content_of(document))
    except Exception as error:  # noqa: BLE001  whatever a scanner does, its silence must not open a document
        logger.warning("Document %s has no verdict: %s", document.pk, type(error).__name__)
        _keep(document, Scan.FAILED)
        return
    _keep(document, Scan.CLEAN if verdict == Verdict.CLEAN else Scan.INFECTED)
    if verdict != Verdict.CLEAN:
        DOCUMENTS.drop(document)


def _keep(document: Document, state: str) -> None:
    document.scan = state
    document.save(update_fields=["scan"])


def judge_waiting() -> int:
    """Periodic work: ask about every document that has no verdict; gives their number."""
    waiting = list(Document.objects.filter(scan__in=(Scan.WAITING, Scan.FAILED)))
    for document in waiting:
        judge(document)
    return len(waiting)
