"""Who may come in, and what a page may load."""

import os
from typing import Any

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE

from marketplace.settings.base import DEBUG
from marketplace.settings.environment import flag, integer, words

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "rules.permissions.ObjectPermissionBackend",
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
_VALIDATION = "django.contrib.auth.password_validation."
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": _VALIDATION + "UserAttributeSimilarityValidator", "OPTIONS": {"user_attributes": ["email"]}},
    {"NAME": _VALIDATION + "MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": _VALIDATION + "CommonPasswordValidator"},
    {"NAME": _VALIDATION + "NumericPasswordValidator"},
]

LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = os.environ.get("EMAIL_VERIFICATION", "optional" if DEBUG else "mandatory")
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "http" if DEBUG else "https"
_FORMS = "marketplace.accounts.sign_in_forms."
ACCOUNT_FORMS = {
    "login": f"{_FORMS}LoginForm",
    "signup": f"{_FORMS}SignupForm",
    "add_email": f"{_FORMS}AddEmailForm",
    "reset_password": f"{_FORMS}ResetPasswordForm",
    "reset_password_from_key": f"{_FORMS}ResetPasswordKeyForm",
    "change_password": f"{_FORMS}ChangePasswordForm",
    "set_password": f"{_FORMS}SetPasswordForm",
    "reauthenticate": f"{_FORMS}ReauthenticateForm",
}
MFA_FORMS = {
    "authenticate": f"{_FORMS}CodeForm",
    "reauthenticate": f"{_FORMS}CodeAgainForm",
    "activate_totp": f"{_FORMS}ActivateCodesForm",
    "add_webauthn": f"{_FORMS}AddKeyForm",
    "edit_webauthn": f"{_FORMS}EditKeyForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Wattnote"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = DEBUG

AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_CALLABLE = "marketplace.accounts.lockout.attempted_email"
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
# The number of reverse proxies in front decides which entry of X-Forwarded-For can be believed.
AXES_IPWARE_PROXY_COUNT = integer("PROXY_COUNT", default=0)

HTTPS = flag("HTTPS", default=not DEBUG)
SECURE_SSL_REDIRECT = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if AXES_IPWARE_PROXY_COUNT else None
SECURE_HSTS_SECONDS = integer("HSTS_SECONDS", default=31_536_000 if HTTPS else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = flag("HSTS_INCLUDE_SUBDOMAINS", default=HTTPS)
SECURE_HSTS_PRELOAD = flag("HSTS_PRELOAD", default=HTTPS)
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 7 * 24 * 3600
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS = words("CSRF_TRUSTED_ORIGINS")
CSRF_FAILURE_VIEW = "django.views.csrf.csrf_failure"
X_FRAME_OPTIONS = "DENY"

DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500
DATA_UPLOAD_MAX_NUMBER_FILES = 10
FILE_UPLOAD_MAX_MEMORY_SIZE = 12 * 1024 * 1024  # documents stay in memory: plain text never touches the disk
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
DOCUMENT_MAX_BYTES = 10 * 1024 * 1024
INPUT_MAX_BYTES = 10 * 1024 * 1024

_STRICT: dict[str, Any] = {
    "default-src": [NONE],
    "script-src": [SELF],
    "style-src": [SELF],
    "img-src": [SELF, "data:"],
    "font-src": [SELF],
    "connect-src": [SELF],
    "worker-src": [SELF],
    "manifest-src": [SELF],
    "form-action": [SELF],
    "frame-ancestors": [NONE],
    "base-uri": [NONE],
    "object-src": [NONE],
}
CONTENT_SECURITY_POLICY = {"DIRECTIVES": _STRICT}
# The admin's Alpine evaluates its attributes and its components carry style attributes; no page there
# holds a person's key. Documents are shown in a frame of the review page.
ADMIN_CSP: dict[str, Any] = {
    **_STRICT,
    "script-src": [SELF, UNSAFE_EVAL],
    "style-src": [SELF, UNSAFE_INLINE],
    "frame-src": [SELF],
}

# Requests in so many seconds under /api/: from an address, from strangers there, of a person, of a token, and of what
# moves money, ends something or costs us something. docs/adr/0031-programs.md says why these.
API_LIMITS: dict[str, tuple[int, int]] = {
    "address": (3000, 60),
    "stranger": (120, 60),
    "person": (600, 60),
    "token": (300, 60),
    "sensitive": (20, 60),
}

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "marketplace.api.tokens.ProgramTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["marketplace.api.parsers.BoundedJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "marketplace.api.pagination.Pages",
    "DEFAULT_SCHEMA_CLASS": "marketplace.api.operations.ScopedSchema",
    "EXCEPTION_HANDLER": "marketplace.api.errors.problem",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Wattnote",
    "DESCRIPTION": "Peer-to-peer energy trading over state channels. Money: micro-units as decimal strings; "
    "energy: watt-hours; prices: micro-units per kWh; times: seconds since the epoch, UTC.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "DocumentKind": "marketplace.accounts.models.Document.Kind",
        "ProsumerKind": "marketplace.trading.models.Prosumer.Kind",
        "ListingSide": "marketplace.trading.models.Listing.Side",
        "ListingState": "marketplace.trading.models.Listing.State",
        "ApplicationState": "marketplace.credit.models.CreditApplication.State",
        "AgreementState": "marketplace.credit.models.Agreement.State",
        "InputKind": "marketplace.studies.models.InputFile.Kind",
        "InputState": "marketplace.studies.models.InputFile.State",
        "StudyStatus": "grid.models.ReplayRun.Status",
        "RunKind": "grid.models.ReplayRun.Kind",
        "BillKind": "marketplace.billing.models.Bill.Kind",
        "CheckOutcome": ["pass", "warn", "fail"],
        "ChannelSide": [("a", "a"), ("b", "b")],
        "AgentReason": "marketplace.trading.own_agent.words.REASON_CHOICES",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "marketplace.api.schema.describe_problems",
        "marketplace.api.examples.give_examples",
    ],
}
