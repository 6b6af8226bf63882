"""What is drawn across a workload's charts: what its pods asked for, may use at most, and what a GPU has."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from metrics.charts import Mark, Marks
from metrics.reading import Reading
from metrics.series import Series, mean
from workloads.models import Pod

Amount = Callable[[Pod], float]


def marks_of(pods: Sequence[Pod], reading: Reading) -> Marks:
    """By chart. A chart shows the mean of pods: where they differ, so does this."""
    ran = [pod for pod in pods if pod.uid in {one.labels.pod_uid for one in reading.series}] or pods
    return {
        "gpu_compute": _gpu_share(ran, reading),
        "gpu_memory": _gpu_memory(ran, reading),
        "cpu": _pair(ran, lambda pod: pod.cpu_millis / 1000, lambda pod: _limit(pod, "cpu_limit") / 1000),
        "memory": _pair(ran, lambda pod: pod.memory_bytes, lambda pod: _limit(pod, "memory_limit")),
    }


def _pair(pods: Sequence[Pod], request: Amount, limit: Amount) -> list[Mark]:
    """A request and a limit; one level where they are the same."""
    asked, most = _named("request", pods, request), _named("limit", pods, limit, "dot")
    if asked and most and asked[0].value == most[0].value:
        return [Mark(f"{asked[0].name} and limit", asked[0].value)]
    return asked + most


def _named(name: str, pods: Sequence[Pod], of: Amount, dash: str = "dash") -> list[Mark]:
    """Nothing where any of them has none."""
    amounts = [of(pod) for pod in pods]
    if not amounts or not all(amounts):
        return []
    words = name if len(set(amounts)) == 1 else f"{name}, mean"
    return [Mark(words, sum(amounts) / len(amounts), dash)]


def _limit(pod: Pod, of: str) -> float:
    """That of all its containers; 0 where one has none."""
    limits = [one.get(of, 0) for one in pod.containers if not one["init"]]
    return sum(limits) if all(limits) else 0


def _gpu_share(pods: Sequence[Pod], reading: Reading) -> list[Mark]:
    """What was asked for of each GPU: all of it, or a part; the name says of how many."""
    gpus = Counter(one.labels.pod_uid for one in reading.of("gpu_compute"))
    asked = [pod for pod in pods if gpus[pod.uid]]
    held = sum(gpus[pod.uid] for pod in asked)
    total = sum(pod.gpu_millis for pod in asked) / 1000
    if not held or not all(pod.gpu_millis for pod in asked):
        return []
    return [Mark(f"request of {total:g} GPU{'' if total <= 1 else 's'}", min(100.0, 100 * total / held))]


def _gpu_memory(pods: Sequence[Pod], reading: Reading) -> list[Mark]:
    """What was asked for as memory, on each GPU, and all that a GPU has."""
    gpus = Counter(one.labels.pod_uid for one in reading.of("gpu_memory"))
    asked = [pod for pod in pods if gpus[pod.uid]]
    return _named("request", asked, lambda pod: pod.gpu_memory_bytes / gpus[pod.uid]) + _whole_memory(reading)


def _whole_memory(reading: Reading) -> list[Mark]:
    """All of a GPU: what is used, free and kept by its driver."""
    if not reading.of("gpu_memory_free"):
        return []
    parts = [_latest_mean(reading.of(f"gpu_memory{part}")) for part in ("", "_free", "_reserved")]
    return [Mark("of the GPU", sum(parts))]


def _latest_mean(found: list[Series]) -> float:
    values = mean(found)
    if values is None or np.isnan(values).all():
        return 0.0
    return float(values[~np.isnan(values)][-1])
