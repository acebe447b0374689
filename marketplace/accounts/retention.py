"""What this app deletes by itself when its time is over (`settings.RETENTION_DAYS`)."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from marketplace.accounts.erasure import sweep_database
from marketplace.accounts.models import AuditEvent, SignInNonce

NONCE_LIFE = timedelta(days=1)


def before(what: str, now: datetime) -> datetime:
    """The moment before which things of this sort are too old."""
    return now - timedelta(days=settings.RETENTION_DAYS[what])


def _nonces(now: datetime) -> int:
    return SignInNonce.objects.filter(expires_at__lt=now - NONCE_LIFE).delete()[0]


def _sessions(now: datetime) -> int:
    return Session.objects.filter(expire_date__lt=now).delete()[0]


def _audit(now: datetime) -> int:
    return AuditEvent.objects.filter(at__lt=before("audit", now)).delete()[0]


def _sign_ins(now: datetime) -> int:
    limit = before("sign_ins", now)
    logs = (AccessAttempt, AccessFailureLog, AccessLog)
    return sum(log.objects.filter(attempt_time__lt=limit).delete()[0] for log in logs)


def _tasks(now: datetime) -> int:
    done: int = DBTaskResult.objects.finished().filter(finished_at__lt=before("tasks", now)).delete()[0]
    return done


def _mail(now: datetime) -> int:
    limit = before("mail", now).timestamp()
    old = [path for path in Path(settings.EMAIL_FILE_PATH).glob("*.log") if path.stat().st_mtime < limit]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


RULES: Mapping[str, Callable[[datetime], int]] = MappingProxyType(
    {
        "nonces": _nonces,
        "sessions": _sessions,
        "audit": _audit,
        "sign_ins": _sign_ins,
        "tasks": _tasks,
        "mail": _mail,
    }
)


def clear_out(now: datetime | None = None) -> dict[str, int]:
    """Delete all that is too old; gives how much of each."""
    moment = now or timezone.now()
    return {name: rule(moment) for name, rule in RULES.items()}


def clear_out_and_sweep() -> None:
    """Periodic work: the same, and bring home what the database has deleted."""
    clear_out()
    sweep_database()
