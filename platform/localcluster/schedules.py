"""When a CronJob is due: five fields as cron has them, or @hourly and its like, or @every with a duration.

Times are seconds since the epoch. Its rules and its controller read a schedule here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELD = re.compile(r"[0-9A-Za-z*/,-]+")  # cron's own: neither the last day of a month nor the second Friday
_LAST = re.compile(r"(?i)(^|,)lw?(?=,|/|$)")
_DURATION = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,9})?(?:ms|h|m|s))+")
_PART = re.compile(r"([0-9.]+)(ms|h|m|s)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Schedule:
    """Cron's `fields` in a time zone; or `every` so many seconds, where there are no fields."""

    fields: str
    zone: tzinfo
    every: float = 0.0

    @classmethod
    def parse(cls, text: str, zone_name: str = "") -> Schedule:
        """Raises ValueError with words for what cannot be read."""
        if "TZ" in text:
            raise ValueError("cannot use TZ or CRON_TZ in schedule, use timeZone field instead")
        where = zone(zone_name) if zone_name else UTC
        if text.startswith("@every "):
            return cls("", where, _duration(text.removeprefix("@every ").strip()))
        fields = _NAMED.get(text, text).replace("?", "*")
        parts = fields.split()
        if len(parts) != 5:
            raise ValueError(f"expected exactly 5 fields, found {len(parts)}: [{text[:80]}]")
        if wrong := [one for one in parts if not _FIELD.fullmatch(one) or _LAST.search(one)]:
            raise ValueError(f"failed to parse {wrong[0][:80]}")
        try:
            CronSim(fields, datetime.now(UTC))
        except (CronSimError, ValueError) as error:
            raise ValueError(f"failed to parse {text[:80]}: {error}") from None
        return cls(fields, where)

    def next(self, since: float, now: float) -> float | None:
        """The first time past `now`, intervals being counted from `since`; None when there is none."""
        if self.every:
            return since + ((now - since) // self.every + 1) * self.every
        return next(self._times(now, reverse=False), None)

    def latest(self, after: float, until: float) -> float | None:
        """The last time past `after`, where intervals begin, no later than `until`; None without one."""
        if self.every:
            count = int((until - after) // self.every)
            return after + count * self.every if count > 0 else None
        found = next(self._times(until + 1, reverse=True), None)
        return found if found is not None and found > after else None

    def _times(self, start: float, *, reverse: bool) -> Iterator[float]:
        for moment in CronSim(self.fields, datetime.fromtimestamp(int(start), self.zone), reverse=reverse):
            yield moment.timestamp()


def zone(name: str) -> ZoneInfo:
    """The time zone of that name. Raises ValueError."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(f"unknown time zone {name}") from error


def _duration(text: str) -> float:
    """Seconds of a duration such as 1h30m, at least one."""
    if not _DURATION.fullmatch(text):
        raise ValueError(f"failed to parse duration @every {text[:80]}")
    return max(1.0, float(int(sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text)))))
