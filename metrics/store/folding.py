"""Folds what is staged into the hourly chunks of each series; late and repeated samples find their place.

Called by the beat's tasks. Two at a time do no harm: rows that one folds are locked for the other.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

import numpy as np
import numpy.typing as npt
from django.db import transaction

from metrics.models import Resolution, Scraped
from metrics.series import Metric
from metrics.store import chunks
from metrics.store.catalogue import metrics_of
from metrics.store.packing import Samples, merged
from metrics.store.staging import together

HOUR = chunks.SPANS[Resolution.RAW]
#: Nodes folded at once: what is staged of them is unpacked in memory.
AT_ONCE = 40

Hours = dict[tuple[int, int], Samples]


def fold(cluster: int, before: datetime) -> int:
    """Everything of `cluster` that was staged before `before`; how many samples."""
    staged = Scraped.objects.filter(cluster=cluster, at__lt=before).order_by("node")
    nodes = list(staged.values_list("node", flat=True).distinct())
    firsts = range(0, len(nodes), AT_ONCE)
    return sum(_fold(cluster, before, nodes[first : first + AT_ONCE]) for first in firsts)


@transaction.atomic
def _fold(cluster: int, before: datetime, nodes: list[str]) -> int:
    rows = Scraped.objects.filter(cluster=cluster, at__lt=before, node__in=nodes).order_by("at")
    taken = list(rows.select_for_update(skip_locked=True).values_list("pk", "at", "data"))
    series, samples = together((int(at.timestamp()), bytes(data)) for _, at, data in taken)
    metrics = metrics_of(np.unique(series).tolist())
    hours = {key: found for key, found in _by_hour(series, samples).items() if key[0] in metrics}
    for key, before_it in _there(hours, metrics).items():
        hours[key] = merged([before_it, hours[key]])
    chunks.write(metrics, ((pk, Resolution.RAW, hour, some) for (pk, hour), some in hours.items()))
    Scraped.objects.filter(pk__in=[pk for pk, *_ in taken]).delete()
    return len(samples)


def _by_hour(series: npt.NDArray[np.int32], samples: Samples) -> Hours:
    """Samples by series and the hour they are of, in order of time."""
    hours = samples.times // (HOUR * 10)
    order = np.lexsort((samples.times, hours, series))
    series, hours = series[order], hours[order]
    times, values = samples.times[order], samples.values[order]
    cuts = np.flatnonzero((np.diff(series) != 0) | (np.diff(hours) != 0)) + 1
    firsts = [0, *cuts.tolist()] if len(series) else []
    return {
        (int(series[first]), int(hours[first]) * HOUR): merged([Samples(times[first:end], values[first:end])])
        for first, end in zip(firsts, [*firsts[1:], len(series)], strict=True)
    }


def _there(hours: Hours, metrics: Mapping[int, Metric]) -> Hours:
    """What the chunks of those hours hold already."""
    by_hour: dict[int, list[int]] = defaultdict(list)
    for pk, hour in hours:
        by_hour[hour].append(pk)
    found: Hours = {}
    for hour, those in by_hour.items():
        window = chunks.Window(Resolution.RAW, hour, hour + 1)
        old = chunks.read({pk: metrics[pk] for pk in those}, [window])
        found |= {(pk, hour): samples for (pk, _), samples in old.items()}
    return found
