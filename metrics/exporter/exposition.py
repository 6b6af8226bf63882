"""The page /metrics: DCGM's names, labels and units, so that what was made for DCGM's exporter reads it.

What DCGM has no name for begins with runyard_: what is up, and figures of single processes.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from .device import Identity, ProcessFigures, Reading
from .fleet import Look
from .holders import Holder, Holders
from .owners import Owner
from .pods import Known

Labels = dict[str, str]
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

#: Name, type and help of everything of DCGM's that is told.
DCGM = {
    "DCGM_FI_DEV_SM_CLOCK": ("gauge", "SM clock frequency (in MHz)."),
    "DCGM_FI_DEV_MEM_CLOCK": ("gauge", "Memory clock frequency (in MHz)."),
    "DCGM_FI_DEV_MEMORY_TEMP": ("gauge", "Memory temperature (in C)."),
    "DCGM_FI_DEV_GPU_TEMP": ("gauge", "GPU temperature (in C)."),
    "DCGM_FI_DEV_POWER_USAGE": ("gauge", "Power draw (in W)."),
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": ("counter", "Total energy consumption since boot (in mJ)."),
    "DCGM_FI_DEV_PCIE_REPLAY_COUNTER": ("counter", "Total number of PCIe retries."),
    "DCGM_FI_DEV_GPU_UTIL": ("gauge", "GPU utilization (in %)."),
    "DCGM_FI_DEV_MEM_COPY_UTIL": ("gauge", "Memory utilization (in %)."),
    "DCGM_FI_DEV_ENC_UTIL": ("gauge", "Encoder utilization (in %)."),
    "DCGM_FI_DEV_DEC_UTIL": ("gauge", "Decoder utilization (in %)."),
    "DCGM_FI_DEV_XID_ERRORS": ("gauge", "Value of the last XID error encountered."),
    "DCGM_FI_DEV_FB_FREE": ("gauge", "Framebuffer memory free (in MiB)."),
    "DCGM_FI_DEV_FB_USED": ("gauge", "Framebuffer memory used (in MiB)."),
    "DCGM_FI_DEV_FB_RESERVED": ("gauge", "Framebuffer memory reserved (in MiB)."),
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE": ("gauge", "Ratio of time the graphics engine is active."),
    "DCGM_FI_PROF_SM_ACTIVE": ("gauge", "Ratio of cycles an SM has at least one warp assigned."),
    "DCGM_FI_PROF_SM_OCCUPANCY": ("gauge", "Ratio of warps resident on an SM to its theoretical maximum."),
    "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE": ("gauge", "Ratio of cycles the tensor pipe is active."),
    "DCGM_FI_PROF_PIPE_FP64_ACTIVE": ("gauge", "Ratio of cycles the fp64 pipe is active."),
    "DCGM_FI_PROF_PIPE_FP32_ACTIVE": ("gauge", "Ratio of cycles the fp32 pipe is active."),
    "DCGM_FI_PROF_PIPE_FP16_ACTIVE": ("gauge", "Ratio of cycles the fp16 pipe is active."),
    "DCGM_FI_PROF_DRAM_ACTIVE": ("gauge", "Ratio of cycles the memory interface is active."),
    "DCGM_FI_PROF_PCIE_TX_BYTES": ("gauge", "Bytes a second sent over PCIe."),
    "DCGM_FI_PROF_PCIE_RX_BYTES": ("gauge", "Bytes a second received over PCIe."),
    "DCGM_FI_PROF_NVLINK_TX_BYTES": ("gauge", "Bytes a second sent over NVLink."),
    "DCGM_FI_PROF_NVLINK_RX_BYTES": ("gauge", "Bytes a second received over NVLink."),
}


def text(look: Look, pods: Known, hostname: str, owner_of: Callable[[int], Owner | None]) -> bytes:
    """One scrape's answer. `owner_of` finds whose a process is."""
    readings = [reading for state in look.devices for reading in state.readings]
    lines: list[str] = []
    for name, (type_, help_) in DCGM.items():
        lines += _family(name, type_, help_, _values(name, readings, pods.holders, hostname))
    processes = [
        (_process_labels(reading, one, pods.holders, owner_of(one.pid), hostname), one)
        for reading in readings
        for one in reading.processes
    ]
    lines += _family(
        "runyard_gpu_process_memory_bytes", "gauge", "GPU memory that a process holds.",
        ((labels, one.memory_bytes) for labels, one in processes),
    )  # fmt: skip
    lines += _family(
        "runyard_gpu_process_sm_utilization", "gauge", "Use of the GPU by a process (in %).",
        ((labels, one.sm_percent) for labels, one in processes),
    )  # fmt: skip
    return ("\n".join([*lines, *_ups(look, pods, hostname)]) + "\n").encode()


def _family(name: str, type_: str, help_: str, samples: Iterable[tuple[Labels, float | None]]) -> list[str]:
    lines = [f"{name}{{{_inner(labels)}}} {value!r}" for labels, value in samples if value is not None]
    return [f"# HELP {name} {help_}", f"# TYPE {name} {type_}", *lines] if lines else []


def _inner(labels: Labels) -> str:
    return ",".join(f'{key}="{value.translate(_ESCAPES)}"' for key, value in labels.items())


def _values(
    name: str, readings: list[Reading], holders: Holders, hostname: str
) -> Iterator[tuple[Labels, float]]:
    """One sample for each holder of a shared device, as DCGM has it; one without a pod for a free one."""
    for reading in readings:
        if name in reading.values:
            labels = _device_labels(reading.identity, hostname)
            found: Sequence[Holder | None] = _holders_of(reading.identity, holders) or (None,)
            for holder in found:
                yield labels | _pod_labels(holder), reading.values[name]


def _holders_of(identity: Identity, holders: Holders) -> list[Holder]:
    return next((holders[name] for name in identity.names if name in holders), [])


def _device_labels(identity: Identity, hostname: str) -> Labels:
    labels = {
        "gpu": str(identity.index),
        "UUID": identity.uuid,
        "pci_bus_id": identity.bus_id,
        "device": identity.device,
        "modelName": identity.model,
        "Hostname": hostname,
    }
    if identity.slice_uuid:
        labels |= {"GPU_I_PROFILE": identity.profile, "GPU_I_ID": identity.instance}
    return labels


def _pod_labels(holder: Holder | None) -> Labels:
    if holder is None:
        return {}
    labels = {"container": holder.container, "namespace": holder.namespace, "pod": holder.pod}
    more = {"pod_uid": holder.uid, "vgpu": holder.share}
    return labels | {key: value for key, value in more.items() if value}


def _process_labels(
    reading: Reading, process: ProcessFigures, holders: Holders, owner: Owner | None, hostname: str
) -> Labels:
    """By the uid where the kubelet tells uids; else a device with one holder alone tells whose it is."""
    labels = _device_labels(reading.identity, hostname) | {"pid": str(process.pid)}
    candidates = _holders_of(reading.identity, holders)
    if owner is None:
        return labels
    named = [one for one in candidates if one.uid == owner.uid and owner.container in ("", one.container)]
    if not named and len({one.pod for one in candidates if not one.uid}) == 1:
        named = candidates
    return labels | _pod_labels(named[0] if named else None) | {"pod_uid": owner.uid}


def _ups(look: Look, pods: Known, hostname: str) -> list[str]:
    """What is up, 1 or 0 with the reason, so that a gap says why it is one."""
    driver = [({"Hostname": hostname, "reason": look.reason}, float(not look.reason))]
    gpus = [
        (_device_labels(state.identity, hostname) | {"reason": state.reason}, float(not state.reason))
        for state in look.devices
    ]
    source = {"Hostname": hostname, "source": pods.source, "reason": pods.reason}
    return [
        *_family("runyard_gpu_exporter_up", "gauge", "Whether the NVIDIA driver answers.", driver),
        *_family("runyard_gpu_up", "gauge", "Whether a GPU answers.", gpus),
        *_family(
            "runyard_gpu_pods_up", "gauge", "Whether it is known which pods have GPUs.",
            [(source, float(not pods.reason))],
        ),
    ]  # fmt: skip
