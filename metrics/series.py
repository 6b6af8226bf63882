"""The figures Runyard knows, as declarations, and `Series`: one of them over time.

Who adds a figure declares it here: sources, store, charts, tables and the API read these declarations.
Values are in plain units: percent 0 to 100, bytes, cores, bytes a second, watts, degrees Celsius.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]
MIB = 2**20


class Scope(StrEnum):
    """What a series is about: a GPU (with the pod that holds it, if any), a pod or a node."""

    GPU = "gpu"
    POD = "pod"
    NODE = "node"


class Unit(StrEnum):
    PERCENT = "%"
    BYTES = "bytes"
    CORES = "cores"
    BYTES_A_SECOND = "bytes/s"
    WATTS = "W"
    CELSIUS = "°C"


@dataclass(frozen=True, slots=True)
class Name:
    """A metric of Prometheus' text format, and what its values are multiplied by to be in our unit."""

    text: str
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure. Of its `names` the first that a device or pod has counts: later ones stand in for it.

    The value of a `counter` is its rate a second. `quantum` is the least difference that is kept, in our
    unit (a counter's own, not its rate's). `each_container`: scraped of each container.
    """

    key: str
    label: str
    unit: Unit
    scope: Scope
    names: tuple[Name, ...]
    quantum: float
    counter: bool = False
    each_container: bool = False


def _gpu(key: str, label: str, unit: Unit, quantum: float, *names: Name) -> Metric:
    return Metric(key, label, unit, Scope.GPU, names, quantum)


def _pod(key: str, label: str, unit: Unit, quantum: float, name: str, **more: bool) -> Metric:
    return Metric(key, label, unit, Scope.POD, (Name(name),), quantum, **more)


def _node(key: str, label: str, unit: Unit, quantum: float, name: str, *, counter: bool = False) -> Metric:
    return Metric(key, label, unit, Scope.NODE, (Name(name),), quantum, counter)


_BYTES, _RATE = Unit.BYTES, Unit.BYTES_A_SECOND
_DEV, _PROF, _BOX = "DCGM_FI_DEV_", "DCGM_FI_PROF_", "container_"
#: In the order of the page. A MIG slice has no utilisation of its own, but an active engine.
METRICS: dict[str, Metric] = {
    metric.key: metric
    for metric in (
        _gpu("gpu_compute", "GPU compute", Unit.PERCENT, 0.1,
             Name(f"{_DEV}GPU_UTIL"), Name(f"{_PROF}GR_ENGINE_ACTIVE", 100)),
        _gpu("gpu_memory", "GPU memory", _BYTES, MIB, Name(f"{_DEV}FB_USED", MIB)),
        _gpu("gpu_memory_free", "GPU memory, free", _BYTES, MIB, Name(f"{_DEV}FB_FREE", MIB)),
        _gpu("gpu_memory_reserved", "GPU memory, reserved", _BYTES, MIB, Name(f"{_DEV}FB_RESERVED", MIB)),
        _pod("cpu", "CPU", Unit.CORES, 0.01,
             f"{_BOX}cpu_usage_seconds_total", counter=True, each_container=True),
        _pod("memory", "CPU memory", _BYTES, 4096, f"{_BOX}memory_working_set_bytes", each_container=True),
        _gpu("gpu_tensor", "Tensor cores", Unit.PERCENT, 0.1, Name(f"{_PROF}PIPE_TENSOR_ACTIVE", 100)),
        _gpu("gpu_power", "GPU power", Unit.WATTS, 0.1, Name(f"{_DEV}POWER_USAGE")),
        _gpu("gpu_temperature", "GPU temperature", Unit.CELSIUS, 1, Name(f"{_DEV}GPU_TEMP")),
        _gpu("nvlink_sent", "NVLink, sent", _RATE, 1024, Name(f"{_PROF}NVLINK_TX_BYTES")),
        _gpu("nvlink_received", "NVLink, received", _RATE, 1024, Name(f"{_PROF}NVLINK_RX_BYTES")),
        _gpu("pcie_sent", "PCIe, sent", _RATE, 1024, Name(f"{_PROF}PCIE_TX_BYTES")),
        _gpu("pcie_received", "PCIe, received", _RATE, 1024, Name(f"{_PROF}PCIE_RX_BYTES")),
        _pod("network_sent", "Network, sent", _RATE, 1, f"{_BOX}network_transmit_bytes_total", counter=True),
        _pod("network_received", "Network, received", _RATE, 1,
             f"{_BOX}network_receive_bytes_total", counter=True),
        _pod("disk_read", "Disk, read", _RATE, 1,
             f"{_BOX}fs_reads_bytes_total", counter=True, each_container=True),
        _pod("disk_written", "Disk, written", _RATE, 1,
             f"{_BOX}fs_writes_bytes_total", counter=True, each_container=True),
        _node("node_cpu", "CPU of the node", Unit.CORES, 0.01, "node_cpu_usage_seconds_total", counter=True),
        _node("node_memory", "Memory of the node", _BYTES, 4096, "node_memory_working_set_bytes"),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Labels:
    """Whose figures they are; empty where it is not known or does not apply.

    `gpu` is the index on its node, `mig` a slice as "1g.10gb/7": profile and instance.
    """

    cluster: str = ""
    namespace: str = ""
    pod: str = ""
    pod_uid: str = ""
    container: str = ""
    node: str = ""
    gpu: str = ""
    gpu_uuid: str = ""
    mig: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Figures of one metric. `times` are seconds since 1970; a value is the mean of the step that ends then.

    A value is NaN where nothing is known: never zero for unknown.
    """

    metric: str
    labels: Labels
    times: Times
    values: Values

    @property
    def last(self) -> float | None:
        """The newest known value."""
        known = self.values[~np.isnan(self.values)]
        return float(known[-1]) if known.size else None


def mean(of: Iterable[Series]) -> Values | None:
    """The mean at each time of series of one reading, over those that are known then; None of none."""
    rows = _rows(of)
    if rows is None:
        return None
    known = np.count_nonzero(~np.isnan(rows), axis=0)
    return np.where(known, np.nansum(rows, axis=0) / np.maximum(known, 1), np.nan)


def total(of: Iterable[Series]) -> Values | None:
    """Their sum at each time, over those that are known then; None of none."""
    rows = _rows(of)
    return None if rows is None else np.where(np.isnan(rows).all(axis=0), np.nan, np.nansum(rows, axis=0))


def _rows(of: Iterable[Series]) -> Values | None:
    values = [one.values for one in of]
    return np.vstack(values) if values else None


def summed(of: Iterable[Series], labels: Labels) -> Series:
    """Those of one metric as one, under `labels`; there must be at least one."""
    rows = list(of)
    values = total(rows)
    assert values is not None, "nothing to sum"
    return replace(rows[0], labels=labels, values=values)
