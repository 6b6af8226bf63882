"""The simulated nodes: half of them large with eight GPUs, half of them small with four of another model.

What they have and are called is said here; kwok makes them Ready and keeps them so.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from controlplane.client import Client


@dataclass(frozen=True)
class Model:
    """A kind of machine. `memory` of one GPU in MiB, of the machine in GiB."""

    name: str
    product: str
    gpus: int
    gpu_memory: int
    cpus: int
    memory: int


LARGE = Model("h100", "NVIDIA-H100-80GB-HBM3", gpus=8, gpu_memory=81559, cpus=128, memory=2048)
SMALL = Model("l4", "NVIDIA-L4", gpus=4, gpu_memory=23034, cpus=48, memory=256)


def create(client: Client, count: int) -> None:
    """Have `count` nodes there; those that are stay as they are."""
    for name, model in planned(count):
        node = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": _labels(name, model)},
        }
        client.apply(f"/api/v1/nodes/{name}", json.dumps(node))
        node["status"] = _status(model)
        client.apply(f"/api/v1/nodes/{name}", json.dumps(node), "status")


def planned(count: int) -> Iterator[tuple[str, Model]]:
    """The names, the two models by turns."""
    for number in range(count):
        model = SMALL if number % 2 else LARGE
        yield f"{model.name}-{number // 2:03}", model


def takes_pods(node: dict[str, Any]) -> bool:
    """Whether it is Ready and nothing keeps pods away from it."""
    conditions = node["status"].get("conditions", [])
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return ready and not node["spec"].get("taints")


def _labels(name: str, model: Model) -> dict[str, str]:
    return {
        "kubernetes.io/hostname": name,
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": f"{model.name}-{model.gpus}",
        "nvidia.com/gpu.product": model.product,
        "nvidia.com/gpu.count": str(model.gpus),
        "nvidia.com/gpu.memory": str(model.gpu_memory),
    }


def _status(model: Model) -> dict[str, Any]:
    amounts = {
        "cpu": str(model.cpus),
        "memory": f"{model.memory}Gi",
        "pods": "250",
        "ephemeral-storage": "1Ti",
        "nvidia.com/gpu": str(model.gpus),
    }
    return {"capacity": amounts, "allocatable": amounts}
