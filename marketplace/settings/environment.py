"""Typed reading of environment variables, and of secrets that are made once and kept in a file."""

import os
import secrets
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ImproperlyConfigured

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off", ""})


def flag(name: str, *, default: bool) -> bool:
    """Read a switch: 1/0, true/false, yes/no, on/off."""
    word = os.environ.get(name, "1" if default else "0").strip().lower()
    if word not in TRUE_WORDS | FALSE_WORDS:
        raise ImproperlyConfigured(f"{name}={word!r} is no switch: use 1 or 0.")
    return word in TRUE_WORDS


def integer(name: str, *, default: int) -> int:
    """Read a whole number."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    try:
        return int(text)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={text!r} is no whole number.") from None


def zone(name: str, *, default: str) -> str:
    """Read the name of a time zone."""
    word = os.environ.get(name, "").strip() or default
    try:
        ZoneInfo(word)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ImproperlyConfigured(f"{name}={word!r} is no time zone; write it like Europe/Berlin.") from None
    return word


def words(name: str, *, default: str = "") -> list[str]:
    """Read a comma-separated list."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def kept_secret(name: str, *, path: Path, required: bool) -> str:
    """Read a secret from the environment, else from `path`, where it is made once, for its owner's eyes only.

    Raises:
        ImproperlyConfigured: `required` and not given.
    """
    value = os.environ.get(name, "")
    if value:
        return value
    if required:
        raise ImproperlyConfigured(f"{name} is not set. In production (DEBUG=0) give it in the environment.")
    return _made_once(path)


def _made_once(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    draft.write_text(secrets.token_urlsafe(48), encoding="ascii")
    try:
        os.link(draft, path)  # two processes that start together must agree: the first link wins
    except FileExistsError:
        return path.read_text(encoding="ascii")
    finally:
        draft.unlink()
    return path.read_text(encoding="ascii")
