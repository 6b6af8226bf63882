"""What pods ask for: GPUs whole or shared, GPU memory, CPU and memory. Pure.

GPU sharing is asked for as KAI (annotations `gpu-fraction`, `gpu-memory`, `gpu-fraction-num-devices`) and
HAMi (`nvidia.com/gpumem`) document it.
"""

from collections.abc import Mapping
from decimal import Decimal

from runyard.clusters import objects, quantities

GPU, GPU_MEMORY, MIB = "nvidia.com/gpu", "nvidia.com/gpumem", 2**20
MOST = 2**63 - 1  # what PostgreSQL holds of each
FIELDS = ("gpu_millis", "gpu_memory_bytes", "cpu_millis", "memory_bytes")


def asked(spec: objects.PodSpec, annotations: Mapping[str, str] | None) -> dict[str, int]:
    """One pod's FIELDS: thousandths of a GPU, bytes, millicores, bytes."""
    gpus = amount(spec, GPU)
    each = amount(spec, GPU_MEMORY) * MIB
    if not gpus and annotations:
        devices = max(Decimal(1), _number(annotations.get("gpu-fraction-num-devices")))
        gpus = min(Decimal(1), _number(annotations.get("gpu-fraction"))) * devices
        each = _number(annotations.get("gpu-memory")) * MIB * devices
    elif gpus:
        each *= gpus
    return {
        "gpu_millis": int(gpus * 1000),
        "gpu_memory_bytes": int(each),
        "cpu_millis": int(amount(spec, "cpu") * 1000),
        "memory_bytes": int(amount(spec, "memory")),
    }


def amount(spec: objects.PodSpec, resource: str) -> Decimal:
    """What one pod asks for: the sum of its containers, or its largest init container."""
    together = sum((_asked(c, resource) for c in spec.containers), Decimal(0))
    first = max((_asked(c, resource) for c in spec.init_containers or ()), default=Decimal(0))
    return max(together, first)


def memory_limit(container: objects.Container) -> int:
    """Bytes beyond which the container is killed; 0 for none."""
    limits = (container.resources and container.resources.limits) or {}
    return min(int(_number(limits.get("memory"))), MOST)


def _asked(container: objects.Container, resource: str) -> Decimal:
    found = container.resources
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
