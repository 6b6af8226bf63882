"""Profiling figures by NVML's GPM (Hopper and later): means between two looks, of a GPU or a MIG slice."""

from typing import Any

import pynvml

from .nvml import ask, give_back

PERCENT, MIB = 0.01, 2.0**20
#: GPM's metric, DCGM's name, and what makes one the other.
METRICS = (
    (pynvml.NVML_GPM_METRIC_GRAPHICS_UTIL, "DCGM_FI_PROF_GR_ENGINE_ACTIVE", PERCENT),
    (pynvml.NVML_GPM_METRIC_SM_UTIL, "DCGM_FI_PROF_SM_ACTIVE", PERCENT),
    (pynvml.NVML_GPM_METRIC_SM_OCCUPANCY, "DCGM_FI_PROF_SM_OCCUPANCY", PERCENT),
    (pynvml.NVML_GPM_METRIC_ANY_TENSOR_UTIL, "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", PERCENT),
    (pynvml.NVML_GPM_METRIC_DRAM_BW_UTIL, "DCGM_FI_PROF_DRAM_ACTIVE", PERCENT),
    (pynvml.NVML_GPM_METRIC_FP64_UTIL, "DCGM_FI_PROF_PIPE_FP64_ACTIVE", PERCENT),
    (pynvml.NVML_GPM_METRIC_FP32_UTIL, "DCGM_FI_PROF_PIPE_FP32_ACTIVE", PERCENT),
    (pynvml.NVML_GPM_METRIC_FP16_UTIL, "DCGM_FI_PROF_PIPE_FP16_ACTIVE", PERCENT),
    (pynvml.NVML_GPM_METRIC_PCIE_TX_PER_SEC, "DCGM_FI_PROF_PCIE_TX_BYTES", MIB),
    (pynvml.NVML_GPM_METRIC_PCIE_RX_PER_SEC, "DCGM_FI_PROF_PCIE_RX_BYTES", MIB),
    (pynvml.NVML_GPM_METRIC_NVLINK_TOTAL_TX_PER_SEC, "DCGM_FI_PROF_NVLINK_TX_BYTES", MIB),
    (pynvml.NVML_GPM_METRIC_NVLINK_TOTAL_RX_PER_SEC, "DCGM_FI_PROF_NVLINK_RX_BYTES", MIB),
)


class Profile:
    """Keeps the last sample of one GPU, or of one of its MIG slices by the id of its GPU instance."""

    def __init__(self, handle: Any, instance: int | None = None) -> None:
        self.handle, self.instance = handle, instance
        support = ask("nvmlGpmQueryDeviceSupport", handle)
        self.supported = bool(support and support.isSupportedDevice)
        self._last: Any = None
        self._spare: Any = None

    def read(self) -> dict[str, float]:
        """Figures by DCGM's name since the last call; none at the first, or where there is no GPM."""
        if not self.supported:
            return {}
        sample = self._spare or ask("nvmlGpmSampleAlloc")
        if sample is None or self._take(sample) is None:
            self._spare = sample
            return {}
        before, self._last = self._last, sample
        self._spare = before
        return self._between(before, sample) if before is not None else {}

    def _take(self, sample: Any) -> Any:
        if self.instance is None:
            return ask("nvmlGpmSampleGet", self.handle, sample)
        return ask("nvmlGpmMigSampleGet", self.handle, self.instance, sample)

    def _between(self, first: Any, second: Any) -> dict[str, float]:
        wanted = pynvml.c_nvmlGpmMetricsGet_t()
        wanted.version, wanted.numMetrics = pynvml.NVML_GPM_METRICS_GET_VERSION, len(METRICS)
        wanted.sample1, wanted.sample2 = first, second
        for slot, (metric, _, _) in zip(wanted.metrics, METRICS, strict=False):
            slot.metricId = metric
        if ask("nvmlGpmMetricsGet", wanted) is None:
            return {}
        slots = zip(wanted.metrics, METRICS, strict=False)
        return {
            name: slot.value * scale
            for slot, (_, name, scale) in slots
            if slot.nvmlReturn == pynvml.NVML_SUCCESS and slot.value >= 0
        }

    def close(self) -> None:
        """Gives the samples back."""
        for sample in (self._last, self._spare):
            give_back("nvmlGpmSampleFree", sample)
        self._last = self._spare = None
