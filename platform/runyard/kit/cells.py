"""HTML of what stands in a table's cell: texts, moments, lengths of time. Every text is escaped here.

For columns and what draws them: a page has six hundred cells, and to call a macro from a template costs more
than most cells. Each gives HTML as a plain str: a template that is not told what it is escapes it again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import timezone
from markupsafe import escape

from runyard.kit.pages import age, duration, iso, moment

NONE = '<span class="dim">–</span>'


def words(text: str) -> str:
    """The text, its own tooltip where it is cut off."""
    if not text:
        return NONE
    safe = escape(text)
    return f'<span title="{safe}">{safe}</span>'


def code(text: str) -> str:
    """What is read sign by sign: an image, a node."""
    if not text:
        return NONE
    safe = escape(text)
    return f'<span class="mono" title="{safe}">{safe}</span>'


def listed(texts: Sequence[str]) -> str:
    return code(", ".join(texts))


def several(texts: Sequence[str]) -> str:
    """The first, and how many more."""
    if len(texts) < 2:
        return listed(texts)
    return f'<span class="several mono" title="{escape(", ".join(texts))}">{leading(texts)}</span>'


def leading(texts: Sequence[str]) -> str:
    """Inside of what has class `several`: the first is cut off where room lacks, the count never."""
    return f'<bdi class="cut">{escape(texts[0])}</bdi> +{len(texts) - 1}'


def ago(at: datetime) -> str:
    exact = iso(at)
    return f'<time class="dim" datetime="{exact}" data-time="age" title="{exact}">{age(at)}</time>'


def at(when: datetime | None) -> str:
    if when is None:
        return NONE
    exact = iso(when)
    return f'<time datetime="{exact}" data-time="moment" title="{exact}">{moment(when)}</time>'


def left(until: datetime | None) -> str:
    """How long it is until then, ticking; "0 s" once it has been."""
    if until is None:
        return NONE
    exact = iso(until)
    left = duration(until - timezone.now())
    return f'<time datetime="{exact}" data-time="left" title="until {exact}">{left}</time>'


def lasted(time: timedelta, since: datetime | None) -> str:
    """A length of time; one that goes on ticks from `since`, when it would have begun without a break."""
    if since:
        exact = iso(since)
        ticks = 'data-time="age" data-told title="and counting"'
        return f'<time class="dim" datetime="{exact}" {ticks}>{duration(time)}</time>'
    if not time:
        return NONE
    return f'<span class="dim" title="{int(time.total_seconds()):,} s">{duration(time)}</span>'
