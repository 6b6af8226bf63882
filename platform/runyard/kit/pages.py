"""The Jinja2 environment of all pages: autoescape, strict names, and the few filters a page needs.

A template never formats a number: it calls these.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from django.http import QueryDict
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from jinja2 import Environment, StrictUndefined

PLACES = ("after", "before", "count")  # in an address: a page of one result is no page of another


def environment(**options: Any) -> Environment:
    """Called by Django's Jinja2 backend (settings.TEMPLATES)."""
    options["undefined"] = StrictUndefined
    options.setdefault("trim_blocks", True)
    options.setdefault("lstrip_blocks", True)
    env = Environment(**options)  # noqa: S701 - Django's backend sets autoescape=True in options
    once = lru_cache(1000)  # addresses of a process never change
    env.globals.update(url=once(url), static=once(static), now=timezone.now, query=query, once=once)
    env.policies["json.dumps_function"] = to_json
    env.filters.update(
        duration=duration,
        age=age,
        iso=iso,
        clock=clock,
        moment=moment,
        gib=gib,
        cores=cores,
        gpus=gpus,
        counted=counted,
    )
    return env


def url(name: str, *args: Any, **kwargs: Any) -> str:
    """`{{ url("workload", row.pk) }}`."""
    return reverse(name, args=args or None, kwargs=kwargs or None)


def to_json(value: Any, **_: Any) -> str:
    """For `tojson`, which escapes what HTML would take for its own: ten times as quick as `json.dumps`."""
    return msgspec.json.encode(value).decode()


def query(params: QueryDict, **changes: Any) -> str:
    """The query string of `params` with `changes`: None takes a name away, a list gives it many values.

    Always begins with "?", so that a link without any parameter leaves the others behind.
    """
    kept = [(name, values) for name, values in params.lists() if name not in PLACES and name not in changes]
    added = [(n, v if isinstance(v, list) else [v]) for n, v in changes.items() if v is not None]
    return f"?{urlencode(kept + added, doseq=True, safe=',:', quote_via=quote)}"


def counted(number: int, one: str, many: str = "") -> str:
    """ "1 workload", "1,284 workloads"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def duration(value: timedelta | float) -> str:
    """The two largest units: "3 h 12 m", "41 s"; "0 s" for nothing and for what clocks made negative."""
    seconds = max(0, int(value.total_seconds() if isinstance(value, timedelta) else value))
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days > 0:
        return f"{days} d {hours} h" if hours and days < 10 else f"{days} d"
    if hours > 0:
        return f"{hours} h {minutes} m" if minutes else f"{hours} h"
    if minutes > 0:
        return f"{minutes} m {seconds % 60:02} s" if minutes < 10 else f"{minutes} m"
    return f"{seconds} s"


def age(moment: datetime) -> str:
    """How long ago."""
    return duration(timezone.now() - moment)


def iso(moment: datetime | None) -> str:
    """ISO 8601 in UTC to the second; empty for none."""
    return f"{moment.astimezone(UTC).isoformat()[:19]}Z" if moment else ""  # `strftime` takes thrice as long


def clock(moment: datetime) -> str:
    """The time of day in UTC; scripts turn it into the viewer's own."""
    return moment.strftime("%H:%M:%S")


def moment(at: datetime) -> str:
    """Day and time in UTC, to the minute; scripts turn it into the viewer's own."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def gib(value: int) -> str:
    """Bytes as "1.5 GiB", "512 MiB", "2 TiB"; an en dash for none."""
    if not value:
        return "–"
    if value >= 2**40:
        return f"{_short(value / 2**40)} TiB"
    return f"{_short(value / 2**30)} GiB" if value >= 2**30 else f"{_short(value / 2**20)} MiB"


def cores(millis: int) -> str:
    """Millicores as cores: "0.5", "12"; an en dash for none."""
    return _short(millis / 1000) if millis else "–"


def gpus(millis: int) -> str:
    """Thousandths of a GPU as "2", "0.25"; an en dash for none."""
    return _short(millis / 1000) if millis else "–"


@lru_cache(1000)  # a table holds the same few amounts again and again
def _short(number: float) -> str:
    return f"{number:,.2f}".rstrip("0").rstrip(".")
