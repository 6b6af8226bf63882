"""Which shared GPUs a pod is on, by the labels of KAI, and which pod holds a GPU for those. Pure."""

from collections.abc import Mapping

from workloads.amounts import SHARES

LABEL, MOST = "runai-gpu-group", 16
_MANY = f"{LABEL}/"


def gpu_groups(labels: Mapping[str, str] | None) -> list[str]:
    """One for each shared GPU: users and reservation of a GPU name the same."""
    if not labels:
        return []
    names = [labels.get(LABEL, ""), *(key.removeprefix(_MANY) for key in labels if key.startswith(_MANY))]
    return sorted({name[:63] for name in names if name})[:MOST]


def reserves(groups: list[str], gpu_millis: int, annotations: Mapping[str, str] | None) -> bool:
    """Whether it holds the whole GPU for the others of its group: those ask for a share, it does not."""
    return bool(groups and gpu_millis) and not any(name in (annotations or {}) for name in SHARES)
