"""What pods ask for: GPUs whole or shared, GPU memory, CPU and memory. Pure.

GPU sharing is asked for as KAI (annotations `gpu-fraction`, `gpu-memory`, `gpu-fraction-num-devices`) and
HAMi (`nvidia.com/gpumem`) document it.
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache

import msgspec

from runyard.clusters import objects, quantities

GPU, GPU_MEMORY, MIB = "nvidia.com/gpu", "nvidia.com/gpumem", 2**20
MOST = 2**63 - 1  # what PostgreSQL holds of each
FIELDS = ("gpu_millis", "gpu_memory_bytes", "cpu_millis", "memory_bytes")
SHARES = ("gpu-fraction", "gpu-fraction-num-devices", "gpu-memory")
_Resources = list[objects.Resources | None]
_USUAL_BYTES = 4096  # what is longer is nobody's usual, and not kept


def asked(spec: objects.PodSpec, annotations: Mapping[str, str] | None) -> Mapping[str, int]:
    """One pod's FIELDS: thousandths of a GPU, bytes, millicores, bytes."""
    shares = [annotations.get(name) for name in SHARES] if annotations else []
    together = [container.resources for container in spec.containers]
    first = [container.resources for container in spec.init_containers or ()]
    told = msgspec.json.encode((together, first, shares))
    return _sums(told) if len(told) <= _USUAL_BYTES else _sums.__wrapped__(told)


@lru_cache(maxsize=1024)  # a cluster's pods ask for the same few amounts
def _sums(told: bytes) -> Mapping[str, int]:
    """Of what stands in a pod, as JSON: its containers' resources, its init containers', its shares."""
    together, first, shares = _told.decode(told)
    found = {name: _amount(together, first, name) for name in (GPU, GPU_MEMORY, "cpu", "memory")}
    gpus, each = found[GPU], found[GPU_MEMORY] * MIB
    if not gpus and any(shares):
        part, devices, memory = map(_number, shares)
        devices = max(Decimal(1), devices)
        gpus, each = min(Decimal(1), part) * devices, memory * MIB * devices
    elif gpus:
        each *= gpus
    return {
        "gpu_millis": int(gpus * 1000),
        "gpu_memory_bytes": int(each),
        "cpu_millis": int(found["cpu"] * 1000),
        "memory_bytes": int(found["memory"]),
    }


_told = msgspec.json.Decoder(tuple[_Resources, _Resources, list[str | None]])


def _amount(together: _Resources, first: _Resources, resource: str) -> Decimal:
    """What one pod asks for: the sum of its containers, or its largest init container."""
    sums = sum((_asked(one, resource) for one in together), Decimal(0))
    return max(sums, max((_asked(one, resource) for one in first), default=Decimal(0)))


def memory_limit(container: objects.Container) -> int:
    """Bytes beyond which the container is killed; 0 for none."""
    return min(int(_limit(container, "memory")), MOST)


def cpu_limit(container: objects.Container) -> int:
    """Millicores beyond which the container is held back; 0 for none."""
    return min(int(_limit(container, "cpu") * 1000), MOST)


def _limit(container: objects.Container, resource: str) -> Decimal:
    limits = (container.resources and container.resources.limits) or {}
    return _number(limits.get(resource))


def _asked(found: objects.Resources | None, resource: str) -> Decimal:
    value = found and ((found.requests or {}).get(resource) or (found.limits or {}).get(resource))
    return _number(value or None)


def _number(value: object) -> Decimal:
    """The quantity, not negative; 0 for none and for what is no quantity."""
    if value is None:
        return Decimal(0)
    try:
        return max(Decimal(0), quantities.parse(str(value)))
    except ValueError:
        return Decimal(0)
