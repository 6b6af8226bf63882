"""One GPU: opened when first looked at, read on a lane of its own, opened again after it failed."""

import time
from dataclasses import dataclass, field, replace
from typing import Any

import pynvml

from .gpm import Profile
from .nvml import ask, give_back

MIB = 2**20
_ALL_LINKS = 0xFFFFFFFF
_NVLINK = {
    "DCGM_FI_PROF_NVLINK_TX_BYTES": pynvml.NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX,
    "DCGM_FI_PROF_NVLINK_RX_BYTES": pynvml.NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX,
}
_EVENTS_PER_LOOK = 16


@dataclass(frozen=True)
class Identity:
    """What names a GPU for good, and a slice of it; `slice_uuid` is what a pod is given."""

    index: int
    uuid: str
    model: str
    bus_id: str
    device: str  # nvidia0
    profile: str = ""  # 1g.10gb
    instance: str = ""
    slice_uuid: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """What device plugins call it when they give it to a pod: NVIDIA's, NVIDIA's of old, GKE's; a whole
        GPU also as NVIDIA's driver of claims does.
        """
        if not self.slice_uuid:
            return self.uuid, self.device, self.device.replace("nvidia", "gpu-")
        instance, _, compute = self.instance.partition("/")
        of_old = f"MIG-{self.uuid}/{instance}/{compute or 0}"
        return self.slice_uuid, of_old, f"{self.device}/gi{instance}"


@dataclass(frozen=True)
class ProcessFigures:
    """`memory_bytes` and `sm_percent` are None where NVML does not tell."""

    pid: int
    memory_bytes: int | None = None
    sm_percent: float | None = None


@dataclass(frozen=True)
class Reading:
    """A GPU or a slice at one moment, values by DCGM's names in DCGM's units."""

    identity: Identity
    values: dict[str, float]
    processes: list[ProcessFigures] = field(default_factory=list)


class Device:
    """The GPU of one index. `identity`, or who it last was, stays known after the GPU is lost."""

    def __init__(self, index: int, identity: Identity | None = None) -> None:
        self.index, self.identity = index, identity
        self._handle: Any = None

    @property
    def identity_or_unknown(self) -> Identity:
        """As far as it is known: a GPU that never answered has an index only."""
        return self.identity or Identity(self.index, "", "", "", f"nvidia{self.index}")

    def read(self) -> list[Reading]:
        """The GPU, then its MIG slices. Raises NVMLError, after which the next call begins anew."""
        try:
            if self._handle is None:
                self._open()
            return self._read()
        except Exception:
            self._close()
            raise

    def _open(self) -> None:
        handle = pynvml.nvmlDeviceGetHandleByIndex(self.index)
        self.identity = _identify(self.index, handle)
        self._profile = Profile(handle)
        self._slices: dict[str, Profile] = {}
        self._links: dict[str, tuple[float, float]] = {}
        self._seen_us = time.time_ns() // 1000 - 1_000_000
        self._events, self._xid = _xid_events(handle), 0
        self._handle = handle

    def _close(self) -> None:
        """Gives back what was opened, as far as there is still somebody to give it to."""
        if self._handle is not None:
            for profile in (self._profile, *self._slices.values()):
                profile.close()
            give_back("nvmlEventSetFree", self._events)
        self._handle = None

    def _read(self) -> list[Reading]:
        assert self.identity is not None
        values = _whole(self._handle) | self._throughput() | self._profile.read()
        if self._events is not None:
            values["DCGM_FI_DEV_XID_ERRORS"] = self._last_xid()
        mode = ask("nvmlDeviceGetMigMode", self._handle)
        if mode and mode[0]:
            return [Reading(self.identity, values), *self._read_slices()]
        return [Reading(self.identity, values, self._processes(self._handle))]

    # -- slices -------------------------------------------------------------------------------------

    def _read_slices(self) -> list[Reading]:
        readings = []
        for number in range(ask("nvmlDeviceGetMaxMigDeviceCount", self._handle) or 0):
            handle = ask("nvmlDeviceGetMigDeviceHandleByIndex", self._handle, number)
            if handle is not None:
                readings.append(self._read_slice(handle))
        for uuid in self._slices.keys() - {one.identity.slice_uuid for one in readings}:
            self._slices.pop(uuid).close()
        return readings

    def _read_slice(self, handle: Any) -> Reading:
        assert self.identity is not None
        identity, instance = _identify_slice(self.identity, handle)
        if identity.slice_uuid not in self._slices:
            self._slices[identity.slice_uuid] = Profile(self._handle, instance)
        values = _memory(handle) | self._slices[identity.slice_uuid].read()
        return Reading(identity, values, self._processes(handle))

    # -- what needs two looks -----------------------------------------------------------------------

    def _throughput(self) -> dict[str, float]:
        """Bytes a second over all NVLinks since the last look, for GPUs that count them."""
        asked = [(field_id, _ALL_LINKS) for field_id in _NVLINK.values()]
        found = ask("nvmlDeviceGetFieldValues", self._handle, asked)
        rates, now = {}, time.monotonic()
        for name, one in zip(_NVLINK, found or [], strict=False):
            if one.nvmlReturn != pynvml.NVML_SUCCESS:
                continue
            total = one.value.ullVal * 1024.0
            before, at = self._links.get(name, (total, now))
            self._links[name] = (total, now)
            if now > at and total >= before:
                rates[name] = (total - before) / (now - at)
        return rates

    def _last_xid(self) -> float:
        for _ in range(_EVENTS_PER_LOOK):
            event = ask("nvmlEventSetWait_v2", self._events, 0)  # None once there are no more
            if event is None:
                break
            self._xid = int(event.eventData)
        return float(self._xid)

    def _processes(self, handle: Any) -> list[ProcessFigures]:
        """Those that hold memory now, and what they used since the last look; some may have died by then."""
        kinds = ("nvmlDeviceGetComputeRunningProcesses", "nvmlDeviceGetGraphicsRunningProcesses")
        memory = {one.pid: one.usedGpuMemory for kind in kinds for one in ask(kind, handle) or []}
        samples = ask("nvmlDeviceGetProcessUtilization", handle, self._seen_us) or []
        busy: dict[int, list[int]] = {}
        for one in samples:
            if one.timeStamp > self._seen_us and one.pid in memory:
                busy.setdefault(one.pid, []).append(one.smUtil)
        self._seen_us = max([self._seen_us, *(one.timeStamp for one in samples)])
        mean = {pid: sum(values) / len(values) for pid, values in busy.items()}
        return [ProcessFigures(pid, memory[pid], mean.get(pid, 0.0 if samples else None)) for pid in memory]


def _identify(index: int, handle: Any) -> Identity:
    minor, bus = ask("nvmlDeviceGetMinorNumber", handle), ask("nvmlDeviceGetPciInfo", handle)
    return Identity(
        index=index,
        uuid=str(pynvml.nvmlDeviceGetUUID(handle)),
        model=str(ask("nvmlDeviceGetName", handle) or ""),
        bus_id=_text(bus.busId) if bus else "",
        device=f"nvidia{index if minor is None else minor}",
    )


def _identify_slice(whole: Identity, handle: Any) -> tuple[Identity, int]:
    """A slice goes by its GPU's labels and by its GPU instance; several of one instance by both their ids."""
    instance = ask("nvmlDeviceGetGpuInstanceId", handle) or 0
    compute = ask("nvmlDeviceGetComputeInstanceId", handle) or 0
    identity = replace(
        whole,
        profile=str(ask("nvmlDeviceGetName", handle) or "").rpartition("MIG ")[2],
        instance=f"{instance}/{compute}" if compute else str(instance),
        slice_uuid=str(pynvml.nvmlDeviceGetUUID(handle)),
    )
    return identity, instance


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _memory(handle: Any) -> dict[str, float]:
    """MiB, reserved by the driver told apart where the driver does so."""
    memory = ask("nvmlDeviceGetMemoryInfo", handle, pynvml.nvmlMemory_v2)
    memory = memory or ask("nvmlDeviceGetMemoryInfo", handle)
    if memory is None:
        return {}
    values = {"DCGM_FI_DEV_FB_USED": memory.used / MIB, "DCGM_FI_DEV_FB_FREE": memory.free / MIB}
    if hasattr(memory, "reserved"):
        values["DCGM_FI_DEV_FB_RESERVED"] = memory.reserved / MIB
    return values


def _whole(handle: Any) -> dict[str, float]:
    """What a whole GPU has, without what it does not tell."""
    used = ask("nvmlDeviceGetUtilizationRates", handle)
    encoder, decoder = (ask(f"nvmlDeviceGet{kind}coderUtilization", handle) for kind in ("En", "De"))
    power, energy = ask("nvmlDeviceGetPowerUsage", handle), ask("nvmlDeviceGetTotalEnergyConsumption", handle)
    values = {
        "DCGM_FI_DEV_GPU_UTIL": used and used.gpu,
        "DCGM_FI_DEV_MEM_COPY_UTIL": used and used.memory,
        "DCGM_FI_DEV_ENC_UTIL": encoder and encoder[0],
        "DCGM_FI_DEV_DEC_UTIL": decoder and decoder[0],
        "DCGM_FI_DEV_POWER_USAGE": None if power is None else power / 1000,
        "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": energy,
        "DCGM_FI_DEV_GPU_TEMP": ask("nvmlDeviceGetTemperature", handle, pynvml.NVML_TEMPERATURE_GPU),
        "DCGM_FI_DEV_MEMORY_TEMP": _field(handle, pynvml.NVML_FI_DEV_MEMORY_TEMP),
        "DCGM_FI_DEV_SM_CLOCK": ask("nvmlDeviceGetClockInfo", handle, pynvml.NVML_CLOCK_SM),
        "DCGM_FI_DEV_MEM_CLOCK": ask("nvmlDeviceGetClockInfo", handle, pynvml.NVML_CLOCK_MEM),
        "DCGM_FI_DEV_PCIE_REPLAY_COUNTER": ask("nvmlDeviceGetPcieReplayCounter", handle),
    }
    return _memory(handle) | {name: float(value) for name, value in values.items() if value is not None}


def _field(handle: Any, field_id: int) -> int | None:
    found = ask("nvmlDeviceGetFieldValues", handle, [field_id])
    return found[0].value.uiVal if found and found[0].nvmlReturn == pynvml.NVML_SUCCESS else None


def _xid_events(handle: Any) -> Any:
    """A set of events that hears of the GPU's XID errors; None where there are no such events."""
    events = ask("nvmlEventSetCreate")
    if events is None:
        return None
    try:
        pynvml.nvmlDeviceRegisterEvents(handle, pynvml.nvmlEventTypeXidCriticalError, events)
    except pynvml.NVMLError:
        give_back("nvmlEventSetFree", events)
        return None
    return events
