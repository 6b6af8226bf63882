"""What a reader of pods/log asks for. Made from the query string by the API, read by the node."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class LogOptions:
    """The query of pods/log; None is "not asked". Numbers are not negative; at most one since is given."""

    follow: bool = False
    tail_lines: int | None = None
    since_time: datetime | None = None
    since_seconds: int | None = None
    timestamps: bool = False
    previous: bool = False
    limit_bytes: int | None = None


class FellBehind(Exception):
    """Who follows a log is so slow that what comes next was let go of."""
