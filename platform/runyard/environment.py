"""Reads the RUNYARD_ environment variables, and says in words which ones production still needs.

Used by `runyard.settings` alone. docs/settings.md lists every variable.
"""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from psycopg.conninfo import conninfo_to_dict

from runyard.clusters.networks import checked

MODES = ("production", "embedded", "test")


def text(name: str, default: str = "") -> str:
    """The variable RUNYARD_`name`, stripped; an empty one counts as unset."""
    return os.environ.get(f"RUNYARD_{name}", "").strip() or default


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated variable as a list."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def whole(name: str, default: int) -> int:
    """A whole number of at least 1."""
    found = text(name, str(default))
    if not (found.isascii() and found.isdigit() and 0 < int(found[:12]) < 10**9):
        raise ImproperlyConfigured(f"RUNYARD_{name} is {found!r}; it must be a whole number from 1 on.")
    return int(found)


def networks(name: str, default: str) -> str:
    """Networks of pods, comma separated; `none` is none, whatever the default."""
    found = text(name, default)
    try:
        return "" if found == "none" else checked(found)
    except ValueError as error:
        raise ImproperlyConfigured(f"RUNYARD_{name}: {error}") from error


def mode() -> str:
    """`production` (the default), `embedded` (set by `runyard up`) or `test`."""
    found = text("MODE", "production")
    if found not in MODES:
        raise ImproperlyConfigured(f"RUNYARD_MODE is {found!r}; it must be one of {', '.join(MODES)}.")
    return found


def home(base: Path) -> Path:
    """The folder that holds all state, absolute."""
    return Path(text("HOME", str(base / "var"))).expanduser().resolve()


def require_for_production() -> None:
    """Raise ImproperlyConfigured naming everything production lacks, in one message."""
    needed = {
        "SECRET_KEY": "a long random text that signs sessions",
        "ALLOWED_HOSTS": "the host names people type, comma separated",
        "DATABASE_URL": "postgresql://user:password@host/name",
        "REDIS_URL": "redis://host:6379/0",
    }
    missing = [f"RUNYARD_{name} ({what})" for name, what in needed.items() if not text(name)]
    if missing:
        raise ImproperlyConfigured(
            "Runyard does not start in production without: "
            + "; ".join(missing)
            + ". Set them, or use `runyard up` for a machine of your own. See docs/settings.md."
        )


def database(url: str) -> dict[str, object]:
    """Django's DATABASES entry for a libpq URL; unix sockets (`?host=/folder`) included."""
    try:
        parts = conninfo_to_dict(url)
    except Exception as error:
        raise ImproperlyConfigured(f"RUNYARD_DATABASE_URL is not a PostgreSQL URL: {error}") from error
    known = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    entry: dict[str, object] = {ours: str(parts.pop(theirs, "") or "") for ours, theirs in known.items()}
    return entry | {"ENGINE": "django.db.backends.postgresql", "OPTIONS": parts}
