"""The machine's GPUs, found through NVML, and which container has which: each belongs to one at a time."""

import logging
import threading
from dataclasses import dataclass
from typing import Any

log = logging.getLogger(__name__)
PATIENCE_SECONDS = 20.0  # waking eight GPUs takes several
Holder = tuple[str, str]  # pod uid, container name


@dataclass(frozen=True)
class Gpu:
    """One device; `product` as GPU feature discovery spells it."""

    uuid: str
    product: str
    memory_mib: int


def discover() -> list[Gpu]:
    """Every GPU that NVML shows; none where there is no NVIDIA driver, or one that does not answer."""
    found: list[list[Gpu]] = []
    asking = threading.Thread(target=lambda: found.append(_ask()), daemon=True)
    asking.start()
    asking.join(PATIENCE_SECONDS)
    if not found:
        log.warning("the NVIDIA driver does not answer: going on without GPUs")
    return found[0] if found else []


def _ask() -> list[Gpu]:
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception as error:  # no library, no driver, a driver of another version: all mean no GPUs here
        log.info("no GPUs: %s", error)
        return []
    try:
        every = [_describe(pynvml, index) for index in range(pynvml.nvmlDeviceGetCount())]
        return [gpu for gpu in every if gpu]
    finally:
        pynvml.nvmlShutdown()


def _describe(nvml: Any, index: int) -> Gpu | None:
    """None, and a line in the log, for one that has failed: the others are as good as ever."""
    try:
        return _described(nvml, nvml.nvmlDeviceGetHandleByIndex(index))
    except nvml.NVMLError as error:
        log.warning("GPU %d is left out: %s", index, error)
        return None


def _described(nvml: Any, handle: Any) -> Gpu:
    uuid, name = nvml.nvmlDeviceGetUUID(handle), nvml.nvmlDeviceGetName(handle)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle).total
    return Gpu(_text(uuid), _text(name).replace(" ", "-"), memory // 2**20)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def labels(gpus: list[Gpu]) -> dict[str, str]:
    """The node labels by which GPU workloads choose a node; those of the first device, for all are alike."""
    if not gpus:
        return {}
    return {
        "nvidia.com/gpu.present": "true",
        "nvidia.com/gpu.count": str(len(gpus)),
        "nvidia.com/gpu.product": gpus[0].product,
        "nvidia.com/gpu.memory": str(gpus[0].memory_mib),
    }


class Ledger:
    """Who holds which device; each pod keeps its own in its folder, for the next server."""

    def __init__(self, gpus: list[Gpu]) -> None:
        self.gpus = gpus
        self._holders: dict[str, Holder] = {}

    def take(self, holder: Holder, count: int) -> list[str] | None:
        """`count` UUIDs for `holder`, the ones it has already first; None while too few are free."""
        mine = [uuid for uuid, other in self._holders.items() if other == holder]
        free = [gpu.uuid for gpu in self.gpus if gpu.uuid not in self._holders]
        if len(mine) + len(free) < count:
            return None
        chosen = [*mine, *free][:count]
        self.restore(holder, chosen)
        return chosen

    def held(self, holder: Holder) -> list[str]:
        return [uuid for uuid, other in self._holders.items() if other == holder]

    def restore(self, holder: Holder, uuids: list[str]) -> None:
        self._holders |= dict.fromkeys(uuids, holder)

    def free(self, pod_uid: str) -> bool:
        """Takes back what a pod held; False when that was nothing."""
        before = len(self._holders)
        self._holders = {uuid: holder for uuid, holder in self._holders.items() if holder[0] != pod_uid}
        return len(self._holders) < before
