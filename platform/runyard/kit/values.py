"""Amounts, moments and lengths of time as people write them in an address; BadQuery says what is wrong.

Pure; for the columns of this room.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_YEARS = range(1970, 2200)


class BadQuery(ValueError):
    """The URL asks for what this table does not have; the message says what, in words."""


def number(text: str, what: str) -> Decimal:
    """A plain decimal number of at most 15 digits, not negative."""
    if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,3})?", text):
        raise BadQuery(f"{what} “{text[:40]}” is no number; write one such as 8 or 0.5.")
    return Decimal(text)


def duration(text: str, what: str) -> timedelta:
    """A whole number and one of s, m, h, d, w."""
    if not re.fullmatch(r"[0-9]{1,5}[smhdw]", text):
        raise BadQuery(
            f"{what} “{text[:40]}” is no length of time; write one such as 90s, 30m, 12h, 7d or 2w."
        )
    return timedelta(seconds=int(text[:-1]) * _SECONDS[text[-1]])


def moments(text: str, what: str) -> tuple[datetime, datetime]:
    """The moment `text` begins, and the one it has ended by: a day is a day long, in UTC unless it says.

    Takes ISO 8601 dates and times, and "7d" for seven days ago.
    """
    if re.fullmatch(r"[0-9]{1,5}[smhdw]", text):
        then = max(timezone.now() - duration(text, what), datetime(1970, 1, 1, tzinfo=UTC))
        return then, then
    try:
        day, moment = parse_date(text), parse_datetime(text)
    except ValueError:
        day = moment = None
    if day and day.year in _YEARS:
        begins = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return begins, begins + timedelta(days=1)
    if moment and moment.year in _YEARS:
        exact = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return exact, exact + timedelta(microseconds=1)
    raise BadQuery(
        f"{what} “{text[:40]}” is no moment; write 2026-11-22, 2026-11-22T14:00Z, or 7d for seven days ago."
    )
