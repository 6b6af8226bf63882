"""Times as Kubernetes writes them: RFC 3339 in UTC, whole seconds. Anyone in the package may call it."""

import time
from datetime import UTC, datetime


def text(seconds: float) -> str:
    """`seconds` since the epoch as `2006-01-02T15:04:05Z`."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def now() -> str:
    return text(time.time())


def parse(value: str) -> float:
    """Seconds since the epoch. Raises ValueError."""
    return datetime.fromisoformat(value).timestamp()
