"""Reads around a person."""

from django.db.models import QuerySet

from marketplace.accounts.fields import prefetch_keys
from marketplace.accounts.models import Document, Participant, User, Wallet


def participant_of(user: User) -> Participant | None:
    """A user's profile, or None where it was never filled in."""
    return Participant.objects.filter(user=user).first()


def wallet_of(user: User) -> Wallet | None:
    """A user's proven wallet, or None."""
    return Wallet.objects.filter(user=user).first()


def own_documents(user: User) -> QuerySet[Document]:
    """Documents that the user uploaded."""
    return Document.objects.filter(user=user)


def shown_documents(user: User) -> QuerySet[Document]:
    """Those of them that no scanner holds back."""
    return own_documents(user).exclude(scan__in=Document.SHUT_STATES)


def opened_documents(documents: QuerySet[Document]) -> list[Document]:
    """Documents with their keys at hand: two queries, however many there are."""
    found = list(documents)
    prefetch_keys(found)
    return found


def display_name(user: User) -> str:
    """Name shown to others: the chosen one, else the opaque id."""
    participant = participant_of(user)
    return participant.display_name if participant else user.owner
