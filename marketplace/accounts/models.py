"""People: users, their sealed personal data, documents, wallets, and who looked at what."""

import secrets
import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from marketplace.accounts.fields import EncryptedTextField


def new_owner() -> str:
    """Opaque id by which the channel engine knows a person; says nothing about them."""
    return f"u-{secrets.token_hex(8)}"


class UserManager(BaseUserManager["User"]):
    """Makes users by e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Make a user; the address is kept in lower case.

        Raises:
            ValueError: no address.
        """
        if not email:
            raise ValueError("A user needs an e-mail address.")
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Make a user who may do everything."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find by address, whatever its case."""
        return self.get(email=(username or "").lower())


class User(AbstractBaseUser, PermissionsMixin):
    """Somebody who signs in: a participant, a merchant's operator, or staff of the site."""

    email = models.EmailField(_("e-mail address"), unique=True)
    owner = models.CharField(
        _("name in the channel engine"), max_length=32, unique=True, default=new_owner, editable=False
    )
    is_staff = models.BooleanField(_("may enter the back office"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    language = models.CharField(
        _("language"),
        max_length=5,
        blank=True,
        choices=settings.LANGUAGES,
        help_text=_("Of e-mails and notices."),
    )
    time_zone = models.CharField(
        _("time zone"), max_length=64, blank=True, help_text=_("Where they read last; of times in e-mails.")
    )
    date_joined = models.DateTimeField(_("member since"), default=timezone.now)
    erased_at = models.DateTimeField(_("erased"), null=True, blank=True, editable=False)

    objects: ClassVar[UserManager] = UserManager()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        """How people call it."""

        verbose_name = _("account")
        verbose_name_plural = _("accounts")

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        """Keep addresses in lower case, so that one person has one account."""
        super().clean()
        self.email = self.email.lower()

    def get_full_name(self) -> str:
        """Address; names are sealed and stand in the participant's profile."""
        return self.email

    def get_short_name(self) -> str:
        """Local part of the address."""
        return self.email.partition("@")[0]


class DataKey(models.Model):
    """A user's data key, wrapped by a master key. Deleting the row erases the person."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="data_key")
    key_id = models.CharField(max_length=8)
    wrapped = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"data key of user {self.user_id}"


class Participant(models.Model):
    """What a participant says about themselves; everything that names the person is sealed."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="participant")
    display_name = models.CharField(
        max_length=40, help_text=_("Shown to trading partners: a pseudonym will do.")
    )
    legal_name = EncryptedTextField()
    birth_date = EncryptedTextField(help_text=_("ISO 8601 date."))
    street = EncryptedTextField()
    postcode = EncryptedTextField()
    city = EncryptedTextField()
    country = EncryptedTextField(help_text=_("ISO 3166 code of two letters."))
    meter_number = EncryptedTextField()
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.display_name


class SignInNonce(models.Model):
    """A nonce handed out for one EIP-4361 message; used once or never."""

    value = models.CharField(max_length=32, unique=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.value


class Wallet(models.Model):
    """A root address whose key the user has shown to hold (EIP-4361)."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="wallet")
    address = models.CharField(max_length=42, unique=True, help_text=_("Lower-case 0x-hex."))
    message = models.TextField()
    signature = models.CharField(max_length=132)
    proven_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.address


class Document(models.Model):
    """A private file, sealed at rest under its person's key."""

    class Kind(models.TextChoices):
        """What a document shows."""

        IDENTITY = "identity", _("Identity document")
        STATEMENT = "statement", _("Bank statement")
        INCOME = "income", _("Proof of income")

    class Scan(models.TextChoices):
        """What a scanner for malware said."""

        UNSCANNED = "unscanned", _("Not scanned")
        WAITING = "waiting", _("Being checked")
        CLEAN = "clean", _("Checked")
        INFECTED = "infected", _("Malware found")
        FAILED = "failed", _("Check failed")

    SHUT_STATES = (Scan.WAITING, Scan.INFECTED, Scan.FAILED)
    STATEMENT_TYPES = ("application/xml", "text/csv", "text/x-mt940")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="documents")
    kind = models.CharField(max_length=12, choices=Kind)
    filename = EncryptedTextField()
    content_type = models.CharField(max_length=40)
    size_bytes = models.PositiveIntegerField()
    digest = EncryptedTextField(help_text=_("SHA-256 of the plain content, 0x-hex."))
    pages = models.PositiveSmallIntegerField(default=1)
    scan = models.CharField(max_length=9, choices=Scan, default=Scan.UNSCANNED, db_index=True)
    uploaded_at = models.DateTimeField(auto_now_add=True)
    kept_at = models.DateTimeField(
        null=True, help_text=_("Since when something relies on it; it can't be deleted.")
    )

    class Meta:
        """Oldest first."""

        ordering = ("uploaded_at",)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"

    @property
    def is_shown(self) -> bool:
        """Whether anybody may look at it."""
        return self.scan not in self.SHUT_STATES


class AuditEvent(models.Model):
    """Who did or looked at what, and when; rows are only ever added."""

    at = models.DateTimeField(_("time"), auto_now_add=True, db_index=True)
    actor = models.ForeignKey(
        User, verbose_name=_("by"), on_delete=models.SET_NULL, null=True, related_name="audit_events"
    )
    action = models.CharField(_("action"), max_length=40)
    subject = models.CharField(
        _("about"), max_length=80, db_index=True, help_text=_("Type and id of what was touched.")
    )
    person = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    detail = models.JSONField(_("details"), default=dict, help_text=_("Never personal data."))

    class Meta:
        """Newest first."""

        verbose_name = _("entry of the audit log")
        verbose_name_plural = _("audit log")
        ordering = ("-at", "-pk")

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"
