"""Settings of the tests: the same site, with quick hashing, private files and a database of its own."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from marketplace.settings import *
from marketplace.settings.services import SQLITE_OPTIONS

_FOLDER = Path(tempfile.mkdtemp(prefix="wattnote-test-"))
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)

DEBUG = False
SECRET_KEY = "wattnote-tests-only"  # noqa: S105  protects nothing
KEYSTORE_PASSPHRASE = "wattnote-tests-only"  # noqa: S105  protects nothing
KEYSTORE_ROUNDS = 2
PII_MASTER_KEYS = "wattnote-tests-only"
VAPID_SECRET = "wattnote-tests-only"  # noqa: S105  protects nothing
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
VAR_DIR = _FOLDER

if not os.environ.get("DATABASE_URL"):
    # A file, not memory: threads share it under the same locking as in production. Nothing here needs to
    # survive power loss.
    DATABASES["default"]["NAME"] = str(_FOLDER / "unused.sqlite3")
    DATABASES["default"]["TEST"] = {"NAME": str(_FOLDER / "db.sqlite3")}
    DATABASES["default"]["OPTIONS"] = {
        **SQLITE_OPTIONS,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA foreign_keys=ON; "
        "PRAGMA secure_delete=ON;",
    }

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
TASKS["default"]["BACKEND"] = "django_tasks.backends.immediate.ImmediateBackend"
STORAGES["default"]["OPTIONS"]["location"] = _FOLDER / "private"
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
STATIC_ROOT = _FOLDER / "static"
STATIC_ROOT.mkdir()
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True

AXES_ENABLED = False  # the lock-out test turns it on
HTTPS = False
SECURE_SSL_REDIRECT = False
SECURE_HSTS_SECONDS = 0
SESSION_COOKIE_SECURE = False
CSRF_COOKIE_SECURE = False
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_RATE_LIMITS = False
API_LIMITS.clear()  # the tests of limits set their own
LOGGING["root"]["level"] = "ERROR"
WEBHOOKS_TO_LOOPBACK = False
