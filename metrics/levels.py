"""What is drawn across a workload's charts: what its pods asked for, may use at most, and what a GPU has."""

from collections.abc import Callable, Sequence

import numpy as np

from metrics.charts import Mark, Marks
from metrics.reading import Reading
from metrics.series import Series, mean
from workloads.models import Pod


def marks_of(pods: Sequence[Pod], reading: Reading) -> Marks:
    """By metric. A chart shows the mean of pods: where they differ, so does this."""
    ran = [pod for pod in pods if pod.uid in {one.labels.pod_uid for one in reading.series}] or pods
    return {
        "cpu": _named("request", ran, lambda pod: pod.cpu_millis / 1000),
        "memory": _memory(ran),
        "gpu_memory": _whole_memory(reading),
    }


def _memory(pods: Sequence[Pod]) -> list[Mark]:
    asked, most = (
        _named("request", pods, lambda pod: pod.memory_bytes),
        _named("limit", pods, _memory_limit, "dot"),
    )
    if asked and most and asked[0].value == most[0].value:
        return [Mark(f"{asked[0].name} and limit", asked[0].value)]
    return asked + most


def _named(name: str, pods: Sequence[Pod], of: Callable[[Pod], float], dash: str = "dash") -> list[Mark]:
    """Nothing where any of them has none."""
    amounts = [of(pod) for pod in pods]
    if not amounts or not all(amounts):
        return []
    words = name if len(set(amounts)) == 1 else f"{name}, mean"
    return [Mark(words, sum(amounts) / len(amounts), dash)]


def _memory_limit(pod: Pod) -> float:
    limits = [one.get("memory_limit", 0) for one in pod.containers if not one["init"]]
    return sum(limits) if all(limits) else 0


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
