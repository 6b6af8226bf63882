"""Folds what is staged into the chunks of each series; late and repeated samples find their place.

Called by the beat's tasks. Of two at a time the second folds nothing: the next turn does.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

import numpy as np
import numpy.typing as npt

from metrics.models import Resolution, Scraped
from metrics.series import Metric
from metrics.store import chunks
from metrics.store.alone import alone
from metrics.store.catalogue import metrics_of
from metrics.store.packing import Samples, in_order, merged
from metrics.store.staging import together

SPAN = chunks.SPANS[Resolution.RAW]
#: Nodes folded at once: what is staged of them is unpacked in memory.
AT_ONCE = 40

#: By series, and when its chunk begins.
Parts = dict[tuple[int, int], Samples]


def fold(cluster: int, before: datetime) -> int:
    """Everything of `cluster` that was staged before `before`; how many samples."""
    staged = Scraped.objects.filter(cluster=cluster, at__lt=before).order_by("node")
    nodes = list(staged.values_list("node", flat=True).distinct())
    firsts = range(0, len(nodes), AT_ONCE)
    return sum(_fold(cluster, before, nodes[first : first + AT_ONCE]) for first in firsts)


def _fold(cluster: int, before: datetime, nodes: list[str]) -> int:
    with alone(cluster) as ours:
        return _fold_in(cluster, before, nodes) if ours else 0


def _fold_in(cluster: int, before: datetime, nodes: list[str]) -> int:
    rows = Scraped.objects.filter(cluster=cluster, at__lt=before, node__in=nodes).order_by("at")
    taken = list(rows.values_list("pk", "at", "data"))
    series, samples = together((int(at.timestamp()), bytes(data)) for _, at, data in taken)
    metrics = metrics_of(np.unique(series).tolist())
    parts = {key: found for key, found in _by_start(series, samples).items() if key[0] in metrics}
    for key, there in _there(parts, metrics).items():
        parts[key] = merged([there, parts[key]])
    chunks.write(metrics, ((pk, Resolution.RAW, start, some) for (pk, start), some in parts.items()))
    Scraped.objects.filter(pk__in=[pk for pk, *_ in taken]).delete()
    return len(samples)


def _by_start(series: npt.NDArray[np.int32], samples: Samples) -> Parts:
    """Samples by series and the start of the chunk they belong to, in order of time."""
    starts = samples.times // (SPAN * 10) * SPAN
    order = np.lexsort((samples.times, series))  # the chunks of a series are in order then
    series, starts = series[order], starts[order]
    times, values = samples.times[order], samples.values[order]
    cuts = np.flatnonzero((np.diff(series) != 0) | (np.diff(starts) != 0)) + 1
    firsts = [0, *cuts.tolist()] if len(series) else []
    return {
        (int(series[first]), int(starts[first])): in_order(Samples(times[first:end], values[first:end]))
        for first, end in zip(firsts, [*firsts[1:], len(series)], strict=True)
    }


def _there(parts: Parts, metrics: Mapping[int, Metric]) -> Parts:
    """What these chunks hold already."""
    by_start: dict[int, list[int]] = defaultdict(list)
    for pk, start in parts:
        by_start[start].append(pk)
    found: Parts = {}
    for start, those in by_start.items():
        window = chunks.Window(Resolution.RAW, start, start + 1)
        old = chunks.read({pk: metrics[pk] for pk in those}, [window])
        found |= {(pk, start): samples for (pk, _), samples in old.items()}
    return found
