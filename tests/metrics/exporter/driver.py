"""A scripted NVIDIA driver: stands in for libnvidia-ml where pynvml calls it, argument for argument.

pynvml itself is the real one, with its structures, versions and errors. `Driver(gpus).install(monkeypatch)`.
What a `Gpu` says can be changed at any time; `lost`, `hangs` and `broken` make it misbehave.
"""

import ctypes
import itertools
import time
from dataclasses import dataclass, field
from pathlib import Path

import pynvml

HERE = Path(__file__).resolve().parent
#: In the environment of a program: it finds two scripted GPUs, by machine/sitecustomize.py.
MACHINE = {"PYTHONPATH": f"{HERE / 'machine'}:{HERE.parents[2]}"}
GIB = 2**30
GPU_HANDLE, SLICE_HANDLE = 0x10000, 0x20000


@dataclass
class Slice:
    """A MIG device; `gpm` is percent or MiB/s by GPM's metric."""

    uuid: str
    instance: int
    profile: str
    total: int
    used: int = 0
    compute: int = 0
    processes: dict[int, int] = field(default_factory=dict)
    gpm: dict[int, float] = field(default_factory=dict)


@dataclass
class Gpu:
    """A whole one; memory in bytes, power in mW, NVLink in KiB, samples as (pid, microseconds, percent)."""

    uuid: str
    name: str = "NVIDIA H100 80GB HBM3"
    utilisation: int = 0
    total: int = 80 * GIB
    reserved: int = GIB
    used: int = 0
    power_mw: int = 70_000
    energy_mj: int = 1000
    temperature: int = 35
    processes: dict[int, int] = field(default_factory=dict)
    samples: list[tuple[int, int, int]] = field(default_factory=list)
    nvlink_kib: tuple[int, int] | None = None
    gpm: dict[int, float] | None = None
    slices: list[Slice] = field(default_factory=list)
    xids: list[int] = field(default_factory=list)
    lost: bool = False
    broken: int = 0
    hangs: bool = False

    def check(self) -> int:
        """The error that every call meets now; waits while the GPU hangs."""
        while self.hangs:
            time.sleep(0.01)
        return pynvml.NVML_ERROR_GPU_IS_LOST if self.lost else self.broken


class Driver:
    """`fails` is what NVML's start meets; `without` are functions that this driver is too old for."""

    def __init__(self, gpus: list[Gpu], fails: int = 0, without: tuple[str, ...] = ()) -> None:
        self.gpus, self.fails, self.without = gpus, fails, without
        self.starts = 0
        self.running = self.hangs = False
        self.calls: list[str] = []
        self.samples: dict[int, tuple[float, dict[int, float]]] = {}
        self._names = itertools.count(0x30000)

    def install(self, monkeypatch) -> "Driver":
        monkeypatch.setattr(pynvml, "nvmlLib", self)
        monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
        return self

    def __getattr__(self, name: str):
        script = Driver.__dict__.get(f"_{name}")
        if script is None or name in self.without:
            raise AttributeError(name)

        def function(*args):
            self.calls.append(name)
            if not self.running and name not in ("nvmlInitWithFlags", "nvmlErrorString"):
                return pynvml.NVML_ERROR_UNINITIALIZED
            return script(self, *args) or 0

        return function

    # -- the library --------------------------------------------------------------------------------

    def _nvmlInitWithFlags(self, flags):
        while self.hangs:
            time.sleep(0.01)
        self.starts += 1
        self.running = not self.fails
        return self.fails

    def _nvmlShutdown(self):
        self.running = False

    def _nvmlErrorString(self, code):
        return b"an error of the scripted driver"

    def _nvmlDeviceGetCount_v2(self, count):
        count._obj.value = len(self.gpus)

    def _nvmlDeviceGetHandleByIndex_v2(self, index, handle):
        if error := self.gpus[index.value].check():
            return error
        return point(handle, GPU_HANDLE + index.value)

    # -- who it is ----------------------------------------------------------------------------------

    def _nvmlDeviceGetUUID(self, handle, buffer, size):
        return self._answer(handle, lambda one: setattr(buffer, "value", one.uuid.encode()))

    def _nvmlDeviceGetName(self, handle, buffer, size):
        def write(one):
            mig = isinstance(one, Slice)
            name = f"{self._gpu(handle).name} MIG {one.profile}" if mig else one.name
            buffer.value = name.encode()

        return self._answer(handle, write)

    def _nvmlDeviceGetMinorNumber(self, handle, minor):
        return self._answer(handle, lambda one: setattr(minor._obj, "value", self.gpus.index(one)))

    def _nvmlDeviceGetPciInfo_v3(self, handle, info):
        name = f"00000000:{self.gpus.index(self._gpu(handle)) + 1:02X}:00.0"
        return self._answer(handle, lambda one: setattr(info._obj, "busId", name.encode()))

    # -- figures ------------------------------------------------------------------------------------

    def _nvmlDeviceGetMemoryInfo_v2(self, handle, memory):
        def write(one):
            reserved = getattr(one, "reserved", 0)
            memory._obj.total, memory._obj.reserved, memory._obj.used = one.total, reserved, one.used
            memory._obj.free = one.total - reserved - one.used

        return self._answer(handle, write)

    def _nvmlDeviceGetMemoryInfo(self, handle, memory):
        def write(one):
            memory._obj.total, memory._obj.used = one.total, one.used + one.reserved
            memory._obj.free = one.total - one.reserved - one.used

        return self._answer(handle, write)

    def _nvmlDeviceGetUtilizationRates(self, handle, rates):
        if self._gpu(handle).slices:
            return pynvml.NVML_ERROR_NOT_SUPPORTED
        return self._answer(handle, lambda one: setattr(rates._obj, "gpu", one.utilisation))

    def _nvmlDeviceGetPowerUsage(self, handle, power):
        return self._answer(handle, lambda one: setattr(power._obj, "value", one.power_mw))

    def _nvmlDeviceGetTotalEnergyConsumption(self, handle, energy):
        return self._answer(handle, lambda one: setattr(energy._obj, "value", one.energy_mj))

    def _nvmlDeviceGetTemperature(self, handle, sensor, degrees):
        return self._answer(handle, lambda one: setattr(degrees._obj, "value", one.temperature))

    def _nvmlDeviceGetFieldValues(self, handle, count, values):
        def write(one):
            found = dict(zip((138, 139), one.nvlink_kib or (), strict=False))
            for value in values._obj:
                known = value.fieldId in found
                value.nvmlReturn = 0 if known else pynvml.NVML_ERROR_NOT_SUPPORTED
                value.value.ullVal = found.get(value.fieldId, 0)

        return self._answer(handle, write)

    # -- processes ----------------------------------------------------------------------------------

    def _nvmlDeviceGetComputeRunningProcesses_v3(self, handle, count, array):
        one = self._one(handle)
        if error := self._gpu(handle).check():
            return error
        if array is None:
            count._obj.value = len(one.processes)
            return pynvml.NVML_ERROR_INSUFFICIENT_SIZE if one.processes else 0
        for slot, (pid, memory) in zip(array, one.processes.items(), strict=False):
            slot.pid, slot.usedGpuMemory = pid, memory
        count._obj.value = len(one.processes)
        return 0

    def _nvmlDeviceGetProcessUtilization(self, handle, array, count, since):
        gpu = self._gpu(handle)
        if error := gpu.check():
            return error
        found = [one for one in gpu.samples if one[1] > since.value]
        if not found:
            return pynvml.NVML_ERROR_NOT_FOUND
        if array is None:
            count._obj.value = len(found)
            return pynvml.NVML_ERROR_INSUFFICIENT_SIZE
        for slot, (pid, at, percent) in zip(array, found, strict=False):
            slot.pid, slot.timeStamp, slot.smUtil = pid, at, percent
        return 0

    # -- slices -------------------------------------------------------------------------------------

    def _nvmlDeviceGetMigMode(self, handle, current, pending):
        return self._answer(handle, lambda one: setattr(current._obj, "value", int(bool(one.slices))))

    def _nvmlDeviceGetMaxMigDeviceCount(self, handle, count):
        count._obj.value = 7

    def _nvmlDeviceGetMigDeviceHandleByIndex(self, handle, index, slice_):
        if index.value >= len(self._gpu(handle).slices):
            return pynvml.NVML_ERROR_NOT_FOUND
        return point(slice_, SLICE_HANDLE + (number(handle) - GPU_HANDLE) * 16 + index.value)

    def _nvmlDeviceGetGpuInstanceId(self, handle, instance):
        return self._answer(handle, lambda one: setattr(instance._obj, "value", one.instance))

    def _nvmlDeviceGetComputeInstanceId(self, handle, instance):
        return self._answer(handle, lambda one: setattr(instance._obj, "value", one.compute))

    # -- GPM ----------------------------------------------------------------------------------------

    def _nvmlGpmQueryDeviceSupport(self, handle, support):
        return self._answer(
            handle, lambda one: setattr(support._obj, "isSupportedDevice", int(one.gpm is not None))
        )

    def _nvmlGpmSampleAlloc(self, sample):
        name = next(self._names)
        self.samples[name] = (0.0, {})
        return point(sample, name)

    def _nvmlGpmSampleFree(self, sample):
        self.samples.pop(number(sample), None)

    def _nvmlGpmSampleGet(self, handle, sample):
        gpu = self._gpu(handle)
        self.samples[number(sample)] = (time.monotonic(), dict(gpu.gpm or {}))
        return gpu.check()

    def _nvmlGpmMigSampleGet(self, handle, instance, sample):
        found = next(one for one in self._gpu(handle).slices if one.instance == instance)
        self.samples[number(sample)] = (time.monotonic(), dict(found.gpm))
        return self._gpu(handle).check()

    def _nvmlGpmMetricsGet(self, wanted):
        first, second = (self.samples[number(one)] for one in (wanted._obj.sample1, wanted._obj.sample2))
        assert first[0] < second[0], "the samples are the wrong way round"
        for slot in wanted._obj.metrics[: wanted._obj.numMetrics]:
            slot.nvmlReturn = 0 if slot.metricId in second[1] else pynvml.NVML_ERROR_NOT_SUPPORTED
            slot.value = second[1].get(slot.metricId, -1.0)

    # -- events -------------------------------------------------------------------------------------

    def _nvmlEventSetCreate(self, events):
        return point(events, 0x40000)

    def _nvmlDeviceRegisterEvents(self, handle, types, events):
        index = number(handle) - GPU_HANDLE
        return point(ctypes.byref(events), 0x40000 + index)

    def _nvmlEventSetWait_v2(self, events, data, milliseconds):
        gpu = self.gpus[number(events) - 0x40000]
        if not gpu.xids:
            return pynvml.NVML_ERROR_TIMEOUT
        data._obj.eventData = gpu.xids.pop(0)
        return 0

    # -- handles ------------------------------------------------------------------------------------

    def _gpu(self, handle) -> Gpu:
        value = number(handle)
        return self.gpus[value - GPU_HANDLE if value < SLICE_HANDLE else (value - SLICE_HANDLE) // 16]

    def _one(self, handle):
        value = number(handle)
        gpu = self._gpu(handle)
        return gpu if value < SLICE_HANDLE else gpu.slices[(value - SLICE_HANDLE) % 16]

    def _answer(self, handle, write) -> int:
        error = self._gpu(handle).check()
        if not error:
            write(self._one(handle))
        return error


def number(handle) -> int:
    """The opaque pointer's value."""
    return ctypes.cast(handle, ctypes.c_void_p).value or 0


def point(reference, value: int) -> int:
    """Writes a pointer where `byref` said to."""
    ctypes.cast(reference, ctypes.POINTER(ctypes.c_void_p)).contents.value = value
    return 0
